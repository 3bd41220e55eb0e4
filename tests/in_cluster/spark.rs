//! Apache Spark itself, from its own image.

use crate::cluster::{alone, enter, say};
use crate::namespace::Namespace;

/// Gives the image to the cluster; says whether there is one.
fn has_image() -> bool {
    let script = crate::cluster::root().join("tests/cluster/spark-image");
    if crate::cluster::is_foreign() {
        say(
            "the tests of Spark are skipped, as they bring their image to clusters of tests/cluster only",
        );
        return false;
    }
    let status = std::process::Command::new(script).stdout(std::io::stderr()).status();
    assert!(status.is_ok_and(|status| status.success()), "tests/cluster/spark-image says why");
    true
}

#[test]
fn four_components_run_on_offers() {
    let Some(turn) = alone() else { return };
    if !has_image() {
        return;
    }
    let namespace = Namespace::new(turn, "spark");
    namespace.kubectl(&["apply", "-f", "manifests/spark/four-components.yaml"]);
    namespace.wait("sparkjob/four-components", "it has both executors", |job| {
        job["status"]["application"]["executorsRunning"] == 2
    });
    let status = namespace.wait_for_end("four-components", "Complete");
    assert_eq!(status["application"]["driverState"], "Succeeded");
    let driver = status["application"]["driverPod"].as_str().unwrap();
    let log = namespace.kubectl(&["logs", driver]);
    for line in [
        "core [(0, 334), (1, 333), (2, 333)]",
        "sql [(0, 1300), (1, 1225), (2, 1250), (3, 1275)]",
        "streaming 2477 lines",
        "mllib [[0.5, 0.5], [10.5, 10.5]]",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
    namespace.until("only the driver's pod stays", || namespace.list("pods").len() == 1);
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let Some(turn) = alone() else { return };
    if !has_image() {
        return;
    }
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
