//! Fuzzing: whatever reads is given the inputs of a corpus, and what becomes of them when they are
//! damaged. Whatever they are, nothing panics and everything ends.
//!
//! A target is a test that calls [`Target::run`]. It tries the same inputs each time; how to look for
//! others is said in CONTRIBUTING.md. An input that broke something goes into the corpus.

mod damage;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

use damage::damaged;

/// How many damaged inputs a target gets, unless it says how many, or somebody how long it takes.
const INPUTS: u32 = 1500;

/// For how many seconds each target looks for what breaks, by other inputs each time.
const SECONDS: &str = "PROFFER_FUZZ_SECONDS";

/// Something that reads, and the inputs that it knows.
pub struct Target {
    name: String,
    corpus: Vec<Vec<u8>>,
    inputs: u32,
}

impl Target {
    /// The target whose corpus is in the folder of this name.
    ///
    /// # Panics
    ///
    /// If there is no input, or one cannot be read.
    pub fn named(name: &str) -> Self {
        let mut target = Self { name: name.to_owned(), corpus: Vec::new(), inputs: INPUTS };
        target.add(&Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name), "");
        target
    }

    /// The same with the files of another folder, by its path in the sources, whose names end so.
    ///
    /// # Panics
    ///
    /// If there is none, or one cannot be read.
    #[must_use]
    pub fn with(mut self, folder: &str, ending: &str) -> Self {
        self.add(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder), ending);
        self
    }

    #[expect(clippy::panic, reason = "a test without inputs tests nothing")]
    fn add(&mut self, folder: &Path, ending: &str) {
        let read = || -> std::io::Result<Vec<Vec<u8>>> {
            let paths = fs::read_dir(folder)?.map(|file| file.map(|file| file.path()));
            let mut paths: Vec<_> = paths.collect::<Result<_, _>>()?;
            paths.retain(|path| path.is_file() && path.to_string_lossy().ends_with(ending));
            paths.sort();
            paths.iter().map(fs::read).collect()
        };
        match read() {
            Ok(files) if !files.is_empty() => self.corpus.extend(files),
            other => panic!("no inputs in {}: {other:?}", folder.display()),
        }
    }

    /// The same inputs in another form, as another target.
    #[must_use]
    pub fn translated(mut self, name: &str, translate: impl Fn(Vec<u8>) -> Vec<u8>) -> Self {
        let corpus = std::mem::take(&mut self.corpus).into_iter().map(translate).collect();
        Self { name: name.to_owned(), corpus, ..self }
    }

    /// The same with so many damaged inputs, where each takes long.
    #[must_use]
    pub fn with_inputs(self, inputs: u32) -> Self {
        Self { inputs, ..self }
    }

    /// Tries every input of the corpus, and many that are damaged.
    ///
    /// # Panics
    ///
    /// If the check does, with the shortest input that was found.
    pub fn run(&self, check: impl Fn(&[u8])) {
        self.corpus.iter().for_each(|input| check(input));
        let seconds = std::env::var(SECONDS).ok().and_then(|seconds| seconds.parse().ok());
        let Some(seconds) = seconds.map(Duration::from_secs) else {
            return self.try_damaged(Config { cases: self.inputs, ..config() }, &check);
        };
        let start = Instant::now();
        let mut tried = self.corpus.len();
        while start.elapsed() < seconds {
            let seed = RngSeed::Fixed(
                u64::from(start.elapsed().subsec_nanos()) ^ u64::from(std::process::id()),
            );
            self.try_damaged(Config { cases: self.inputs, rng_seed: seed, ..config() }, &check);
            tried += self.inputs as usize;
        }
        #[expect(clippy::print_stderr, reason = "whoever asked for it wants to know")]
        {
            eprintln!("{}: {tried} inputs, nothing broke", self.name);
        }
    }

    #[expect(clippy::panic, reason = "that is how tests fail")]
    fn try_damaged(&self, config: Config, check: impl Fn(&[u8])) {
        let tried = TestRunner::new(config).run(&damaged(&self.corpus), |input| {
            check(&input);
            Ok(())
        });
        if let Err(TestError::Fail(why, input)) = tried {
            panic!("{}: {why}; with the input \"{}\"", self.name, input.escape_ascii());
        }
    }
}

fn config() -> Config {
    Config { failure_persistence: None, max_shrink_iters: 5000, ..Config::default() }
}

#[cfg(test)]
mod tests;
