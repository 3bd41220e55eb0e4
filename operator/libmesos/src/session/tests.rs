use proffer_mesos::scheduler::{
    CallAccept, EventError, EventFailure, EventInverseOffers, EventRescind, EventSubscribed,
    EventUpdate,
};
use proffer_mesos::types::{
    FrameworkInfoCapability, InverseOffer, Label, Labels, OfferOperation, OfferOperationLaunch,
    TaskId,
};

use super::*;

fn session(acknowledges: bool) -> Session {
    let labels = Labels { labels: vec![Label { key: "a".to_owned(), value: None }] };
    let framework =
        FrameworkInfo { name: "f".to_owned(), labels: Some(labels), ..FrameworkInfo::default() };
    Session::new(framework, [], acknowledges)
}

fn event(kind: EventType, fill: impl FnOnce(&mut Event)) -> Event {
    let mut event = Event::default();
    event.set_type(kind);
    fill(&mut event);
    event
}

fn subscribed(id: &str) -> Event {
    event(EventType::Subscribed, |event| {
        let framework_id = FrameworkId { value: id.to_owned() };
        event.subscribed = Some(EventSubscribed { framework_id, ..EventSubscribed::default() });
    })
}

fn update(uuid: Option<Vec<u8>>) -> Event {
    event(EventType::Update, |event| {
        let status = TaskStatus {
            task_id: TaskId { value: "t".to_owned() },
            agent_id: Some(AgentId { value: "a".to_owned() }),
            uuid,
            ..TaskStatus::default()
        };
        event.update = Some(EventUpdate { status });
    })
}

#[test]
fn a_framework_registers_once_and_keeps_its_id() {
    let mut session = session(true);
    assert_eq!(session.subscribe().framework_id, None);
    let first = session.take(subscribed("f-0")).callback;
    assert!(matches!(first, Some(Callback::Registered { .. })), "{first:?}");
    assert_eq!(session.disconnect(), Some(Callback::Disconnected));
    assert_eq!(session.disconnect(), None, "it is told once");
    let again = session.subscribe();
    let id = Some(FrameworkId { value: "f-0".to_owned() });
    assert_eq!(again.framework_id, id);
    let framework = again.subscribe.unwrap().framework_info;
    assert_eq!((framework.id, framework.labels.unwrap().labels.len()), (id, 1));
    let second = session.take(subscribed("f-0")).callback;
    assert!(matches!(second, Some(Callback::Reregistered { .. })), "{second:?}");
}

