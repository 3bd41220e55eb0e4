//! What is wanted of the pods of tasks, as writes, and what came of them.

use k8s_openapi::api::core::v1::Pod;
use proffer_core::time::Time;
use proffer_mesos::types::{TaskState, TaskStatusReason as Reason};

use super::super::super::pod::{ObjectName, pod_facts};
use super::super::super::task_pod::{Place, Rights, executor_secret, task_pod};
use super::super::super::wishes::TaskWish;
use super::super::super::writes::{Failure, Outcome, TaskAnswer, TaskWrite, Unknown};
use super::super::Kind;
use super::super::common::Common;
use super::Mesos;
use super::tasks::{Step, wish};

impl Mesos {
    /// How to write what is wanted of a task; nothing if there is nothing to be written after all.
    pub(in super::super) fn write(
        &mut self,
        common: &mut Common,
        now: Time,
        name: &ObjectName,
        wish: TaskWish,
    ) -> Option<TaskWrite> {
        match wish {
            TaskWish::Run => self.write_run(common, now, name),
            TaskWish::Delete { uid, grace_seconds } => {
                Some(TaskWrite::Delete { uid, grace_seconds })
            }
            TaskWish::Acknowledge { uid } => Some(TaskWrite::Acknowledge { uid }),
            TaskWish::Checkpoint => self.write_checkpoint(name),
        }
    }

    /// Takes in what came of a write.
    pub(in super::super) fn answered(
        &mut self,
        common: &mut Common,
        now: Time,
        name: &ObjectName,
        answer: TaskAnswer,
    ) {
        match answer {
            TaskAnswer::Run(result) => self.task_made(common, now, name, result),
            TaskAnswer::Deleted(result) => self.task_deleted(common, now, name, &result),
            // Of what follows a watch tells.
            TaskAnswer::Acknowledged(_, Ok(_)) => {}
            TaskAnswer::Acknowledged(uid, Err(Unknown(_))) => {
                super::tasks::wish(common, name, TaskWish::Acknowledge { uid });
            }
            TaskAnswer::Checkpointed(changes, result) => {
                self.checkpoint_answered(common, name, changes, &result);
            }
        }
    }

    fn write_run(
        &mut self,
        common: &mut Common,
        now: Time,
        name: &ObjectName,
    ) -> Option<TaskWrite> {
        let key = self.by_pod.get(name)?.clone();
        let stored = self.master.checkpoint(&key);
        let task = self.tasks.get_mut(&key).filter(|task| task.step == Step::Staging)?;
        let run = task.run.as_ref()?;
        let job = &common.jobs.get(self.master.key_of(&key.framework)?)?.object;
        let (changes, text) = stored.unzip();
        task.changes = changes.unwrap_or(0);
        let checkpoint = text.as_deref();
        // A name that nobody had to prove counts for nothing.
        let is_proved = self.settings.master.access.is_required();
        let principal = self.master.stored(&key.framework).and_then(|stored| stored.principal);
        let settings = &self.settings.tasks;
        let rights = Rights::new(&settings.privileges, principal.filter(|_| is_proved));
        let (node, pool) = (&*task.node, &*task.pool);
        let place = Place { name: &name.name, node, pool, checkpoint, rights };
        match task_pod(run, place, job, &common.settings.pods, settings) {
            Ok(pod) => {
                let secret = executor_secret(run, &name.name, settings).map(Box::new);
                let authority = settings.authority.as_ref().filter(|_| secret.is_some());
                let authority = authority.map(|authority| authority.file.clone());
                Some(TaskWrite::Run { pod: Box::new(pod), secret, authority })
            }
            Err(message) => {
                let reason = Some(Reason::TaskInvalid);
                self.end_task(common, now, &key, TaskState::Error, reason, message);
                self.forget_task(common, &key);
                None
            }
        }
    }

    fn task_made(
        &mut self,
        common: &mut Common,
        now: Time,
        name: &ObjectName,
        result: Result<Box<Pod>, Failure>,
    ) {
        let Some(key) = self.by_pod.get(name).cloned() else { return };
        let task = self.tasks.get(&key);
        let killed = task.filter(|task| task.is_killed).map(|task| task.grace);
        let changes = task.map_or(0, |task| task.changes);
        match result {
            Ok(pod) => {
                self.master.checkpointed(&key, changes);
                // What a watch has told meanwhile is newer.
                if common.index.pod(name).is_none() {
                    common.take_pod(name, Some(pod_facts(&pod)));
                    self.observe_pod(common, now, name);
                    common.lists.expect(Kind::Pod, name);
                }
                if let Some(grace) = killed {
                    self.kill_task(common, now, &key, grace);
                }
            }
            Err(Failure::Refused(problem)) => {
                let message = format!("The pod of the task was refused: {problem}");
                let reason = Some(Reason::ContainerLaunchFailed);
                self.end_task(common, now, &key, TaskState::Failed, reason, message);
                self.forget_task(common, &key);
            }
            Err(Failure::Unknown(_)) => match killed {
                // It may have been made: what is there of it goes.
                Some(grace) => self.delete_task(common, &key, grace),
                None => wish(common, name, TaskWish::Run),
            },
        }
    }

    /// The write that stores what is known of an executor, and how many changes that has.
    fn write_checkpoint(&self, name: &ObjectName) -> Option<TaskWrite> {
        let key = self.by_pod.get(name)?;
        let uid = self.tasks.get(key)?.uid.clone()?;
        let (changes, text) = self.master.checkpoint(key)?;
        Some(TaskWrite::Checkpoint { uid, changes, text })
    }

    fn checkpoint_answered(
        &mut self,
        common: &mut Common,
        name: &ObjectName,
        changes: u64,
        result: &Result<Outcome, Unknown>,
    ) {
        let Some(key) = self.by_pod.get(name) else { return };
        match result {
            Ok(Outcome::Done) => self.master.checkpointed(key, changes),
            Ok(Outcome::Missing) => {}
            Err(Unknown(_)) => self.store_executor(common, key),
        }
    }

    fn task_deleted(
        &mut self,
        common: &mut Common,
        now: Time,
        name: &ObjectName,
        result: &Result<Outcome, Unknown>,
    ) {
        match result {
            Ok(Outcome::Done) => {}
            Ok(Outcome::Missing) => {
                if common.index.pod(name).is_some() {
                    // The watch may be behind.
                    common.take_pod(name, None);
                    self.observe_pod(common, now, name);
                } else if let Some(key) = self.by_pod.get(name).cloned() {
                    self.miss_pod(common, now, &key);
                }
            }
            Err(Unknown(_)) => {
                if let Some(key) = self.by_pod.get(name) {
                    let grace = self.tasks.get(key).and_then(|task| task.grace);
                    self.delete_task(common, key, grace);
                }
            }
        }
    }
}
