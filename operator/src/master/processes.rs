//! Tasks as processes of this machine: what Mesos's command executor does.
//!
//! Each task has a *sandbox*, a folder in which it runs and that holds its standard output and error.
//! The rest of its environment is that of this program.

mod memory;
pub(crate) mod supervisor;
mod unsupported;
mod usage;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proffer_core::time::Span;
use proffer_executor::fetch::{Uri, fetch};
use proffer_executor::processes::Children;
use proffer_mesos::types::{
    CommandInfo, CommandInfoUri, ContainerId, ContainerStatus, EnvironmentVariableType,
    NetworkInfo, NetworkInfoIpAddress, TaskInfo, TaskState, TaskStatusReason as Reason,
    TaskStatusSource as Source,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::Instant;

use super::files::sandbox;
use super::host::{NewsSender, Tasks};
use super::tasks::grace_period;
use super::{Ending, News, Run, TaskKey};
pub(crate) use usage::{Meter, Usage};

/// How long a task may take to end if nothing else is said, as in Mesos.
pub(crate) const DEFAULT_GRACE: Span = Span::from_seconds(3);

/// Says that the time is that of the task's own policy.
const OWN_GRACE: Span = Span::MAX;

/// What a task is told.
#[derive(Clone, Debug, PartialEq)]
enum Control {
    Run,
    /// To end within this time.
    Stop(Span),
    /// To end at once, for it used more memory than it may.
    OutOfMemory(String),
}

/// A task that runs or is about to.
struct Running {
    control: watch::Sender<Control>,
    /// The process around it, once it runs.
    supervisor: Option<u32>,
    /// The memory that it may use, if that is bounded.
    limit_bytes: Option<u64>,
}

type Table = Arc<Mutex<BTreeMap<TaskKey, Running>>>;

/// What runs tasks on this machine.
pub(crate) struct Processes {
    shared: Shared,
}

/// What all tasks need.
#[derive(Clone)]
struct Shared {
    table: Table,
    children: Arc<Children<Arc<str>>>,
    news: NewsSender,
    /// Where sandboxes are.
    folder: PathBuf,
    /// Where agents are asked.
    address: SocketAddr,
}

fn lock(table: &Table) -> MutexGuard<'_, BTreeMap<TaskKey, Running>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Processes {
    pub(crate) fn new(
        children: Arc<Children<Arc<str>>>,
        news: NewsSender,
        folder: PathBuf,
        address: SocketAddr,
    ) -> Self {
        let table = Table::default();
        tokio::spawn(memory::watch(table.clone()));
        Self { shared: Shared { table, children, news, folder, address } }
    }
}

impl Processes {
    /// What measures the tasks.
    pub(crate) fn meter(&self) -> Meter {
        Meter::of(self.shared.table.clone())
    }
}

impl Tasks for Processes {
    fn run(&mut self, run: Run) {
        let (control, told) = watch::channel(Control::Run);
        let limit_bytes = memory::limit_bytes(&run.task);
        let running = Running { control, supervisor: None, limit_bytes };
        lock(&self.shared.table).insert(run.key.clone(), running);
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let key = run.key.clone();
            let ending = shared.attend(&run, told).await;
            lock(&shared.table).remove(&key);
            // The receiver goes first when the program ends, and nobody wants to know any more.
            let _ = shared.news.send((key, News::Ended(ending))).await;
        });
    }

    fn kill(&mut self, task: &TaskKey, grace: Option<Span>) {
        if let Some(running) = lock(&self.shared.table).get(task) {
            running.control.send_modify(|control| {
                if !matches!(control, Control::OutOfMemory(_)) {
                    *control = Control::Stop(grace.unwrap_or(OWN_GRACE));
                }
            });
        }
    }

    fn is_idle(&self) -> bool {
        lock(&self.shared.table).is_empty()
    }

    fn stop(&mut self) {
        let keys: Vec<TaskKey> = lock(&self.shared.table).keys().cloned().collect();
        keys.iter().for_each(|key| self.kill(key, None));
    }
}

/// A task that could not be started.
fn not_launched(message: impl Into<String>) -> Ending {
    Ending {
        state: TaskState::Failed,
        message: message.into(),
        reason: Some(Reason::ContainerLaunchFailed),
        source: Source::Agent,
    }
}

/// A command that could not be run.
fn not_started(message: String) -> Ending {
    Ending {
        state: TaskState::Failed,
        message,
        reason: Some(Reason::CommandExecutorFailed),
        source: Source::Executor,
    }
}

fn killed(message: &str) -> Ending {
    Ending {
        state: TaskState::Killed,
        message: message.to_owned(),
        reason: None,
        source: Source::Executor,
    }
}

