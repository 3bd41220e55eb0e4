//! Pods that stay for their logs when their executors have ended.

use std::collections::BTreeMap;

use proffer_core::ExecutorKey;
use proffer_core::jobs::JobKey;
use proffer_crds::job::PodRetention;

use super::super::super::pod::ObjectName;
use super::super::super::wishes::{ExecutorWish, Wish};
use super::super::common::Common;

/// The most pods of a job that stay when their executors have ended.
const MOST_RETAINED: usize = 10;

/// A pod, by name and uid.
type Pod = (ObjectName, Box<str>);

/// The pods that stay, oldest first, by job.
#[derive(Debug, Default)]
pub(super) struct Retained(BTreeMap<JobKey, Vec<Pod>>);

impl Retained {
    /// A pod stayed that an earlier process has left.
    pub(super) fn note(&mut self, job: &JobKey, name: &ObjectName, uid: Box<str>) {
        let pods = self.0.entry(job.clone()).or_default();
        if !pods.iter().any(|(known, _)| known == name) {
            pods.push((name.clone(), uid));
        }
    }

    /// Whether there are pods of a job.
    #[cfg(test)]
    pub(super) fn has(&self, job: &JobKey) -> bool {
        self.0.contains_key(job)
    }

    /// A job is gone, or another one has its name.
    pub(super) fn forget(&mut self, job: &JobKey) {
        self.0.remove(job);
    }

    /// Deletes the pod of an executor that is gone, unless it stays for its logs.
    pub(super) fn keep_or_delete(
        &mut self,
        common: &mut Common,
        key: &ExecutorKey,
        name: &ObjectName,
        ended_by_itself: bool,
        was_asked: bool,
    ) {
        let Some(pod) = common.index.pod(name).filter(|pod| !pod.is_deleting) else { return };
        let retention = common.jobs.get(&key.job).map(|job| job.object.spec.pod_retention);
        let stays = match retention {
            Some(PodRetention::Always) => pod.has_ended && (ended_by_itself || was_asked),
            Some(PodRetention::OnFailure) => pod.has_ended && ended_by_itself,
            Some(PodRetention::Never) | None => false,
        };
        let mut surplus = vec![(name.clone(), pod.uid.clone())];
        if stays {
            let pods = self.0.entry(key.job.clone()).or_default();
            pods.append(&mut surplus);
            let many = pods.len().saturating_sub(MOST_RETAINED);
            surplus = pods.drain(..many).collect();
        }
        for (pod, uid) in surplus {
            // The pods of several executors may go, each with the target of its own name.
            let facts = common.index.pod(&pod).and_then(|pod| pod.executor.as_ref());
            if let Some(facts) = facts {
                let wish = ExecutorWish::DeletePod { uid, grace_seconds: None };
                common.queue.push(Wish::Executor(facts.key.clone(), wish));
            }
        }
    }
}
