//! Apache Spark 3.5 with `--master mesos://`, served by the operator: executors are pods of the image.
//!
//! The driver outside is the one of `PyPI`, in the virtual environment that `PROFFER_TEST_SPARK` names; it
//! runs in the cluster's network.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use proffer_test_harness::{Fixture, Test, tests};
use rustix::process::Signal;
use serde_json::Value;

use crate::cluster::{self, Turn, enter, json as get, kubectl};
use crate::mesos::http;
use crate::namespace::Namespace;
use crate::operators::{both_are_there, leader};
use crate::processes;
use crate::spark::{WithOldestSpark, check_four_components};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        the_command_to_the_letter,
        four_components_in_the_pool_and_on_the_nodes_that_were_asked_for,
        an_application_outlives_an_executor_and_the_operator,
    ]
}

/// Where frameworks and their tasks are, as `values.yaml` says.
const TASKS: &str = "test-mesos";

/// The Python of the image, which drivers outside have to have as well.
const PYTHON: &str = "3.11";

/// A virtual environment with Spark and the Python that executors have.
struct PySpark(PathBuf);

impl Fixture for PySpark {
    fn set_up() -> Result<Self, String> {
        let named = std::env::var_os("PROFFER_TEST_SPARK")
            .map(PathBuf::from)
            .ok_or("PROFFER_TEST_SPARK does not name a virtual environment with pyspark 3.5.9")?;
        let output = Command::new(named.join("bin/python3")).arg("--version").output().unwrap();
        let python = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !python.starts_with(&format!("Python {PYTHON}.")) {
            return Err(format!(
                "the driver would run {python}, and executors run Python {PYTHON}"
            ));
        }
        Ok(Self(named))
    }
}

/// A namespace for the driver.
fn start(turn: Turn, topic: &str) -> Namespace {
    let output = cluster::run(&["kubectl", "create", "namespace", TASKS], "");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() || said.contains("already exists"), "{said}");
    Namespace::new(turn, topic)
}

/// The pods of executors that have not ended; some that have stay for their logs.
fn executors() -> Vec<Value> {
    let pods = get(&["-n", TASKS, "get", "pods", "-l", "app.kubernetes.io/name=mesos-task"]);
    let pods = pods["items"].as_array().unwrap().iter();
    let has_ended =
        |pod: &&Value| matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    pods.filter(|pod| !has_ended(pod)).cloned().collect()
}

/// Runs the example with another program, of this `ConfigMap`, and more settings.
fn run_in_pod(namespace: &Namespace, program: &str, settings: &[&str]) {
    let file = cluster::root().join("manifests/spark/on-mesos.yaml");
    let example = std::fs::read_to_string(file).unwrap();
    let lines: Vec<String> =
        settings.iter().map(|setting| format!("            - --conf={setting}\n")).collect();
    let lines = lines.concat();
    let script = "            - /program/app.py\n";
    let example = example.replace(script, &format!("{lines}{script}"));
    namespace.apply(&example.replace("configMap: {name: on-mesos}", program));
}

/// What the driver of the example has said so far.
fn log(namespace: &Namespace) -> String {
    namespace.try_kubectl(&["logs", "job/on-mesos"]).unwrap_or_default()
}

/// Waits until the example is done, and returns what its driver said.
fn wait_for_end(namespace: &Namespace) -> String {
    let ended = |condition: &str| {
        let job = namespace.json("job/on-mesos");
        crate::namespace::has_condition(&job, condition)
    };
    namespace.until("the driver ends", || ended("Complete") || ended("Failed"));
    let log = log(namespace);
    assert!(ended("Complete"), "{log}");
    log
}

/// Applies the program of another example, a `ConfigMap`, and says how it is mounted.
fn program_of(namespace: &Namespace, example: &str) -> String {
    let file = cluster::root().join(format!("manifests/spark/{example}.yaml"));
    let manifests = std::fs::read_to_string(file).unwrap();
    namespace.apply(manifests.split("---\n").next().unwrap());
    format!("configMap: {{name: {example}}}")
}

