//! Runs tests that need something that a machine may not have: a cluster, or somebody else's software.
//!
//! A test is a plain function, and its arguments are what it needs. Where one of them is not there, the test
//! is reported as ignored, with the reason. Rust's own harness has no such outcome: to it, a test that gives
//! up early has passed.
//!
//! A module lists its tests in a table, which `main` passes to [`run`]:
//!
//! ```
//! use proffer_test_harness::{Fixture, Test, tests};
//!
//! struct Helm;
//!
//! impl Fixture for Helm {
//!     fn set_up() -> Result<Self, String> {
//!         Err("there is no Helm".to_owned())
//!     }
//! }
//!
//! fn tests() -> Vec<Test> {
//!     tests![
//!         numbers_add_up,
//!         the_chart_renders,
//!         #[ignore = "takes a minute"]
//!         numbers_multiply,
//!     ]
//! }
//!
//! fn numbers_add_up() {
//!     assert_eq!(1 + 1, 2);
//! }
//!
//! fn the_chart_renders(_helm: Helm) {
//!     panic!("this is not run, as there is no Helm");
//! }
//!
//! fn numbers_multiply() {
//!     assert_eq!(2 * 3, 6);
//! }
//! ```
//!
//! The compiler finds a test that is missing in its table: nobody calls it.
//! Filters, `--list`, `--ignored`, `--skip` and `--test-threads` are those of `cargo test`. What tests print
//! is not held back, and there is one filter only.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Conclusion, Trial};

#[cfg(test)]
mod tests;

/// Something that a test needs.
pub trait Fixture: Sized {
    /// Finds or makes it.
    ///
    /// # Errors
    ///
    /// Why it is not there; the test that needs it is then reported as ignored, for this reason.
    /// If it is broken instead, this panics, and the test fails.
    fn set_up() -> Result<Self, String>;
}

/// The function of a test, whose arguments are fixtures.
pub trait Body<Arguments> {
    /// Sets up the fixtures from left to right and runs the test.
    ///
    /// # Errors
    ///
    /// Why one of them is not there.
    fn run(self) -> Result<(), String>;
}

impl<F: FnOnce()> Body<()> for F {
    fn run(self) -> Result<(), String> {
        self();
        Ok(())
    }
}

impl<F: FnOnce(A), A: Fixture> Body<(A,)> for F {
    fn run(self) -> Result<(), String> {
        self(A::set_up()?);
        Ok(())
    }
}

impl<F: FnOnce(A, B), A: Fixture, B: Fixture> Body<(A, B)> for F {
    fn run(self) -> Result<(), String> {
        let first = A::set_up()?;
        self(first, B::set_up()?);
        Ok(())
    }
}

/// A test with its name.
pub struct Test {
    name: String,
    /// Why it runs only where that is asked for.
    ignored: Option<&'static str>,
    body: Box<dyn FnOnce() -> Result<(), String> + Send>,
}

impl Test {
    /// A function of the module with this path, which begins with the name of the crate.
    pub fn new<Arguments>(
        module: &str,
        function: &str,
        body: impl Body<Arguments> + Send + 'static,
    ) -> Self {
        // As Rust's own harness has it: without the crate.
        let name = match module.split_once("::") {
            Some((_crate, module)) => format!("{module}::{function}"),
            None => function.to_owned(),
        };
        Self { name, ignored: None, body: Box::new(move || body.run()) }
    }

    /// The same test, which runs only with `--ignored` or `--include-ignored`.
    #[must_use]
    pub fn ignored(self, reason: &'static str) -> Self {
        Self { ignored: Some(reason), ..self }
    }

    fn into_trial(self, arguments: &Arguments) -> Trial {
        let Self { name, ignored, body } = self;
        let runs_ignored = arguments.ignored || arguments.include_ignored;
        match ignored {
            // A trial that is flagged as ignored is reported without a reason, so this one looks for itself.
            Some(reason) if !runs_ignored => {
                Trial::ignorable_test(name, move || Ok(Completion::ignored_with(reason)))
            }
            _ => Trial::ignorable_test(name, || {
                Ok(match body() {
                    Ok(()) => Completion::Completed,
                    Err(reason) => Completion::ignored_with(reason),
                })
            })
            .with_ignored_flag(ignored.is_some()),
        }
    }
}

/// The tests of a module, by the names of their functions, each perhaps after `#[ignore = "reason"]`.
#[macro_export]
macro_rules! tests {
    ($($(#[ignore = $reason:literal])? $function:ident),* $(,)?) => {
        vec![$(
            $crate::Test::new(::core::module_path!(), ::core::stringify!($function), $function)
                $(.ignored($reason))?
        ),*]
    };
}

/// Runs the tests of all modules as the command line asks for it, and reports on them as `cargo test` does.
pub fn run(modules: impl IntoIterator<Item = Vec<Test>>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    if arguments.test_threads.is_none() {
        let threads = std::env::var("RUST_TEST_THREADS").ok();
        arguments.test_threads = threads.and_then(|threads| threads.parse().ok());
    }
    run_with(&arguments, modules).exit_code()
}

fn run_with(arguments: &Arguments, modules: impl IntoIterator<Item = Vec<Test>>) -> Conclusion {
    let mut tests: Vec<Test> = modules.into_iter().flatten().collect();
    tests.sort_by(|one, other| one.name.cmp(&other.name));
    let trials = tests.into_iter().map(|test| test.into_trial(arguments)).collect();
    libtest_mimic::run(arguments, trials)
}
