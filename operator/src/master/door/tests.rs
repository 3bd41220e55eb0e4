use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::OnceLock;

use axum::http::{HeaderValue, header};

use super::*;

fn traffic() -> Traffic {
    Traffic {
        connections: 10_000,
        connections_each: 2500,
        connections_of_executors: 5000,
        unknown_connections: 1000,
        unknown_seconds: 10,
        requests: 100,
        requests_each: 10,
        answers: 10,
        answers_each: 1,
        body_mebibytes: 256,
        body_mebibytes_each: 128,
    }
}

/// A door for principals a and b, whose secrets are s.
fn door() -> Door {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials.json");
    let credentials = r#"{"credentials": [
        {"principal": "a", "secret": "s"}, {"principal": "b", "secret": "s"}
    ]}"#;
    std::fs::write(&file, credentials).unwrap();
    let access = Access::load(&file).unwrap().into();
    let hosts = Hosts::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 5050)), []).unwrap();
    Door::new(access, hosts, traffic(), Port::default())
}

/// A connection from an address.
fn peer(door: &Door, address: u8) -> Peer {
    let slot = door.slots.take(IpAddr::V4(Ipv4Addr::new(10, 0, 0, address)));
    let executor = OnceLock::new();
    Peer { local: None, is_same_user: false, asks_agents: false, executor, slot }
}

/// Says on a connection who one is. The text is a principal and a secret in base64.
async fn show(door: &Door, peer: &Peer, text: &'static str) -> Option<Refusal> {
    let value = HeaderValue::from_static(text);
    door.admit(peer, &[(header::AUTHORIZATION, value)].into_iter().collect()).await.err()
}

const RIGHT_OF_A: &str = "Basic YTpz";
const WRONG_OF_A: &str = "Basic YTp0";

#[tokio::test(start_paused = true)]
async fn what_a_connection_has_shown_does_not_free_it_to_guess() {
    let door = door();
    let proxy = peer(&door, 1);
    assert_eq!(show(&door, &proxy, RIGHT_OF_A).await, None);
    assert_eq!(door.port.known_connections.held(), 1);
    let wrong = Refusal::Denied(Denied::WrongSecret);
    assert_eq!(show(&door, &proxy, WRONG_OF_A).await, Some(wrong));
    assert_eq!((door.port.known_connections.held(), door.port.unknown_connections.held()), (0, 1));
    let mut slowed = 0;
    for _ in 0..20 {
        match show(&door, &proxy, WRONG_OF_A).await {
            Some(Refusal::Slowed(_)) => slowed += 1,
            other => assert_eq!(other, Some(wrong)),
        }
    }
    assert!(slowed > 0);
    // From elsewhere the right one is taken at once, and also after others have guessed here.
    let own = peer(&door, 2);
    for _ in 0..20 {
        assert_eq!(show(&door, &own, RIGHT_OF_A).await, None);
    }
}

#[test]
fn where_there_are_few_files_nobody_has_a_larger_part_of_the_connections() {
    let bounds = |traffic: Traffic, files| {
        let Traffic { connections, connections_each, connections_of_executors, .. } =
            traffic.with_files(files);
        (connections, connections_each, connections_of_executors)
    };
    assert_eq!(bounds(traffic(), u64::MAX), (10_000, 2500, 5000));
    assert_eq!(bounds(traffic(), 1024), (576, 144, 288));
    assert_eq!(bounds(traffic(), 0), (1, 1, 1));
    let of_one = Traffic { connections_each: 10_000, ..traffic() };
    assert_eq!(bounds(of_one, u64::MAX).1, 10_000, "as somebody has set it");
}

#[test]
fn the_process_has_as_many_files_as_it_may() {
    let all = all_files();
    let limit = getrlimit(Resource::Nofile);
    assert_eq!((limit.current, all), (limit.maximum, limit.maximum.unwrap_or(u64::MAX)));
}
