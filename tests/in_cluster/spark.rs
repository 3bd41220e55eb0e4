//! Apache Spark itself, from its own image.
//!
//! The tests that are ignored take long: `cargo test --workspace --locked --test cluster spark --
//! --include-ignored` runs all of them.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use proffer_test_harness::{Fixture, Test, tests};
use serde_json::Value;

use crate::cluster::{AloneOnThisMachine, Turn, Wish, enter, json as get, kubectl};
use crate::namespace::Namespace;
use crate::{operators, processes};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        four_components_run_on_offers,
        a_program_that_is_not_there_is_named,
        a_program_in_java_counts_words,
        a_stream_outlives_its_driver,
        #[ignore = "takes some minutes"]
        a_killed_leader_touches_no_application,
        #[ignore = "takes a minute"]
        a_shuffle_outlives_an_executor,
        #[ignore = "takes a minute"]
        a_node_is_drained_under_a_shuffle,
        #[ignore = "takes some minutes"]
        two_applications_share_by_drf,
        #[ignore = "takes some minutes"]
        twenty_drivers_do_not_fill_the_cluster,
        #[ignore = "takes a minute"]
        a_history_server_shows_what_was,
        #[ignore = "takes a minute"]
        the_oldest_version_runs_as_well,
    ]
}

/// The newest version.
pub(crate) const NEW: &str = "4.3.0";

/// The oldest one.
pub(crate) const OLD: &str = "3.5.9";

/// The cluster for one test alone, with the image of the newest version in it.
pub(crate) struct WithSpark(pub(crate) Turn);

impl Fixture for WithSpark {
    fn set_up() -> Result<Self, String> {
        with_image(NEW).map(Self)
    }
}

/// The cluster for one test alone, with the image of the oldest version in it.
pub(crate) struct WithOldestSpark(pub(crate) Turn);

impl Fixture for WithOldestSpark {
    fn set_up() -> Result<Self, String> {
        with_image(OLD).map(Self)
    }
}

fn with_image(version: &str) -> Result<Turn, String> {
    let AloneOnThisMachine(turn) = AloneOnThisMachine::set_up()?;
    let is_there = script().args(["--home", version]).output().unwrap().status.success();
    if !is_there && Wish::read() != Wish::Required {
        return Err(format!(
            "there is no image of Spark {version}: run tests/cluster/spark-image {version}"
        ));
    }
    let status = script().arg(version).stdout(std::io::stderr()).status();
    assert!(status.is_ok_and(|status| status.success()), "tests/cluster/spark-image says why");
    Ok(turn)
}

fn script() -> Command {
    Command::new(crate::cluster::root().join("tests/cluster/spark-image"))
}

