use super::*;
use crate::master::tests::World;

fn problem(name: &str, amount: &Value) -> String {
    let limits = Map::from_iter([(name.to_owned(), json!({ "value": amount }))]);
    engine_amounts(&Value::Object(limits)).unwrap_err()
}

#[test]
fn amounts_that_cannot_be_are_refused_with_what_is_wrong() {
    for amount in [json!(-1), json!("1"), json!(null), json!({})] {
        let problem = problem("cpus", &amount);
        assert_eq!(problem, "the amount of cpus is not a number of at least 0", "{amount}");
    }
    for amount in [json!(1e308), json!(9_223_372_036_854_775_808_u64)] {
        let problem = problem("mem", &amount);
        assert!(problem.contains("is more than can be counted"), "{amount}: {problem}");
    }
}

#[test]
fn there_are_quotas_for_amounts_of_what_has_a_name() {
    for (name, part) in [
        ("", "has no name"),
        ("ports", "ranges"),
        ("a/b/c", "'a/b/c' is not the name"),
        ("/a", "is not the name"),
        ("a b", "is not the name"),
        ("-a", "is not the name"),
        ("cpu", "Mesos calls it cpus"),
        ("memory", "Mesos calls it mem"),
    ] {
        let problem = problem(name, &json!(1));
        assert!(problem.contains(part), "{name}: {problem}");
    }
    let fine = json!({
        "cpus": { "value": 0.5 }, "nvidia.com/gpu": { "value": 1 }, "tokens": { "value": 0 },
    });
    let amounts = engine_amounts(&fine).unwrap();
    let amount = |name: &str| amounts.iter().find(|(other, _)| **other == *name).unwrap().1;
    assert_eq!((amount("cpu"), amount("nvidia.com/gpu"), amount("tokens")), (500, 1, 0));
}

#[test]
fn weights_are_within_what_pools_can_have() {
    let mut world = World::new(1);
    let mut set = |weight: f64| {
        let infos = json!({ "weight_infos": [{ "role": "*", "weight": weight }] });
        world.operate("UPDATE_WEIGHTS", &infos)
    };
    for weight in [4_294_967_296.0, 9_223_372_036_854_775_808.0, 1e300, 1_000_000.001, 0.0001] {
        let (status, answer) = set(weight);
        assert_eq!(status, 400, "{weight}");
        let answer = answer.as_str().unwrap();
        assert!(answer.contains("of role '*': weights are between 0.001 and 1000000"), "{answer}");
    }
    assert!(set(-1.0).1.as_str().unwrap().contains("must be positive"));
    assert_eq!((set(1_000_000.0).0, set(0.001).0), (200, 200));
}
