//! How long `spark-submit --master mesos://localhost:5050` takes, by phase, beside Spark's own
//! `local-cluster[2,1,1024]` on the same machine: `cargo bench -p proffer-tests --bench spark_on_mesos`.
//!
//! `PROFFER_TEST_SPARK` names a virtual environment with pyspark 3.5.9; Java 17 is needed, too. Phases end with
//! lines of Spark's log, by when they are read. Nothing is asserted.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[allow(dead_code)]
#[path = "../end_to_end/run.rs"]
mod run;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use run::Folder;

/// How often each is run.
const RUNS: usize = 5;

/// What of a line of the log ends which phase; the last one ends with the process.
type Phases = [(&'static str, &'static [&'static str])];

const MESOS: &Phases = &[
    ("the JVM starts", &["Running Spark version"]),
    ("Spark starts", &["Starting task scheduler", "Registering OutputCommitCoordinator"]),
    ("subscribed", &["libmesos: subscribed at"]),
    ("first task launched", &["is now TASK_STARTING"]),
    ("first task runs", &["is now TASK_RUNNING"]),
    ("first executor registered", &["Registered executor"]),
    ("the job is done", &["Job 0 finished", "Job 0 is finished"]),
    ("the process ends", &[]),
];

const LOCAL_CLUSTER: &Phases = &[
    ("the JVM starts", &["Running Spark version"]),
    ("Spark starts", &["Starting Spark master", "Starting Spark local cluster"]),
    ("first executor registered", &["Registered executor"]),
    ("the job is done", &["Job 0 finished", "Job 0 is finished"]),
    ("the process ends", &[]),
];

fn main() {
    let Some(environment) = std::env::var_os("PROFFER_TEST_SPARK").map(PathBuf::from) else {
        println!("PROFFER_TEST_SPARK does not name a virtual environment with pyspark 3.5.9");
        return;
    };
    let folder = Folder::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/spark/my-spark-job.py");
    std::fs::copy(example, folder.path().join("my-spark-job.py")).unwrap();
    let mut running = folder.start(&["local", "--nodes", "2x2cpu,4Gi", "--mesos", "127.0.0.1:0"]);
    let address = running.wait_for_value("Mesos frameworks are served at http://");
    let master = format!("mesos://{address}");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours.push(submit(&environment, &folder, &master, MESOS));
        theirs.push(submit(&environment, &folder, "local-cluster[2,1,1024]", LOCAL_CLUSTER));
    }
    let ours = print("--master mesos://…", MESOS, &ours);
    let theirs = print("--master local-cluster[2,1,1024]", LOCAL_CLUSTER, &theirs);
    println!("\nratio of the two {:.2}", ours / theirs);
}

/// The times of the phases of one run.
fn submit(environment: &Path, folder: &Folder, master: &str, phases: &Phases) -> Vec<Duration> {
    let library = std::env::current_exe().unwrap().parent().unwrap().join("libmesos.so");
    let exports = folder.run(&["spark-env", "--library", library.to_str().unwrap()]);
    let script = format!("{}exec spark-submit \"$@\"", exports.stdout);
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command.args(["-c", &script, "spark-submit", "--master", master]);
    command.args(["--executor-memory", "1g", "--num-executors", "2", "my-spark-job.py"]);
    command
        .current_dir(folder.path())
        .env("PATH", format!("{}/bin:{path}", environment.display()))
        .env("VIRTUAL_ENV", environment)
        .env("SPARK_LOCAL_IP", "127.0.0.1")
        .env("PYSPARK_PYTHON", environment.join("bin/python3"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut last = Instant::now();
    let mut child = command.spawn().unwrap();
    let mut ends = phases.iter();
    let mut times = Vec::new();
    let mut next = ends.next();
    let mut log = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
        if let Some((_, marks)) = next
            && marks.iter().any(|mark| line.contains(mark))
        {
            times.push(last.elapsed());
            last = Instant::now();
            next = ends.next();
        }
        log.push_str(&line);
        log.push('\n');
    }
    assert!(child.wait().unwrap().success(), "{log}");
    assert_eq!(times.len() + 1, phases.len(), "not all phases were seen: {log}");
    times.push(last.elapsed());
    times
}

/// Prints the medians, and returns the sum of them in seconds.
fn print(what: &str, phases: &Phases, runs: &[Vec<Duration>]) -> f64 {
    println!("\n{what}, medians of {RUNS} runs");
    let mut sum = Duration::ZERO;
    for (index, (phase, _)) in phases.iter().enumerate() {
        let mut times: Vec<Duration> = runs.iter().map(|run| run[index]).collect();
        times.sort_unstable();
        let median = times[times.len() / 2];
        sum += median;
        println!("  {phase:26} {:7.0} ms", median.as_secs_f64() * 1000.0);
    }
    println!("  {:26} {:7.0} ms", "in all", sum.as_secs_f64() * 1000.0);
    sum.as_secs_f64()
}
