//! A cluster: watches, writes and leadership around the [`operator`].
//!
//! ```text
//! watches ─► Change ─► Operator (engine, index, queue) ─► Write ─► API server
//!                          ▲                                │
//!                          └───────────── Answer ◄──────────┘
//! ```
//!
//! `pod`, `node` and `requests` read what Kubernetes says, `executor_pod` makes pods. Everything but
//! `watches`, `writes`, `leadership` and this file is free of IO.

mod driver_pod;
mod executor_pod;
mod gated_pod;
mod grants;
mod index;
mod leadership;
mod lenient;
mod mesos;
pub(crate) mod names;
mod node;
mod notices;
mod operator;
mod pod;
mod queue;
mod requests;
mod spark_pod;
mod task_pod;
mod watches;
mod wishes;
mod writes;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use kube::api::{Patch, PatchParams};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Api, Client, Resource};
use proffer_core::time::{Span, Time};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::clock::{Clock, Reading};
use crate::configuration::{Configuration, ImagePullPolicy};
use crate::master::connections::{Connections, REQUESTS_AT_ONCE, Request};
use crate::web::{self, Health};
use executor_pod::PodSettings;
use leadership::{Candidate, Leadership, Permit, Timing};
use names::LEADER_LABEL;
use notices::Notice;
use operator::{Change, Kind, MesosSettings, Operator, OperatorSettings};
use writes::{Answer, DriverWrite, ExecutorWrite, Write, Writer};

/// Changes that wait to be taken in; watches wait when there are more.
const CHANGE_QUEUE_LENGTH: usize = 4096;

/// The most changes that are taken in before the engine decides.
const CHANGES_AT_ONCE: usize = 4096;

/// Events for people that wait to be written; more are left out.
const NOTICE_QUEUE_LENGTH: usize = 512;

