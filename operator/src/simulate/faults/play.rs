//! Runs: steps from a seed, played, and shortened when a promise is broken.

use proffer_core::Fairness;
use proffer_core::engine::Settings;

use super::cluster::ClusterStep;
use super::panics;
use super::random::Random;
use super::world::{Faults, Step, World};

/// How often a run that fails may be played to make it shorter.
const MOST_ATTEMPTS: usize = 3000;

/// What happened, all of it.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) seed: u64,
    pub(super) fairness: Fairness,
    pub(super) steps: Vec<Step>,
}

/// What became of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// A number that follows from all that was decided.
    pub(super) hash: u64,
    pub(super) failure: Option<Failure>,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// After how many steps. If that is all of them, it may have been when everything ended.
    pub(super) steps: usize,
    pub(super) message: String,
}

impl Failure {
    /// What is broken, without the names and numbers of this run.
    fn kind(&self) -> String {
        let plain =
            |word: &&str| word.chars().all(|letter| letter.is_alphabetic() || letter == ',');
        self.message.split(' ').filter(plain).collect::<Vec<_>>().join(" ")
    }
}

/// The run of a seed.
pub(super) fn script(seed: u64, count: usize) -> Script {
    let mut random = Random::new(seed);
    let faults = Faults::random(&mut random);
    let fairness = if random.chance(70) { Fairness::Hdrf } else { Fairness::Drf };
    let mut steps = Vec::with_capacity(count);
    for _ in 0..random.between(1, 5) {
        steps.push(Step::Cluster(ClusterStep::random_node(&mut random)));
    }
    for _ in 0..random.between(2, 6) {
        steps.push(Step::Cluster(ClusterStep::random_pool(&mut random)));
    }
    steps.truncate(count);
    while steps.len() < count {
        steps.push(Step::random(&mut random, faults));
    }
    Script { seed, fairness, steps }
}

/// Plays a run to its end.
pub(super) fn play(script: &Script) -> Outcome {
    play_aloud(script, false)
}

/// Plays a run to its end, and prints everything that happens if that is wanted.
pub(super) fn play_aloud(script: &Script, verbose: bool) -> Outcome {
    let mut hash = 0;
    let mut done = 0;
    let played = panics::caught(|| {
        let settings = Settings { fairness: script.fairness, ..Settings::default() };
        let mut world = World::new(settings, verbose);
        for step in &script.steps {
            done += 1;
            world.step(step)?;
        }
        let end = world.conclude();
        hash = world.hash;
        end
    });
    let failure = played.err().map(|message| Failure { steps: done, message });
    Outcome { hash: if failure.is_none() { hash } else { 0 }, failure }
}

/// Leaves out steps as long as the same promise is still broken; returns what is left and how it fails.
/// Source: Zeller and Hildebrandt, Simplifying and isolating failure-inducing input, TSE 2002.
pub(super) fn shrink(
    script: &Script,
    failure: Failure,
    fails: impl Fn(&Script) -> Option<Failure>,
) -> (Script, Failure) {
    let mut script = script.clone();
    let kind = failure.kind();
    let mut failure = failure;
    script.steps.truncate(failure.steps);
    let mut attempts = 0;
    let mut size = script.steps.len().div_ceil(2);
    while size > 0 {
        let mut start = 0;
        let mut shrunk = false;
        while start < script.steps.len() && attempts < MOST_ATTEMPTS {
            let end = (start + size).min(script.steps.len());
            let mut shorter = script.clone();
            shorter.steps.drain(start..end);
            attempts += 1;
            match fails(&shorter).filter(|found| found.kind() == kind) {
                Some(found) => {
                    shorter.steps.truncate(found.steps);
                    (script, failure, shrunk) = (shorter, found, true);
                }
                None => start = end,
            }
        }
        if attempts >= MOST_ATTEMPTS {
            break;
        }
        size = if size == 1 && !shrunk { 0 } else { (size / 2).max(1) };
    }
    (script, failure)
}
