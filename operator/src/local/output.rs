//! What is left to say when all jobs have ended.

use anyhow::Context;
use kube::ResourceExt;
use proffer_crds::job::{JobState, StageStatus};
use proffer_crds::{ResourcePool, SparkJob};
use serde_json::{Value, json};

/// How objects are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OutputFormat {
    /// JSON
    Json,
    /// YAML
    Yaml,
}

/// The objects, as `kubectl get -o` prints them: alone if there is one, in a List if there are more.
pub(super) fn objects(
    format: OutputFormat,
    jobs: &[SparkJob],
    pools: &[ResourcePool],
) -> anyhow::Result<String> {
    let mut items = Vec::new();
    for pool in pools {
        items.push(serde_json::to_value(pool).context("cannot write a pool as JSON")?);
    }
    for job in jobs {
        items.push(serde_json::to_value(job).context("cannot write a job as JSON")?);
    }
    match <[Value; 1]>::try_from(items) {
        Ok([item]) => write(format, &item),
        Err(items) => write(format, &list(&items)),
    }
}

/// Objects in a List.
pub(crate) fn list(items: &[Value]) -> Value {
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

/// A value as text.
pub(crate) fn write(format: OutputFormat, value: &Value) -> anyhow::Result<String> {
    match format {
        OutputFormat::Json => {
            let text = serde_json::to_string_pretty(value).context("cannot write JSON")?;
            Ok(text + "\n")
        }
        OutputFormat::Yaml => serde_yaml::to_string(value).context("cannot write YAML"),
    }
}

/// The jobs and their results for people.
pub(super) fn summary(jobs: &[SparkJob]) -> String {
    let mut text = String::new();
    let width = jobs.iter().map(|job| job.name_any().len()).max().unwrap_or(0).max("JOB".len());
    line(&mut text, format_args!("{:width$}  {:9}  TASKS", "JOB", "STATE"));
    for job in jobs {
        let Some(status) = &job.status else { continue };
        let state = format!("{:?}", status.state);
        let (name, tasks) = (job.name_any(), &status.tasks);
        line(&mut text, format_args!("{name:width$}  {state:9}  {tasks}"));
    }
    for job in jobs {
        let Some(status) = &job.status else { continue };
        let name = job.name_any();
        for stage in &status.stages {
            results(&mut text, job, stage);
        }
        if let (JobState::Failed, Some(message)) = (status.state, &status.message) {
            line(&mut text, format_args!("\n{name} failed: {message}"));
            let stderr = status.failures.last().map_or("", |failure| failure.stderr.trim_end());
            for printed in stderr.lines() {
                line(&mut text, format_args!("  {printed}"));
            }
        }
    }
    text
}

/// The results of a stage, in the order of its tasks; only their number if another stage reads them.
fn results(text: &mut String, job: &SparkJob, stage: &StageStatus) {
    let title = format!("{}/{}", job.name_any(), stage.name);
    if let Some(uri) = &stage.results_uri {
        line(text, format_args!("\n{title}: results are in {uri}"));
    }
    if stage.results.is_empty() {
        return;
    }
    let inputs = job.spec.stages.iter().filter_map(|stage| stage.input.as_ref());
    if inputs.filter_map(|input| input.stage.as_ref()).any(|read| *read == stage.name) {
        let count = stage.results.len();
        let s = if count == 1 { "" } else { "s" };
        line(text, format_args!("\n{title}: {count} result{s}, read by another stage"));
        return;
    }
    line(text, format_args!("\n{title}"));
    let spec = job.spec.stages.iter().find(|spec| spec.name == stage.name);
    let place = |task: &str| {
        let by_name = spec.and_then(|spec| spec.tasks.iter().position(|named| named.name == task));
        by_name.or_else(|| task.parse().ok()).unwrap_or(usize::MAX)
    };
    let mut results: Vec<(&String, &String)> = stage.results.iter().collect();
    results.sort_by_key(|(task, _)| place(task));
    let width = results.iter().map(|(task, _)| task.len()).max().unwrap_or(0);
    for (task, result) in results {
        let mut lines = result.lines();
        line(text, format_args!("  {task:width$}  {}", lines.next().unwrap_or_default()));
        for more in lines {
            line(text, format_args!("  {:width$}  {more}", ""));
        }
    }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.push_str(line.to_string().trim_end());
    text.push('\n');
}
