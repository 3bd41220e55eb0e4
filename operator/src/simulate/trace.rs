//! Traces: who wanted what, and when, as a table in CSV.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use csv::{ReaderBuilder, StringRecord, Trim};
use proffer_core::jobs::{ExecutorSpec, JobSpec, StageSpec};
use proffer_core::time::{Span, Time};
use proffer_crds::Quantity;

use super::units::Seconds;
use crate::manifests::{ManifestError, ManifestErrors, Position};

/// The columns that every trace has.
const REQUIRED: [&str; 8] =
    ["submit_seconds", "pool", "name", "executors", "cpu", "memory", "tasks", "task_seconds"];

/// The column that a trace may have.
const PRIORITY: &str = "priority";

/// More errors than this are counted, not shown.
const MOST_SHOWN: usize = 20;

const MOST_EXECUTORS: u32 = 10_000;
const MOST_TASKS: u32 = 1_000_000;
const LONGEST_NAME: usize = 63;

/// The most that an executor holds, as in manifests.
const MOST_CPU: &str = "1M";
const MOST_MEMORY: &str = "1Pi";

/// A job of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TraceJob {
    /// When it was submitted, on the trace's clock.
    pub(super) submitted_at: Time,
    /// The pool that pays.
    pub(super) pool: Box<str>,
    /// Its name, unique in the trace.
    pub(super) name: Box<str>,
    /// How many executors it can use at most.
    pub(super) executors: u32,
    /// What one executor holds, in thousandths.
    pub(super) cpu: i64,
    /// What one executor holds, in bytes.
    pub(super) memory: i64,
    /// The number of tasks.
    pub(super) tasks: u32,
    /// How long each task runs.
    pub(super) task_duration: Span,
    /// Jobs of a pool with a higher number come first.
    pub(super) priority: i32,
}

impl TraceJob {
    /// The job as the engine knows it: one stage, and a slot for each whole cpu of an executor.
    pub(super) fn spec(&self) -> JobSpec {
        let slots = u32::try_from(self.cpu / 1000).unwrap_or(u32::MAX).max(1);
        JobSpec {
            pool: self.pool.clone(),
            priority: self.priority,
            executor: ExecutorSpec {
                slots,
                request: vec![("cpu".into(), self.cpu), ("memory".into(), self.memory)],
                instances: self.executors,
                ..ExecutorSpec::default()
            },
            stages: vec![StageSpec {
                name: "tasks".into(),
                tasks: self.tasks,
                ..StageSpec::default()
            }],
            max_task_failures: 1,
            ..JobSpec::default()
        }
    }
}

/// Reads a trace. The pools are those that its jobs may name; errors call the trace by `file`.
pub(super) fn parse(
    file: &str,
    text: &str,
    pools: &[&str],
) -> Result<Vec<TraceJob>, ManifestErrors> {
    let mut errors = Vec::new();
    let jobs = rows(file, text, pools, &mut errors);
    if errors.is_empty() && jobs.is_empty() {
        errors.push(ManifestError::new(file, None, "", "there are no jobs in this trace"));
    }
    if errors.is_empty() {
        return Ok(jobs);
    }
    let more = errors.len().saturating_sub(MOST_SHOWN);
    errors.truncate(MOST_SHOWN);
    Err(ManifestErrors { errors, more })
}

fn rows(file: &str, text: &str, pools: &[&str], errors: &mut Vec<ManifestError>) -> Vec<TraceJob> {
    let mut fail = |line: u64, column: &str, message: String| {
        let position = Position { line, column: 1 };
        errors.push(ManifestError::new(file, Some(position), column, message));
    };
    let mut header: Option<BTreeMap<String, usize>> = None;
    let mut jobs = Vec::new();
    let mut lines_of_names: BTreeMap<Box<str>, u64> = BTreeMap::new();
    // Each line is a record, so that errors name its line: the reader's own count does not survive
    // comments and blank lines.
    for (line, text) in (1..).zip(text.lines()) {
        let record = match record(text) {
            Ok(Some(record)) => record,
            Ok(None) => continue,
            Err(message) => {
                fail(line, "", message);
                continue;
            }
        };
        let Some(columns) = &header else {
            match columns(&record) {
                Ok(columns) => header = Some(columns),
                Err(message) => {
                    fail(line, "", message);
                    break;
                }
            }
            continue;
        };
        if record.len() != columns.len() {
            let (has, wants) = (record.len(), columns.len());
            fail(
                line,
                "",
                format!("there are {has} values, but the first line names {wants} columns"),
            );
            continue;
        }
        let mut row = Row { record: &record, columns, problems: Vec::new() };
        let job = row.job(pools);
        if let Some(before) = lines_of_names.get(&job.name) {
            let message = format!("there is a job \"{}\" on line {before} already", job.name);
            row.problems.push(("name", message));
        }
        row.problems.into_iter().for_each(|(column, message)| fail(line, column, message));
        lines_of_names.entry(job.name.clone()).or_insert(line);
        jobs.push(job);
    }
    jobs
}

