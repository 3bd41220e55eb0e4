//! Who is first among many, when one of them changes at a time.
//!
//! A knock-out tree: every place above the members holds the better of the two below it. Changing a
//! member costs the height of the tree, and often less. The trees of many groups lie in one vector,
//! so that a round starts with one allocation.

/// Stands for a place without anybody.
const NOBODY: u32 = u32::MAX;

/// Groups of members; each group has a first.
#[derive(Clone, Debug, Default)]
pub(super) struct Tournaments {
    /// For a group of `n` members `2n` places from `2 * start` on: the root is at 1, the members
    /// are from `n` on.
    places: Vec<u32>,
}

/// The members of a group: those at `start..start + len` of some list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) start: u32,
    pub(super) len: u32,
}

impl Tournaments {
    /// Groups in which nobody takes part yet; `members` is the length of all groups together.
    pub(super) fn new(members: usize) -> Self {
        Self { places: vec![NOBODY; 2 * members] }
    }

    /// The first of a group.
    pub(super) fn first(&self, group: Group) -> Option<u32> {
        if group.len == 0 {
            return None;
        }
        Some(self.places[2 * group.start as usize + 1]).filter(|&first| first != NOBODY)
    }

    /// Takes in that the member in a slot of a group is now this one, or does not take part.
    /// `before` says whether one member comes before another.
    pub(super) fn set(
        &mut self,
        group: Group,
        slot: u32,
        member: Option<u32>,
        before: impl Fn(u32, u32) -> bool,
    ) {
        let start = 2 * group.start as usize;
        let places = &mut self.places[start..start + 2 * group.len as usize];
        let mut place = (group.len + slot) as usize;
        let member = member.unwrap_or(NOBODY);
        places[place] = member;
        while place > 1 {
            place /= 2;
            let (left, right) = (places[2 * place], places[2 * place + 1]);
            let better = match (left, right) {
                (NOBODY, other) | (other, NOBODY) => other,
                (left, right) if before(right, left) => right,
                (left, _) => left,
            };
            let previous = std::mem::replace(&mut places[place], better);
            // Where neither what was here nor what is here is the one that changed, nothing above
            // changes either.
            if previous == better && better != member {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
