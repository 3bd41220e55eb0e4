#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

use super::*;

struct Here;

impl Fixture for Here {
    fn set_up() -> Result<Self, String> {
        Ok(Self)
    }
}

struct Nowhere;

impl Fixture for Nowhere {
    fn set_up() -> Result<Self, String> {
        Err("it is nowhere".to_owned())
    }
}

struct Broken;

impl Fixture for Broken {
    fn set_up() -> Result<Self, String> {
        panic!("it is broken")
    }
}

fn plain() {}

fn has_what_it_needs(_: Here) {}

fn lacks_something(_: Here, _: Nowhere) {
    panic!("it runs without what it needs");
}

fn needs_what_is_broken(_: Broken) {}

fn takes_long() {}

fn table() -> Vec<Test> {
    crate::tests![
        plain,
        has_what_it_needs,
        lacks_something,
        needs_what_is_broken,
        #[ignore = "takes a minute"]
        takes_long,
    ]
}

/// What comes out with these arguments, and what is printed.
fn played(mut arguments: Arguments) -> (Conclusion, String) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    arguments.logfile = Some(log.to_str().unwrap().to_owned());
    arguments.test_threads = Some(1);
    let conclusion = run_with(&arguments, [table()]);
    (conclusion, std::fs::read_to_string(log).unwrap())
}

/// The line about a test, without the space that aligns it.
fn line(printed: &str, test: &str) -> String {
    let start = format!("test tests::{test} ");
    let line = printed.lines().find(|line| line.starts_with(&start)).unwrap();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_did_not_run_is_ignored_and_says_why() {
    let (conclusion, printed) = played(Arguments::default());
    assert_eq!((conclusion.num_passed, conclusion.num_failed, conclusion.num_ignored), (2, 1, 2));
    assert_eq!(line(&printed, "has_what_it_needs"), "test tests::has_what_it_needs ... ok");
    let lacks = "test tests::lacks_something ... ignored (it is nowhere)";
    assert_eq!(line(&printed, "lacks_something"), lacks);
    let long = "test tests::takes_long ... ignored (takes a minute)";
    assert_eq!(line(&printed, "takes_long"), long);
    assert!(line(&printed, "needs_what_is_broken").ends_with("FAILED"));
}

#[test]
fn ignored_tests_run_where_that_is_asked_for() {
    let (conclusion, printed) = played(Arguments { ignored: true, ..Arguments::default() });
    assert_eq!((conclusion.num_passed, conclusion.num_filtered_out), (1, 4));
    assert_eq!(line(&printed, "takes_long"), "test tests::takes_long ... ok");
    let (conclusion, _) = played(Arguments { include_ignored: true, ..Arguments::default() });
    assert_eq!((conclusion.num_passed, conclusion.num_ignored), (3, 1));
}

#[test]
fn tests_are_chosen_by_name() {
    let filter = Some("tests::plain".to_owned());
    let (conclusion, _) = played(Arguments { filter, exact: true, ..Arguments::default() });
    assert_eq!((conclusion.num_passed, conclusion.num_filtered_out), (1, 4));
}

/// Rust sources below a folder, or a single one.
fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        return is_source.then(|| path.to_owned()).into_iter().collect();
    }
    let entries = std::fs::read_dir(path).unwrap();
    entries.flat_map(|entry| sources(&entry.unwrap().path())).collect()
}

#[test]
fn no_test_has_the_attribute_where_nothing_runs_it() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let places = ["end_to_end", "in_cluster", "mesos", "../executor/tests/s3.rs"];
    let sources: Vec<PathBuf> =
        places.iter().flat_map(|place| sources(&tests.join(place))).collect();
    assert!(sources.len() > 40, "there are sources to look at");
    for source in sources {
        let text = std::fs::read_to_string(&source).unwrap();
        let has_it = text.lines().any(|line| line.trim() == "#[test]");
        assert!(!has_it, "{}: put the test into the table of its module", source.display());
    }
}
