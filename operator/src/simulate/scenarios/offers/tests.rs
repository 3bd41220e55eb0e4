use super::super::tests::{outcome, problems};
use super::super::{Kind, Scenario};
use super::*;

fn scenario(steps: &str) -> String {
    format!("kind: offers\nname: x\nsteps:\n{steps}")
}

fn read(text: &str) -> Offers {
    match Scenario::parse("x.yaml", text).unwrap().kind {
        Kind::Offers(offers) => offers,
        other => panic!("{other:?}"),
    }
}

/// Every kind of step.
const STEPS: &str = "\
- framework: {name: F, role: a/b}
- agent: {name: A, cpus: 2, mem: 64, ports: 31000-32000, reserved: {r: {cpus: 1}},
          used: {F: {cpus: 3}}}
  offers: {F: {A: {cpus: 2, ports: 31000-31001}}}
- weight: {a: 0.5}
- quota: {'*': {guarantee: {cpus: 1}, limit: {cpus: 2}}}
- total: {agent: A, cpus: 3}
- decline: {framework: F, agent: A, refuse: 1500ms}
- suppress: F
- revive: F
  counts: {F: 1}
- return: all
- batch: 2
  offers: {F: {A: all}}
- advance: 1m
- remove: F
";

#[test]
fn every_kind_of_step_is_read() {
    let offers = read(&scenario(STEPS));
    assert_eq!((offers.fairness, offers.interval), (Fairness::Drf, None));
    let changes: Vec<&Change> = offers.steps.iter().map(|step| &step.change).collect();
    let [framework, agent, weight, quota, total, decline, suppress, revive, rest @ ..] =
        &changes[..]
    else {
        panic!("{changes:?}")
    };
    assert!(matches!(framework, Change::Framework(framework) if framework.roles == ["a/b"]));
    let Change::Agent { unreserved, reserved, used, .. } = agent else { panic!("{agent:?}") };
    assert_eq!(unreserved.quantities[&Resource::Memory], 64 << 20);
    assert_eq!(unreserved.ports, Some(31000..=32000));
    assert_eq!(reserved[0].1.quantities[&Resource::Cpus], 1000);
    assert_eq!(used[0].0, "F");
    assert!(matches!(weight, Change::Weight(weights) if weights[0] == ("a".to_owned(), 500)));
    assert!(matches!(quota, Change::Quota(quotas) if quotas[0].0 == "*"));
    assert!(matches!(total, Change::Total(agent, _) if agent == "A"));
    let Change::Decline { refuse, .. } = decline else { panic!("{decline:?}") };
    assert_eq!(*refuse, Duration::from_millis(1500));
    assert!(matches!(suppress, Change::Suppress(..)));
    assert!(matches!(revive, Change::Revive(..)));
    assert!(matches!(rest[0], Change::ReturnAll));
    assert!(matches!(rest[1], Change::Batch(2)));
    assert!(matches!(rest[2], Change::Advance(time) if *time == Duration::from_secs(60)));
    assert!(matches!(rest[3], Change::Remove(_)));
    let Expected::Offers(all) = &offers.steps[9].expected else { panic!() };
    assert_eq!(all[0].agents, [("A".to_owned(), Share::All)]);
    assert!(matches!(&offers.steps[7].expected, Expected::Counts(counts) if counts[0].1 == 1));
    assert!(matches!(&offers.steps[0].expected, Expected::Offers(none) if none.is_empty()));
}

