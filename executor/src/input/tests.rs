use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use object_store::memory::InMemory;
use proffer_crds::SparkJobSpec;
use proffer_crds::job::{Output, SparkJobStatus, StageStatus, Task};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A job with a stage `early` and a stage `late`, which reads `input` in `partitions` parts.
fn job(input: Input, partitions: i32) -> SparkJob {
    let late = Stage {
        name: "late".to_owned(),
        partitions: Some(partitions),
        input: Some(input),
        ..Stage::default()
    };
    let early = Stage { name: "early".to_owned(), partitions: Some(12), ..Stage::default() };
    let spec = SparkJobSpec { stages: vec![early, late], ..SparkJobSpec::default() };
    let mut job = SparkJob::new("j", spec);
    job.metadata.uid = Some("u".to_owned());
    job
}

fn text(text: &str) -> Input {
    Input { text: Some(text.to_owned()), ..Input::default() }
}

fn uri(uri: &str) -> Input {
    Input { uri: Some(uri.to_owned()), ..Input::default() }
}

fn of_stage() -> Input {
    Input { stage: Some("early".to_owned()), ..Input::default() }
}

fn memory() -> Folder {
    Folder::of(Arc::new(InMemory::new()), "work")
}

async fn put(work: &Folder, path: &str, bytes: impl Into<Vec<u8>>) {
    work.put(path, Bytes::from(bytes.into())).await.unwrap();
}

/// What each partition of stage `late` reads.
async fn read(job: &SparkJob, work: Option<&Folder>) -> Result<Vec<Vec<u8>>, Failure> {
    let (inputs, stores) = (Inputs::default(), Stores::default());
    let stage = &job.spec.stages[1];
    let mut read = Vec::new();
    for partition in 0..u32::try_from(stage.task_count()).unwrap() {
        let share = inputs.share(job, stage, partition, &stores, work).await?.unwrap();
        let mut bytes = Vec::new();
        share.feed(&mut bytes).await?;
        read.push(bytes);
    }
    Ok(read)
}

