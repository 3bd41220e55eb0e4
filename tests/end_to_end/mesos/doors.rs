//! Who gets past the door of a master: by the name that is called, the page that asks, and the user.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use proffer_test_harness::{Fixture, Test, tests};
use rustix::process::Signal;
use serde_json::json;

use super::framework::info;
use super::http::{get, request};
use super::{Master, connect};
use crate::run::Folder;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        pages_of_others_get_nothing_by_any_endpoint,
        the_host_is_looked_at_before_anything_else,
        a_page_whose_name_points_here_runs_no_command,
        functions_are_called_only_if_that_was_asked_for,
        further_hosts_are_named_by_an_option,
        only_the_same_user_is_served_without_credentials,
        a_connection_that_is_closed_at_once_is_nobodys,
        others_are_served_with_credentials,
        the_token_is_for_its_user_alone_and_goes_with_the_master,
    ]
}

/// A principal with a role, and one that may do everything.
pub(super) const CREDENTIALS: &str = r#"{"credentials": [
    {"principal": "spark", "secret": "one", "roles": ["team"]},
    {"principal": "operator", "secret": "two"}
]}"#;

/// `spark:one` and `operator:two`, as they are sent, and somebody whom nobody knows.
const OWN: &str = "Authorization: Basic c3Bhcms6b25l";
const OPERATOR: &str = "Authorization: Basic b3BlcmF0b3I6dHdv";
const FOREIGN: &str = "Authorization: Basic c3Bhcms6dHdv";

/// What is asked, and what a principal with roles and one without get for an answer.
const ENDPOINTS: [(&str, &str, [u16; 2]); 9] = [
    ("GET", "/state", [200, 200]),
    ("GET", "/master/tasks", [200, 200]),
    ("GET", "/version", [200, 200]),
    ("GET", "/nothing", [404, 404]),
    ("GET", "/files/browse?path=/etc", [403, 404]),
    ("GET", "/files/read?path=/etc/passwd&offset=0", [403, 404]),
    ("POST", "/api/v1", [200, 200]),
    ("POST", "/api/v1/scheduler", [400, 400]),
    ("GET", "/slave(1)/state", [200, 200]),
];

/// Sends lines of a head with a body as they are; the status of the answer, and its text.
fn send_raw(master: &Master, lines: &[&str], body: &str) -> (u16, String) {
    let mut stream = connect(&master.address);
    let length = body.len();
    let head = lines.join("\r\n");
    let close = "Connection: close\r\nContent-Type: application/json\r\n";
    write!(stream, "{head}\r\n{close}Content-Length: {length}\r\n\r\n{body}").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no answer: {text:?}")), text)
}

fn with_credentials() -> Master {
    Master::start_with_credentials(CREDENTIALS, &["team"])
}

