//! What came of writes to executors.

use kube::ResourceExt;
use proffer_core::ExecutorKey;
use proffer_core::event::{Departure, Event};
use proffer_core::time::Time;
use proffer_crds::SparkExecutor;

use super::super::super::pod::{ObjectName, pod_facts};
use super::super::super::wishes::{ExecutorWish, Wish};
use super::super::super::writes::{ExecutorAnswer, Failure, Launched, Outcome, Unknown};
use super::super::Kind;
use super::super::common::Common;
use super::Stages;
use super::executor::PodState;

impl Stages {
    /// Takes in what came of a write.
    pub(in super::super) fn answered(
        &mut self,
        common: &mut Common,
        now: Time,
        key: &ExecutorKey,
        answer: ExecutorAnswer,
    ) {
        match answer {
            ExecutorAnswer::Launched(result) => self.launched(common, now, key, result),
            ExecutorAnswer::Assigned(number, Ok(Some(object))) => {
                let generation = object.metadata.generation.unwrap_or(0);
                if let Some(executor) = self.executors.get_mut(key) {
                    executor.written = Some((generation, number));
                }
                self.see(common, now, object);
            }
            ExecutorAnswer::Stopped(Ok(Some(object))) => self.see(common, now, object),
            ExecutorAnswer::Assigned(_, Err(_)) | ExecutorAnswer::Stopped(Err(_)) => {
                common.engine.handle(now, Event::NotDelivered(key.clone()));
            }
            ExecutorAnswer::PodDeleted(Ok(Outcome::Missing))
            | ExecutorAnswer::PodRead(Ok(false)) => {
                self.pod_is_missing(common, now, key);
            }
            ExecutorAnswer::PodDeleted(Err(_)) => self.delete_again(common, now, key),
            ExecutorAnswer::Read(result) => self.object_read(common, now, key, result),
            ExecutorAnswer::PodRead(Err(_)) => {
                common.queue.push(Wish::Executor(key.clone(), ExecutorWish::ReadPod));
            }
            ExecutorAnswer::Discarded(Ok(Outcome::Missing)) => self.forget(common, now, key),
            ExecutorAnswer::Discarded(Err(_)) => {
                common.queue.push(Wish::Executor(key.clone(), ExecutorWish::Discard));
            }
            // Of what follows a watch tells.
            ExecutorAnswer::Assigned(_, Ok(None))
            | ExecutorAnswer::Stopped(Ok(None))
            | ExecutorAnswer::PodDeleted(Ok(Outcome::Done))
            | ExecutorAnswer::PodRead(Ok(true))
            | ExecutorAnswer::Discarded(Ok(Outcome::Done)) => {}
        }
    }

    fn launched(
        &mut self,
        common: &mut Common,
        now: Time,
        key: &ExecutorKey,
        result: Result<Launched, Failure>,
    ) {
        match result {
            Ok(Launched { pod, object }) => {
                let Some(executor) = self.executors.get(key) else { return };
                let name = executor.name.clone();
                let is_untold = executor.object.is_none();
                // What a watch has told meanwhile is newer.
                if let Some(pod) = pod
                    && executor.pod == PodState::Unseen
                    && common.index.pod(&name).is_none()
                {
                    common.take_pod(&name, Some(pod_facts(&pod)));
                    self.review(common, now, key);
                    common.lists.expect(Kind::Pod, &name);
                }
                common.lists.note(Kind::Executor, &name);
                self.see_object(common, now, &name, *object);
                if is_untold {
                    common.lists.expect(Kind::Executor, &name);
                }
            }
            Err(Failure::Refused(message)) => {
                if let Some(executor) = self.executors.remove(key) {
                    self.by_name.remove(&executor.name);
                    common.index.set_own(&executor.name, false);
                }
                common.queue.executors.drop_waiting(key, |_| true);
                common.gone(now, key, Departure::Withdrawn(message));
            }
            Err(Failure::Unknown(_)) => {
                common.engine.handle(now, Event::NotDelivered(key.clone()));
            }
        }
    }

    /// Takes in an executor's object that a write has answered.
    fn see(&mut self, common: &mut Common, now: Time, object: Box<SparkExecutor>) {
        let name = ObjectName {
            namespace: object.namespace().unwrap_or_default().into(),
            name: object.name_any().into(),
        };
        let is_expected = common.lists.is_expected(Kind::Executor, &name);
        common.lists.note(Kind::Executor, &name);
        self.see_object(common, now, &name, *object);
        if is_expected {
            // No watch has told of it yet.
            common.lists.expect(Kind::Executor, &name);
        }
    }

    fn object_read(
        &mut self,
        common: &mut Common,
        now: Time,
        key: &ExecutorKey,
        result: Result<Option<Box<SparkExecutor>>, Unknown>,
    ) {
        if let Ok(Some(object)) = result {
            self.see(common, now, object);
            self.finish_departure(common, now, key);
            return;
        }
        let Some(executor) = self.executors.get(key) else { return };
        if result.is_err() {
            // What it said last must not be missed.
            common.queue.push(Wish::Executor(key.clone(), ExecutorWish::Read));
        } else if executor.departure.is_some() {
            self.finish_departure(common, now, key);
        } else {
            let name = executor.name.clone();
            self.miss_object(common, now, &name);
        }
    }

    /// Takes in that there is no pod (any more) that could be deleted.
    fn pod_is_missing(&mut self, common: &mut Common, now: Time, key: &ExecutorKey) {
        let Some(executor) = self.executors.get_mut(key) else { return };
        if !executor.has_departed {
            executor.pod = PodState::Gone;
            // The watch may be behind.
            common.take_pod(&executor.name, None);
            self.review(common, now, key);
        }
    }

    fn delete_again(&mut self, common: &mut Common, now: Time, key: &ExecutorKey) {
        match self.executors.get(key).map(|executor| executor.is_removing) {
            Some(true) => common.engine.handle(now, Event::NotDelivered(key.clone())),
            Some(false) => self.delete_pod(common, key, None),
            None => self.review_orphans(common, key),
        }
    }
}
