use std::collections::BTreeMap;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

mod faults;
use faults::{Faulty, Life};

fn owner(uid: &str, stage: &str) -> Owner {
    Owner {
        namespace: "n".to_owned(),
        name: "j".to_owned(),
        uid: uid.to_owned(),
        stage: stage.to_owned(),
    }
}

fn attempt(partition: u32, number: i32) -> Attempt {
    Attempt { stage: Arc::from("s"), number, partition }
}

fn output(store: Arc<dyn ObjectStore>) -> Output {
    Output::new(Folder::of(store, "out"), owner("u", "s"))
}

/// All that an attempt does besides running a command.
async fn run(output: &Output, attempt: &Attempt, bytes: &str) -> Result<Record, Failure> {
    output.claim().await?;
    if let Some(record) = output.record(attempt.partition).await? {
        output.publish(&record).await?;
        return Ok(record);
    }
    let mut aside = output.aside(attempt, "e")?;
    for piece in bytes.as_bytes().chunks(3) {
        output.write(&mut aside, Bytes::copy_from_slice(piece)).await?;
    }
    output.complete(attempt, "e", aside, Some(format!("result of {bytes}"))).await
}

async fn all(store: &dyn ObjectStore) -> BTreeMap<String, String> {
    let found: Vec<_> = store.list(None).try_collect().await.unwrap();
    let mut all = BTreeMap::new();
    for object in found {
        let bytes = store.get(&object.location).await.unwrap().bytes().await.unwrap();
        all.insert(object.location.to_string(), String::from_utf8(bytes.to_vec()).unwrap());
    }
    all
}

fn public(all: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    all.iter()
        .filter(|(path, _)| !path.contains("_proffer"))
        .map(|(path, bytes)| (path.as_str(), bytes.as_str()))
        .collect()
}

