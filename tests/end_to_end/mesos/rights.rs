//! What principals see of each other.

use proffer_mesos::types::TaskState;
use proffer_test_harness::{Test, tests};
use serde_json::{Value, json};

use super::Master;
use super::framework::{Framework, task};
use super::http::{Reply, get, request};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        principals_see_their_own_and_what_they_have_a_right_to,
        sandboxes_are_read_by_those_whose_they_are,
        flags_tell_whether_anybody_has_to_say_who_it_is,
    ]
}

const CREDENTIALS: &str = r#"{"credentials": [
    {"principal": "own", "secret": "s", "roles": ["team"]},
    {"principal": "foreign", "secret": "s", "roles": ["other"]},
    {"principal": "monitor", "secret": "s", "roles": [], "view": ["view_frameworks", "view_tasks"]},
    {"principal": "operator", "secret": "s"}
]}"#;

/// `own:s`, `own:x`, `foreign:s`, `monitor:s` and `operator:s`, as they are sent.
const OWN: &str = "Basic b3duOnM=";
const WRONG: &str = "Basic b3duOng=";
const FOREIGN: &str = "Basic Zm9yZWlnbjpz";
const MONITOR: &str = "Basic bW9uaXRvcjpz";
const OPERATOR: &str = "Basic b3BlcmF0b3I6cw==";

/// Nobody, and those above.
const CALLERS: [Option<&str>; 6] =
    [None, Some(WRONG), Some(FOREIGN), Some(OWN), Some(MONITOR), Some(OPERATOR)];

/// A master, a framework of `own` with a task that is called `marked`, and the folder of that.
fn master() -> (Master, Framework, String) {
    let master = Master::start_with_credentials(CREDENTIALS, &["team", "other"]);
    let mut framework = Framework::subscribe_by(&master, OWN, &json!({ "role": "team" }));
    let offer = framework.offer();
    let one = task("marked", &offer, "echo hello; ln -s . folder; sleep 1000");
    framework.launch(&[&offer], &[one]);
    framework.update("marked", TaskState::Running);
    let state = ask(&master, Some(OWN), "GET /slave(1)/state").json();
    let sandbox = &state["frameworks"][0]["executors"][0]["directory"];
    let sandbox = sandbox.as_str().unwrap_or_else(|| panic!("{state}")).to_owned();
    (master, framework, sandbox)
}

fn ask(master: &Master, who: Option<&str>, what: &str) -> Reply {
    let (method, rest) = what.split_once(' ').unwrap();
    let (path, call) = rest.split_once(' ').unwrap_or((rest, ""));
    let body = if call.is_empty() { String::new() } else { json!({ "type": call }).to_string() };
    let mut headers = vec![("Content-Type", "application/json")];
    headers.extend(who.map(|who| ("Authorization", who)));
    request(&master.address, method, path, &headers, body.as_bytes())
}

fn principals_see_their_own_and_what_they_have_a_right_to() {
    let (master, _framework, _) = master();
    for (what, is_for_monitors) in [
        ("GET /state", true),
        ("GET /master/state.json", true),
        ("GET /frameworks", true),
        ("GET /tasks", true),
        ("GET /slave(1)/state", false),
        ("GET /slave(1)/containers", false),
        ("GET /slave(1)/monitor/statistics", false),
        ("POST /api/v1 GET_STATE", true),
        ("POST /api/v1 GET_TASKS", true),
        ("POST /slave(1)/api/v1 GET_STATE", true),
        ("POST /slave(1)/api/v1 GET_CONTAINERS", false),
    ] {
        for who in CALLERS {
            let reply = ask(&master, who, what);
            let (status, is_seen) = match who {
                None | Some(WRONG) => (401, false),
                Some(FOREIGN) => (200, false),
                Some(MONITOR) => (200, is_for_monitors),
                _ => (200, true),
            };
            assert_eq!(reply.status, status, "{who:?} {what}: {}", reply.text());
            assert_eq!(reply.text().contains("marked"), is_seen, "{who:?} {what}");
        }
    }
    for (what, who, is_seen) in [
        ("GET /roles", FOREIGN, false),
        ("GET /roles", OWN, true),
        ("GET /roles", OPERATOR, true),
        ("POST /api/v1 GET_ROLES", FOREIGN, false),
        ("GET /metrics/snapshot", FOREIGN, false),
        ("GET /metrics/snapshot", OWN, true),
    ] {
        let text = ask(&master, Some(who), what).text();
        let names_role = text.contains("\"team\"") || text.contains("/team/");
        assert_eq!(names_role, is_seen, "{who} {what}: {text}");
    }
    let counted = ask(&master, Some(FOREIGN), "GET /metrics/snapshot").json();
    assert_eq!(counted["master/tasks_running"], json!(1.0), "numbers name nobody");
}

fn sandboxes_are_read_by_those_whose_they_are() {
    let (master, framework, sandbox) = master();
    let frameworks = sandbox.split_once(&framework.id).unwrap().0.trim_end_matches('/');
    let root = sandbox.split_once("/slaves/").unwrap().0;
    master.until("the task has written", || {
        let what = format!("GET /files/read?path={sandbox}/folder/stdout");
        ask(&master, Some(OWN), &what).status == 200
    });
    let elsewhere = format!("{frameworks}/none/executors/marked");
    for (path, of_own, of_operators) in [
        (&*format!("{sandbox}/stdout"), 200, 200),
        (&format!("{sandbox}/folder/stdout"), 200, 200),
        (&format!("{sandbox}/none"), 404, 404),
        (&elsewhere, 403, 404),
        (&format!("{sandbox}/../../../../../none"), 403, 404),
        ("/etc/passwd", 403, 404),
    ] {
        for endpoint in ["read", "download"] {
            let what = format!("GET /files/{endpoint}?offset=0&path={path}");
            let expected = [401, 401, 403, of_own, 403, of_operators];
            let statuses = CALLERS.map(|who| ask(&master, who, &what).status);
            assert_eq!(statuses, expected, "{what}");
        }
    }
    for (path, of_own) in [(&*sandbox, 200), (frameworks, 403), (root, 403)] {
        let what = format!("GET /files/browse?path={path}");
        let statuses = CALLERS.map(|who| ask(&master, who, &what).status);
        assert_eq!(statuses, [401, 401, 403, of_own, 403, 200], "{what}");
    }
}

fn flags_tell_whether_anybody_has_to_say_who_it_is() {
    let flag = |flags: &Value| flags["flags"]["authenticate_http_frameworks"].clone();
    let (master, _, _) = master();
    assert_eq!(flag(&ask(&master, Some(OWN), "GET /flags").json()), json!("true"));
    let master = Master::start("2cpu,1Gi", &[]);
    assert_eq!(flag(&get(&master.address, "/flags").json()), json!("false"));
}