impl Shared {
    /// Runs a task to its end.
    async fn attend(&self, run: &Run, mut told: watch::Receiver<Control>) -> Ending {
        let container = uuid::Uuid::new_v4().to_string();
        let (agent, framework) = (&run.agent, &run.key.framework);
        let sandbox = sandbox(&self.folder, agent, framework, &run.executor, &container);
        let command = run.task.command.clone().unwrap_or_default();
        let container_problem = run.task.container.as_ref().and_then(unsupported::in_container);
        if let Some(problem) = container_problem.or_else(|| unsupported::in_command(&command)) {
            return not_launched(problem);
        }
        if let Err(error) = tokio::fs::create_dir_all(&sandbox).await {
            return not_launched(format!("Cannot make the sandbox {}: {error}", sandbox.display()));
        }
        let uris: Vec<Uri> = command.uris.iter().map(uri).collect();
        let stopped = async {
            // Without anyone who could tell it, it is not told.
            if told.wait_for(|told| *told != Control::Run).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            fetched = fetch(&uris, &sandbox, &self.children) => {
                if let Err(problem) = fetched {
                    let message = format!("Failed to fetch all URIs of the task: {problem}");
                    return not_launched(message);
                }
            }
            () = stopped => return killed("Command was killed before it started"),
        }
        let status = self.container_status(&container);
        let _ = self.news.send((run.key.clone(), News::Starting(status))).await;
        let mut child = match self.start(run, &command, &sandbox) {
            Ok(child) => child,
            Err(message) => return not_started(message),
        };
        let id = child.id().unwrap_or_default();
        let ending = self.listen(run, &mut child, id, told).await;
        let is_known = ending.is_some();
        let _ = child.wait().await;
        self.children.remove(id);
        if !is_known && let Err(error) = self.children.kill_orphans().await {
            tracing::warn!("what task {} left behind: {error}", run.key.task);
        }
        ending
            .unwrap_or_else(|| not_started("The process around the command was killed".to_owned()))
    }

    fn container_status(&self, container: &str) -> ContainerStatus {
        let address = NetworkInfoIpAddress {
            ip_address: Some(self.address.ip().to_string()),
            ..NetworkInfoIpAddress::default()
        };
        ContainerStatus {
            container_id: Some(ContainerId { value: container.to_owned(), parent: None }),
            network_infos: vec![NetworkInfo {
                ip_addresses: vec![address],
                ..NetworkInfo::default()
            }],
            executor_pid: None,
        }
    }

    /// Starts the process around a task.
    fn start(&self, run: &Run, command: &CommandInfo, sandbox: &Path) -> Result<Child, String> {
        let value = command.value.clone().unwrap_or_default();
        let cannot = |error: std::io::Error| format!("Failed to run '{value}': {error}");
        let mut process = Command::new(std::env::current_exe().map_err(cannot)?);
        process.arg("task").arg("--sandbox").arg(sandbox);
        if command.shell.unwrap_or(true) {
            process.args(["--", "/bin/sh", "-c", &value]);
        } else {
            if let Some(own_name) = command.arguments.first() {
                process.arg("--own-name").arg(own_name);
            }
            process.args(["--", &value]).args(command.arguments.iter().skip(1));
        }
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("MESOS_") || text.starts_with("LIBPROCESS_") {
                process.env_remove(name);
            }
        }
        process
            .env("MESOS_SANDBOX", sandbox)
            .env("MESOS_DIRECTORY", sandbox)
            .env("MESOS_FRAMEWORK_ID", &*run.key.framework)
            .env("MESOS_EXECUTOR_ID", &*run.executor)
            .env("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "5secs")
            .env("MESOS_CHECKPOINT", "0")
            .env("MESOS_SLAVE_ID", &*run.agent)
            .env("MESOS_AGENT_ENDPOINT", self.address.to_string())
            .env("MESOS_CONTAINER_IP", self.address.ip().to_string());
        if let Some(token) = &run.token {
            process.env("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", token);
        }
        for (name, value) in environment(command)? {
            process.env(name, value);
        }
        process
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C is for the master alone, which tells its tasks.
            .process_group(0);
        let _listing = self.children.starting();
        let child = process.spawn().map_err(cannot)?;
        self.children.insert(child.id().unwrap_or_default(), run.key.task.clone());
        Ok(child)
    }

