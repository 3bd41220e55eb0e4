use proffer_mesos::from_value;
use serde_json::{Value, json};

use super::*;
use crate::master::TaskKey;

fn job() -> SparkJob {
    serde_json::from_value(json!({
        "apiVersion": "proffer.dev/v1alpha1", "kind": "SparkJob",
        "metadata": {"name": "f-1", "namespace": "ns", "uid": "u"},
        "spec": {"mesos": {"frameworkId": "m-0000"}},
    }))
    .unwrap()
}

/// The pod of a task with these fields beside those that it must have.
fn pod(fields: &Value) -> Result<Value, String> {
    let mut task = json!({
        "name": "t", "task_id": {"value": "t/1"}, "agent_id": {"value": "a"},
        "command": {"value": "echo $(HOME)"},
        "resources": [
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.5}},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": 64}},
        ],
    });
    task.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let run = Run {
        key: TaskKey { framework: "m-0000".into(), task: "t/1".into() },
        task: from_value(&task).unwrap(),
        agent: "a".into(),
        node: "n1".into(),
        pool: "default".into(),
        executor: "t/1".into(),
        token: None,
    };
    let pods = PodSettings { image: "executor:1".to_owned(), ..PodSettings::default() };
    let settings = TaskSettings {
        default_image: Some("tools:1".to_owned()),
        user: Some(65532),
        host_ports: true,
        agent: "mesos.svc:5050".to_owned(),
    };
    let place = Place { name: "f-1-t-1", node: "n1", pool: "default", checkpoint: None };
    Ok(serde_json::to_value(task_pod(&run, place, &job(), &pods, &settings)?).unwrap())
}

fn main(pod: &Value) -> &Value {
    &pod["spec"]["containers"][0]
}

#[test]
fn a_command_runs_in_its_sandbox_on_the_node_that_was_offered() {
    let pod = pod(&json!({})).unwrap();
    let main = main(&pod);
    assert_eq!(main["command"], json!(["/bin/sh", "-c", "echo $$(HOME)"]));
    assert_eq!((&main["workingDir"], &main["image"]), (&json!(SANDBOX), &json!("tools:1")));
    let memory = json!((64 << 20).to_string());
    let requests = json!({"cpu": "500m", "memory": memory});
    assert_eq!(main["resources"], json!({"requests": requests, "limits": {"memory": memory}}));
    let pin = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution\
               /nodeSelectorTerms/0/matchFields/0/values/0";
    assert_eq!(pod.pointer(pin), Some(&json!("n1")));
    assert_eq!(pod["spec"]["terminationGracePeriodSeconds"], 3);
    assert_eq!(pod["metadata"]["labels"]["proffer.dev/task"], "t-1");
    assert_eq!(pod["metadata"]["ownerReferences"][0]["uid"], "u");
    assert_eq!(pod["spec"]["securityContext"]["runAsUser"], 65532);
    let named = |name: &str| {
        let env = main["env"].as_array().unwrap();
        env.iter().find(|it| it["name"] == name).unwrap()["value"].clone()
    };
    assert_eq!(named("MESOS_TASK_ID"), "t/1");
    assert_eq!(named("MESOS_AGENT_ENDPOINT"), "mesos.svc:5050");
}

#[test]
fn what_is_kept_of_a_task_is_read_back() {
    let command = json!({
        "value": "true", "user": "1000",
        "environment": {"variables": [{"name": "A", "value": "b"}]},
    });
    let made = pod(&json!({"command": command, "data": "c2VjcmV0"})).unwrap();
    assert_eq!(made["spec"]["securityContext"]["runAsUser"], 1000);
    let made: Pod = serde_json::from_value(made).unwrap();
    let facts = task_facts(&made, false).unwrap();
    assert_eq!((&*facts.node, &*facts.pool, &*facts.job.name), ("n1", "default", "f-1"));
    let info: TaskInfo = proffer_mesos::from_json(facts.info.as_bytes()).unwrap();
    assert_eq!((&*info.task_id.value, info.data), ("t/1", None));
    assert_eq!(info.command.unwrap().environment, None);
}

#[test]
fn files_are_fetched_before_the_command_by_the_same_image() {
    let uris = json!([{"value": "http://host/a.tgz", "extract": true}]);
    let pod = pod(&json!({"command": {"value": "./run", "uris": uris}})).unwrap();
    let inits = pod["spec"]["initContainers"].as_array().unwrap();
    assert_eq!(inits.len(), 2);
    assert_eq!((&inits[0]["image"], &inits[1]["image"]), (&json!("executor:1"), &json!("tools:1")));
    let words = inits[1]["command"].as_array().unwrap();
    assert_eq!(words[..3], [json!("/proffer/proffer-executor"), json!("fetch"), json!(SANDBOX)]);
    assert!(words[3].as_str().unwrap().contains("http://host/a.tgz"));
}

