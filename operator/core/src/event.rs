//! What the engine is told.

use crate::frameworks::{FrameworkCall, FrameworkObservation, RunningTask};
use crate::ids::{ExecutorKey, JobKey, TaskId};
use crate::jobs::JobSpec;
pub use crate::labels::{Label, Taint, TaintEffect, Toleration, TolerationOperator};
pub use crate::nodes::{Maintenance, NodeObservation};
use crate::policy::Fairness;
pub use crate::policy::{IdleGuarantee, ReclaimPolicy, ReclaimRules};
use crate::ranges::Ranges;
use crate::share::WeightMilli;
use crate::time::Time;
use crate::view::JobStatus;
use serde::{Deserialize, Serialize};

/// Something that happened or was seen. Each observation replaces the one before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Event {
    /// A node as it is now.
    Node(NodeObservation),
    /// There is no node of this name any more, and nothing on it.
    NodeGone(Box<str>),
    /// A pool as it is now.
    Pool(PoolObservation),
    /// There is no pool of this name any more.
    PoolGone(Box<str>),
    /// A job as it is now.
    Job(Box<JobObservation>),
    /// There is no job of this name any more.
    JobGone(JobKey),
    /// What an executor says.
    Report(ExecutorKey, Report),
    /// An executor that was launched without a node is on this one.
    Placed(ExecutorKey, Box<str>),
    /// An executor is gone, and nothing of it runs any more.
    ExecutorGone(ExecutorKey, Departure),
    /// A framework whose demand is not known, as it is now.
    Framework(Box<FrameworkObservation>),
    /// There is no framework of this name any more. Its tasks hold what they have until each is gone.
    FrameworkGone(JobKey),
    /// What a framework says.
    FrameworkCall(JobKey, FrameworkCall),
    /// A task of a framework runs already.
    TaskRunning(Box<RunningTask>),
    /// A task of a framework is gone, and nothing of it runs any more.
    TaskGone(JobKey, #[serde(with = "crate::text::shared")] TaskId),
    /// What an executor should do could not be delivered to it; it is told again.
    NotDelivered(ExecutorKey),
    /// An executor's object as it is now. Of one that the engine did not launch itself it hears so.
    Executor(Box<ExecutorObservation>),
    /// Everything that there is was told: an engine that restores its state may decide from now on.
    Synced,
    /// A status of this revision, or of a later one, is stored where no crash reaches it.
    StatusWritten {
        /// The job.
        job: JobKey,
        /// The uid of the job that the status is of.
        uid: Box<str>,
        /// The status's revision.
        revision: u64,
    },
    /// A job's status could not be stored; it is given out again after a while.
    StatusNotWritten {
        /// The job.
        job: JobKey,
        /// The uid of the job that the status is of.
        uid: Box<str>,
    },
    /// What an executor left when it went is deleted.
    Discarded(ExecutorKey),
}

/// A pool's settings. By default a pool has no name, a weight of 1, no guarantee and no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolObservation {
    /// The pool's name; dots separate it from its parents'.
    pub name: Box<str>,
    /// The weight in thousandths.
    pub weight: WeightMilli,
    /// What the subtree gets first, by resource name; cpu in thousandths, memory in bytes.
    pub guarantee: Vec<(Box<str>, i64)>,
    /// What the subtree gets at most, by resource name. What is not named is unlimited.
    pub limit: Vec<(Box<str>, i64)>,
    /// How the pool's jobs and children are compared; as in the pool above if nothing is said.
    pub fairness: Option<Fairness>,
    /// The labels of the nodes that the subtree may use, on top of those of the pools above.
    pub node_selector: Vec<Label>,
    /// What is kept for the subtree on nodes.
    pub reservations: Vec<Reservation>,
    /// The namespaces that may use the pool; nothing for what the pool above has.
    pub namespaces: Vec<Box<str>>,
    /// What executors of the subtree may hold at most that are released without a node, by resource
    /// name; what is not named is unlimited. `None` if there are none.
    pub elastic: Option<Vec<(Box<str>, i64)>>,
    /// Whether the pool is being deleted: it takes no new jobs, and goes when the last has ended.
    pub deleting: bool,
    /// How the pool gets back what others hold.
    pub reclaim: ReclaimRules,
    /// What becomes of the guarantee while nobody wants it.
    pub idle_guarantee: IdleGuarantee,
}

