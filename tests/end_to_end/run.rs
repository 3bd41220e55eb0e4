//! Running `proffer` in a folder of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use proffer_executor::processes;
use rustix::process::{Pid, Signal};
use serde_json::Value;
use tempfile::TempDir;

/// How long something may take that must happen before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with manifests.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let file = self.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        file
    }

    /// Writes the manifest of a job `j` with this spec.
    pub(crate) fn job(&self, spec: &str) {
        let indented: String = spec.lines().map(|line| format!("  {line}\n")).collect();
        let head = "apiVersion: proffer.dev/v1alpha1\nkind: SparkJob\nmetadata: {name: j}\nspec:\n";
        self.write("job.yaml", format!("{head}{indented}"));
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    /// `proffer` with these arguments, to be run in the folder.
    pub(crate) fn proffer(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_proffer-under-test"));
        command.args(arguments).current_dir(self.path()).env_remove("RUST_LOG");
        // What is left there goes with the folder.
        command.env("XDG_RUNTIME_DIR", self.path());
        command
    }

    /// Runs `proffer` to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::from(self.proffer(arguments).stdin(Stdio::null()).output().unwrap())
    }

    /// Runs `proffer` to its end with something on its standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Ended {
        let mut command = self.proffer(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Ended::from(child.wait_with_output().unwrap())
    }

    /// Runs `proffer local -o json job.yaml` to its end.
    pub(crate) fn run_job(&self) -> Ended {
        self.run(&["local", "-o", "json", "job.yaml"])
    }

    /// Starts `proffer` and returns while it runs.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.proffer(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        // Ends with the program, or when the test is over and nobody listens.
        std::thread::spawn(move || stderr.lines().try_for_each(|line| sender.send(line.unwrap())));
        Running { child, lines, log: Vec::new() }
    }
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// What `-o json` printed: the job `j`.
    pub(crate) fn job(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.stdout, self.stderr));
        let items = value["items"].as_array().cloned().unwrap_or(vec![value]);
        items.into_iter().find(|item| item["kind"] == "SparkJob").unwrap()
    }

    pub(crate) fn status(&self) -> Value {
        self.job()["status"].clone()
    }

    /// The results of the first stage, in the order of their names.
    pub(crate) fn results(&self) -> Value {
        self.status()["stages"][0]["results"].clone()
    }

    /// Checks the exit code, showing everything if it is another.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self
    }
}

/// A program that runs.
pub(crate) struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
    log: Vec<String>,
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Reads the log until there have been lines that hold these texts, in any order.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, texts: &[&str]) {
        let mut missing = texts.to_vec();
        while !missing.is_empty() {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no {missing:?} in {}", self.log.join("\n")));
            if let Some(found) = missing.iter().position(|text| line.contains(text)) {
                missing.remove(found);
            }
            self.log.push(line);
        }
    }

    /// Reads the log until there is a line that holds this text; returns what comes after it.
    #[track_caller]
    pub(crate) fn wait_for_value(&mut self, text: &str) -> String {
        self.wait_for(&[text]);
        let line = self.log.last().map(String::as_str).unwrap_or_default();
        line.split_once(text).map_or("", |(_, rest)| rest).to_owned()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(self.id(), signal);
    }

    /// The executors that run now.
    pub(crate) fn executors(&self) -> Vec<u32> {
        let below = processes::descendants(self.id()).unwrap();
        let children = below.into_iter().filter(|process| process.parent == self.id());
        children.map(|process| process.id).collect()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn wait(mut self) -> Ended {
        let stdout = self.child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || std::io::read_to_string(stdout).unwrap());
        until("the program ends", || !self.is_running());
        let status = self.child.wait().unwrap();
        self.log.extend(self.lines.iter());
        let log = self.log.join("\n");
        Ended { code: status.code(), stdout: reader.join().unwrap(), stderr: log }
    }
}

impl Drop for Running {
    /// A test that fails leaves nothing running.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn send(id: u32, signal: Signal) {
    let id = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    // It may have ended by itself.
    let _ = rustix::process::kill_process(id, signal);
}

/// The processes of which a command line argument is `marker`.
pub(crate) fn marked(marker: &str) -> Vec<u32> {
    let has_marker = |id: &u32| {
        let arguments = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        arguments.split(|&byte| byte == 0).any(|argument| argument == marker.as_bytes())
    };
    let all = processes::all().unwrap().into_iter().filter(|process| !process.is_zombie);
    all.map(|process| process.id).filter(has_marker).collect()
}

/// Waits until something is so; panics when it does not come to be.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A number that no other process of this machine has as an argument: a time to sleep in seconds.
pub(crate) fn unique_marker() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("98765.{:07}{:03}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
