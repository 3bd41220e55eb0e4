//! Frameworks: programs that are offered what is free, and take or leave it at any moment or never.
//!
//! What they say is heard at once and what they are told comes with the decision. With the operator's
//! process their offers and their connections end; what runs is told to the next one.

use std::collections::BTreeMap;

use proffer_core::event::Event;
use proffer_core::frameworks::{
    FrameworkAction, FrameworkCall, FrameworkObservation, FrameworkPool, InverseOfferId,
    NamedAmounts, OfferDescription, OfferId, RunningTask, TaskId, TaskRequest,
};
use proffer_core::jobs::JobKey;
use proffer_core::ranges::Ranges;
use proffer_core::time::Span;
use serde::{Deserialize, Serialize};

use super::api::NAMESPACE;
use super::cluster::POOLS;
use super::random::Random;
use super::world::World;

const FRAMEWORKS: u32 = 3;

/// Something that a framework does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum FrameworkStep {
    /// It is there and takes offers in these pools, by bits.
    Subscribe {
        framework: u32,
        pools: u32,
    },
    /// It is not heard any more; its tasks go on.
    Disconnect(u32),
    /// It takes so much of an offer, in percent, for a task.
    Accept {
        offer: u32,
        percent: u32,
        refuses: u32,
    },
    /// It takes nothing of an offer, and wants to see the like no more for so many milliseconds.
    Decline {
        offer: u32,
        refuses: u32,
    },
    Suppress(u32),
    Revive(u32),
    /// It will give back what it has on a node, or not, and wants to be asked no more for so many
    /// milliseconds.
    AnswerInverse {
        inverse: u32,
        agrees: bool,
        refuses: u32,
    },
    EndTask(u32),
    /// It goes, and its tasks with it.
    TearDown(u32),
}

/// A task of a framework, or what one is asked for.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) node: Box<str>,
    pub(super) pool: Box<str>,
    pub(super) amounts: NamedAmounts,
}

/// All frameworks.
#[derive(Debug, Default)]
pub(super) struct Frameworks {
    /// Those that are there, with the bits of their pools.
    connected: BTreeMap<JobKey, u32>,
    /// What they think that they may take.
    pub(super) offers: BTreeMap<OfferId, OfferDescription>,
    /// What they are asked to give back: whose it is, and the node.
    inverse: BTreeMap<InverseOfferId, (JobKey, Box<str>)>,
    /// What they asked for and have not been told about.
    asked: BTreeMap<(JobKey, TaskId), Task>,
    pub(super) tasks: BTreeMap<(JobKey, TaskId), Task>,
    /// How many tasks there were, and how many frameworks.
    numbers: u64,
}

impl FrameworkStep {
    pub(super) fn random(random: &mut Random) -> Self {
        let refuses = random.one_of(&[0, 0, 1000, 5000, 60_000]);
        match random.below(100) {
            0..14 => Self::Subscribe {
                framework: random.below(FRAMEWORKS),
                pools: random.between(1, (1 << POOLS.len()) - 1) & random.between(1, 63),
            },
            14..18 => Self::Disconnect(random.pick()),
            18..52 => Self::Accept {
                offer: random.pick(),
                percent: random.one_of(&[10, 25, 50, 100, 100, 130]),
                refuses,
            },
            52..70 => Self::Decline { offer: random.pick(), refuses },
            70..74 => Self::Suppress(random.pick()),
            74..78 => Self::Revive(random.pick()),
            78..82 => Self::AnswerInverse {
                inverse: random.pick(),
                agrees: random.below(2) == 0,
                refuses,
            },
            82..96 => Self::EndTask(random.pick()),
            _ => Self::TearDown(random.pick()),
        }
    }
}

