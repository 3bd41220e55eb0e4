//! Times and fractions as they are read and printed.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use proffer_core::time::{Span, Time};
use serde::{Serialize, Serializer};

/// No time is longer: about 31 years.
const MOST_SECONDS: u64 = 1_000_000_000;

/// A length of time, read and written in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seconds(Span);

/// Text that is not a time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not a number of seconds between 0 and {MOST_SECONDS} with at most three decimals, \
     such as 90 or 1.5"
)]
pub(super) struct InvalidSeconds(String);

/// A part of a whole, kept in billionths, printed in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fraction(u64);

/// A number that is not negative, kept in thousandths, printed without needless zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Decimal(u64);

impl Seconds {
    /// From the beginning until a time.
    pub(super) fn until(time: Time) -> Self {
        Self(time.since(Time::ZERO))
    }

    pub(super) fn span(self) -> Span {
        self.0
    }
}

impl From<Span> for Seconds {
    fn from(span: Span) -> Self {
        Self(span)
    }
}

impl FromStr for Seconds {
    type Err = InvalidSeconds;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidSeconds(text.to_owned());
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(decimals) || decimals.len() > 3 {
            return Err(invalid());
        }
        let whole: u64 = whole.parse().map_err(|_| invalid())?;
        let thousandths: u64 = format!("{decimals:0<3}").parse().map_err(|_| invalid())?;
        if whole > MOST_SECONDS {
            return Err(invalid());
        }
        Ok(Self(Span::from_milliseconds(whole * 1000 + thousandths)))
    }
}

impl fmt::Display for Seconds {
    /// With one decimal, rounded half up.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.as_milliseconds().saturating_add(50) / 100;
        formatter.pad(&format!("{}.{}s", tenths / 10, tenths % 10))
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(decimal(self.0.as_milliseconds(), 1000))
    }
}

impl Decimal {
    pub(super) fn from_thousandths(thousandths: u64) -> Self {
        Self(thousandths)
    }
}

impl Fraction {
    /// One in billionths.
    const ONE: u128 = 1_000_000_000;

    /// `part` of `whole`; nothing of nothing is nothing.
    pub(super) fn new(part: i64, whole: i64) -> Self {
        let (part, whole) = (u128::try_from(part).unwrap_or(0), u128::try_from(whole).unwrap_or(0));
        let billionths = (part * Self::ONE).checked_div(whole).unwrap_or(0);
        Self(u64::try_from(billionths).unwrap_or(u64::MAX))
    }

    pub(super) fn from_billionths(billionths: u64) -> Self {
        Self(billionths)
    }

    pub(super) fn billionths(self) -> u64 {
        self.0
    }
}

impl<'a> Sum<&'a Fraction> for Fraction {
    fn sum<I: Iterator<Item = &'a Fraction>>(fractions: I) -> Self {
        Self(fractions.map(|fraction| fraction.0).fold(0, u64::saturating_add))
    }
}

impl fmt::Display for Fraction {
    /// In percent with one decimal, rounded half up.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.saturating_add(500_000) / 1_000_000;
        formatter.pad(&format!("{}.{}%", tenths / 10, tenths % 10))
    }
}

impl Serialize for Fraction {
    /// As a number between 0 and 1, with four decimals.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(decimal(self.0.saturating_add(50_000) / 100_000, 10_000))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1000, self.0 % 1000);
        let text = format!("{whole}.{rest:03}");
        formatter.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(decimal(self.0, 1000))
    }
}

/// A decimal number, for output only.
#[expect(clippy::cast_precision_loss, reason = "numbers this small are exact in 64 bits")]
fn decimal(number: u64, unit: u64) -> f64 {
    number as f64 / unit as f64
}
