//! The checks that compare what is kept up to date with what follows from scratch.

/// Returns an error, a sentence, unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}
pub(crate) use ensure;