impl Frameworks {
    /// Takes in what one is told; returns what there is to say to that.
    pub(super) fn told(
        &mut self,
        key: &JobKey,
        action: &FrameworkAction,
    ) -> Result<Option<Event>, String> {
        match action {
            FrameworkAction::Offer(offer) => {
                if self.offers.insert(offer.id, (**offer).clone()).is_some() {
                    return Err(format!("offer {} is made twice", offer.id));
                }
                if !self.connected.contains_key(key) {
                    return Err(format!("framework {key} is offered something and is not there"));
                }
            }
            FrameworkAction::Rescind { offer, .. } => {
                self.offers.remove(offer);
            }
            FrameworkAction::TaskAccepted { task, node, pool } => {
                let name = (key.clone(), task.clone());
                let Some(asked) = self.asked.remove(&name) else {
                    return Ok(Some(Event::TaskGone(name.0, name.1)));
                };
                if (&asked.node, &asked.pool) != (node, pool) {
                    return Err(format!("task {task} of {key} comes to {node} and {pool}"));
                }
                self.tasks.insert(name, asked);
            }
            FrameworkAction::TaskRefused { task, .. } => {
                self.asked.remove(&(key.clone(), task.clone()));
            }
            FrameworkAction::TaskLost { task, .. } => {
                self.tasks.remove(&(key.clone(), task.clone()));
            }
            FrameworkAction::InverseOffer { id, node, .. } => {
                if !self.connected.contains_key(key) {
                    return Err(format!("framework {key} is asked for something and is not there"));
                }
                if !self.has_something_on(key, node) {
                    return Err(format!("framework {key} is asked for what it has not: {node}"));
                }
                let asked = self.inverse.values().any(|it| (&it.0, &it.1) == (key, node));
                if asked || self.inverse.insert(*id, (key.clone(), node.clone())).is_some() {
                    return Err(format!("framework {key} is asked twice for what is on {node}"));
                }
            }
            FrameworkAction::RescindInverse(id) => {
                self.inverse.remove(id);
            }
            FrameworkAction::NotInPool { .. } | FrameworkAction::NotSubscribed => {}
        }
        Ok(None)
    }

    fn has_something_on(&self, key: &JobKey, node: &str) -> bool {
        let mut tasks = self.tasks.iter().chain(&self.asked);
        tasks.any(|((framework, _), task)| framework == key && *task.node == *node)
            || self.offers.values().any(|offer| offer.framework == *key && *offer.node == *node)
    }

    /// The operator's process ends: nothing that was not told is true, and nobody is connected.
    /// Returns what runs, for the next one.
    pub(super) fn restart(&mut self) -> Vec<Event> {
        self.connected.clear();
        self.offers.clear();
        self.inverse.clear();
        self.asked.clear();
        let tasks = self.tasks.iter().map(|((framework, name), task)| RunningTask {
            framework: framework.clone(),
            task: name.clone(),
            pool: task.pool.clone(),
            node: task.node.clone(),
            amounts: task.amounts.clone(),
            ports: proffer_core::ranges::Ranges::new(),
        });
        tasks.map(|task| Event::TaskRunning(Box::new(task))).collect()
    }

    /// Ends the tasks for which that holds.
    fn end_tasks(&mut self, ends: impl Fn(&JobKey, &Task) -> bool) -> Vec<Event> {
        let mut gone = Vec::new();
        self.tasks.retain(|(framework, name), task| {
            let stays = !ends(framework, task);
            if !stays {
                gone.push(Event::TaskGone(framework.clone(), name.clone()));
            }
            stays
        });
        gone
    }

    /// Takes a part of an offer for a new task.
    fn accept(&mut self, pick: u32, percent: u32, refuses: u32) -> Option<Event> {
        let offer = self.picked_offer(pick)?;
        self.numbers += 1;
        let task: TaskId = format!("t{}", self.numbers).into();
        let part = |amount: i64| amount / 100 * i64::from(percent);
        let amounts: NamedAmounts =
            offer.amounts.iter().map(|(name, all)| (name.clone(), part(*all))).collect();
        let asked = Task { node: offer.node, pool: offer.pool, amounts: amounts.clone() };
        self.asked.insert((offer.framework.clone(), task.clone()), asked);
        let call = FrameworkCall::Accept {
            offers: vec![offer.id],
            tasks: vec![TaskRequest { task, amounts, ports: Ranges::new() }],
            refuse_milliseconds: Span::from_milliseconds(refuses.into()),
        };
        Some(Event::FrameworkCall(offer.framework, call))
    }

    fn picked(&self, pick: u32) -> Option<JobKey> {
        self.connected.keys().nth(pick as usize % self.connected.len().max(1)).cloned()
    }

    fn picked_offer(&mut self, pick: u32) -> Option<OfferDescription> {
        let id = *self.offers.keys().nth(pick as usize % self.offers.len().max(1))?;
        self.offers.remove(&id)
    }
}

