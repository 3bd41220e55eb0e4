//! Streaming a share into a task.

use std::io::{self, Write};
use std::ops::Range;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use futures::TryStreamExt;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::{GetOptions, GetRange, GetResult, GetResultPayload};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::listing::File;
use super::split::{self, Cutter, Part};
use super::{Piece, Share};
use crate::failure::{Failure, Reason};
use crate::store::{Folder, StoreError};

/// How much is read from a local file at once, in bytes.
const READ_BYTES: usize = 128 * 1024;

/// How much further is read at first to find the end of a part's last line, in bytes. It doubles
/// up to [`LOOK_LIMIT_BYTES`].
const LOOK_BYTES: u64 = 64 * 1024;

/// The most that is asked for at once to find the end of a line, in bytes.
const LOOK_LIMIT_BYTES: u64 = 8 * 1024 * 1024;

/// How much compressed data is unpacked at once, in bytes: gzip grows it at most about 1000 times.
const UNPACK_BYTES: usize = 4096;

/// Why feeding ended early.
enum Stop {
    /// The task reads no further, which is its right.
    NotRead,
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Share {
    /// Writes the share to a task's standard input. A task that stops reading is no failure.
    pub(crate) async fn feed(self, task: impl AsyncWrite + Unpin) -> Result<(), Failure> {
        let mut sink = Sink { task, last: None, begins_piece: false };
        match self.feed_pieces(&mut sink).await {
            Ok(()) | Err(Stop::NotRead) => Ok(()),
            Err(Stop::Failed(failure)) => Err(failure),
        }
    }

    async fn feed_pieces<W: AsyncWrite + Unpin>(&self, sink: &mut Sink<W>) -> Result<(), Stop> {
        for part in split::parts(&self.plan.ends, &self.bytes) {
            sink.begins_piece = true;
            match (&self.plan.pieces[part.file], &self.plan.store) {
                (Piece::Text(text), _) => {
                    let mut cutter = Cutter::new(&part.bytes);
                    let from = usize::try_from(cutter.reads_from()).unwrap_or(usize::MAX);
                    sink.write(cutter.feed(text.get(from..).unwrap_or_default())).await?;
                }
                (Piece::File(file), Some(store)) if is_packed(&file.path) => {
                    if part.bytes.start == 0 {
                        feed_packed(store, file, sink).await?;
                    }
                }
                (Piece::File(file), Some(store)) => feed_part(store, file, &part, sink).await?,
                (Piece::File(_), None) => {}
            }
        }
        if self.plan.ends_lines {
            sink.end_line().await?;
        }
        sink.task.flush().await.or_else(|error| unless_unread(&error))
    }
}

/// Whether a file is unpacked, and therefore never split.
fn is_packed(path: &str) -> bool {
    path.strip_suffix(".gz").is_some()
}

async fn feed_part<W: AsyncWrite + Unpin>(
    store: &Folder,
    file: &File,
    part: &Part,
    sink: &mut Sink<W>,
) -> Result<(), Stop> {
    let mut cutter = Cutter::new(&part.bytes);
    let mut window = cutter.reads_from()..part.bytes.end;
    let mut look_bytes = LOOK_BYTES;
    while !window.is_empty() {
        let mut chunks = open(store, file, Some(window.clone())).await?;
        while let Some(chunk) = next(store, file, &mut chunks).await? {
            sink.write(cutter.feed(&chunk)).await?;
            if cutter.is_done() {
                return Ok(());
            }
        }
        if cutter.reads_from() < window.end {
            return Err(changed(store, file).into());
        }
        window = window.end..file.size.min(window.end.saturating_add(look_bytes));
        look_bytes = LOOK_LIMIT_BYTES.min(look_bytes * 2);
    }
    Ok(())
}

async fn feed_packed<W: AsyncWrite + Unpin>(
    store: &Folder,
    file: &File,
    sink: &mut Sink<W>,
) -> Result<(), Stop> {
    let damaged = |error: io::Error| {
        let uri = store.uri_of(&file.path);
        let message = format!(
            "{uri} cannot be unpacked: {error}; files whose names end in .gz are taken to be gzip"
        );
        Stop::Failed(Failure::lasting(Reason::InputFailed, message))
    };
    let mut unpacker = MultiGzDecoder::new(Vec::new());
    let mut chunks = open(store, file, None).await?;
    while let Some(chunk) = next(store, file, &mut chunks).await? {
        for packed in chunk.chunks(UNPACK_BYTES) {
            unpacker.write_all(packed).map_err(damaged)?;
            sink.write(unpacker.get_ref()).await?;
            unpacker.get_mut().clear();
        }
    }
    let rest = unpacker.finish().map_err(damaged)?;
    sink.write(&rest).await
}

/// Opens a file, or a range of it, as it was when it was listed.
async fn open(
    store: &Folder,
    file: &File,
    range: Option<Range<u64>>,
) -> Result<BoxStream<'static, object_store::Result<Bytes>>, Failure> {
    let options = GetOptions {
        if_match: file.tag.clone(),
        range: range.map(GetRange::Bounded),
        ..GetOptions::default()
    };
    let opened = store.get(&file.path, options).await.map_err(|error| match error {
        StoreError::Changed(_) => changed(store, file),
        StoreError::NotFound(_) => Failure::lasting(
            Reason::InputFailed,
            format!("{} is gone since it was listed", store.uri_of(&file.path)),
        ),
        error => Failure::new(Reason::InputFailed, error.to_string()),
    })?;
    if opened.meta.size != file.size {
        return Err(changed(store, file));
    }
    Ok(chunks(opened))
}

