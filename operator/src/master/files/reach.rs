//! Which sandboxes somebody may look into.

use std::path::{Component, Path};

use axum::http::StatusCode;
use proffer_core::jobs::JobKey;

/// Which sandboxes somebody may look into.
#[derive(Clone, Debug)]
pub(in crate::master) enum Reach {
    /// All of them, and the folders that they are in.
    All,
    /// Those of one framework: its id, and the job that it is.
    Framework(String, JobKey),
}

impl Reach {
    /// Whether a path within the folder of all sandboxes may be looked at.
    pub(super) fn has(&self, inside: &Path) -> bool {
        match self {
            Self::All => true,
            Self::Framework(id, _) => framework_of(inside) == Some(id),
        }
    }
}

/// The framework whose sandboxes a path is in, by where Mesos has them. What goes back up is in none.
pub(super) fn framework_of(inside: &Path) -> Option<&str> {
    let name = |part: Component<'_>| matches!(part, Component::Normal(_));
    if !inside.components().all(name) {
        return None;
    }
    let names: Vec<&str> =
        inside.components().map(|part| part.as_os_str().to_str()).collect::<Option<_>>()?;
    match *names.as_slice() {
        ["slaves", _, "frameworks", framework, ..] => Some(framework),
        _ => None,
    }
}

/// What is said of sandboxes of others.
pub(in crate::master) fn out_of_reach(path: &str) -> (StatusCode, String) {
    let message = format!(
        "'{path}' is in no sandbox that the principal may look into: it sees those of its own \
         frameworks, of frameworks in its roles, and all with the right access_sandboxes"
    );
    (StatusCode::FORBIDDEN, message)
}
