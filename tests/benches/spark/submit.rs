//! Spark's own way of submitting.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The program that both ways run.
pub(crate) const PROGRAM: &str = "local:///opt/spark/examples/src/main/python/pi.py";

/// A spark-submit that runs.
pub(crate) struct Submit(Child);

/// What it took.
pub(crate) struct Cost {
    pub(crate) cpu: Duration,
    pub(crate) memory: u64,
}

/// Who submits, and whom drivers are.
const ACCOUNT: &str = "spark";

fn kubectl(arguments: &[&str]) -> String {
    let output = Command::new("kubectl").args(arguments).output().expect("run it by enter");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Makes the account, with the rights that drivers need.
pub(crate) fn make_account(namespace: &str) {
    kubectl(&["-n", namespace, "create", "serviceaccount", ACCOUNT]);
    let who = format!("--serviceaccount={namespace}:{ACCOUNT}");
    kubectl(&["-n", namespace, "create", "rolebinding", ACCOUNT, "--clusterrole=edit", &who]);
}

/// The root of the sources, where the scripts are.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

pub(crate) fn start(namespace: &str, name: &str, image: &str, executors: usize) -> Submit {
    let script = format!("{ROOT}/tests/cluster/spark-image");
    let home = Command::new(script).arg("--home").output().unwrap();
    let home = String::from_utf8(home.stdout).unwrap().trim().to_owned();
    assert!(!home.is_empty(), "there is no Spark: tests/cluster/spark-image");
    let server = kubectl(&["config", "view", "-o", "jsonpath={.clusters[0].cluster.server}"]);
    let token = kubectl(&["-n", namespace, "create", "token", ACCOUNT]);
    let authority = std::env::temp_dir().join("proffer-bench-authority.pem");
    let config = kubectl(&["-n", namespace, "get", "configmap", "kube-root-ca.crt", "-o", "json"]);
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    std::fs::write(&authority, config["data"]["ca.crt"].as_str().unwrap()).unwrap();
    let conf = [
        format!("spark.kubernetes.namespace={namespace}"),
        format!("spark.kubernetes.container.image={image}"),
        format!("spark.kubernetes.authenticate.submission.oauthToken={token}"),
        format!("spark.kubernetes.authenticate.submission.caCertFile={}", authority.display()),
        format!("spark.kubernetes.authenticate.driver.serviceAccountName={ACCOUNT}"),
        "spark.kubernetes.submission.waitAppCompletion=false".to_owned(),
        "spark.kubernetes.driver.request.cores=250m".to_owned(),
        "spark.kubernetes.executor.request.cores=250m".to_owned(),
        "spark.driver.memory=512m".to_owned(),
        "spark.executor.memory=512m".to_owned(),
        format!("spark.executor.instances={}", executors.max(1)),
        // `edit` has no rights to make network policies.
        "spark.kubernetes.driver.pod.excludedFeatureSteps=\
         org.apache.spark.deploy.k8s.features.NetworkPolicyFeatureStep"
            .to_owned(),
        "spark.kubernetes.executor.disableConfigMap=true".to_owned(),
    ];
    let mut command = Command::new(format!("{home}/bin/spark-submit"));
    command.args(["--master", &format!("k8s://{server}"), "--deploy-mode", "cluster"]);
    command.args(["--name", name]);
    conf.iter().for_each(|setting| {
        command.args(["--conf", setting]);
    });
    let child = command
        .args([PROGRAM, "4"])
        .env("SPARK_HOME", home)
        .env("KUBECONFIG", "/dev/null")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Submit(child)
}

impl Submit {
    /// Waits for its end; what was last seen of it is what it took.
    pub(crate) fn wait(mut self) -> Cost {
        let mut cost = Cost { cpu: Duration::ZERO, memory: 0 };
        let process = format!("/proc/{}", self.0.id());
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                assert!(status.success(), "spark-submit: {status}");
                return cost;
            }
            let read = |file: &str| std::fs::read_to_string(format!("{process}/{file}")).ok();
            let most = read("status").and_then(|status| {
                let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
                line.trim().trim_end_matches(" kB").parse::<u64>().ok()
            });
            cost.memory = cost.memory.max(most.unwrap_or(0) * 1024);
            let ticks = read("stat").and_then(|stat| {
                let fields: Vec<&str> = stat.rsplit(") ").next()?.split(' ').collect();
                fields.get(11..13)?.iter().map(|field| field.parse::<u64>().ok()).sum()
            });
            cost.cpu = cost.cpu.max(Duration::from_millis(ticks.unwrap_or(0) * 10));
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Submit {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
