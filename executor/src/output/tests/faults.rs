//! A store whose user dies.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What becomes of the user of a store.
#[derive(Debug)]
pub(super) struct Life {
    /// How many operations are carried out. The last one's answer is not heard.
    operations: usize,
    /// Which operations wait a moment, one a bit.
    pauses: AtomicU64,
    create: Create,
    /// How many reads come so early that there is nothing yet.
    early_reads: AtomicUsize,
}

#[derive(Debug, PartialEq, Eq)]
enum Create {
    Heeded,
    Ignored,
    Refused,
}

impl Life {
    pub(super) fn of(operations: usize) -> Self {
        let (pauses, early_reads) = (AtomicU64::new(0), AtomicUsize::new(0));
        Self { operations, pauses, create: Create::Heeded, early_reads }
    }

    pub(super) fn with_pauses(self, pauses: u64) -> Self {
        Self { pauses: AtomicU64::new(pauses), ..self }
    }

    pub(super) fn with_early_reads(reads: usize) -> Self {
        Self { early_reads: AtomicUsize::new(reads), ..Self::of(usize::MAX) }
    }

    pub(super) fn without_create() -> Self {
        Self { create: Create::Refused, ..Self::of(usize::MAX) }
    }

    pub(super) fn with_create_ignored() -> Self {
        Self { create: Create::Ignored, ..Self::of(usize::MAX) }
    }
}

#[derive(Debug)]
pub(super) struct Faulty {
    inner: Arc<dyn ObjectStore>,
    life: Life,
    done: AtomicUsize,
}

impl fmt::Display for Faulty {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Faulty")
    }
}

fn dead() -> Error {
    Error::Generic { store: "Faulty", source: "died".into() }
}

impl Faulty {
    pub(super) fn new(inner: Arc<dyn ObjectStore>, life: Life) -> Self {
        Self { inner, life, done: AtomicUsize::new(0) }
    }

    pub(super) fn operations(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    async fn operation<T>(&self, operation: impl Future<Output = Result<T>>) -> Result<T> {
        let pauses = self.life.pauses.load(Ordering::Relaxed);
        self.life.pauses.store(pauses.rotate_right(1), Ordering::Relaxed);
        if pauses & 1 == 1 {
            tokio::task::yield_now().await;
        }
        let number = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if number > self.life.operations {
            return Err(dead());
        }
        let done = operation.await;
        if number == self.life.operations { Err(dead()) } else { done }
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        if options.mode == PutMode::Create {
            match self.life.create {
                Create::Heeded => {}
                Create::Ignored => options.mode = PutMode::Overwrite,
                Create::Refused => {
                    return Err(Error::NotImplemented {
                        operation: "create".to_owned(),
                        implementer: self.to_string(),
                    });
                }
            }
        }
        self.operation(self.inner.put_opts(location, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.operation(self.inner.put_multipart_opts(location, options)).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let early = &self.life.early_reads;
        let less = |left: usize| left.checked_sub(1);
        if early.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok() {
            let source = "it comes a moment later".into();
            return Err(Error::NotFound { path: location.to_string(), source });
        }
        self.operation(self.inner.get_opts(location, options)).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let number = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if number > self.life.operations {
            return futures::stream::once(async { Err(dead()) }).boxed();
        }
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.done.fetch_add(1, Ordering::Relaxed) + 1 > self.life.operations {
            return futures::stream::once(async { Err(dead()) }).boxed();
        }
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.operation(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.operation(self.inner.copy_opts(from, to, options)).await
    }
}
