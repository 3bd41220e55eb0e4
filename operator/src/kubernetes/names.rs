//! Names, labels and annotations.

use proffer_core::ExecutorKey;
use proffer_core::jobs::JobKey;

/// The pool of a pod.
pub(crate) const POOL_LABEL: &str = "proffer.dev/pool";
/// The scheduling gate of a pod that waits for an offer.
pub(crate) const OFFER_GATE: &str = "proffer.dev/offer";
/// Set on a pod when its gate is lifted: the node whose offer was accepted, or nothing.
pub(crate) const PLACED_ANNOTATION: &str = "proffer.dev/placed-on";
/// Set with it: the executor of the engine that the pod is, as `index-epoch`.
pub(crate) const EXECUTOR_ANNOTATION: &str = "proffer.dev/executor";
/// The condition of a pod that says why it waits for an offer.
pub(crate) const OFFERED_CONDITION: &str = "proffer.dev/Offered";
/// The job of an executor's pod.
pub(crate) const JOB_LABEL: &str = "proffer.dev/job";
/// The uid of the job.
pub(crate) const JOB_UID_LABEL: &str = "proffer.dev/job-uid";
/// The executor's place among those of its job.
pub(crate) const INDEX_LABEL: &str = "proffer.dev/executor-index";
/// How many executors had this place before.
pub(crate) const EPOCH_LABEL: &str = "proffer.dev/executor-epoch";
/// Set on the pod of the operator that decides.
pub(crate) const LEADER_LABEL: &str = "proffer.dev/leader";
/// Keeps a pool until its jobs are gone.
pub(crate) const POOL_FINALIZER: &str = "proffer.dev/jobs";
/// What is stored of an executor of a Mesos framework's own, on its pod: its tasks, and how far each is.
pub(crate) const CHECKPOINT_ANNOTATION: &str = "proffer.dev/mesos-executor";
/// When a node goes into maintenance: an RFC 3339 time, or two of them with a slash in between.
pub(crate) const MAINTENANCE_ANNOTATION: &str = "proffer.dev/maintenance";
/// The container that tasks run in.
pub(crate) const EXECUTOR_CONTAINER: &str = "executor";
/// The container that a Spark driver runs in, as Spark calls it.
pub(crate) const DRIVER_CONTAINER: &str = "spark-kubernetes-driver";
/// Spark's id of an application, on all of its pods.
pub(crate) const SPARK_APPLICATION_LABEL: &str = "spark-app-selector";
/// Whether a pod of an application is its driver or an executor.
pub(crate) const SPARK_ROLE_LABEL: &str = "spark-role";
/// The service account of Spark's drivers that name none.
pub(crate) const DRIVER_ACCOUNT: &str = "proffer-spark";
/// The job of an executor's pod that Spark made.
pub(crate) const SPARK_JOB_LABEL: &str = "proffer.dev/spark-job";
/// The container that a task of a Mesos framework runs in.
pub(crate) const TASK_CONTAINER: &str = "task";
/// The container that fetches the files of a task before that.
pub(crate) const FETCH_CONTAINER: &str = "fetch";
/// The id of a task, as far as it can be a label.
pub(crate) const TASK_LABEL: &str = "proffer.dev/task";
/// The task that a pod runs, as its framework told it.
pub(crate) const TASK_ANNOTATION: &str = "proffer.dev/mesos-task";
/// Set on the pod of a task when its framework knows how that ended.
pub(crate) const ACKNOWLEDGED_ANNOTATION: &str = "proffer.dev/acknowledged";
/// Who writes what Mesos's operator API says, as the API server records it.
pub(crate) const MESOS_FIELD_MANAGER: &str = "proffer-mesos";
/// Who writes, as the API server records it.
pub(crate) const FIELD_MANAGER: &str = "proffer-operator";

/// The name of an executor's pod and of its object: no two jobs have executors of one name, not even
/// two jobs of one name.
pub(crate) fn executor_name(key: &ExecutorKey, job_uid: &str) -> String {
    let ExecutorKey { job: JobKey { name, .. }, index, epoch } = key;
    let uid: String = job_uid.chars().take(5).collect();
    format!("{name}-{uid}-{index}-{epoch}")
}

/// Spark's label of the version that made a pod.
pub(crate) const SPARK_VERSION_LABEL: &str = "spark-version";