#[test]
fn options_are_read() {
    let options = "options: {fairness: hdrf, exclude: [gpus], batch: 2s}\n";
    let offers = read(&scenario(&format!("- batch: 1\n{options}")));
    assert_eq!(offers.fairness, Fairness::Hdrf);
    assert_eq!(offers.excluded, [Resource::Gpus]);
    assert_eq!(offers.interval, Some(Duration::from_secs(2)));
    for (options, expected) in [
        (
            "{exclude: [gpu]}",
            "options.exclude[0]: \"gpu\" is not one of cpus, mem, disk, gpus; did you mean gpus?",
        ),
        ("{batch: 0s}", "options.batch: the interval has to be longer than nothing"),
        (
            "{batch: 0.0000001s}",
            "options.batch: 0.0000001s is no whole number of milliseconds, as times are here",
        ),
        ("{batch: -1s}", "options.batch: -1s is below 0s"),
        ("{batch: NaNs}", "options.batch: expected a time with its unit, such as 5s or 500ms"),
        ("{batch: 1e400s}", "options.batch: expected a time with its unit, such as 5s or 500ms"),
        ("{batch: 9999999999s}", "options.batch: 9999999999s is too long; the most is 1000000000s"),
        ("{batch: 1}", "options.batch: expected a time with its unit, such as 5s or 500ms"),
        ("{interval: 1s}", "options.interval: there is no such field"),
    ] {
        let found = problems(&scenario(&format!("- batch: 1\noptions: {options}\n")));
        assert!(found.contains(expected), "{options}:\n{found}");
    }
}

#[test]
fn no_step_runs_the_allocator_without_a_bound() {
    let steps = "- {agent: {name: A, cpus: 1}}\n- {advance: 10s}\n- {advance: 11s}\n";
    let found = problems(&format!("{}options: {{batch: 1ms}}\n", scenario(steps)));
    let expected = "x.yaml:6: steps[2]: 11s at an interval of 1ms are too many runs of the allocator; \
                    the most in one step is 10000";
    assert_eq!(found, expected);
}

#[test]
fn steps_do_one_thing_to_what_is_there() {
    for (step, expected) in [
        ("- {}", ":20: steps[12]: a step has one of agent, framework"),
        (
            "- {batch: 1, advance: 1s}",
            ":20: steps[12].advance: a step does one thing, and this one has batch",
        ),
        (
            "- {batch: 1, offers: {}, counts: {}}",
            "steps[12].counts: a step has offers or counts, not both",
        ),
        ("- {batch: 0}", "steps[12].batch: 0 is too small; the least is 1"),
        ("- {advance: 1.0001ms}", "steps[12].advance: 1.0001ms is no whole number of milliseconds"),
        ("- {advance: -1ms}", "steps[12].advance: -1ms is below 0s"),
        ("- {advance: 999999999999s}", "steps[12].advance: 999999999999s is too long"),
        ("- {revive: F}", "steps[12].revive: there is no framework \"F\"; there are none"),
        ("- {batch: 1, offers: {F: {A: all}}}", "steps[12].offers.F: there is no framework \"F\""),
        ("- {agent: {name: A}}", "steps[12].agent.name: there is an agent \"A\" already"),
        (
            "- {agent: {name: B, cpus: 1, used: {G: {cpus: 1}}}}",
            "agent.used.G: there is no framework \"G\"",
        ),
        (
            "- {agent: {name: B, cpu: 1}}",
            "steps[12].agent.cpu: there is no such field; did you mean cpus?",
        ),
        (
            "- {agent: {name: B, ports: 80}}",
            "steps[12].agent.ports: expected text, found the number 80",
        ),
        ("- {agent: {name: B, ports: 9-8}}", "expected ports as FIRST-LAST, such as 31000-32000"),
        ("- {framework: {name: G}}", "steps[12].framework.role: this field is required"),
        ("- {framework: {name: G, role: a/}}", "a role is made of names with / between them"),
        (
            "- {framework: {name: G, role: a}, offers: {G: {B: all}}}",
            "steps[12].offers.G.B: there is no agent \"B\" at this point, only A",
        ),
        (
            "- {framework: {name: G, role: a}, offers: {G: {A: al}}}",
            "offers.G.A: expected amounts, or all",
        ),
        (
            "- {framework: {name: G, role: a}, counts: {G: 2}}",
            "counts.G: 2 is too large; the most is 1",
        ),
        ("- {return: some}", "steps[12].return: \"some\" is not one of all"),
        ("- {advance: soon}", "steps[12].advance: expected a time with its unit"),
        (
            "- {quota: {a: {limits: {}}}}",
            "quota.a.limits: there is no such field; did you mean limit?",
        ),
        ("- {framework: {name: G, role: a, roles: [b]}}", "roles: a framework has a role or roles"),
        (
            "- {finish: {framework: G, task: T}}",
            "steps[12].finish.framework: there is no framework \"G\"",
        ),
        ("- {connect: G}", "steps[12].connect: there is no framework \"G\""),
        ("- {total: {cpus: 1}}", "steps[12].total.agent: this field is required"),
    ] {
        let found = problems(&scenario(&format!("{STEPS}{step}\n")));
        assert!(found.contains(expected), "{step}:\n{found}");
    }
    let used = "- framework: {name: F, role: a}\n- agent: {name: A, cpus: 1, used: {F: {cpus: 2}}}";
    assert!(problems(&scenario(used)).contains("steps[1].agent: more cpus is used than there is"));
}

