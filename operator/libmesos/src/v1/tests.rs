use proffer_mesos::scheduler::{CallSubscribe, EventSubscribed};
use proffer_mesos::types::FrameworkId;

use super::*;
use crate::address::Address;

fn mesos(framework: Option<FrameworkInfo>) -> Mesos {
    let address = Address::parse("localhost:1").unwrap();
    let mesos = Mesos::new(Connection::to_masters(&address, false), framework);
    mesos.life.start(|| Ok(()));
    mesos
}

fn call(kind: CallType) -> Call {
    let mut call = Call::default();
    call.set_type(kind);
    call
}

fn subscribe(name: &str) -> Vec<u8> {
    let framework_info = FrameworkInfo { name: name.to_owned(), ..FrameworkInfo::default() };
    let subscribe = Some(CallSubscribe { framework_info, ..CallSubscribe::default() });
    Call { subscribe, ..call(CallType::Subscribe) }.encode_to_vec()
}

/// The call by which a framework would subscribe now.
fn subscribes_as(mesos: &Mesos) -> Option<FrameworkInfo> {
    let state = mesos.state();
    let Stage::Subscribing(call) = &state.stage else { return None };
    Some(Call::decode(&**call).unwrap().subscribe.unwrap().framework_info)
}

#[test]
fn a_framework_subscribes_once_there_is_a_master() {
    let mesos = mesos(None);
    mesos.send(subscribe("early")).unwrap();
    assert_eq!(subscribes_as(&mesos), None);
    assert!(mesos.enter(0, Stage::Connected));
    mesos.send(subscribe("f")).unwrap();
    mesos.send(subscribe("again")).unwrap();
    assert_eq!(subscribes_as(&mesos).unwrap().name, "f");
    assert_eq!(mesos.subscribe_call(0), Some(subscribe("f")), "it is sent as it came");
    assert_eq!(mesos.subscribe_call(1), None, "another connection has none");
}

#[test]
fn who_was_made_with_a_framework_subscribes_as_that_one() {
    let own = FrameworkInfo { name: "own".to_owned(), ..FrameworkInfo::default() };
    let mesos = mesos(Some(own));
    assert!(mesos.enter(0, Stage::Connected));
    mesos.send(subscribe("other")).unwrap();
    let framework = subscribes_as(&mesos).unwrap();
    assert_eq!((&*framework.name, framework.id), ("own", None));
    let id = FrameworkId { value: "f-0".to_owned() };
    let subscribed = EventSubscribed { framework_id: id.clone(), ..EventSubscribed::default() };
    let event = Event { subscribed: Some(subscribed), ..Event::default() };
    mesos.state().learn(&event.encode_to_vec());
    assert!(mesos.enter(0, Stage::Connected));
    mesos.send(subscribe("other")).unwrap();
    assert_eq!(subscribes_as(&mesos).unwrap().id, Some(id), "the id that it got is its own");
}

#[test]
fn calls_that_are_wrong_by_themselves_are_refused() {
    let mesos = mesos(None);
    let refused = |bytes: Vec<u8>| mesos.send(bytes).unwrap_err();
    let absent = |field: &str| Refusal::Call(format!("Expecting '{field}' to be present"));
    assert_eq!(refused(Vec::new()), absent("type"));
    assert_eq!(
        refused(Call { r#type: Some(99), ..Call::default() }.encode_to_vec()),
        absent("type")
    );
    assert_eq!(refused(call(CallType::Subscribe).encode_to_vec()), absent("subscribe"));
    let framework_id = Some(FrameworkId { value: "f-0".to_owned() });
    let kill = Call { framework_id, ..call(CallType::Kill) };
    assert_eq!(refused(kill.encode_to_vec()), absent("kill"));
    assert!(matches!(refused(vec![0xff]), Refusal::Call(_)));
}

/// Hears what it is told, and throws when it is told to.
struct Ear {
    heard: Vec<Callback>,
    throws_at: Callback,
}

impl Listener<Callback> for Ear {
    fn tell(&mut self, callback: Callback) -> Result<(), String> {
        let throws = callback == self.throws_at;
        self.heard.push(callback);
        if throws { Err("it threw".to_owned()) } else { Ok(()) }
    }
}

#[test]
fn what_comes_from_connections_that_were_given_up_is_not_told() {
    let mesos = mesos(None);
    mesos.state().connection = 2;
    mesos.tell(1, Callback::Connected);
    mesos.tell(2, Callback::Disconnected);
    mesos.tell(2, Callback::Connected);
    mesos.tell(1, Callback::Received(vec![1]));
    mesos.tell(2, Callback::Received(vec![2]));
    mesos.tell(2, Callback::Received(vec![3]));
    let mut ear = Ear { heard: Vec::new(), throws_at: Callback::Received(vec![2]) };
    mesos.tell_all(&mut ear);
    assert_eq!(ear.heard, [Callback::Connected, Callback::Received(vec![2])]);
}

#[test]
fn a_scheduler_that_throws_is_told_nothing_more_and_cannot_call() {
    let mesos = mesos(None);
    mesos.tell(0, Callback::Connected);
    mesos.tell_all(&mut Ear { heard: Vec::new(), throws_at: Callback::Connected });
    let Err(Refusal::Over(why)) = mesos.send(subscribe("f")) else { panic!("it is over") };
    assert!(why.ends_with("the scheduler threw an exception: it threw"), "{why}");
}
