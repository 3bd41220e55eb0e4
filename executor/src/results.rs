//! What tasks leave in the file named by `PROFFER_RESULT`.

use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use proffer_crds::SparkJob;
use proffer_crds::job::Stage;

use crate::attempt::{Attempt, Kept};
use crate::failure::{Failure, Reason};
use crate::store::{Folder, StoreError};

/// The largest result that goes with a report, in bytes.
const VALUE_BYTES: usize = 4096;

/// The most that a result in a report may take as JSON, in bytes.
const VALUE_JSON_BYTES: usize = 8192;

/// The largest result that is stored, in bytes. What is larger is output.
const STORED_BYTES: u64 = 16 << 20;

/// The most tasks that a stage may have whose results go with reports although there is a work URI.
const TASKS_WITH_VALUES: i32 = 100;

/// Reads the result that a task left, and removes the file. No file, or an empty one, is no result.
pub(crate) fn take(file: &Path) -> Result<Option<String>, Failure> {
    let Ok(found) = std::fs::symlink_metadata(file) else {
        return Ok(None);
    };
    let read = read(file, &found);
    if found.is_dir() {
        let _ = std::fs::remove_dir_all(file);
    } else {
        let _ = std::fs::remove_file(file);
    }
    read
}

fn read(file: &Path, found: &std::fs::Metadata) -> Result<Option<String>, Failure> {
    let invalid = |why: &str| Failure::new(Reason::InvalidResult, format!("the result {why}"));
    if !found.is_file() {
        return Err(invalid("is no file: write text to the path in PROFFER_RESULT"));
    }
    let unreadable = |error: std::io::Error| invalid(&format!("cannot be read: {error}"));
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    opened.take(STORED_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > STORED_BYTES {
        let message = "the result is larger than 16 MiB: write what is so large to the stage's \
                       output instead";
        return Err(Failure::new(Reason::ResultTooLarge, message));
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        invalid(&format!("is not UTF-8 text: byte {at} is no part of a character"))
    })?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok((!text.is_empty()).then_some(text))
}

/// The folder of a stage's results below the job's work URI.
pub(crate) fn folder(work: &Folder, job: &SparkJob, stage: &str) -> Result<Folder, StoreError> {
    let uid = job.metadata.uid.as_deref().unwrap_or_default();
    work.folder(&format!("_proffer/{uid}/results/{stage}"))
}

/// Refuses a result that does not fit into a report where nothing else can hold it.
pub(crate) fn check(text: &str, has_work_uri: bool) -> Result<(), Failure> {
    if has_work_uri || fits(text) {
        return Ok(());
    }
    let message = format!(
        "the result has {} bytes, and without spec.workURI a result has at most {VALUE_BYTES}, \
         fewer with control characters: set spec.workURI, or write what is so large elsewhere",
        text.len()
    );
    Err(Failure::lasting(Reason::ResultTooLarge, message))
}

fn fits(text: &str) -> bool {
    text.len() <= VALUE_BYTES
        && serde_json::to_string(text).is_ok_and(|json| json.len() <= VALUE_JSON_BYTES + 2)
}

/// Stores a result under the job's work URI, if it has one, and says what to report.
///
/// Results that go with reports are stored as well: the status of a job has room for only so many
/// of them. The first attempt to leave a result of a partition holds it.
pub(crate) async fn keep(
    text: String,
    job: &SparkJob,
    stage: &Stage,
    attempt: &Attempt,
    work: Option<&Folder>,
) -> Result<Kept, Failure> {
    check(&text, work.is_some())?;
    let Some(work) = work else {
        return Ok(Kept { value: Some(text), uri: None });
    };
    let store = async {
        let folder = folder(work, job, &stage.name)?;
        let name = attempt.partition.to_string();
        let bytes = Bytes::from(text.clone());
        match folder.create(&name, bytes.clone()).await {
            Ok(()) => {}
            Err(StoreError::AlreadyExists(_)) => {
                let stored = folder.read(&name).await?;
                return Ok((folder.uri_of(&name), String::from_utf8(stored.into()).ok()));
            }
            Err(StoreError::NoCreate(_)) => folder.put(&name, bytes).await?,
            Err(error) => return Err(error),
        }
        Ok((folder.uri_of(&name), None))
    };
    let (uri, earlier) = store.await.map_err(|error: StoreError| {
        Failure::new(Reason::OutputFailed, format!("the result is not stored: {error}"))
    })?;
    let text = earlier.unwrap_or(text);
    let is_value = stage.task_count() <= TASKS_WITH_VALUES && fits(&text);
    Ok(Kept { value: is_value.then_some(text), uri: Some(uri) })
}

#[cfg(test)]
mod tests;
