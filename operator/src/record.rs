//! What the engine was told and what it decided, as a file, and the same decisions again from there.
//!
//! The engine's decisions follow from its events and nothing else. So whoever wonders why a job is where
//! it is takes the file and plays it on another machine, with a newer engine if need be.
//!
//! The file has a line of JSON for each event and each tick. A run starts with the engine's settings;
//! runs follow each other, as an operator that starts again goes on writing.

use std::fmt::{Debug, Write as _};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use proffer_core::action::Action;
use proffer_core::engine::{Engine, Settings};
use proffer_core::event::Event;
use proffer_core::time::Time;
use serde::{Deserialize, Serialize};

/// The version of the format.
const VERSION: u32 = 1;

/// How a record begins.
const BEGINNING: &[u8] = b"{\"profferDecisions\"";

/// No line of a record is longer; it has one object at most.
const MOST_LINE_BYTES: usize = 64 << 20;

/// A line of a record.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Line<S, E> {
    /// Another engine starts.
    #[serde(rename_all = "camelCase")]
    ProfferDecisions { version: u32, restoring: bool, settings: S },
    /// The engine was told something.
    Event { at: Time, event: E },
    /// The engine decided: so many actions, and a number that tells them from others.
    Tick { at: Time, actions: usize, hash: String },
}

/// An engine, and the record of what it does if there is to be one.
#[derive(Debug)]
pub(crate) struct RecordedEngine {
    engine: Engine,
    restoring: bool,
    record: Option<(BufWriter<File>, PathBuf)>,
}

impl RecordedEngine {
    /// [`Engine::new`], without a record.
    pub(crate) fn new(settings: Settings) -> Self {
        Self { engine: Engine::new(settings), restoring: false, record: None }
    }

    /// [`Engine::restoring`], without a record.
    pub(crate) fn restoring(settings: Settings) -> Self {
        Self { engine: Engine::restoring(settings), restoring: true, record: None }
    }

    /// Adds what the engine does from now on to a file. It must not have been told anything yet.
    pub(crate) fn record_to(&mut self, file: &Path) -> anyhow::Result<()> {
        let opened = File::options().create(true).append(true).open(file);
        let opened = opened.with_context(|| format!("cannot write {}", file.display()))?;
        self.record = Some((BufWriter::new(opened), file.to_owned()));
        let settings = self.engine.settings().clone();
        let restoring = self.restoring;
        self.write(&Line::ProfferDecisions::<_, ()> { version: VERSION, restoring, settings });
        Ok(())
    }

    /// [`Engine::handle`].
    pub(crate) fn handle(&mut self, now: Time, event: Event) {
        if self.record.is_some() {
            self.write(&Line::Event::<(), _> { at: now, event: &event });
        }
        self.engine.handle(now, event);
    }

    /// [`Engine::tick`].
    pub(crate) fn tick(&mut self, now: Time) -> Vec<Action> {
        let actions = self.engine.tick(now);
        if self.record.is_some() {
            let hash = format!("{:016x}", hash(SEED, &actions));
            self.write(&Line::Tick::<(), ()> { at: now, actions: actions.len(), hash });
        }
        actions
    }

    /// Writes a line. A record that cannot be written ends there; the work goes on.
    fn write(&mut self, line: &impl Serialize) {
        let Some((record, file)) = &mut self.record else { return };
        let written =
            serde_json::to_vec(line).map_err(std::io::Error::from).and_then(|mut line| {
                line.push(b'\n');
                record.write_all(&line)?;
                record.flush()
            });
        if let Err(error) = written {
            let file = file.display();
            tracing::error!(%file, %error, "the record of decisions cannot be written and ends here");
            self.record = None;
        }
    }
}

impl Deref for RecordedEngine {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

/// What a replay found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Replay {
    /// How many engines were started.
    pub(crate) runs: usize,
    /// How many events there were.
    pub(crate) events: usize,
    /// How many ticks.
    pub(crate) ticks: usize,
    /// How many actions came out of them.
    pub(crate) actions: usize,
    /// The lines, from 1, whose ticks decided something else.
    pub(crate) different: Vec<usize>,
}

/// Whether a file is a record of decisions, by its first line.
pub(crate) fn is_one(file: &Path) -> bool {
    let mut first = [0; BEGINNING.len()];
    File::open(file).is_ok_and(|mut file| file.read_exact(&mut first).is_ok()) && first == BEGINNING
}

/// The lines of a file that was recorded. What is no such file may have lines without an end, and is not
/// read further than a line may be long.
pub(crate) fn lines(
    file: &Path,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<(usize, String)>>> {
    let name = file.display().to_string();
    let opened = File::open(file).with_context(|| format!("cannot read {name}"))?;
    let (mut reader, mut number) = (BufReader::new(opened), 0);
    Ok(std::iter::from_fn(move || {
        number += 1;
        let line = next_line(&mut reader).transpose()?;
        Some(
            line.with_context(|| format!("cannot read {name}:{number}")).map(|line| (number, line)),
        )
    }))
}

fn next_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let most = u64::try_from(MOST_LINE_BYTES).unwrap_or(u64::MAX);
    reader.take(most).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() == MOST_LINE_BYTES {
        return Err(io::Error::other("the line is longer than 64 MiB"));
    }
    String::from_utf8(line).map(Some).map_err(io::Error::other)
}

/// Plays a record, and tells each event and action.
pub(crate) fn replay(
    file: &Path,
    mut tell: impl FnMut(Time, &str, &dyn Debug),
) -> anyhow::Result<Replay> {
    let name = file.display();
    let (mut engine, mut found) = (None, Replay::default());
    for line in lines(file)? {
        let (number, line) = line?;
        let parsed: Line<Settings, Event> = serde_json::from_str(&line).with_context(|| {
            format!("{name}:{number}: this is no line of a record of decisions")
        })?;
        let started = || format!("{name}:{number}: no engine was started before this line");
        match parsed {
            Line::ProfferDecisions { version, restoring, settings } => {
                if version != VERSION {
                    bail!(
                        "{name}:{number}: the record is of version {version}, this program reads \
                         version {VERSION}"
                    );
                }
                let start = if restoring { Engine::restoring } else { Engine::new };
                engine = Some(start(settings));
                found.runs += 1;
            }
            Line::Event { at, event } => {
                tell(at, "hears", &event);
                engine.as_mut().with_context(started)?.handle(at, event);
                found.events += 1;
            }
            Line::Tick { at, actions: count, hash: recorded } => {
                let actions = engine.as_mut().with_context(started)?.tick(at);
                actions.iter().for_each(|action| tell(at, "wants", action));
                found.ticks += 1;
                found.actions += actions.len();
                if actions.len() != count || format!("{:016x}", hash(SEED, &actions)) != recorded {
                    found.different.push(number);
                }
            }
        }
    }
    Ok(found)
}

/// Where [`hash`] starts.
pub(crate) const SEED: u64 = 0xcbf2_9ce4_8422_2325;

/// Takes what was decided into a number that tells runs apart (FNV-1a).
pub(crate) fn hash(mut hash: u64, actions: &[Action]) -> u64 {
    struct Hasher(u64);
    impl std::fmt::Write for Hasher {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            for byte in text.bytes() {
                self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
            Ok(())
        }
    }
    for action in actions {
        let mut hasher = Hasher(hash);
        // Writing into a number cannot fail.
        let _ = write!(hasher, "{action:?}");
        hash = hasher.0;
    }
    hash
}

#[cfg(test)]
mod tests;
