//! What of the amounts and weights of pools cannot be, or is not so yet: settings may be edited into
//! contradictions while jobs run. Nothing of this stops anything.

use super::Engine;
use crate::ids::PoolId;
use crate::pools::Pool;
use crate::resources::{Kind, Resources};
use crate::view::PoolProblem;

impl Engine {
    /// What about a pool's amounts and weight its owner should know.
    pub(super) fn amount_problems(&self, pool: &Pool) -> Vec<PoolProblem> {
        let mut problems = Vec::new();
        let mut add = |reason, message| problems.push(PoolProblem::new(reason, message));
        let settings = &pool.settings;
        let total = self.state.nodes.total();
        if let Some((amount, capacity)) = self.first_above(&settings.guarantee, total) {
            let message = format!(
                "the guarantee of {amount} is more than the cluster has, which is {capacity}; what \
                 there is is kept for the pool"
            );
            add("GuaranteeAboveCapacity", message);
        } else if pool.parent.is_none() && !settings.guarantee.is_none() {
            let roots = self.state.pools.iter().filter(|(_, pool)| pool.parent.is_none());
            let sum = roots.fold(Resources::NONE, |sum, (_, pool)| sum.plus(&self.required(pool)));
            if let Some((amount, capacity)) = self.first_above(&sum, total) {
                let message = format!(
                    "the guarantees of all pools are {amount} together, more than the cluster has, \
                     which is {capacity}; those who come first get theirs"
                );
                add("GuaranteesAboveCapacity", message);
            }
        }
        let children = self.children_required(pool);
        if let Some((amount, limit)) = self.first_above(&children, &settings.limit) {
            let message = format!(
                "the guarantees below the pool are {amount} together, more than its limit of {limit}; \
                 they cannot all be met"
            );
            add("GuaranteesAboveLimit", message);
        }
        if let Some((amount, limit)) = self.first_above(&pool.held, &settings.limit) {
            let message = format!(
                "the pool holds {amount}, more than its limit of {limit}; it gets nothing more, and \
                 what runs may end"
            );
            add("AboveLimit", message);
        }
        for name in &settings.uncounted {
            let message = crate::resources::TooManyKinds { name: name.to_string() }.to_string();
            add("TooManyResourceKinds", format!("{message}; its amounts here have no effect"));
        }
        if settings.weight == 0 && self.siblings(pool).all(|other| other.settings.weight == 0) {
            let message = "every pool beside it has a weight of 0, too: all share what there is \
                           equally, and none takes its share back";
            add("AllWeightsZero", message.to_owned());
        }
        problems
    }

    fn siblings<'a>(&'a self, pool: &'a Pool) -> impl Iterator<Item = &'a Pool> {
        let same = move |&(_, other): &(PoolId, &Pool)| other.parent == pool.parent;
        self.state.pools.iter().filter(same).map(|(_, other)| other)
    }

    /// What has to be free so that all guarantees of a subtree can be met.
    fn required(&self, pool: &Pool) -> Resources {
        pool.settings.guarantee.max_each(&self.children_required(pool))
    }

    fn children_required(&self, pool: &Pool) -> Resources {
        let children = pool.children.iter().filter_map(|&child| self.state.pools.get(child));
        children.fold(Resources::NONE, |sum, child| sum.plus(&self.required(child)))
    }

    /// The first kind of which `amounts` is above `bound`, both as people write them: `4 cpu`, `2`.
    fn first_above(&self, amounts: &Resources, bound: &Resources) -> Option<(String, String)> {
        let kinds = &self.state.kinds;
        let above = |&(kind, amount): &(Kind, i64)| amount > bound[kind];
        let (kind, amount) = amounts.iter().find(above)?;
        let amount = format!("{} {}", kinds.display(kind, amount), kinds.name(kind));
        Some((amount, kinds.display(kind, bound[kind]).to_string()))
    }
}
