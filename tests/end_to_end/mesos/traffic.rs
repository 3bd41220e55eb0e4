//! How much anybody may have of a master: connections, bodies and guesses. It counts, and does not time.

use std::io::{Read, Write};
use std::net::TcpStream;

use proffer_test_harness::{Test, tests};
use serde_json::json;

use super::doors::CREDENTIALS;
use super::framework::info;
use super::http::{Connection, Reply, request};
use super::{Master, connect};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        idle_connections_lock_nobody_out,
        bodies_of_who_is_not_known_are_not_read,
        half_sent_bodies_of_a_principal_are_bounded,
        guesses_are_slowed_and_counted,
        changed_credentials_are_read,
    ]
}

/// `spark:one`, `spark:two` and `operator:two`, as they are sent.
const SPARK: &str = "Basic c3Bhcms6b25l";
const CHANGED_SPARK: &str = "Basic c3Bhcms6dHdv";
const OPERATOR: &str = "Basic b3BlcmF0b3I6dHdv";

/// The most connections that are not known, and the longest body.
const MOST_UNKNOWN: u64 = 1000;
const LONGEST_BODY: usize = 8 << 20;

fn master() -> Master {
    Master::start_with_credentials(CREDENTIALS, &["team"])
}

fn get(master: &Master, who: &str, path: &str) -> Reply {
    request(&master.address, "GET", path, &[("Authorization", who)], b"")
}

/// What the port has counted.
fn counted(master: &Master, name: &str) -> u64 {
    let metrics = get(master, OPERATOR, "/metrics/snapshot").json();
    let value = &metrics[format!("proffer/port/{name}")];
    // As all metrics of Mesos, it is told as a number with a point.
    let text = value.to_string();
    let whole = text.strip_suffix(".0").and_then(|whole| whole.parse().ok());
    whole.unwrap_or_else(|| panic!("{name}: {value}"))
}

/// A call whose body does not come to its end.
fn send_half(master: &Master, authorization: &str) -> TcpStream {
    let mut stream = connect(&master.address);
    let head = format!(
        "POST /api/v1/scheduler HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         {authorization}Content-Length: {LONGEST_BODY}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // Who is refused may be so before all of this is read.
    let _ = stream.write_all(&[b'0'; 1000]);
    stream
}

fn status(stream: &mut TcpStream) -> String {
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    String::from_utf8_lossy(&start).into_owned()
}

fn idle_connections_lock_nobody_out() {
    let master = master();
    let known = connect(&master.address);
    let ask = |mut stream: &TcpStream| {
        let head = "GET /version HTTP/1.1\r\nHost: localhost\r\n";
        write!(stream, "{head}Authorization: {SPARK}\r\n\r\n").unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"HTTP/1.1 200");
    };
    ask(&known);
    let idle: Vec<TcpStream> = (0..3000).map(|_| connect(&master.address)).collect();
    // The one that was known before is served, and so is a new one.
    let mut rest = [0; 4096];
    let _ = (&known).read(&mut rest).unwrap();
    ask(&known);
    assert_eq!(get(&master, SPARK, "/version").status, 200);
    assert!(counted(&master, "unknown_connections") <= MOST_UNKNOWN);
    assert!(counted(&master, "unknown_connections_refused") >= 3000 - MOST_UNKNOWN);
    let known = counted(&master, "known_connections");
    assert!((2..=5).contains(&known), "{known}");
    drop(idle);
    master.until("nobody is unknown", || counted(&master, "unknown_connections") == 0);
}

fn bodies_of_who_is_not_known_are_not_read() {
    let master = master();
    let wrong = "Authorization: Basic bm9ib2R5OnR3bw==\r\n";
    let mut half_sent: Vec<TcpStream> = (0..150).map(|_| send_half(&master, "")).collect();
    half_sent.push(send_half(&master, wrong));
    for stream in &mut half_sent {
        assert_eq!(status(stream), "HTTP/1.1 401");
    }
    assert_eq!(counted(&master, "body_bytes"), 0);
    assert_eq!(counted(&master, "body_bytes_refused"), 0);
}

fn half_sent_bodies_of_a_principal_are_bounded() {
    let master = master();
    let authorization = format!("Authorization: {SPARK}\r\n");
    let mut half_sent: Vec<TcpStream> =
        (0..20).map(|_| send_half(&master, &authorization)).collect();
    // A byte counts sixteen times, and a principal has 128 MiB.
    let most = 128 << 20;
    master.until("the first of them has its room", || counted(&master, "body_bytes") == most);
    // Somebody else is served at the same time.
    let call = json!({ "type": "GET_HEALTH" }).to_string();
    let headers = [("Authorization", OPERATOR), ("Content-Type", "application/json")];
    let reply = request(&master.address, "POST", "/api/v1", &headers, call.as_bytes());
    assert_eq!(reply.status, 200);
    assert_eq!(counted(&master, "body_bytes"), most);
    // Those without room are told so after a while.
    let mut statuses = half_sent.iter_mut().rev().take(2).map(status);
    assert!(statuses.any(|status| status == "HTTP/1.1 429"));
    drop(half_sent);
    master.until("nothing is held", || counted(&master, "body_bytes") == 0);
}

fn guesses_are_slowed_and_counted() {
    let master = master();
    let before = counted(&master, "wrong_secrets");
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let (address, headers) = (&master.address, [("Authorization", CHANGED_SPARK)]);
        let guess = move || request(address, "GET", "/state", &headers, b"");
        let all: Vec<_> = (0..30).map(|_| scope.spawn(guess)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let count = |status| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!(count(401) + count(429), 30);
    assert!(count(401) < 15, "{} were looked at", count(401));
    let later = replies.iter().find(|reply| reply.status == 429).unwrap();
    assert!(later.header("retry-after").is_some() && later.text().contains("Wrong secrets"));
    let looked_at = u64::try_from(count(401)).unwrap();
    assert_eq!(counted(&master, "wrong_secrets"), before + looked_at);
    assert_eq!(counted(&master, "slowed_requests"), 30 - looked_at);
}

fn changed_credentials_are_read() {
    let master = master();
    let fields = json!({ "role": "team", "failover_timeout": 1000 });
    let call = json!({ "type": "SUBSCRIBE", "subscribe": { "framework_info": info(&fields) } });
    let headers = [("Authorization", SPARK), ("Content-Type", "application/json")];
    let body = call.to_string();
    let path = "/api/v1/scheduler";
    let mut stream = Connection::open(&master.address, "POST", path, &headers, body.as_bytes());
    assert_eq!(stream.head().status, 200);
    // What cannot be read changes nothing; the rest is another file in its place, as with a Secret.
    master.folder.write("credentials.json", "{");
    assert_eq!(get(&master, SPARK, "/version").status, 200);
    let changed = CREDENTIALS.replace("\"one\"", "\"two\"");
    let new = master.folder.write("new.json", changed);
    std::fs::rename(new, master.folder.path().join("credentials.json")).unwrap();
    master
        .until("the new secret is right", || get(&master, CHANGED_SPARK, "/version").status == 200);
    assert_eq!(get(&master, SPARK, "/version").status, 401);
    // Whoever subscribed with the former one hears nothing more.
    let mut rest = Vec::new();
    let _ = stream.socket().read_to_end(&mut rest);
    assert_eq!(get(&master, OPERATOR, "/version").status, 200);
    let frameworks = get(&master, OPERATOR, "/frameworks").json();
    assert_eq!(frameworks["frameworks"][0]["connected"], json!(false), "{frameworks}");
}