/// A program that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn the_command_to_the_letter(
    PySpark(environment): PySpark,
    WithOldestSpark(turn): WithOldestSpark,
) {
    let namespace = start(turn, "mesos-command");
    let forward =
        ["kubectl", "-n", "proffer-system", "port-forward", "service/proffer-mesos", "5050"];
    let forward = enter(&forward).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let _forward = Running(forward.unwrap());
    namespace.until("localhost:5050 answers", || {
        http::try_get("localhost:5050", "/health").is_some_and(|reply| reply.status == 200)
    });
    let node = get(&["get", "node", "node-0"]);
    let addresses = node["status"]["addresses"].as_array().unwrap();
    let address = addresses.iter().find(|it| it["type"] == "InternalIP").unwrap();
    // As the README says, in the folder of the program.
    let script = r#"
        eval "$("$PROFFER" spark-env --library "$LIBRARY" --executor-image localhost/proffer-spark:3.5.9)"
        cd manifests/spark
        spark-submit --master mesos://localhost:5050 --executor-memory 1g --num-executors 2 my-spark-job.py
    "#;
    let path = std::env::var("PATH").unwrap_or_default();
    let library = std::env::current_exe().unwrap().parent().unwrap().join("libmesos.so");
    let settings = tempfile::tempdir().unwrap();
    let output = enter(&["sh", "-c", script])
        .env("PATH", format!("{}/bin:{path}", environment.display()))
        .env("VIRTUAL_ENV", &environment)
        .env("PROFFER", env!("CARGO_BIN_EXE_proffer-under-test"))
        .env("LIBRARY", library)
        .env("XDG_CACHE_HOME", settings.path())
        .env("SPARK_LOCAL_IP", address["address"].as_str().unwrap())
        // Executors run the Python of their image, and the driver the one of this machine.
        .env("PYSPARK_DRIVER_PYTHON", environment.join("bin/python3"))
        .env("PYSPARK_PYTHON", "python3")
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said, "the sum of 6 and 7 is 13\nthe product of 6 and 7 is 42\n", "{log}");
    assert_eq!(log.matches("Registered executor").count(), 2, "{log}");
    namespace.until("nothing is left of it", || executors().is_empty());
}

fn four_components_in_the_pool_and_on_the_nodes_that_were_asked_for(
    WithOldestSpark(turn): WithOldestSpark,
) {
    let namespace = start(turn, "mesos-four");
    namespace.pool("mesos-research", "{}");
    kubectl(&["label", "node", "node-1", "disk=ssd", "--overwrite"]);
    let program = program_of(&namespace, "four-components");
    let settings = [
        "spark.mesos.role=mesos-research",
        "spark.mesos.constraints=disk:ssd",
        "spark.cores.max=2",
    ];
    run_in_pod(&namespace, &program, &settings);
    let right = |pod: &Value| {
        pod["metadata"]["labels"]["proffer.dev/pool"] == "mesos-research"
            && pod["metadata"]["annotations"]["proffer.dev/placed-on"] == "node-1"
    };
    namespace.until("executors run", || !executors().is_empty());
    // The node has room for one, or for two if nothing else is there.
    assert!(executors().iter().all(right), "{:#?}", executors());
    let frameworks = get(&["-n", TASKS, "get", "sparkjobs"]);
    let of_pool = |job: &&Value| {
        job["spec"]["pool"] == "mesos-research" && job["status"]["mesos"]["connected"] == true
    };
    assert_eq!(frameworks["items"].as_array().unwrap().iter().filter(of_pool).count(), 1);
    check_four_components(&wait_for_end(&namespace));
    namespace.until("nothing is left of it", || executors().is_empty());
    kubectl(&["label", "node", "node-1", "disk-"]);
}

fn an_application_outlives_an_executor_and_the_operator(WithOldestSpark(turn): WithOldestSpark) {
    let namespace = start(turn, "mesos-outlives");
    let program = program_of(&namespace, "shuffle");
    run_in_pod(&namespace, &program, &["spark.mesos.driver.failoverTimeout=600"]);
    namespace.until("the shuffle is written", || log(&namespace).contains("shuffled 10000"));
    let before = leader().unwrap();
    processes::send(processes::of_pod("proffer", &before).unwrap(), Signal::KILL);
    kubectl(&["-n", "proffer-system", "delete", "pod", &before, "--wait=false"]);
    let executor = executors()[0]["metadata"]["name"].as_str().unwrap().to_owned();
    kubectl(&["-n", TASKS, "exec", &executor, "--", "pkill", "-KILL", "java"]);
    let log = wait_for_end(&namespace);
    assert!(log.contains("sum 49995000"), "{log}");
    assert!(log.contains("Lost executor"), "{log}");
    assert_eq!(log.matches("INFO libmesos: subscribed at").count(), 2, "{log}");
    namespace.until("both operators are there", both_are_there);
    namespace.until("nothing is left of it", || executors().is_empty());
}
