//! Applications of Spark that others submit, in namespaces that belong to a pool.

use std::process::{Child, Command, Stdio};

use proffer_test_harness::{Test, tests};
use serde_json::Value;

use crate::cluster::{Shared, enter};
use crate::namespace::Namespace;
use crate::rights::Stranger;
use crate::spark::{NEW, WithSpark, home};

pub(crate) fn tests() -> Vec<Test> {
    tests![what_spark_submit_makes_waits_for_offers, no_account_makes_executors_past_its_pool]
}

/// A pod that is an executor of Spark to whoever looks at its labels.
fn executor(name: &str, labels: &str, gates: &str) -> String {
    format!(
        r#"{{"apiVersion": "v1", "kind": "Pod",
            "metadata": {{"name": "{name}", "labels": {{"spark-role": "executor"{labels}}}}},
            "spec": {{"schedulingGates": [{gates}],
                "containers": [{{"name": "c", "image": "busybox:1.37"}}]}}}}"#
    )
}

/// Makes a namespace belong to a pool.
fn give(namespace: &Namespace, pool: &str) {
    namespace.kubectl(&[
        "label",
        "namespace",
        &namespace.name,
        &format!("proffer.dev/pool={pool}"),
    ]);
}

/// A service account with the rights of a role, and a token of it.
fn account(namespace: &Namespace, name: &str, role: &str) -> String {
    namespace.kubectl(&["create", "serviceaccount", name]);
    let who = format!("--serviceaccount={}:{name}", namespace.name);
    namespace.kubectl(&["create", "rolebinding", name, &format!("--clusterrole={role}"), &who]);
    namespace.kubectl(&["create", "token", name]).trim().to_owned()
}

/// A program that is ended with the test.
struct Submission {
    child: Child,
    _authority: tempfile::NamedTempFile,
}

impl Drop for Submission {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Spark's own way of submitting, as anybody would do it who knows nothing of Proffer. What it says goes to
/// this file.
fn submit(namespace: &Namespace, log: &std::fs::File) -> Submission {
    let token = account(namespace, "spark", "edit");
    let Stranger { server, authority, .. } = Stranger::new(namespace);
    let home = home();
    let set = |setting: &str| ["--conf".to_owned(), setting.to_owned()];
    let mut arguments = vec![
        format!("{home}/bin/spark-submit"),
        format!("--master=k8s://{server}"),
        "--deploy-mode=cluster".to_owned(),
        "--name=pi".to_owned(),
    ];
    let image = format!("spark.kubernetes.container.image=localhost/proffer-spark:{NEW}");
    for setting in [
        &*format!("spark.kubernetes.namespace={}", namespace.name),
        &*image,
        &*format!("spark.kubernetes.authenticate.submission.oauthToken={token}"),
        &*format!(
            "spark.kubernetes.authenticate.submission.caCertFile={}",
            authority.path().display()
        ),
        "spark.kubernetes.authenticate.driver.serviceAccountName=spark",
        "spark.kubernetes.driver.request.cores=200m",
        "spark.kubernetes.executor.request.cores=200m",
        "spark.driver.memory=512m",
        "spark.executor.memory=512m",
        "spark.executor.instances=2",
        // `edit` has no rights to make network policies.
        "spark.kubernetes.driver.pod.excludedFeatureSteps=\
         org.apache.spark.deploy.k8s.features.NetworkPolicyFeatureStep",
    ] {
        arguments.extend(set(setting));
    }
    arguments.push("local:///opt/spark/examples/src/main/python/pi.py".to_owned());
    arguments.push("40".to_owned());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut command: Command = enter(&[&["env", "KUBECONFIG=/dev/null"], &arguments[..]].concat());
    let log = log.try_clone().unwrap();
    let child = command.env("SPARK_HOME", home).stdout(Stdio::null()).stderr(log).spawn();
    Submission { child: child.unwrap(), _authority: authority }
}

/// The pods of a role that the pool of the namespace has placed.
fn placed(namespace: &Namespace, role: &str) -> Vec<Value> {
    let pods = namespace.list("pods").into_iter();
    let pods = pods.filter(|pod| pod["metadata"]["labels"]["spark-role"] == role);
    pods.filter(|pod| {
        let metadata = &pod["metadata"];
        metadata["labels"]["proffer.dev/pool"] == "adopted"
            && metadata["annotations"]["proffer.dev/placed-on"] == pod["spec"]["nodeName"]
            && pod["spec"]["nodeName"].is_string()
    })
    .collect()
}

fn what_spark_submit_makes_waits_for_offers(WithSpark(turn): WithSpark) {
    let namespace = Namespace::new(turn, "adoption");
    // Room for the driver and one of its two executors.
    namespace.pool("adopted", "{limit: {cpu: 500m}}");
    give(&namespace, "adopted");
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut submission = submit(&namespace, log.as_file());
    namespace.until("the pool places an executor", || {
        let ended = submission.child.try_wait().unwrap();
        let said = || std::fs::read_to_string(log.path()).unwrap();
        assert!(ended.is_none_or(|status| status.success()), "{}", said());
        placed(&namespace, "executor").len() == 1
    });
    assert_eq!(placed(&namespace, "driver").len(), 1);
    namespace.wait("resourcepool/adopted", "it holds both", |pool| {
        pool["status"]["allocated"]["cpu"] == "400m"
    });
    namespace.until("the other one waits, and says for what", || {
        namespace.list("pods").iter().any(|pod| {
            let conditions = pod["status"]["conditions"].as_array();
            conditions.into_iter().flatten().any(|it| it["reason"] == "LimitReached")
        })
    });
    assert!(submission.child.wait().unwrap().success());
    let driver = &placed(&namespace, "driver")[0];
    let log = namespace.kubectl(&["logs", driver["metadata"]["name"].as_str().unwrap()]);
    assert!(log.contains("Pi is roughly 3.1"), "{log}");
    namespace.wait("resourcepool/adopted", "it holds nothing", |pool| {
        pool["status"]["allocated"]["cpu"].is_null() || pool["status"]["allocated"]["cpu"] == "0"
    });
}

fn no_account_makes_executors_past_its_pool(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "adoption-rights");
    let (own, other) = (
        account(&namespace, "proffer-spark", "proffer-spark-driver"),
        account(&namespace, "spark", "edit"),
    );
    let stranger = Stranger::new(&namespace);
    let make = |token: &str, pod: &str| stranger.kubectl_with(token, &["create", "-f", "-"], pod);
    let gate = r#"{"name": "proffer.dev/offer"}"#;
    let pool = r#", "proffer.dev/pool": "default""#;
    // The drivers of SparkJobs, wherever they are.
    let refused = make(&own, &executor("a", "", "")).unwrap_err();
    assert!(refused.contains("wait for offers of a pool"), "{refused}");
    let refused = make(&own, &executor("a", "", gate)).unwrap_err();
    assert!(refused.contains("wait for offers of a pool"), "{refused}");
    make(&own, &executor("a", pool, gate)).unwrap();
    // Others where the namespace belongs to a pool, even if they say that a SparkJob's driver asks.
    make(&other, &executor("b", "", "")).unwrap();
    give(&namespace, "default");
    let claims = r#", "proffer.dev/spark-job": "j""#;
    namespace.until("the namespace's label is known", || {
        match make(&other, &executor("c", claims, "")) {
            Ok(_) => {
                namespace.kubectl(&["delete", "pod", "c", "--now"]);
                false
            }
            Err(refused) => {
                assert!(refused.contains("wait for offers of a pool"), "{refused}");
                true
            }
        }
    });
}
