use super::super::budgets::Bounds;
use super::*;

const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));
const PATIENCE: Duration = Duration::from_secs(10);

fn slots(known: u64, most_unknown: usize) -> Arc<Slots> {
    let bounds = Bounds { most: known, most_each: known, most_executors: known, little: 1 };
    let known = Budget::new(bounds, Amount::default());
    Slots::new(known, most_unknown, PATIENCE, Amount::default())
}

fn principal(name: &str) -> Who {
    Who::Principal(name.into())
}

async fn is_closed(slot: &Slot) -> bool {
    tokio::time::timeout(Duration::ZERO, slot.close.notified()).await.is_ok()
}

#[tokio::test]
async fn ten_thousand_idle_connections_of_a_peer_lock_nobody_out() {
    let slots = slots(10, 100);
    let own = slots.take(ONE);
    own.identify(&principal("a")).unwrap();
    let first_other = slots.take(OTHER);
    let idle: Vec<Slot> = (0..10_000).map(|_| slots.take(ONE)).collect();
    assert_eq!(slots.unknown.held(), 100);
    let mut closed = 0;
    for slot in &idle {
        closed += usize::from(is_closed(slot).await);
    }
    assert_eq!(closed, 10_000 - 99, "the oldest of whoever has most");
    assert!(!is_closed(&first_other).await && !is_closed(&own).await);
    assert!(!is_closed(idle.last().unwrap()).await, "the newest has time to say who it is");
    first_other.identify(&principal("b")).unwrap();
    assert_eq!((slots.unknown.held(), slots.known.held()), (99, 2));
    drop(idle);
    assert_eq!((slots.unknown.held(), slots.table().unknown.len()), (0, 0));
}

#[test]
fn who_is_known_counts_as_one_of_theirs_until_it_ends() {
    let slots = slots(2, 10);
    let (first, second, third) = (slots.take(ONE), slots.take(ONE), slots.take(ONE));
    let (a, b) = (principal("a"), principal("b"));
    first.identify(&a).unwrap();
    first.identify(&a).unwrap();
    second.identify(&b).unwrap();
    assert_eq!(third.identify(&b), Err(Exhausted::All));
    assert!(first.is_of(&a) && !first.is_of(&b) && !third.is_of(&b));
    assert_eq!((slots.unknown.held(), slots.known.held()), (1, 2));
    drop(second);
    assert_eq!(slots.known.held(), 1);
    // A proxy has requests of several on one connection.
    first.identify(&b).unwrap();
    assert_eq!(slots.known.held(), 1);
    drop((first, third));
    assert_eq!((slots.unknown.held(), slots.known.held()), (0, 0));
    assert!(slots.table().open.is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_does_not_say_who_it_is_has_little_time() {
    let slots = slots(2, 10);
    let (known, unknown) = (slots.take(ONE), slots.take(ONE));
    known.identify(&principal("a")).unwrap();
    unknown.closed().await;
    assert!(tokio::time::timeout(PATIENCE * 100, known.closed()).await.is_err());
    slots.close(|who| *who == principal("b"));
    assert!(!is_closed(&known).await);
    slots.close(|who| *who == principal("a"));
    known.closed().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_forgotten_is_as_a_new_one() {
    let slots = slots(2, 10);
    let (slot, a) = (slots.take(ONE), principal("a"));
    slot.forget();
    slot.identify(&a).unwrap();
    slot.forget();
    slot.forget();
    assert!(!slot.is_of(&a));
    assert_eq!((slots.unknown.held(), slots.known.held()), (1, 0));
    slot.identify(&a).unwrap();
    assert_eq!((slots.unknown.held(), slots.known.held()), (0, 1));
    let closed = slot.closed();
    let mut closed = std::pin::pin!(closed);
    assert!(tokio::time::timeout(PATIENCE * 10, closed.as_mut()).await.is_err());
    slot.forget();
    closed.await;
    drop(slot);
    assert_eq!((slots.unknown.held(), slots.table().unknown.len()), (0, 0));
}

#[test]
fn one_machine_has_a_whole_network_of_ipv6() {
    let parse = |text: &str| network(text.parse().unwrap());
    assert_eq!(parse("2001:db8::1"), parse("2001:db8::ffff:1"));
    assert_ne!(parse("2001:db8::1"), parse("2001:db8:0:1::1"));
    assert_eq!(parse("::ffff:10.0.0.1"), ONE);
    assert_ne!(parse("::1"), parse("::2"));
}
