//! Lines among those of Spark: on standard error, in the form of its log.

use jiff::Zoned;

/// Says something that people should know of.
pub(crate) fn warn(message: &str) {
    eprintln!("{} WARN libmesos: {message}", Zoned::now().strftime("%y/%m/%d %H:%M:%S"));
}

/// Says how things go.
pub(crate) fn info(message: &str) {
    eprintln!("{} INFO libmesos: {message}", Zoned::now().strftime("%y/%m/%d %H:%M:%S"));
}