#[tokio::test]
async fn an_output_is_written_and_committed() {
    let disk = tempfile::tempdir().unwrap();
    let local: Arc<dyn ObjectStore> =
        Arc::new(LocalFileSystem::new_with_prefix(disk.path()).unwrap());
    for store in [local, Arc::new(InMemory::new())] {
        let output = output(Arc::clone(&store));
        let record = run(&output, &attempt(1, 0), "one").await.unwrap();
        assert_eq!((record.size, record.result.as_deref()), (3, Some("result of one")));
        let checksum = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
        assert_eq!(record.checksum, checksum);
        let missing = output.commit(2).await.unwrap_err();
        assert!(missing.message.contains("partition 0 of 2"), "{}", missing.message);
        run(&output, &attempt(0, 3), "zero").await.unwrap();
        output.commit(2).await.unwrap();
        output.commit(2).await.unwrap();
        let wanted = [("out/_SUCCESS", ""), ("out/part-00000", "zero"), ("out/part-00001", "one")];
        assert_eq!(public(&all(&store).await), wanted);
        let asides = output.folder.folder(ATTEMPTS).unwrap();
        assert!(asides.list().try_next().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn the_first_to_finish_counts() {
    let store = Arc::new(InMemory::new());
    let output = output(Arc::clone(&store) as _);
    output.claim().await.unwrap();
    let mut slow = output.aside(&attempt(0, 0), "e0").unwrap();
    output.write(&mut slow, Bytes::from("slow")).await.unwrap();
    let fast = run(&output, &attempt(0, 1), "fast").await.unwrap();
    let counted = output.complete(&attempt(0, 0), "e0", slow, None).await.unwrap();
    assert_eq!(counted, fast);
    assert_eq!(run(&output, &attempt(0, 2), "late").await.unwrap(), fast);
    let all = all(&store).await;
    assert_eq!(public(&all), [("out/part-00000", "fast")]);
    assert!(!all.keys().any(|path| path.contains("attempts")), "{:?}", all.keys());
}

/// Between looking for an owner and looking for what else is there, another executor of the same job
/// may have claimed the output and published a part.
#[tokio::test]
async fn what_the_same_job_publishes_meanwhile_is_no_reason_to_refuse() {
    let store = Arc::new(InMemory::new());
    run(&output(Arc::clone(&store) as _), &attempt(0, 0), "zero").await.unwrap();
    let early = output(Arc::new(Faulty::new(Arc::clone(&store) as _, Life::with_early_reads(1))));
    early.claim().await.unwrap();
    let early = Arc::new(Faulty::new(Arc::clone(&store) as _, Life::with_early_reads(1)));
    let other = Output::new(Folder::of(early, "out"), owner("other", "s"));
    let refused = other.claim().await.unwrap_err();
    assert!(refused.message.contains("belongs to job n/j (u)"), "{}", refused.message);
}

#[tokio::test]
async fn an_output_of_another_job_or_stage_is_refused() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    output(Arc::clone(&store)).claim().await.unwrap();
    let claim = async |uid, stage| {
        let folder = Folder::of(Arc::clone(&store), "out");
        Output::new(folder, owner(uid, stage)).claim().await.unwrap_err()
    };
    let failure = claim("other", "s").await;
    assert_eq!((failure.reason, failure.is_final), (Reason::Rejected, true));
    assert_eq!(
        failure.message,
        "output memory:///out belongs to job n/j (u); choose another output or delete it"
    );
    assert!(claim("u", "t").await.message.contains("belongs to stage s of this job"));
    store.put(&Path::from("out/_proffer/owner.json"), "nonsense".into()).await.unwrap();
    assert!(claim("u", "s").await.message.contains("owner.json is damaged"));
}

#[tokio::test]
async fn a_folder_that_holds_something_else_is_refused() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mine = output(Arc::clone(&store));
    store.put(&Path::from("outer/x"), "".into()).await.unwrap();
    store.put(&Path::from("out/_proffer/u/inputs/s.json"), "".into()).await.unwrap();
    store.put(&Path::from("out/notes.txt"), "".into()).await.unwrap();
    let failure = mine.claim().await.unwrap_err();
    assert_eq!((failure.reason, failure.is_final), (Reason::Rejected, true));
    assert!(failure.message.contains("memory:///out already holds notes.txt"));
    store.delete(&Path::from("out/notes.txt")).await.unwrap();
    mine.claim().await.unwrap();
}

#[tokio::test]
async fn stores_that_cannot_create_are_refused() {
    let life = Life::without_create();
    let refusing = output(Arc::new(Faulty::new(Arc::new(InMemory::new()), life)));
    let failure = refusing.claim().await.unwrap_err();
    assert_eq!((failure.reason, failure.is_final), (Reason::Rejected, true));
    assert!(failure.message.contains("memory:/// cannot create an object only if"));

    let life = Life::with_create_ignored();
    let ignoring = output(Arc::new(Faulty::new(Arc::new(InMemory::new()), life)));
    let failure = ignoring.claim().await.unwrap_err();
    assert_eq!((failure.reason, failure.is_final), (Reason::Rejected, true));
    assert!(failure.message.contains("does not heed create-only writes"));
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_no_lasting_failure() {
    let disk = tempfile::tempdir().unwrap();
    std::fs::write(disk.path().join("out"), "a file").unwrap();
    let store = Arc::new(LocalFileSystem::new_with_prefix(disk.path()).unwrap());
    let failure = run(&output(store), &attempt(0, 0), "x").await.unwrap_err();
    assert_eq!((failure.reason, failure.is_final), (Reason::OutputFailed, false));
    assert!(failure.message.contains("Not a directory"), "{}", failure.message);
}

#[tokio::test]
async fn bytes_that_are_gone_are_told() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let output = output(Arc::clone(&store));
    let record = run(&output, &attempt(0, 0), "x").await.unwrap();
    output.publish(&record).await.unwrap();
    store.delete(&Path::from("out/part-00000")).await.unwrap();
    let failure = run(&output, &attempt(0, 1), "x").await.unwrap_err();
    assert!(failure.is_final && failure.message.contains("the output of partition 0 is gone"));
}

/// Runs attempts one after another, each of which dies after as many operations as given, then
/// one that does not die; returns what all of them that got through reported.
async fn survive(store: &Arc<InMemory>, deaths: &[usize]) -> Vec<Record> {
    let mut reported = Vec::new();
    for (number, &operations) in deaths.iter().chain([&usize::MAX]).enumerate() {
        let life = Life::of(operations);
        let output = output(Arc::new(Faulty::new(Arc::clone(store) as _, life)));
        let bytes = format!("bytes of attempt {number}");
        reported.extend(run(&output, &attempt(0, i32::try_from(number).unwrap()), &bytes).await);
    }
    reported
}

async fn check(store: &Arc<InMemory>, reported: &[Record]) {
    output(Arc::clone(store) as _).commit(1).await.unwrap();
    let first = &reported[0];
    assert!(reported.iter().all(|record| record == first), "{reported:?}");
    let bytes = format!("bytes of attempt {}", first.attempt);
    let wanted = format!("result of {bytes}");
    assert_eq!(first.result.as_ref(), Some(&wanted));
    let all = all(store).await;
    assert_eq!(public(&all), [("out/_SUCCESS", ""), ("out/part-00000", bytes.as_str())]);
    assert!(!all.keys().any(|path| path.contains("attempts")), "{:?}", all.keys());
}

#[tokio::test]
async fn an_attempt_may_die_after_any_operation() {
    let operations = {
        let life = Life::of(usize::MAX);
        let store = Arc::new(Faulty::new(Arc::new(InMemory::new()), life));
        run(&output(Arc::clone(&store) as _), &attempt(0, 0), "x").await.unwrap();
        store.operations()
    };
    assert!(operations > 8, "{operations}");
    for first in 0..=operations {
        for second in 0..=operations {
            let store = Arc::new(InMemory::new());
            let reported = survive(&store, &[first, second]).await;
            check(&store, &reported).await;
        }
    }
}

#[tokio::test]
async fn a_commit_may_die_after_any_operation() {
    for operations in 0..20 {
        let store = Arc::new(InMemory::new());
        // Partition 0 has a record and no part, as after a death; partition 1 has left something.
        let whole = output(Arc::clone(&store) as _);
        run(&whole, &attempt(1, 0), "one").await.unwrap();
        for deadly in 0.. {
            let life = Life::of(deadly);
            let dying = output(Arc::new(Faulty::new(Arc::clone(&store) as _, life)));
            let _ = run(&dying, &attempt(0, 0), "zero").await;
            if whole.record(0).await.unwrap().is_some() {
                break;
            }
        }
        let life = Life::of(operations);
        let dying = output(Arc::new(Faulty::new(Arc::clone(&store) as _, life)));
        let _ = dying.commit(2).await;
        let seen = all(&store).await;
        if seen.contains_key("out/_SUCCESS") {
            assert_eq!(public(&seen).len(), 3, "{seen:?}");
        }
        whole.commit(2).await.unwrap();
        let all = all(&store).await;
        let wanted = [("out/_SUCCESS", ""), ("out/part-00000", "zero"), ("out/part-00001", "one")];
        assert_eq!(public(&all), wanted);
        assert!(!all.keys().any(|path| path.contains("attempts")), "{:?}", all.keys());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Attempts at one partition that run side by side and die at any time.
    #[test]
    fn attempts_side_by_side_publish_one(lives in vec(0..20_usize, 1..5), seed: u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = Arc::new(InMemory::new());
            let mut reported = Vec::new();
            let attempts = (0_i32..).zip(&lives).map(|(number, &operations)| {
                let life = Life::of(operations).with_pauses(seed.rotate_left(7 * number.unsigned_abs()));
                let output = output(Arc::new(Faulty::new(Arc::clone(&store) as _, life)));
                let attempt = attempt(0, 10 + number);
                let bytes = format!("bytes of attempt {}", attempt.number);
                async move { run(&output, &attempt, &bytes).await }
            });
            for outcome in futures::future::join_all(attempts).await {
                reported.extend(outcome);
            }
            reported.extend(survive(&store, &[]).await);
            check(&store, &reported).await;
        });
    }
}
