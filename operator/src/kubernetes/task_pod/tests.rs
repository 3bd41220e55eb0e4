use proffer_mesos::from_value;
use serde_json::{Value, json};

use super::*;
use crate::configuration::Mesos;
use crate::master::TaskKey;

fn job() -> SparkJob {
    serde_json::from_value(json!({
        "apiVersion": "proffer.dev/v1alpha1", "kind": "SparkJob",
        "metadata": {"name": "f-1", "namespace": "ns", "uid": "u"},
        "spec": {"mesos": {"frameworkId": "m-0000"}},
    }))
    .unwrap()
}

/// A task with these fields beside those that it must have, to be run.
fn run(fields: &Value) -> Run {
    let mut task = json!({
        "name": "t", "task_id": {"value": "t/1"}, "agent_id": {"value": "a"},
        "command": {"value": "echo $(HOME)"},
        "resources": [
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.5}},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": 64}},
        ],
    });
    task.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    Run {
        key: TaskKey { framework: "m-0000".into(), task: "t/1".into() },
        task: from_value(&task).unwrap(),
        agent: "a".into(),
        node: "n1".into(),
        pool: "default".into(),
        executor: "t/1".into(),
        token: None,
    }
}

fn settings() -> TaskSettings {
    TaskSettings {
        default_image: Some("tools:1".to_owned()),
        user: Some(65532),
        host_ports: true,
        agent: "mesos.svc:5050".to_owned(),
        ..TaskSettings::default()
    }
}

/// Privileges for whoever has one of these names.
fn privileges(names: &[&str]) -> Privileges {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    Privileges { root: names.clone(), host_network: names.clone(), host_ports: names }
}

/// The pod of what a principal wants to be run.
fn pod_for(run: &Run, principal: Option<&str>, settings: &TaskSettings) -> Result<Value, String> {
    let pods = PodSettings { image: "executor:1".to_owned(), ..PodSettings::default() };
    let rights = Rights::new(&settings.privileges, principal);
    let place = Place { name: "f-1-t-1", node: "n1", pool: "default", checkpoint: None, rights };
    Ok(serde_json::to_value(task_pod(run, place, &job(), &pods, settings)?).unwrap())
}