/// How long the loop sleeps at most.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// Runs the operator until it is told to stop.
pub async fn run(
    configuration: Configuration,
    file: Option<&Path>,
    record: Option<&Path>,
) -> anyhow::Result<()> {
    let client = Client::try_default().await.context(
        "cannot find the API server: run in a pod, or set KUBECONFIG to the file of a cluster",
    )?;
    let health = Arc::new(Health::new());
    let mut server =
        tokio::spawn(web::serve(configuration.http.address.clone(), Arc::clone(&health)));
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen to signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen to signals")?;
    if let Some(file) = file {
        tokio::spawn(crate::logging::follow(file.to_owned()));
    }
    // A process that led may have ended in this pod and left its mark.
    label_own_pod(&client, false).await;
    let timing = timing(&configuration);
    let elected = elect(&configuration, &client, timing);
    let mut leadership = tokio::select! {
        leadership = elected => leadership?,
        end = &mut server => return end.context("the HTTP server broke off")?,
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    tracing::info!("this replica decides from now on");
    health.lead();
    let own_pod = label_own_pod(&client, true).await;
    let permit = leadership.permit();
    let mesos = mesos::serve(&client, &configuration.mesos, health.metrics.mesos.clone()).await?;
    let mut cluster = Cluster::start(client, &configuration, Arc::clone(&health), timing, mesos);
    cluster.own_pod = own_pod;
    if let Some(record) = record {
        cluster.operator.record_to(record)?;
    }
    let end = tokio::select! {
        () = leadership.lost() => bail!("the lease was lost, so another replica decides by now"),
        end = &mut server => end.context("the HTTP server broke off")?,
        end = cluster.work(&permit) => end,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    // What was begun ends before another replica may begin.
    cluster.finish_writes().await;
    if let Err(error) = leadership.release().await {
        tracing::warn!("cannot give back the lease, others have to wait: {error:#}");
    }
    end
}

fn timing(configuration: &Configuration) -> Timing {
    let election = &configuration.leader_election;
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    Timing {
        duration: seconds(election.lease_duration_seconds),
        renew_deadline: seconds(election.renew_deadline_seconds),
        retry_period: seconds(election.retry_period_seconds),
    }
}

/// Waits until this replica is the one that decides.
async fn elect(
    configuration: &Configuration,
    client: &Client,
    timing: Timing,
) -> anyhow::Result<Leadership> {
    let election = &configuration.leader_election;
    if !election.enabled {
        return Ok(Leadership::uncontested());
    }
    let namespace = election.namespace.clone();
    let namespace = namespace.or_else(|| std::env::var("POD_NAMESPACE").ok());
    let namespace = namespace.unwrap_or_else(|| client.default_namespace().to_owned());
    // A pod that starts again is another candidate: what its last process began may be on its way.
    let name = std::env::var("POD_NAME").unwrap_or_else(|_| "proffer".to_owned());
    let identity = format!("{name}_{}", uuid::Uuid::new_v4());
    let leases: Api<Lease> = Api::namespaced(client.clone(), &namespace);
    Candidate::new(leases, election.lease_name.clone(), identity, timing).lead().await
}

/// Marks the pod of the leader, so that a Service can select it, or takes the mark away; returns the pod.
async fn label_own_pod(client: &Client, leads: bool) -> Option<ObjectReference> {
    let (Ok(name), Ok(namespace)) = (std::env::var("POD_NAME"), std::env::var("POD_NAMESPACE"))
    else {
        return None;
    };
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let value = leads.then_some("true");
    let patch = json!({"metadata": {"labels": {LEADER_LABEL: value}}});
    match pods.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await {
        Ok(pod) => Some(pod.object_ref(&())),
        Err(error) => {
            tracing::warn!("cannot label the pod of the leader: {error}");
            None
        }
    }
}

/// The loop and what it reads and writes.
struct Cluster {
    client: Client,
    operator: Operator,
    writer: Writer,
    changes: mpsc::Receiver<Change>,
    sender: mpsc::Sender<Change>,
    notices: mpsc::Sender<Notice>,
    in_flight: FuturesUnordered<tokio::task::JoinHandle<Answer>>,
    /// Frameworks of Mesos, if they are served.
    connections: Option<Connections>,
    health: Arc<Health>,
    clock: Clock,
    watches_pods: bool,
    /// The pod that this runs in, if it is one.
    own_pod: Option<ObjectReference>,
}

impl Cluster {
    fn start(
        client: Client,
        configuration: &Configuration,
        health: Arc<Health>,
        timing: Timing,
        mesos: Option<(MesosSettings, Connections)>,
    ) -> Self {
        let (sender, changes) = mpsc::channel(CHANGE_QUEUE_LENGTH);
        // Pods are listed when executors' objects are: what then has no pod has none any more.
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Pod) {
            tokio::spawn(watches::watch(kind, client.clone(), sender.clone()));
        }
        let (notices, heard) = mpsc::channel(NOTICE_QUEUE_LENGTH);
        tokio::spawn(publish(client.clone(), heard));
        let (mesos, connections) = mesos.unzip();
        let clock = Clock::start(Reading::now);
        let settings = OperatorSettings { mesos, ..settings(configuration) };
        Self {
            operator: Operator::new(clock.now(), settings),
            connections,
            writer: Writer::new(client.clone(), timing.write_timeout()),
            client,
            changes,
            sender,
            notices,
            in_flight: FuturesUnordered::new(),
            health,
            clock,
            watches_pods: false,
            own_pod: None,
        }
    }

    /// Takes in, decides and writes, until the lease has run out.
    async fn work(&mut self, permit: &Permit) -> anyhow::Result<()> {
        loop {
            let now = self.clock.now();
            self.look_at_the_wall();
            let started = Instant::now();
            self.operator.tick(now);
            if let Some(histogram) = &self.health.metrics.tick_seconds {
                histogram.observe(started.elapsed().as_secs_f64());
            }
            self.begin_writes(permit)?;
            self.tell_frameworks(now);
            self.tell();
            self.note_health();
            let wakeup = self
                .operator
                .next_wakeup(now)
                .map_or(LONGEST_SLEEP, |at| Duration::from(at.since(now)).min(LONGEST_SLEEP));
            tokio::select! {
                change = self.changes.recv() => match change {
                    Some(change) => self.take(change),
                    None => bail!("all watches have ended"),
                },
                Some(answer) = self.in_flight.next() => self.answer(answer)?,
                // Frameworks wait until it is known what there is.
                request = next_request(&mut self.connections), if self.operator.is_synced() => {
                    self.take_request(request);
                }
                () = tokio::time::sleep(wakeup) => {}
            }
            // What has come meanwhile is decided on at once.
            for _ in 0..CHANGES_AT_ONCE {
                let Ok(change) = self.changes.try_recv() else { break };
                self.take(change);
            }
            for _ in 0..REQUESTS_AT_ONCE {
                let connections = self.connections.as_mut().filter(|_| self.operator.is_synced());
                let Some(request) = connections.and_then(Connections::try_next) else { break };
                self.take_request(request);
            }
            while let Some(Some(answer)) = futures::FutureExt::now_or_never(self.in_flight.next()) {
                self.answer(answer)?;
            }
        }
    }

    /// Tells people if this machine's clock was set.
    fn look_at_the_wall(&mut self) {
        let Some(step) = self.clock.take_step() else { return };
        tracing::warn!("{step}");
        self.operator.set_wall(self.clock.wall());
        if let Some(pod) = &self.own_pod {
            self.send(Notice::of_operator(pod.clone(), "ClockSet", &step.to_string()));
        }
    }

    fn take(&mut self, change: Change) {
        self.health.metrics.changes.inc();
        let now = self.clock.now();
        self.operator.observe(now, change);
        if !self.watches_pods && self.operator.has_listed(Kind::Executor) {
            self.watches_pods = true;
            tokio::spawn(watches::watch(Kind::Pod, self.client.clone(), self.sender.clone()));
        }
    }

    fn take_request(&mut self, request: Request) {
        let now = self.clock.now();
        if let (Some(connections), Some((master, engine))) =
            (&mut self.connections, self.operator.mesos())
        {
            connections.take(now, request, master, || engine.market());
        }
    }

    /// Tells frameworks what they are to be told.
    fn tell_frameworks(&mut self, now: Time) {
        for effect in self.operator.take_told() {
            if let (Some(connections), Some((master, _))) =
                (&mut self.connections, self.operator.mesos())
            {
                connections.tell(now, effect, master);
            }
        }
    }

    fn answer(&mut self, answer: Result<Answer, tokio::task::JoinError>) -> anyhow::Result<()> {
        let answer = answer.context("a write broke off")?;
        self.health.metrics.writes.inc();
        if answer.unknown().is_some() {
            self.health.metrics.failed_writes.inc();
        }
        let now = self.clock.now();
        self.operator.answered(now, answer);
        Ok(())
    }

    fn begin_writes(&mut self, permit: &Permit) -> anyhow::Result<()> {
        loop {
            if !permit.may_write() {
                bail!("the lease could not be renewed in time, so nothing is written any more");
            }
            let now = self.clock.now();
            let Some(write) = self.operator.next_write(now) else { return Ok(()) };
            let is_launch = matches!(
                write,
                Write::Executor(_, ExecutorWrite::Launch(_))
                    | Write::Driver(_, DriverWrite::Launch { .. })
            );
            if is_launch {
                self.health.metrics.launches.inc();
            }
            let writer = self.writer.clone();
            self.in_flight.push(tokio::spawn(async move { Box::pin(writer.perform(write)).await }));
        }
    }

    fn tell(&mut self) {
        self.operator.take_notices().into_iter().for_each(|notice| self.send(notice));
    }

    fn send(&self, notice: Notice) {
        if self.notices.try_send(notice).is_err() {
            self.health.metrics.dropped_events.inc();
        }
    }

    fn note_health(&self) {
        self.health.turn();
        let depth = |depth: usize| i64::try_from(depth).unwrap_or(i64::MAX);
        self.health.metrics.write_queue_depth.set(depth(self.operator.queue_depth()));
        self.health.metrics.change_queue_depth.set(depth(self.changes.len()));
        if self.operator.is_synced() {
            self.health.sync();
        }
    }

    /// Waits for the writes that are on their way.
    async fn finish_writes(&mut self) {
        while self.in_flight.next().await.is_some() {}
    }
}

async fn next_request(connections: &mut Option<Connections>) -> Request {
    match connections {
        Some(connections) => connections.next().await,
        None => std::future::pending().await,
    }
}

fn settings(configuration: &Configuration) -> OperatorSettings {
    let executor = &configuration.executor;
    let policy = match executor.image_pull_policy {
        ImagePullPolicy::Always => "Always",
        ImagePullPolicy::IfNotPresent => "IfNotPresent",
        ImagePullPolicy::Never => "Never",
    };
    OperatorSettings {
        engine: configuration.settings(),
        pods: PodSettings {
            image: executor.image.clone(),
            default_image: executor.default_image.clone(),
            image_pull_policy: Some(policy.to_owned()),
            image_pull_secrets: executor
                .image_pull_secrets
                .iter()
                .map(|it| it.name.clone())
                .collect(),
            priority_class_name: executor.priority_class_name.clone(),
            service_account_name: executor.service_account_name.clone(),
            node_lost_seconds: executor.node_lost_seconds.into(),
        },
        start_timeout: Span::from_seconds(executor.start_timeout_seconds.into()),
        most_writes_in_flight: configuration.client.max_concurrent_writes as usize,
        writes_per_second: configuration.client.writes_per_second,
        namespaces: configuration.watch.namespaces.iter().cloned().collect(),
        makes_default_pool: configuration.default_pool.create,
        mesos: None,
    }
}

/// Writes Events for people, one after the other.
async fn publish(client: Client, mut notices: mpsc::Receiver<Notice>) {
    let instance = std::env::var("POD_NAME").ok();
    let reporter = Reporter { controller: "proffer.dev/operator".to_owned(), instance };
    let recorder = Recorder::new(client, reporter);
    while let Some(notice) = notices.recv().await {
        let type_ = if notice.is_warning { EventType::Warning } else { EventType::Normal };
        let event = Event {
            type_,
            reason: notice.reason.to_owned(),
            note: Some(notice.note),
            action: notice.reason.to_owned(),
            secondary: None,
        };
        if let Err(error) = recorder.publish(&event, &notice.object).await {
            tracing::warn!("cannot write an Event: {error}");
        }
    }
}

#[cfg(test)]
mod tests;
