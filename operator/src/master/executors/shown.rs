//! Which executor somebody is, by what it shows.

use std::sync::Arc;

use proffer_core::frameworks::TaskId;
use proffer_mesos::executor::Call;

use super::super::Master;
use super::super::digest::Digest;

impl Master {
    /// The principal whose executor a token is of, or else the framework; nothing if it is of none.
    pub(crate) fn owner_of_executor(&self, token: &str) -> Option<Arc<str>> {
        let key = self.by_token.get(&Digest::of(token))?;
        let framework = self.frameworks.get(&key.framework)?;
        let principal = framework.principal.as_deref().map(Arc::from);
        Some(principal.unwrap_or_else(|| framework.id.clone()))
    }

    pub(super) fn find_executor(
        &self,
        call: &Call,
        token: Option<&str>,
    ) -> Option<(Arc<str>, TaskId)> {
        let framework = self.frameworks.get(call.framework_id.value.as_str())?;
        let of_id = || {
            let executors = framework.executors.iter();
            executors.filter(|(_, it)| it.is_started && it.info.executor_id == call.executor_id)
        };
        // Agents have executors of the same id, and their tokens differ.
        let shown = token.map(Digest::of);
        let shown = shown.and_then(|token| of_id().find(|(_, record)| record.token == token));
        // Some executors show nothing, which is enough on this machine where nobody has to. On others anybody
        // could say that it is one.
        let is_here = self.settings.sandboxes.is_some();
        let is_enough = token.is_none() && is_here && !self.settings.access.is_required();
        let (name, _) = shown.or_else(|| of_id().find(|_| is_enough))?;
        Some((framework.id.clone(), name.clone()))
    }
}

#[cfg(test)]
mod tests;
