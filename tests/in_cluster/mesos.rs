//! Software written for Mesos, served by the operator: tasks are pods.

#[path = "../mesos/behaviours.rs"]
mod behaviours;
#[path = "../mesos/framework.rs"]
pub(crate) mod framework;
#[path = "../mesos/http.rs"]
pub(crate) mod http;

use std::net::TcpStream;
use std::time::{Duration, Instant};

use proffer_mesos::content::ContentType;
use proffer_mesos::scheduler::EventType;
use proffer_mesos::types::{Offer, TaskState, TaskStatus, TaskStatusReason as Reason};
use rustix::process::Signal;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::{Value, json};

use crate::cluster::{self, AloneOnThisMachine, Turn, json as get_json, kubectl, run, say};
use crate::operators::{both_are_there, leader};
use crate::processes;
use framework::{Framework, info, state, task};
use http::get;
use proffer_test_harness::{Fixture, Test, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        mesos_behaves_so_in_a_cluster,
        tasks_are_pods_that_kubectl_shows,
        commands_have_files_environment_and_ports,
        what_reaches_beyond_a_pod_is_refused_unless_settings_allow_it,
        images_that_do_not_exist_fail_their_tasks,
        executors_run_tasks_in_one_pod_and_outlive_the_operator,
        a_killed_operator_loses_no_task_and_no_update,
        deleting_the_job_is_a_teardown,
        a_framework_that_does_not_come_back_fails,
    ]
}

/// Where frameworks and their tasks are, as `values.yaml` says.
const NAMESPACE: &str = "test-mesos";

/// How long something may take that must happen.
const PATIENCE: Duration = Duration::from_secs(180);

/// The pause before something is looked at again that cannot be watched.
const PAUSE: Duration = Duration::from_millis(200);

/// What asks for nodes of a certain size or name, or leaves the other tests no room for what they count.
const NOT_HERE: &[&str] = &[
    // The only framework ever.
    "MasterTest.FrameworkSubscribeEmptyId",
    "MasterTest.FrameworksEndpointMultipleFrameworks",
    "MasterTest.StateSummaryEndpoint",
    "MasterTest.TasksEndpoint",
    "MasterTest.GetExecutors",
    "TeardownTest.Success",
    // Less memory than any container starts with.
    "MasterTest.TaskWithTinyResources",
    // Nodes of just two cpus, with nothing else on them.
    "MasterTest.LaunchCombinedOfferTest",
    "MasterTest.ReleaseResourcesForTerminalTaskWithPendingUpdates",
    "MasterTest.StateEndpoint",
    "MasterTest.MetricsInMetricsEndpoint",
    "MasterAllocatorTest.ResourcesUnused",
    "MasterAllocatorTest.TaskFinished",
    "MasterAllocatorTest.FrameworkExited",
    "MasterAllocatorTest.CpusOnlyOfferedAndTaskLaunched",
    // Names and labels of local nodes.
    "MasterTest.SlavesEndpointQuerySlave",
    "OfferConstraintsTest.HostnameEquals",
];

/// The operator that serves frameworks, with as many nodes as a test wants.
pub(crate) struct Master {
    pub(crate) address: String,
    pools: Vec<String>,
}

/// A connection to it, from within the cluster's network.
fn connect(address: &str) -> TcpStream {
    try_connect(address).unwrap()
}

fn try_connect(address: &str) -> std::io::Result<TcpStream> {
    let state = cluster::state();
    let name = state.file_name().unwrap().to_str().unwrap().replace("-cluster", "");
    let address = address.to_owned();
    // A thread of its own, as it stays in that network.
    let connecting = std::thread::spawn(move || {
        let network = std::fs::File::open(format!("/run/netns/{name}"))?;
        move_into_link_name_space(
            std::os::fd::AsFd::as_fd(&network),
            Some(LinkNameSpaceType::Network),
        )?;
        TcpStream::connect(address)
    });
    connecting.join().unwrap()
}

