use proffer_mesos::from_json;

use crate::master::tests::{World, finished, framework, task};

#[test]
fn an_executor_is_known_by_its_token_until_it_is_gone() {
    let launched = || {
        let mut world = World::new(1);
        let stream = world.subscribe(framework("{}"));
        let mut one = task("t", "m-S0", 0.1);
        let executor = r#"{"executor_id":{"value":"e"},"command":{"value":"true"}}"#;
        (one.command, one.executor) = (None, Some(from_json(executor.as_bytes()).unwrap()));
        world.launch(stream, &[one]);
        assert_eq!(world.owner_of_executor(), Some(world.framework_id(stream)));
        (world, stream)
    };
    let (mut ended, _) = launched();
    ended.news("executor/m-S0/e", finished());
    assert_eq!(ended.owner_of_executor(), None);
    let (mut torn_down, stream) = launched();
    assert_eq!(torn_down.call(stream, r#""type":"TEARDOWN""#).status, 202);
    assert_eq!(torn_down.owner_of_executor(), None);
}
