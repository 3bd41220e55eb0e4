//! Folders in stores: local disks and object stores, named by URIs.

use std::collections::HashMap;
use std::error::Error as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{
    GetOptions, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt, ObjectStoreScheme, PutMode,
    PutPayload, parse_url_opts,
};
use url::Url;

/// The largest object that object stores copy by themselves, in bytes (5 GiB in S3).
const COPY_LIMIT_BYTES: u64 = 5 << 30;

/// The size of the pieces in which large objects are uploaded, in bytes.
const UPLOAD_PIECE_BYTES: usize = 8 << 20;

/// How many pieces of one object are uploaded at once.
const UPLOADS_AT_ONCE: usize = 2;

/// A folder of a store. Everything in it is named by paths below it.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    store: Arc<dyn ObjectStore>,
    path: Path,
    /// The store's own URI.
    root: Arc<Url>,
    copy_limit_bytes: u64,
}

/// What goes wrong with stores, in sentences.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// A URI that names no folder.
    #[error("\"{uri}\" names no place to store things: {why}")]
    InvalidUri {
        /// What was given.
        uri: String,
        /// What is wrong with it.
        why: String,
    },
    /// A path below a work URI that is not there.
    #[error(
        "\"{0}\" is a path below the job's work URI, but the job has none: set spec.workURI, such \
         as file:///mnt/work or s3://bucket/path"
    )]
    NoWorkUri(String),
    /// A store that cannot be used.
    #[error("cannot open {uri}: {why}")]
    CannotOpen {
        /// The store.
        uri: String,
        /// Why not.
        why: String,
    },
    /// An object that is already there.
    #[error("{0} is already there")]
    AlreadyExists(String),
    /// An object that is not there.
    #[error("{0} is not there")]
    NotFound(String),
    /// An object that is not the one that was asked for any more.
    #[error("{0} has changed")]
    Changed(String),
    /// A store without create-only writes.
    #[error(
        "{0} cannot create an object only if it is not there, which keeps the outputs of two \
         attempts apart: use another store for output"
    )]
    NoCreate(String),
    /// Anything else.
    #[error("cannot {action} {uri}: {why}")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// On what.
        uri: String,
        /// What came of it.
        why: String,
    },
}

/// The stores that this executor has opened.
#[derive(Debug, Default)]
pub(crate) struct Stores {
    opened: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
    /// Folders whose place on a local disk is known to be there.
    works: Mutex<HashMap<String, Folder>>,
}

impl Stores {
    /// Opens a job's work URI. A folder on a local disk is made when it is not there.
    pub(crate) fn open_work(&self, uri: &str) -> Result<Folder, StoreError> {
        if let Some(folder) = lock(&self.works).get(uri) {
            return Ok(folder.clone());
        }
        let folder = self.open(uri)?;
        if let Some(local) = folder.local_path() {
            std::fs::create_dir_all(&local).map_err(|error| StoreError::CannotOpen {
                uri: uri.to_owned(),
                why: format!("the folder {} cannot be made: {error}", local.display()),
            })?;
        }
        lock(&self.works).insert(uri.to_owned(), folder.clone());
        Ok(folder)
    }

    /// The folder that a URI, or a path below the job's work URI, names.
    pub(crate) fn resolve(&self, work: Option<&Folder>, uri: &str) -> Result<Folder, StoreError> {
        if is_absolute(uri) {
            return self.open(uri);
        }
        work.ok_or_else(|| StoreError::NoWorkUri(uri.to_owned()))?.folder(uri)
    }

    /// Opens the folder that an absolute URI names.
    pub(crate) fn open(&self, uri: &str) -> Result<Folder, StoreError> {
        let invalid =
            |why: String| StoreError::InvalidUri { uri: uri.to_owned(), why: why + EXAMPLES };
        // In a path, these are ordinary characters here.
        let escaped = uri.replace('?', "%3F").replace('#', "%23");
        let url = Url::parse(&escaped).map_err(|error| invalid(error.to_string()))?;
        let (_, path) = ObjectStoreScheme::parse(&url).map_err(|error| {
            invalid(match (url.scheme(), url.host_str()) {
                ("file", Some(_)) => "file: takes three slashes".to_owned(),
                _ => error.to_string(),
            })
        })?;
        let mut root = url.clone();
        if let Ok(mut segments) = root.path_segments_mut() {
            segments.pop_if_empty();
            for _ in path.parts() {
                segments.pop();
            }
        }

        let mut opened = lock(&self.opened);
        let store = if let Some(store) = opened.get(root.as_str()) {
            Arc::clone(store)
        } else {
            let options = std::env::vars_os().filter_map(|(name, value)| {
                let name = name.into_string().ok()?;
                let is_for_stores =
                    ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|prefix| name.starts_with(prefix));
                is_for_stores.then_some(())?;
                Some((name.to_ascii_lowercase(), value.into_string().ok()?))
            });
            // Says no when there is one already, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let (store, _) = parse_url_opts(&url, options).map_err(|error| {
                StoreError::CannotOpen { uri: uri.to_owned(), why: sentence(&error) }
            })?;
            let store: Arc<dyn ObjectStore> = Arc::from(store);
            opened.insert(root.to_string(), Arc::clone(&store));
            store
        };
        Ok(Folder { store, path, root: Arc::new(root), copy_limit_bytes: COPY_LIMIT_BYTES })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const EXAMPLES: &str = "; write file:///mnt/work, s3://bucket/path, gs://bucket/path, \
                        az://container/path or https://host/path";

