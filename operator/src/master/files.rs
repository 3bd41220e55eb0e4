//! What tasks leave in their sandboxes: `/files/browse`, `/files/read` and `/files/download`.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::fs;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// The most that is read at once, as in Mesos.
const MAXIMUM_READ_BYTES: u64 = 64 << 10;

/// What is found, or why nothing is.
pub(super) type Found<T> = Result<T, (StatusCode, String)>;

/// The sandboxes of tasks, all in one folder if they are on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    /// The folder.
    pub(crate) folder: Option<PathBuf>,
}

impl Files {
    /// The file or folder of a path, which has to be within a sandbox.
    async fn find(&self, query: &BTreeMap<String, String>) -> Found<PathBuf> {
        let Some(path) = query.get("path").filter(|path| !path.is_empty()) else {
            return Err((StatusCode::BAD_REQUEST, "Expecting 'path=value' in query.".to_owned()));
        };
        let Some(folder) = &self.folder else {
            let message = "Tasks are pods here: kubectl logs shows what they have written";
            return Err((StatusCode::NOT_FOUND, message.to_owned()));
        };
        let not_there = |_| (StatusCode::NOT_FOUND, format!("There is no '{path}'"));
        // Links are followed before it is looked whether they lead outside.
        let real = fs::canonicalize(path).await.map_err(not_there)?;
        if real.starts_with(folder) {
            Ok(real)
        } else {
            Err((StatusCode::NOT_FOUND, format!("There is no '{path}'")))
        }
    }

    /// What a folder holds.
    pub(super) async fn browse(&self, query: &BTreeMap<String, String>) -> Found<Value> {
        let folder = self.find(query).await?;
        let failed = |error: std::io::Error| (StatusCode::BAD_REQUEST, error.to_string());
        let mut entries = fs::read_dir(&folder).await.map_err(failed)?;
        let mut listed = BTreeMap::new();
        while let Some(entry) = entries.next_entry().await.map_err(failed)? {
            // One that goes meanwhile is not there any more.
            if let Ok(metadata) = entry.metadata().await {
                let path = entry.path().display().to_string();
                listed.insert(path.clone(), describe(&path, &metadata));
            }
        }
        Ok(listed.into_values().collect())
    }

    /// A part of a file; its length alone with an offset of -1.
    pub(super) async fn read(&self, query: &BTreeMap<String, String>) -> Found<Value> {
        let file = self.find(query).await?;
        let failed = |error: std::io::Error| (StatusCode::BAD_REQUEST, error.to_string());
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<i64>().ok());
        let mut open = fs::File::open(&file).await.map_err(failed)?;
        let length = open.metadata().await.map_err(failed)?.len();
        let Ok(offset) = u64::try_from(number("offset").unwrap_or(-1)) else {
            return Ok(json!({ "offset": length, "data": "" }));
        };
        let wanted = number("length").and_then(|length| u64::try_from(length).ok());
        let wanted = wanted.unwrap_or(MAXIMUM_READ_BYTES).min(MAXIMUM_READ_BYTES);
        open.seek(std::io::SeekFrom::Start(offset)).await.map_err(failed)?;
        let mut data = Vec::new();
        open.take(wanted).read_to_end(&mut data).await.map_err(failed)?;
        Ok(json!({ "offset": offset, "data": String::from_utf8_lossy(&data) }))
    }

    /// A whole file.
    pub(super) async fn download(&self, query: &BTreeMap<String, String>) -> Found<fs::File> {
        let file = self.find(query).await?;
        let failed = |error: std::io::Error| (StatusCode::BAD_REQUEST, error.to_string());
        fs::File::open(&file).await.map_err(failed)
    }
}

/// A file as Mesos lists it.
fn describe(path: &str, metadata: &std::fs::Metadata) -> Value {
    json!({
        "path": path,
        "nlink": metadata.nlink(),
        "size": metadata.size(),
        "mtime": metadata.mtime(),
        "mode": mode(metadata.mode()),
        "uid": metadata.uid().to_string(),
        "gid": metadata.gid().to_string(),
    })
}

/// A mode as `ls` shows it.
fn mode(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        _ => '-',
    };
    let letters = "rwxrwxrwx".chars().enumerate();
    let bits =
        letters.map(|(index, letter)| if mode & (0o400 >> index) == 0 { '-' } else { letter });
    std::iter::once(kind).chain(bits).collect()
}

/// Where a task's sandbox is, in the places where Mesos has it.
pub(super) fn sandbox(
    folder: &Path,
    agent: &str,
    framework: &str,
    executor: &str,
    container: &str,
) -> PathBuf {
    folder
        .join("slaves")
        .join(agent)
        .join("frameworks")
        .join(framework)
        .join("executors")
        .join(executor)
        .join("runs")
        .join(container)
}

#[cfg(test)]
mod tests {
    use super::mode;

    #[test]
    fn modes_are_shown_as_by_ls() {
        assert_eq!(mode(0o100_644), "-rw-r--r--");
        assert_eq!(mode(0o040_755), "drwxr-xr-x");
    }
}
