use super::*;
use proffer_core::time::{Span, Time};

#[test]
fn a_maintenance_has_a_node_and_a_time() {
    let spec: MaintenanceSpec = "node-0=30,60".parse().unwrap();
    let expected = MaintenanceSpec {
        node: "node-0".to_owned(),
        after: Span::from_seconds(30),
        duration: Some(Span::from_seconds(60)),
    };
    assert_eq!(spec, expected);
    let spec: MaintenanceSpec = "a=b=0".parse().unwrap();
    assert_eq!(spec, MaintenanceSpec { node: "a=b".to_owned(), after: Span::ZERO, duration: None });
    for (text, problem) in [
        ("node-0", "the node or its time is missing"),
        ("=3", "the node or its time is missing"),
        ("n=soon", "\"soon\" is not a whole number of seconds"),
        ("n=1,", "\"\" is not a whole number of seconds"),
        ("n=-1", "\"-1\" is not a whole number of seconds"),
        ("n=1,0", "a maintenance lasts at least a second"),
    ] {
        let error = text.parse::<MaintenanceSpec>().unwrap_err().to_string();
        assert!(error.starts_with(problem), "{text}: {error}");
    }
}

#[test]
fn maintenances_are_of_nodes_that_there_are() {
    let node = |name: &str| NodeObservation { name: name.into(), ..NodeObservation::default() };
    let mut nodes = [node("a"), node("b")];
    let specs = ["b=30,60".parse().unwrap()];
    let sentences = schedule(&mut nodes, &specs, Time::from_milliseconds(1000)).unwrap();
    assert_eq!(sentences, ["b: empty for maintenance in 30 seconds, which takes 60 seconds"]);
    let maintenance = Maintenance {
        start: Time::from_milliseconds(31_000),
        duration: Some(Span::from_seconds(60)),
    };
    assert_eq!((nodes[0].maintenance, nodes[1].maintenance), (None, Some(maintenance)));
    let error =
        schedule(&mut nodes, &["c=1".parse().unwrap()], Time::from_milliseconds(1000)).unwrap_err();
    assert_eq!(error, "--maintenance: there is no node \"c\"; the nodes are: a, b");
}
