//! The pod of a Spark driver: what is remembered of it, and what became of the application by what it says.

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::ResourceExt;
use proffer_core::ExecutorKey;
use proffer_core::event::Departure;
use proffer_core::jobs::JobKey;

use super::names::{
    DRIVER_CONTAINER, EPOCH_LABEL, JOB_LABEL, JOB_UID_LABEL, SPARK_APPLICATION_LABEL,
    SPARK_ROLE_LABEL,
};
use super::pod::{Trouble, container_state, departure, trouble};

/// How much of the log's end is kept with a failure.
const LOG_BYTES: usize = 2048;

/// What is remembered of a driver's pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DriverFacts {
    /// The place that it takes: index 0 of its job.
    pub(crate) key: ExecutorKey,
    /// The uid of the job.
    pub(crate) job_uid: Box<str>,
    /// Spark's id of the application.
    pub(crate) application: Box<str>,
    /// Whether its container runs.
    pub(crate) is_running: bool,
    /// What became of it, once it has ended.
    pub(crate) end: Option<DriverEnd>,
    /// Why it does not start.
    pub(crate) trouble: Option<Trouble>,
}

/// What became of a driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DriverEnd {
    /// The application succeeded.
    Succeeded,
    /// It failed: a word, a sentence and the end of the log.
    Failed { reason: Box<str>, message: String, log: String },
    /// It was lost through no fault of its own, or refused by its node.
    Lost(Departure),
}

/// What there is to know of a pod if it is a driver's that Proffer made.
pub(crate) fn driver_facts(pod: &Pod, has_ended: bool) -> Option<DriverFacts> {
    let label = |name: &str| pod.labels().get(name).map(String::as_str);
    if label(SPARK_ROLE_LABEL) != Some("driver") {
        return None;
    }
    let job = JobKey {
        namespace: pod.namespace().unwrap_or_default().into(),
        name: label(JOB_LABEL)?.into(),
    };
    let status = pod.status.clone().unwrap_or_default();
    let state = container_state(&status, DRIVER_CONTAINER);
    Some(DriverFacts {
        key: ExecutorKey { job, index: 0, epoch: label(EPOCH_LABEL)?.parse().ok()? },
        job_uid: label(JOB_UID_LABEL)?.into(),
        application: label(SPARK_APPLICATION_LABEL)?.into(),
        is_running: state.is_some_and(|state| state.running.is_some()),
        end: end(&status, has_ended),
        trouble: if has_ended { None } else { trouble(&status) },
    })
}

fn end(status: &PodStatus, has_ended: bool) -> Option<DriverEnd> {
    let departure = departure(status, has_ended, DRIVER_CONTAINER)?;
    let ended = container_state(status, DRIVER_CONTAINER).and_then(|it| it.terminated.as_ref());
    let failed = |reason: &str, message: String| {
        let log = ended.and_then(|ended| ended.message.clone()).unwrap_or_default();
        DriverEnd::Failed { reason: reason.into(), message, log: end_of(&log).to_owned() }
    };
    Some(match departure {
        Departure::Exited(message) => match ended {
            Some(ended) if ended.exit_code == 0 => DriverEnd::Succeeded,
            Some(ended) => {
                let what = format!("the driver exited with code {}", ended.exit_code);
                let cause = ended.message.as_deref().and_then(cause);
                failed("DriverFailed", cause.map_or(what.clone(), |it| format!("{what}: {it}")))
            }
            None => failed("DriverFailed", message),
        },
        Departure::OutOfMemory(_) => failed(
            "DriverOOMKilled",
            "the driver was killed because it used more memory than its pod has; raise \
             spec.spark.driver.memoryOverhead, or memory if its heap is too small"
                .to_owned(),
        ),
        Departure::NotStarted(message) => {
            failed("DriverNotStarted", message.replace("the executor's", "the driver's"))
        }
        lost => DriverEnd::Lost(lost),
    })
}

/// The end of a log, without half a line.
fn end_of(log: &str) -> &str {
    let log = log.trim_end();
    if log.len() <= LOG_BYTES {
        return log;
    }
    let from = (log.len() - LOG_BYTES..log.len()).find(|&at| log.is_char_boundary(at));
    let end = &log[from.unwrap_or(log.len())..];
    end.split_once('\n').map_or(end, |(_, rest)| rest)
}

/// The line of a log that says why the program failed: the last one that names an error, but for those of a
/// stack and of the logger.
pub(super) fn cause(log: &str) -> Option<String> {
    let says_why = |line: &&str| {
        let words = ["Error", "Exception", "can't open file", "Could not ", "cannot "];
        let is_of_logger = [" INFO ", " WARN ", " DEBUG "].iter().any(|level| line.contains(level));
        let is_of_stack = line.starts_with("at ") || line.starts_with("... ");
        !is_of_logger && !is_of_stack && words.iter().any(|word| line.contains(word))
    };
    let mut lines = log.lines().map(str::trim).filter(says_why).collect::<Vec<_>>();
    // What is wrapped around a cause comes first, and says more of what was to be done.
    let main = lines.iter().rposition(|line| line.starts_with("Exception in thread"));
    let line = match main {
        Some(main) => lines.swap_remove(main),
        None => lines.pop()?,
    };
    let line = line.strip_prefix("Exception in thread \"main\" ").unwrap_or(line);
    let end = (0..=line.len().min(500)).rev().find(|&at| line.is_char_boundary(at)).unwrap_or(0);
    Some(line[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::{cause, end_of};

    #[test]
    fn the_cause_is_found_in_the_log() {
        let python = "26/11/28 15:00:00 INFO SparkContext: Error handling is on\n\
                      Traceback (most recent call last):\n  File \"/app.py\", line 3, in <module>\n\
                      ZeroDivisionError: division by zero\n\
                      26/11/28 15:00:01 INFO ShutdownHookManager: Shutdown hook called\n";
        assert_eq!(cause(python).unwrap(), "ZeroDivisionError: division by zero");
        let missing = "python3: can't open file '/opt/no.py': [Errno 2] No such file or directory";
        assert_eq!(cause(missing).unwrap(), missing);
        let class = "Error: Failed to load class org.example.None.\n26/11/28 INFO done";
        assert_eq!(cause(class).unwrap(), "Error: Failed to load class org.example.None.");
        let java = "Exception in thread \"main\" org.apache.spark.SparkException: no\n\
                    \tat org.apache.Foo.bar(Foo.java)\nCaused by: java.io.IOException: inner";
        assert_eq!(cause(java).unwrap(), "org.apache.spark.SparkException: no");
        assert_eq!(cause("all is well"), None);
    }

    #[test]
    fn the_end_of_a_log_begins_with_a_line() {
        let log = "a line that is cut\n".repeat(200);
        assert!(end_of(&log).starts_with("a line"));
        assert!(end_of(&log).len() <= 2048);
    }
}