#[test]
fn tasks_and_roles_are_read() {
    let steps = "\
- framework: {name: F, roles: [a, b], minimum: [{cpus: 1}, {mem: 64}], labels: {disk: ssd}}
- agent: {name: A, cpus: 2, labels: {disk: ssd}}
  offers: {F@a: {A: all}}
- accept: {framework: F, agent: A, tasks: {T: {cpus: 1}}, refuse: 0s}
- suppress: {framework: F, roles: [a]}
- finish: {framework: F, task: T}
- disconnect: F
- connect: F
  offers: {F@b: {A: all}}
";
    assert_eq!(outcome(&scenario(steps)), "ok");
    let again = format!("{steps}- finish: {{framework: F, task: T}}\n");
    assert!(problems(&scenario(&again)).contains("there is no task \"T\"; there are none"));
}

#[test]
fn a_task_that_is_refused_is_told() {
    let steps = "\
- framework: {name: F, role: a}
- agent: {name: A, cpus: 2}
  offers: {F: {A: all}}
- accept: {framework: F, agent: A, tasks: {T: {cpus: 3}}, refuse: 0s}
- batch: 1
";
    let outcome = outcome(&scenario(steps));
    assert!(outcome.contains("task T is refused: the task asks for 3000 cpu"), "{outcome}");
}

#[test]
fn what_differs_is_said() {
    let steps = "\
- framework: {name: F, role: a}
- agent: {name: A, cpus: 2, mem: 64.5, ports: 31000-31001}
  offers: {F: {A: {cpus: 2, mem: 64.5, ports: 31000-31001}}}
- decline: {framework: F, agent: A, refuse: 5s}
- batch: 1
  offers: {F: {A: all}}
";
    let outcome = outcome(&scenario(steps));
    let expected = "  steps[0], line 4: as expected
  steps[1], line 5: as expected
  steps[2], line 7: as expected
  steps[3], line 8: offered nothing, expected F: A {cpus: 2, mem: 64.5, ports: 31000-31001}; F: no \
                    node has anything left that it may take and has not refused: of 1 nodes with \
                    something left it refused 1, and its constraints exclude 0";
    assert_eq!(outcome, expected);
}

#[test]
fn what_is_not_expected_differs() {
    let agent = "- framework: {name: F, role: a}\n- agent: {name: A, cpus: 2}\n";
    assert!(outcome(&scenario(agent)).contains("offered F: A {cpus: 2}, expected nothing"));
    let counts = format!("{agent}  counts: {{F: 0}}\n");
    assert!(outcome(&scenario(&counts)).contains("agents offered: F 1, expected none"));
    let decline = "- framework: {name: F, role: a}\n- agent: {name: A}\n\
                   - decline: {framework: F, agent: A, refuse: 1s}\n";
    assert!(outcome(&scenario(decline)).contains("framework F has no offer of agent A"));
}

#[test]
fn roles_have_levels_by_slashes_and_dots() {
    for separator in ["/", "."] {
        let role = |levels| vec!["a"; levels].join(separator);
        let steps =
            |levels| scenario(&format!("- framework: {{name: F, role: {}}}\n", role(levels)));
        assert!(Scenario::parse("x.yaml", &steps(16)).is_ok());
        let found = problems(&steps(17));
        assert!(found.contains("a role has 16 levels at most"), "{found}");
    }
}
