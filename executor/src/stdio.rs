//! The executor protocol as JSON lines over standard input and output.

use std::io::{BufRead, Read, Write};
use std::time::Duration;

use anyhow::{Context, bail};
use proffer_crds::SparkExecutorStatus;
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};

use crate::Options;
use crate::log::Logger;
use crate::supervisor::{Message, Transport, supervise};

/// The longest line that is read, in bytes. Kubernetes keeps objects under 2 MiB.
const LINE_BYTES: u64 = 32 << 20;

/// Runs an executor that hears the operator on standard input and reports on standard output, until
/// standard input ends or the process is told to stop.
///
/// Standard input takes one JSON object a line: the `SparkJob`, before the first assignment and
/// whenever its status has changed, and the `SparkExecutor` with what to run. Standard output gives a
/// `SparkExecutorStatus` a line. Everything else, the lines of tasks among it, goes to standard error.
///
/// When this returns, no process that a task has started is left.
pub(crate) async fn run_stdio(options: Options) -> anyhow::Result<()> {
    let (logger, log_end) = Logger::start().context("cannot start a thread")?;
    let (messages, heard) = mpsc::channel(16);
    let (reports, written) = mpsc::channel(1);
    // Threads, because reads and writes of pipes cannot be broken off: these end with the process.
    std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || read(std::io::stdin().lock(), &messages))
        .context("cannot start a thread")?;
    let (done, flushed) = oneshot::channel();
    std::thread::Builder::new()
        .name("stdout".to_owned())
        .spawn(move || {
            write(std::io::stdout().lock(), written);
            let _ = done.send(());
        })
        .context("cannot start a thread")?;
    let end = supervise(options, Transport { messages: heard, reports }, logger).await;
    let _ = tokio::time::timeout(Duration::from_secs(2), flushed).await;
    log_end.wait().await;
    end
}

/// Reads messages until they end, nobody wants them, or one makes no sense.
fn read(mut lines: impl BufRead, messages: &mpsc::Sender<anyhow::Result<Message>>) {
    let mut line = Vec::new();
    loop {
        line.clear();
        let message = match lines.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => parse(&line).transpose(),
            Err(error) => Some(Err(error).context("cannot read standard input")),
        };
        if let Some(message) = message {
            let is_last = message.is_err();
            if messages.blocking_send(message).is_err() || is_last {
                return;
            }
        }
    }
}

/// Reads a message; kinds that are not known are left to newer executors.
fn parse(line: &[u8]) -> anyhow::Result<Option<Message>> {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(default)]
        kind: String,
    }
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') && line.len() as u64 >= LINE_BYTES {
        bail!("standard input has a line of more than {LINE_BYTES} bytes, which is no object");
    }
    let unreadable = || {
        let start = String::from_utf8_lossy(&line[..line.len().min(200)]).trim_end().to_owned();
        format!("standard input has a line that is no SparkJob or SparkExecutor: {start}")
    };
    let Kind { kind } = serde_json::from_slice(line).with_context(unreadable)?;
    match kind.as_str() {
        "SparkJob" => {
            let job = serde_json::from_slice(line).with_context(unreadable)?;
            Ok(Some(Message::Job(job)))
        }
        "SparkExecutor" => {
            let executor = serde_json::from_slice(line).with_context(unreadable)?;
            Ok(Some(Message::Executor(executor)))
        }
        kind => {
            tracing::warn!("ignoring an object of kind \"{kind}\" on standard input");
            Ok(None)
        }
    }
}

/// Writes reports until there are no more or nobody reads them.
fn write(mut lines: impl Write, mut reports: mpsc::Receiver<SparkExecutorStatus>) {
    while let Some(report) = reports.blocking_recv() {
        let written =
            serde_json::to_vec(&report).map_err(std::io::Error::from).and_then(|mut line| {
                line.push(b'\n');
                lines.write_all(&line)?;
                lines.flush()
            });
        if written.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
