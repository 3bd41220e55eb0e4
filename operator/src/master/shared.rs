//! Maps that readers keep as they were, while the master goes on changing its own.

use std::borrow::Borrow;
use std::sync::Arc;

use rpds::RedBlackTreeMapSync;

/// A map that is copied in no time. What has changed since is what both have of their own.
#[derive(Clone, Debug)]
pub(super) struct Shared<K: Ord, V>(RedBlackTreeMapSync<K, Arc<V>>);

impl<K: Ord, V> Default for Shared<K, V> {
    fn default() -> Self {
        Self(RedBlackTreeMapSync::new_sync())
    }
}

impl<K: Ord + Clone, V: Clone> Shared<K, V> {
    pub(super) fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key).map(|value| &**value)
    }

    /// A value to be changed. A reader that has it keeps it as it is.
    pub(super) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.0.get_mut(key).map(Arc::make_mut)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        self.0.insert_mut(key, Arc::new(value));
    }

    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let value = Arc::clone(self.0.get(key)?);
        self.0.remove_mut(key);
        Some(Arc::unwrap_or_clone(value))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, &**value))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.values().map(|value| &**value)
    }

    /// The values, each as it is shared.
    pub(super) fn shared(&self) -> impl Iterator<Item = &Arc<V>> {
        self.0.values()
    }

    /// Takes everything out.
    pub(super) fn drain(&mut self) -> Vec<(K, V)> {
        let all = std::mem::take(self).0;
        let all: Vec<(K, Arc<V>)> = all.iter().map(|(k, v)| (k.clone(), Arc::clone(v))).collect();
        all.into_iter().map(|(key, value)| (key, Arc::unwrap_or_clone(value))).collect()
    }
}

#[cfg(test)]
mod tests;