#[test]
fn updates_are_acknowledged_after_the_framework_was_told() {
    let mut session = session(true);
    session.take(subscribed("f-0"));
    let outcome = session.take(update(Some(vec![7; 16])));
    assert!(matches!(outcome.callback, Some(Callback::StatusUpdate(_))));
    let call = outcome.answer.unwrap();
    assert_eq!(call.r#type(), CallType::Acknowledge);
    let acknowledge = call.acknowledge.unwrap();
    assert_eq!((acknowledge.uuid, &*acknowledge.task_id.value), (vec![7; 16], "t"));
    assert_eq!(session.take(update(None)).answer, None, "the master's own have no number");
    assert_eq!(session.take(update(Some(Vec::new()))).answer, None);
}

#[test]
fn who_acknowledges_itself_is_left_to_it() {
    let mut session = session(false);
    let outcome = session.take(update(Some(vec![7; 16])));
    assert!(outcome.callback.is_some() && outcome.answer.is_none());
}

#[test]
fn inverse_offers_are_accepted() {
    let mut session = session(true);
    let offer = InverseOffer { id: OfferId { value: "i-1".to_owned() }, ..InverseOffer::default() };
    let outcome = session.take(event(EventType::InverseOffers, |event| {
        event.inverse_offers = Some(EventInverseOffers { inverse_offers: vec![offer] });
    }));
    let accepted = outcome.answer.unwrap().accept_inverse_offers.unwrap();
    assert_eq!(accepted.inverse_offer_ids[0].value, "i-1");
    assert_eq!(outcome.callback, None);
}

#[test]
fn each_event_has_its_callback() {
    let mut session = session(true);
    let agent = AgentId { value: "a".to_owned() };
    let executor = ExecutorId { value: "e".to_owned() };
    let failure = |executor_id: Option<ExecutorId>| {
        let agent_id = Some(agent.clone());
        event(EventType::Failure, |event| {
            event.failure = Some(EventFailure { agent_id, executor_id, status: Some(9) });
        })
    };
    assert_eq!(session.take(failure(None)).callback, Some(Callback::AgentLost(agent.clone())));
    let lost =
        Callback::ExecutorLost { executor: executor.clone(), agent: agent.clone(), status: 9 };
    assert_eq!(session.take(failure(Some(executor))).callback, Some(lost));
    let rescind = event(EventType::Rescind, |event| {
        event.rescind = Some(EventRescind { offer_id: OfferId { value: "o".to_owned() } });
    });
    let rescinded = Callback::OfferRescinded(OfferId { value: "o".to_owned() });
    assert_eq!(session.take(rescind).callback, Some(rescinded));
    let error = event(EventType::Error, |event| {
        event.error = Some(EventError { message: "no".to_owned() });
    });
    assert_eq!(session.take(error).callback, Some(Callback::Error("no".to_owned())));
    assert_eq!(session.take(event(EventType::Heartbeat, |_| {})), Outcome::default());
    assert_eq!(session.take(Event { r#type: Some(99), ..Event::default() }), Outcome::default());
}

#[test]
fn who_is_offered_nothing_asks_why() {
    let mut session = session(true);
    let heartbeat = || event(EventType::Heartbeat, |_| {});
    session.take(heartbeat());
    session.take(subscribed("f-0"));
    session.take(heartbeat());
    assert_eq!(session.waits_for_offers(), None, "the first one comes with the subscription");
    session.take(heartbeat());
    assert_eq!(session.waits_for_offers(), Some("f-0"));
    session.take(event(EventType::Offers, |_| {}));
    session.take(heartbeat());
    session.take(heartbeat());
    assert_eq!(session.waits_for_offers(), None, "it had an offer");
}

fn roles(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn of_roles(names: &[&str]) -> FrameworkInfo {
    let capability =
        FrameworkInfoCapability { r#type: Some(FrameworkInfoCapabilityType::MultiRole.into()) };
    let capabilities = vec![capability];
    FrameworkInfo { roles: roles(names), capabilities, ..FrameworkInfo::default() }
}

/// The roles in which a framework wants no offers when it subscribes.
fn suppressed(session: &mut Session) -> Vec<String> {
    session.subscribe().subscribe.unwrap().suppressed_roles
}

#[test]
fn what_is_suppressed_stays_so_when_a_framework_registers_again() {
    let mut session = Session::new(of_roles(&["a", "b", "c"]), roles(&["c"]), true);
    assert_eq!(suppressed(&mut session), roles(&["c"]));
    let call = session.suppress(roles(&["a"]));
    assert_eq!(call.suppress.unwrap().roles, roles(&["a"]));
    assert_eq!(suppressed(&mut session), roles(&["a", "c"]));
    let call = session.revive(roles(&["c"]));
    assert_eq!(call.revive.unwrap().roles, roles(&["c"]));
    assert_eq!(suppressed(&mut session), roles(&["a"]));
    session.suppress(vec![]);
    assert_eq!(suppressed(&mut session), roles(&["a", "b", "c"]), "none that is named is all");
    session.revive(vec![]);
    assert_eq!(suppressed(&mut session), roles(&[]));
    let mut of_one_role = session_of_one_role();
    of_one_role.suppress(vec![]);
    assert_eq!(suppressed(&mut of_one_role), roles(&["r"]));
}

fn session_of_one_role() -> Session {
    let framework = FrameworkInfo { role: Some("r".to_owned()), ..FrameworkInfo::default() };
    Session::new(framework, [], true)
}

#[test]
fn a_change_that_was_not_heard_is_told_after_the_registration() {
    let mut session = Session::new(of_roles(&["a", "b"]), [], true);
    session.subscribe();
    assert_eq!(session.take(subscribed("f-0")).answer, None);
    session.disconnect();
    session.subscribe();
    session.suppress(roles(&["a"]));
    session.was_not_heard();
    let told = session.take(subscribed("f-0")).answer.unwrap();
    let update = told.update_framework.unwrap();
    assert_eq!(update.suppressed_roles, roles(&["a"]));
    assert_eq!(update.framework_info.id.unwrap().value, "f-0");
    session.disconnect();
    session.was_not_heard();
    session.subscribe();
    assert_eq!(session.take(subscribed("f-0")).answer, None, "it subscribed with it");
}

#[test]
fn an_update_is_of_a_framework_that_is_registered_as_that_one() {
    let mut session = Session::new(of_roles(&["a"]), [], true);
    let early = session.update_framework(of_roles(&["b"]), vec![], None).unwrap_err();
    let expected = "MesosSchedulerDriver::updateFramework() must not be called prior to \
                    registration with the master";
    assert_eq!(early, expected);
    session.take(subscribed("f-0"));
    let id = |id: &str| Some(FrameworkId { value: id.to_owned() });
    let other = FrameworkInfo { id: id("f-1"), ..of_roles(&["b"]) };
    let refused = session.update_framework(other, vec![], None).unwrap_err();
    assert!(refused.contains("(f-1) must be equal to the value known"), "{refused}");
    let constraints = Some(OfferConstraints::default());
    let call = session.update_framework(of_roles(&["b"]), roles(&["b"]), constraints).unwrap();
    let update = call.update_framework.unwrap();
    assert_eq!(update.framework_info.id, id("f-0"), "no id means its own");
    assert_eq!((call.framework_id, update.suppressed_roles), (id("f-0"), roles(&["b"])));
    let subscribe = session.subscribe().subscribe.unwrap();
    assert_eq!(subscribe.framework_info.roles, roles(&["b"]));
    assert_eq!(subscribe.offer_constraints, Some(OfferConstraints::default()));
}

#[test]
fn tasks_that_nobody_heard_of_are_dropped_or_lost() {
    let partition_aware = FrameworkInfoCapability {
        r#type: Some(FrameworkInfoCapabilityType::PartitionAware.into()),
    };
    for (capabilities, expected) in
        [(vec![], TaskState::Lost), (vec![partition_aware], TaskState::Dropped)]
    {
        let framework = FrameworkInfo { capabilities, ..FrameworkInfo::default() };
        let session = Session::new(framework, [], true);
        let mut call = session.call(CallType::Accept);
        let task = TaskInfo { task_id: TaskId { value: "t".to_owned() }, ..TaskInfo::default() };
        let launch = Some(OfferOperationLaunch { task_infos: vec![task] });
        let operation = OfferOperation { launch, ..OfferOperation::default() };
        call.accept = Some(CallAccept { operations: vec![operation], ..CallAccept::default() });
        let told: Vec<Callback> = session.lost(Box::new(call)).collect();
        let [Callback::StatusUpdate(status)] = &told[..] else { panic!("{told:?}") };
        assert_eq!((status.state(), &*status.task_id.value), (expected, "t"));
        let kill = Box::new(session.call(CallType::Kill));
        assert_eq!(session.lost(kill).count(), 0);
    }
}