impl World {
    pub(super) fn framework_step(&mut self, step: &FrameworkStep) {
        let frameworks = &mut self.frameworks;
        let events: Vec<Event> = match *step {
            FrameworkStep::Subscribe { framework, pools } => {
                let key = framework_key(framework);
                frameworks.connected.insert(key.clone(), pools);
                vec![observation(key, pools, true)]
            }
            FrameworkStep::Disconnect(pick) => {
                let Some(key) = frameworks.picked(pick) else { return };
                let pools = frameworks.connected.remove(&key).unwrap_or(0);
                frameworks.offers.retain(|_, offer| offer.framework != key);
                frameworks.inverse.retain(|_, (framework, _)| *framework != key);
                vec![observation(key, pools, false)]
            }
            FrameworkStep::Accept { offer, percent, refuses } => {
                let Some(event) = frameworks.accept(offer, percent, refuses) else { return };
                vec![event]
            }
            FrameworkStep::Decline { offer, refuses } => {
                let Some(offer) = frameworks.picked_offer(offer) else { return };
                let refuse_milliseconds = Span::from_milliseconds(refuses.into());
                let call = FrameworkCall::Decline { offers: vec![offer.id], refuse_milliseconds };
                vec![Event::FrameworkCall(offer.framework, call)]
            }
            FrameworkStep::Suppress(pick) => {
                let Some(key) = frameworks.picked(pick) else { return };
                vec![Event::FrameworkCall(key, FrameworkCall::Suppress { pools: Vec::new() })]
            }
            FrameworkStep::Revive(pick) => {
                let Some(key) = frameworks.picked(pick) else { return };
                vec![Event::FrameworkCall(key, FrameworkCall::Revive { pools: Vec::new() })]
            }
            FrameworkStep::AnswerInverse { inverse, agrees, refuses } => {
                let count = frameworks.inverse.len().max(1);
                let picked = frameworks.inverse.iter().nth(inverse as usize % count);
                let Some((&id, (key, _))) = picked else { return };
                let key = key.clone();
                // From now on it may be asked again, sooner or later.
                frameworks.inverse.remove(&id);
                let call = FrameworkCall::AnswerInverse {
                    offers: vec![id],
                    agreed: agrees,
                    refuse_milliseconds: Span::from_milliseconds(refuses.into()),
                };
                vec![Event::FrameworkCall(key, call)]
            }
            FrameworkStep::EndTask(pick) => {
                let names = &frameworks.tasks;
                let name = names.keys().nth(pick as usize % names.len().max(1)).cloned();
                let Some(name) = name else { return };
                frameworks.tasks.remove(&name);
                vec![Event::TaskGone(name.0, name.1)]
            }
            FrameworkStep::TearDown(pick) => {
                let Some(key) = frameworks.picked(pick) else { return };
                frameworks.tear_down(&key)
            }
        };
        self.hear_all(events);
    }

    /// Lets all frameworks go, with all that they run.
    pub(super) fn end_frameworks(&mut self) {
        let keys: Vec<JobKey> = self.frameworks.connected.keys().cloned().collect();
        for key in keys {
            let events = self.frameworks.tear_down(&key);
            self.hear_all(events);
        }
        let rest = self.frameworks.end_tasks(|_, _| true);
        self.hear_all(rest);
    }

    /// A node is gone, and the tasks that were there.
    pub(super) fn lose_tasks(&mut self, node: &str) {
        let lost = self.frameworks.end_tasks(|_, task| *task.node == *node);
        self.hear_all(lost);
    }

    fn hear_all(&mut self, events: Vec<Event>) {
        events.into_iter().for_each(|event| self.operator.engine.handle(self.now, event));
    }
}

impl Frameworks {
    fn tear_down(&mut self, key: &JobKey) -> Vec<Event> {
        self.connected.remove(key);
        self.offers.retain(|_, offer| offer.framework != *key);
        self.inverse.retain(|_, (framework, _)| framework != key);
        self.asked.retain(|(framework, _), _| framework != key);
        let mut events = vec![Event::FrameworkGone(key.clone())];
        events.append(&mut self.end_tasks(|framework, _| framework == key));
        events
    }
}

fn framework_key(number: u32) -> JobKey {
    JobKey { namespace: NAMESPACE.into(), name: format!("f{number}").into() }
}

fn observation(key: JobKey, pools: u32, connected: bool) -> Event {
    let chosen = (0..POOLS.len()).filter(|bit| pools >> bit & 1 == 1);
    let pool = |bit: usize| FrameworkPool { pool: POOLS[bit].into(), ..FrameworkPool::default() };
    Event::Framework(Box::new(FrameworkObservation {
        uid: format!("{key}").into(),
        key,
        connected,
        pools: chosen.map(pool).collect(),
        offer_timeout_milliseconds: None,
        demand: None,
    }))
}
