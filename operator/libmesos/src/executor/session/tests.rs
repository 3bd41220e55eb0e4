use proffer_mesos::executor::{EventAcknowledged, EventKill, EventLaunch, EventSubscribed};
use proffer_mesos::types::TaskState;

use super::*;

fn session() -> Session {
    let environment = Environment::read(|name| {
        Some(match name {
            "MESOS_FRAMEWORK_ID" => "f".to_owned(),
            "MESOS_EXECUTOR_ID" => "e".to_owned(),
            "MESOS_AGENT_ENDPOINT" => "localhost:5051".to_owned(),
            _ => return None,
        })
    });
    Session::new(&environment.unwrap())
}

fn event(kind: EventType, fill: impl FnOnce(&mut Event)) -> Event {
    let mut event = Event { r#type: Some(kind.into()), ..Event::default() };
    fill(&mut event);
    event
}

fn subscribed() -> Event {
    event(EventType::Subscribed, |event| {
        let agent_info =
            AgentInfo { id: Some(AgentId { value: "a".to_owned() }), ..AgentInfo::default() };
        event.subscribed = Some(EventSubscribed { agent_info, ..EventSubscribed::default() });
    })
}

fn task(id: &str) -> TaskInfo {
    TaskInfo { task_id: TaskId { value: id.to_owned() }, ..TaskInfo::default() }
}

fn launch(id: &str) -> Event {
    event(EventType::Launch, |event| event.launch = Some(EventLaunch { task: task(id) }))
}

fn running(id: &str) -> TaskStatus {
    let mut status =
        TaskStatus { task_id: TaskId { value: id.to_owned() }, ..TaskStatus::default() };
    status.set_state(TaskState::Running);
    status
}

fn acknowledged(id: &str, number: u8) -> Event {
    event(EventType::Acknowledged, |event| {
        let (task_id, uuid) = (TaskId { value: id.to_owned() }, vec![number; 16]);
        event.acknowledged = Some(EventAcknowledged { task_id, uuid });
    })
}

/// The tasks and the numbers of the updates that an agent hears again.
fn said_again(session: &Session) -> (Vec<String>, Vec<u8>) {
    let subscribe = session.subscribe().0.subscribe.unwrap();
    let tasks = subscribe.unacknowledged_tasks.into_iter().map(|task| task.task_id.value);
    let updates = subscribe.unacknowledged_updates.into_iter();
    (tasks.collect(), updates.map(|update| update.status.uuid.unwrap()[0]).collect())
}

#[test]
fn an_executor_registers_once_and_then_again() {
    let mut session = session();
    let first = session.take(subscribed());
    assert!(matches!(first, Some(Callback::Registered { .. })), "{first:?}");
    assert_eq!(session.disconnect(), Some(Callback::Disconnected));
    assert_eq!(session.disconnect(), None, "it is told once");
    let second = session.take(subscribed());
    assert!(matches!(second, Some(Callback::Reregistered { .. })), "{second:?}");
}

#[test]
fn what_was_not_acknowledged_is_said_again() {
    let mut session = session();
    session.take(subscribed());
    assert_eq!(session.take(launch("t")), Some(Callback::LaunchTask(Box::new(task("t")))));
    assert_eq!(session.take(launch("t")), None, "it was told that already");
    assert_eq!(said_again(&session), (vec!["t".to_owned()], vec![]));
    session.update(running("t"), [1; 16], 5.0);
    session.update(running("t"), [2; 16], 6.0);
    assert_eq!(said_again(&session), (vec!["t".to_owned()], vec![1, 2]));
    session.take(acknowledged("t", 1));
    assert_eq!(said_again(&session), (vec![], vec![2]));
    session.take(acknowledged("t", 2));
    assert_eq!(said_again(&session), (vec![], vec![]));
}

#[test]
fn updates_that_are_made_while_it_subscribes_are_told_after_it() {
    let mut session = session();
    session.update(running("t"), [1; 16], 5.0);
    let (_, told) = session.subscribe();
    session.update(running("t"), [2; 16], 6.0);
    let missing = session.updates_beside(&told);
    let numbers: Vec<_> =
        missing.into_iter().map(|call| call.update.unwrap().status.uuid).collect();
    assert_eq!(numbers, [Some(vec![2; 16])]);
}

#[test]
fn updates_say_whose_they_are() {
    let mut session = session();
    session.take(subscribed());
    let call = session.update(running("t"), [1; 16], 5.0);
    assert_eq!((call.r#type(), &*call.framework_id.value), (CallType::Update, "f"));
    let status = call.update.unwrap().status;
    assert_eq!(status.executor_id.unwrap().value, "e");
    assert_eq!(status.agent_id.unwrap().value, "a");
    assert_eq!(status.timestamp, Some(5.0));
}

#[test]
fn each_event_has_its_callback() {
    let mut session = session();
    let kill = event(EventType::Kill, |event| {
        event.kill = Some(EventKill { task_id: task("t").task_id, ..EventKill::default() });
    });
    assert_eq!(session.take(kill), Some(Callback::KillTask(task("t").task_id)));
    assert_eq!(session.take(event(EventType::Shutdown, |_| {})), Some(Callback::Shutdown));
    assert_eq!(session.take(event(EventType::Heartbeat, |_| {})), None);
    assert_eq!(session.take(Event { r#type: Some(99), ..Event::default() }), None);
}
