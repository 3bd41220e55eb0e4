//! Tasks as processes of this machine.

use proffer_mesos::types::{TaskState, TaskStatusReason as Reason};
use proffer_test_harness::{Test, tests};
use rustix::process::Signal;
use serde_json::json;

use super::Master;
use super::framework::{Framework, task};
use super::http::{get, request};
use crate::run::{Folder, marked, unique_marker, until};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_task_runs_in_its_sandbox_with_its_environment,
        what_a_task_writes_can_be_read_and_nothing_else,
        arguments_are_passed_as_they_are,
        archives_are_unpacked_and_programs_made_executable,
        what_cannot_be_fetched_is_named,
        images_are_refused_by_name,
        what_a_task_uses_is_told,
        agents_have_an_address_of_their_own,
        a_task_that_uses_too_much_memory_is_killed,
        a_task_that_takes_too_long_is_killed,
        nothing_is_left_of_a_task_whatever_it_started,
        an_interrupt_ends_all_tasks_and_the_master,
        killing_the_master_leaves_no_task_behind,
    ]
}

/// Runs a task to its end; what it wrote on its standard output.
fn run(
    change: &serde_json::Value,
    wanted: TaskState,
) -> (Master, String, proffer_mesos::types::TaskStatus) {
    let master = Master::start("2cpu,1Gi", &[]);
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    let mut one = task("t", &offer, "exit 0");
    one.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    framework.launch(&[&offer], &[one]);
    let status = framework.update("t", wanted);
    let runs = master.folder.path().join(format!(
        "sandboxes/slaves/{}/frameworks/{}/executors/t/runs",
        offer.agent_id.value, framework.id
    ));
    // One that was never started has none.
    let run = std::fs::read_dir(runs).ok().and_then(|mut runs| runs.next()).transpose().unwrap();
    let stdout = run.and_then(|run| std::fs::read_to_string(run.path().join("stdout")).ok());
    let stdout = stdout.unwrap_or_default();
    (master, stdout, status)
}

fn a_task_runs_in_its_sandbox_with_its_environment() {
    let line = r#"test "$PWD" = "$MESOS_SANDBOX" && echo "$GREETING $1" && cat hosts > copy && ls"#;
    let command = json!({
        "shell": true,
        "value": line,
        "environment": { "variables": [{ "name": "GREETING", "value": "hello" }] },
        "uris": [{ "value": "/etc/hosts" }],
    });
    let (_, stdout, _) = run(&json!({ "command": command }), TaskState::Finished);
    assert_eq!(stdout, "hello \ncopy\nhosts\nstderr\nstdout\n");
}

fn what_a_task_writes_can_be_read_and_nothing_else() {
    let master = Master::start("2cpu,1Gi", &[]);
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    let line = "echo hello; ln -s /etc/hosts outside; sleep 1000";
    framework.launch(&[&offer], &[task("t", &offer, line)]);
    framework.update("t", TaskState::Running);
    let state = get(&master.address, "/slave(1)/state").json();
    let executor = &state["frameworks"][0]["executors"][0];
    assert_eq!(executor["id"], json!("t"));
    let sandbox = executor["directory"].as_str().unwrap();
    let read = |file: &str, rest: &str| {
        get(&master.address, &format!("/files/read?path={sandbox}/{file}{rest}"))
    };
    until("the task has written", || read("stdout", "").json()["offset"] == json!(6));
    assert_eq!(read("stdout", "&offset=1&length=3").json()["data"], json!("ell"));
    let whole = get(&master.address, &format!("/files/download?path={sandbox}/stdout"));
    assert_eq!(whole.text(), "hello\n");
    until("everything is there", || {
        let listed = get(&master.address, &format!("/files/browse?path={sandbox}")).json();
        listed.as_array().unwrap().len() == 3
    });
    for outside in ["outside", "../../../../../../../../../../etc/hosts"] {
        assert_eq!(read(outside, "&offset=0").status, 404, "{outside}");
    }
    assert_eq!(get(&master.address, "/files/read").status, 400);
}

fn arguments_are_passed_as_they_are() {
    let command = json!({
        "shell": false, "value": "/bin/echo", "arguments": ["echo", "a b", "$HOME", "*"],
    });
    let (_, stdout, _) = run(&json!({ "command": command }), TaskState::Finished);
    assert_eq!(stdout, "a b $HOME *\n");
}

fn archives_are_unpacked_and_programs_made_executable() {
    let source = tempfile::tempdir().unwrap();
    std::fs::write(source.path().join("inside"), "from the archive\n").unwrap();
    std::fs::write(source.path().join("program"), "#!/bin/sh\ncat inside\n").unwrap();
    let archive = source.path().join("all.tar.gz");
    let made = std::process::Command::new("tar")
        .arg("-C")
        .arg(source.path())
        .arg("-czf")
        .arg(&archive)
        .arg("inside")
        .status()
        .unwrap();
    assert!(made.success());
    let program = format!("file://{}", source.path().join("program").display());
    let command = json!({
        "value": "bin/run",
        "uris": [
            { "value": archive },
            { "value": program, "executable": true, "output_file": "bin/run" },
        ],
    });
    let (_, stdout, _) = run(&json!({ "command": command }), TaskState::Finished);
    assert_eq!(stdout, "from the archive\n");
}

