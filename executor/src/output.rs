//! Writing a stage's output so that each partition's bytes come from one attempt.
//!
//! ```text
//! part-00000                                  published, a copy of one attempt's bytes
//! _SUCCESS                                    all parts are there
//! _proffer/owner.json                         whose output this is; created only once
//! _proffer/records/00000.json                 which attempt's bytes count; created only once
//! _proffer/attempts/00000-0-executor-1f2e…    an attempt's bytes, until they are published
//! ```
//!
//! An attempt writes aside, creates the record, copies its bytes to the part and deletes them aside.
//! Whoever finds a record, whoever's it is, does what is left of that. So every step can be the
//! last one of an attempt, and the next attempt goes on from there.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::buffered::BufWriter;
use proffer_core::ranges::Ranges;
use ring::digest;
use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};

use crate::attempt::Attempt;
use crate::failure::{Failure, Reason};
use crate::store::{Folder, StoreError};

/// How many missing parts are published at once when an output is committed.
const PUBLISHED_AT_ONCE: usize = 16;

const OWNER: &str = "_proffer/owner.json";
const PROBE: &str = "_proffer/create-only";
const SUCCESS: &str = "_SUCCESS";
const RECORDS: &str = "_proffer/records";
const ATTEMPTS: &str = "_proffer/attempts";

/// Whose output a folder is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    /// The job's namespace.
    pub(crate) namespace: String,
    /// The job's name.
    pub(crate) name: String,
    /// The job's uid.
    pub(crate) uid: String,
    /// The stage.
    pub(crate) stage: String,
}

/// Which attempt's bytes are a partition's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The stage.
    pub(crate) stage: String,
    /// The partition.
    pub(crate) partition: u32,
    /// The attempt's number.
    pub(crate) attempt: i32,
    /// The executor that ran it.
    pub(crate) executor: String,
    /// The name under which the attempt wrote its bytes.
    pub(crate) aside: String,
    /// How many bytes it wrote.
    pub(crate) size: u64,
    /// Their SHA-256, in hexadecimal digits.
    pub(crate) checksum: String,
    /// The task's result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<String>,
}

/// The output of one stage of one job.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    folder: Folder,
    owner: Owner,
}

/// What an attempt writes, until it is the partition's.
#[derive(Debug)]
pub(crate) struct Aside {
    name: String,
    writer: BufWriter,
    size: u64,
    checksum: Checksum,
}

/// A running checksum.
struct Checksum(digest::Context);

impl std::fmt::Debug for Checksum {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Checksum")
    }
}

impl Output {
    /// The output of `owner` in a folder.
    pub(crate) fn new(folder: Folder, owner: Owner) -> Self {
        Self { folder, owner }
    }

    /// Makes the folder this stage's, or finds that it is. To be done before anything else.
    pub(crate) async fn claim(&self) -> Result<(), Failure> {
        match self.folder.read(OWNER).await {
            Ok(bytes) => return self.check_owner(&bytes),
            Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(failed(&error)),
        }
        if let Err(refusal) = self.check_empty().await {
            // Another executor of this job may have claimed the output and published a part since.
            return match self.folder.read(OWNER).await {
                Ok(bytes) => self.check_owner(&bytes),
                Err(_) => Err(refusal),
            };
        }
        self.check_create().await?;
        let bytes = json(&self.owner)?;
        match self.folder.create(OWNER, bytes).await {
            Ok(()) => Ok(()),
            Err(StoreError::AlreadyExists(_)) => {
                let bytes = self.folder.read(OWNER).await.map_err(|error| failed(&error))?;
                self.check_owner(&bytes)
            }
            Err(error) => Err(failed(&error)),
        }
    }

    fn check_owner(&self, bytes: &[u8]) -> Result<(), Failure> {
        let uri = self.folder.uri();
        let owner: Owner = serde_json::from_slice(bytes).map_err(|error| {
            rejected(format!(
                "output {uri} is not known to be this job's: {} is damaged: {error}",
                self.folder.uri_of(OWNER)
            ))
        })?;
        if owner.uid != self.owner.uid {
            let Owner { namespace, name, uid, .. } = owner;
            return Err(rejected(format!(
                "output {uri} belongs to job {namespace}/{name} ({uid}); choose another output or \
                 delete it"
            )));
        }
        if owner.stage != self.owner.stage {
            return Err(rejected(format!(
                "output {uri} belongs to stage {} of this job; give each stage an output of its \
                 own",
                owner.stage
            )));
        }
        Ok(())
    }