fn pages_of_others_get_nothing_by_any_endpoint() {
    let master = with_credentials();
    let own_host = format!("Host: {}", master.address);
    let own_origin = format!("Origin: http://{}", master.address);
    let callers: [(&[&str], bool); 9] = [
        (&[&own_host], true),
        (&["Host: localhost"], true),
        (&[&own_host, &own_origin], true),
        (&["Host: rebind.evil.example"], false),
        (&["Host: rebind.evil.example", "Origin: http://rebind.evil.example"], false),
        (&[&own_host, "Origin: http://evil.example"], false),
        (&[&own_host, "Origin: null"], false),
        (&[&own_host, "Sec-Fetch-Site: cross-site"], false),
        (&[], false),
    ];
    for (method, path, [of_own, of_operators]) in ENDPOINTS {
        let line = format!("{method} {path} HTTP/1.1");
        for who in [None, Some(FOREIGN), Some(OWN), Some(OPERATOR)] {
            for (headers, is_let_in) in callers {
                let lines: Vec<&str> =
                    [&*line].into_iter().chain(who).chain(headers.iter().copied()).collect();
                let body = if method == "POST" { r#"{"type": "GET_HEALTH"}"# } else { "" };
                let (status, text) = send_raw(&master, &lines, body);
                let expected = match who {
                    _ if !is_let_in => 403,
                    None | Some(FOREIGN) => 401,
                    Some(OWN) => of_own,
                    _ => of_operators,
                };
                assert_eq!(status, expected, "{lines:?}: {text}");
                let head = text.to_ascii_lowercase();
                assert!(head.contains("x-content-type-options: nosniff"), "{text}");
                assert!(head.contains("cross-origin-resource-policy: same-origin"), "{text}");
            }
        }
    }
}

fn the_host_is_looked_at_before_anything_else() {
    let master = Master::start("2cpu,1Gi", &[]);
    let own_host = format!("Host: {}", master.address);
    for lines in [
        &["GET /state HTTP/1.1", &own_host, "Host: evil.example"][..],
        &["GET http://evil.example/state HTTP/1.1", &own_host],
        &["POST /api/v1/executor HTTP/1.1", "Host: evil.example"],
        &["GET /redirect HTTP/1.1", "Host: evil.example"],
        &["OPTIONS /api/v1/scheduler HTTP/1.1", &own_host, "Origin: http://evil.example"],
        &["GET /state HTTP/1.0"],
    ] {
        let (status, text) = send_raw(&master, lines, "");
        assert_eq!(status, 403, "{lines:?}: {text}");
    }
    let (status, _) = send_raw(&master, &["GET /state HTTP/1.1", "Host: [::1]:5050"], "");
    assert_eq!(status, 200);
    // A body that never comes is not waited for.
    let mut stream = connect(&master.address);
    let head = "POST /api/v1/scheduler HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 9\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 403");
    let _ = stream.shutdown(Shutdown::Both);
}

fn a_page_whose_name_points_here_runs_no_command() {
    let master = Master::start("2cpu,1Gi", &[]);
    let call = json!({ "type": "SUBSCRIBE", "subscribe": { "framework_info": info(&json!({})) } });
    let lines = [
        "POST /api/v1/scheduler HTTP/1.1",
        "Host: rebind.evil.example",
        "Origin: http://rebind.evil.example",
    ];
    let (status, text) = send_raw(&master, &lines, &call.to_string());
    assert_eq!(status, 403, "{text}");
    assert_eq!(get(&master.address, "/frameworks").json()["frameworks"], json!([]));
}

fn functions_are_called_only_if_that_was_asked_for() {
    let master = Master::start("2cpu,1Gi", &[]);
    let refused = get(&master.address, "/state?jsonp=got");
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("--mesos-jsonp"), "{}", refused.text());
    let master = Master::start_with(Folder::new(), "2cpu,1Gi", &[], &["--mesos-jsonp"]);
    assert!(get(&master.address, "/version?jsonp=a.b_0").text().starts_with("a.b_0({"));
    for function in ["alert(1)//", "", "a;b", "%3Cb%3E"] {
        let path = format!("/version?jsonp={function}");
        assert_eq!(get(&master.address, &path).status, 400, "{function}");
    }
}

fn further_hosts_are_named_by_an_option() {
    let more = ["--mesos-host", "mesos.example.org"];
    let master = Master::start_with(Folder::new(), "2cpu,1Gi", &[], &more);
    let lines = ["GET /state HTTP/1.1", "Host: Mesos.Example.Org:80"];
    assert_eq!(send_raw(&master, &lines, "").0, 200);
    let reply = request(&master.address, "GET", "/health", &[], &[]);
    assert_eq!(reply.status, 200);
    let folder = Folder::new();
    let arguments = ["local", "--mesos", "127.0.0.1:0", "--mesos-host", "http://a"];
    let ended = folder.run(&arguments).expect_code(2);
    assert!(ended.stderr.contains("is no host"), "{}", ended.stderr);
}