/// The values of a line; `None` if it is blank or a comment.
fn record(line: &str) -> Result<Option<StringRecord>, String> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .comment(Some(b'#'))
        .trim(Trim::All)
        .buffer_capacity(line.len().max(1))
        .from_reader(line.as_bytes());
    let mut record = StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(true) if record.iter().any(|value| !value.is_empty()) => Ok(Some(record)),
        Ok(_) => Ok(None),
        Err(error) => Err(format!("this is not a line of CSV: {error}")),
    }
}

/// Where each column is.
fn columns(header: &StringRecord) -> Result<BTreeMap<String, usize>, String> {
    let allowed = || format!("{}, and {PRIORITY} if you like", REQUIRED.join(", "));
    let mut columns = BTreeMap::new();
    for (index, name) in header.iter().enumerate() {
        if name != PRIORITY && !REQUIRED.contains(&name) {
            return Err(format!("there is no column \"{name}\"; the columns are {}", allowed()));
        }
        if columns.insert(name.to_owned(), index).is_some() {
            return Err(format!("the column {name} is there twice"));
        }
    }
    match REQUIRED.iter().find(|&&name| !columns.contains_key(name)) {
        None => Ok(columns),
        Some(name) => Err(format!("the column {name} is missing; the columns are {}", allowed())),
    }
}

/// A line, and what is wrong with it, by column.
struct Row<'a> {
    record: &'a StringRecord,
    columns: &'a BTreeMap<String, usize>,
    problems: Vec<(&'static str, String)>,
}

impl<'a> Row<'a> {
    /// The job of this line; where a value makes no sense, a problem is noted.
    fn job(&mut self, pools: &[&str]) -> TraceJob {
        let submitted_at = Time::ZERO + self.seconds("submit_seconds");
        let pool = self.value("pool");
        if !pools.contains(&pool) {
            let known = pools.join(", ");
            self.problem("pool", format!("there is no pool \"{pool}\"; the pools are: {known}"));
        }
        let name = self.value("name");
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            let message = format!("a name has between 1 and {LONGEST_NAME} characters");
            self.problem("name", message);
        }
        let executors = self.count("executors", MOST_EXECUTORS);
        let cpu = self.amount("cpu", "cpus such as 2, 0.5 or 500m", MOST_CPU, Quantity::milli);
        let memory =
            self.amount("memory", "memory such as 512Mi or 4Gi", MOST_MEMORY, Quantity::units);
        let tasks = self.count("tasks", MOST_TASKS);
        let task_duration = self.seconds("task_seconds");
        if self.value("task_seconds").parse() == Ok(Seconds::default()) {
            self.problem("task_seconds", "a task runs for longer than 0 seconds".to_owned());
        }
        let priority = match self.value(PRIORITY) {
            "" => 0,
            text => self.parse(PRIORITY, text.parse(), |_| {
                format!("\"{text}\" is not a whole number between {} and {}", i32::MIN, i32::MAX)
            }),
        };
        TraceJob {
            submitted_at,
            pool: pool.into(),
            name: name.into(),
            executors,
            cpu,
            memory,
            tasks,
            task_duration,
            priority,
        }
    }

    /// The value of a column, empty if the trace does not have it.
    fn value(&self, column: &str) -> &'a str {
        self.columns.get(column).and_then(|&index| self.record.get(index)).unwrap_or_default()
    }

    fn problem(&mut self, column: &'static str, message: String) {
        self.problems.push((column, message));
    }

    fn parse<T: Default, E>(
        &mut self,
        column: &'static str,
        parsed: Result<T, E>,
        message: impl FnOnce(E) -> String,
    ) -> T {
        parsed.unwrap_or_else(|error| {
            self.problem(column, message(error));
            T::default()
        })
    }

    fn seconds(&mut self, column: &'static str) -> Span {
        let parsed = Seconds::from_str(self.value(column));
        self.parse(column, parsed, describe).span()
    }

    /// A whole number between 1 and `most`.
    fn count(&mut self, column: &'static str, most: u32) -> u32 {
        let text = self.value(column);
        let parsed = text.parse().ok().filter(|count| (1..=most).contains(count)).ok_or(());
        self.parse(column, parsed, |()| {
            format!("\"{text}\" is not a whole number between 1 and {most}")
        })
    }

    /// An amount above 0 of a resource, in the engine's unit.
    fn amount(
        &mut self,
        column: &'static str,
        allowed: &str,
        most: &str,
        unit: impl Fn(&Quantity) -> i64,
    ) -> i64 {
        let text = self.value(column);
        let amount = |text: &str| text.parse::<Quantity>().ok().map(|quantity| unit(&quantity));
        match (amount(text).filter(|&amount| amount > 0), amount(most)) {
            (Some(amount), Some(limit)) if amount > limit => {
                self.problem(column, format!("\"{text}\" is too large; the most is {most}"));
                1
            }
            (amount, _) => self.parse(column, amount.ok_or(()), |()| {
                format!("\"{text}\" is not an amount above 0 of {allowed}")
            }),
        }
    }
}

fn describe(error: impl Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests;
