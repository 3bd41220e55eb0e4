//! One executor as a process of this machine.
//!
//! What the executor should do is level-based: only the latest version is kept for it, so nothing
//! piles up in front of one that is slow to read.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use proffer_core::ExecutorKey;
use proffer_core::event::{Departure, Event};
use proffer_crds::SparkExecutorStatus;
use proffer_executor::processes::Children;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, watch};

use super::progress::Progress;
use crate::convert;

/// How much longer than its tasks an executor may take to end.
const SLACK: Duration = Duration::from_secs(5);

/// What an executor should know, as lines for its standard input.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The job, with its latest status.
    pub(super) job: Arc<str>,
    /// The executor with its assignments, once there is one.
    pub(super) executor: Option<Arc<str>>,
}

/// How executors are started and what they tell.
#[derive(Clone)]
pub(super) struct Launcher {
    pub(super) events: mpsc::Sender<Event>,
    pub(super) children: Arc<Children<Arc<str>>>,
    pub(super) progress: Progress,
}

impl Launcher {
    /// Runs an executor until it is gone, and everything that it started with it. It is told to go by
    /// dropping the sender of `wanted`, and killed if it has not ended in `grace`, which is for its tasks,
    /// and a little more: a task may have stopped it.
    pub(super) async fn run(
        self,
        key: ExecutorKey,
        memory_limit_bytes: i64,
        grace: Duration,
        wanted: watch::Receiver<Wanted>,
    ) {
        let departure = match self.start(&key, memory_limit_bytes) {
            Ok(child) => self.attend(&key, child, grace, wanted).await,
            Err(error) => Departure::NotStarted(format!("{error:#}")),
        };
        // The receiver goes first when the program ends, and nobody wants to know any more.
        let _ = self.events.send(Event::ExecutorGone(key, departure)).await;
    }

    fn start(&self, key: &ExecutorKey, memory_limit_bytes: i64) -> anyhow::Result<Child> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(program);
        command
            .args(["executor", "--stdio", "--memory-limit-bytes", &memory_limit_bytes.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for the operator alone, which tells its executors.
            .process_group(0);
        let _starting = self.children.starting();
        let child = command.spawn().context("cannot start an executor")?;
        if let Some(id) = child.id() {
            self.children.insert(id, key.to_string().into());
        }
        Ok(child)
    }

    /// Speaks with an executor until its process has ended.
    async fn attend(
        &self,
        key: &ExecutorKey,
        mut child: Child,
        grace: Duration,
        wanted: watch::Receiver<Wanted>,
    ) -> Departure {
        let id = child.id();
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let asked = wanted.clone();
        let writer = tokio::spawn(async move {
            if let Some(stdin) = stdin {
                tell(stdin, wanted).await;
            }
        });
        let log = tokio::spawn(log(stderr, self.progress.clone()));
        let ended = async {
            if let Some(stdout) = stdout {
                self.listen(key, stdout).await;
            }
            child.wait().await
        };
        let ended = tokio::select! {
            status = ended => Some(status),
            () = overdue(asked.clone(), grace) => None,
        };
        let status = match ended {
            Some(status) => status,
            None => child.kill().await.and(child.wait().await),
        };
        let was_asked = asked.has_changed().is_err();
        writer.abort();
        if let Some(id) = id {
            self.children.remove(id);
        }
        if let Err(error) = self.children.kill_orphans().await {
            self.progress.line(&format!("{key}: {error}"));
        }
        // What the executor wrote last is there; nothing else holds the other end any more.
        let _ = log.await;
        match status {
            _ if was_asked => Departure::Asked,
            Ok(status) => Departure::Exited(format!("its executor ended by itself: {status}")),
            Err(error) => Departure::Exited(format!("its executor cannot be waited for: {error}")),
        }
    }

    /// Takes in an executor's reports until it closes its standard output.
    async fn listen(&self, key: &ExecutorKey, stdout: impl AsyncRead + Unpin) {
        let mut lines = BufReader::new(stdout).lines();
        loop {
            match lines.next_line().await {
                Ok(Some(line)) => match serde_json::from_str::<SparkExecutorStatus>(&line) {
                    Ok(status) => {
                        let report = Event::Report(key.clone(), convert::report(status));
                        if self.events.send(report).await.is_err() {
                            return;
                        }
                    }
                    Err(error) => {
                        self.progress.line(&format!("{key}: a report cannot be read: {error}"));
                    }
                },
                Ok(None) => return,
                Err(error) => {
                    self.progress.line(&format!("{key}: its reports cannot be read: {error}"));
                    return;
                }
            }
        }
    }
}

/// Writes what the executor should know whenever that changes; closes when nobody wants it any more.
async fn tell(mut stdin: ChildStdin, mut wanted: watch::Receiver<Wanted>) {
    let mut told_job: Option<Arc<str>> = None;
    loop {
        let Wanted { job, executor } = wanted.borrow_and_update().clone();
        let mut lines = String::new();
        if told_job.as_ref() != Some(&job) {
            lines.push_str(&job);
            lines.push('\n');
            told_job = Some(job);
        }
        if let Some(executor) = executor {
            lines.push_str(&executor);
            lines.push('\n');
        }
        // An executor that does not listen any more is about to end, which is noticed elsewhere.
        if stdin.write_all(lines.as_bytes()).await.is_err() || wanted.changed().await.is_err() {
            return;
        }
    }
}

/// Waits until nobody wants an executor any more, and then for as long as it may take to end.
async fn overdue(mut wanted: watch::Receiver<Wanted>, grace: Duration) {
    while wanted.changed().await.is_ok() {}
    tokio::time::sleep(grace.saturating_add(SLACK)).await;
}

/// Passes on an executor's log, line by line.
async fn log(stderr: Option<impl AsyncRead + Unpin>, progress: Progress) {
    let Some(stderr) = stderr else { return };
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line).await, Ok(length) if length > 0) {
        progress.line(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
}