/// Whether a URI names its store itself.
pub(crate) fn is_absolute(uri: &str) -> bool {
    uri.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-'))
    })
}

impl Folder {
    /// The folder at `path` in a store.
    #[cfg(test)]
    pub(crate) fn of(store: Arc<dyn ObjectStore>, path: &str) -> Self {
        Self {
            store,
            path: Path::from(path),
            root: Arc::new(Url::parse("memory:///").unwrap()),
            copy_limit_bytes: COPY_LIMIT_BYTES,
        }
    }

    /// The same folder in a store that copies only objects up to `bytes`.
    #[cfg(test)]
    pub(crate) fn with_copy_limit(self, bytes: u64) -> Self {
        Self { copy_limit_bytes: bytes, ..self }
    }

    /// A folder below this one.
    pub(crate) fn folder(&self, below: &str) -> Result<Self, StoreError> {
        Ok(Self { path: self.at(below)?, ..self.clone() })
    }

    /// The root of this folder's store.
    pub(crate) fn root(&self) -> Self {
        Self { path: Path::default(), ..self.clone() }
    }

    /// The URI of this folder.
    pub(crate) fn uri(&self) -> String {
        self.uri_of_path(&self.path)
    }

    /// The URI of something below this folder.
    pub(crate) fn uri_of(&self, below: &str) -> String {
        self.at(below).map_or_else(|_| below.to_owned(), |path| self.uri_of_path(&path))
    }

