//! Running one task's command: a process group of its own, its standard streams, and its end.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{SetOnce, watch};
use tokio::time::Instant;

use crate::attempt::{Attempt, Control};
use crate::ending;
use crate::failure::{Failure, Reason};
use crate::input::Share;
use crate::log::{Lines, Logger, Tail};
use crate::memory;
use crate::output::{Aside, Output};
use crate::processes::{Children, kill_group};

/// How much is read from a pipe at first, and at most at once, in bytes.
const READ_BYTES: std::ops::RangeInclusive<usize> = 4096..=65536;

/// What a pipe can hold at most, in bytes: what is read after a task has ended.
const PIPE_BYTES: usize = 1 << 20;

/// What to run.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    /// A program and its arguments.
    pub(crate) command: &'a [String],
    /// What is added to this process's environment; the last of two with one name counts.
    pub(crate) environment: Vec<(&'a str, OsString)>,
    /// Where it runs, if not where this process does.
    pub(crate) working_directory: Option<&'a Path>,
    /// What it reads; without it, its standard input is empty.
    pub(crate) input: Option<Share>,
    /// Where its standard output goes.
    pub(crate) stdout: Sink<'a>,
    /// Where its standard error goes.
    pub(crate) stderr: Sink<'a>,
    /// How long it may take to end when it is told to, in seconds.
    pub(crate) grace_seconds: u64,
}

/// Where a stream goes.
#[derive(Debug)]
pub(crate) enum Sink<'a> {
    /// Into the log.
    Log(Log<'a>),
    /// Into the stage's output.
    Output(&'a Output, Box<Aside>),
}

/// Where lines are logged.
#[derive(Debug)]
pub(crate) struct Log<'a> {
    /// What cuts them.
    pub(crate) lines: Lines,
    /// What writes them.
    pub(crate) logger: &'a Logger,
    /// What keeps the last of them.
    pub(crate) tail: Option<Tail>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) enum End {
    /// It succeeded, with what it wrote aside, if that is where it writes.
    Succeeded(Option<Box<Aside>>),
    /// It failed.
    Failed(Failure),
    /// It was told to stop.
    Stopped,
}

/// How long cleaning up after a task that was told to stop may take: logging its last lines, where
/// nobody may read them, and giving up what it has uploaded.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs a command to its end, and kills what is left of its process group.
pub(crate) async fn run(
    launch: Launch<'_>,
    attempt: &Attempt,
    leaders: &Children<Attempt>,
    control: &mut watch::Receiver<Control>,
) -> End {
    let kills = memory::kernel_kills();
    let (mut child, id) = match start(&launch, attempt, leaders) {
        Ok(started) => started,
        Err(failure) => return End::Failed(failure),
    };
    let Launch { input, mut stdout, mut stderr, grace_seconds, .. } = launch;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let ended = SetOnce::new();
    let broken = SetOnce::new();
    let (told, exit) = {
        let streams = async {
            // A stream that fails ends the task.
            let breaks = |failure: Failure| {
                let _ = broken.set(failure);
            };
            tokio::join!(
                async { feed(input, pipes.0, &ended).await.unwrap_or_else(breaks) },
                async { pump(pipes.1, &mut stdout, &ended).await.unwrap_or_else(breaks) },
                async { pump(pipes.2, &mut stderr, &ended).await.unwrap_or_else(breaks) },
            );
        };
        tokio::pin!(streams);
        let mut is_read = false;
        let (told, exit) = {
            let leader = wait(&mut child, id, grace_seconds, &broken, control);
            tokio::pin!(leader);
            loop {
                tokio::select! {
                    ended = &mut leader => break ended,
                    () = &mut streams, if !is_read => is_read = true,
                }
            }
        };
        kill_group(id, Signal::KILL);
        leaders.remove(id);
        let _ = ended.set(());
        if !is_read && broken.get().is_none() {
            // What it wrote last is in the pipes. Storing that may take long.
            if matches!(told, Some(Control::Stop | Control::Kill)) {
                let _ = tokio::time::timeout(PATIENCE, streams).await;
            } else {
                tokio::select! {
                    () = streams => {}
                    () = stopped(control) => return End::Stopped,
                }
            }
        }
        (told, exit)
    };
    let failure = match told {
        None => broken.into_inner().or_else(|| failure(exit, kills)),
        Some(Control::Fail(failure)) => Some(failure),
        Some(_) => {
            if let Sink::Output(output, aside) = stdout {
                let _ = tokio::time::timeout(PATIENCE, output.abandon(*aside)).await;
            }
            return End::Stopped;
        }
    };
    match (failure, stdout) {
        (None, Sink::Log(_)) => End::Succeeded(None),
        (None, Sink::Output(_, aside)) => End::Succeeded(Some(aside)),
        (Some(failure), stdout) => {
            if let Sink::Output(output, aside) = stdout {
                output.abandon(*aside).await;
            }
            End::Failed(failure.with_stderr(stderr.tail()))
        }
    }
}