    /// Hears what becomes of a task, and tells it to end when that is due. Nothing if the process
    /// around it ended without a word.
    async fn listen(
        &self,
        run: &Run,
        child: &mut Child,
        id: u32,
        mut told: watch::Receiver<Control>,
    ) -> Option<Ending> {
        let mut input = child.stdin.take()?;
        let mut lines = BufReader::new(child.stdout.take()?).lines();
        let own = run.task.kill_policy.as_ref().and_then(grace_period);
        let own = own.unwrap_or(DEFAULT_GRACE);
        let longest = run.task.max_completion_time.as_ref().map(|time| time.nanoseconds);
        let longest = longest.and_then(|time| u64::try_from(time).ok()).map(Duration::from_nanos);
        let mut complete_by = longest.and_then(|time| Instant::now().checked_add(time));
        let (mut is_late, mut obeyed) = (false, Control::Run);
        loop {
            let news = async {
                let news = told.wait_for(|now| *now != obeyed).await;
                news.map(|now| now.clone()).ok()
            };
            let order = tokio::select! {
                biased;
                line = lines.next_line() => {
                    let line = line.ok()??;
                    match line.split_once(' ') {
                        Some(("pid", _)) => {
                            if let Some(running) = lock(&self.table).get_mut(&run.key) {
                                running.supervisor = Some(id);
                            }
                            let _ = self.news.send((run.key.clone(), News::Running(None))).await;
                        }
                        Some(("exited", code)) => {
                            let message = format!("Command exited with status {code}");
                            return Some(ending(code == "0", message, is_late, &obeyed));
                        }
                        Some(("signal", signal)) => {
                            let name = signal_name(signal);
                            let message = format!("Command terminated with signal {name}");
                            return Some(ending(false, message, is_late, &obeyed));
                        }
                        Some((_, problem)) => return Some(not_started(problem.to_owned())),
                        None => {}
                    }
                    continue;
                }
                Some(now) = news => {
                    let order = match now {
                        Control::Stop(grace) => {
                            if obeyed == Control::Run {
                                let key = run.key.clone();
                                let _ = self.news.send((key, News::Killing)).await;
                            }
                            stop_line(if grace == OWN_GRACE { own } else { grace })
                        }
                        Control::OutOfMemory(_) | Control::Run => "kill\n".to_owned(),
                    };
                    obeyed = now;
                    order
                }
                () = at(complete_by), if complete_by.is_some() => {
                    (is_late, complete_by) = (true, None);
                    stop_line(own)
                }
            };
            // One that does not listen any more is about to end, which is heard elsewhere.
            let _ = input.write_all(order.as_bytes()).await;
        }
    }
}

async fn at(time: Option<Instant>) {
    if let Some(time) = time {
        tokio::time::sleep_until(time).await;
    }
}

fn ending(succeeded: bool, message: String, is_late: bool, told: &Control) -> Ending {
    let (state, message, reason) = match told {
        Control::OutOfMemory(problem) => {
            (TaskState::Failed, problem.clone(), Some(Reason::ContainerLimitationMemory))
        }
        _ if is_late => {
            let message = "Task was killed since it exceeded its max_completion_time".to_owned();
            (TaskState::Failed, message, Some(Reason::MaxCompletionTimeReached))
        }
        _ if succeeded => (TaskState::Finished, message, None),
        Control::Stop(_) => (TaskState::Killed, message, None),
        Control::Run => (TaskState::Failed, message, Some(Reason::CommandExecutorFailed)),
    };
    Ending { state, message, reason, source: Source::Executor }
}

/// The name of a signal, as Mesos gives it.
fn signal_name(signal: &str) -> &str {
    match signal {
        "2" => "Interrupt",
        "6" => "Aborted",
        "9" => "Killed",
        "11" => "Segmentation fault",
        "15" => "Terminated",
        other => other,
    }
}

fn uri(uri: &CommandInfoUri) -> Uri {
    Uri {
        value: uri.value.clone(),
        executable: uri.executable,
        extract: uri.extract,
        output_file: uri.output_file.clone(),
    }
}

/// The variables of a command.
fn environment(command: &CommandInfo) -> Result<Vec<(String, String)>, String> {
    let variables = command.environment.iter().flat_map(|environment| &environment.variables);
    let mut all = Vec::new();
    for variable in variables {
        let name = &variable.name;
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(format!("'{name}' is not the name of a variable"));
        }
        let is_secret = variable.r#type == Some(EnvironmentVariableType::Secret.into());
        let value = if is_secret {
            let secret = variable.secret.as_ref().and_then(|secret| secret.value.as_ref());
            let secret = secret.ok_or_else(|| {
                format!("The secret of variable '{name}' is a reference: give its value instead")
            })?;
            String::from_utf8_lossy(&secret.data).into_owned()
        } else {
            variable.value.clone().unwrap_or_default()
        };
        all.push((name.clone(), value));
    }
    Ok(all)
}

/// The resident memory of a task as it may be, for those who only need to know of tasks.
fn requested_bytes(task: &TaskInfo, name: &str) -> Option<f64> {
    let of_name = task.resources.iter().filter(|resource| resource.name == name);
    let amounts = of_name.filter_map(|resource| resource.scalar.as_ref());
    let sum: f64 = amounts.map(|scalar| scalar.value).sum();
    (sum > 0.0).then_some(sum)
}

/// What tells a supervisor to end its task within a time.
fn stop_line(grace: Span) -> String {
    format!("stop {}\n", grace.as_milliseconds())
}
