//! `SparkJob` to the engine's settings of a job.

use std::collections::{BTreeMap, BTreeSet};

use proffer_core::Placement;
use proffer_core::jobs::graph::find_cycle;
use proffer_core::jobs::{
    Elastic, ExcludeOnFailure, ExecutorSpec, JobSpec, PreferredNodes, Restart, Speculation,
    StageSpec,
};
use proffer_core::time::Span;
use proffer_crds::Quantity;
use proffer_crds::job::{self, ExecutorTemplate, RestartKind, SparkJob, SparkJobSpec, Stage};

use super::labels::{self, labels, tolerations};
use super::{Problem, amount, count, span, spark};

/// The engine's settings of a job, or everything that is wrong with it beyond its schema.
pub fn job_spec(job: &SparkJob) -> Result<JobSpec, Vec<Problem>> {
    let spec = &job.spec;
    let mut problems = Vec::new();
    let (executor, stages) = match &spec.spark {
        Some(spark) => spark::application(spark),
        None => (executor(&spec.executor), stages(spec, &mut problems)),
    };
    // A driver that fails fails its job, which may run another one.
    let is_spark = spec.spark.is_some();
    problems.extend(labels::problems("spec.executor.nodeSelector", &spec.executor.node_selector));
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(JobSpec {
        pool: spec.pool.as_str().into(),
        priority: spec.priority,
        executor,
        stages,
        max_task_failures: if is_spark { 1 } else { count(spec.max_task_failures).max(1) },
        max_executor_failures: spec.max_executor_failures.map(count),
        restart: restart(&spec.restart_policy),
        deadline_milliseconds: spec.deadline_seconds.map(span),
        speculation: spec.speculation.as_ref().map(speculation),
        suspend: spec.suspend,
    })
}

fn executor(template: &ExecutorTemplate) -> ExecutorSpec {
    let cpu = match &template.cpu {
        Some(cpu) => amount("cpu", cpu),
        None => i64::from(template.cores).saturating_mul(1000),
    };
    let mut request = vec![("cpu".into(), cpu), ("memory".into(), template.memory.units())];
    let others = template.resources.iter();
    request.extend(others.map(|(name, quantity)| (name.as_str().into(), amount(name, quantity))));
    ExecutorSpec {
        slots: count(template.cores).max(1),
        request,
        instances: count(template.max_instances.or(template.instances).unwrap_or(1)).max(1),
        gang_timeout_milliseconds: template.gang.as_ref().map(|gang| span(gang.timeout_seconds)),
        placement: match template.placement {
            job::Placement::Spread => Placement::Spread,
            job::Placement::Pack => Placement::Pack,
        },
        node_selector: labels(&template.node_selector),
        tolerations: tolerations(&template.tolerations),
        fixed: false,
        elastic: template.max_instances.map(|_| Elastic {
            min_instances: count(template.min_instances.unwrap_or(0)),
            idle_timeout_milliseconds: span(template.idle_timeout_seconds),
        }),
        preferred: PreferredNodes {
            names: template.preferred_nodes.iter().map(|name| name.as_str().into()).collect(),
            labels: template
                .preferred_node_selector
                .iter()
                .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
                .collect(),
            wait_milliseconds: span(template.locality_wait_seconds),
        },
        exclude_on_failure: template.exclude_on_failure.as_ref().map(|policy| ExcludeOnFailure {
            max_failures_per_node: count(policy.max_failures_per_node).max(1),
            exclude_milliseconds: span(policy.exclude_seconds),
        }),
    }
}

fn speculation(speculation: &job::Speculation) -> Speculation {
    let milli = |quantity: &Quantity| u32::try_from(quantity.milli().max(0)).unwrap_or(u32::MAX);
    let seconds = &speculation.min_task_runtime_seconds;
    Speculation {
        quantile_milli: milli(&speculation.quantile).min(1000),
        multiplier_milli: milli(&speculation.multiplier).max(1000),
        min_task_runtime_milliseconds: Span::from_milliseconds(
            u64::try_from(seconds.milli()).unwrap_or(0),
        ),
    }
}

fn restart(policy: &job::RestartPolicy) -> Option<Restart> {
    match policy.kind {
        RestartKind::Never => None,
        RestartKind::OnFailure => Some(Restart {
            retries: count(policy.on_failure_retries),
            interval_milliseconds: span(policy.on_failure_retry_interval_seconds),
        }),
    }
}