/// A user that owns nothing, as root can be.
const OTHER_USER: &str = "65533";

/// A way to be another user for a connection, which only root has.
struct OtherUser;

impl Fixture for OtherUser {
    fn set_up() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("only root can connect as another user".to_owned());
        }
        let there = Command::new("setpriv").arg("--version").output();
        there.map(|_| Self).map_err(|error| format!("there is no setpriv: {error}"))
    }
}

impl OtherUser {
    /// What is answered to the other user; `end` is what its shell does then.
    fn send(master: &Master, request: &str, end: &str) -> String {
        let port = master.address.rsplit_once(':').unwrap().1;
        let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; printf '%b' \"$1\" >&3; {end}");
        let output = Command::new("setpriv")
            .args(["--reuid", OTHER_USER, "--regid", OTHER_USER, "--clear-groups"])
            .args(["bash", "-c", &script, "client", request])
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn get(master: &Master, path: &str, headers: &str) -> String {
        let request = format!(
            "GET {path} HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n{headers}\\r\\n"
        );
        Self::send(master, &request, "cat <&3")
    }
}

fn only_the_same_user_is_served_without_credentials(_: OtherUser) {
    let master = Master::start("2cpu,1Gi", &[]);
    for (method, path, _) in ENDPOINTS {
        let answer = OtherUser::get(&master, path, "");
        assert!(answer.starts_with("HTTP/1.1 401"), "{method} {path}: {answer}");
        assert!(answer.to_ascii_lowercase().contains("www-authenticate: bearer"), "{answer}");
        assert!(answer.contains("--mesos-credentials"), "it says what to do: {answer}");
    }
    let guessed = OtherUser::get(&master, "/state", "Authorization: Bearer guessed\\r\\n");
    assert!(guessed.starts_with("HTTP/1.1 401"), "{guessed}");
    // It speaks for no executor, either, and no body of it is waited for.
    let head =
        "POST /api/v1/executor HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 9\\r\\n\\r\\n";
    let answer = OtherUser::send(&master, head, "head -n 1 <&3");
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert_eq!(get(&master.address, "/state").status, 200);
}

fn a_connection_that_is_closed_at_once_is_nobodys(_: OtherUser) {
    let master = Master::start("2cpu,1Gi", &[]);
    // The kernel has sockets that nobody has open as root's.
    let call = json!({ "type": "SUBSCRIBE", "subscribe": { "framework_info": info(&json!({})) } });
    let body = call.to_string().replace('\\', "\\\\");
    let request = format!(
        "POST /api/v1/scheduler HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Type: application/json\\r\\n\
         Content-Length: {}\\r\\n\\r\\n{body}",
        call.to_string().len()
    );
    for _ in 0..20 {
        OtherUser::send(&master, &request, "exec 3>&-");
    }
    let known = get(&master.address, "/frameworks").json();
    assert_eq!(known["frameworks"], json!([]));
    assert_eq!(known["completed_frameworks"], json!([]));
}

fn others_are_served_with_credentials(_: OtherUser) {
    let master = with_credentials();
    let answer = OtherUser::get(&master, "/state", "");
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    let answer = OtherUser::get(&master, "/state", &format!("{OWN}\\r\\n"));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn the_token_is_for_its_user_alone_and_goes_with_the_master(_: OtherUser) {
    let master = Master::start("2cpu,1Gi", &[]);
    let port = master.address.rsplit_once(':').unwrap().1;
    let file = master.folder.path().join(format!("proffer/mesos-{port}.token"));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let folder = std::fs::metadata(file.parent().unwrap()).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    // Somebody who has the token is served, however the connection comes about.
    let token = std::fs::read_to_string(&file).unwrap();
    let header = format!("Authorization: Bearer {token}\\r\\n");
    let answer = OtherUser::get(&master, "/state", &header);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    master.running.signal(Signal::INT);
    master.until("the token is gone", || !file.exists());
}
