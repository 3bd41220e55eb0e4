//! What is shown of frameworks.

use crate::engine::Engine;
use crate::explain::Rejection;
use crate::frameworks::{Client, Framework, OfferDescription, Task};
use crate::ids::{FrameworkId, JobKey, TaskId};
use crate::reasons::Reason;
use crate::view::{FrameworkPoolStatus, FrameworkStatus, FrameworkTaskStatus, InverseOfferStatus};

impl Engine {
    pub(in crate::engine) fn framework_statuses(&self) -> Vec<FrameworkStatus> {
        let frameworks = &self.state.frameworks;
        let known = frameworks.by_key.values();
        known.filter_map(|&id| Some(self.framework_status(id, frameworks.by_id.get(id)?))).collect()
    }

    pub(in crate::engine) fn frameworks_without_tasks(&self) -> Vec<FrameworkStatus> {
        let frameworks = &self.state.frameworks;
        let known = frameworks.by_key.values();
        let known = known.filter_map(|&id| Some((id, frameworks.by_id.get(id)?)));
        known.map(|(id, framework)| self.status_without_tasks(id, framework)).collect()
    }

    pub(in crate::engine) fn framework_of(&self, key: &JobKey) -> Option<FrameworkStatus> {
        let id = *self.state.frameworks.by_key.get(key)?;
        Some(self.framework_status(id, self.state.frameworks.by_id.get(id)?))
    }

    pub(in crate::engine) fn offer_statuses(&self) -> Vec<OfferDescription> {
        self.state.frameworks.offers.keys().filter_map(|&id| self.describe(id)).collect()
    }

    fn framework_status(&self, id: FrameworkId, framework: &Framework) -> FrameworkStatus {
        let tasks = framework.tasks.iter().map(|(name, task)| self.task(name, task)).collect();
        FrameworkStatus { tasks, ..self.status_without_tasks(id, framework) }
    }

    fn status_without_tasks(&self, id: FrameworkId, framework: &Framework) -> FrameworkStatus {
        let clients = framework.clients.values();
        let pools = clients.filter_map(|&id| self.state.frameworks.clients.get(id));
        let mut pools: Vec<FrameworkPoolStatus> =
            pools.map(|client| self.client_status(framework, client)).collect();
        pools.sort_unstable_by(|one, other| one.pool.cmp(&other.pool));
        let asked = self.state.frameworks.inverse_to(id);
        let inverse_offers = asked.filter_map(|(node, asked)| {
            Some(InverseOfferStatus {
                id: asked.id,
                node: self.state.nodes.get(node)?.observed().name.clone(),
                unavailable_from: asked.unavailable_from,
                agreed: asked.agreed,
            })
        });
        FrameworkStatus {
            key: framework.key.clone(),
            uid: framework.observed.as_ref().map(|observed| observed.uid.clone()),
            connected: framework.connected(),
            pools,
            tasks: Vec::new(),
            inverse_offers: inverse_offers.collect(),
        }
    }

    fn client_status(&self, framework: &Framework, client: &Client) -> FrameworkPoolStatus {
        let pool = self.state.pools.get(client.pool()).map(|pool| pool.name.clone());
        let (reason, message) = self.why_no_offer(framework, client);
        FrameworkPoolStatus {
            pool: pool.unwrap_or_default(),
            subscribed: client.subscribed,
            suppressed: client.suppressed,
            allocated: self.named_amounts(&client.held),
            offered: self.named_amounts(&client.offered),
            filters: client.filters.len(),
            reason,
            message,
        }
    }

    fn why_no_offer(
        &self,
        framework: &Framework,
        client: &Client,
    ) -> (Option<Reason>, Option<String>) {
        if !framework.connected() {
            return (Some(Reason::Disconnected), Some("it is not connected".to_owned()));
        }
        if !client.subscribed {
            let message = "it takes no offers in this pool any more, but has tasks there";
            return (Some(Reason::NotSubscribed), Some(message.to_owned()));
        }
        if client.suppressed {
            return (Some(Reason::Suppressed), Some("it wants no offers for now".to_owned()));
        }
        let Some(waiting) = &client.waiting else { return (None, None) };
        let mut message = waiting.display(&self.state.kinds).to_string();
        if *waiting == Rejection::NothingToOffer {
            let (open, refused, excluded) = self.state.frameworks.count_nodes(client);
            message = format!(
                "{message}: of {open} nodes with something left it refused {refused}, and its \
                 constraints exclude {excluded}"
            );
        }
        (Some(waiting.reason()), Some(message))
    }

    fn task(&self, name: &TaskId, task: &Task) -> FrameworkTaskStatus {
        let (pool, node) = self.names(task.client, task.node);
        FrameworkTaskStatus {
            task: name.clone(),
            pool,
            node,
            amounts: self.named_amounts(&task.amount),
            ports: task.ports.clone(),
        }
    }
}
