//! What is wrong with a task that is launched.

use std::collections::BTreeSet;

use super::check_id;
use crate::resources::{Quantities, check_resources};
use crate::types::{
    CheckInfo, CheckInfoType, CommandInfo, DurationInfo, EnvironmentVariableType, ExecutorInfoType,
    HealthCheck, HealthCheckType, TaskInfo,
};

/// What is wrong with a task for an agent, apart from what is offered there.
pub fn check_task(task: &TaskInfo, agent: &str) -> Result<(), String> {
    let id = &task.task_id.value;
    check_id(id).map_err(|problem| format!("TaskID '{id}' is invalid: {problem}"))?;
    if task.agent_id.value != agent {
        return Err(format!(
            "Task uses invalid agent {} while agent {agent} is expected",
            task.agent_id.value
        ));
    }
    let grace = task.kill_policy.as_ref().and_then(|policy| policy.grace_period.as_ref());
    if is_negative(grace) {
        return Err("Task's 'kill_policy.grace_period' must be non-negative".to_owned());
    }
    if is_negative(task.max_completion_time.as_ref()) {
        return Err("Task's `max_completion_time` must be non-negative".to_owned());
    }
    if let Some(check) = &task.check {
        check_check(check).map_err(|problem| format!("Task uses invalid check: {problem}"))?;
    }
    if let Some(check) = &task.health_check {
        check_health(check)
            .map_err(|problem| format!("Task uses invalid health check: {problem}"))?;
    }
    if task.resources.is_empty() {
        return Err("Task uses no resources".to_owned());
    }
    check_task_resources(task)?;
    check_limits(task)?;
    if let Some(command) = &task.command {
        check_environment(command)
            .map_err(|problem| format!("Task's `CommandInfo` is invalid: {problem}"))?;
    }
    check_executor(task)
}

/// What is wrong with the variables of a command.
fn check_environment(command: &CommandInfo) -> Result<(), String> {
    for variable in command.environment.iter().flat_map(|all| &all.variables) {
        let name = &variable.name;
        let kind = variable.r#type.unwrap_or(EnvironmentVariableType::Value.into());
        let (kind, is_set, other, has_other) = match EnvironmentVariableType::try_from(kind) {
            Ok(EnvironmentVariableType::Value) => {
                ("VALUE", variable.value.is_some(), "secret", variable.secret.is_some())
            }
            Ok(EnvironmentVariableType::Secret) => {
                ("SECRET", variable.secret.is_some(), "value", variable.value.is_some())
            }
            Ok(EnvironmentVariableType::Unknown) | Err(_) => {
                return Err("Environment variable of type 'UNKNOWN' is not allowed".to_owned());
            }
        };
        let of = format!("Environment variable '{name}' of type '{kind}' must");
        if !is_set {
            return Err(format!("{of} have a {} set", kind.to_lowercase()));
        }
        if has_other {
            return Err(format!("{of} not have a {other} set"));
        }
    }
    Ok(())
}

fn is_negative(duration: Option<&DurationInfo>) -> bool {
    duration.is_some_and(|duration| duration.nanoseconds < 0)
}

fn check_task_resources(task: &TaskInfo) -> Result<(), String> {
    check_resources(&task.resources)
        .map_err(|problem| format!("Task uses invalid resources: Invalid resources: {problem}"))?;
    let gpus = task.resources.iter().filter(|resource| resource.name == "gpus");
    if Quantities::of(gpus).scalars.values().any(|amount| amount % 1000 != 0) {
        return Err("Task uses invalid resources: Invalid 'gpus' resource: The 'gpus' resource \
                    must be an unsigned integer"
            .to_owned());
    }
    let revocable: BTreeSet<&str> = names(task, true);
    if let Some(name) = names(task, false).intersection(&revocable).next() {
        return Err(format!(
            "Task mixes revocable and non-revocable resources: Cannot use both revocable and \
             non-revocable '{name}' at the same time"
        ));
    }
    let roles: BTreeSet<Option<&str>> = task
        .resources
        .iter()
        .filter_map(|resource| resource.allocation_info.as_ref())
        .map(|allocation| allocation.role.as_deref())
        .collect();
    if roles.len() > 1 {
        return Err(
            "Task uses invalid resources: The resources have multiple allocation roles".to_owned()
        );
    }
    Ok(())
}