impl Master {
    /// The operator; with one node unless there are to be two (`2x…`), and with these pools.
    pub(crate) fn start(nodes: &str, pools: &[&str]) -> Self {
        let service = get_json(&["-n", "proffer-system", "get", "service", "proffer-mesos"]);
        let address = format!("{}:5050", service["spec"]["clusterIP"].as_str().unwrap());
        run(&["kubectl", "create", "namespace", NAMESPACE], "");
        let master = Self { address, pools: pools.iter().map(|&name| name.to_owned()).collect() };
        for pool in pools {
            let pool = json!({
                "apiVersion": "proffer.dev/v1alpha1", "kind": "ResourcePool",
                "metadata": {"name": pool}, "spec": {},
            });
            cluster::output(&["kubectl", "apply", "-f", "-"], &pool.to_string());
        }
        let wanted = if nodes.starts_with("2x") { 2 } else { 1 };
        kubectl(&[if wanted == 1 { "cordon" } else { "uncordon" }, "node-1"]);
        master.until("nodes and pools are as they should be", || {
            if try_connect(&master.address).is_err() {
                return false;
            }
            let slaves = get(&master.address, "/slaves").json();
            let active = slaves["slaves"].as_array().unwrap().iter();
            let roles = get(&master.address, "/roles").json();
            let roles = roles["roles"].as_array().unwrap();
            let is_there = |pool: &&str| {
                let role = pool.replace('.', "/");
                roles.iter().any(|known| known["name"] == json!(role))
            };
            active.filter(|slave| slave["active"] == json!(true)).count() == wanted
                && pools.iter().all(is_there)
        });
        master
    }

    /// Waits until something is so.
    #[allow(clippy::unused_self)] // Whoever serves says how.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}\n{}", story());
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&story());
        }
        let delete = ["kubectl", "-n", NAMESPACE, "delete", "sparkjobs", "--all", "--timeout=60s"];
        run(&delete, "");
        for pool in &self.pools {
            run(&["kubectl", "delete", "resourcepool", pool, "--timeout=60s"], "");
        }
        // What frameworks' operators decided about nodes stands there.
        run(&["kubectl", "annotate", "nodes", "--all", "proffer.dev/maintenance-"], "");
        run(&["kubectl", "uncordon", "node-0"], "");
    }
}

