//! One attempt from beginning to end: input, command, result, output.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use proffer_crds::SparkJob;
use proffer_crds::job::Stage;
use tokio::sync::watch;

use crate::attempt::{Attempt, Control, Kept, Outcome};
use crate::failure::{Failure, Reason};
use crate::input::Inputs;
use crate::log::{Lines, Logger, Tail};
use crate::output::{Aside, Output, Owner};
use crate::process::{self, End, Launch, Log, Sink, stopped};
use crate::processes::Children;
use crate::results;
use crate::store::{Folder, StoreError, Stores};

/// What all attempts of an executor share.
#[derive(Debug)]
pub(crate) struct Workshop {
    /// The executor's name.
    pub(crate) executor: String,
    /// The stores that are open.
    pub(crate) stores: Stores,
    /// The inputs that are known.
    pub(crate) inputs: Inputs,
    /// The outputs that are known to be this job's, by stage.
    pub(crate) claimed: Mutex<HashSet<String>>,
    /// The attempts' first processes.
    pub(crate) leaders: Arc<Children<Attempt>>,
    /// What writes the log.
    pub(crate) logger: Logger,
    /// Where tasks leave their results.
    pub(crate) results: PathBuf,
    /// How many result files were named.
    pub(crate) results_named: AtomicU64,
    /// Where tasks run, if not where this process does.
    pub(crate) working_directory: Option<PathBuf>,
}

/// An attempt with all that it needs.
struct Work<'a> {
    shop: &'a Workshop,
    job: &'a SparkJob,
    stage: &'a Stage,
    attempt: &'a Attempt,
}

