//! A fixed set of seeds, and what a simulation is for: it finds what is broken, and repeats it.

use super::play::{play, script, shrink};
use super::random::Random;
use super::{fairness, record};

/// The seeds that always run. `proffer simulate --seed 1 --seeds 1000` runs a million steps.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=60;

#[test]
fn every_promise_holds_for_these_seeds() {
    for seed in SEEDS {
        let outcome = play(&script(seed, 1000));
        assert_eq!(outcome.failure, None, "proffer simulate --seed {seed} --steps 1000");
    }
}

#[test]
fn short_runs_and_long_ones() {
    for (seed, steps) in (1000..1300).map(|seed| (seed, 100)).chain([(7, 20_000), (8, 20_000)]) {
        let outcome = play(&script(seed, steps));
        assert_eq!(outcome.failure, None, "proffer simulate --seed {seed} --steps {steps}");
    }
}

#[test]
fn the_same_seed_gives_the_same_decisions() {
    let (first, second) = (play(&script(3, 2000)), play(&script(3, 2000)));
    assert_eq!(first, second);
    assert_ne!(first.hash, play(&script(4, 2000)).hash);
}

#[test]
fn a_recorded_run_is_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.jsonl");
    let original = script(5, 500);
    record::write(&file, &original).unwrap();
    let read = record::read(&file).unwrap();
    assert_eq!(read.steps, original.steps);
    assert_eq!(play(&read), play(&original));
}

#[test]
fn a_file_that_is_no_run_names_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.jsonl");
    std::fs::write(&file, "hello\n").unwrap();
    assert!(record::read(&file).unwrap_err().to_string().contains("run.jsonl:1:"));
    record::write(&file, &script(1, 1)).unwrap();
    let mut text = std::fs::read_to_string(&file).unwrap();
    text += "\"tock\"\n";
    std::fs::write(&file, text).unwrap();
    assert!(record::read(&file).unwrap_err().to_string().contains("run.jsonl:3:"));
}

#[test]
fn what_fails_is_made_short() {
    // A run that breaks no promise of the engine, but one that the test makes up: three crashes.
    let mut run = script(2, 300);
    let crash: super::world::Step = serde_json::from_str("{\"crash\":0}").unwrap();
    run.steps.retain(|step| *step != crash);
    for place in [20, 120, 220] {
        run.steps.insert(place, crash.clone());
    }
    let breaks = |run: &super::play::Script| {
        let crashes = run.steps.iter().filter(|step| **step == crash).count();
        let message = "three crashes".to_owned();
        (crashes >= 3).then_some(super::play::Failure { steps: run.steps.len(), message })
    };
    let failure = breaks(&run).unwrap();
    let (short, _) = shrink(&run, failure, breaks);
    assert_eq!(short.steps, vec![crash.clone(); 3]);
}

#[test]
fn allocations_are_near_the_optimum() {
    fairness::measure(1, 300).unwrap();
}

#[test]
fn random_numbers_are_those_of_splitmix64() {
    // The first output for the seed 1234567 in the reference implementation.
    let mut random = Random::unmixed(1_234_567);
    assert_eq!(random.next(), 6_457_827_717_110_365_317);
}
