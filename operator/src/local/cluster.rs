//! This machine as a cluster: the engine's loop, with executors as processes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use proffer_core::ExecutorKey;
use proffer_core::action::{Action, Assignment, Launch};
use proffer_core::engine::Settings;
use proffer_core::event::{Event, JobObservation, NodeObservation};
use proffer_core::jobs::{JobKey, JobSpec};
use proffer_core::time::{Span, Time};
use proffer_core::view::{JobStatus, View};
use proffer_crds::{ResourcePool, SparkExecutor, SparkJob};
use proffer_executor::processes::Children;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::process::{Launcher, Wanted};
use super::progress::Progress;
use crate::clock::{Clock, Reading};
use crate::convert;
use crate::master::host::{Host, Input};
use crate::record::RecordedEngine;

/// How often an executor may report. Local reports cost little, and short tasks wait for them.
const REPORT_INTERVAL_MILLISECONDS: i32 = 20;

/// How often a job's status is shown.
const STATUS_INTERVAL: Span = Span::from_milliseconds(100);

/// Events that wait to be taken in; executors wait when there are more.
const EVENT_QUEUE_LENGTH: usize = 1024;

/// This machine as a cluster.
pub(super) struct LocalCluster {
    engine: RecordedEngine,
    clock: Clock,
    events: mpsc::Receiver<Event>,
    launcher: Launcher,
    jobs: BTreeMap<JobKey, LocalJob>,
    pools: Vec<ResourcePool>,
    executors: BTreeMap<ExecutorKey, LocalExecutor>,
    /// Frameworks that speak Mesos's API, if they are served.
    mesos: Option<Host>,
    /// Whether everything was told to stop.
    stopping: bool,
    ticks: Ticks,
}

/// How long the engine took to decide.
#[derive(Debug, Default)]
struct Ticks {
    count: u32,
    total: Duration,
    longest: Duration,
}

struct LocalJob {
    object: SparkJob,
    /// The object as its executors know it.
    line: Arc<str>,
    /// Whether the line lacks results that a stage may read.
    line_is_stale: bool,
    /// The stages that were finished when the line was written.
    finished_stages: usize,
    ended: bool,
}

struct LocalExecutor {
    /// Dropped to tell the executor to go.
    wanted: Option<watch::Sender<Wanted>>,
    node: Box<str>,
}

impl Ticks {
    fn add(&mut self, taken: Duration) {
        self.count += 1;
        self.total += taken;
        self.longest = self.longest.max(taken);
    }
}