fn names(task: &TaskInfo, revocable: bool) -> BTreeSet<&str> {
    let of_kind = task.resources.iter().filter(|it| it.revocable.is_some() == revocable);
    of_kind.map(|resource| resource.name.as_str()).collect()
}

fn check_limits(task: &TaskInfo) -> Result<(), String> {
    let requested = Quantities::of(&task.resources);
    for (name, limit) in &task.limits {
        if name != "cpus" && name != "mem" {
            return Err(format!(
                "Setting a limit on the resource '{name}' is not supported; only 'cpus' and 'mem' \
                 may have limits"
            ));
        }
        let request = requested.scalars.get(name).copied().unwrap_or(0);
        if limit.amount().is_nan() || limit.amount() < crate::resources::scalar(request) {
            return Err(format!("The {name} limit must not be less than the {name} request"));
        }
    }
    Ok(())
}

fn check_executor(task: &TaskInfo) -> Result<(), String> {
    if task.executor.is_some() == task.command.is_some() {
        return Err("Task should have at least one (but not both) of CommandInfo or ExecutorInfo \
                    present"
            .to_owned());
    }
    let Some(executor) = &task.executor else { return Ok(()) };
    if executor.r#type.is_some_and(|kind| kind != i32::from(ExecutorInfoType::Custom)) {
        return Err("'ExecutorInfo.type' must be 'CUSTOM'".to_owned());
    }
    let Some(command) = &executor.command else {
        return Err("'ExecutorInfo.command' must be set".to_owned());
    };
    check_environment(command)
        .map_err(|problem| format!("Executor's `CommandInfo` is invalid: {problem}"))?;
    if is_negative(executor.shutdown_grace_period.as_ref()) {
        return Err("ExecutorInfo's 'shutdown_grace_period' must be non-negative".to_owned());
    }
    check_id(&executor.executor_id.value)
        .map_err(|problem| format!("ExecutorID is invalid: {problem}"))?;
    check_resources(&executor.resources)
        .map_err(|problem| format!("Executor uses invalid resources: {problem}"))
}

fn check_check(check: &CheckInfo) -> Result<(), String> {
    let (kind, present) = match check.r#type.and_then(|kind| CheckInfoType::try_from(kind).ok()) {
        Some(CheckInfoType::Command) => ("command", check.command.is_some()),
        Some(CheckInfoType::Http) => ("http", check.http.is_some()),
        Some(CheckInfoType::Tcp) => ("tcp", check.tcp.is_some()),
        Some(CheckInfoType::Unknown) | None => {
            return Err("CheckInfo must specify 'type'".to_owned());
        }
    };
    if !present {
        return Err(format!("Expecting '{kind}' to be set for this type of check"));
    }
    let times = [
        ("delay_seconds", check.delay_seconds),
        ("interval_seconds", check.interval_seconds),
        ("timeout_seconds", check.timeout_seconds),
    ];
    check_times(&times)
}

fn check_health(check: &HealthCheck) -> Result<(), String> {
    let (kind, present) = match check.r#type.and_then(|kind| HealthCheckType::try_from(kind).ok()) {
        Some(HealthCheckType::Command) => ("command", check.command.is_some()),
        Some(HealthCheckType::Http) => ("http", check.http.is_some()),
        Some(HealthCheckType::Tcp) => ("tcp", check.tcp.is_some()),
        Some(HealthCheckType::Unknown) | None => {
            return Err("HealthCheck must specify 'type'".to_owned());
        }
    };
    if !present {
        return Err(format!("Expecting '{kind}' to be set for this type of health check"));
    }
    let times = [
        ("delay_seconds", check.delay_seconds),
        ("interval_seconds", check.interval_seconds),
        ("timeout_seconds", check.timeout_seconds),
        ("grace_period_seconds", check.grace_period_seconds),
    ];
    check_times(&times)
}

fn check_times(times: &[(&str, Option<f64>)]) -> Result<(), String> {
    match times.iter().find(|(_, time)| time.is_some_and(|time| time < 0.0)) {
        Some((name, _)) => Err(format!("Expecting '{name}' to be non-negative")),
        None => Ok(()),
    }
}
