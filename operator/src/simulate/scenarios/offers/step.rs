//! One step of a scenario of offers.

use std::time::Duration;

use jiff::SignedDuration;

use super::super::amounts::{Amounts, RESOURCES};
use super::super::fill::weight;
use super::super::read::Field;
use super::Actors;

/// There are no more runs of the allocator in one step.
const MOST_RUNS: u32 = 10_000;

/// No time is longer: about 31 years.
const LONGEST: Duration = Duration::from_secs(1_000_000_000);

/// Something that happens, and the offers that are made because of it.
#[derive(Clone, Debug)]
pub struct Step {
    /// What happens.
    pub change: Change,
    /// The offers.
    pub expected: Expected,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub enum Change {
    /// An agent comes, and the allocator runs for it.
    Agent {
        /// Its name.
        name: String,
        /// What of it is reserved for nobody.
        unreserved: Amounts,
        /// What of it is reserved, by role; this is on top.
        reserved: Vec<(String, Amounts)>,
        /// What already runs on it, by framework.
        used: Vec<(String, Amounts)>,
        /// Its labels.
        labels: Vec<(String, String)>,
    },
    /// A framework comes, and the allocator runs.
    Framework(Framework),
    /// A framework goes.
    Remove(String),
    /// A framework is away, or back; then the allocator runs.
    Connect(String, bool),
    /// A framework wants no offers, in some of its roles or in all.
    Suppress(String, Vec<String>),
    /// A framework wants offers again, and the allocator runs.
    Revive(String, Vec<String>),
    /// A framework takes parts of an offer for tasks.
    Accept {
        /// The framework.
        framework: String,
        /// The agent whose offer it is.
        agent: String,
        /// What the tasks take, by name.
        tasks: Vec<(String, Amounts)>,
        /// How long it does not want to see the rest.
        refuse: Duration,
    },
    /// A task of a framework ends.
    Finish(String, String),
    /// Roles get new weights, in thousandths.
    Weight(Vec<(String, u32)>),
    /// Roles get new quotas.
    Quota(Vec<(String, Quota)>),
    /// An agent has something else than before, in total and unreserved.
    Total(String, Amounts),
    /// A framework gives an offer back.
    Decline {
        /// The framework.
        framework: String,
        /// The agent whose offer it is.
        agent: String,
        /// How long it does not want to see the like.
        refuse: Duration,
    },
    /// All offers are given back, without filters.
    ReturnAll,
    /// The allocator runs so many times over all agents.
    Batch(u32),
    /// Time passes.
    Advance(Duration),
}

/// A framework.
#[derive(Clone, Debug)]
pub struct Framework {
    /// Its name.
    pub name: String,
    /// Its roles, such as `a/b`.
    pub roles: Vec<String>,
    /// One of these is in every offer; `None` for what Mesos has by default.
    pub minimum: Option<Vec<Amounts>>,
    /// The labels that agents must have.
    pub labels: Vec<(String, String)>,
}

/// What a role gets first, and at most.
#[derive(Clone, Debug)]
pub struct Quota {
    /// What it gets first.
    pub guarantee: Amounts,
    /// What it gets at most; what is not named is unlimited.
    pub limit: Amounts,
}

/// What an offer is of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Share {
    /// All that was left on it.
    All,
    /// This.
    Exactly(Amounts),
}

/// What one framework is offered in a step.
#[derive(Clone, Debug)]
pub struct FrameworkOffers {
    /// The framework.
    pub framework: String,
    /// Its role, if that matters.
    pub role: Option<String>,
    /// What of which agents.
    pub agents: Vec<(String, Share)>,
}

/// The offers of a step.
#[derive(Clone, Debug)]
pub enum Expected {
    /// These and no others.
    Offers(Vec<FrameworkOffers>),
    /// So many agents for each framework, whichever they are.
    Counts(Vec<(String, u32)>),
}

impl Step {
    const CHANGES: [&str; 16] = [
        "agent",
        "framework",
        "remove",
        "suppress",
        "revive",
        "disconnect",
        "connect",
        "accept",
        "finish",
        "weight",
        "quota",
        "total",
        "decline",
        "return",
        "batch",
        "advance",
    ];

