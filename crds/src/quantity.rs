//! Exact Kubernetes quantities.
//!
//! Source: the documentation of `resource.Quantity` in the Kubernetes API: a signed decimal number
//! with a suffix (`n u m k M G T P E`, `Ki Mi Gi Ti Pi Ei`) or an exponent (`e3`), at most three
//! decimal places (finer values are rounded away from zero) and at most 2^63 - 1 in magnitude
//! (larger ones are capped).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// The pattern of valid quantities. Kubernetes prints one in its own CRDs that lets the exponent
/// have a fraction, which its parser then refuses; this one does not.
pub const PATTERN: &str =
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?[0-9]+))?$";

/// 2^63 - 1 in thousandths: no quantity is larger in magnitude.
const MAXIMUM_MILLI: u128 = i64::MAX as u128 * 1000;

/// More decimal places than this are not read in files, counted after the suffix was applied.
const MOST_DECIMAL_PLACES: i64 = 18;

/// Why a quantity is not one that files may have. Whoever evaluates rules on quantities computes with
/// 128 bits; what is within these bounds fits, and any two of them can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfBounds {
    /// It is above 2^63 - 1 in magnitude.
    #[error("too large; the most is {}, which is 8Ei less one", i64::MAX)]
    TooLarge,
    /// It has too many decimal places.
    #[error("written too finely; the most is {MOST_DECIMAL_PLACES} decimal places")]
    TooFine,
}

/// An exact number with the text it was written as.
///
/// Two quantities are equal when their values are, however they were written.
///
/// ```
/// # use proffer_crds::quantity::Quantity;
/// let memory: Quantity = "1.5Gi".parse()?;
/// assert_eq!(memory.units(), 1_610_612_736);
/// let cpu: Quantity = "0.1".parse()?;
/// assert_eq!(cpu.milli(), 100);
/// assert_eq!(cpu, "100m".parse()?);
/// # Ok::<(), proffer_crds::quantity::InvalidQuantity>(())
/// ```
#[derive(Clone, Debug)]
pub struct Quantity {
    milli: i128,
    text: Box<str>,
}

/// Text that is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a quantity such as 2, 500m, 0.5, 512Mi or 4Gi")]
pub struct InvalidQuantity(pub String);

impl Quantity {
    /// A number of thousandths, written as cores usually are: `2` or `500m`.
    pub fn from_milli(milli: i64) -> Self {
        let text = if milli % 1000 == 0 { (milli / 1000).to_string() } else { format!("{milli}m") };
        Self { milli: i128::from(milli), text: text.into() }
    }

    /// A number of bytes, written with the largest binary suffix that fits exactly.
    pub fn from_bytes(bytes: i64) -> Self {
        let suffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
        let mut number = bytes;
        let mut index = 0;
        while number != 0 && number % 1024 == 0 && index + 1 < suffixes.len() {
            number /= 1024;
            index += 1;
        }
        let text = format!("{number}{}", suffixes[index]);
        Self { milli: i128::from(bytes) * 1000, text: text.into() }
    }

    /// The value in thousandths, capped at the range of `i64`.
    pub fn milli(&self) -> i64 {
        let capped = self.milli.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        i64::try_from(capped).unwrap_or(i64::MAX)
    }

    /// The value in whole units, rounded up as Kubernetes' `Quantity.Value()` does.
    pub fn units(&self) -> i64 {
        let ceiling = self.milli.div_euclid(1000) + i128::from(self.milli.rem_euclid(1000) != 0);
        i64::try_from(ceiling).unwrap_or(if self.milli < 0 { i64::MIN } else { i64::MAX })
    }

    /// Whether the value is below zero.
    pub fn is_negative(&self) -> bool {
        self.milli < 0
    }

    /// The text that the quantity was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Quantity {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match parse(text) {
            Some(milli) => Ok(Self { milli, text: text.into() }),
            None => Err(InvalidQuantity(text.to_owned())),
        }
    }
}

/// A quantity taken apart: `0.digits × 10^point × multiplier`.
struct Parts {
    negative: bool,
    digits: Vec<u8>,
    point: i64,
    multiplier: u128,
}