fn what_cannot_be_fetched_is_named() {
    for (uri, problem) in [
        ("/no/such/file", "/no/such/file"),
        ("hdfs://host/file", "http://"),
        ("http://127.0.0.1:1/file", "cannot fetch"),
    ] {
        let command = json!({ "value": "true", "uris": [{ "value": uri }] });
        let (_, _, status) = run(&json!({ "command": command }), TaskState::Failed);
        assert_eq!(status.reason, Some(Reason::ContainerLaunchFailed.into()));
        let message = status.message.unwrap();
        assert!(message.contains(problem), "{message}");
    }
}

fn images_are_refused_by_name() {
    let container = json!({ "type": "DOCKER", "docker": { "image": "busybox" } });
    let (_, _, status) = run(&json!({ "container": container }), TaskState::Failed);
    assert!(status.message.unwrap().contains("image"));
}

/// Where tools look for agents, all of them are, and nothing can be changed.
fn agents_have_an_address_of_their_own() {
    let folder = Folder::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let more = ["--mesos-agents", &free.to_string()];
    let master = Master::start_with(folder, "2x1cpu,1Gi", &[], &more);
    let agents = free.to_string();
    let slaves = get(&master.address, "/slaves").json();
    for (index, slave) in slaves["slaves"].as_array().unwrap().iter().enumerate() {
        let number = index + 1;
        assert_eq!(slave["pid"], json!(format!("slave({number})@{agents}")));
        assert_eq!(slave["port"], json!(free.port()));
        let state = get(&agents, &format!("/slave({number})/state")).json();
        assert_eq!(state["id"], slave["id"]);
    }
    assert_eq!(get(&agents, "/state").json()["id"], slaves["slaves"][0]["id"]);
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    assert_eq!(offer.url.as_ref().unwrap().address.port, i32::from(free.port()));
    framework.launch(&[&offer], &[task("t", &offer, "echo said; sleep 1000")]);
    framework.update("t", TaskState::Running);
    let agent = offer.url.unwrap().path.unwrap();
    let state = get(&agents, &format!("{agent}/state")).json();
    let folder = state["frameworks"][0]["executors"][0]["directory"].as_str().unwrap().to_owned();
    until("it has said something", || {
        let path = format!("/files/read?path={folder}/stdout&offset=0");
        get(&agents, &path).json()["data"] == json!("said\n")
    });
    assert_eq!(get(&agents, &format!("{agent}/monitor/statistics")).json()[0]["executor_id"], "t");
    for path in ["/weights", "/slave(1)/weights"] {
        let headers = [("Content-Type", "application/json")];
        assert_eq!(request(&agents, "PUT", path, &headers, b"[]").status, 404, "{path}");
    }
}

/// What a task and all that it has started use is told by its agent.
fn what_a_task_uses_is_told() {
    let master = Master::start("2cpu,1Gi", &[]);
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    let busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; sleep 1000 & wait";
    framework.launch(&[&offer], &[task("t", &offer, busy)]);
    framework.update("t", TaskState::Running);
    let statistics = |endpoint: &str| {
        let listed = get(&master.address, &format!("/slave(1)/{endpoint}")).json();
        listed[0]["statistics"].clone()
    };
    until("the loop is over", || statistics("containers")["processes"].as_u64() >= Some(2));
    for endpoint in ["containers", "monitor/statistics"] {
        let told = statistics(endpoint);
        assert!(told["cpus_user_time_secs"].as_f64().unwrap() > 0.0, "{told}");
        assert!(told["mem_rss_bytes"].as_u64().unwrap() > 4096, "{told}");
        assert!(told["threads"].as_u64() >= told["processes"].as_u64(), "{told}");
    }
}

fn a_task_that_uses_too_much_memory_is_killed() {
    let hoard = json!({ "value": "x=$(head -c 200000000 /dev/zero | tr '\\0' x); sleep 1000" });
    let change = json!({ "command": hoard, "resources": super::framework::resources(0.5, 32.0) });
    let (_, _, status) = run(&change, TaskState::Failed);
    assert_eq!(status.reason, Some(Reason::ContainerLimitationMemory.into()), "{status:?}");
}

fn a_task_that_takes_too_long_is_killed() {
    let change = json!({
        "command": { "value": "sleep 1000" },
        "max_completion_time": { "nanoseconds": 200_000_000 },
    });
    let (_, _, status) = run(&change, TaskState::Failed);
    assert_eq!(status.reason, Some(Reason::MaxCompletionTimeReached.into()));
}

fn nothing_is_left_of_a_task_whatever_it_started() {
    let marker = unique_marker();
    let line = format!("setsid sleep {marker} & sleep {marker} & exit 0");
    let (_master, _, _) = run(&json!({ "command": { "value": line } }), TaskState::Finished);
    assert!(marked(&marker).is_empty());
}

fn an_interrupt_ends_all_tasks_and_the_master() {
    let (master, marker) = (Master::start("2cpu,1Gi", &[]), unique_marker());
    let mut framework = Framework::subscribe(&master, &json!({ "failover_timeout": 600 }));
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, &format!("exec sleep {marker}"))]);
    framework.update("t", TaskState::Running);
    until("the task runs", || marked(&marker).len() == 1);
    master.running.signal(Signal::INT);
    master.running.wait().expect_code(130);
    assert!(marked(&marker).is_empty());
}

fn killing_the_master_leaves_no_task_behind() {
    let (master, marker) = (Master::start("2cpu,1Gi", &[]), unique_marker());
    let mut framework = Framework::subscribe(&master, &json!({ "failover_timeout": 600 }));
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, &format!("exec sleep {marker}"))]);
    framework.update("t", TaskState::Running);
    until("the task runs", || marked(&marker).len() == 1);
    master.running.signal(Signal::KILL);
    until("the task is gone", || marked(&marker).is_empty());
}
