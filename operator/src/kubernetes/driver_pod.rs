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
use super::pod::{Role, Trouble, container_state, departure, executor_number, trouble};

/// How much of the log's end is kept with a failure.
const LOG_BYTES: usize = 2048;

/// How many lines of the log's end are read for what went wrong: what Spark says of its own end comes after that.
pub(crate) const LOG_LINES: i64 = 400;

/// The exit codes of what is told to end (SIGTERM), and of what is killed as it does not (SIGKILL).
const SIGNALLED: [i32; 2] = [143, 137];

/// The word for a driver that ended with an error of its program.
const DRIVER_FAILED: &str = "DriverFailed";

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
    /// It failed: a word, a sentence and the end of the log, as far as the pod's status has it.
    Failed {
        reason: Box<str>,
        message: String,
        log: String,
        /// Whether it was told to end, or killed.
        by_signal: bool,
    },
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
        key: ExecutorKey { job, index: 0, epoch: executor_number(label(EPOCH_LABEL)?)? },
        job_uid: label(JOB_UID_LABEL)?.into(),
        application: label(SPARK_APPLICATION_LABEL)?.into(),
        is_running: state.is_some_and(|state| state.running.is_some()),
        end: end(&status, has_ended),
        trouble: if has_ended { None } else { trouble(&status) },
    })
}

fn end(status: &PodStatus, has_ended: bool) -> Option<DriverEnd> {
    let departure = departure(status, has_ended, Role::Driver)?;
    let ended = container_state(status, DRIVER_CONTAINER).and_then(|it| it.terminated.as_ref());
    let failed = |reason: &str, message: String| {
        let log = ended.and_then(|ended| ended.message.clone()).unwrap_or_default();
        let by_signal = ended.is_some_and(|ended| SIGNALLED.contains(&ended.exit_code));
        DriverEnd::Failed { reason: reason.into(), message, log, by_signal }
    };
    Some(match departure {
        Departure::Exited(message) => match ended {
            Some(ended) if ended.exit_code == 0 => DriverEnd::Succeeded,
            Some(ended) => {
                failed(DRIVER_FAILED, format!("the driver exited with code {}", ended.exit_code))
            }
            None => failed("DriverFailed", message),
        },
        Departure::OutOfMemory(_) => failed(
            "DriverOOMKilled",
            "the driver was killed because it used more memory than its pod has; raise \
             spec.spark.driver.memoryOverhead, or memory if its heap is too small"
                .to_owned(),
        ),
        Departure::NotStarted(message) => failed("DriverNotStarted", message),
        lost => DriverEnd::Lost(lost),
    })
}

impl DriverEnd {
    /// Whether its log says more of it.
    pub(crate) fn is_for_its_log_to_say(&self) -> bool {
        matches!(self, Self::Failed { reason, .. } if &**reason == DRIVER_FAILED)
    }

    /// The same, with what its log says: the cause in the sentence, and its end without what only tells of
    /// the course of things.
    pub(crate) fn with_log(self, read: Option<&str>) -> Self {
        let is_for_its_log = self.is_for_its_log_to_say();
        let Self::Failed { reason, mut message, log, by_signal } = self else { return self };
        let log = read.filter(|read| !read.is_empty()).unwrap_or(&log);
        if let Some(cause) = cause(log).filter(|_| is_for_its_log) {
            message = format!("{message}: {cause}");
        }
        let lines: Vec<&str> =
            log.lines().filter(|line| !is_of_logger(line, &[" INFO "])).collect();
        Self::Failed { reason, message, log: end_of(&lines.join("\n")).to_owned(), by_signal }
    }
}