    /// An output is a new folder: what someone else keeps there is not mixed with it.
    async fn check_empty(&self) -> Result<(), Failure> {
        let mut objects = self.folder.list();
        while let Some(object) = objects.try_next().await.map_err(|error| failed(&error))? {
            let below = self.folder.below(&object);
            if !below.split('/').any(|part| part == "_proffer") {
                return Err(rejected(format!(
                    "output {} already holds {below}; choose another output or delete it",
                    self.folder.uri()
                )));
            }
        }
        Ok(())
    }

    /// A store that takes the same object twice would let two attempts think that they won.
    async fn check_create(&self) -> Result<(), Failure> {
        for is_second in [false, true] {
            match self.folder.create(PROBE, Bytes::new()).await {
                Err(StoreError::AlreadyExists(_)) => {}
                Ok(()) if !is_second => {}
                Ok(()) => {
                    let uri = self.folder.uri();
                    return Err(rejected(format!(
                        "the store of {uri} does not heed create-only writes (If-None-Match), \
                         which keep the outputs of two attempts apart: use another store for \
                         output"
                    )));
                }
                Err(error) => return Err(failed(&error)),
            }
        }
        Ok(())
    }

    /// The record of a partition, if an attempt has completed it.
    pub(crate) async fn record(&self, partition: u32) -> Result<Option<Record>, Failure> {
        let name = record_name(partition);
        match self.folder.read(&name).await {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
                let uri = self.folder.uri_of(&name);
                Failure::lasting(Reason::OutputFailed, format!("{uri} is damaged: {error}"))
            }),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Begins to write an attempt's bytes aside.
    pub(crate) fn aside(&self, attempt: &Attempt, executor: &str) -> Result<Aside, Failure> {
        let mut random = [0; 8];
        ring::rand::SystemRandom::new().fill(&mut random).map_err(|_| {
            Failure::new(Reason::OutputFailed, "the system has no random numbers to give")
        })?;
        let Attempt { partition, number, .. } = attempt;
        let name = format!("{partition:05}-{number}-{executor}-{}", hexadecimal(&random));
        let writer =
            self.folder.writer(&format!("{ATTEMPTS}/{name}")).map_err(|error| failed(&error))?;
        let checksum = Checksum(digest::Context::new(&digest::SHA256));
        Ok(Aside { name, writer, size: 0, checksum })
    }

    /// Writes more of an attempt's bytes.
    pub(crate) async fn write(&self, aside: &mut Aside, bytes: Bytes) -> Result<(), Failure> {
        aside.size += bytes.len() as u64;
        aside.checksum.0.update(&bytes);
        aside.writer.put(bytes).await.map_err(|error| {
            let name = format!("{ATTEMPTS}/{}", aside.name);
            failed(&self.folder.failed("write", &name, &error))
        })
    }

    /// Makes an attempt's bytes the partition's, unless another attempt was first. Returns the
    /// record that counts; its bytes are published.
    pub(crate) async fn complete(
        &self,
        attempt: &Attempt,
        executor: &str,
        aside: Aside,
        result: Option<String>,
    ) -> Result<Record, Failure> {
        let Aside { name, writer, size, checksum } = aside;
        let path = format!("{ATTEMPTS}/{name}");
        self.folder.close(&path, writer).await.map_err(|error| failed(&error))?;
        let record = Record {
            stage: self.owner.stage.clone(),
            partition: attempt.partition,
            attempt: attempt.number,
            executor: executor.to_owned(),
            aside: name,
            size,
            checksum: hexadecimal(checksum.0.finish().as_ref()),
            result,
        };
        match self.folder.create(&record_name(attempt.partition), json(&record)?).await {
            Ok(()) => {
                self.publish(&record).await?;
                Ok(record)
            }
            Err(StoreError::AlreadyExists(_)) => {
                let found = self.record(attempt.partition).await?.ok_or_else(|| {
                    let uri = self.folder.uri_of(&record_name(attempt.partition));
                    Failure::new(Reason::OutputFailed, format!("{uri} was there and is gone"))
                })?;
                // A create that was repeated because its answer was lost finds itself.
                self.publish(&found).await?;
                if found.aside != record.aside {
                    self.folder.delete(&path).await.map_err(|error| failed(&error))?;
                }
                Ok(found)
            }
            Err(error) => Err(failed(&error)),
        }
    }

    /// Removes what an attempt that failed has written, as far as that works.
    pub(crate) async fn abandon(&self, mut aside: Aside) {
        let _ = aside.writer.abort().await;
    }