/// The pod of a task that may do anything.
fn pod(fields: &Value) -> Result<Value, String> {
    let settings = TaskSettings { privileges: privileges(&["*"]), ..settings() };
    pod_for(&run(fields), None, &settings)
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
        (json!({"type": "MESOS", "linux_info": {"ipc_mode": "SHARE_PARENT"}}), "ipc_mode"),
        (
            json!({"type": "MESOS", "linux_info": {"share_pid_namespace": true}}),
            "share_pid_namespace",
        ),
        (
            json!({"type": "MESOS", "linux_info": {"bounding_capabilities": {}}}),
            "bounding_capabilities",
        ),
        (json!({"type": "MESOS", "linux_info": {"capability_info": {}}}), "capability_info"),
        (
            json!({"type": "MESOS", "mesos": {"image": {"type": "APPC", "appc": {"name": "a"}}}}),
            "appc",
        ),
        (json!({"type": "DOCKER", "docker": {"image": "a", "network": "NONE"}}), "docker.network"),
        (
            json!({"type": "MESOS", "network_infos": [
                {"port_mappings": [{"host_port": 1, "container_port": 2}]},
            ]}),
            "port_mappings",
        ),
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

/// A task that wants something, and what allows that.
fn beyond_a_pod() -> Vec<(Value, &'static str)> {
    let ports = json!([{
        "name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 31000}]},
    }]);
    let command = |user: &str| json!({"command": {"value": "id", "user": user}});
    let docker = |network: &str| json!({"image": "busybox", "network": network});
    vec![
        (command("0"), "mesos.privileges.root"),
        (command("00"), "mesos.privileges.root"),
        (command("root"), "mesos.privileges.root"),
        (
            json!({"container": {"type": "DOCKER", "docker": docker("HOST")}}),
            "mesos.privileges.hostNetwork",
        ),
        (json!({ "resources": ports }), "mesos.privileges.hostPorts"),
    ]
}

#[test]
fn what_reaches_beyond_a_pod_is_for_whom_the_settings_name() {
    for (fields, setting) in beyond_a_pod() {
        let run = run(&fields);
        let may = |names: &[&str], principal: Option<&str>| {
            let settings = TaskSettings { privileges: privileges(names), ..settings() };
            pod_for(&run, principal, &settings)
        };
        for (names, principal, named) in [
            (&[][..], None, "'*'"),
            (&[], Some("spark"), "'spark'"),
            (&["other", "spar"], Some("spark"), "'spark'"),
            (&["spark"], None, "'*'"),
        ] {
            let refused = may(names, principal).unwrap_err();
            assert!(refused.contains(setting) && refused.contains(named), "{refused}");
        }
        may(&["spark"], Some("spark")).unwrap();
        may(&["*"], Some("spark")).unwrap();
        may(&["*"], None).unwrap();
    }
    let root = pod(&json!({"command": {"value": "id", "user": "root"}})).unwrap();
    assert_eq!(root["spec"]["securityContext"]["runAsUser"], 0);
    assert_eq!(root["spec"]["securityContext"]["runAsNonRoot"], false);
    // Ports of the pod's own reach nowhere else.
    let (fields, _) = beyond_a_pod().pop().unwrap();
    let Mesos { host_ports, privileges, .. } = Mesos::default();
    let by_default = TaskSettings { host_ports, privileges, ..settings() };
    let pod = pod_for(&run(&fields), None, &by_default).unwrap();
    assert_eq!(main(&pod)["ports"], json!([{"containerPort": 31000, "protocol": "TCP"}]));
}

#[test]
fn images_do_not_decide_to_run_as_root() {
    let of_image = TaskSettings { user: None, ..settings() };
    let context = |settings: &TaskSettings| {
        pod_for(&run(&json!({})), None, settings).unwrap()["spec"]["securityContext"].clone()
    };
    assert_eq!(context(&of_image)["runAsNonRoot"], true);
    let privileges = privileges(&["*"]);
    assert_eq!(context(&TaskSettings { privileges, ..of_image })["runAsNonRoot"], false);
}

/// What Kubernetes makes of what a container is given (`expansion.Expand`): `$$` is a dollar sign, and `$(NAME)`
/// what a variable has, if there is one.
fn expanded(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            result.push('$');
            rest = after;
        } else if let Some((_, after)) = after.strip_prefix('(').and_then(|it| it.split_once(')')) {
            result.push_str("EXPANDED");
            rest = after;
        } else {
            result.push('$');
            rest = after;
        }
    }
    result + rest
}

#[test]
fn dollar_signs_arrive_as_they_were_sent() {
    assert_eq!(expanded("$$ $(A) $5 $"), "$ EXPANDED $5 $");
    for text in
        ["$", "$$", "$$$", "$(HOME)", "$$(HOME)", "$$$(HOME)", "a$b$", "$(", "$)", "echo $$ $(id)"]
    {
        let variables = json!({"variables": [{"name": "A", "value": text}]});
        let uris = json!([{"value": format!("http://host/{text}")}]);
        let shell = json!({"value": text, "environment": variables, "uris": uris});
        let pod = pod(&json!({ "command": shell })).unwrap();
        let env = main(&pod)["env"].as_array().unwrap();
        let variable = env.iter().find(|it| it["name"] == "A").unwrap();
        assert_eq!(expanded(variable["value"].as_str().unwrap()), text);
        assert_eq!(expanded(main(&pod)["command"][2].as_str().unwrap()), text);
        let fetched = pod["spec"]["initContainers"][1]["command"][3].as_str().unwrap();
        let uri: Value = serde_json::from_str(&expanded(fetched)).unwrap();
        assert_eq!(uri["value"], format!("http://host/{text}"));
        let plain = json!({"shell": false, "value": text, "arguments": ["self", text]});
        let pod = self::pod(&json!({ "command": plain })).unwrap();
        assert_eq!(expanded(main(&pod)["command"][0].as_str().unwrap()), text);
        assert_eq!(expanded(main(&pod)["args"][0].as_str().unwrap()), text);
        // What is kept of the task is no command for anybody.
        let kept = pod["metadata"]["annotations"]["proffer.dev/mesos-task"].as_str().unwrap();
        let kept: Value = serde_json::from_str(kept).unwrap();
        assert_eq!(kept["command"]["value"], text);
    }
}

