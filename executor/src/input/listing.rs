//! The files that a stage reads: listed by whoever comes first, and kept so for all others.

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::ObjectMeta;
use proffer_crds::SparkJob;
use proffer_crds::job::Stage;
use serde::{Deserialize, Serialize};

use super::pattern::Pattern;
use crate::failure::{Failure, Reason};
use crate::store::{Folder, StoreError};

/// The files that a stage reads, in the order in which they are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listing {
    /// The files.
    pub(super) files: Vec<File>,
}

/// A file as it was when it was listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct File {
    /// Its path from the root of its store.
    pub(super) path: String,
    /// Its size, in bytes.
    pub(super) size: u64,
    /// What the store calls this version of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tag: Option<String>,
}

/// Which of a folder's files a stage reads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'a> {
    /// Those that match a pattern, by name; at least one has to.
    Matching {
        /// The pattern.
        pattern: &'a Pattern,
        /// The pattern as the user wrote it.
        written: &'a str,
    },
    /// The parts of an earlier stage's output, by number.
    Parts {
        /// The earlier stage.
        stage: &'a str,
    },
    /// The results of an earlier stage, by number.
    Results,
}

/// The files that all attempts of the job at `stage` read: the listing that was recorded first.
pub(super) async fn agreed(
    job: &SparkJob,
    stage: &Stage,
    work: Option<&Folder>,
    folder: &Folder,
    wanted: &Wanted<'_>,
) -> Result<Listing, Failure> {
    let Some(work) = work else {
        return Err(Failure::lasting(
            Reason::InputFailed,
            format!(
                "the files that stage {} reads are recorded under the job's work URI, but the job \
                 has none: set spec.workURI, such as file:///mnt/work or s3://bucket/path",
                stage.name
            ),
        ));
    };
    let uid = job.metadata.uid.as_deref().unwrap_or_default();
    let record = format!("_proffer/{uid}/inputs/{}.json", stage.name);
    match work.read(&record).await {
        Ok(bytes) => return parse(work, &record, &bytes),
        Err(StoreError::NotFound(_)) => {}
        Err(error) => return Err(passing(&error)),
    }
    let listing = list(folder, wanted).await?;
    let bytes = serde_json::to_vec(&listing)
        .map_err(|error| Failure::new(Reason::InputFailed, error.to_string()))?;
    match work.create(&record, Bytes::from(bytes)).await {
        Ok(()) => Ok(listing),
        Err(StoreError::AlreadyExists(_)) => {
            let bytes = work.read(&record).await.map_err(|error| passing(&error))?;
            parse(work, &record, &bytes)
        }
        Err(error @ StoreError::NoCreate(_)) => {
            Err(Failure::lasting(Reason::Rejected, error.to_string()))
        }
        Err(error) => Err(passing(&error)),
    }
}

fn parse(work: &Folder, record: &str, bytes: &[u8]) -> Result<Listing, Failure> {
    serde_json::from_slice(bytes).map_err(|error| {
        let uri = work.uri_of(record);
        let message = format!("{uri}, which lists the files to read, is damaged: {error}");
        Failure::lasting(Reason::InputFailed, message)
    })
}

/// Lists what is there now.
async fn list(folder: &Folder, wanted: &Wanted<'_>) -> Result<Listing, Failure> {
    let mut found: Vec<(u64, File)> = Vec::new();
    if let Wanted::Matching { pattern, .. } = wanted
        && let Some(name) = pattern.literal()
    {
        // One file needs no listing of the others beside it.
        let object = folder.head(name).await.map_err(|error| passing(&error))?;
        let found = object.map(|object| (0, File::of(object)));
        return in_order(found.into_iter().collect(), folder, wanted);
    }
    let mut objects = folder.list();
    while let Some(object) = objects.try_next().await.map_err(|error| passing(&error))? {
        if let Some(order) = wanted.place(folder.below(&object)) {
            found.push((order, File::of(object)));
        }
    }
    in_order(found, folder, wanted)
}

/// Puts files into the order in which they are read, unless there is none where one has to be.
fn in_order(
    mut found: Vec<(u64, File)>,
    folder: &Folder,
    wanted: &Wanted<'_>,
) -> Result<Listing, Failure> {
    found.sort_unstable_by(|(order, file), (other_order, other)| {
        (order, &file.path).cmp(&(other_order, &other.path))
    });
    match wanted {
        Wanted::Matching { written, .. } if found.is_empty() => {
            let hint = if written.ends_with('*') {
                ""
            } else {
                "; the files of a folder match as folder/*"
            };
            let message = format!("no file matches \"{written}\" in {}{hint}", folder.uri());
            return Err(Failure::lasting(Reason::InputFailed, message));
        }
        Wanted::Parts { stage } if found.is_empty() => {
            let uri = folder.uri();
            let message = format!("the output of stage {stage} is gone: no part is in {uri}");
            return Err(Failure::lasting(Reason::InputFailed, message));
        }
        _ => {}
    }
    Ok(Listing { files: found.into_iter().map(|(_, file)| file).collect() })
}

impl File {
    fn of(object: ObjectMeta) -> Self {
        Self { path: object.location.to_string(), size: object.size, tag: object.e_tag }
    }
}

impl Wanted<'_> {
    /// Whether a file is wanted, and where it stands among those that are.
    fn place(&self, below: &str) -> Option<u64> {
        match self {
            Self::Matching { pattern, .. } => pattern.matches(below).then_some(0),
            Self::Parts { .. } => number(below.strip_prefix("part-")?),
            Self::Results => number(below),
        }
    }
}

fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

fn passing(error: &StoreError) -> Failure {
    Failure::new(Reason::InputFailed, error.to_string())
}