    fn uri_of_path(&self, path: &Path) -> String {
        let mut url = (*self.root).clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.parts().map(|part| part.as_ref().to_owned()));
        }
        url.into()
    }

    /// Where this folder is on a local disk, if it is.
    pub(crate) fn local_path(&self) -> Option<PathBuf> {
        (self.root.scheme() == "file").then(|| PathBuf::from("/").join(self.path.as_ref()))
    }

    fn at(&self, below: &str) -> Result<Path, StoreError> {
        let invalid = |why: String| StoreError::InvalidUri { uri: below.to_owned(), why };
        if below.starts_with('/') {
            return Err(invalid(format!(
                "a path is taken below {}; for a folder of this machine write file://{below}",
                self.uri()
            )));
        }
        let parts = below.split('/').filter(|part| !matches!(*part, "" | "."));
        let whole = self.path.as_ref().split('/').chain(parts).collect::<Vec<_>>().join("/");
        Path::parse(whole.trim_matches('/'))
            .map_err(|_| invalid("a path may not hold \"..\" or control characters".to_owned()))
    }

    /// Writes an object, whether or not it is there.
    pub(crate) async fn put(&self, below: &str, bytes: Bytes) -> Result<(), StoreError> {
        let payload = PutPayload::from_bytes(bytes);
        match self.store.put(&self.at(below)?, payload).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.failed("write", below, &error)),
        }
    }

    /// Writes an object that is not there yet.
    pub(crate) async fn create(&self, below: &str, bytes: Bytes) -> Result<(), StoreError> {
        let payload = PutPayload::from_bytes(bytes);
        match self.store.put_opts(&self.at(below)?, payload, PutMode::Create.into()).await {
            Ok(_) => Ok(()),
            Err(
                object_store::Error::NotImplemented { .. }
                | object_store::Error::NotSupported { .. },
            ) => Err(StoreError::NoCreate(self.root.to_string())),
            // Some stores answer so when someone else creates the same object meanwhile.
            Err(object_store::Error::Precondition { .. }) => {
                Err(StoreError::AlreadyExists(self.uri_of(below)))
            }
            Err(error) => Err(self.failed("create", below, &error)),
        }
    }

    /// Reads a small object whole.
    pub(crate) async fn read(&self, below: &str) -> Result<Bytes, StoreError> {
        let path = self.at(below)?;
        let read = async { self.store.get(&path).await?.bytes().await };
        read.await.map_err(|error| self.failed("read", below, &error))
    }

    /// Begins to read an object.
    pub(crate) async fn get(
        &self,
        below: &str,
        options: GetOptions,
    ) -> Result<GetResult, StoreError> {
        match self.store.get_opts(&self.at(below)?, options).await {
            Ok(result) => Ok(result),
            Err(object_store::Error::Precondition { .. }) => {
                Err(StoreError::Changed(self.uri_of(below)))
            }
            Err(error) => Err(self.failed("read", below, &error)),
        }
    }

    /// What the store knows of an object; `None` when it is not there.
    pub(crate) async fn head(&self, below: &str) -> Result<Option<ObjectMeta>, StoreError> {
        match self.store.head(&self.at(below)?).await {
            Ok(found) => Ok(Some(found)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("look at", below, &error)),
        }
    }

    /// Copies an object over another one.
    pub(crate) async fn copy(&self, from: &str, to: &str, bytes: u64) -> Result<(), StoreError> {
        let (source, target) = (self.at(from)?, self.at(to)?);
        if bytes <= self.copy_limit_bytes {
            let copied = self.store.copy(&source, &target).await;
            return copied.map_err(|error| match error {
                object_store::Error::NotFound { .. } => StoreError::NotFound(self.uri_of(from)),
                error => self.failed("write", to, &error),
            });
        }
        let read = self.store.get(&source).await;
        let read = read.map_err(|error| self.failed("read", from, &error))?;
        let mut pieces = read.into_stream();
        let mut writer = self.writer(to)?;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| self.failed("read", from, &error))?;
            writer.put(piece).await.map_err(|error| self.failed("write", to, &error))?;
        }
        self.close(to, writer).await
    }

    /// Deletes an object; one that is not there is as good.
    pub(crate) async fn delete(&self, below: &str) -> Result<(), StoreError> {
        match self.store.delete(&self.at(below)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("delete", below, &error)),
        }
    }

    /// The objects in this folder and those below it, in no particular order.
    pub(crate) fn list(&self) -> BoxStream<'static, Result<ObjectMeta, StoreError>> {
        let folder = self.clone();
        let prefix = (!self.path.is_root()).then_some(&self.path);
        self.store.list(prefix).map_err(move |error| folder.failed("list", "", &error)).boxed()
    }

    /// The path of an object below this folder.
    pub(crate) fn below<'a>(&self, object: &'a ObjectMeta) -> &'a str {
        let path = object.location.as_ref();
        path.strip_prefix(self.path.as_ref())
            .map_or(path, |below| below.strip_prefix('/').unwrap_or(below))
    }

    /// Begins to write an object that is there only once it is complete.
    pub(crate) fn writer(&self, below: &str) -> Result<BufWriter, StoreError> {
        let path = self.at(below)?;
        Ok(BufWriter::with_capacity(Arc::clone(&self.store), path, UPLOAD_PIECE_BYTES)
            .with_max_concurrency(UPLOADS_AT_ONCE))
    }

    /// Completes an object.
    pub(crate) async fn close(&self, below: &str, mut writer: BufWriter) -> Result<(), StoreError> {
        let closed = tokio::io::AsyncWriteExt::shutdown(&mut writer).await;
        closed.map_err(|error| StoreError::Failed {
            action: "write",
            uri: self.uri_of(below),
            why: error.to_string(),
        })
    }

    /// What went wrong with an object, in a sentence.
    pub(crate) fn failed(
        &self,
        action: &'static str,
        below: &str,
        error: &object_store::Error,
    ) -> StoreError {
        let uri = self.uri_of(below);
        match error {
            object_store::Error::AlreadyExists { .. } => StoreError::AlreadyExists(uri),
            object_store::Error::NotFound { .. } => StoreError::NotFound(uri),
            error => StoreError::Failed { action, uri, why: sentence(error) },
        }
    }
}

/// What a store's error comes down to.
fn sentence(error: &object_store::Error) -> String {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>()
            && io.raw_os_error().is_some()
        {
            return io.to_string();
        }
        cause = inner.source();
    }
    match error {
        object_store::Error::PermissionDenied { .. } => format!("access is denied: {error}"),
        object_store::Error::Unauthenticated { .. } => {
            format!("the store does not know who asks: {error}")
        }
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
