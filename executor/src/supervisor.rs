//! The executor's loop: messages in, attempts run, reports out.
//!
//! It knows nothing of how messages arrive and reports leave; see [`crate::stdio`] for that.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::Context;
use proffer_crds::{SparkExecutor, SparkExecutorStatus, SparkJob};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::Options;
use crate::attempt::{Attempt, Control, Outcome};
use crate::failure::Failure;
use crate::log::Logger;
use crate::memory::{self, Victim};
use crate::processes::{self, Children};
use crate::run::{self, Workshop};
use crate::session::Session;

/// How often the memory of tasks is measured.
const MEASURE_EVERY: Duration = Duration::from_millis(200);

/// How often adopted processes that have ended are reaped, at most.
const REAP_EVERY: Duration = Duration::from_secs(1);

/// How long the last report may take to be written when nobody seems to read it.
const LAST_REPORT_PATIENCE: Duration = Duration::from_secs(2);

/// What the operator says.
#[derive(Debug)]
pub(crate) enum Message {
    /// The job that this executor works for.
    Job(Box<SparkJob>),
    /// What to run.
    Executor(Box<SparkExecutor>),
}

/// The way to the operator and back.
#[derive(Debug)]
pub(crate) struct Transport {
    /// What the operator says. When it ends, the executor stops.
    pub(crate) messages: mpsc::Receiver<anyhow::Result<Message>>,
    /// Takes reports; has room for one when the last one has been written.
    pub(crate) reports: mpsc::Sender<SparkExecutorStatus>,
}

struct Supervisor {
    options: Options,
    session: Session,
    logger: Logger,
    leaders: Arc<Children<Attempt>>,
    results: PathBuf,
    /// What attempts share; there once the executor's name is known.
    shop: Option<Arc<Workshop>>,
    running: JoinSet<(Attempt, Outcome)>,
    controls: HashMap<Attempt, watch::Sender<Control>>,
    is_stopping: bool,
    began: Instant,
    end: anyhow::Result<()>,
}

/// The signals that an executor heeds.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// Runs what the operator assigns until it says no more or this process is told to stop.
pub(crate) async fn supervise(
    options: Options,
    mut transport: Transport,
    logger: Logger,
) -> anyhow::Result<()> {
    processes::become_subreaper().context(
        "cannot become the parent of processes that lose theirs (PR_SET_CHILD_SUBREAPER)",
    )?;
    let mut signals = Signals::listen().context("cannot listen to signals")?;
    let mut children = signal(SignalKind::child()).context("cannot listen to signals")?;
    let results = tempfile::Builder::new().prefix("proffer-").tempdir().context(
        "cannot make a folder for results of tasks: set TMPDIR to one that can be written",
    )?;
    let mut supervisor = Supervisor {
        options,
        session: Session::default(),
        logger,
        leaders: Arc::default(),
        results: results.path().to_owned(),
        shop: None,
        running: JoinSet::new(),
        controls: HashMap::new(),
        is_stopping: false,
        began: Instant::now(),
        end: Ok(()),
    };
    supervisor.work(&mut transport, &mut signals, &mut children).await;
    let end = std::mem::replace(&mut supervisor.end, Ok(()));
    // What has ended since the last report is not lost.
    if supervisor.session.report_due_milliseconds().is_some() {
        let report = supervisor.session.make_report(supervisor.now_milliseconds());
        let _ = tokio::time::timeout(LAST_REPORT_PATIENCE, transport.reports.send(report)).await;
    }
    let killed = processes::kill_descendants(std::process::id(), &[]).await;
    match killed.context("cannot end all processes of tasks") {
        Err(error) if end.is_ok() => Err(error),
        _ => end,
    }
}

impl Supervisor {
    async fn work(
        &mut self,
        transport: &mut Transport,
        signals: &mut Signals,
        children: &mut Signal,
    ) {
        let mut measure = tokio::time::interval(MEASURE_EVERY);
        measure.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reap_at: Option<Instant> = None;
        let mut reaped_at = Instant::now();
        loop {
            self.start_all();
            if self.is_stopping && self.running.is_empty() {
                return;
            }
            let due = self.session.report_due_milliseconds();
            let due = due.map(|due| self.began + Duration::from_millis(due));
            let report = async {
                match due {
                    None => std::future::pending().await,
                    Some(due) => {
                        tokio::time::sleep_until(due).await;
                        transport.reports.reserve().await
                    }
                }
            };
            tokio::select! {
                message = transport.messages.recv(), if !self.is_stopping => self.hear(message),
                Some(ended) = self.running.join_next() => self.take(ended),
                permit = report => match permit {
                    Ok(permit) => {
                        let now = self.now_milliseconds();
                        permit.send(self.session.make_report(now));
                    }
                    Err(_) if self.is_stopping => {
                        // Nobody reads reports any more; what is left only has to end.
                        let now = self.now_milliseconds();
                        let _ = self.session.make_report(now);
                    }
                    Err(_) => self.stop(),
                },
                () = signals.told_to_stop() => {
                    if self.is_stopping {
                        self.tell_all(&Control::Kill);
                    } else {
                        self.stop();
                    }
                }
                _ = children.recv(), if reap_at.is_none() => {
                    reap_at = Some(reaped_at + REAP_EVERY);
                }
                () = sleep_until(reap_at), if reap_at.is_some() => {
                    reap_at = None;
                    reaped_at = Instant::now();
                    let _ = self.leaders.reap_adopted();
                }
                _ = measure.tick(),
                    if self.options.memory_limit_bytes.is_some() && !self.running.is_empty() =>
                {
                    self.measure();
                }
            }
            while let Some(ended) = self.running.try_join_next() {
                self.take(ended);
            }
        }
    }

