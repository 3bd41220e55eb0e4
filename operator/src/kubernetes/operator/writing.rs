//! What is wished becomes a write when its turn comes, and what came of it is brought to whom it is for.

use proffer_core::time::Time;

use super::super::pod::ObjectName;
use super::super::wishes::{NodeWish, PodWish, Wish};
use super::super::writes::{
    Answer, Failure, NodeAnswer, NodeWrite, Outcome, PodAnswer, PodWrite, Unknown, Write,
};
use super::Operator;

impl Operator {
    /// The next write that may start now. It has to be answered by [`Operator::answered`].
    pub(crate) fn next_write(&mut self, now: Time) -> Option<Write> {
        loop {
            let wish = self.common.queue.next(now)?;
            let target = wish.target();
            if let Some(write) = self.write(now, wish) {
                return Some(write);
            }
            // There was nothing to be written after all. What was to be made may have ended instead.
            self.settle(now);
            self.common.queue.done(now, &target, false);
        }
    }

    fn write(&mut self, now: Time, wish: Wish) -> Option<Write> {
        let common = &mut self.common;
        Some(match wish {
            Wish::Executor(key, wish) => {
                let write = self.stages.write(common, now, &key, wish)?;
                Write::Executor(key, write)
            }
            Wish::Driver(key, wish) => {
                let write = self.spark.write(common, now, wish)?;
                Write::Driver(key, write)
            }
            Wish::Job(key, wish) => {
                let write = self.write_job(now, wish)?;
                Write::Job(key, write)
            }
            Wish::Pool(name, wish) => {
                let write = common.pools.write(&name, wish)?;
                Write::Pool(name, write)
            }
            Wish::Pod(name, wish) => {
                let write = self.write_pod(now, &name, wish)?;
                Write::Pod(name, write)
            }
            Wish::Node(name, NodeWish::Mark(mark)) => {
                let uid = common.index.node(&name)?.uid.clone();
                Write::Node(name, NodeWrite::Mark { uid, mark })
            }
            Wish::Grant(grant) => {
                if !common.write_grant(now, &grant) {
                    return None;
                }
                Write::Grant(grant)
            }
        })
    }

    fn write_pod(&mut self, now: Time, name: &ObjectName, wish: PodWish) -> Option<PodWrite> {
        Some(match wish {
            PodWish::Place(launch) => {
                let uid = self.common.index.pod(name)?.uid.clone();
                PodWrite::Place { uid, launch }
            }
            PodWish::Explain(explanation) => PodWrite::Explain(explanation),
            PodWish::Delete { uid, grace_seconds } => PodWrite::Delete { uid, grace_seconds },
            PodWish::ReadLog => PodWrite::ReadLog,
            PodWish::Task(wish) => {
                let mesos = self.mesos.as_mut()?;
                PodWrite::Task(mesos.write(&mut self.common, now, name, wish)?)
            }
        })
    }

    /// Takes in what came of a write.
    pub(crate) fn answered(&mut self, now: Time, answer: Answer) {
        let target = answer.target();
        let failed = answer.unknown().is_some();
        if let Some(Unknown(problem)) = answer.unknown() {
            tracing::warn!(?target, "a write failed and is tried again: {problem}");
        }
        let common = &mut self.common;
        common.pools.note(now);
        match answer {
            Answer::Executor(key, answer) => self.stages.answered(common, now, &key, answer),
            Answer::Driver(key, answer) => self.spark.answered(common, now, &key, answer),
            Answer::Job(key, answer) => self.job_answered(now, &key, answer),
            Answer::Pool(name, answer) => self.pool_answered(now, &name, answer),
            Answer::Pod(name, answer) => self.pod_answered(now, &name, answer),
            Answer::Node(name, NodeAnswer::Marked(mark, result)) => match result {
                // How the node is now a watch tells.
                Ok(()) | Err(Failure::Refused(_)) => {}
                Err(Failure::Unknown(_)) => {
                    common.queue.push(Wish::Node(name, NodeWish::Mark(mark)));
                }
            },
            Answer::Grant(grant, result) => common.granted(now, &grant, result),
        }
        self.settle(now);
        self.common.queue.done(now, &target, failed);
    }

    fn pod_answered(&mut self, now: Time, name: &ObjectName, answer: PodAnswer) {
        let common = &mut self.common;
        match answer {
            PodAnswer::Placed(launch, result) => {
                if self.gated.has_placed(&launch.key) {
                    self.gated.placed(common, now, launch, result);
                } else {
                    self.spark.placed(common, now, launch, result);
                }
            }
            PodAnswer::Deleted(Ok(Outcome::Missing)) => {
                self.gated.miss(common, now, name);
                self.spark.miss(common, now, name);
            }
            PodAnswer::Deleted(Err(Unknown(_))) => common.delete_pod(name),
            // What follows a watch tells. A pod is explained again when there is something new to be
            // said, or some time later.
            PodAnswer::Deleted(Ok(Outcome::Done)) | PodAnswer::Explained(Ok(_) | Err(_)) => {}
            PodAnswer::LogRead(result) => {
                self.spark.take_log(common, now, name, result.unwrap_or_default());
            }
            PodAnswer::Task(answer) => {
                if let Some(mesos) = &mut self.mesos {
                    mesos.answered(common, now, name, answer);
                }
            }
        }
    }
}
