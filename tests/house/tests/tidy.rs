//! Files that a reader can take in, at most 600 lines, tests aside; a map that leads somewhere, attacks that
//! are tried, and answers that are given.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

/// The most lines that a file has.
const LINES: usize = 600;

/// The folders with crates. Everything in `tests` is a test.
const FOLDERS: [&str; 3] = ["crds", "executor", "operator"];

#[test]
fn no_file_is_too_long() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    FOLDERS.iter().for_each(|folder| sources(&root.join(folder), &mut files));
    files.retain(|file| !is_test(file.strip_prefix(&root).unwrap()));
    assert!(files.len() > 300, "only {} files were found", files.len());
    files.retain(|file| std::fs::read_to_string(file).unwrap().lines().count() > LINES);
    assert!(files.is_empty(), "more than {LINES} lines, so split them by subject: {files:#?}");
}

/// Where the paths in ARCHITECTURE.md begin.
const PLACES: [&str; 6] = [
    "",
    "crds/src",
    "operator/core",
    "operator/core/src",
    "operator/src",
    "operator/src/kubernetes",
];

#[test]
fn the_map_names_files_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let map = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let named: Vec<&str> = map.split('`').skip(1).step_by(2).collect();
    let is_source = |name: &str| Path::new(name).extension().is_some_and(|end| end == "rs");
    let files = named.into_iter().filter(|name| is_source(name) && !name.starts_with("foo"));
    let files: Vec<&str> = files.collect();
    assert!(files.len() > 20, "only {} files are named", files.len());
    let exists = |file: &&str| PLACES.iter().any(|place| root.join(place).join(file).is_file());
    let lost: Vec<_> = files.iter().filter(|file| !exists(file)).collect();
    assert!(lost.is_empty(), "ARCHITECTURE.md names files that do not exist: {lost:?}");
}

#[test]
fn the_tests_that_attacks_name_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let attacks = std::fs::read_to_string(root.join("docs/security.md")).unwrap();
    let is_name = |text: &&str| text.contains("::") && !text.contains([' ', '(', '/']);
    let named: Vec<&str> = attacks.split('`').skip(1).step_by(2).filter(is_name).collect();
    assert!(named.len() > 10, "only {} tests are named", named.len());
    let text = text(&root, &["crds", "executor", "operator", "tests"]);
    let function = |name: &str| format!("fn {}(", name.rsplit("::").next().unwrap_or(name));
    let lost: Vec<_> = named.iter().filter(|name| !text.contains(&function(name))).collect();
    assert!(lost.is_empty(), "docs/security.md names tests that do not exist: {lost:?}");
}

#[test]
fn the_answers_that_are_quoted_are_given() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tables = std::fs::read_to_string(root.join("docs/mesos.md")).unwrap();
    let quoted = tables.split('“').skip(1).filter_map(|rest| Some(rest.split_once('”')?.0));
    let quoted: Vec<&str> = quoted.collect();
    assert!(quoted.len() > 20, "only {} answers are quoted", quoted.len());
    // As they are without the ends of lines that are no part of them.
    let text = text(&root, &FOLDERS);
    let mut pieces = text.split("\\\n");
    let first = pieces.next().unwrap_or_default().to_owned();
    let text = pieces.fold(first, |text, piece| text + piece.trim_start());
    let lost: Vec<_> = quoted.iter().filter(|answer| !text.contains(**answer)).collect();
    assert!(lost.is_empty(), "docs/mesos.md quotes what nobody answers: {lost:#?}");
}

/// All that stands in the Rust files of some folders.
fn text(root: &Path, folders: &[&str]) -> String {
    let mut files = Vec::new();
    folders.iter().for_each(|folder| sources(&root.join(folder), &mut files));
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// Whether a file holds tests only.
fn is_test(file: &Path) -> bool {
    file.ends_with("tests.rs") || file.iter().any(|part| part == "tests")
}

/// The Rust files in a folder and those below it.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}