    fn hear(&mut self, message: Option<anyhow::Result<Message>>) {
        match message {
            Some(Ok(Message::Job(job))) => {
                allow_files(job.spec.executor.cores);
                self.session.set_job(*job);
            }
            Some(Ok(Message::Executor(executor))) => {
                if self.shop.is_none() {
                    let name = executor.metadata.name.clone();
                    self.shop = Some(self.open_shop(name.unwrap_or_else(|| "executor".to_owned())));
                }
                match self.session.set_executor(&executor) {
                    Ok(stops) => stops.iter().for_each(|stop| self.tell(stop, Control::Stop)),
                    Err(error) => {
                        self.end = Err(error.into());
                        self.stop();
                    }
                }
            }
            Some(Err(error)) => {
                self.end = Err(error);
                self.stop();
            }
            None => self.stop(),
        }
    }

    fn open_shop(&self, executor: String) -> Arc<Workshop> {
        Arc::new(Workshop {
            executor,
            stores: crate::store::Stores::default(),
            inputs: crate::input::Inputs::default(),
            claimed: std::sync::Mutex::default(),
            leaders: Arc::clone(&self.leaders),
            logger: self.logger.clone(),
            results: self.results.clone(),
            results_named: AtomicU64::new(0),
            working_directory: self.options.working_directory.clone(),
        })
    }

    fn start_all(&mut self) {
        while let Some(attempt) = self.session.next_start() {
            let (Some(shop), Some(job)) = (&self.shop, self.session.job()) else {
                return;
            };
            let (shop, job) = (Arc::clone(shop), Arc::clone(job));
            let (control, told) = watch::channel(Control::Run);
            self.controls.insert(attempt.clone(), control);
            self.running.spawn(async move {
                let outcome = run::run(&shop, &job, &attempt, told).await;
                (attempt, outcome)
            });
        }
    }

    fn take(&mut self, ended: Result<(Attempt, Outcome), tokio::task::JoinError>) {
        match ended {
            Ok((attempt, outcome)) => {
                if let Outcome::Failed(failure) = &outcome {
                    tracing::warn!("{attempt}: {failure}");
                }
                self.controls.remove(&attempt);
                self.session.end(attempt, outcome);
            }
            // Which attempt it was is not known: the operator finds out as it does when an
            // executor dies.
            Err(error) => {
                self.end = Err(anyhow::Error::new(error).context("an attempt broke off"));
                self.stop();
            }
        }
    }

    fn stop(&mut self) {
        self.is_stopping = true;
        for attempt in self.session.stop() {
            self.tell(&attempt, Control::Stop);
        }
    }

    fn tell_all(&self, what: &Control) {
        for control in self.controls.values() {
            control.send_replace(what.clone());
        }
    }

    fn tell(&self, attempt: &Attempt, what: Control) {
        if let Some(control) = self.controls.get(attempt) {
            control.send_replace(what);
        }
    }

    fn measure(&self) {
        // One that was killed for its memory has to be gone before another one is.
        let is_clearing =
            self.controls.values().any(|control| matches!(*control.borrow(), Control::Fail(_)));
        let Some(limit_bytes) = self.options.memory_limit_bytes.filter(|_| !is_clearing) else {
            return;
        };
        let victim = match memory::measure(&self.leaders.listed()) {
            Ok(usage) => usage.victim(limit_bytes),
            Err(error) => {
                tracing::warn!("cannot measure the memory of tasks: {error}");
                return;
            }
        };
        match victim {
            Some(Victim::Attempt(attempt, failure)) => self.condemn(&attempt, failure),
            Some(Victim::Strays(strays)) => {
                tracing::warn!("killing {} processes that outlived their tasks", strays.len());
                for stray in strays {
                    processes::kill(stray, rustix::process::Signal::KILL);
                }
            }
            None => {}
        }
    }

    fn condemn(&self, attempt: &Attempt, failure: Failure) {
        if let Some(control) = self.controls.get(attempt) {
            // What is told to stop goes anyway.
            control.send_if_modified(|told| {
                let is_running = *told == Control::Run;
                if is_running {
                    *told = Control::Fail(failure);
                }
                is_running
            });
        }
    }

    fn now_milliseconds(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Lets this process have as many files open as its tasks take at once: three pipes each, a process
/// and two files of the store. Tasks inherit the limit, so it stays as it is where it suffices.
fn allow_files(cores: i32) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let needed = 6 * u64::try_from(cores).unwrap_or(0) + 128;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        limit.current = Some(limit.maximum.map_or(needed, |maximum| maximum.min(needed)));
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!("cannot raise the number of open files to {needed}: {error}");
        }
    }
}

async fn sleep_until(time: Option<Instant>) {
    if let Some(time) = time {
        tokio::time::sleep_until(time).await;
    }
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn told_to_stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