/// What a pool reserves on every node with these labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The labels.
    pub node_selector: Vec<Label>,
    /// The amounts by resource name; cpu in thousandths, memory in bytes.
    pub resources: Vec<(Box<str>, i64)>,
}

impl Default for PoolObservation {
    fn default() -> Self {
        Self {
            name: "".into(),
            weight: 1000,
            guarantee: Vec::new(),
            limit: Vec::new(),
            fairness: None,
            node_selector: Vec::new(),
            reservations: Vec::new(),
            namespaces: Vec::new(),
            elastic: None,
            deleting: false,
            reclaim: ReclaimRules::default(),
            idle_guarantee: IdleGuarantee::default(),
        }
    }
}

/// A job as observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobObservation {
    /// The job's name.
    pub key: JobKey,
    /// Tells the job from others that had or will have its name.
    pub uid: Box<str>,
    /// The number of the version of its settings.
    pub generation: i64,
    /// When it was created.
    pub created_at: Time,
    /// Its settings, or why they make no sense.
    pub spec: Result<JobSpec, String>,
    /// What became of it before this engine was there; what the engine knows itself is newer.
    pub status: Option<Box<JobStatus>>,
}

/// An executor's object as observed: what it was told, whether or not it heard it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutorObservation {
    /// The executor's name.
    pub key: ExecutorKey,
    /// The uid of the job that it was made for.
    pub job_uid: Box<str>,
    /// The pool that pays for it.
    pub pool: Box<str>,
    /// The node that it was made for or landed on, if there is one yet.
    pub node: Option<Box<str>>,
    /// What it holds, by resource name; cpu in thousandths, memory in bytes.
    pub request: Vec<(Box<str>, i64)>,
    /// The attempts that it should run.
    pub attempts: Vec<StageAttempts>,
    /// The last report of which it knows that it is stored.
    pub acknowledged_report: u64,
    /// Whether it was told to go.
    pub terminating: bool,
}

/// What an executor says: all that it has not been told is stored, and what it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Each report has a higher number than the one before.
    pub number: u64,
    /// The number of the last [`crate::action::Assignment`] that it has taken in; 0 if that cannot be
    /// told. What was withdrawn goes to others only when this says so, or when the executor is gone.
    pub observed_assignment: u64,
    /// Whether it can run tasks.
    pub ready: bool,
    /// Attempts that run.
    pub running: Vec<StageAttempts>,
    /// Attempts that succeeded.
    pub finished: Vec<StageAttempts>,
    /// Attempts that failed.
    pub failures: Vec<AttemptFailure>,
    /// Results of attempts that succeeded.
    pub results: Vec<AttemptResult>,
}

/// Attempts at tasks of one stage that have the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageAttempts {
    /// The stage's name.
    pub stage: Box<str>,
    /// The attempts' number.
    pub attempt: u32,
    /// The partitions.
    pub partitions: Ranges,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptFailure {
    /// The stage's name.
    pub stage: Box<str>,
    /// The partition.
    pub partition: u32,
    /// The attempt's number.
    pub attempt: u32,
    /// One word.
    pub reason: Box<str>,
    /// A sentence.
    pub message: String,
    /// The end of the task's standard error.
    pub stderr: String,
    /// Whether another attempt cannot succeed.
    pub is_final: bool,
}

/// What a task left as its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptResult {
    /// The stage's name.
    pub stage: Box<str>,
    /// The partition.
    pub partition: u32,
    /// The text, unless it is too large for a report.
    pub value: Option<String>,
    /// Where the text is stored, if the job has a place for that.
    pub uri: Option<String>,
}

/// Why an executor is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Departure {
    /// It was told to go.
    Asked,
    /// It was lost through no fault of its tasks, as with its node.
    Lost(String),
    /// It used more memory than it was given.
    OutOfMemory(String),
    /// It exited by itself.
    Exited(String),
    /// It never started.
    NotStarted(String),
    /// Its node did not take it, as others were there first: no fault of the job's or the node's, but
    /// the job declines the node for a while.
    Refused(String),
    /// It could not be made: nothing of it is there, and nobody is to blame.
    Withdrawn(String),
}
