//! How long something may take, as people write it.

use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;

/// A time such as `90s`, `5m` or `1h30m`; a number alone is seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Timeout(pub(in crate::cli) Duration);

impl FromStr for Timeout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(seconds) = text.parse() {
            return Ok(Self(Duration::from_secs(seconds)));
        }
        let duration = text.parse::<SignedDuration>().ok();
        let duration = duration.and_then(|duration| Duration::try_from(duration).ok());
        duration.map(Self).ok_or_else(|| "not a time such as 90s, 5m or 1h30m".to_owned())
    }
}
