//! Since when something has been so without a break.

use super::{Span, Time};

/// Since when something has been so, if it is so now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lasting(Option<Time>);

impl Lasting {
    /// Takes in whether it is so now: then there is a grace period, after which it counts. Returns when
    /// that ends, if it has not.
    pub(crate) fn mark(&mut self, now: Time, grace: Option<Span>) -> Option<Time> {
        let Some(grace) = grace else {
            self.0 = None;
            return None;
        };
        let ripe = *self.0.get_or_insert(now) + grace;
        (ripe > now).then_some(ripe)
    }

    /// Whether it is so.
    pub(crate) fn is_so(self) -> bool {
        self.0.is_some()
    }

    /// Whether it has been so for as long as a grace period.
    pub(crate) fn is_ripe(self, now: Time, grace: Span) -> bool {
        self.0.is_some_and(|since| since + grace <= now)
    }
}

#[cfg(test)]
mod tests;
