//! Real clients of Mesos, from `PyPI`, that know nothing of Proffer.
//!
//! They are installed by `.ci/run` in a virtual environment; `PROFFER_TEST_MESOS_CLIENTS` names it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::Master;
use super::framework::{Framework, task};
use proffer_mesos::types::TaskState;
use proffer_test_harness::{Fixture, Test, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![mesoshttp_plays, avmesos_plays, avmesos_cli_lists]
}

/// A virtual environment with the clients.
struct MesosClients(PathBuf);

impl Fixture for MesosClients {
    fn set_up() -> Result<Self, String> {
        let named = std::env::var_os("PROFFER_TEST_MESOS_CLIENTS").ok_or(
            "PROFFER_TEST_MESOS_CLIENTS does not name a virtual environment with mesoshttp, avmesos and \
             avmesos-cli",
        )?;
        Ok(Self(named.into()))
    }
}

/// A framework in Python: registers, launches a task that ends and one that is killed, reconciles,
/// and ends. Both libraries have the same interface.
const SCRIPT: &str = r"
import sys, threading, logging
library, url = sys.argv[1], sys.argv[2]
client_module = __import__(library + '.client', fromlist=['MesosClient'])
MesosClient = client_module.MesosClient
logging.basicConfig(level=logging.ERROR)
client = MesosClient(mesos_urls=[url], frameworkName=library, frameworkUser='nobody')
client.max_reconnect = 1
driver, states, launched = [None], [], []
done = threading.Event()

def subscribed(d):
    driver[0] = d
    print('subscribed', flush=True)

def offers(offers):
    for offer in offers:
        if launched:
            offer.decline()
            continue
        info = offer.get_offer()
        agent = info['agent_id']['value']
        def task(name, line):
            return {
                'name': name, 'task_id': {'value': name}, 'agent_id': {'value': agent},
                'resources': [
                    {'name': 'cpus', 'type': 'SCALAR', 'scalar': {'value': 0.1}},
                    {'name': 'mem', 'type': 'SCALAR', 'scalar': {'value': 32}},
                ],
                'command': {'value': line},
            }
        launched.append(agent)
        offer.accept([task('ends', 'exit 0'), task('stays', 'sleep 1000')])

def update(status):
    status = status['status']
    name, state = status['task_id']['value'], status['state']
    reason = status.get('reason', '')
    print(name, state, reason, flush=True)
    if name == 'stays' and state == 'TASK_RUNNING' and not reason:
        driver[0].reconcile([{'task_id': {'value': 'stays'}, 'agent_id': {'value': launched[0]}}])
    if reason == 'REASON_RECONCILIATION':
        driver[0].kill(launched[0], 'stays')
    states.append((name, state))
    if ('stays', 'TASK_KILLED') in states and ('ends', 'TASK_FINISHED') in states:
        driver[0].tearDown()
        print('torn down', flush=True)
        done.set()

client.on(MesosClient.SUBSCRIBED, subscribed)
client.on(MesosClient.OFFERS, offers)
client.on(MesosClient.UPDATE, update)
thread = threading.Thread(target=client.register, daemon=True)
thread.start()
sys.exit(0 if done.wait(60) else 1)
";

fn plays(environment: &Path, library: &str) {
    let master = Master::start("2cpu,1Gi", &[]);
    let script = master.folder.write("framework.py", SCRIPT);
    let output = Command::new(environment.join("bin/python"))
        .arg(script)
        .args([library, &format!("http://{}", master.address)])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    for line in [
        "subscribed",
        "ends TASK_FINISHED ",
        "stays TASK_RUNNING ",
        "stays TASK_RUNNING REASON_RECONCILIATION",
        "stays TASK_KILLED ",
        "torn down",
    ] {
        assert!(said.lines().any(|said| said == line), "no \"{line}\" in:\n{said}\n{errors}");
    }
}

fn mesoshttp_plays(MesosClients(environment): MesosClients) {
    plays(&environment, "mesoshttp");
}

fn avmesos_plays(MesosClients(environment): MesosClients) {
    plays(&environment, "avmesos");
}

fn avmesos_cli_lists(MesosClients(environment): MesosClients) {
    let master = Master::start("2cpu,1Gi", &[]);
    let mut framework = Framework::subscribe(&master, &json!({ "name": "listed" }));
    let offer = framework.offer();
    framework.launch(&[&offer], &[task("t", &offer, "sleep 1000")]);
    let running = framework.update("t", TaskState::Running);
    framework.acknowledge(&running);
    let config = format!("[master]\naddress = \"{}\"\n", master.address);
    let config = master.folder.write("config.toml", config);
    let mesos = |arguments: &[&str]| {
        let output = Command::new(environment.join("bin/python"))
            .args(["-m", "avmesos.cli.mesos-cli"])
            .args(arguments)
            .env("MESOS_CLI_CONFIG", &config)
            .env("HOME", master.folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        said
    };
    let agents = mesos(&["agent", "list"]);
    assert!(agents.contains(&offer.agent_id.value) && agents.contains("True"), "{agents}");
    let frameworks = mesos(&["framework", "list"]);
    assert!(frameworks.contains(&framework.id) && frameworks.contains("listed"), "{frameworks}");
    let tasks = mesos(&["task", "list"]);
    assert!(tasks.contains("TASK_RUNNING") && tasks.contains(&framework.id), "{tasks}");
    let inspected = mesos(&["task", "inspect", "t"]);
    assert!(inspected.contains("\"id\": \"t\""), "{inspected}");
}
