//! What tasks leave in their sandboxes: `/files/browse`, `/files/read` and `/files/download`.

mod reach;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::StatusCode;
use futures::future::BoxFuture;
use proffer_core::jobs::JobKey;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use reach::framework_of;
pub(super) use reach::{Reach, out_of_reach};

/// The most that is read at once, as in Mesos.
const MAXIMUM_READ_BYTES: u64 = 64 << 10;

/// How many threads look at files at once. Others wait, and whatever files do to a thread, the threads that
/// start tasks are not these.
const THREADS: usize = 16;

/// What is found, or why nothing is.
pub(super) type Found<T> = Result<T, (StatusCode, String)>;

/// The sandboxes of tasks.
#[derive(Clone)]
pub(crate) enum Files {
    /// All in one folder of this machine.
    Folder(Folder),
    /// In pods, which tell what was written to standard output and error.
    Logs(Arc<dyn Logs>),
}

/// A folder of sandboxes, and the threads that look into it.
#[derive(Clone)]
pub(crate) struct Folder {
    path: Arc<Path>,
    threads: Arc<Semaphore>,
}

/// What tasks in containers have written.
pub(crate) trait Logs: Send + Sync {
    /// All that is kept of it; nothing if there is no such container.
    fn read(&self, container: Container) -> BoxFuture<'static, Result<Option<String>, String>>;
}

/// A container by the parts of the path that its sandbox would have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Container {
    /// The job that its framework is.
    pub(crate) job: JobKey,
    /// The agent's id.
    pub(crate) agent: String,
    /// The executor's id, which is that of a task that has none of its own.
    pub(crate) executor: String,
    /// The container's id.
    pub(crate) id: String,
}

/// A file that is about to be sent.
pub(super) enum Download {
    File(Pieces),
    Text(String),
}

/// What is left to send of a file.
pub(super) struct Pieces {
    folder: Folder,
    file: Arc<File>,
}

/// How many files of a folder are listed: a task can make any number, and a list is made in memory.
const MOST_ENTRIES: usize = 10_000;

/// The only file of a sandbox that is in a pod.
const LOG_FILE: &str = "stdout";

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path: path.into(), threads: Arc::new(Semaphore::new(THREADS)) }
    }

    /// Looks at files on a thread on which that may take its time.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Path) -> Found<T> + Send + 'static,
    ) -> Found<T> {
        let failed = || (StatusCode::SERVICE_UNAVAILABLE, "The master is about to end".to_owned());
        let permit = Arc::clone(&self.threads).acquire_owned().await.map_err(|_| failed())?;
        let path = Arc::clone(&self.path);
        // The thread is taken until it is done, also if nobody waits for it any more.
        let looked = tokio::task::spawn_blocking(move || {
            let found = look(&path);
            drop(permit);
            found
        });
        looked.await.map_err(|_| failed())?
    }
}

impl Pieces {
    /// The next piece; nothing at the end.
    pub(super) async fn next(&self) -> io::Result<Option<Vec<u8>>> {
        let file = Arc::clone(&self.file);
        let piece = self.folder.look(move |_| {
            let mut piece = Vec::new();
            (&*file).take(MAXIMUM_READ_BYTES).read_to_end(&mut piece).map_err(failed)?;
            Ok(piece)
        });
        let piece = piece.await.map_err(|(_, problem)| io::Error::other(problem))?;
        Ok((!piece.is_empty()).then_some(piece))
    }
}

/// The file or folder of a path, which has to be within a folder and within reach.
fn find(folder: &Path, path: &str, reach: &Reach) -> Found<PathBuf> {
    // Links are followed before it is looked whether they lead outside.
    let real = std::fs::canonicalize(path).map_err(|_| not_there(path))?;
    let inside = real.strip_prefix(folder).map_err(|_| not_there(path))?;
    if reach.has(inside) { Ok(real) } else { Err(out_of_reach(path)) }
}

fn not_there(path: &str) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, format!("There is no '{path}'"))
}

