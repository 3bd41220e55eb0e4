use std::net::Ipv4Addr;

use super::*;

fn source(address: u32, name: &str) -> Source {
    (IpAddr::V4(Ipv4Addr::from_bits(address)), Some(name.into()))
}

#[test]
fn wrong_secrets_are_slowed_more_and_more() {
    let (guesses, now, one) = (Guesses::default(), Instant::now(), source(1, "a"));
    let mut waits = Vec::new();
    let mut at = now;
    for _ in 0..12 {
        let wait = match guesses.turn(at, &one) {
            Turn::In(wait) => wait,
            Turn::Later(wait) => {
                at += wait;
                assert_eq!(guesses.turn(at, &one), Turn::In(Duration::ZERO), "it is its turn");
                wait
            }
        };
        waits.push(wait.as_millis());
        at += wait;
        guesses.wrong(at, &one);
    }
    assert_eq!(waits[..6], [0, 0, 0, 0, 250, 500]);
    assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]), "{waits:?}");
    assert_eq!(waits[11], LONGEST_WAIT.as_millis());
}

#[test]
fn guesses_at_the_same_time_wait_for_each_other() {
    let (guesses, now, one) = (Guesses::default(), Instant::now(), source(1, "a"));
    assert_eq!((0..5).filter_map(|_| guesses.wrong(now, &one)).count(), 1);
    let turns: Vec<Turn> = (0..1000).map(|_| guesses.turn(now, &one)).collect();
    let looked_at = turns.iter().filter(|turn| matches!(turn, Turn::In(_))).count();
    assert_eq!(looked_at, 4, "{:?}", &turns[..6]);
    assert!(matches!(turns[4], Turn::Later(wait) if wait > PATIENCE));
}

#[test]
fn others_are_not_slowed_and_a_right_secret_ends_it() {
    let (guesses, now, one) = (Guesses::default(), Instant::now(), source(1, "a"));
    assert_eq!((0..20).filter_map(|_| guesses.wrong(now, &one)).count(), 1);
    assert!(matches!(guesses.turn(now, &one), Turn::Later(_)));
    for other in [source(2, "a"), source(1, "b"), (one.0, None)] {
        assert_eq!(guesses.turn(now, &other), Turn::In(Duration::ZERO));
    }
    guesses.right(&one);
    assert_eq!(guesses.turn(now, &one), Turn::In(Duration::ZERO));
}

#[test]
fn what_is_remembered_is_bounded_and_what_is_oldest_goes() {
    let (guesses, now) = (Guesses::default(), Instant::now());
    let many = u32::try_from(MOST_REMEMBERED).unwrap();
    for address in 0..many + 100 {
        guesses.wrong(now + Duration::from_millis(address.into()), &source(address, "a"));
    }
    let table = guesses.table();
    assert_eq!(table.by_source.len(), MOST_REMEMBERED);
    assert!(!table.by_source.contains_key(&source(0, "a")));
    assert!(table.by_source.contains_key(&source(many + 99, "a")));
}

#[test]
fn it_is_logged_once_a_minute_however_many_there_are() {
    let (guesses, now, one) = (Guesses::default(), Instant::now(), source(1, "a"));
    assert_eq!(guesses.wrong(now, &one), Some(Report { count: 1 }));
    assert!((0..1000).all(|_| guesses.wrong(now, &one).is_none()));
    let later = now + LOG_PERIOD;
    assert_eq!(guesses.wrong(later, &one), Some(Report { count: 1001 }));
    // After a while it is forgotten.
    let much_later = later + LONGEST_WAIT + MEMORY + Duration::from_secs(1);
    guesses.wrong(much_later, &one);
    assert_eq!(guesses.turn(much_later, &one), Turn::In(Duration::ZERO));
}