/// Whether a line is one of Spark's logger, of one of these levels.
fn is_of_logger(line: &str, levels: &[&str]) -> bool {
    let has_time = line.starts_with(|first: char| first.is_ascii_digit());
    let start = line.get(..40).unwrap_or(line);
    has_time && levels.iter().any(|level| start.contains(level))
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
/// stack and of the logger. Where the log is cut within a long stack, it is the line before that.
fn cause(log: &str) -> Option<String> {
    let is_of_stack = |line: &str| line.starts_with("at ") || line.starts_with("... ");
    let lines: Vec<&str> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let line = |at: usize| lines.get(at).copied().unwrap_or_default();
    let words = ["Error", "Exception", "can't open file", "Could not ", "cannot "];
    let says_why = |&at: &usize| {
        // The logger prints what it was told of below its own line.
        let levels = [" INFO ", " WARN ", " DEBUG ", " ERROR "];
        let is_logged = at > 0 && is_of_logger(line(at - 1), &levels) && is_of_stack(line(at + 1));
        !is_logged
            && !is_of_logger(line(at), &levels[..3])
            && !is_of_stack(line(at))
            && words.iter().any(|word| line(at).contains(word))
    };
    let found: Vec<usize> = (0..lines.len()).filter(says_why).collect();
    // What is wrapped around a cause comes first, and says more of what was to be done.
    let main = found.iter().rfind(|&&at| line(at).starts_with("Exception in thread"));
    let before_stack = || {
        let start = (1..lines.len()).find(|&at| is_of_stack(line(at)))? - 1;
        (!is_of_stack(line(start))).then_some(start)
    };
    let line = line(main.or(found.last()).copied().or_else(before_stack)?);
    let line = line.strip_prefix("Exception in thread \"main\" ").unwrap_or(line);
    let line = line.strip_prefix("Caused by: ").unwrap_or(line);
    let end = (0..=line.len().min(500)).rev().find(|&at| line.is_char_boundary(at)).unwrap_or(0);
    Some(line[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::{DRIVER_FAILED, DriverEnd, cause, end_of};

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
        let cut = "config \"spark.task.cpus\" is invalid. It should be a 'decimal' value.\n\
                   \tat org.apache.Foo.bar(Foo.scala:1)\n\tat py4j.Gateway.invoke(Gateway.java:238)\n";
        assert_eq!(
            cause(cut).unwrap(),
            "config \"spark.task.cpus\" is invalid. It should be a 'decimal' value."
        );
        assert_eq!(
            cause("\tat org.apache.Foo.bar(Foo.scala:1)\n\tat java.Bar.baz(Bar.java)"),
            None
        );
        let inner = "\tat org.apache.Foo.bar(Foo.java)\nCaused by: java.io.IOException: inner\n\tat a.b(C.java)";
        assert_eq!(cause(inner).unwrap(), "java.io.IOException: inner");
        let logged = "ZeroDivisionError: integer division or modulo by zero\n\n\
                      26/11/28 18:42:59 ERROR Utils: Uncaught exception in thread dispatcher\n\
                      org.apache.spark.SparkException: Could not find CoarseGrainedScheduler.\n\
                      \tat org.apache.spark.rpc.netty.Dispatcher.postMessage(Dispatcher.scala:180)\n\
                      26/11/28 18:43:00 INFO MemoryStore: MemoryStore cleared\n";
        assert_eq!(cause(logged).unwrap(), "ZeroDivisionError: integer division or modulo by zero");
        assert_eq!(cause("all is well"), None);
    }

    #[test]
    fn what_was_read_of_the_log_goes_before_what_the_status_has_of_it() {
        let end = |reason: &str| DriverEnd::Failed {
            reason: reason.into(),
            message: "it failed".to_owned(),
            log: "26/11/28 15:00:01 INFO ShutdownHookManager: called".to_owned(),
            by_signal: false,
        };
        let failed = |reason: &str, message: &str, log: &str| DriverEnd::Failed {
            reason: reason.into(),
            message: message.to_owned(),
            log: log.to_owned(),
            by_signal: false,
        };
        let read = "ValueError: no\n26/11/28 15:00:01 INFO ShutdownHookManager: called\n";
        assert_eq!(
            end(DRIVER_FAILED).with_log(Some(read)),
            failed(DRIVER_FAILED, "it failed: ValueError: no", "ValueError: no")
        );
        for nothing in [None, Some("")] {
            let unread = end(DRIVER_FAILED).with_log(nothing);
            assert_eq!(unread, failed(DRIVER_FAILED, "it failed", ""));
        }
        let killed = end("DriverOOMKilled").with_log(Some(read));
        assert_eq!(killed, failed("DriverOOMKilled", "it failed", "ValueError: no"));
    }

    #[test]
    fn the_end_of_a_log_begins_with_a_line() {
        let log = "a line that is cut\n".repeat(200);
        assert!(end_of(&log).starts_with("a line"));
        assert!(end_of(&log).len() <= 2048);
    }
}
