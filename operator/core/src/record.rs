//! How events are written down, where their types do not say it themselves.

use serde::{Deserialize, Deserializer};

use crate::reasons::{Reason, failure_reason};

/// A job's reason. Only that of a failed job is of use to an engine that takes it up.
pub(crate) fn read_reason<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Reason>, D::Error> {
    let word: Option<Box<str>> = Deserialize::deserialize(deserializer)?;
    Ok(word.as_deref().and_then(failure_reason))
}
