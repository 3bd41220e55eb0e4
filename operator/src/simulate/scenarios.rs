//! Scenarios: small clusters with the numbers that must come out of them.
//!
//! ```text
//! file ─► located YAML ─► Scenario (fill, offers or order) ─► run on the engine ─► ok or Difference
//! ```
//!
//! The format is described in `tests/scenarios/README.md`. Each kind is a module that reads its
//! scenarios and runs them; what the engine cannot do yet is told apart from what it does wrong.

mod amounts;
pub mod fill;
pub mod offers;
pub mod order;
mod read;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

pub use amounts::{Amounts, Resource};

use crate::manifests::{self, Dialect, ManifestError, ManifestErrors, Source};
use crate::terminal;
use fill::Fill;
use offers::Offers;
use order::Order;
use read::Document;

/// The exit code if a scenario does not hold.
const DIFFERENCE: u8 = 1;

/// The exit code if a file is not a scenario.
const BAD_INPUT: u8 = 2;

/// A small cluster, and what must come out of it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it shows, in a few words.
    pub name: String,
    /// Where its numbers come from.
    pub source: Option<String>,
    /// What it is about.
    pub kind: Kind,
    /// Where its fields are.
    file: Source,
}

/// What a scenario is about.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Jobs whose demand is known.
    Fill(Fill),
    /// Frameworks that do not say what they want.
    Offers(Offers),
    /// The order among clients.
    Order(Order),
}

/// Why a scenario does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The engine cannot do yet what the scenario needs: the sentence says what that is.
    NotYet(String),
    /// Something else came out than the scenario says.
    Differs {
        /// The steps before it that came out as they should.
        passed: Vec<String>,
        /// The step that did not.
        place: String,
        /// What came out, and what was expected.
        message: String,
    },
}

#[derive(Clone, Copy)]
enum KindName {
    Fill,
    Offers,
    Order,
}

impl Scenario {
    /// Reads a scenario; errors call the text by the name `file`.
    pub fn parse(file: &str, text: &str) -> Result<Self, ManifestErrors> {
        let single = |error| ManifestErrors { errors: vec![error], more: 0 };
        let mut documents = manifests::documents(file, text, Dialect::Modern).map_err(single)?;
        let (Some(source), true) = (documents.pop(), documents.is_empty()) else {
            let message = "a file holds one scenario, not several or none";
            return Err(single(ManifestError::new(file, None, "", message)));
        };
        let document = Document::new(&source);
        let parts = read(&document);
        document.into_errors().into_result()?;
        let Some((name, origin, kind)) = parts else {
            // Whoever reads nothing has said why.
            return Err(single(ManifestError::new(file, None, "", "is not a scenario")));
        };
        Ok(Self { name, source: origin, kind, file: source })
    }

    /// Runs the scenario on the engine.
    pub fn run(&self) -> Result<(), Difference> {
        match &self.kind {
            Kind::Fill(fill) => fill.run(&self.file),
            Kind::Offers(offers) => offers.run(&self.file),
            Kind::Order(order) => order.run(&self.file),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYet(sentence) => write!(formatter, "  {sentence}"),
            Self::Differs { passed, place, message } => {
                for step in passed {
                    writeln!(formatter, "  {step}: as expected")?;
                }
                write!(formatter, "  {place}: {message}")
            }
        }
    }
}

/// Runs the scenarios of some files and prints what came of each.
pub fn run(files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let scenarios = match load(files) {
        Ok(scenarios) => scenarios,
        Err(problems) => {
            problems.iter().for_each(terminal::tell);
            return Ok(ExitCode::from(BAD_INPUT));
        }
    };
    let mut code = ExitCode::SUCCESS;
    for scenario in scenarios {
        let (name, file) = (&scenario.name, scenario.file.file());
        match scenario.run() {
            Ok(()) => terminal::line(format_args!("ok  {name} ({file})"))?,
            Err(difference) => {
                let word = match difference {
                    Difference::NotYet(_) => "not yet",
                    Difference::Differs { .. } => "FAILED",
                };
                terminal::line(format_args!("{word}  {name} ({file})\n{difference}"))?;
                code = ExitCode::from(DIFFERENCE);
            }
        }
    }
    Ok(code)
}

/// Reads all files; all that is wrong with any of them is found.
fn load(files: &[PathBuf]) -> Result<Vec<Scenario>, Vec<ManifestErrors>> {
    let mut scenarios = Vec::new();
    let mut problems = Vec::new();
    for file in files {
        let scenario = manifests::read_text(file)
            .map_err(|error| ManifestErrors { errors: vec![error], more: 0 })
            .and_then(|(name, text)| Scenario::parse(&name, &text));
        match scenario {
            Ok(scenario) => scenarios.push(scenario),
            Err(errors) => problems.push(errors),
        }
    }
    if problems.is_empty() { Ok(scenarios) } else { Err(problems) }
}

/// The name, the source and the contents of a scenario.
fn read(document: &Document<'_>) -> Option<(String, Option<String>, Kind)> {
    let root = document.root();
    let kinds =
        [("fill", KindName::Fill), ("offers", KindName::Offers), ("order", KindName::Order)];
    // Which fields there are depends on the kind, so that is looked at first.
    let kind = root.named("kind")?.choice(&kinds)?;
    let record = match kind {
        KindName::Fill => root.record(Fill::FIELDS),
        KindName::Offers => root.record(Offers::FIELDS),
        KindName::Order => root.record(Order::FIELDS),
    }?;
    let name = record.required("name").and_then(|field| field.text().map(str::to_owned));
    let source = record.or("source", None, |field| field.text().map(|text| Some(text.to_owned())));
    let kind = match kind {
        KindName::Fill => Fill::read(&record).map(Kind::Fill),
        KindName::Offers => Offers::read(&record).map(Kind::Offers),
        KindName::Order => Order::read(&record).map(Kind::Order),
    };
    Some((name?, source?, kind?))
}

/// Where a field is, for people: `, line 12`.
fn line(source: &Source, field: &str) -> String {
    source.position(field).map_or_else(String::new, |place| format!(", line {}", place.line))
}

#[cfg(test)]
mod tests;
