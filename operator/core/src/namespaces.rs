//! Which namespaces may use which pools.
//!
//! A pool that names namespaces claims them: only they may use it. A pool that names none has the
//! claim of the pool above it; one that names some has these instead. A namespace that some pool
//! claims may use only pools that claim it; all others may use the pools without a claim, such as
//! `default`.

use std::collections::{BTreeMap, BTreeSet};

/// How many pools a sentence names before it only counts them.
const NAMED_POOLS: usize = 8;

/// The claims of all pools.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// The namespaces that each pool serves; nothing for those that nobody claims.
    by_pool: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
    claimed: BTreeSet<Box<str>>,
}

impl Claims {
    /// The claims of pools, each with the namespaces that it names itself.
    pub fn new<'a>(pools: impl IntoIterator<Item = (&'a str, &'a [Box<str>])>) -> Self {
        let own: BTreeMap<&str, &[Box<str>]> = pools.into_iter().collect();
        let mut claims = Self::default();
        for (&pool, namespaces) in &own {
            let mut above = pool;
            let mut nearest = *namespaces;
            while nearest.is_empty()
                && let Some((parent, _)) = above.rsplit_once('.')
            {
                above = parent;
                nearest = own.get(parent).copied().unwrap_or_default();
            }
            claims.claimed.extend(namespaces.iter().cloned());
            claims.by_pool.insert(pool.into(), nearest.iter().cloned().collect());
        }
        claims
    }

    /// Whether jobs of a namespace may use a pool. What is not known as a pool serves nobody.
    pub fn may_use(&self, namespace: &str, pool: &str) -> bool {
        let is_claimed = self.claimed.contains(namespace);
        let serves = |served: &BTreeSet<Box<str>>| {
            if is_claimed { served.contains(namespace) } else { served.is_empty() }
        };
        self.by_pool.get(pool).is_some_and(serves)
    }

    /// Why jobs of a namespace may not use a pool.
    pub fn check(&self, namespace: &str, pool: &str) -> Result<(), String> {
        if self.may_use(namespace, pool) {
            return Ok(());
        }
        let usable = self.usable_by(namespace);
        Err(format!("namespace {namespace} may not use pool {pool}; it may use: {usable}"))
    }

    /// The pools that a namespace may use, for people.
    fn usable_by(&self, namespace: &str) -> String {
        let pools = self.by_pool.keys().map(|pool| &**pool);
        let pools: Vec<&str> = pools.filter(|pool| self.may_use(namespace, pool)).collect();
        match pools.len() {
            0 => "none".to_owned(),
            count if count > NAMED_POOLS => {
                let named = pools[..NAMED_POOLS].join(", ");
                format!("{named} and {} more", count - NAMED_POOLS)
            }
            _ => pools.join(", "),
        }
    }
}

#[cfg(test)]
mod tests;