    /// Copies the bytes of a record to its part, unless that is done.
    pub(crate) async fn publish(&self, record: &Record) -> Result<(), Failure> {
        let aside = format!("{ATTEMPTS}/{}", record.aside);
        let part = part_name(record.partition);
        match self.folder.copy(&aside, &part, record.size).await {
            Ok(()) => self.folder.delete(&aside).await.map_err(|error| failed(&error)),
            // They are deleted only when they are published.
            Err(StoreError::NotFound(_)) => {
                let published = self.folder.head(&part).await.map_err(|error| failed(&error))?;
                if published.is_some_and(|part| part.size == record.size) {
                    return Ok(());
                }
                Err(Failure::lasting(
                    Reason::OutputFailed,
                    format!(
                        "the output of partition {} is gone: neither {} nor {} is there as it was \
                         written; delete the output and run the job anew",
                        record.partition,
                        self.folder.uri_of(&part),
                        self.folder.uri_of(&aside)
                    ),
                ))
            }
            Err(error) => Err(failed(&error)),
        }
    }

    /// Completes the whole: all of `partitions` parts, `_SUCCESS`, and nothing left aside.
    pub(crate) async fn commit(&self, partitions: u32) -> Result<(), Failure> {
        let recorded = self.numbers(RECORDS, |name| name.strip_suffix(".json")).await?;
        let mut missing = (0..partitions).filter(|&partition| !recorded.contains(partition));
        if let Some(first) = missing.next() {
            let others = missing.count();
            let more = if others == 0 { String::new() } else { format!(" and {others} more") };
            return Err(Failure::new(
                Reason::OutputFailed,
                format!(
                    "partition {first}{more} of {partitions} have no record of an attempt that completed them"
                ),
            ));
        }
        let published = self.numbers("", |name| name.strip_prefix("part-")).await?;
        stream::iter((0..partitions).filter(|&partition| !published.contains(partition)))
            .map(|partition| async move {
                match self.record(partition).await? {
                    Some(record) => self.publish(&record).await,
                    None => Err(Failure::new(
                        Reason::OutputFailed,
                        format!("the record of partition {partition} is gone"),
                    )),
                }
            })
            .buffer_unordered(PUBLISHED_AT_ONCE)
            .try_collect::<()>()
            .await?;
        self.folder.put(SUCCESS, Bytes::new()).await.map_err(|error| failed(&error))?;
        self.clear_attempts().await
    }

    /// The numbers that a folder's objects are named by.
    async fn numbers(
        &self,
        below: &str,
        number: impl Fn(&str) -> Option<&str>,
    ) -> Result<Ranges, Failure> {
        let folder = self.folder.folder(below).map_err(|error| failed(&error))?;
        let mut numbers = Vec::new();
        let mut objects = folder.list();
        while let Some(object) = objects.try_next().await.map_err(|error| failed(&error))? {
            numbers.extend(
                number(folder.below(&object)).and_then(|digits| digits.parse::<u32>().ok()),
            );
        }
        numbers.sort_unstable();
        Ok(numbers.into_iter().collect())
    }

    /// Deletes what attempts that were killed or too late have left.
    async fn clear_attempts(&self) -> Result<(), Failure> {
        let folder = self.folder.folder(ATTEMPTS).map_err(|error| failed(&error))?;
        let mut objects = folder.list();
        while let Some(object) = objects.try_next().await.map_err(|error| failed(&error))? {
            let below = folder.below(&object).to_owned();
            folder.delete(&below).await.map_err(|error| failed(&error))?;
        }
        if let Some(local) = folder.local_path() {
            // On a disk, writes that were cut short leave files that stores do not list.
            let _ = std::fs::remove_dir_all(local);
        }
        Ok(())
    }
}

fn record_name(partition: u32) -> String {
    format!("{RECORDS}/{partition:05}.json")
}

fn part_name(partition: u32) -> String {
    format!("part-{partition:05}")
}

fn json<T: Serialize>(value: &T) -> Result<Bytes, Failure> {
    serde_json::to_vec(value)
        .map(Bytes::from)
        .map_err(|error| Failure::new(Reason::OutputFailed, error.to_string()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn rejected(message: String) -> Failure {
    Failure::lasting(Reason::Rejected, message)
}

fn failed(error: &StoreError) -> Failure {
    match error {
        StoreError::NoCreate(_) => rejected(error.to_string()),
        error => Failure::new(Reason::OutputFailed, error.to_string()),
    }
}

#[cfg(test)]
mod tests;