#[test]
fn what_an_executor_shows_stands_in_a_secret_of_its_pod() {
    let executor = Run { token: Some("shown".to_owned()), ..run(&json!({})) };
    let made = pod_for(&executor, None, &settings()).unwrap();
    assert!(!made.to_string().contains("\"shown\""), "{made:#}");
    let env = main(&made)["env"].as_array().unwrap();
    let named = |name: &str| env.iter().find(|it| it["name"] == name);
    let source = &named("MESOS_EXECUTOR_AUTHENTICATION_TOKEN").unwrap()["valueFrom"];
    assert_eq!(source["secretKeyRef"], json!({"name": "f-1-t-1", "key": "token"}));
    assert_eq!(named("LIBPROCESS_SSL_ENABLED"), None);
    let secret = executor_secret(&executor, "f-1-t-1", &settings()).unwrap();
    assert_eq!(secret.string_data.unwrap(), [("token".to_owned(), "shown".to_owned())].into());
    assert_eq!(executor_secret(&run(&json!({})), "f-1-t-1", &settings()), None);
}

#[test]
fn executors_know_whether_their_agent_speaks_tls_and_by_what_to_check_it() {
    let authority = Some(Authority { file: "ca.crt".into(), text: "PEM".to_owned() });
    let encrypted = TaskSettings { is_encrypted: true, authority, ..settings() };
    let value = |pod: &Value, name: &str| {
        let env = main(pod)["env"].as_array().unwrap();
        env.iter().find(|it| it["name"] == name).map(|it| it["value"].clone())
    };
    let task = pod_for(&run(&json!({})), None, &encrypted).unwrap();
    assert_eq!(value(&task, "LIBPROCESS_SSL_ENABLED"), None, "it speaks with no agent");
    assert_eq!(value(&task, "LIBPROCESS_SSL_CA_FILE"), None);
    let run = Run { token: Some("shown".to_owned()), ..run(&json!({})) };
    let executor = pod_for(&run, None, &encrypted).unwrap();
    assert_eq!(value(&executor, "LIBPROCESS_SSL_ENABLED"), Some(json!("1")));
    let file = value(&executor, "LIBPROCESS_SSL_CA_FILE").unwrap();
    let mounts = main(&executor)["volumeMounts"].as_array().unwrap();
    let mount = mounts.iter().find(|it| it["name"] == "trusted").unwrap();
    assert_eq!(file, format!("{}/ca.crt", mount["mountPath"].as_str().unwrap()));
    let volumes = executor["spec"]["volumes"].as_array().unwrap();
    let volume = volumes.iter().find(|it| it["name"] == "trusted").unwrap();
    assert_eq!(volume["secret"]["secretName"], "f-1-t-1");
    let secret = executor_secret(&run, "f-1-t-1", &encrypted).unwrap();
    assert_eq!(secret.string_data.unwrap()["ca.crt"], "PEM");
    let known = TaskSettings { authority: None, ..encrypted };
    let executor = pod_for(&run, None, &known).unwrap();
    assert_eq!(value(&executor, "LIBPROCESS_SSL_CA_FILE"), None);
    assert!(!executor.to_string().contains("trusted"));
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