async fn read_text(job: &SparkJob, work: &Folder) -> Vec<String> {
    let read = read(job, Some(work)).await.unwrap();
    read.into_iter().map(|bytes| String::from_utf8(bytes).unwrap()).collect()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

#[tokio::test]
async fn text_is_shared_at_line_ends() {
    let read = read(&job(text("one\ntwo\nthree\nfour"), 3), None).await.unwrap();
    assert_eq!(read, [&b"one\ntwo\n"[..], b"three\n", b"four"]);
    assert_eq!(super::tests::read(&job(text(""), 2), None).await.unwrap(), [b"", b""]);
}

#[tokio::test]
async fn a_stage_without_input_reads_nothing() {
    let job = job(text(""), 1);
    let (inputs, stores) = (Inputs::default(), Stores::default());
    let share = inputs.share(&job, &job.spec.stages[0], 0, &stores, None).await.unwrap();
    assert!(share.is_none());
}

#[tokio::test]
async fn files_are_read_in_the_order_of_their_names() {
    let work = memory();
    for (path, bytes) in [("in/b", "b1\nb2"), ("in/a", "a1"), ("in/_c", "c"), ("in/x/d", "d\n")] {
        put(&work, path, bytes).await;
    }
    assert_eq!(read_text(&job(uri("in/**"), 1), &work).await, ["a1\nb1\nb2\nd\n"]);
    let mut other = job(uri("in/*"), 1);
    other.metadata.uid = Some("v".to_owned());
    assert_eq!(read_text(&other, &work).await, ["a1\nb1\nb2"]);
}

#[tokio::test]
async fn every_attempt_reads_the_files_that_were_listed_first() {
    let work = memory();
    put(&work, "in/b", "b\n").await;
    let job = job(uri("in/*"), 1);
    assert_eq!(read_text(&job, &work).await, ["b\n"]);
    put(&work, "in/a", "a\n").await;
    assert_eq!(read_text(&job, &work).await, ["b\n"]);
    put(&work, "in/b", "B\n").await;
    let failure = read(&job, Some(&work)).await.unwrap_err();
    assert_eq!((failure.reason, failure.is_final), (Reason::InputFailed, true));
    assert_eq!(
        failure.message,
        "memory:///work/in/b has changed since it was listed: files may not change while a job \
         reads them"
    );
    work.delete("in/b").await.unwrap();
    let failure = read(&job, Some(&work)).await.unwrap_err();
    assert_eq!(failure.message, "memory:///work/in/b is gone since it was listed");
}

#[tokio::test]
async fn whoever_lists_second_reads_what_the_first_listed() {
    let work = memory();
    put(&work, "in/a", "a\n").await;
    put(&work, "in/b", "b\n").await;
    let record = r#"{"files":[{"path":"work/in/b","size":2}]}"#;
    put(&work, "_proffer/u/inputs/late.json", record).await;
    assert_eq!(read_text(&job(uri("in/*"), 1), &work).await, ["b\n"]);
}

#[tokio::test]
async fn no_file_is_a_lasting_failure() {
    let work = memory();
    let failure = read(&job(uri("in/*.csv"), 1), Some(&work)).await.unwrap_err();
    assert_eq!((failure.reason, failure.is_final), (Reason::InputFailed, true));
    assert!(failure.message.starts_with("no file matches \"in/*.csv\" in memory:///work/in"));
    let disk = tempfile::tempdir().unwrap();
    std::fs::create_dir(disk.path().join("in")).unwrap();
    let work = Stores::default().open(&format!("file://{}", disk.path().display())).unwrap();
    for folder in ["in", "none"] {
        let failure = read(&job(uri(folder), 1), Some(&work)).await.unwrap_err();
        assert!(failure.is_final && failure.message.contains("match as folder/*"));
    }
    let failure = read(&job(uri("in/*"), 1), None).await.unwrap_err();
    assert!(failure.is_final && failure.message.contains("set spec.workURI"));
}

#[tokio::test]
async fn packed_files_are_read_whole_by_one_partition() {
    let work = memory();
    let lines: String = (0..50_000).map(|number| format!("{number}\n")).collect();
    let members = [packed(lines.as_bytes()), packed(b"end")].concat();
    put(&work, "in/a.gz", members).await;
    put(&work, "in/b", "b1\nb2\n").await;
    put(&work, "in/c.gz", "").await;
    let read = read_text(&job(uri("in/*"), 2), &work).await;
    assert_eq!(read[0], lines + "end");
    assert_eq!(read[1], "b1\nb2\n");
}

#[tokio::test]
async fn what_only_claims_to_be_packed_is_told() {
    let whole = packed(&b"some text that is long enough to be cut short".repeat(10));
    let mut broken = whole.clone();
    broken[30] ^= 0xff;
    for bytes in [&b"plain text"[..], &whole[..whole.len() - 9], &whole[..5], &broken] {
        let work = memory();
        put(&work, "in/a.gz", bytes).await;
        let failure = read(&job(uri("in/*"), 1), Some(&work)).await.unwrap_err();
        assert_eq!((failure.reason, failure.is_final), (Reason::InputFailed, true));
        assert!(failure.message.starts_with("memory:///work/in/a.gz cannot be unpacked: "));
    }
}

#[tokio::test]
async fn a_line_longer_than_what_is_read_at_once_is_whole() {
    let disk = tempfile::tempdir().unwrap();
    let long = "x".repeat(700_000);
    std::fs::create_dir(disk.path().join("in")).unwrap();
    std::fs::write(disk.path().join("in/a"), format!("first\n{long}\nlast\n")).unwrap();
    let on_disk = Stores::default().open(&format!("file://{}", disk.path().display())).unwrap();
    let in_memory = memory();
    put(&in_memory, "in/a", format!("first\n{long}\nlast\n")).await;
    for work in [on_disk, in_memory] {
        let read = read_text(&job(uri("in/a"), 10), &work).await;
        assert_eq!(read[0], format!("first\n{long}\n"));
        assert_eq!(read[1..9].concat(), "");
        assert_eq!(read[9], "last\n");
    }
}

#[tokio::test]
async fn the_output_of_a_stage_is_read_by_number() {
    let work = memory();
    for (part, bytes) in [(100_000, "c\n"), (99_999, "b\n"), (0, "a\n"), (1, "")] {
        put(&work, &format!("early/part-{part:05}"), bytes).await;
    }
    put(&work, "early/_SUCCESS", "").await;
    put(&work, "early/_proffer/records/00000.json", "{}").await;
    let mut job = job(of_stage(), 1);
    job.spec.stages[0].output = Some(Output::default());
    assert_eq!(read_text(&job, &work).await, ["a\nb\nc\n"]);
    job.spec.stages[0].output = Some(Output { uri: Some("memory:///none".to_owned()) });
    job.metadata.uid = Some("v".to_owned());
    let failure = read(&job, Some(&work)).await.unwrap_err();
    assert!(failure.message.contains("the output of stage early is gone"));
}

fn with_results(mut job: SparkJob, results: &[(&str, &str)]) -> SparkJob {
    let results: BTreeMap<String, String> =
        results.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    let early = StageStatus { name: "early".to_owned(), results, ..StageStatus::default() };
    job.status = Some(SparkJobStatus { stages: vec![early], ..SparkJobStatus::default() });
    job
}

#[tokio::test]
async fn the_results_of_a_stage_are_read_in_order() {
    let numbered = with_results(job(of_stage(), 1), &[("10", "ten"), ("2", "two"), ("0", "a\nb")]);
    assert_eq!(read(&numbered, None).await.unwrap(), [b"a\nb\ntwo\nten\n"]);
    let mut named = with_results(job(of_stage(), 2), &[("zebra", "z"), ("ape", "a")]);
    let task = |name: &str| Task { name: name.to_owned(), command: Vec::new() };
    named.spec.stages[0].tasks = vec![task("zebra"), task("mule"), task("ape")];
    assert_eq!(read(&named, None).await.unwrap(), [b"z\n", b"a\n"]);
    assert_eq!(read(&job(of_stage(), 2), None).await.unwrap(), [b"", b""]);
}

#[tokio::test]
async fn results_that_are_not_in_the_status_are_read_where_they_are_stored() {
    let work = memory();
    for (partition, bytes) in [(0, "zero"), (2, "old two"), (10, "ten\nlines"), (11, "last")] {
        put(&work, &format!("_proffer/u/results/early/{partition}"), bytes).await;
    }
    let job = with_results(job(of_stage(), 1), &[("2", "two"), ("3", "three")]);
    assert_eq!(read_text(&job, &work).await, ["zero\ntwo\nthree\nten\nlines\nlast\n"]);
}

#[tokio::test]
async fn a_task_that_stops_reading_is_no_failure() {
    let job = job(text(&"line\n".repeat(100_000)), 1);
    let (inputs, stores) = (Inputs::default(), Stores::default());
    let share = inputs.share(&job, &job.spec.stages[1], 0, &stores, None).await.unwrap().unwrap();
    let (reader, writer) = tokio::io::duplex(16);
    drop(reader);
    share.feed(writer).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Files of any bytes, on a disk and in memory: every line once, in order.
    #[test]
    fn every_line_of_every_file_is_read_once(
        files in vec(vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..80), 1..4),
        partitions in 1..9_i32,
        on_disk: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let disk = tempfile::tempdir().unwrap();
        let work = if on_disk {
            Stores::default().open(&format!("file://{}", disk.path().display())).unwrap()
        } else {
            memory()
        };
        let read = runtime.block_on(async {
            for (number, bytes) in files.iter().enumerate() {
                put(&work, &format!("in/{number}"), bytes.clone()).await;
            }
            read(&job(uri("in/*"), partitions), Some(&work)).await.unwrap()
        });
        let lines = |bytes: &[u8]| -> Vec<Vec<u8>> {
            let lines = bytes.split_inclusive(|&byte| byte == b'\n');
            lines.map(|line| line.strip_suffix(b"\n").unwrap_or(line).to_vec()).collect()
        };
        let wanted: Vec<_> = files.iter().flat_map(|file| lines(file)).collect();
        let found: Vec<_> = read.iter().flat_map(|share| lines(share)).collect();
        prop_assert_eq!(found, wanted);
    }
}