/// Opens a regular file. Others, as pipes and terminals, could have a reader wait for as long as a task
/// likes, so it is not waited, and what was opened is looked at before it is read.
fn open(folder: &Path, path: &str, reach: &Reach) -> Found<File> {
    let real = find(folder, path, reach)?;
    let flags =
        OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::CLOEXEC;
    // A task may have put a link in the place of a file or a folder meanwhile.
    let opened = match openat2(CWD, &real, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        // Older kernels, and containers that are not let use it, have only the older call.
        Err(Errno::NOSYS | Errno::PERM) => rustix::fs::open(&real, flags, Mode::empty()),
        opened => opened,
    };
    let file = File::from(opened.map_err(|error| failed(error.into()))?);
    if file.metadata().map_err(failed)?.is_file() {
        Ok(file)
    } else {
        Err((StatusCode::BAD_REQUEST, format!("'{path}' is no regular file")))
    }
}

#[allow(clippy::needless_pass_by_value)] // As `map_err` has it.
fn failed(error: io::Error) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, error.to_string())
}

/// What a folder of a sandbox holds.
fn list(folder: &Path, path: &str, reach: &Reach) -> Found<Value> {
    let mut listed = BTreeMap::new();
    for entry in std::fs::read_dir(find(folder, path, reach)?).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if listed.len() == MOST_ENTRIES {
            let problem = format!(
                "'{path}' holds more than {MOST_ENTRIES} files, which are the most that are listed: ask for \
                 one of them by its own path"
            );
            return Err((StatusCode::BAD_REQUEST, problem));
        }
        // One that goes meanwhile is not there any more.
        if let Ok(metadata) = entry.metadata() {
            let path = entry.path().display().to_string();
            listed.insert(path.clone(), describe(&path, &metadata));
        }
    }
    Ok(listed.into_values().collect())
}

impl Files {
    /// The framework whose sandboxes a path is in. Whether there is such a file does not matter.
    pub(super) fn framework_of<'a>(&self, path: &'a str) -> Option<&'a str> {
        let root = match self {
            Self::Folder(folder) => &*folder.path,
            Self::Logs(_) => Path::new("/"),
        };
        framework_of(Path::new(path).strip_prefix(root).ok()?)
    }

    /// Whether there are folders around sandboxes, which somebody could look at.
    pub(super) fn has_folders(&self) -> bool {
        matches!(self, Self::Folder(_))
    }

    /// What a folder holds.
    pub(super) async fn browse(
        &self,
        query: &BTreeMap<String, String>,
        reach: &Reach,
    ) -> Found<Value> {
        let path = path(query)?;
        match self {
            Self::Folder(folder) => {
                let (path, reach) = (path.to_owned(), reach.clone());
                folder.look(move |folder| list(folder, &path, &reach)).await
            }
            Self::Logs(logs) => {
                let length = read_log(&**logs, path, false, reach).await?.len();
                let path = format!("{}/{LOG_FILE}", path.trim_end_matches('/'));
                Ok(json!([{
                    "path": path, "nlink": 1, "size": length, "mtime": 0, "mode": "-rw-r--r--",
                    "uid": "", "gid": "",
                }]))
            }
        }
    }

    /// A part of a file; its length alone with an offset of -1.
    pub(super) async fn read(
        &self,
        query: &BTreeMap<String, String>,
        reach: &Reach,
    ) -> Found<Value> {
        let path = path(query)?;
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<i64>().ok());
        let offset = u64::try_from(number("offset").unwrap_or(-1)).ok();
        let only_length = |length: u64| json!({ "offset": length, "data": "" });
        let wanted = number("length").and_then(|length| u64::try_from(length).ok());
        let wanted = wanted.unwrap_or(MAXIMUM_READ_BYTES).min(MAXIMUM_READ_BYTES);
        match self {
            Self::Folder(folder) => {
                let (path, reach) = (path.to_owned(), reach.clone());
                let look = move |folder: &Path| {
                    let mut file = open(folder, &path, &reach)?;
                    let length = file.metadata().map_err(failed)?.len();
                    let Some(offset) = offset else { return Ok(only_length(length)) };
                    if offset >= length {
                        // There is nothing (yet), and there may be no such place in a file.
                        return Ok(json!({ "offset": offset, "data": "" }));
                    }
                    file.seek(SeekFrom::Start(offset)).map_err(failed)?;
                    let mut data = Vec::new();
                    file.take(wanted).read_to_end(&mut data).map_err(failed)?;
                    Ok(json!({ "offset": offset, "data": String::from_utf8_lossy(&data) }))
                };
                folder.look(look).await
            }
            Self::Logs(logs) => {
                let log = read_log(&**logs, path, true, reach).await?.into_bytes();
                let Some(offset) = offset else { return Ok(only_length(log.len() as u64)) };
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(log.len());
                let length = usize::try_from(wanted).unwrap_or(usize::MAX);
                let part = &log[start..start.saturating_add(length).min(log.len())];
                Ok(json!({ "offset": offset, "data": String::from_utf8_lossy(part) }))
            }
        }
    }

    /// A whole file.
    pub(super) async fn download(
        &self,
        query: &BTreeMap<String, String>,
        reach: &Reach,
    ) -> Found<Download> {
        let path = path(query)?;
        match self {
            Self::Folder(folder) => {
                let (path, reach) = (path.to_owned(), reach.clone());
                let file = folder.look(move |folder| open(folder, &path, &reach)).await?;
                Ok(Download::File(Pieces { folder: folder.clone(), file: Arc::new(file) }))
            }
            Self::Logs(logs) => read_log(&**logs, path, true, reach).await.map(Download::Text),
        }
    }
}

