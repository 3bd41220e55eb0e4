use std::os::unix::fs::symlink;

use super::*;

fn taken(bytes: &[u8]) -> Result<Option<String>, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("result");
    std::fs::write(&file, bytes).unwrap();
    let taken = take(&file);
    assert!(!file.exists());
    taken
}

#[test]
fn one_line_end_is_no_part_of_a_result() {
    assert_eq!(taken(b"42\n").unwrap().as_deref(), Some("42"));
    assert_eq!(taken(b"42\r\n").unwrap().as_deref(), Some("42"));
    assert_eq!(taken(b"a\nb\n\n").unwrap().as_deref(), Some("a\nb\n"));
    assert_eq!(taken(b"42").unwrap().as_deref(), Some("42"));
}

#[test]
fn nothing_is_no_result() {
    assert_eq!(taken(b"").unwrap(), None);
    assert_eq!(taken(b"\n").unwrap(), None);
    assert_eq!(take(Path::new("/no/such/file")).unwrap(), None);
}

#[test]
fn what_is_not_text_is_refused() {
    let failure = taken(b"ab\xff").unwrap_err();
    assert_eq!(failure.reason, Reason::InvalidResult);
    assert_eq!(failure.message, "the result is not UTF-8 text: byte 2 is no part of a character");
}

#[test]
fn what_is_no_file_is_refused_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("result");
    std::fs::create_dir_all(file.join("inner")).unwrap();
    assert_eq!(take(&file).unwrap_err().reason, Reason::InvalidResult);
    assert!(!file.exists());
    symlink("/dev/zero", &file).unwrap();
    assert_eq!(take(&file).unwrap_err().reason, Reason::InvalidResult);
    assert!(std::fs::symlink_metadata(&file).is_err());
}

#[test]
fn more_than_can_be_stored_is_refused() {
    let failure = taken(&vec![b'a'; (16 << 20) + 1]).unwrap_err();
    assert_eq!(failure.reason, Reason::ResultTooLarge);
}

mod kept {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::super::*;

    fn attempt(number: i32) -> Attempt {
        Attempt { stage: Arc::from("s"), number, partition: 7 }
    }

    fn stage(partitions: i32) -> Stage {
        Stage { name: "s".to_owned(), partitions: Some(partitions), ..Stage::default() }
    }

    fn job() -> SparkJob {
        let mut job = SparkJob::new("j", proffer_crds::SparkJobSpec::default());
        job.metadata.uid = Some("u".to_owned());
        job
    }

    async fn keep_in(work: Option<&Folder>, text: &str, partitions: i32) -> Result<Kept, Failure> {
        keep(text.to_owned(), &job(), &stage(partitions), &attempt(0), work).await
    }

    #[tokio::test]
    async fn without_a_work_uri_results_go_with_reports_or_fail() {
        let kept = keep_in(None, "42", 1_000).await.unwrap();
        assert_eq!(kept, Kept { value: Some("42".to_owned()), uri: None });
        let most = "a".repeat(4096);
        assert_eq!(keep_in(None, &most, 1).await.unwrap().value, Some(most.clone()));
        let failure = keep_in(None, &(most + "a"), 1).await.unwrap_err();
        assert_eq!(failure.reason, Reason::ResultTooLarge);
        assert!(failure.is_final && failure.message.contains("set spec.workURI"));
        // 4096 bytes, but six times as much as JSON.
        let failure = keep_in(None, &"\u{1}".repeat(4096), 1).await.unwrap_err();
        assert_eq!(failure.reason, Reason::ResultTooLarge);
        let quotes = "\"".repeat(4096);
        assert_eq!(keep_in(None, &quotes, 1).await.unwrap().value, Some(quotes));
    }

    #[tokio::test]
    async fn with_a_work_uri_results_are_stored_and_small_ones_reported_as_well() {
        let store = Arc::new(InMemory::new());
        let work = Folder::of(store, "work");
        let uri = Some("memory:///work/_proffer/u/results/s/7".to_owned());
        let kept = keep_in(Some(&work), "42", 100).await.unwrap();
        assert_eq!(kept, Kept { value: Some("42".to_owned()), uri: uri.clone() });
        assert_eq!(work.read("_proffer/u/results/s/7").await.unwrap(), "42");
        let kept = keep_in(Some(&work), "42", 101).await.unwrap();
        assert_eq!(kept, Kept { value: None, uri });
    }

    #[tokio::test]
    async fn large_results_are_only_stored() {
        let work = Folder::of(Arc::new(InMemory::new()), "");
        let large = "a".repeat(5000);
        let kept = keep_in(Some(&work), &large, 1).await.unwrap();
        assert_eq!(kept.value, None);
        assert_eq!(work.read("_proffer/u/results/s/7").await.unwrap(), large);
    }

    #[tokio::test]
    async fn the_first_result_of_a_partition_stays() {
        let work = Folder::of(Arc::new(InMemory::new()), "");
        keep_in(Some(&work), "first", 1).await.unwrap();
        let kept = keep_in(Some(&work), "second", 1).await.unwrap();
        assert_eq!(kept.value.as_deref(), Some("first"));
        assert_eq!(work.read("_proffer/u/results/s/7").await.unwrap(), "first");
    }
}
