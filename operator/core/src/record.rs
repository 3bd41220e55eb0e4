//! How events are written down, where their types do not say it themselves.

use serde::{Deserialize, Deserializer};

use crate::jobs::failure_reason;

/// A job's reason. Only that of a failed job is of use to an engine that takes it up.
pub(crate) fn read_reason<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'static str>, D::Error> {
    let word: Option<Box<str>> = Deserialize::deserialize(deserializer)?;
    Ok(word.as_deref().and_then(failure_reason))
}

/// Texts that several own. Serde has them only with a feature that all who use it would get.
pub(crate) mod shared_text {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        text: &Arc<str>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        (**text).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<str>, D::Error> {
        Box::<str>::deserialize(deserializer).map(Arc::from)
    }
}