/// Where the Spark of the image is unpacked on this machine.
pub(crate) fn home() -> String {
    let output = script().arg("--home").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What the driver of a job has said so far.
fn log_of(namespace: &Namespace, job: &str) -> String {
    let driver = namespace.status(job)["application"]["driverPod"].clone();
    let log = driver.as_str().and_then(|driver| namespace.try_kubectl(&["logs", driver]));
    log.unwrap_or_default()
}

/// Waits until the driver of a job says something, once its executors run: where there is much to do, each of
/// both takes a while.
fn wait_for_line(namespace: &Namespace, job: &str, line: &str) {
    namespace.wait(&format!("sparkjob/{job}"), "it has executors", |job| {
        job["status"]["application"]["executorsRunning"].as_i64() > Some(0)
    });
    namespace.until(&format!("{job} says {line:?}"), || log_of(namespace, job).contains(line));
}

/// Kills the JVM of a pod, and with it all that is in it.
fn kill(namespace: &Namespace, pod: &str) {
    namespace.kubectl(&["exec", pod, "--", "pkill", "-KILL", "java"]);
}

/// The executors that run, with their nodes.
fn executors(namespace: &Namespace) -> Vec<(String, String)> {
    let pods = namespace.list("pods");
    let run = pods.iter().filter(|pod| {
        pod["metadata"]["labels"]["spark-role"] == "executor"
            && pod["status"]["phase"] == "Running"
            && pod["metadata"]["deletionTimestamp"].is_null()
    });
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    run.map(|pod| (text(&pod["metadata"]["name"]), text(&pod["spec"]["nodeName"]))).collect()
}

/// A folder of this machine as the volume of a claim: all nodes are on it.
struct Volume {
    folder: PathBuf,
}

impl Volume {
    fn new(namespace: &Namespace, claim: &str) -> Self {
        let name = format!("{}-{claim}", namespace.name);
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).unwrap();
        namespace.apply(&format!(
            "apiVersion: v1\nkind: PersistentVolume\nmetadata: {{name: {name}}}\n\
             spec: {{accessModes: [ReadWriteMany], capacity: {{storage: 1Gi}}, \
             claimRef: {{namespace: {}, name: {claim}}}, hostPath: {{path: {}}}}}\n",
            namespace.name,
            folder.display()
        ));
        namespace.delete_too(&format!("persistentvolume/{name}"));
        Self { folder }
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn four_components_run_on_offers(WithSpark(turn): WithSpark) {
    let namespace = Namespace::new(turn, "spark");
    namespace.kubectl(&["apply", "-f", "manifests/spark/four-components.yaml"]);
    namespace.wait("sparkjob/four-components", "it has both executors", |job| {
        job["status"]["application"]["executorsRunning"] == 2
    });
    let status = namespace.wait_for_end("four-components", "Complete");
    assert_eq!(status["application"]["driverState"], "Succeeded");
    check_four_components(&log_of(&namespace, "four-components"));
    namespace.until("only the driver's pod stays", || namespace.list("pods").len() == 1);
}

pub(crate) fn check_four_components(log: &str) {
    for line in [
        "core [(0, 334), (1, 333), (2, 333)]",
        "sql [(0, 1300), (1, 1225), (2, 1250), (3, 1275)]",
        "streaming 2477 lines",
        "mllib [[0.5, 0.5], [10.5, 10.5]]",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
}

fn a_program_that_is_not_there_is_named(WithSpark(turn): WithSpark) {
    let namespace = Namespace::new(turn, "spark-missing");
    namespace.apply(
        "apiVersion: proffer.dev/v1alpha1\nkind: SparkJob\nmetadata: {name: missing}\n\
         spec: {spark: {sparkVersion: 4.3.0, image: 'localhost/proffer-spark:4.3.0', \
         mainApplicationFile: 'local:///no/such/file.py', driver: {coreRequest: 100m, memory: 512m}, \
         executor: {instances: 1, coreRequest: 100m, memory: 512m}}}\n",
    );
    let status = namespace.wait_for_end("missing", "Failed");
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("/no/such/file.py"), "{message}");
    let driver = enter(&["kubectl", "-n", &namespace.name, "get", "pods", "-o", "name"]).output();
    assert!(String::from_utf8(driver.unwrap().stdout).unwrap().contains("driver"));
}

fn a_program_in_java_counts_words(WithSpark(turn): WithSpark) {
    let namespace = Namespace::new(turn, "spark-java");
    // As the example says.
    let folder = std::env::temp_dir().join(&namespace.name);
    let run = |program: &str, arguments: &[&str]| {
        let status = Command::new(program).args(arguments).current_dir(&folder).status();
        assert!(status.is_ok_and(|status| status.success()), "{program} {arguments:?}");
    };
    std::fs::create_dir_all(&folder).unwrap();
    let source = crate::cluster::root().join("manifests/spark/WordCount.java");
    let (source, jars) = (source.canonicalize().unwrap(), format!("{}/jars/*", home()));
    let source = source.to_str().unwrap();
    run("javac", &["--release", "17", "-cp", &jars, "-d", "classes", source]);
    run("jar", &["--create", "--file", "word-count.jar", "-C", "classes", "."]);
    let jar = format!("--from-file={}", folder.join("word-count.jar").display());
    namespace.kubectl(&["create", "configmap", "word-count", &jar]);
    std::fs::remove_dir_all(&folder).unwrap();
    namespace.kubectl(&["apply", "-f", "manifests/spark/java.yaml"]);
    namespace.wait_for_end("word-count-in-java", "Complete");
    let log = log_of(&namespace, "word-count-in-java");
    assert!(log.contains("be 4\nnot 2\nor 2\nto 4\n"), "{log}");
}

fn a_stream_outlives_its_driver(WithSpark(turn): WithSpark) {
    let namespace = Namespace::new(turn, "spark-streaming");
    let volume = Volume::new(&namespace, "streaming");
    namespace.kubectl(&["apply", "-f", "manifests/spark/streaming.yaml"]);
    let commits = volume.folder.join("checkpoint/commits");
    namespace.until("some batches are done", || commits.join("3").exists());
    let first = namespace.status("streaming")["application"].clone();
    assert!(log_of(&namespace, "streaming").contains("begins after batch -1"));
    kill(&namespace, first["driverPod"].as_str().unwrap());
    let status = namespace.wait_for_end("streaming", "Complete");
    let last = &status["application"];
    assert_ne!(last["id"], first["id"]);
    assert_ne!(last["driverPod"], first["driverPod"]);
    let log = log_of(&namespace, "streaming");
    let begins = log.split_once("begins after batch ").unwrap().1.lines().next().unwrap();
    assert!(begins.parse::<i64>().unwrap() >= 3, "{begins}");
    assert!(log.contains("exactly once: True"), "{log}");
}

/// The first driver fails and stays for its log; the second one runs with an executor while leaders are killed.
fn a_killed_leader_touches_no_application(WithSpark(turn): WithSpark) {
    let namespace = Namespace::new(turn, "spark-leaders");
    let program = "--from-literal=app.py=import os, time\n\
        from pyspark.sql import SparkSession\n\
        assert not os.environ['SPARK_APPLICATION_ID'].endswith('000000'), 'the first one fails'\n\
        context = SparkSession.builder.getOrCreate().sparkContext\n\
        print('sum', context.parallelize(range(60), 60).map(lambda i: time.sleep(1) or i).sum())\n";
    namespace.kubectl(&["create", "configmap", "program", program]);
    let spec = format!(
        "{{restartPolicy: {{type: OnFailure, onFailureRetries: 2, onFailureRetryIntervalSeconds: 1}}, \
         spark: {{sparkVersion: {NEW}, image: localhost/proffer-spark:{NEW}, \
         mainApplicationConfigMap: {{name: program, key: app.py}}, \
         executor: {{instances: 1}}}}}}"
    );
    namespace.job("j", &spec);
    let job = namespace.wait("sparkjob/j", "the second driver has an executor", |job| {
        job["status"]["restarts"] == 1 && job["status"]["application"]["executorsRunning"] == 1
    });
    let kept = |status: &Value| {
        let fields = ["restarts", "failures", "executorEpochs", "application", "stages"];
        fields.map(|field| status[field].clone())
    };
    let before = kept(&job["status"]);
    let pods = |namespace: &Namespace| {
        let pods = namespace.list("pods");
        let uids = pods.iter().map(|pod| pod["metadata"]["uid"].as_str().unwrap().to_owned());
        uids.collect::<std::collections::BTreeSet<String>>()
    };
    let there = pods(&namespace);
    assert_eq!(there.len(), 3, "two drivers and an executor");
    for _ in 0..2 {
        let leader = operators::leader().unwrap();
        let id = processes::of_pod("proffer", &leader).unwrap();
        processes::send(id, rustix::process::Signal::KILL);
        kubectl(&["-n", "proffer-system", "delete", "pod", &leader, "--wait=false"]);
        namespace.until("another operator leads", || {
            operators::leader().is_some_and(|now| now != leader) && operators::both_are_there()
        });
        assert_eq!(pods(&namespace), there);
        // What runs is seen again a moment after what was stored.
        namespace.until("its status is what it was", || kept(&namespace.status("j")) == before);
        assert_eq!(pods(&namespace), there);
    }
    let status = namespace.wait_for_end("j", "Complete");
    assert_eq!(status["restarts"], 1);
    assert!(log_of(&namespace, "j").contains("sum 1770"));
}

fn a_shuffle_outlives_an_executor(WithSpark(turn): WithSpark) {
    let namespace = Namespace::new(turn, "spark-shuffle");
    namespace.kubectl(&["apply", "-f", "manifests/spark/shuffle.yaml"]);
    wait_for_line(&namespace, "shuffle", "shuffled 10000");
    kill(&namespace, &executors(&namespace)[0].0);
    namespace.wait_for_end("shuffle", "Complete");
    let log = log_of(&namespace, "shuffle");
    assert!(log.contains("Lost executor") && log.contains("sum 49995000"), "{log}");
}

/// Has a node taken back into use when a test is over, however it ends.
struct Maintained(String);

impl Drop for Maintained {
    fn drop(&mut self) {
        let node = self.0.as_str();
        let _ = enter(&["kubectl", "annotate", "node", node, "proffer.dev/maintenance-"]).status();
    }
}

fn a_node_is_drained_under_a_shuffle(WithSpark(turn): WithSpark) {
    let namespace = Namespace::new(turn, "spark-drain");
    namespace.kubectl(&["apply", "-f", "manifests/spark/shuffle.yaml"]);
    wait_for_line(&namespace, "shuffle", "shuffled 10000");
    let driver = namespace.status("shuffle")["application"]["driverPod"].clone();
    let driver = namespace.json(&format!("pod/{}", driver.as_str().unwrap()));
    let away = |(_, node): &(String, String)| *node != driver["spec"]["nodeName"];
    let (executor, node) = executors(&namespace).into_iter().find(away).unwrap();
    let maintained = Maintained(node.clone());
    kubectl(&["annotate", "node", &node, "proffer.dev/maintenance=now"]);
    namespace.wait_until_gone(&format!("pod/{executor}"));
    namespace.wait_for_end("shuffle", "Complete");
    assert!(executors(&namespace).iter().all(|(_, on)| *on != node));
    drop(maintained);
    let log = log_of(&namespace, "shuffle");
    assert!(log.contains("sum 49995000"), "{log}");
    // What it had was handed on, so nothing was computed again.
    assert!(!log.contains("FetchFailed"), "{log}");
    assert!(
        get(&["get", "node", &node])["metadata"]["annotations"]["proffer.dev/maintenance"]
            .is_null()
    );
}

fn two_applications_share_by_drf(WithSpark(turn): WithSpark) {
    let namespace = Namespace::new(turn, "spark-drf");
    let file = crate::cluster::root().join("manifests/spark/dynamic-allocation.yaml");
    let manifests = std::fs::read_to_string(file).unwrap();
    let (others, biology) = manifests.rsplit_once("---\n").unwrap();
    for pool in ["science.biology", "science.physics", "science"] {
        namespace.delete_too(&format!("resourcepool/{pool}"));
    }
    let runs = |job: &str| namespace.status(job)["application"]["executorsRunning"].clone();
    namespace.apply(others);
    namespace.until("the first one begins", || runs("physics").as_i64() > Some(0));
    namespace.until("it grows", || runs("physics") == 5);
    namespace.apply(biology);
    namespace.until("the second one begins", || runs("biology").as_i64() > Some(0));
    namespace.until("each has its half", || runs("physics") == 2 && runs("biology") == 2);
    for job in ["biology", "physics"] {
        let sum = if job == "physics" { "sum 11175" } else { "sum 780" };
        namespace.until("it is done", || log_of(&namespace, job).contains(sum));
        namespace.until("it keeps no executor without work", || runs(job) == 0);
    }
    for job in ["physics", "biology"] {
        let status = namespace.wait_for_end(job, "Complete");
        // Nothing is held against it that it gave back.
        assert_eq!(status["application"]["driverState"], "Succeeded");
    }
}

fn twenty_drivers_do_not_fill_the_cluster(WithSpark(turn): WithSpark) {
    let namespace = Namespace::new(turn, "spark-many");
    for _ in 0..20 {
        namespace.kubectl(&["create", "-f", "manifests/spark/one-of-many.yaml"]);
    }
    let ended = |condition: &str| {
        let jobs = namespace.list("sparkjobs");
        jobs.iter().filter(|job| crate::namespace::has_condition(job, condition)).count()
    };
    for count in 1..=20 {
        namespace.until(&format!("{count} of 20 jobs finish"), || ended("Complete") >= count);
        assert_eq!(ended("Failed"), 0);
    }
}

fn a_history_server_shows_what_was(WithSpark(turn): WithSpark) {
    let namespace = Namespace::new(turn, "spark-history");
    let _volume = Volume::new(&namespace, "spark-events");
    namespace.kubectl(&["apply", "-f", "manifests/spark/history-server.yaml"]);
    let status = namespace.wait_for_end("with-history", "Complete");
    let id = status["application"]["id"].as_str().unwrap();
    let link = format!("http://history-server:18080/history/{id}");
    assert_eq!(status["application"]["historyLink"], link.as_str());
    let path = format!(
        "/api/v1/namespaces/{}/services/history-server:18080/proxy/api/v1/applications/{id}",
        namespace.name
    );
    namespace.until("the server has it", || {
        let shown = namespace.try_kubectl(&["get", "--raw", &path]).unwrap_or_default();
        let shown: Value = serde_json::from_str(&shown).unwrap_or_default();
        shown["id"] == id && shown["attempts"][0]["completed"] == true
    });
}

fn the_oldest_version_runs_as_well(WithOldestSpark(turn): WithOldestSpark) {
    let namespace = Namespace::new(turn, "spark-old");
    let file = crate::cluster::root().join("manifests/spark/four-components.yaml");
    let manifests = std::fs::read_to_string(file).unwrap();
    namespace.apply(&manifests.replace(NEW, OLD));
    namespace.wait_for_end("four-components", "Complete");
    check_four_components(&log_of(&namespace, "four-components"));
}