fn stages(spec: &SparkJobSpec, problems: &mut Vec<Problem>) -> Vec<StageSpec> {
    if spec.stages.is_empty() {
        problems.push(Problem::new("spec.stages", "a job has at least one stage"));
    }
    let mut indices = BTreeMap::new();
    for (index, stage) in spec.stages.iter().enumerate() {
        if indices.insert(stage.name.as_str(), index).is_some() {
            let message = format!("there is another stage \"{}\"", stage.name);
            problems.push(Problem::new(format!("spec.stages[{index}].name"), message));
        }
    }
    let dependencies: Vec<Vec<usize>> = spec
        .stages
        .iter()
        .enumerate()
        .map(|(index, stage)| dependencies(index, stage, &indices, problems))
        .collect();
    if let Some(cycle) = find_cycle(&dependencies) {
        let first = cycle.first().copied().unwrap_or(0);
        let names = cycle.iter().chain([&first]).map(|&index| spec.stages[index].name.as_str());
        let message = format!(
            "these stages wait for each other and would never start: {}",
            names.collect::<Vec<_>>().join(" → ")
        );
        problems.push(Problem::new(dependency_field(first, &spec.stages[first]), message));
    }
    for (index, stage) in spec.stages.iter().enumerate() {
        check_stage(spec, index, stage, problems);
    }
    spec.stages.iter().zip(dependencies).map(|(stage, on)| stage_spec(stage, on)).collect()
}

fn stage_spec(stage: &Stage, depends_on: Vec<usize>) -> StageSpec {
    StageSpec {
        name: stage.name.as_str().into(),
        depends_on,
        tasks: count(stage.task_count()).max(1),
        task_names: stage.tasks.iter().map(|task| task.name.as_str().into()).collect(),
        slots: count(stage.slots).max(1),
        commits: stage.output.is_some(),
        task_title: None,
    }
}

/// The field that makes a stage wait for others.
fn dependency_field(index: usize, stage: &Stage) -> String {
    let field = if stage.depends_on.is_empty() { "input.stage" } else { "dependsOn" };
    format!("spec.stages[{index}].{field}")
}

/// The stages that one waits for, by index: those it names, and the one that it reads.
fn dependencies(
    index: usize,
    stage: &Stage,
    indices: &BTreeMap<&str, usize>,
    problems: &mut Vec<Problem>,
) -> Vec<usize> {
    let listed = stage.depends_on.iter().enumerate();
    let listed = listed
        .map(|(place, name)| (format!("spec.stages[{index}].dependsOn[{place}]"), name.as_str()));
    let read = stage.input.as_ref().and_then(|input| input.stage.as_deref());
    let read = read.map(|name| (format!("spec.stages[{index}].input.stage"), name));
    let mut depends_on = BTreeSet::new();
    for (field, name) in listed.chain(read) {
        if let Some(&other) = indices.get(name) {
            depends_on.insert(other);
            continue;
        }
        let names: Vec<&str> = indices.keys().copied().collect();
        let message = format!("there is no stage \"{name}\"; the stages are: {}", names.join(", "));
        problems.push(Problem::new(field, message));
    }
    depends_on.into_iter().collect()
}

fn check_stage(spec: &SparkJobSpec, index: usize, stage: &Stage, problems: &mut Vec<Problem>) {
    let mut problem = |field: &str, message: String| {
        problems.push(Problem::new(format!("spec.stages[{index}].{field}"), message));
    };
    let cores = spec.executor.cores;
    if stage.slots > cores {
        let slots = stage.slots;
        problem(
            "slots",
            format!(
                "a task takes {slots} slots, but an executor has {cores} (spec.executor.cores)"
            ),
        );
    }
    if spec.work_uri.is_some() {
        return;
    }
    if stage.output.is_some() {
        let message =
            "a stage with output needs spec.workURI, the place where the job's data lives";
        problem("output", message.to_owned());
    }
    if stage.input.as_ref().is_some_and(|input| input.uri.is_some()) {
        let message = "input from files needs spec.workURI, where the list of the files is kept so \
                       that every attempt reads the same";
        problem("input.uri", message.to_owned());
    }
}