/// What there is to see, for who has to find out why a test failed.
fn story() -> String {
    let show = |arguments: &[&str]| {
        let output = run(&[&["kubectl"], arguments].concat(), "");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    [
        show(&["-n", NAMESPACE, "get", "sj,pods,events", "-o", "wide"]),
        show(&["-n", "proffer-system", "logs", "-l", "proffer.dev/leader=true", "--tail=20"]),
    ]
    .join("\n")
}

/// The cluster, where the Service of the operator is reached from here, for tests that cordon a node.
struct Here {
    _turn: Turn,
}

impl Drop for Here {
    fn drop(&mut self) {
        run(&["kubectl", "uncordon", "node-1"], "");
    }
}

impl Fixture for Here {
    fn set_up() -> Result<Self, String> {
        AloneOnThisMachine::set_up().map(|AloneOnThisMachine(turn)| Self { _turn: turn })
    }
}

fn pods(labels: &str) -> Vec<Value> {
    let pods = get_json(&["-n", NAMESPACE, "get", "pods", "-l", labels]);
    pods["items"].as_array().unwrap().clone()
}

fn pod_of(task: &str) -> Value {
    pods(&format!("proffer.dev/task={task}")).pop().unwrap_or_default()
}

fn job_of(framework: &Framework) -> Value {
    let jobs = get_json(&["-n", NAMESPACE, "get", "sparkjobs"]);
    let mut jobs = jobs["items"].as_array().unwrap().iter();
    let is_it = |job: &&Value| job["spec"]["mesos"]["frameworkId"] == json!(framework.id);
    jobs.find(is_it).cloned().unwrap_or_default()
}

/// Runs a task until it is in a state. An offer that holds no more, as its node has changed, is followed
/// by another one.
#[track_caller]
fn run_until(
    framework: &mut Framework,
    task: (&str, &str, &Value),
    wanted: TaskState,
) -> TaskStatus {
    let (name, line, more) = task;
    launch(framework, name, line, more);
    loop {
        let status = framework.next_update();
        if status.task_id.value != name {
            continue;
        }
        if state(&status) == wanted {
            return status;
        }
        framework.acknowledge(&status);
        match state(&status) {
            TaskState::Starting | TaskState::Running => {}
            TaskState::Lost if status.reason == Some(Reason::InvalidOffers.into()) => {
                launch(framework, name, line, more);
            }
            _ => panic!("{status:?} instead of {wanted:?}"),
        }
    }
}

/// Launches a task that runs a line of shell, with more fields.
fn launch(framework: &mut Framework, name: &str, line: &str, more: &Value) -> Offer {
    let offer = framework.offer();
    let mut task = task(name, &offer, line);
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    framework.launch(&[&offer], &[task]);
    offer
}

fn mesos_behaves_so_in_a_cluster(_here: Here) {
    // One can be chosen: PROFFER_TEST_BEHAVIOUR=KillTask
    let chosen = std::env::var("PROFFER_TEST_BEHAVIOUR").unwrap_or_default();
    let played = behaviours::play(|name| name.contains(&chosen) && !NOT_HERE.contains(&name));
    say(&format!("{played} behaviours of Mesos were played on the cluster"));
}

fn tasks_are_pods_that_kubectl_shows(_here: Here) {
    let master = Master::start("1", &[]);
    let mut framework = Framework::subscribe(&master, &json!({"name": "shown"}));
    let offer = launch(&mut framework, "web.1", "echo here it is; sleep 1000", &json!({}));
    let running = framework.update("web.1", TaskState::Running);
    let pod = pod_of("web.1");
    assert_eq!(pod["spec"]["nodeName"], json!(offer.hostname));
    assert_eq!(pod["status"]["phase"], "Running");
    let node = get_json(&["get", "node", &offer.hostname]);
    assert_eq!(node["metadata"]["uid"], json!(offer.agent_id.value));
    let container = running.container_status.unwrap();
    assert_eq!(container.container_id.unwrap().value, pod["metadata"]["uid"]);
    let address = &container.network_infos[0].ip_addresses[0].ip_address;
    assert_eq!(json!(address), pod["status"]["podIP"]);
    // What it writes can be read as if it were in a sandbox.
    let state = get(&master.address, "/state").json();
    let executor = &state["frameworks"][0]["executors"][0];
    let path = format!("{}/stdout", executor["directory"].as_str().unwrap());
    master.until("it has written something", || {
        let read = get(&master.address, &format!("/files/read?path={path}&offset=0"));
        read.status == 200 && read.json()["data"] == "here it is\n"
    });
    let length = get(&master.address, &format!("/files/read?path={path}&offset=-1")).json();
    assert_eq!(length["offset"], 11);
    let folder = get(&master.address, &format!("/files/browse?path={}", &path[..path.len() - 7]));
    assert_eq!(folder.json()[0]["path"], json!(path));
    let download = get(&master.address, &format!("/files/download?path={path}"));
    assert_eq!(download.text(), "here it is\n");
    assert_eq!(get(&master.address, "/files/read?path=/etc/passwd&offset=0").status, 404);
    // Its framework is a job, in the pool that its role is.
    master.until("the job says so", || {
        let job = job_of(&framework);
        job["status"]["state"] == "Running" && job["status"]["mesos"]["tasks"] == 1
    });
    let name = job_of(&framework)["metadata"]["name"].as_str().unwrap().to_owned();
    assert!(kubectl(&["-n", NAMESPACE, "get", "sparkjobs"]).contains(&name));
    // What a task writes is the log of its pod, which stays when it has ended.
    let hello = ("hello", "echo hello from $MESOS_TASK_ID", &json!({}));
    let last = run_until(&mut framework, hello, TaskState::Finished);
    framework.acknowledge(&last);
    let pod = pod_of("hello")["metadata"]["name"].as_str().unwrap().to_owned();
    assert_eq!(kubectl(&["-n", NAMESPACE, "logs", &pod]), "hello from hello\n");
}

fn commands_have_files_environment_and_ports(_here: Here) {
    let master = Master::start("1", &[]);
    let mut framework = Framework::subscribe(&master, &json!({}));
    let uris = json!([
        {"value": "file:///etc/passwd", "output_file": "etc/known", "extract": false},
        {"value": "file:///bin/busybox", "executable": true},
    ]);
    let variables = json!([{"name": "WORD", "value": "a $(b) $$ $$(c)"}]);
    let line = "test -s etc/known && ./busybox true && test \"$WORD\" = 'a $(b) $$ $$(c)' && test $$ -gt 0";
    let command = json!({"value": line, "uris": uris, "environment": {"variables": variables}});
    let files = ("files", "", &json!({"command": command}));
    let last = run_until(&mut framework, files, TaskState::Finished);
    framework.acknowledge(&last);
    // What cannot be fetched is named.
    let missing = json!({"value": "true", "uris": [{"value": "file:///no/such/file"}]});
    let missing = ("missing", "", &json!({"command": missing}));
    let last = run_until(&mut framework, missing, TaskState::Failed);
    assert!(last.message.clone().unwrap().contains("/no/such/file"), "{last:?}");
    framework.acknowledge(&last);
    framework.teardown();
    // A port that a task holds is one of its node.
    let mut framework = Framework::subscribe(&master, &json!({}));
    let mut all = framework::resources(0.5, 64.0);
    all.as_array_mut().unwrap().push(json!({
        "name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31005, "end": 31005}]},
    }));
    let server = ("server", "echo here | nc -l -p 31005", &json!({"resources": all}));
    run_until(&mut framework, server, TaskState::Running);
    let node = get_json(&["get", "node", "node-0"]);
    let addresses = node["status"]["addresses"].as_array().unwrap();
    let address = addresses.iter().find(|it| it["type"] == "InternalIP").unwrap();
    let address = format!("{}:31005", address["address"].as_str().unwrap());
    master.until("the port answers", || {
        let mut text = String::new();
        let read = try_connect(&address)
            .and_then(|mut stream| std::io::Read::read_to_string(&mut stream, &mut text));
        read.is_ok() && text == "here\n"
    });
}

/// `values.yaml` allows everybody ports of nodes, and nothing else.
fn what_reaches_beyond_a_pod_is_refused_unless_settings_allow_it(_here: Here) {
    let master = Master::start("1", &[]);
    let mut framework = Framework::subscribe(&master, &json!({}));
    let host = json!({"type": "DOCKER", "docker": {"image": "busybox:1.37", "network": "HOST"}});
    for (name, fields, setting) in [
        ("root", json!({"command": {"value": "id", "user": "0"}}), "mesos.privileges.root"),
        ("network", json!({"container": host}), "mesos.privileges.hostNetwork"),
    ] {
        let last = run_until(&mut framework, (name, "id", &fields), TaskState::Error);
        assert!(last.message.as_ref().unwrap().contains(setting), "{last:?}");
        framework.acknowledge(&last);
        assert!(pods(&format!("proffer.dev/task={name}")).is_empty());
    }
}

fn images_that_do_not_exist_fail_their_tasks(_here: Here) {
    let master = Master::start("1", &[]);
    let mut framework = Framework::subscribe(&master, &json!({}));
    let container = json!({"type": "DOCKER", "docker": {"image": "localhost/no-such-image:1"}});
    let task = ("t", "true", &json!({"container": container}));
    let last = run_until(&mut framework, task, TaskState::Failed);
    assert!(last.message.unwrap().contains("no-such-image"));
    master.until("its pod is gone", || pods("proffer.dev/task=t").is_empty());
}

/// What an executor of a framework's own would say, whose pod only sleeps.
struct Voice {
    address: String,
    executor: String,
    framework: String,
    /// What it shows, as a header.
    token: String,
}

impl Voice {
    const PATH: &str = "/slave(1)/api/v1/executor";

    /// That of the executor in a pod. What it shows is in a Secret that goes with the pod, and nowhere else.
    fn of(master: &Master, framework: &Framework, pod: &Value) -> Self {
        let env = pod["spec"]["containers"][0]["env"].as_array().unwrap();
        let value = |name: &str| {
            let found = env.iter().find(|it| it["name"] == name).unwrap();
            found["value"].as_str().unwrap().to_owned()
        };
        assert_eq!(value("MESOS_AGENT_ENDPOINT"), "proffer-mesos.proffer-system.svc:5050");
        let name = pod["metadata"]["name"].as_str().unwrap();
        let secret = get_json(&["-n", NAMESPACE, "get", "secret", name]);
        assert_eq!(secret["metadata"]["ownerReferences"][0]["uid"], pod["metadata"]["uid"]);
        let token = run(&["base64", "-d"], secret["data"]["token"].as_str().unwrap()).stdout;
        let token = String::from_utf8(token).unwrap();
        assert!(!pod.to_string().contains(&token));
        assert!(!job_of(framework).to_string().contains(&token));
        Self {
            address: master.address.clone(),
            executor: value("MESOS_EXECUTOR_ID"),
            framework: value("MESOS_FRAMEWORK_ID"),
            token: format!("Bearer {token}"),
        }
    }

    fn call(&self, kind: &str, more: Value) -> String {
        let mut call = json!({
            "type": kind, "executor_id": {"value": self.executor},
            "framework_id": {"value": self.framework},
        });
        call[kind.to_lowercase()] = more;
        call.to_string()
    }

    fn subscribe(&self) -> http::Connection {
        let headers = [("Content-Type", "application/json"), ("Authorization", &*self.token)];
        let body = self.call("SUBSCRIBE", json!({}));
        let mut stream =
            http::Connection::open(&self.address, "POST", Self::PATH, &headers, body.as_bytes());
        assert_eq!(stream.head().status, 200);
        stream
    }

    /// Says what a task is; the answer to somebody who shows this, if anything.
    fn update(&self, task: &str, state: &str, token: Option<&str>) -> http::Reply {
        let body = self.call(
            "UPDATE",
            json!({"status": {
                "task_id": {"value": task}, "state": state, "source": "SOURCE_EXECUTOR",
                "uuid": "AAECAwQFBgcICQoLDA0ODw==", "timestamp": 1.0,
            }}),
        );
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(token.map(|token| ("Authorization", token)));
        http::request(&self.address, "POST", Self::PATH, &headers, body.as_bytes())
    }
}

fn executors_run_tasks_in_one_pod_and_outlive_the_operator(_here: Here) {
    let master = Master::start("1", &[]);
    let mut framework = Framework::subscribe(&master, &json!({}));
    let offer = framework.offer();
    let executor = json!({
        "executor_id": {"value": "e"}, "command": {"value": "sleep 1000"},
        "resources": framework::resources(0.1, 32.0),
    });
    let task = |name: &str| {
        json!({
            "name": name, "task_id": {"value": name}, "executor": executor,
            "agent_id": {"value": offer.agent_id.value},
            "resources": framework::resources(0.1, 32.0),
        })
    };
    framework.launch(&[&offer], &[task("a"), task("b")]);
    let its_pods = || pods("app.kubernetes.io/name=mesos-task");
    master.until("its only pod runs", || {
        let pods = its_pods();
        pods.len() == 1 && pods[0]["status"]["phase"] == "Running"
    });
    let voice = Voice::of(&master, &framework, &its_pods().pop().unwrap());
    let mut stream = voice.subscribe();
    hear_launches(&mut stream, 2);
    // Nobody else ends its tasks, although everybody is served here.
    for token in [None, Some("Bearer guessed")] {
        let reply = voice.update("a", "TASK_FAILED", token);
        assert_eq!(reply.status, 400, "{}", reply.text());
    }
    let reply = voice.update("b", "TASK_RUNNING", Some(&voice.token));
    assert_eq!(reply.status, 202, "{}", reply.text());
    let running = framework.update("b", TaskState::Running);
    framework.acknowledge(&running);
    // Another operator knows both, and the executor finds it.
    replace_leader(&master);
    let again = info(&json!({"id": {"value": framework.id}}));
    let mut framework =
        Framework::subscribe_as(&master, ContentType::Json, &json!({ "framework_info": again }));
    // What it has not spoken of yet it is told again.
    let mut stream = voice.subscribe();
    hear_launches(&mut stream, 1);
    assert_eq!(its_pods().len(), 1);
    // They end with their executor.
    framework.accepted(json!({"type": "SHUTDOWN", "shutdown": {
        "executor_id": {"value": "e"}, "agent_id": {"value": offer.agent_id.value},
    }}));
    framework.update("a", TaskState::Failed);
    master.until("its pod is gone", || its_pods().is_empty());
    master.until("its Secret is gone", || {
        let ours =
            ["-n", NAMESPACE, "get", "secrets", "-l", "app.kubernetes.io/managed-by=proffer"];
        get_json(&ours)["items"].as_array().unwrap().is_empty()
    });
    master.until("both operators are there", both_are_there);
}

/// Reads what an executor is told until it is subscribed and knows so many tasks.
fn hear_launches(stream: &mut http::Connection, launches: usize) {
    let mut told = String::new();
    while !(told.contains("SUBSCRIBED") && told.matches("LAUNCH").count() >= launches) {
        told.push_str(&String::from_utf8(stream.chunk().unwrap()).unwrap());
    }
}

/// Kills the operator that serves, and waits until another one does.
fn replace_leader(master: &Master) {
    let pod = leader().unwrap();
    let id = processes::of_pod("proffer", &pod).unwrap();
    processes::send(id, Signal::KILL);
    kubectl(&["-n", "proffer-system", "delete", "pod", &pod, "--wait=false"]);
    master.until("another operator leads", || leader().is_some_and(|now| now != pod));
    master.until("it serves", || {
        try_connect(&master.address).is_ok() && {
            let state = http::try_get(&master.address, "/health");
            state.is_some_and(|reply| reply.status == 200)
        }
    });
}

fn a_killed_operator_loses_no_task_and_no_update(_here: Here) {
    let master = Master::start("2x", &[]);
    let fields = json!({"name": "survivor", "failover_timeout": 3600});
    let mut framework = Framework::subscribe(&master, &fields);
    for name in ["stays", "killed"] {
        let task = (name, "sleep 1000", &json!({}));
        let running = run_until(&mut framework, task, TaskState::Running);
        framework.acknowledge(&running);
    }
    let ends = ("ends", "exit 7", &json!({}));
    let failed = run_until(&mut framework, ends, TaskState::Failed);
    // Nothing of these two is acknowledged, and one of them has no pod any more.
    framework.kill("killed");
    let killed = framework.update("killed", TaskState::Killed);
    master.until("the update is stored", || {
        job_of(&framework)["status"]["mesos"]["updates"][0]["task"] == "killed"
    });
    let uid = pod_of("stays")["metadata"]["uid"].clone();
    replace_leader(&master);
    let subscribe = json!({"framework_info": info(&{
        let mut again = fields.clone();
        again["id"] = json!({"value": framework.id});
        again
    })});
    let mut again = Framework::subscribe_as(&master, ContentType::Json, &subscribe);
    assert_eq!(again.id, framework.id);
    let mut told = std::collections::BTreeMap::new();
    while told.len() < 3 {
        let update = again.next_update();
        again.acknowledge(&update);
        told.insert(update.task_id.value.clone(), update);
    }
    let of = |task: &str| (state(&told[task]), told[task].uuid.clone());
    assert_eq!(of("stays").0, TaskState::Running);
    assert_eq!(of("ends"), (TaskState::Failed, failed.uuid));
    assert_eq!(of("killed"), (TaskState::Killed, killed.uuid));
    assert_eq!(pod_of("stays")["metadata"]["uid"], uid, "it runs on");
    again.kill("stays");
    again.update("stays", TaskState::Killed);
    again.teardown();
    master.until("both operators are there", both_are_there);
}

fn deleting_the_job_is_a_teardown(_here: Here) {
    let master = Master::start("1", &[]);
    let mut framework = Framework::subscribe(&master, &json!({"failover_timeout": 3600}));
    launch(&mut framework, "t", "sleep 1000", &json!({}));
    framework.update("t", TaskState::Running);
    let name = job_of(&framework)["metadata"]["name"].as_str().unwrap().to_owned();
    kubectl(&["-n", NAMESPACE, "delete", "sparkjob", &name]);
    assert_eq!(framework.try_next(EventType::Failure), None, "the connection is closed");
    master.until("its pods are gone", || pods(&format!("proffer.dev/job={name}")).is_empty());
    let again = info(&json!({"id": {"value": framework.id}}));
    let again = json!({ "framework_info": again });
    let mut again = Framework::connect(&master, ContentType::Json, &again);
    let error = again.next(EventType::Error).error.unwrap();
    assert_eq!(error.message, "Framework has been removed");
}

fn a_framework_that_does_not_come_back_fails(_here: Here) {
    let master = Master::start("1", &[]);
    let mut framework = Framework::subscribe(&master, &json!({"failover_timeout": 1}));
    launch(&mut framework, "t", "sleep 1000", &json!({}));
    framework.update("t", TaskState::Running);
    framework.disconnect();
    master.until("it is given up", || {
        let job = job_of(&framework);
        job["status"]["state"] == "Failed" && pods("proffer.dev/task=t").is_empty()
    });
    let job = job_of(&framework);
    assert!(job["status"]["message"].as_str().unwrap().contains("failover_timeout"), "{job:#}");
}