fn changed(store: &Folder, file: &File) -> Failure {
    let message = format!(
        "{} has changed since it was listed: files may not change while a job reads them",
        store.uri_of(&file.path)
    );
    Failure::lasting(Reason::InputFailed, message)
}

async fn next(
    store: &Folder,
    file: &File,
    chunks: &mut BoxStream<'static, object_store::Result<Bytes>>,
) -> Result<Option<Bytes>, Failure> {
    chunks.try_next().await.map_err(|error| {
        Failure::new(Reason::InputFailed, store.failed("read", &file.path, &error).to_string())
    })
}

/// The bytes that were opened. Local files are read in larger chunks than the store would.
fn chunks(opened: GetResult) -> BoxStream<'static, object_store::Result<Bytes>> {
    match opened.payload {
        GetResultPayload::Stream(stream) => stream,
        GetResultPayload::File(mut file, _) => {
            let Range { start, end } = opened.range;
            if let Err(error) = io::Seek::seek(&mut file, io::SeekFrom::Start(start)) {
                return stream::once(async { Err(unread(error)) }).boxed();
            }
            let mut file = tokio::fs::File::from_std(file);
            file.set_max_buf_size(READ_BYTES);
            stream::try_unfold((file, end - start), read_chunk).boxed()
        }
    }
}

/// Reads the next of `left` bytes.
async fn read_chunk(
    (mut file, left): (tokio::fs::File, u64),
) -> object_store::Result<Option<(Bytes, (tokio::fs::File, u64))>> {
    let wanted = usize::try_from(left).unwrap_or(READ_BYTES).min(READ_BYTES);
    let mut chunk = Vec::with_capacity(wanted);
    (&mut file).take(wanted as u64).read_buf(&mut chunk).await.map_err(unread)?;
    if chunk.is_empty() {
        return Ok(None);
    }
    let left = left - chunk.len() as u64;
    Ok(Some((Bytes::from(chunk), (file, left))))
}

fn unread(error: io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(error) }
}

/// A task's standard input.
struct Sink<W> {
    task: W,
    /// The last byte that was written.
    last: Option<u8>,
    /// Whether what comes next is the beginning of another piece.
    begins_piece: bool,
}

impl<W: AsyncWrite + Unpin> Sink<W> {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let Some(&last) = bytes.last() else {
            return Ok(());
        };
        if std::mem::take(&mut self.begins_piece) {
            self.end_line().await?;
        }
        self.last = Some(last);
        self.task.write_all(bytes).await.or_else(|error| unless_unread(&error))
    }

    /// Ends the line that was written last, if it has no end.
    async fn end_line(&mut self) -> Result<(), Stop> {
        if self.last.is_some_and(|last| last != b'\n') {
            self.last = Some(b'\n');
            self.task.write_all(b"\n").await.or_else(|error| unless_unread(&error))?;
        }
        Ok(())
    }
}

fn unless_unread(error: &io::Error) -> Result<(), Stop> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Err(Stop::NotRead);
    }
    let message = format!("cannot write to the task's standard input: {error}");
    Err(Stop::Failed(Failure::new(Reason::InputFailed, message)))
}
