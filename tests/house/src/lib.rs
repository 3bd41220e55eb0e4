//! A crate is a house: its modules stand on floors, and each uses only floors below its own.
//!
//! The order of the `mod` lines in `src/lib.rs` is the order of the floors, lowest first. Blank lines
//! part them, and a comment above a floor names it:
//!
//! ```text
//! // Words.
//! mod time;
//! mod resources;
//!
//! // The cluster.
//! mod nodes;
//! ```
//!
//! [`assert_floors`] holds a crate to that, [`assert_apart`] keeps chosen modules from each other, and
//! [`assert_uses_only`] says what one module may use. All
//! read tokens, so they see every path that begins with `crate`, `self` or `super`: imports, types,
//! expressions, and what stands in macros. Tests (`#[cfg(test)]`) may use everything, and so may
//! `lib.rs` itself, which is the roof.

mod floors;
mod uses;

use std::path::Path;

pub use floors::House;

/// Fails unless each module of the crate in this folder uses only modules on floors below its own.
/// Modules of one floor do not use each other, except on the first, whose modules are words and may use
/// each other in one direction.
///
/// # Panics
/// With one paragraph for each use that breaks the rule.
#[track_caller]
pub fn assert_floors(folder: &str) {
    hold(&read(folder).upward());
}

/// Fails if one of the modules `from` reaches one of the modules `to`, directly or through others.
///
/// # Panics
/// With one paragraph for each pair, which names the whole way.
#[track_caller]
pub fn assert_apart(folder: &str, from: &[&str], to: &[&str]) {
    hold(&read(folder).reaching(from, to));
}

/// Fails if a module, such as `engine/books`, uses anything of its crate but itself and these modules at the
/// top.
///
/// # Panics
/// With one paragraph for each use that breaks the rule.
#[track_caller]
pub fn assert_uses_only(folder: &str, module: &str, may_use: &[&str]) {
    let source = |file: &str| std::fs::read_to_string(Path::new(folder).join(file)).ok();
    let problems = floors::leaving(source, module, may_use);
    hold(&problems.unwrap_or_else(|problem| fail(&format!("{folder}: {problem}"))));
}

#[track_caller]
fn read(folder: &str) -> House {
    let source = |file: &str| std::fs::read_to_string(Path::new(folder).join(file)).ok();
    House::read(source).unwrap_or_else(|problem| fail(&format!("{folder}: {problem}")))
}

#[track_caller]
fn hold(problems: &[String]) {
    if !problems.is_empty() {
        fail(&format!("\n\n{}\n", problems.join("\n\n")));
    }
}

#[track_caller]
#[expect(clippy::panic, reason = "an assertion fails like this")]
fn fail(message: &str) -> ! {
    panic!("{message}")
}
