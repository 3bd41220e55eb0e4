//! What tasks leave in their sandboxes: `/files/browse`, `/files/read` and `/files/download`.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::http::StatusCode;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::fs;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// The most that is read at once, as in Mesos.
const MAXIMUM_READ_BYTES: u64 = 64 << 10;

/// What is found, or why nothing is.
pub(super) type Found<T> = Result<T, (StatusCode, String)>;

/// The sandboxes of tasks.
#[derive(Clone)]
pub(crate) enum Files {
    /// All in one folder of this machine.
    Folder(PathBuf),
    /// In pods, which tell what was written to standard output and error.
    Logs(Arc<dyn Logs>),
}

/// What tasks in containers have written.
pub(crate) trait Logs: Send + Sync {
    /// All that is kept of it; nothing if there is no such container.
    fn read(&self, container: Container) -> BoxFuture<'static, Result<Option<String>, String>>;
}

/// A container by the parts of the path that its sandbox would have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Container {
    /// The agent's id.
    pub(crate) agent: String,
    /// The executor's id, which is that of a task that has none of its own.
    pub(crate) executor: String,
    /// The container's id.
    pub(crate) id: String,
}

/// A file that is about to be sent.
pub(super) enum Download {
    File(fs::File),
    Text(String),
}

/// The only file of a sandbox that is in a pod.
const LOG_FILE: &str = "stdout";

impl Files {
    /// The file or folder of a path, which has to be within a sandbox.
    async fn find(folder: &Path, path: &str) -> Found<PathBuf> {
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
        let path = path(query)?;
        let folder = match self {
            Self::Folder(folder) => Self::find(folder, path).await?,
            Self::Logs(logs) => {
                let length = read_log(&**logs, path, false).await?.len();
                let path = format!("{}/{LOG_FILE}", path.trim_end_matches('/'));
                return Ok(json!([{
                    "path": path, "nlink": 1, "size": length, "mtime": 0, "mode": "-rw-r--r--",
                    "uid": "", "gid": "",
                }]));
            }
        };
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
        let path = path(query)?;
        let failed = |error: std::io::Error| (StatusCode::BAD_REQUEST, error.to_string());
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<i64>().ok());
        let offset = u64::try_from(number("offset").unwrap_or(-1)).ok();
        let only_length = |length: u64| json!({ "offset": length, "data": "" });
        let wanted = number("length").and_then(|length| u64::try_from(length).ok());
        let wanted = wanted.unwrap_or(MAXIMUM_READ_BYTES).min(MAXIMUM_READ_BYTES);
        let file = match self {
            Self::Folder(folder) => Self::find(folder, path).await?,
            Self::Logs(logs) => {
                let log = read_log(&**logs, path, true).await?.into_bytes();
                let Some(offset) = offset else { return Ok(only_length(log.len() as u64)) };
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(log.len());
                let length = usize::try_from(wanted).unwrap_or(usize::MAX);
                let part = &log[start..start.saturating_add(length).min(log.len())];
                return Ok(json!({ "offset": offset, "data": String::from_utf8_lossy(part) }));
            }
        };
        let mut open = fs::File::open(&file).await.map_err(failed)?;
        let length = open.metadata().await.map_err(failed)?.len();
        let Some(offset) = offset else { return Ok(only_length(length)) };
        open.seek(std::io::SeekFrom::Start(offset)).await.map_err(failed)?;
        let mut data = Vec::new();
        open.take(wanted).read_to_end(&mut data).await.map_err(failed)?;
        Ok(json!({ "offset": offset, "data": String::from_utf8_lossy(&data) }))
    }

    /// A whole file.
    pub(super) async fn download(&self, query: &BTreeMap<String, String>) -> Found<Download> {
        let path = path(query)?;
        let failed = |error: std::io::Error| (StatusCode::BAD_REQUEST, error.to_string());
        match self {
            Self::Folder(folder) => {
                let file = Self::find(folder, path).await?;
                fs::File::open(&file).await.map(Download::File).map_err(failed)
            }
            Self::Logs(logs) => read_log(&**logs, path, true).await.map(Download::Text),
        }
    }
}

/// The path that is asked for.
fn path(query: &BTreeMap<String, String>) -> Found<&str> {
    let path = query.get("path").filter(|path| !path.is_empty());
    path.map(String::as_str)
        .ok_or_else(|| (StatusCode::BAD_REQUEST, "Expecting 'path=value' in query.".to_owned()))
}

/// What a container has written, by the path of its sandbox or of the only file there.
async fn read_log(logs: &dyn Logs, path: &str, is_file: bool) -> Found<String> {
    let not_there = || (StatusCode::NOT_FOUND, format!("There is no '{path}'"));
    let container = container(path, is_file).ok_or_else(not_there)?;
    match logs.read(container).await {
        Ok(log) => log.ok_or_else(not_there),
        Err(problem) => Err((StatusCode::BAD_GATEWAY, problem)),
    }
}

/// The container whose sandbox, or the file in it, is at a path.
fn container(path: &str, is_file: bool) -> Option<Container> {
    let mut parts = path.trim_matches('/').split('/');
    let mut after = |name: &str| parts.next().filter(|part| *part == name).and(parts.next());
    let agent = after("slaves")?.to_owned();
    after("frameworks")?;
    let executor = after("executors")?.to_owned();
    let id = after("runs")?.to_owned();
    let file = if is_file { Some(LOG_FILE) } else { None };
    (parts.next() == file && parts.next().is_none()).then_some(Container { agent, executor, id })
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
    use super::{Container, container, mode};

    #[test]
    fn sandboxes_in_pods_are_named_as_in_folders() {
        let path = super::sandbox("/".as_ref(), "a", "f", "t", "c").display().to_string();
        let expected =
            Container { agent: "a".to_owned(), executor: "t".to_owned(), id: "c".to_owned() };
        assert_eq!(container(&path, false).as_ref(), Some(&expected));
        assert_eq!(container(&format!("{path}/stdout"), true).as_ref(), Some(&expected));
        for (other, is_file) in [("/etc/passwd", true), (&*path, true), ("/slaves/a", false)] {
            assert_eq!(container(other, is_file), None, "{other}");
        }
    }

    #[test]
    fn modes_are_shown_as_by_ls() {
        assert_eq!(mode(0o100_644), "-rw-r--r--");
        assert_eq!(mode(0o040_755), "drwxr-xr-x");
    }
}
