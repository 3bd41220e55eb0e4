//! How an executor is started.

use std::path::PathBuf;

/// What an executor has to know before it hears from the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The memory of all tasks together, in bytes: the largest task is killed when they use more.
    /// Without it, a cgroup is expected to see to that.
    pub memory_limit_bytes: Option<u64>,
    /// The folder that tasks run in, if not this process's own.
    pub working_directory: Option<PathBuf>,
}

/// The command line arguments of an executor.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ExecutorArguments {
    /// Hear the operator on standard input and report on standard output, an object a line
    ///
    /// Standard input takes the job and the executor's assignment, each time they change, as JSON
    /// objects of the Kubernetes API; standard output gives the executor's status; standard error
    /// has the log and what tasks print. When standard input ends, tasks get SIGTERM, after the
    /// job's grace period SIGKILL.
    #[arg(long, required_unless_present = "kubernetes")]
    pub stdio: bool,

    /// Obey the SparkExecutor of this name, in the namespace of the pod that this runs in
    ///
    /// The pod's service account reads that object and its SparkJob, and writes the object's status.
    #[arg(long, value_name = "NAME", conflicts_with = "stdio")]
    pub kubernetes: Option<String>,

    /// Kill the largest task when all tasks together use more than this many bytes of memory
    ///
    /// Where a container or a systemd unit limits memory, leave this out: the kernel does it then.
    #[arg(long, value_name = "N")]
    pub memory_limit_bytes: Option<u64>,

    /// Run tasks in this folder instead of the current one
    #[arg(long, value_name = "FOLDER")]
    pub working_directory: Option<PathBuf>,
}

impl From<ExecutorArguments> for Options {
    fn from(arguments: ExecutorArguments) -> Self {
        let ExecutorArguments { stdio: _, kubernetes: _, memory_limit_bytes, working_directory } =
            arguments;
        Self { memory_limit_bytes, working_directory }
    }
}