    /// Reads a step of a scenario in which the allocator runs once an interval, if there is one.
    pub(super) fn read(
        item: &Field<'_>,
        interval: Option<Duration>,
        actors: &mut Actors,
    ) -> Option<Self> {
        let record = item.record(Self::CHANGES.into_iter().chain(["offers", "counts"]))?;
        let given: Vec<_> =
            Self::CHANGES.iter().filter_map(|&name| Some((name, record.get(name)?))).collect();
        let change = match given.as_slice() {
            [(name, field)] => change(name, field, actors),
            [] => item.wrong(format!("a step has one of {}", Self::CHANGES.join(", "))),
            [(first, _), (_, second), ..] => {
                second.wrong(format!("a step does one thing, and this one has {first}"))
            }
        };
        let expected = match (record.get("offers"), record.get("counts")) {
            (Some(_), Some(counts)) => counts.wrong("a step has offers or counts, not both"),
            (None, Some(counts)) => {
                let counts = counts.map(|name, value| {
                    let framework = actors.framework_named(name, value);
                    let count = value.whole(actors.agent_count());
                    Some((framework?, count?))
                });
                counts.map(Expected::Counts)
            }
            (None, None) => Some(Expected::Offers(Vec::new())),
            (Some(offers), None) => offers_of(&offers, actors).map(Expected::Offers),
        };
        let change = change?;
        if let (Change::Advance(time), Some(interval)) = (&change, interval)
            && *time > interval.saturating_mul(MOST_RUNS)
        {
            return item.wrong(format!(
                "{time:?} at an interval of {interval:?} are too many runs of the allocator; the most \
                 in one step is {MOST_RUNS}"
            ));
        }
        Some(Self { change, expected: expected? })
    }
}

fn change(name: &str, field: &Field<'_>, actors: &mut Actors) -> Option<Change> {
    match name {
        "agent" => agent(field, actors),
        "framework" => framework(field, actors).map(Change::Framework),
        "remove" => actors.remove_framework(field).map(Change::Remove),
        "disconnect" => actors.framework(field).map(|name| Change::Connect(name, false)),
        "connect" => actors.framework(field).map(|name| Change::Connect(name, true)),
        "suppress" => some_roles(field, actors).map(|(name, roles)| Change::Suppress(name, roles)),
        "revive" => some_roles(field, actors).map(|(name, roles)| Change::Revive(name, roles)),
        "accept" => accept(field, actors),
        "finish" => {
            let record = field.record(["framework", "task"])?;
            let framework = record.required("framework").and_then(|f| actors.framework(&f))?;
            let task = record.required("task").and_then(|f| actors.end_task(&framework, &f))?;
            Some(Change::Finish(framework, task))
        }
        "weight" => {
            field.map(|name, value| Some((role(name, value)?, weight(value)?))).map(Change::Weight)
        }
        "quota" => {
            field.map(|name, value| Some((role(name, value)?, quota(value)?))).map(Change::Quota)
        }
        "total" => {
            let record = field.record(["agent"].into_iter().chain(RESOURCES))?;
            let agent = record.required("agent").and_then(|field| actors.agent(&field));
            let total = Amounts::read(&record);
            Some(Change::Total(agent?, total?))
        }
        "decline" => {
            let record = field.record(["framework", "agent", "refuse"])?;
            let framework = record.required("framework").and_then(|f| actors.framework(&f));
            let agent = record.required("agent").and_then(|field| actors.agent(&field));
            let refuse = record.required("refuse").and_then(|field| duration(&field));
            Some(Change::Decline { framework: framework?, agent: agent?, refuse: refuse? })
        }
        "return" => field.choice(&[("all", ())]).map(|()| Change::ReturnAll),
        "batch" => match field.whole(MOST_RUNS)? {
            0 => field.wrong("0 is too small; the least is 1"),
            runs => Some(Change::Batch(runs)),
        },
        _ => duration(field).map(Change::Advance),
    }
}

fn framework(field: &Field<'_>, actors: &mut Actors) -> Option<Framework> {
    let record = field.record(["name", "role", "roles", "minimum", "labels"])?;
    let name = record.required("name").and_then(|field| actors.add_framework(&field));
    let one_role = |field: &Field<'_>| role(field.text()?, field);
    let roles = match (record.get("role"), record.get("roles")) {
        (Some(_), Some(roles)) => roles.wrong("a framework has a role or roles, not both"),
        (None, Some(roles)) => roles.list(one_role),
        _ => record.required("role").and_then(|field| Some(vec![one_role(&field)?])),
    };
    let minimum = record.or("minimum", None, |field| field.list(Amounts::read_alone).map(Some));
    let labels = record.or("labels", Vec::new(), labels);
    Some(Framework { name: name?, roles: roles?, minimum: minimum?, labels: labels? })
}

/// A framework, alone or with some of its roles.
fn some_roles(field: &Field<'_>, actors: &Actors) -> Option<(String, Vec<String>)> {
    if field.as_text().is_some() {
        return Some((actors.framework(field)?, Vec::new()));
    }
    let record = field.record(["framework", "roles"])?;
    let framework = record.required("framework").and_then(|field| actors.framework(&field));
    let roles =
        record.required("roles").and_then(|field| field.list(|item| role(item.text()?, item)));
    Some((framework?, roles?))
}

