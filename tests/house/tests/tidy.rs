//! Files that a reader can take in: at most 600 lines, tests aside.

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
