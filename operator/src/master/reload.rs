//! Files that may change while the master runs: credentials and certificates, as mounted Secrets do.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ring::digest::{SHA256, digest};

use super::budgets::Who;
use super::door::Door;
use super::tls::Tls;

/// How often files are looked at. They are small.
const PERIOD: Duration = Duration::from_secs(2);

/// Files as they were last seen.
struct Watched {
    files: Vec<PathBuf>,
    seen: Option<Vec<u8>>,
}

impl Watched {
    fn new(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { files: files.into_iter().collect(), seen: None }
    }

    /// Whether they have changed since this was last asked, as far as they can be read. The first time it
    /// is not known what they were before.
    async fn have_changed(&mut self) -> bool {
        let mut all = Vec::new();
        for file in &self.files {
            let read = tokio::fs::read(file).await.ok();
            all.extend(
                read.map(|bytes| digest(&SHA256, &bytes)).as_ref().map_or(&[][..], AsRef::as_ref),
            );
        }
        let has_changed = self.seen.as_ref() != Some(&all);
        self.seen = Some(all);
        has_changed
    }
}

/// Follows what changes, until the process ends.
pub(super) async fn follow(door: Arc<Door>, tls: Option<Arc<Tls>>) {
    let mut credentials = Watched::new(door.access.file().map(ToOwned::to_owned));
    let files = tls.iter().flat_map(|tls| tls.files());
    let mut certificates = Watched::new(files.map(ToOwned::to_owned));
    if credentials.files.is_empty() && certificates.files.is_empty() {
        return;
    }
    loop {
        if credentials.have_changed().await && !credentials.files.is_empty() {
            take_credentials(&door);
        }
        if let Some(tls) = &tls
            && certificates.have_changed().await
            && let Err(problem) = tls.reload()
        {
            tracing::warn!("{problem}; the certificate stays as it was");
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// Takes in changed credentials. Who is not as before, is heard only when it says anew who it is.
fn take_credentials(door: &Door) {
    match door.access.reload() {
        Ok(is_other) => door.slots.close(|who| match who {
            Who::Principal(name) => is_other(name),
            Who::SameUser | Who::Executors(_) | Who::Address(_) => false,
        }),
        Err(problem) => tracing::warn!("{problem}; principals stay as they were"),
    }
}

#[cfg(test)]
mod tests;