fn accept(field: &Field<'_>, actors: &mut Actors) -> Option<Change> {
    let record = field.record(["framework", "agent", "tasks", "refuse"])?;
    let framework = record.required("framework").and_then(|field| actors.framework(&field))?;
    let agent = record.required("agent").and_then(|field| actors.agent(&field));
    let tasks = record.required("tasks").and_then(|field| {
        field.map(|name, value| {
            let task = actors.add_task(&framework, name, value);
            let amounts = Amounts::read_alone(value);
            Some((task?, amounts?))
        })
    });
    let refuse = record.required("refuse").and_then(|field| duration(&field));
    Some(Change::Accept { framework, agent: agent?, tasks: tasks?, refuse: refuse? })
}

fn labels(field: &Field<'_>) -> Option<Vec<(String, String)>> {
    field.map(|name, value| Some((name.to_owned(), value.text()?.to_owned())))
}

fn agent(field: &Field<'_>, actors: &mut Actors) -> Option<Change> {
    let record =
        field.record(["name", "reserved", "used", "labels"].into_iter().chain(RESOURCES))?;
    let name = record.required("name").and_then(|field| actors.add_agent(&field));
    let unreserved = Amounts::read(&record);
    let reserved = record.or("reserved", Vec::new(), |field| {
        field.map(|name, value| Some((role(name, value)?, Amounts::read_alone(value)?)))
    });
    let used = record.or("used", Vec::new(), |field| {
        field.map(|name, value| {
            let framework = actors.framework_named(name, value);
            let amounts = Amounts::read_alone(value);
            Some((framework?, amounts?))
        })
    });
    let labels = record.or("labels", Vec::new(), labels);
    let (name, unreserved, reserved, used) = (name?, unreserved?, reserved?, used?);
    let labels = labels?;
    let mut total = unreserved.clone();
    reserved.iter().for_each(|(_, amounts)| total.add(amounts));
    let mut taken = Amounts::default();
    used.iter().for_each(|(_, amounts)| taken.add(amounts));
    if let Some(resource) = taken.exceeding(&total) {
        return field.wrong(format!("more {resource} is used than there is"));
    }
    Some(Change::Agent { name, unreserved, reserved, used, labels })
}

fn quota(field: &Field<'_>) -> Option<Quota> {
    let record = field.record(["guarantee", "limit"])?;
    let amounts = |name| record.or(name, Amounts::default(), Amounts::read_alone);
    let (guarantee, limit) = (amounts("guarantee"), amounts("limit"));
    Some(Quota { guarantee: guarantee?, limit: limit? })
}

fn offers_of(field: &Field<'_>, actors: &Actors) -> Option<Vec<FrameworkOffers>> {
    field.map(|name, agents| {
        let client = actors.client_named(name, agents);
        let agents = agents.map(|name, value| {
            let agent = actors.agent_named(name, value);
            let share = share(value);
            Some((agent?, share?))
        });
        let (framework, role) = client?;
        Some(FrameworkOffers { framework, role, agents: agents? })
    })
}

fn share(field: &Field<'_>) -> Option<Share> {
    match field.as_text() {
        Some("all") => Some(Share::All),
        Some(_) => field.wrong("expected amounts, or all for everything left on the agent"),
        None => Amounts::read_alone(field).map(Share::Exactly),
    }
}

/// A role such as `a/b`, or `*`.
fn role(role: &str, field: &Field<'_>) -> Option<String> {
    if role.split('/').any(|part| part.trim().is_empty()) {
        return field.wrong("a role is made of names with / between them, such as a/b");
    }
    field.levelled("a role has", role.to_owned())
}

/// A time such as `5s`, in whole milliseconds.
pub(super) fn duration(field: &Field<'_>) -> Option<Duration> {
    let expected = "expected a time with its unit, such as 5s or 500ms";
    let Some(text) = field.as_text() else { return field.wrong(expected) };
    let Ok(signed) = text.parse::<SignedDuration>() else { return field.wrong(expected) };
    let Ok(duration) = Duration::try_from(signed) else {
        return field.wrong(format!("{text} is below 0s"));
    };
    if duration > LONGEST {
        return field.wrong(format!("{text} is too long; the most is {}s", LONGEST.as_secs()));
    }
    if !duration.as_nanos().is_multiple_of(1_000_000) {
        return field
            .wrong(format!("{text} is no whole number of milliseconds, as times are here"));
    }
    Some(duration)
}
