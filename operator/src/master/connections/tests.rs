use super::stream::{Next, stream};
use super::*;

/// A connection that nobody reads, with what it was told.
fn connections() -> (Connections, mpsc::Sender<Request>, stream::Reading) {
    let (sender, requests) = mpsc::channel(1);
    let mut connections = Connections::of(requests);
    let (mut writing, reading) = stream();
    assert!(writing.write(b"an event".to_vec()));
    connections.open.insert(ConnectionId(7), (ContentType::Json, writing));
    (connections, sender, reading)
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_disconnected() {
    let (mut connections, _sender, _reading) = connections();
    let ended = connections.next().await;
    assert!(matches!(ended, Request::Ended(ConnectionId(7))));
}

#[tokio::test(start_paused = true)]
async fn all_who_do_not_read_are_disconnected_at_once() {
    let (mut connections, _sender, _reading) = connections();
    let (mut writing, _other) = stream();
    assert!(writing.write(b"an event".to_vec()));
    connections.open.insert(ConnectionId(8), (ContentType::Json, writing));
    connections.next().await;
    assert!(matches!(connections.try_next(), Some(Request::Ended(_))), "nobody waits a second");
    assert!(connections.try_next().is_none());
}

#[tokio::test(start_paused = true)]
async fn only_what_waits_counts_however_long_nobody_looks() {
    let (mut writing, _reading) = stream();
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert!(writing.write(b"an event".to_vec()));
    assert!(!writing.is_stuck(), "it waits since a moment ago");
    tokio::time::advance(Duration::from_secs(10)).await;
    assert!(writing.is_stuck());
}

#[tokio::test(start_paused = true)]
async fn who_reads_stays_however_long_nothing_happens() {
    let (mut connections, _sender, mut reading) = connections();
    assert_eq!(reading.next().await, Next::Record(b"an event".to_vec()));
    let hour = Duration::from_secs(3600);
    assert!(tokio::time::timeout(hour, connections.next()).await.is_err());
}

#[tokio::test]
async fn what_waits_is_bounded_in_bytes() {
    let (mut writing, mut reading) = stream();
    let megabytes = || vec![0; 20 << 20];
    assert!((0..3).all(|_| writing.write(megabytes())));
    assert!(!writing.write(megabytes()), "more than 64 MiB wait");
    let (mut writing, mut other) = stream();
    for _ in 0..10 {
        assert!(writing.write(megabytes()), "what was read does not count");
        assert!(matches!(other.try_next(), Next::Record(_)));
    }
    assert!(matches!(reading.try_next(), Next::Record(_)));
}

#[tokio::test]
async fn a_mark_comes_when_everything_before_it_was_read() {
    let (mut writing, mut reading) = stream();
    assert!(writing.write(b"one".to_vec()));
    writing.mark();
    assert!(writing.write(b"two".to_vec()));
    assert_eq!(reading.try_next(), Next::Record(b"one".to_vec()));
    assert_eq!(reading.try_next(), Next::Mark);
    assert_eq!(reading.try_next(), Next::Record(b"two".to_vec()));
    assert_eq!(reading.try_next(), Next::Nothing);
    drop(writing);
    assert_eq!(reading.try_next(), Next::End);
}

#[tokio::test]
async fn who_looks_sees_what_was_said_before() {
    let (sender, requests) = mpsc::channel(8);
    let mut connections = Connections::of(requests);
    let (reply, _shown) = oneshot::channel();
    sender.send(Request::Look(reply)).await.unwrap();
    for number in [1, 2] {
        sender.send(Request::HasRead(ConnectionId(number))).await.unwrap();
    }
    assert!(matches!(connections.try_next(), Some(Request::HasRead(ConnectionId(1)))));
    assert!(matches!(connections.try_next(), Some(Request::HasRead(ConnectionId(2)))));
    assert!(matches!(connections.try_next(), Some(Request::Show)));
}
