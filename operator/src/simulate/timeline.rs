//! What the jobs of each pool held, and when.

use proffer_core::time::{Span, Time};

use super::units::Fraction;

/// An amount of cpu, in thousandths, and of memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amounts {
    /// In thousandths.
    pub(super) cpu: i64,
    /// In bytes.
    pub(super) memory: i64,
}

/// What each pool holds from one moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    at: Time,
    held: Vec<Amounts>,
}

/// What each pool holds over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Timeline {
    /// Ordered by time.
    steps: Vec<Step>,
}

impl Amounts {
    /// The cpu and memory among the engine's named amounts.
    pub(super) fn named(amounts: &[(Box<str>, i64)]) -> Self {
        let of = |wanted: &str| {
            amounts.iter().find(|(name, _)| &**name == wanted).map_or(0, |&(_, amount)| amount)
        };
        Self { cpu: of("cpu"), memory: of("memory") }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_add(other.cpu),
            memory: self.memory.saturating_add(other.memory),
        }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(other.cpu),
            memory: self.memory.saturating_sub(other.memory),
        }
    }

    /// Whether there is no more of anything than in `other`.
    pub(super) fn fits_in(self, other: Self) -> bool {
        self.cpu <= other.cpu && self.memory <= other.memory
    }

    /// The part of all cpu.
    pub(super) fn cpu_share(self, total: Self) -> Fraction {
        Fraction::new(self.cpu, total.cpu)
    }

    /// The part of all memory.
    pub(super) fn memory_share(self, total: Self) -> Fraction {
        Fraction::new(self.memory, total.memory)
    }

    /// The larger of both shares.
    pub(super) fn dominant_share(self, total: Self) -> Fraction {
        self.cpu_share(total).max(self.memory_share(total))
    }
}

impl Timeline {
    /// Notes what each pool holds from `at` on; `at` is no earlier than that of the note before.
    pub(super) fn note(&mut self, at: Time, held: &[Amounts]) {
        match self.steps.last_mut() {
            Some(last) if last.held == held => {}
            Some(last) if last.at == at => held.clone_into(&mut last.held),
            _ => self.steps.push(Step { at, held: held.to_vec() }),
        }
    }

    /// The means over time of each pool's share, in `count` equal parts of the time between `from`
    /// and `to`: for each part one mean for each of the `pools`.
    pub(super) fn means(
        &self,
        (from, to): (Time, Time),
        count: u32,
        pools: usize,
        share: impl Fn(Amounts) -> Fraction,
    ) -> Vec<Vec<Fraction>> {
        let edge = |part: u32| {
            let whole = u128::from(to.since(from).as_milliseconds());
            let offset = whole * u128::from(part) / u128::from(count);
            from + Span::from_milliseconds(u64::try_from(offset).unwrap_or(0))
        };
        let mean = |sum: u128, length: u128| {
            let billionths = (sum + length / 2).checked_div(length).unwrap_or(0);
            Fraction::from_billionths(u64::try_from(billionths).unwrap_or(u64::MAX))
        };
        let mut means = Vec::new();
        for part in 0..count {
            let (start, end) = (edge(part), edge(part + 1));
            let mut sums = vec![0_u128; pools];
            // From the step that holds at the start of the part.
            let first = self.steps.partition_point(|step| step.at <= start).saturating_sub(1);
            let steps = self.steps[first..].iter().take_while(|step| step.at < end);
            for (index, step) in (first..).zip(steps) {
                let next = self.steps.get(index + 1).map_or(end, |step| step.at.min(end));
                let length = u128::from(next.since(step.at.max(start)).as_milliseconds());
                for (sum, &held) in sums.iter_mut().zip(&step.held) {
                    *sum += u128::from(share(held).billionths()) * length;
                }
            }
            let length = u128::from(end.since(start).as_milliseconds());
            means.push(sums.into_iter().map(|sum| mean(sum, length)).collect());
        }
        means
    }
}

#[cfg(test)]
mod tests;