/// A text in pieces.
pub(super) fn pieces(text: String) -> impl Iterator<Item = Vec<u8>> + Send {
    let mut left = Bytes::from(text);
    let length = usize::try_from(MAXIMUM_READ_BYTES).unwrap_or(usize::MAX);
    std::iter::from_fn(move || {
        let piece = left.split_to(left.len().min(length));
        (!piece.is_empty()).then(|| piece.to_vec())
    })
}

/// The path that is asked for.
pub(super) fn path(query: &BTreeMap<String, String>) -> Found<&str> {
    let path = query.get("path").filter(|path| !path.is_empty());
    path.map(String::as_str)
        .ok_or_else(|| (StatusCode::BAD_REQUEST, "Expecting 'path=value' in query.".to_owned()))
}

/// What a container has written, by the path of its sandbox or of the only file there.
async fn read_log(logs: &dyn Logs, path: &str, is_file: bool, reach: &Reach) -> Found<String> {
    let container = container(path, is_file, reach).ok_or_else(|| not_there(path))?;
    match logs.read(container).await {
        Ok(log) => log.ok_or_else(|| not_there(path)),
        Err(problem) => Err((StatusCode::BAD_GATEWAY, problem)),
    }
}

/// The container within reach whose sandbox, or the file in it, is at a path.
fn container(path: &str, is_file: bool, reach: &Reach) -> Option<Container> {
    let Reach::Framework(framework, job) = reach else { return None };
    let mut parts = path.trim_matches('/').split('/');
    let mut after = |name: &str| parts.next().filter(|part| *part == name).and(parts.next());
    let agent = after("slaves")?.to_owned();
    after("frameworks").filter(|id| id == framework)?;
    let executor = after("executors")?.to_owned();
    let id = after("runs")?.to_owned();
    let file = if is_file { Some(LOG_FILE) } else { None };
    let is_whole = parts.next() == file && parts.next().is_none();
    is_whole.then(|| Container { job: job.clone(), agent, executor, id })
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
        0o010_000 => 'p',
        0o020_000 => 'c',
        0o040_000 => 'd',
        0o060_000 => 'b',
        0o120_000 => 'l',
        0o140_000 => 's',
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
mod tests;
