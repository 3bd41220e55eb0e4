use super::super::tests::{outcome, problems};
use super::super::{Kind, Scenario};
use super::*;
use crate::simulate::scenarios::Resource;

fn scenario(steps: &str) -> String {
    format!("kind: order\nname: x\ntotal: {{cpus: 10, mem: 10}}\nsteps:\n{steps}")
}

fn steps(text: &str) -> Vec<Step> {
    let parsed = Scenario::parse("x.yaml", &scenario(text)).unwrap();
    match parsed.kind {
        Kind::Order(order) => order.steps,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_step_is_read_whole() {
    let text = "\
- {add: [a, b/c], allocate: {a: {cpus: 0.5}}, weight: {b: 2.5}, order: [b/c, a]}
- {deactivate: [a], unallocate: {a: {cpus: 0.5}}, total: {cpus: 5}, order: [b/c]}
- {remove: [b/c], activate: [a], order: [a]}
";
    let steps = steps(text);
    let [first, second, third] = steps.as_slice() else { panic!("{steps:?}") };
    assert_eq!(first.add, ["a", "b/c"]);
    assert_eq!(first.allocate[0].1.quantities[&Resource::Cpus], 500);
    assert_eq!(first.weight, [("b".to_owned(), 2500)]);
    assert_eq!(first.order.as_deref(), Some(["b/c".to_owned(), "a".to_owned()].as_slice()));
    assert_eq!(second.unallocate[0].0, "a");
    assert_eq!(second.deactivate, ["a"]);
    assert_eq!(second.total.as_ref().map(|total| total.quantities[&Resource::Cpus]), Some(5000));
    assert_eq!((third.remove.len(), third.activate.len()), (1, 1));
}

#[test]
fn steps_speak_of_clients_that_are_there() {
    for (steps, expected) in [
        ("- {add: [a]}", ":1: nothing is expected of this scenario; say what under order"),
        ("- {add: [a, a], order: [a]}", ":5: steps[0].add[1]: there is a client \"a\" already"),
        (
            "- {remove: [a], order: []}",
            "steps[0].remove[0]: there is no client \"a\"; there are none",
        ),
        (
            "- {add: [ab], deactivate: [abc], order: [ab]}",
            "there is no client \"abc\" at this point, only ab; did you mean ab?",
        ),
        (
            "- {add: [a]}\n- {allocate: {b: {cpus: 1}}}",
            ":6: steps[1].allocate.b: there is no client \"b\"",
        ),
        (
            "- {add: [a], unallocate: {a: {cpus: 1}}}",
            "steps[0].unallocate.a: \"a\" has less cpus than this",
        ),
        (
            "- {add: [a, b], order: [a]}",
            "steps[0].order: expected each active client once; those are: a, b",
        ),
        ("- {add: [a, b], order: [a, b, a]}", "steps[0].order: expected each active client once"),
        (
            "- {add: [a, b], deactivate: [b], order: [a, b]}",
            "expected each active client once; those are: a",
        ),
        ("- {sort: [a]}", "steps[0].sort: there is no such field"),
    ] {
        let found = problems(&scenario(steps));
        assert!(found.contains(expected), "{steps}:\n{found}");
    }
}

#[test]
fn steps_run_until_one_differs() {
    let holds = "- {add: [a, b], allocate: {a: {cpus: 1}}, order: [b, a]}\n";
    assert_eq!(outcome(&scenario(holds)), "ok");
    let differs = outcome(&scenario(&format!("{holds}- {{weight: {{a: 2}}, order: [a, b]}}\n")));
    assert!(differs.contains("steps[0], line 5: as expected"), "{differs}");
    assert!(differs.contains("steps[1], line 6: the order is b, a, expected a, b"), "{differs}");
}

#[test]
fn everything_that_a_step_can_say_has_its_effect() {
    let text = "\
- {add: [a, b/c, b/d], allocate: {a: {cpus: 3}, b/c: {cpus: 2}}, order: [b/d, b/c, a]}
- {weight: {a: 2}, order: [a, b/d, b/c]}
- {deactivate: [b/d], order: [a, b/c]}
- {activate: [b/d], unallocate: {b/c: {cpus: 2}}, order: [b/d, b/c, a]}
- {remove: [b/d], allocate: {b/c: {mem: 4}}, total: {cpus: 10, mem: 100}, order: [b/c, a]}
";
    assert_eq!(outcome(&scenario(text)), "ok");
}
