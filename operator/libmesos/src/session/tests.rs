use proffer_mesos::scheduler::{
    EventError, EventFailure, EventInverseOffers, EventRescind, EventSubscribed, EventUpdate,
};
use proffer_mesos::types::{InverseOffer, Label, Labels};

use super::*;

fn session(acknowledges: bool) -> Session {
    let labels = Labels { labels: vec![Label { key: "a".to_owned(), value: None }] };
    let framework =
        FrameworkInfo { name: "f".to_owned(), labels: Some(labels), ..FrameworkInfo::default() };
    Session::new(framework, acknowledges)
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
