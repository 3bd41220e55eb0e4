//! What a reader may see.

use crate::master::frameworks::Framework;

/// What a reader may see. [`super::Reading::frameworks`] and [`super::Reading::gone`] leave out the rest,
/// and everything that is told of frameworks, tasks and executors goes through these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Everything.
    All,
}

impl Sight {
    /// Whether a framework may be seen.
    pub(super) fn shows(self, _framework: &Framework) -> bool {
        match self {
            Self::All => true,
        }
    }
}
