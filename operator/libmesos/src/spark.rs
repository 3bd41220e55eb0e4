//! What is particular to Spark: what it was asked for and does not tell a Mesos master, and where its executors
//! bind.
//!
//! `--num-executors` and `--executor-cores` mean nothing to Spark on Mesos. They are read here from the
//! command line that started the JVM and go to Proffer as labels of the framework, so that it is
//! offered slices of that size and no more than so many.

use proffer_mesos::types::{FrameworkInfo, Label, Labels, TaskInfo};

/// How many executors a framework makes use of at once.
const EXECUTORS: &str = "proffer.dev/executors";

/// The cpus of one executor.
const EXECUTOR_CPUS: &str = "proffer.dev/executor-cpus";

/// The memory of one executor.
const EXECUTOR_MEMORY: &str = "proffer.dev/executor-memory";

/// The class whose command line is understood.
const SPARK_SUBMIT: &str = "org.apache.spark.deploy.SparkSubmit";

/// The class of Spark's executors, and how it is told where to bind.
const EXECUTOR: &str = "org.apache.spark.executor.CoarseGrainedExecutorBackend";
const HOSTNAME_OPTION: &str = " --hostname ";

/// Where a container finds its address, if it is not the agent's.
const CONTAINER_IP: &str = "MESOS_CONTAINER_IP";

/// Spark's own defaults (`spark.executor.memory`, `spark.mesos.executor.memoryOverhead`).
const DEFAULT_MEMORY_MIB: u64 = 1024;
const LEAST_OVERHEAD_MIB: u64 = 384;

/// What a `spark-submit` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Executors {
    count: Option<u32>,
    cores: Option<u32>,
    memory_mib: Option<u64>,
    overhead_mib: Option<u64>,
}

impl Executors {
    /// What the process was started with.
    pub(crate) fn of_this_process() -> Self {
        let line = std::fs::read("/proc/self/cmdline").unwrap_or_default();
        let arguments = line.split(|byte| *byte == 0);
        Self::parse(arguments.map(|argument| String::from_utf8_lossy(argument).into_owned()))
    }

    /// Reads the arguments of a JVM. Options mean the same wherever they stand, as long as they
    /// stand before the application's file; a property given by `--conf` yields to its option.
    fn parse(arguments: impl IntoIterator<Item = String>) -> Self {
        let mut arguments = arguments.into_iter().skip_while(|argument| argument != SPARK_SUBMIT);
        let (mut options, mut properties) = (Self::default(), Self::default());
        arguments.next();
        while let Some(argument) = arguments.next() {
            let Some(option) = argument.strip_prefix("--") else { break };
            let (option, value) = match option.split_once('=') {
                Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
                None if is_flag(option) => (option.to_owned(), None),
                None => (option.to_owned(), arguments.next()),
            };
            let Some(value) = value else { continue };
            match &*option {
                "num-executors" => options.count = value.parse().ok(),
                "executor-cores" => options.cores = value.parse().ok(),
                "executor-memory" => options.memory_mib = memory_mib(&value),
                "conf" | "c" => properties.set(&value),
                _ => {}
            }
        }
        Self {
            count: options.count.or(properties.count),
            cores: options.cores.or(properties.cores),
            memory_mib: options.memory_mib.or(properties.memory_mib),
            overhead_mib: properties.overhead_mib,
        }
    }

    fn set(&mut self, property: &str) {
        let Some((name, value)) = property.split_once('=') else { return };
        match name.trim() {
            "spark.executor.instances" => self.count = value.trim().parse().ok(),
            "spark.executor.cores" => self.cores = value.trim().parse().ok(),
            "spark.executor.memory" => self.memory_mib = memory_mib(value.trim()),
            "spark.mesos.executor.memoryOverhead" => self.overhead_mib = value.trim().parse().ok(),
            _ => {}
        }
    }

    /// Writes what was asked for into a framework's labels, unless it has them already. Without a
    /// number of executors nothing is known of the demand, and offers are of whole nodes as in Mesos.
    pub(crate) fn describe(&self, framework: &mut FrameworkInfo) {
        let Some(count) = self.count else { return };
        let memory = self.memory_mib.unwrap_or(DEFAULT_MEMORY_MIB);
        let overhead = self.overhead_mib.unwrap_or(LEAST_OVERHEAD_MIB.max(memory / 10));
        let labels = &mut framework.labels.get_or_insert_with(Labels::default).labels;
        let wanted = [
            (EXECUTORS, count.to_string()),
            (EXECUTOR_CPUS, self.cores.unwrap_or(1).to_string()),
            (EXECUTOR_MEMORY, format!("{}Mi", memory + overhead)),
        ];
        for (key, value) in wanted {
            if labels.iter().all(|label| label.key != key) {
                labels.push(Label { key: key.to_owned(), value: Some(value) });
            }
        }
    }
}

/// Has an executor of Spark bind to the address of its container, if that has one of its own. Spark tells
/// it to bind to the agent's name, which is another address where containers have their own, as pods do.
pub(crate) fn bind_to_own_address(task: &mut TaskInfo) {
    let Some(command) = task.command.as_mut().filter(|it| it.shell.unwrap_or(true)) else { return };
    let Some(value) = command.value.as_mut().filter(|value| value.contains(EXECUTOR)) else {
        return;
    };
    let Some(start) = value.find(HOSTNAME_OPTION).map(|at| at + HOSTNAME_OPTION.len()) else {
        return;
    };
    let is_of_name =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
    let rest = &value[start..];
    let end = start + rest.find(|letter| !is_of_name(letter)).unwrap_or(rest.len());
    if end > start {
        let name = format!("${{{CONTAINER_IP}:-{}}}", &value[start..end]);
        value.replace_range(start..end, &name);
    }
}

/// Options of `spark-submit` that have no value.
fn is_flag(option: &str) -> bool {
    matches!(option, "verbose" | "supervise" | "help" | "version" | "usage-error")
}

/// Spark's way to write memory (`JavaUtils.byteStringAsMb`): a number of mebibytes, or with k, m, g or t.
fn memory_mib(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    match &text[digits.len()..] {
        "" | "m" | "mb" => Some(number),
        "b" => Some(number >> 20),
        "k" | "kb" => Some(number >> 10),
        "g" | "gb" => number.checked_mul(1 << 10),
        "t" | "tb" => number.checked_mul(1 << 20),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