impl Parts {
    fn of(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let number_end =
            unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(number_end);
        let (integer, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (integer.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        let (shift, multiplier) = scale(suffix)?;
        let digits = integer.bytes().chain(fraction.bytes()).map(|byte| byte - b'0').collect();
        let point = i64::try_from(integer.len()).ok()?.saturating_add(shift);
        Some(Self { negative, digits, point, multiplier })
    }

    /// The magnitude in thousandths, rounded up, saturating far above [`MAXIMUM_MILLI`].
    fn magnitude(&self) -> u128 {
        scaled(&self.digits, self.point, self.multiplier * 1000)
    }
}

/// The value of a quantity in thousandths.
fn parse(text: &str) -> Option<i128> {
    let parts = Parts::of(text)?;
    let magnitude = i128::try_from(parts.magnitude().min(MAXIMUM_MILLI)).ok()?;
    Some(if parts.negative { -magnitude } else { magnitude })
}

/// Whether a quantity is one that files may have. Clusters cap and round others without a word; text
/// that is no quantity at all is for others to refuse.
pub fn check_bounds(text: &str) -> Result<(), OutOfBounds> {
    let Some(parts) = Parts::of(text) else { return Ok(()) };
    let count = i64::try_from(parts.digits.len()).unwrap_or(i64::MAX);
    let decimal_places = count.saturating_sub(parts.point);
    // Nothing at all may have a large exponent, which is too large as well.
    if parts.magnitude() > MAXIMUM_MILLI || decimal_places < -MOST_DECIMAL_PLACES {
        Err(OutOfBounds::TooLarge)
    } else if decimal_places > MOST_DECIMAL_PLACES {
        Err(OutOfBounds::TooFine)
    } else {
        Ok(())
    }
}

/// What a suffix means: the decimal point moves this far to the right, and a factor.
fn scale(suffix: &str) -> Option<(i64, u128)> {
    Some(match suffix {
        "" => (0, 1),
        "n" => (-9, 1),
        "u" => (-6, 1),
        "m" => (-3, 1),
        "k" => (3, 1),
        "M" => (6, 1),
        "G" => (9, 1),
        "T" => (12, 1),
        "P" => (15, 1),
        "E" => (18, 1),
        "Ki" => (0, 1 << 10),
        "Mi" => (0, 1 << 20),
        "Gi" => (0, 1 << 30),
        "Ti" => (0, 1 << 40),
        "Pi" => (0, 1 << 50),
        "Ei" => (0, 1 << 60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            // An exponent beyond the range of i64 is as good as its end: the result is capped.
            let magnitude = digits.parse().unwrap_or(i64::MAX / 2).min(i64::MAX / 2);
            (if exponent.starts_with('-') { -magnitude } else { magnitude }, 1)
        }
    })
}

/// `0.digits × 10^point × factor`, rounded up, saturating far above [`MAXIMUM_MILLI`].
fn scaled(digits: &[u8], point: i64, factor: u128) -> u128 {
    let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let split = usize::try_from(point.clamp(0, count)).unwrap_or(0);
    let (integer, fraction) = digits.split_at(split);
    if digits.iter().all(|&digit| digit == 0) {
        return 0;
    }
    // Zeros between the last digit and the point.
    let trailing = (point - count).max(0);
    let mut whole: u128 = 0;
    for &digit in integer {
        whole = whole.saturating_mul(10).saturating_add(u128::from(digit));
    }
    for _ in 0..trailing.min(40) {
        whole = whole.saturating_mul(10);
    }
    // The fraction times the factor, from the last digit to the first; `carry` ends as its whole part.
    let mut carry: u128 = 0;
    let mut inexact = false;
    let mut step = |digit: u8| {
        let product = u128::from(digit) * factor + carry;
        inexact |= !product.is_multiple_of(10);
        carry = product / 10;
    };
    fraction.iter().rev().for_each(|&digit| step(digit));
    for _ in 0..(-point).clamp(0, 60) {
        step(0);
    }
    whole.saturating_mul(factor).saturating_add(carry).saturating_add(u128::from(inexact))
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.milli == other.milli
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.milli.cmp(&other.milli)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct QuantityVisitor;

        impl Visitor<'_> for QuantityVisitor {
            type Value = Quantity;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a quantity such as 2, \"500m\" or \"4Gi\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Quantity, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Quantity, E> {
                number.to_string().parse().map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Quantity, E> {
                number.to_string().parse().map_err(E::custom)
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Quantity, E> {
                number.to_string().parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(QuantityVisitor)
    }
}

impl JsonSchema for Quantity {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "pattern": PATTERN,
            "maxLength": 64,
        })
    }
}

#[cfg(test)]
mod tests;
