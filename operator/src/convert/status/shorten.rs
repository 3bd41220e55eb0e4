//! Statuses that the API server does not take, as they are too large: what is left out of them, and that it
//! is.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use proffer_core::time::Time;
use proffer_crds::job::{SparkJobStatus, StageStatus};

use super::super::clip::start_of;
use super::super::count;
use super::super::restore::by_member;
use super::{Conditions, counted};

/// How much of a sentence is left.
const SENTENCE_BYTES: usize = 256;

/// How much of a job's status is stored: less each time that one was refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Length {
    /// All of it.
    #[default]
    Whole,
    /// Without what tasks wrote, and with short sentences.
    Short,
    /// Without what failed, too. Attempts at each task are still counted, so that no number is used again.
    Shortest,
}

impl Length {
    /// The next shorter one, if there is one.
    pub(crate) fn shorter(self) -> Option<Self> {
        match self {
            Self::Whole => Some(Self::Short),
            Self::Short => Some(Self::Shortest),
            Self::Shortest => None,
        }
    }

    /// What is left out.
    pub(crate) fn left_out(self) -> &'static str {
        match self {
            Self::Whole => "nothing is left out",
            Self::Short => "left out are what tasks wrote and the rest of long sentences",
            Self::Shortest => {
                "left out are failures, how often each task failed or was lost, and declined nodes"
            }
        }
    }
}

/// Makes a status as short as it has to be, and says so in a condition.
pub(crate) fn shorten(
    status: &mut SparkJobStatus,
    length: Length,
    previous: &[Condition],
    now: Time,
) {
    if length == Length::Whole {
        return;
    }
    for failure in &mut status.failures {
        failure.stderr.clear();
        shorten_text(&mut failure.message);
    }
    status.declined_nodes.iter_mut().for_each(|node| shorten_text(&mut node.reason));
    status.message.iter_mut().for_each(shorten_text);
    status.conditions.iter_mut().for_each(|condition| shorten_text(&mut condition.message));
    if length == Length::Shortest {
        status.failures.clear();
        status.declined_nodes.clear();
        status.stages.iter_mut().for_each(fold);
    }
    let mut conditions = Conditions {
        previous,
        generation: status.observed_generation,
        now,
        list: std::mem::take(&mut status.conditions),
    };
    let message = format!("the status was too large for the API server: {}", length.left_out());
    conditions.add("StatusShortened", true, "TooLarge", &message);
    status.conditions = conditions.list;
}

fn shorten_text(text: &mut String) {
    *text = start_of(std::mem::take(text), SENTENCE_BYTES);
}

/// Counts failed and lost attempts as others: tasks that share their fate then stand together.
fn fold(stage: &mut StageStatus) {
    let mut others: BTreeMap<u32, u32> = by_member(&stage.other_attempts);
    let (failures, losses) =
        (std::mem::take(&mut stage.failures), std::mem::take(&mut stage.losses));
    for (partition, number) in failures.into_iter().chain(losses) {
        let Ok(partition) = partition.parse() else { continue };
        let all = others.entry(partition).or_default();
        *all = all.saturating_add(count(number));
    }
    stage.other_attempts = counted(&others);
}

#[cfg(test)]
mod tests {
    use proffer_core::time::Time;
    use serde_json::{Value, json};

    use super::{Length, shorten};
    use crate::convert::restored_status;

    fn large() -> Value {
        let long = "x".repeat(5000);
        json!({
            "observedGeneration": 3, "state": "Running", "message": long,
            "executorEpochs": [{"ranges": "0-1", "count": 2}],
            "declinedNodes": [{"name": "n", "reason": long}],
            "failures": [
                {"stage": "s", "task": "0", "attempt": 0, "reason": "Exited", "message": long, "stderr": long},
            ],
            "stages": [{
                "name": "s", "state": "Running", "tasks": 4, "failures": {"0": 2, "1": 1},
                "losses": {"1": 1, "2": 1}, "otherAttempts": [{"ranges": "2-3", "count": 1}],
                "results": {"3": "r"}, "finished": "3",
            }],
            "conditions": [{
                "type": "PodsReady", "status": "True", "reason": "Ready", "message": long,
                "lastTransitionTime": "2026-11-24T00:00:00Z",
            }],
        })
    }

    #[test]
    fn less_is_left_each_time_and_no_number_is_forgotten() {
        let mut lengths = vec![];
        let mut next = Some(Length::Whole);
        while let Some(length) = next {
            let mut job = json!({
                "apiVersion": "proffer.dev/v1alpha1", "kind": "SparkJob",
                "metadata": {"name": "j", "namespace": "ns", "uid": "u"},
                "spec": {"stages": [{"name": "s", "command": ["true"], "partitions": 4}]},
            });
            job["status"] = large();
            let mut job: proffer_crds::SparkJob = serde_json::from_value(job).unwrap();
            let mut status = job.status.take().unwrap();
            shorten(&mut status, length, &[], Time::ZERO);
            let text = serde_json::to_string(&status).unwrap();
            let told = status.conditions.iter().any(|it| it.type_ == "StatusShortened");
            assert_eq!(told, length != Length::Whole);
            assert_eq!(status.stages[0].results["3"], "r");
            lengths.push(text.len());
            job.status = Some(status);
            let restored = restored_status(&job).unwrap();
            assert_eq!(restored.epochs, [(0, 2), (1, 2)].into());
            let stage = &restored.stages[0];
            let all = [&stage.failures, &stage.losses, &stage.other_attempts];
            let next_number =
                |partition| all.iter().filter_map(|it| it.get(&partition)).sum::<u32>();
            assert_eq!([0, 1, 2, 3].map(next_number), [2, 2, 2, 1]);
            next = length.shorter();
        }
        assert!(
            lengths.is_sorted_by(|a, b| a > b) && lengths[1] < 2500 && lengths[2] < 1500,
            "{lengths:?}"
        );
    }
}
