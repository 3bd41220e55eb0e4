//! Partition ranges on the wire: the text that `proffer_core::ranges::Ranges` reads and writes.

use proffer_core::ranges::Ranges;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::Serializer;

pub(crate) fn serialize<S: Serializer>(ranges: &Ranges, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(ranges)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ranges, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}
