//! What is left of a node, and for whom.

use super::Node;
use crate::ids::PoolId;
use crate::ranges::Ranges;
use crate::resources::Resources;

impl Node {
    /// What is left, whoever may take it: neither held nor kept for claims. Nothing where the node
    /// shrank.
    pub(crate) fn left(&self) -> Resources {
        self.usable.above(&self.held.plus(&self.promised))
    }

    /// What would be left if all that is on its way out were gone; less than nothing where the node
    /// shrank.
    pub(in crate::nodes) fn left_later(&self) -> Resources {
        self.usable.minus(&self.held).plus(&self.leaving).minus(&self.promised)
    }

    /// What a pool, the last of `chain`, may take: what is left for executors, less what is kept for
    /// others; nothing where the node shrank under them.
    pub(in crate::nodes) fn free_for(&self, chain: &[PoolId]) -> Resources {
        let free = self.left();
        self.reserved.as_ref().map_or(free, |all| free.above(&all.kept_from(chain)))
    }

    /// What everyone may take, if the node is offered.
    pub(in crate::nodes) fn free_for_everyone(&self) -> Resources {
        if self.is_open() { self.free_for(&[]) } else { Resources::NONE }
    }

    /// What a pool could take if there were no executors.
    pub(in crate::nodes) fn usable_for(&self, chain: &[PoolId]) -> Resources {
        let kept = self.reserved.as_ref().map(|all| all.kept_from_when_empty(chain));
        kept.map_or(self.usable, |kept| self.usable.above(&kept))
    }

    /// What can be offered to a pool, given with all pools above it, and what of that is reserved.
    pub(crate) fn takeable(&self, chain: &[PoolId]) -> (Resources, Resources) {
        if !self.is_open() {
            return (Resources::NONE, Resources::NONE);
        }
        let left = self.free_for(chain);
        (left, left.minus(&self.free_for(&[])))
    }

    /// The most that a pool could be offered if all offers came back.
    pub(crate) fn ceiling(&self, chain: &[PoolId]) -> Resources {
        let free = self.usable.above(&self.held.plus(&self.promised).minus(&self.outstanding));
        self.reserved.as_ref().map_or(free, |all| free.above(&all.kept_from(chain)))
    }

    /// The most that could be offered if all offers came back.
    pub(in crate::nodes) fn most(&self) -> Resources {
        self.usable.minus(&self.held).minus(&self.promised).plus(&self.outstanding)
    }

    /// What counts in what all nodes have together.
    pub(in crate::nodes) fn counted(&self) -> Resources {
        if self.counted && !self.observed.silent { self.usable } else { Resources::NONE }
    }

    /// The ports that offers and tasks hold.
    pub(crate) fn ports_held(&self) -> &Ranges {
        &self.ports.held
    }

    /// The ports that can be offered.
    pub(crate) fn free_ports(&self) -> Ranges {
        let mut ports = self.observed.ports.clone();
        ports.remove_all(&self.ports.held);
        ports
    }

    /// The ports that could be offered if all offers came back.
    pub(crate) fn ceiling_ports(&self) -> Ranges {
        let mut ports = self.free_ports();
        ports.insert_all(&self.ports.outstanding);
        ports
    }

    /// The number of ports that tasks hold.
    pub(in crate::nodes) fn ports_of_tasks(&self) -> u64 {
        self.ports.held.len() - self.ports.outstanding.len()
    }
}
