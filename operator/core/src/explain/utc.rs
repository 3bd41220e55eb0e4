//! Moments for people.

use std::fmt;

use crate::time::Time;

/// A moment, in milliseconds since 1970, written in whole seconds as RFC 3339 has it.
///
/// ```
/// # use proffer_core::explain::Utc;
/// # use proffer_core::time::Time;
/// assert_eq!(Utc(Time::from_milliseconds(951_827_696_789)).to_string(), "2000-02-29T12:34:56Z");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utc(pub Time);

impl fmt::Display for Utc {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_milliseconds() / 1000;
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        // Years from March on, in eras of 400 of them (Hinnant, "chrono-compatible low-level date
        // algorithms", civil_from_days).
        let days = days + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let march_month = (5 * day + 2) / 153;
        let day = day - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = era * 400 + year + u64::from(month <= 2);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests;