impl LocalCluster {
    /// A cluster of these pools, without nodes and jobs, and the file that decisions are recorded in.
    pub(super) fn new(
        pools: Vec<ResourcePool>,
        progress: Progress,
        record: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let clock = Clock::start(Reading::now);
        let settings =
            Settings { status_interval_milliseconds: STATUS_INTERVAL, ..Settings::default() };
        let mut engine = RecordedEngine::new(settings);
        if let Some(record) = record {
            engine.record_to(record)?;
        }
        for pool in &pools {
            engine.handle(clock.now(), Event::Pool(convert::pool_observation(pool)));
        }
        let (sender, events) = mpsc::channel(EVENT_QUEUE_LENGTH);
        let launcher =
            Launcher { events: sender, children: Arc::new(Children::default()), progress };
        let (jobs, executors) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self {
            engine,
            clock,
            events,
            launcher,
            jobs,
            pools,
            executors,
            mesos: None,
            stopping: false,
            ticks: Ticks::default(),
        })
    }

    /// The time as the engine has it.
    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    /// Adds nodes.
    pub(super) fn add_nodes(&mut self, nodes: Vec<NodeObservation>) {
        let now = self.clock.now();
        for node in nodes {
            if let Some(host) = &mut self.mesos {
                // Made-up nodes are all this machine.
                let is_own = rustix::system::uname().nodename().to_bytes() == node.name.as_bytes();
                let hostname = if is_own { &*node.name } else { "localhost" };
                host.master.observe_node(now, None, hostname, node.clone());
            }
            self.engine.handle(now, Event::Node(node));
        }
    }

    /// Serves frameworks that speak Mesos's API, from now on until it is told to stop.
    pub(super) fn serve_mesos(&mut self, mut host: Host) {
        host.master.set_pools(self.pools.iter().map(convert::pool_observation));
        self.mesos = Some(host);
    }

    /// What is listed so that it is not taken for something that was left behind.
    pub(super) fn children(&self) -> Arc<Children<Arc<str>>> {
        self.launcher.children.clone()
    }

    /// Adds a job.
    pub(super) fn submit(&mut self, mut object: SparkJob, spec: JobSpec) -> anyhow::Result<()> {
        let uid = uuid::Uuid::new_v4().to_string();
        let now = self.clock.now();
        object.metadata.uid = Some(uid.clone());
        object.metadata.generation = Some(1);
        object.metadata.creation_timestamp = convert::time(now);
        let key = JobKey {
            namespace: object.namespace().unwrap_or_default().into(),
            name: object.name_any().into(),
        };
        let line = serde_json::to_string(&object).context("cannot write a job as JSON")?.into();
        let job = LocalJob { object, line, line_is_stale: false, finished_stages: 0, ended: false };
        self.jobs.insert(key.clone(), job);
        let observed = JobObservation {
            key,
            uid: uid.into(),
            generation: 1,
            created_at: now,
            spec: Ok(spec),
            status: None,
        };
        self.engine.handle(now, Event::Job(Box::new(observed)));
        Ok(())
    }

    /// Runs until every executor is gone, and every job has ended, or waits for what never comes, or
    /// everything was told to stop.
    pub(super) async fn run(&mut self) -> anyhow::Result<()> {
        loop {
            if let Some(step) = self.clock.take_step() {
                self.launcher.progress.line(&step.to_string());
            }
            self.tick()?;
            if self.serve() {
                continue;
            }
            let serves = self.mesos.is_some();
            let ended = self.stopping || !serves && self.jobs.values().all(|job| job.ended);
            let idle = self.mesos.as_ref().is_none_or(Host::is_idle);
            if ended && idle && self.executors.is_empty() {
                tracing::debug!(ticks = ?self.ticks, "the engine has decided");
                return Ok(());
            }
            let wakeup = self.engine.next_wakeup().filter(|_| !self.stopping);
            let of_mesos = self.mesos.as_ref().and_then(|host| host.master.next_wakeup());
            let wakeup = wakeup.into_iter().chain(of_mesos).min();
            // Nodes and pools stay as they are here. So what waits while nothing runs, no framework is
            // served and no time brings anything, waits for ever.
            if wakeup.is_none() && self.executors.is_empty() && !serves {
                return Ok(());
            }
            let wakeup = wakeup.map(|at| self.clock.instant(at));
            tokio::select! {
                event = self.events.recv() => self.take(event),
                input = next_input(&mut self.mesos) => self.take_input(input),
                () = sleep_until(wakeup) => {}
            }
            // Everything that has come meanwhile is decided on at once.
            for _ in 0..EVENT_QUEUE_LENGTH {
                let event = self.events.try_recv().ok();
                let input = self.mesos.as_mut().and_then(Host::try_next);
                if event.is_none() && input.is_none() {
                    break;
                }
                self.take(event);
                input.into_iter().for_each(|input| self.take_input(input));
            }
        }
    }

    fn take_input(&mut self, input: Input) {
        let now = self.clock.now();
        if let Some(host) = &mut self.mesos {
            host.take(now, input, || self.engine.market());
        }
    }

    /// Does what the Mesos master wants; says whether the engine was told something.
    fn serve(&mut self) -> bool {
        let now = self.clock.now();
        let Some(host) = &mut self.mesos else { return false };
        let events = host.perform(now);
        let any = !events.is_empty() && !self.stopping;
        events.into_iter().for_each(|event| self.engine.handle(now, event));
        any
    }

    /// Tells every executor to go.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        for executor in self.executors.values_mut() {
            executor.wanted = None;
        }
        if let Some(host) = &mut self.mesos {
            host.stop();
        }
    }

    /// The jobs that have not ended, each with what it waits for in a sentence.
    pub(super) fn waiting(&self) -> Vec<(&str, &str)> {
        let jobs = self.jobs.iter().filter(|(_, job)| !job.ended);
        let waiting = jobs.map(|(key, job)| {
            let status = job.object.status.as_ref();
            let suspended = job.object.spec.suspend.then_some("it is suspended");
            let message = status.and_then(|status| status.message.as_deref());
            (&*key.name, suspended.or(message).unwrap_or("it was given nothing to run on"))
        });
        waiting.collect()
    }

    /// The jobs and pools as they are now, with their statuses.
    pub(super) fn objects(&mut self) -> (Vec<SparkJob>, Vec<ResourcePool>) {
        let View { jobs, pools, .. } = self.engine.view();
        jobs.iter().for_each(|status| self.update(status));
        let now = self.clock.now();
        for object in &mut self.pools {
            let name = object.name_any();
            if let Some(status) = pools.iter().find(|status| *status.name == *name) {
                object.status = Some(convert::pool_status(status, &[], None, now));
            }
        }
        let jobs = self.jobs.values().map(|job| job.object.clone()).collect();
        (jobs, self.pools.clone())
    }

    fn take(&mut self, event: Option<Event>) {
        let Some(event) = event else { return };
        if let Event::ExecutorGone(key, _) = &event {
            self.executors.remove(key);
        }
        self.engine.handle(self.clock.now(), event);
    }

    fn tick(&mut self) -> anyhow::Result<()> {
        if self.stopping {
            return Ok(());
        }
        let start = Instant::now();
        let actions = self.engine.tick(self.clock.now());
        self.ticks.add(start.elapsed());
        for action in actions {
            match action {
                Action::Launch(launch) => self.launch(launch),
                Action::Assign(assignment) => self.assign(&assignment)?,
                Action::Remove(key) => {
                    if let Some(executor) = self.executors.get_mut(&key) {
                        executor.wanted = None;
                    }
                }
                Action::Status(status) => {
                    self.launcher.progress.job(&status);
                    self.update(&status);
                }
                // Nothing is left of an executor that is gone.
                Action::Discard(_) => {}
                Action::Framework(key, action) => {
                    let now = self.clock.now();
                    if let Some(host) = &mut self.mesos {
                        host.master.take_action(now, &key, action);
                    }
                }
            }
        }
        Ok(())
    }

    fn launch(&mut self, launch: Launch) {
        let Some(job) = self.jobs.get(&launch.key.job) else { return };
        let memory = job.object.spec.executor.memory.units();
        let grace = job.object.spec.executor.termination_grace_period_seconds;
        let grace = Duration::from_secs(u64::try_from(grace).unwrap_or_default());
        let wanted = Wanted { job: job.line.clone(), executor: None };
        let (sender, receiver) = watch::channel(wanted);
        tokio::spawn(self.launcher.clone().run(launch.key.clone(), memory, grace, receiver));
        // Pools are never elastic here, so there always is a node.
        let node = launch.node.unwrap_or_default();
        let executor = LocalExecutor { wanted: Some(sender), node };
        self.executors.insert(launch.key, executor);
    }

    fn assign(&mut self, assignment: &Assignment) -> anyhow::Result<()> {
        let key = &assignment.key;
        let (Some(job), Some(executor)) =
            (self.jobs.get_mut(&key.job), self.executors.get_mut(key))
        else {
            return Ok(());
        };
        let Some(wanted) = &executor.wanted else { return Ok(()) };
        if std::mem::take(&mut job.line_is_stale) {
            job.line =
                serde_json::to_string(&job.object).context("cannot write a job as JSON")?.into();
        }
        let object = SparkExecutor {
            metadata: ObjectMeta {
                name: Some(format!("{}-{}-{}", key.job.name, key.index, key.epoch)),
                namespace: Some(key.job.namespace.to_string()),
                // The executor says in its reports which one it has seen.
                generation: i64::try_from(assignment.number).ok(),
                ..ObjectMeta::default()
            },
            spec: convert::assigned_spec(assignment, &executor.node, REPORT_INTERVAL_MILLISECONDS),
            status: None,
        };
        let line = serde_json::to_string(&object).context("cannot write an executor as JSON")?;
        wanted.send_replace(Wanted { job: job.line.clone(), executor: Some(line.into()) });
        Ok(())
    }

    /// Takes a job's status into its object.
    fn update(&mut self, status: &JobStatus) {
        let Some(job) = self.jobs.get_mut(&status.key) else { return };
        let conditions = job.object.status.take().map(|status| status.conditions);
        let previous = conditions.as_deref().unwrap_or_default();
        job.object.status = Some(convert::job_status(status, previous, self.clock.now()));
        job.ended = status.state.is_final();
        let state = proffer_core::jobs::StageState::Finished;
        let finished = status.stages.iter().filter(|stage| stage.state == state).count();
        job.line_is_stale |= finished > job.finished_stages;
        job.finished_stages = finished;
    }
}

async fn next_input(mesos: &mut Option<Host>) -> Input {
    match mesos {
        Some(host) => host.next().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