#[test]
fn images_say_what_is_run_as_with_docker() {
    let container = json!({
        "type": "DOCKER",
        "docker": {
            "image": "redis:7",
            "port_mappings": [{"host_port": 31000, "container_port": 80, "protocol": "udp"}],
        },
    });
    let command = json!({"shell": false, "arguments": ["--port", "80"]});
    let ports = json!([{
        "name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 31000}]},
    }]);
    let task = json!({"container": container, "command": command, "resources": ports});
    let pod = pod(&task).unwrap();
    let main = main(&pod);
    assert_eq!((&main["image"], &main["command"]), (&json!("redis:7"), &Value::Null));
    assert_eq!(main["args"], json!(["--port", "80"]));
    let port = json!({"containerPort": 80, "hostPort": 31000, "protocol": "UDP"});
    assert_eq!(main["ports"], json!([port]));
}

#[test]
fn volumes_are_mapped_or_refused_by_name() {
    let volumes = json!([
        {"mode": "RW", "container_path": "scratch"},
        {
            "mode": "RO", "container_path": "/data",
            "source": {"type": "DOCKER_VOLUME", "docker_volume": {"driver": "pvc", "name": "claim"}},
        },
        {
            "mode": "RW", "container_path": "/tmp",
            "source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "SELF", "path": "tmp"}},
        },
    ]);
    let made = pod(&json!({"container": {"type": "MESOS", "volumes": volumes}})).unwrap();
    let mounts = &main(&made)["volumeMounts"];
    assert_eq!(mounts[1]["mountPath"], "/mnt/mesos/sandbox/scratch");
    assert_eq!((&mounts[2]["readOnly"], &mounts[3]["subPath"]), (&json!(true), &json!("tmp")));
    assert_eq!(made["spec"]["volumes"][2]["persistentVolumeClaim"]["claimName"], "claim");
    let host = json!([{"mode": "RW", "container_path": "/data", "host_path": "/etc"}]);
    let refused = pod(&json!({"container": {"type": "MESOS", "volumes": host}})).unwrap_err();
    assert!(refused.contains("'/data'") && refused.contains("PersistentVolumeClaim"), "{refused}");
}

#[test]
fn what_has_no_place_is_refused_by_name() {
    for (container, named) in [
        (
            json!({"type": "DOCKER", "docker": {"image": "a", "privileged": true}}),
            "docker.privileged",
        ),
        (
            json!({"type": "DOCKER", "docker": {"image": "a", "parameters": [{"key": "cap-add", "value": "X"}]}}),
            "cap-add",
        ),
        (json!({"type": "MESOS", "network_infos": [{"name": "net"}]}), "'net'"),
        (json!({"type": "MESOS", "tty_info": {}}), "tty_info"),
        (json!({"type": "MESOS", "rlimit_info": {}}), "rlimit_info"),
    ] {
        let refused = pod(&json!({ "container": container })).unwrap_err();
        assert!(refused.contains(named), "{refused}");
    }
    let secret = json!({"value": "true", "environment": {"variables": [
        {"name": "A", "type": "SECRET", "secret": {"type": "REFERENCE", "reference": {"name": "s"}}},
    ]}});
    assert!(pod(&json!({ "command": secret })).unwrap_err().contains("'A'"));
    let large = "x".repeat(70_000);
    assert!(pod(&json!({ "labels": {"labels": [{"key": large}]} })).unwrap_err().contains("fit"));
}

#[test]
fn what_became_of_a_task_is_told_in_mesos_words() {
    let end = |status: Value, has_ended: bool| {
        let mut made = pod(&json!({})).unwrap();
        made["status"] = status;
        let pod: Pod = serde_json::from_value(made).unwrap();
        task_facts(&pod, has_ended).unwrap().end.map(|end| (end.state.text(), end.message))
    };
    let exited = |code: i32, reason: &str| {
        json!({"containerStatuses": [{
            "name": "task", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": code, "reason": reason}},
        }]})
    };
    let fetch = |code: i32, message: &str| {
        json!({"initContainerStatuses": [{
            "name": "fetch", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": code, "message": message}},
        }]})
    };
    for (status, state, message) in [
        (exited(0, "Completed"), "TASK_FINISHED", "Command exited with status 0"),
        (exited(3, "Error"), "TASK_FAILED", "Command exited with status 3"),
        (exited(143, "Error"), "TASK_FAILED", "Command terminated with signal Terminated"),
        (
            exited(137, "OOMKilled"),
            "TASK_FAILED",
            "Memory limit exceeded: the container was killed",
        ),
        (
            json!({"reason": "OutOfcpu", "message": "no cpu"}),
            "TASK_DROPPED",
            "the node refused the pod (OutOfcpu): no cpu",
        ),
        (
            json!({"reason": "Evicted", "message": "disk"}),
            "TASK_GONE",
            "the pod was ended (Evicted): disk",
        ),
        (
            json!({"reason": "DeadlineExceeded"}),
            "TASK_FAILED",
            "Task was killed since it exceeded its max_completion_time",
        ),
        (
            exited(128, "StartError"),
            "TASK_FAILED",
            "the task's container could not be started (StartError)",
        ),
        (fetch(1, "cannot fetch a.tar."), "TASK_FAILED", "cannot fetch a.tar"),
        (
            fetch(2, "no space"),
            "TASK_FAILED",
            "the init container fetch exited with code 2: no space",
        ),
    ] {
        assert_eq!(end(status, true), Some((state, message.to_owned())));
    }
    assert_eq!(end(json!({}), false), None);
}
