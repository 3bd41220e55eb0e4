//! What an agent tells the process of an executor: variables of its environment.

use std::time::Duration;

use crate::connection::Connection;

/// How long an executor may take to end if nothing else is said.
const GRACE: Duration = Duration::from_secs(5);

/// How long an executor waits for an agent to come back if nothing else is said.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// What an executor knows of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Environment {
    /// `host:port` of the agent.
    agent: String,
    pub(crate) agent_id: String,
    pub(crate) framework: String,
    pub(crate) executor: String,
    /// What shows the agent that it is this executor.
    token: Option<String>,
    grace: Duration,
    /// How long it waits for an agent that is gone; nothing if it ends with its agent.
    recovery_timeout: Option<Duration>,
    /// Whether it is left alone when it is to end, as its process does other things, too.
    is_local: bool,
    is_secure: bool,
}

impl Environment {
    /// Reads the variables; the error is a sentence.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let needed = |name: &str| {
            get(name).filter(|value| !value.is_empty()).ok_or_else(|| {
                format!(
                    "{name} is not set in the environment: a MesosExecutorDriver can be started only \
                     in a process that an agent has started for the ExecutorInfo of a task"
                )
            })
        };
        let duration = |name: &str, usual: Duration| match get(name) {
            None => Ok(usual),
            Some(text) => duration(&text).ok_or_else(|| {
                format!("{name} is {text:?}, which is no time; give one such as 5secs or 15mins")
            }),
        };
        let is_true = |name: &str| get(name).is_some_and(|it| it == "1" || it == "true");
        let agent = get("MESOS_AGENT_ENDPOINT").filter(|value| !value.is_empty()).or_else(|| {
            let pid = get("MESOS_SLAVE_PID")?;
            Some(pid.split_once('@')?.1.to_owned())
        });
        let agent = agent.map_or_else(|| needed("MESOS_AGENT_ENDPOINT"), Ok)?;
        Ok(Self {
            agent,
            agent_id: get("MESOS_SLAVE_ID").unwrap_or_default(),
            framework: needed("MESOS_FRAMEWORK_ID")?,
            executor: needed("MESOS_EXECUTOR_ID")?,
            token: get("MESOS_EXECUTOR_AUTHENTICATION_TOKEN"),
            grace: duration("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", GRACE)?,
            recovery_timeout: if is_true("MESOS_CHECKPOINT") {
                Some(duration("MESOS_RECOVERY_TIMEOUT", RECOVERY_TIMEOUT)?)
            } else {
                None
            },
            is_local: get("MESOS_LOCAL").is_some(),
            is_secure: is_true("LIBPROCESS_SSL_ENABLED"),
        })
    }

    pub(crate) fn connection(&self) -> Connection {
        Connection::to_agent(&self.agent, self.token.as_deref(), self.is_secure)
    }

    /// How long the executor does without an agent.
    pub(crate) fn patience(&self) -> Duration {
        self.recovery_timeout.unwrap_or_default()
    }

    /// How long the process may take to end; nothing if it need not.
    pub(crate) fn grace(&self) -> Option<Duration> {
        (!self.is_local).then_some(self.grace)
    }
}

/// Mesos's way to write a time, such as `1.5hrs`.
fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let number: f64 = text[..unit].parse().ok()?;
    let seconds = match &text[unit..] {
        "ns" => 1e-9,
        "us" => 1e-6,
        "ms" => 1e-3,
        "secs" => 1.0,
        "mins" => 60.0,
        "hrs" => 3600.0,
        "days" => 86_400.0,
        "weeks" => 604_800.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * seconds).ok()
}

#[cfg(test)]
mod tests;