/// Why a command failed, if it did. `kills` is how many processes the kernel had killed for want of memory
/// before the command began.
fn failure(exit: io::Result<ExitStatus>, kills: Option<u64>) -> Option<Failure> {
    match exit {
        // A shell exits with 137 when a program that it ran is killed.
        Ok(status)
            if (status.signal() == Some(9) || status.code() == Some(137))
                && memory::kernel_kills() > kills =>
        {
            Some(memory::killed_by_kernel())
        }
        Ok(status) => ending::failure(status),
        Err(error) => {
            let message = format!("it is not known how it ended: {error}");
            Some(Failure::new(Reason::Exited, message))
        }
    }
}

/// Waits until an attempt is told to stop.
pub(crate) async fn stopped(control: &mut watch::Receiver<Control>) {
    // Without anyone who could tell it, it is not told.
    if control.wait_for(|told| matches!(told, Control::Stop | Control::Kill)).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn start(
    launch: &Launch<'_>,
    attempt: &Attempt,
    leaders: &Children<Attempt>,
) -> Result<(Child, u32), Failure> {
    let Some((program, arguments)) = launch.command.split_first() else {
        return Err(Failure::lasting(Reason::CannotStart, "its command is empty"));
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(launch.environment.iter().map(|(name, value)| (name, value)))
        .stdin(if launch.input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    if let Some(directory) = launch.working_directory {
        command.current_dir(directory);
    }
    let listing = leaders.starting();
    let child = command.spawn().map_err(|error| cannot_start(program, launch, &error))?;
    let id = child.id().unwrap_or_default();
    leaders.insert(id, attempt.clone());
    drop(listing);
    Ok((child, id))
}

fn cannot_start(program: &str, launch: &Launch<'_>, error: &io::Error) -> Failure {
    let folder = launch.working_directory.filter(|folder| !folder.is_dir());
    let is_path = program.contains('/');
    let message = match (error.kind(), folder) {
        (_, Some(folder)) => format!("there is no folder {} to run it in", folder.display()),
        (io::ErrorKind::NotFound, _) if is_path && Path::new(program).exists() => {
            format!("\"{program}\" is there, but the interpreter or loader that it names is not")
        }
        (io::ErrorKind::NotFound, _) if is_path => format!("there is no program \"{program}\""),
        (io::ErrorKind::NotFound, _) => format!("no such program \"{program}\" in PATH"),
        (io::ErrorKind::PermissionDenied, _) => {
            format!("\"{program}\" may not be run: it is a folder or not marked as executable")
        }
        (io::ErrorKind::ArgumentListTooLong, _) => format!(
            "\"{program}\" has more arguments and environment than the system takes: pass less of \
             them, or put them into a file"
        ),
        (io::ErrorKind::InvalidInput, _) => {
            format!("\"{program}\", its arguments and its environment may not hold null bytes")
        }
        _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => format!(
            "\"{program}\" is no program of this system; a script begins with a line such as \
             #!/bin/sh"
        ),
        _ => format!("cannot start \"{program}\": {error}"),
    };
    Failure::new(Reason::CannotStart, message)
}

/// Waits for a task's first process, and ends it when that is asked for. Returns what it was told.
async fn wait(
    child: &mut Child,
    id: u32,
    grace_seconds: u64,
    broken: &SetOnce<Failure>,
    control: &mut watch::Receiver<Control>,
) -> (Option<Control>, io::Result<ExitStatus>) {
    let mut told: Option<Control> = None;
    let mut kill_at: Option<Instant> = None;
    let mut is_killed = false;
    loop {
        let news = async {
            let obeyed = told.as_ref().unwrap_or(&Control::Run);
            control.wait_for(|now| now != obeyed).await.map(|now| now.clone()).ok()
        };
        tokio::select! {
            biased;
            status = child.wait() => return (told, status),
            Some(now) = news, if !is_killed => {
                if now == Control::Stop {
                    kill_group(id, Signal::TERM);
                    kill_at = Instant::now().checked_add(Duration::from_secs(grace_seconds));
                } else {
                    kill_group(id, Signal::KILL);
                    is_killed = true;
                }
                told = Some(now);
            }
            _ = broken.wait(), if !is_killed => {
                kill_group(id, Signal::KILL);
                is_killed = true;
            }
            () = at(kill_at), if kill_at.is_some() => {
                kill_group(id, Signal::KILL);
                kill_at = None;
            }
        }
    }
}

async fn at(time: Option<Instant>) {
    if let Some(time) = time {
        tokio::time::sleep_until(time).await;
    }
}

/// Writes a task's input until all is written or the task has ended.
async fn feed(
    input: Option<Share>,
    pipe: Option<ChildStdin>,
    ended: &SetOnce<()>,
) -> Result<(), Failure> {
    let (Some(input), Some(pipe)) = (input, pipe) else { return Ok(()) };
    // A process that outlives the task may hold the pipe's other end.
    tokio::select! {
        fed = input.feed(pipe) => fed,
        () = async { *ended.wait().await } => Ok(()),
    }
}

/// Reads what a task writes until that ends or the task has ended and the pipe is empty.
async fn pump<P: AsyncRead + AsFd + Unpin>(
    pipe: Option<P>,
    sink: &mut Sink<'_>,
    ended: &SetOnce<()>,
) -> Result<(), Failure> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    let mut buffer = Vec::with_capacity(*READ_BYTES.start());
    loop {
        let read = tokio::select! {
            biased;
            () = async { *ended.wait().await } => break,
            read = pipe.read_buf(&mut buffer) => read,
        };
        if !matches!(read, Ok(1..)) {
            return sink.finish().await;
        }
        sink.take(&buffer).await?;
        let is_full = buffer.len() == buffer.capacity();
        buffer.clear();
        if is_full && buffer.capacity() < *READ_BYTES.end() {
            buffer.reserve(buffer.capacity() * 2);
        }
    }
    // Some other process may still hold the pipe and write without end: no more than a pipe holds
    // was written by the task.
    let mut left = PIPE_BYTES;
    let mut piece = vec![0; *READ_BYTES.end()];
    while left > 0 {
        match rustix::io::read(pipe.as_fd(), &mut piece[..]) {
            Ok(read @ 1..) => {
                sink.take(&piece[..read]).await?;
                left = left.saturating_sub(read);
            }
            Err(rustix::io::Errno::INTR) => {}
            Ok(0) | Err(_) => break,
        }
    }
    sink.finish().await
}

impl Sink<'_> {
    async fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Output(output, aside) => output.write(aside, Bytes::copy_from_slice(bytes)).await,
            Self::Log(log) => {
                if let Some(tail) = &mut log.tail {
                    tail.push(bytes);
                }
                log.logger.log(log.lines.push(bytes)).await;
                Ok(())
            }
        }
    }

    async fn finish(&mut self) -> Result<(), Failure> {
        if let Self::Log(log) = self {
            log.logger.log(log.lines.finish()).await;
        }
        Ok(())
    }

    /// The end of what was logged, where it was kept.
    fn tail(&self) -> String {
        match self {
            Self::Log(Log { tail: Some(tail), .. }) => tail.text(),
            _ => String::new(),
        }
    }
}
