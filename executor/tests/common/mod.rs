//! An executor under test: the program, spoken to as the operator does.

#![allow(dead_code, reason = "not every test uses everything")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use proffer_crds::SparkExecutorStatus;
use serde_json::{Value, json};

/// How long a test waits for what should come before it gives up. No test is timed by it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running executor.
pub(crate) struct Executor {
    pub(crate) child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) name: String,
    reports: Receiver<SparkExecutorStatus>,
    log: Receiver<String>,
    pub(crate) logged: Vec<String>,
    pub(crate) last: SparkExecutorStatus,
    generation: i64,
}

fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            if sender.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Executor {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    pub(crate) fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_proffer-executor"));
        command.args(["run", "--stdio"]).args(arguments).envs(environment.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, reports) = mpsc::channel();
        let output = lines(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output {
                assert!(line.len() < 16 * 1024);
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        let log = lines(child.stderr.take().unwrap());
        Self {
            stdin: child.stdin.take(),
            child,
            name: "e".to_owned(),
            reports,
            log,
            logged: Vec::new(),
            last: SparkExecutorStatus::default(),
            generation: 0,
        }
    }

    pub(crate) fn send(&mut self, object: &Value) {
        writeln!(self.stdin.as_mut().unwrap(), "{object}").unwrap();
    }

    /// Sends a job with one executor template and stages.
    pub(crate) fn job(&mut self, executor: &Value, stages: &Value) {
        self.send(&job(executor, stages, None));
    }

    /// Assigns `(stage, attempt, ranges)`, acknowledging the last report that was seen.
    pub(crate) fn assign(&mut self, assignments: &[(&str, i32, &str)]) {
        self.generation += 1;
        let assignments: Vec<Value> = assignments
            .iter()
            .map(|(stage, attempt, ranges)| {
                json!({"stage": stage, "attempt": attempt, "ranges": ranges})
            })
            .collect();
        let spec = json!({
            "protocolVersion": 1, "job": "j", "assignments": assignments,
            "acknowledgedReport": self.last.report, "reportIntervalMilliseconds": 10,
        });
        let metadata = json!({"name": self.name, "generation": self.generation});
        self.send(&json!({"kind": "SparkExecutor", "metadata": metadata, "spec": spec}));
    }

    /// The next report; `None` when there are no more.
    pub(crate) fn report(&mut self) -> Option<SparkExecutorStatus> {
        match self.reports.recv_timeout(PATIENCE) {
            Ok(report) => {
                self.last = report.clone();
                Some(report)
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("no report; the log: {:?}", self.logged),
        }
    }

    /// Waits for a report that `is_it`.
    pub(crate) fn report_when(
        &mut self,
        is_it: impl Fn(&SparkExecutorStatus) -> bool,
    ) -> SparkExecutorStatus {
        loop {
            let report = self.report();
            let report = report.unwrap_or_else(|| panic!("it ended; the log: {:?}", self.rest()));
            if is_it(&report) {
                return report;
            }
        }
    }

    /// Waits until `count` attempts have ended and are not acknowledged.
    pub(crate) fn ended(&mut self, count: u64) -> SparkExecutorStatus {
        self.report_when(|report| {
            let finished: u64 = report.finished.iter().map(|group| group.ranges.len()).sum();
            finished + report.failures.len() as u64 >= count
        })
    }

    /// Waits for a line of the log that ends like this.
    pub(crate) fn logs(&mut self, end: &str) {
        if self.logged.iter().any(|line| line.ends_with(end)) {
            return;
        }
        loop {
            let line = self.log.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no {end}; the log: {:?}", self.logged));
            self.logged.push(line);
            if self.logged.last().unwrap().ends_with(end) {
                return;
            }
        }
    }

    /// The log until its end.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            self.logged.push(line);
        }
        self.logged.clone()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Ends its standard input and waits until it has ended.
    pub(crate) fn end(&mut self) -> ExitStatus {
        self.stdin = None;
        self.child.wait().unwrap()
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        // Its standard input ends first, so that it can clean up unless the test has hung.
        self.stdin = None;
        if std::thread::panicking() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

pub(crate) fn job(executor: &Value, stages: &Value, work: Option<&str>) -> Value {
    let metadata = json!({"name": "j", "namespace": "n", "uid": "u"});
    let mut spec = json!({"executor": executor, "stages": stages});
    if let Some(work) = work {
        spec["workURI"] = json!(work);
    }
    json!({"kind": "SparkJob", "metadata": metadata, "spec": spec})
}

/// A stage that runs a shell script in each partition.
pub(crate) fn shell(partitions: i32, script: &str) -> Value {
    json!({"name": "s", "partitions": partitions, "command": ["sh", "-c", script]})
}

/// How many processes that have not ended have this text in their command line.
pub(crate) fn processes_with(text: &str) -> usize {
    let own = std::process::id();
    proffer_executor::processes::all()
        .unwrap()
        .into_iter()
        .filter(|process| !process.is_zombie && process.id != own)
        .filter_map(|process| std::fs::read(format!("/proc/{}/cmdline", process.id)).ok())
        .filter(|line| String::from_utf8_lossy(line).replace('\0', " ").contains(text))
        .count()
}
