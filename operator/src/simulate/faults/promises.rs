//! What has to hold after every step, whatever happens. The words are those of the design's promises.

use std::collections::{BTreeMap, BTreeSet};

use proffer_core::ranges::Ranges;
use proffer_crds::executor::{Assignment, SparkExecutorStatus};
use proffer_crds::job::SparkJobStatus;
use proffer_executor::Attempt;

use super::world::Checked;

/// A task: the job's uid, the stage, the partition.
type Task = (String, String, u32);

/// All that happened and must not be undone.
#[derive(Debug, Default)]
pub(super) struct Promises {
    /// The executors that were ever made.
    names: BTreeSet<String>,
    /// The jobs that try slow tasks twice.
    pub(super) speculating: BTreeSet<String>,
    /// Attempts that were started, by whom.
    started: BTreeMap<(Task, i32), String>,
    finished: BTreeSet<(Task, i32)>,
    /// Finished tasks that stand in some report or status.
    reported: BTreeMap<(String, String), Ranges>,
    /// How often a task failed.
    failures: BTreeMap<Task, u32>,
    /// How many executors of a job died by themselves; any task may be blamed for each.
    deaths: BTreeMap<String, u32>,
}

fn task(uid: &str, attempt: &Attempt) -> Task {
    (uid.to_owned(), attempt.stage.to_string(), attempt.partition)
}

impl Promises {
    /// An executor is made: no name twice.
    pub(super) fn created(&mut self, name: &str) -> Checked {
        if self.names.insert(name.to_owned()) {
            return Ok(());
        }
        Err(format!("executor {name} is made a second time: its epoch is used again"))
    }

    /// A task starts: as an attempt of its own, and only if it has not finished before.
    /// Where slow tasks are tried twice, an attempt may start whose twin has just finished.
    pub(super) fn started(&mut self, uid: &str, attempt: &Attempt, name: &str) -> Checked {
        let task = task(uid, attempt);
        let stage = (uid.to_owned(), attempt.stage.to_string());
        let reported = self.reported.get(&stage);
        if !self.speculating.contains(uid)
            && reported.is_some_and(|finished| finished.contains(attempt.partition))
        {
            return Err(format!(
                "{attempt} runs on {name}, but the task had finished, and reported"
            ));
        }
        let id = (task, attempt.number);
        if self.finished.contains(&id) {
            return Err(format!("{attempt} runs on {name}, but that attempt had finished"));
        }
        match self.started.insert(id, name.to_owned()) {
            Some(other) if other != name => {
                Err(format!("{attempt} runs on {name}, but that attempt had run on {other}"))
            }
            _ => Ok(()),
        }
    }

    /// An attempt finished; returns its result.
    pub(super) fn finished(&mut self, uid: &str, attempt: &Attempt, name: &str) -> String {
        self.finished.insert((task(uid, attempt), attempt.number));
        format!("{} {name}", attempt.number)
    }

    pub(super) fn failed(&mut self, uid: &str, attempt: &Attempt) {
        *self.failures.entry(task(uid, attempt)).or_default() += 1;
    }

    /// An executor died by itself.
    pub(super) fn died(&mut self, uid: &str) {
        *self.deaths.entry(uid.to_owned()).or_default() += 1;
    }

    /// A report is written: from now on, what finished according to it has finished.
    pub(super) fn reported(&mut self, uid: &str, status: &SparkExecutorStatus) {
        for Assignment { stage, ranges, .. } in &status.finished {
            let reported = self.reported.entry((uid.to_owned(), stage.clone())).or_default();
            ranges.iter().for_each(|partition| {
                reported.insert(partition);
            });
        }
    }

    /// A job's status is written: nothing in it goes back.
    pub(super) fn stored(
        &mut self,
        uid: &str,
        old: Option<&SparkJobStatus>,
        new: &SparkJobStatus,
    ) -> Checked {
        for stage in &new.stages {
            for partition in stage.finished.iter() {
                let task = (uid.to_owned(), stage.name.clone(), partition);
                let mut numbers = self.finished.range((task.clone(), 0)..=(task, i32::MAX));
                if numbers.next().is_none() {
                    return Err(format!(
                        "{}/{partition} counts as finished, but is not",
                        stage.name
                    ));
                }
            }
            for (partition, &failures) in &stage.failures {
                let number = partition.parse().unwrap_or(u32::MAX);
                let task = (uid.to_owned(), stage.name.clone(), number);
                let deaths = self.deaths.get(uid).copied().unwrap_or(0);
                let real = self.failures.get(&task).copied().unwrap_or(0) + deaths;
                if u32::try_from(failures).is_ok_and(|failures| failures > real) {
                    let name = &stage.name;
                    return Err(format!("{name}/{partition} failed {real} times, not {failures}"));
                }
            }
        }
        let Some(old) = old else { return Ok(()) };
        if old.state.is_final() && old.state != new.state {
            return Err(format!("a job that was {:?} becomes {:?}", old.state, new.state));
        }
        if new.restarts < old.restarts {
            return Err(format!("restarts go from {} to {}", old.restarts, new.restarts));
        }
        for (before, after) in old.stages.iter().zip(&new.stages) {
            let name = &before.name;
            if let Some(lost) = before.finished.iter().find(|&it| !after.finished.contains(it)) {
                return Err(format!("{name}/{lost} had finished and has not any more"));
            }
            if before.committed && !after.committed {
                return Err(format!("{name} was committed and is not any more"));
            }
            for (task, result) in &before.results {
                let now = after.results.get(task);
                if now != Some(result) {
                    return Err(format!(
                        "the result of {name}/{task} goes from {result} to {now:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}
