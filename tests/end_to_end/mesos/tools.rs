//! What tools that only read look at, where they look and as what they take it: mesos-dns and
//! `mesos_exporter`. Both are in Go, where a value of another type ends the reading.

use serde_json::{Value, json};

use super::Master;
use super::framework::{Framework, task};
use super::http::get;
use proffer_mesos::types::TaskState;
use proffer_test_harness::{Test, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![what_mesos_dns_reads, what_mesos_exporter_reads]
}

/// A master with a task that can be discovered.
fn with_a_task() -> (Master, Framework) {
    let master = Master::start("2cpu,1Gi", &[]);
    let info = json!({ "name": "web", "hostname": "scheduler.example" });
    let mut framework = Framework::subscribe(&master, &info);
    let offer = framework.offer();
    let mut task = task("t", &offer, "sleep 1000");
    task["discovery"] = json!({
        "visibility": "CLUSTER", "name": "shop",
        "ports": { "ports": [{ "number": 31000, "name": "http", "protocol": "tcp" }] },
    });
    task["resources"].as_array_mut().unwrap().push(json!({
        "name": "ports", "type": "RANGES",
        "ranges": { "range": [{ "begin": 31000, "end": 31001 }] },
    }));
    framework.launch(&[&offer], &[task]);
    framework.update("t", TaskState::Running);
    (master, framework)
}

/// Its `state.State`: the leader, agents by their `pid`, tasks by name with addresses and ports.
fn what_mesos_dns_reads() {
    let (master, framework) = with_a_task();
    let state = get(&master.address, "/state").json();
    assert_eq!(state["leader"], format!("master@{}", master.address));
    let agent = &state["slaves"][0];
    let pid = agent["pid"].as_str().unwrap();
    let (name, address) = pid.split_once('@').unwrap();
    assert_eq!(name, "slave(1)");
    address.parse::<std::net::SocketAddr>().unwrap();
    assert!(agent["hostname"].is_string());

    let known = &state["frameworks"][0];
    assert_eq!((&known["name"], &known["hostname"]), (&json!("web"), &json!("scheduler.example")));
    assert_eq!(known["active"], true);
    // Where a framework speaks HTTP there is no pid, and an empty one is none that can be read.
    assert!(known.get("pid").is_none());
    let task = &known["tasks"][0];
    assert_eq!((&task["id"], &task["name"]), (&json!("t"), &json!("t")));
    assert_eq!(task["framework_id"], *framework.id);
    assert_eq!(task["slave_id"], agent["id"]);
    assert_eq!(task["state"], "TASK_RUNNING");
    assert_eq!(task["resources"]["ports"], "[31000-31001]");
    assert_eq!(task["discovery"]["name"], "shop");
    assert_eq!(task["discovery"]["visibility"], "CLUSTER");
    let port = &task["discovery"]["ports"]["ports"][0];
    assert_eq!(*port, json!({ "number": 31000, "name": "http", "protocol": "tcp" }));
    let status = task["statuses"].as_array().unwrap().last().unwrap();
    assert_eq!(status["state"], "TASK_RUNNING");
    assert!(status["timestamp"].is_f64(), "{status}");
    let networks = &status["container_status"]["network_infos"];
    let address = networks[0]["ip_addresses"][0]["ip_address"].as_str().unwrap();
    address.parse::<std::net::IpAddr>().unwrap();
}

/// Its collectors: metrics of master and agent as numbers, and what the containers of an agent use.
fn what_mesos_exporter_reads() {
    let (master, _framework) = with_a_task();
    let metrics = get(&master.address, "/metrics/snapshot").json();
    let are_numbers = |metrics: &Value, names: &[&str]| {
        for name in names {
            assert!(metrics[name].is_number(), "{name} in {metrics}");
        }
    };
    let of_master = [
        "master/cpus_total",
        "master/cpus_used",
        "master/cpus_percent",
        "master/mem_total",
        "master/mem_used",
        "master/disk_total",
        "master/elected",
        "master/uptime_secs",
        "master/slaves_active",
        "master/slaves_inactive",
        "master/slave_registrations",
        "master/slave_removals",
        "master/frameworks_active",
        "master/frameworks_connected",
        "master/outstanding_offers",
        "master/tasks_running",
        "master/tasks_staging",
        "master/tasks_finished",
        "master/tasks_lost",
        "master/messages_launch_tasks",
        "master/valid_status_updates",
        "system/cpus_total",
        "system/load_1min",
        "system/load_15min",
        "system/mem_free_bytes",
        "system/mem_total_bytes",
    ];
    are_numbers(&metrics, &of_master);
    assert_eq!(metrics["master/tasks_running"].as_f64(), Some(1.0));

    let metrics = get(&master.address, "/slave(1)/metrics/snapshot").json();
    let of_agent =
        ["slave/cpus_total", "slave/cpus_used", "slave/mem_total", "slave/tasks_running"];
    are_numbers(&metrics, &of_agent);
    let containers = get(&master.address, "/slave(1)/monitor/statistics").json();
    let container = &containers[0];
    for name in ["executor_id", "executor_name", "framework_id", "source"] {
        assert!(container[name].is_string(), "{name} in {container}");
    }
    are_numbers(
        &container["statistics"],
        &[
            "cpus_limit",
            "cpus_user_time_secs",
            "cpus_system_time_secs",
            "mem_limit_bytes",
            "mem_rss_bytes",
        ],
    );
    let state = get(&master.address, "/slave(1)/state").json();
    assert!(state["attributes"].is_object(), "{state}");
    assert_eq!(state["frameworks"][0]["executors"][0]["tasks"][0]["id"], "t");
}
