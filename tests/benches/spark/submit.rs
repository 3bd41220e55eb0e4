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

/// The root of the sources, where the scripts are.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

pub(crate) fn start(namespace: &str, name: &str, image: &str, executors: usize) -> Submit {
    let script = format!("{ROOT}/tests/cluster/spark-image");
    let home = Command::new(script).arg("--home").output().unwrap();
    let home = String::from_utf8(home.stdout).unwrap().trim().to_owned();
    assert!(!home.is_empty(), "there is no Spark: tests/cluster/spark-image");
    let kubeconfig = std::env::var("KUBECONFIG").expect("run it by tests/cluster/enter");
    let text = std::fs::read_to_string(kubeconfig).unwrap();
    let server = text.lines().find_map(|line| line.trim().strip_prefix("server: ")).unwrap();
    let conf = [
        format!("spark.kubernetes.namespace={namespace}"),
        format!("spark.kubernetes.container.image={image}"),
        "spark.kubernetes.authenticate.driver.serviceAccountName=proffer-spark".to_owned(),
        "spark.kubernetes.submission.waitAppCompletion=false".to_owned(),
        "spark.kubernetes.driver.request.cores=250m".to_owned(),
        "spark.kubernetes.executor.request.cores=250m".to_owned(),
        "spark.driver.memory=512m".to_owned(),
        "spark.executor.memory=512m".to_owned(),
        format!("spark.executor.instances={}", executors.max(1)),
        // The test cluster's account may not make them.
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