/// Why an attempt ends before its end.
enum Stop {
    Told,
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Runs an attempt.
pub(crate) async fn run(
    shop: &Workshop,
    job: &SparkJob,
    attempt: &Attempt,
    mut control: watch::Receiver<Control>,
) -> Outcome {
    let Some(stage) = job.spec.stages.iter().find(|stage| *stage.name == *attempt.stage) else {
        let message = format!("the job has no stage \"{}\"", attempt.stage);
        return Outcome::Failed(Failure::lasting(Reason::CannotStart, message));
    };
    match (Work { shop, job, stage, attempt }).perform(&mut control).await {
        Ok(kept) => Outcome::Finished(kept),
        Err(Stop::Told) => Outcome::Stopped,
        Err(Stop::Failed(failure)) => Outcome::Failed(failure),
    }
}

type Told = watch::Receiver<Control>;

/// Does something unless the attempt is told to stop meanwhile. Whatever is not done then, the next
/// attempt does, as it would if this process had been killed.
async fn unless_told<T>(
    control: &mut Told,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Stop> {
    tokio::select! {
        biased;
        () = stopped(control) => Err(Stop::Told),
        done = work => Ok(done?),
    }
}

impl Work<'_> {
    async fn perform(&self, control: &mut Told) -> Result<Option<Kept>, Stop> {
        let tasks = u32::try_from(self.stage.task_count()).unwrap_or(0);
        let partition = self.attempt.partition;
        let last = if self.stage.output.is_some() { tasks } else { tasks.saturating_sub(1) };
        if partition > last {
            let message = format!("stage {} has no partition {partition}", self.stage.name);
            return Err(Failure::lasting(Reason::CannotStart, message).into());
        }
        if self.stage.output.is_none() {
            let (_, result) = self.execute(None, control).await?;
            return unless_told(control, self.keep(result?)).await;
        }
        let output = unless_told(control, self.output()).await?;
        if partition == tasks {
            unless_told(control, output.commit(tasks)).await?;
            return Ok(None);
        }
        if let Some(record) = unless_told(control, output.record(partition)).await? {
            unless_told(control, output.publish(&record)).await?;
            return unless_told(control, self.keep(record.result)).await;
        }
        let aside = output.aside(self.attempt, &self.shop.executor)?;
        let (aside, result) = self.execute(Some((&output, aside)), control).await?;
        let Some(aside) = aside else {
            let message = "the task's output was lost on the way";
            return Err(Failure::new(Reason::OutputFailed, message).into());
        };
        // Once there is a record, the task does not run again.
        let checked = result.and_then(|result| {
            let has_work_uri = self.job.spec.work_uri.is_some();
            result.as_deref().map_or(Ok(()), |text| results::check(text, has_work_uri))?;
            Ok(result)
        });
        let result = match checked {
            Ok(result) => result,
            Err(failure) => {
                tokio::select! {
                    () = output.abandon(*aside) => {}
                    () = stopped(control) => {}
                }
                return Err(failure.into());
            }
        };
        let complete = output.complete(self.attempt, &self.shop.executor, *aside, result);
        let record = unless_told(control, complete).await?;
        unless_told(control, self.keep(record.result)).await
    }

    /// Runs the command. Returns what it wrote aside, and its result.
    async fn execute(
        &self,
        output: Option<(&Output, Aside)>,
        control: &mut Told,
    ) -> Result<(Option<Box<Aside>>, Result<Option<String>, Failure>), Stop> {
        let Self { shop, job, stage, attempt } = self;
        let input = if stage.input.is_some() {
            let work = self.work(Reason::InputFailed)?;
            let share =
                shop.inputs.share(job, stage, attempt.partition, &shop.stores, work.as_ref());
            unless_told(control, share).await?
        } else {
            None
        };
        let job_name = job.metadata.name.as_deref().unwrap_or_default();
        let task = stage.task_name(attempt.partition);
        let prefix: Arc<str> = format!("{job_name}/{}/{task}: ", stage.name).into();
        let log = |tail| {
            let lines = Lines::new(Arc::clone(&prefix));
            Sink::Log(Log { lines, logger: &shop.logger, tail })
        };
        let command = usize::try_from(attempt.partition)
            .ok()
            .and_then(|index| stage.tasks.get(index))
            .map_or(&stage.command, |task| &task.command);
        let number = shop.results_named.fetch_add(1, Ordering::Relaxed);
        let result = shop.results.join(number.to_string());
        let launch = Launch {
            command,
            environment: self.environment(job_name, result.clone().into_os_string()),
            working_directory: shop.working_directory.as_deref(),
            input,
            stdout: match output {
                None => log(None),
                Some((output, aside)) => Sink::Output(output, Box::new(aside)),
            },
            stderr: log(Some(Tail::default())),
            grace_seconds: u64::try_from(job.spec.executor.termination_grace_period_seconds)
                .unwrap_or(0),
        };
        let end = process::run(launch, attempt, &shop.leaders, control).await;
        let result = results::take(&result);
        match end {
            End::Succeeded(aside) => Ok((aside, result)),
            End::Failed(failure) => Err(failure.into()),
            End::Stopped => Err(Stop::Told),
        }
    }

    fn environment(&self, job_name: &str, result: OsString) -> Vec<(&str, OsString)> {
        let given = self.job.spec.env.iter();
        let mut environment: Vec<(&str, OsString)> =
            given.map(|variable| (&*variable.name, OsString::from(&variable.value))).collect();
        environment.extend([
            ("PROFFER_JOB", job_name.into()),
            ("PROFFER_STAGE", (&*self.stage.name).into()),
            ("PROFFER_PARTITION", self.attempt.partition.to_string().into()),
            ("PROFFER_PARTITIONS", self.stage.task_count().to_string().into()),
            ("PROFFER_ATTEMPT", self.attempt.number.to_string().into()),
            ("PROFFER_RESULT", result),
        ]);
        environment
    }

    /// The job's work URI, opened.
    fn work(&self, reason: Reason) -> Result<Option<Folder>, Failure> {
        let Some(uri) = &self.job.spec.work_uri else {
            return Ok(None);
        };
        let opened = self.shop.stores.open_work(uri);
        opened.map(Some).map_err(|error| failure(reason, &error))
    }

    /// The stage's output, which is then this job's.
    async fn output(&self) -> Result<Output, Failure> {
        let spec = self.stage.output.as_ref().and_then(|output| output.uri.as_deref());
        let uri = spec.unwrap_or(&self.stage.name);
        let work = self.work(Reason::OutputFailed)?;
        let folder = self.shop.stores.resolve(work.as_ref(), uri);
        let folder = folder.map_err(|error| failure(Reason::OutputFailed, &error))?;
        let metadata = &self.job.metadata;
        let owner = Owner {
            namespace: metadata.namespace.clone().unwrap_or_else(|| "default".to_owned()),
            name: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
            stage: self.stage.name.clone(),
        };
        let output = Output::new(folder, owner);
        let claimed = || self.shop.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        if !claimed().contains(&self.stage.name) {
            output.claim().await?;
            claimed().insert(self.stage.name.clone());
        }
        Ok(output)
    }

    async fn keep(&self, result: Option<String>) -> Result<Option<Kept>, Failure> {
        let Some(text) = result else {
            return Ok(None);
        };
        let work = self.work(Reason::OutputFailed)?;
        results::keep(text, self.job, self.stage, self.attempt, work.as_ref()).await.map(Some)
    }
}

/// Wrong names stay wrong; other trouble with stores may pass.
fn failure(reason: Reason, error: &StoreError) -> Failure {
    match error {
        StoreError::InvalidUri { .. } | StoreError::NoWorkUri(_) => {
            Failure::lasting(reason, error.to_string())
        }
        error => Failure::new(reason, error.to_string()),
    }
}
