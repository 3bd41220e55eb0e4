//! Files that a reader can take in, at most 600 lines, tests aside; and a map that leads somewhere.

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

/// The Rust files in a folder and those below it, without tests.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() && !["tests", "target"].contains(&&*name) {
            sources(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
}
