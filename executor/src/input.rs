//! What a stage's tasks read: which bytes there are, and each partition's share of them.

mod feed;
mod listing;
mod pattern;
mod split;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use proffer_crds::SparkJob;
use proffer_crds::job::{Input, Stage};
use tokio::sync::OnceCell;

use crate::failure::{Failure, Reason};
use crate::store::{Folder, StoreError, Stores};
use listing::{Listing, Wanted};

/// All that the tasks of one stage read, the same for every attempt.
#[derive(Debug)]
struct Plan {
    pieces: Vec<Piece>,
    /// For each piece, the sum of its size and those before it, in bytes.
    ends: Vec<u64>,
    /// Where the files are.
    store: Option<Folder>,
    /// Whether a partition's last line gets a line feed when it has none.
    ends_lines: bool,
}

/// One of the texts that stand one after another.
#[derive(Debug)]
enum Piece {
    Text(Bytes),
    File(listing::File),
}

impl Piece {
    fn size(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::File(file) => file.size,
        }
    }
}

/// What one task reads.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    plan: Arc<Plan>,
    bytes: Range<u64>,
}

/// The inputs of the stages that this executor works on.
#[derive(Debug, Default)]
pub(crate) struct Inputs(Mutex<HashMap<String, Arc<OnceCell<Arc<Plan>>>>>);

impl Inputs {
    /// What a partition of a stage reads; `None` when the stage has no input.
    pub(crate) async fn share(
        &self,
        job: &SparkJob,
        stage: &Stage,
        partition: u32,
        stores: &Stores,
        work: Option<&Folder>,
    ) -> Result<Option<Share>, Failure> {
        let Some(input) = &stage.input else {
            return Ok(None);
        };
        let cell = Arc::clone(
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(stage.name.clone())
                .or_default(),
        );
        let plan = cell
            .get_or_try_init(|| async {
                Plan::of(job, stage, input, stores, work).await.map(Arc::new)
            })
            .await?;
        let total = plan.ends.last().copied().unwrap_or(0);
        let partitions = u32::try_from(stage.task_count()).unwrap_or(1);
        let bytes = split::share(total, partition, partitions);
        Ok(Some(Share { plan: Arc::clone(plan), bytes }))
    }
}

impl Plan {
    async fn of(
        job: &SparkJob,
        stage: &Stage,
        input: &Input,
        stores: &Stores,
        work: Option<&Folder>,
    ) -> Result<Self, Failure> {
        if let Some(text) = &input.text {
            return Ok(Self::new(vec![Piece::Text(Bytes::from(text.clone()))], None, false));
        }
        if let Some(uri) = &input.uri {
            let pattern = pattern::Pattern::parse(uri)
                .map_err(|error| Failure::lasting(Reason::InputFailed, error.to_string()))?;
            let folder = stores.resolve(work, pattern.folder()).map_err(lasting)?;
            let wanted = Wanted::Matching { pattern: &pattern, written: uri };
            let listing = listing::agreed(job, stage, work, &folder, &wanted).await?;
            return Ok(Self::of_files(listing, &folder));
        }
        let Some(name) = &input.stage else {
            return Err(Failure::lasting(
                Reason::InputFailed,
                format!("the input of stage {} has neither text nor uri nor stage", stage.name),
            ));
        };
        let Some(earlier) = job.spec.stages.iter().find(|stage| stage.name == *name) else {
            return Err(Failure::lasting(
                Reason::InputFailed,
                format!("the input of stage {} is stage {name}, which the job has not", stage.name),
            ));
        };
        if let Some(output) = &earlier.output {
            let uri = output.uri.as_deref().unwrap_or(&earlier.name);
            let folder = stores.resolve(work, uri).map_err(lasting)?;
            let wanted = Wanted::Parts { stage: name };
            let listing = listing::agreed(job, stage, work, &folder, &wanted).await?;
            return Ok(Self::of_files(listing, &folder));
        }
        Self::of_results(job, stage, earlier, work).await
    }

    /// The results of an earlier stage: those in the job's status, and of the others those that
    /// are stored.
    async fn of_results(
        job: &SparkJob,
        stage: &Stage,
        earlier: &Stage,
        work: Option<&Folder>,
    ) -> Result<Self, Failure> {
        let tasks = u32::try_from(earlier.task_count()).unwrap_or(0);
        let status = job
            .status
            .as_ref()
            .and_then(|status| status.stages.iter().find(|status| status.name == earlier.name));
        let stored = match (work, status) {
            // All are in the status.
            (Some(_), Some(status)) if status.results.len() == tasks as usize => None,
            (Some(work), _) => {
                let folder = crate::results::folder(work, job, &earlier.name).map_err(lasting)?;
                let wanted = Wanted::Results;
                Some((listing::agreed(job, stage, Some(work), &folder, &wanted).await?, folder))
            }
            (None, _) => None,
        };
        let (files, folder) = stored.map_or_else(Default::default, |(listing, folder)| {
            let files = listing.files.into_iter();
            let by_name: HashMap<String, listing::File> = files
                .map(|file| (file.path.rsplit('/').next().unwrap_or_default().to_owned(), file))
                .collect();
            (by_name, Some(folder.root()))
        });
        let mut files = files;
        let mut pieces = Vec::new();
        let mut text = String::new();
        for partition in 0..tasks {
            let name = earlier.task_name(partition);
            if let Some(result) = status.and_then(|status| status.results.get(&name)) {
                text.push_str(result);
                text.push('\n');
            } else if let Some(file) = files.remove(&partition.to_string()) {
                if !text.is_empty() {
                    pieces.push(Piece::Text(Bytes::from(std::mem::take(&mut text))));
                }
                pieces.push(Piece::File(file));
            }
        }
        pieces.push(Piece::Text(Bytes::from(text)));
        Ok(Self::new(pieces, folder, true))
    }

    fn of_files(listing: Listing, folder: &Folder) -> Self {
        let pieces = listing.files.into_iter().map(Piece::File).collect();
        Self::new(pieces, Some(folder.root()), false)
    }

    fn new(pieces: Vec<Piece>, store: Option<Folder>, ends_lines: bool) -> Self {
        let ends = pieces
            .iter()
            .scan(0_u64, |sum, piece| {
                *sum = sum.saturating_add(piece.size());
                Some(*sum)
            })
            .collect();
        Self { pieces, ends, store, ends_lines }
    }
}

/// An input that no other attempt can read either.
fn lasting(error: impl Into<StoreError>) -> Failure {
    Failure::lasting(Reason::InputFailed, error.into().to_string())
}

#[cfg(test)]
mod tests;
