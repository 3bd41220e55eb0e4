//! Tasks of frameworks: what they hold, until they are gone.

use crate::engine::Engine;
use crate::frameworks::{FrameworkAction, RunningTask, Task};
use crate::ids::{ClientId, FrameworkId, JobKey, NodeId, TaskId};
use crate::resources::Resources;

impl Engine {
    /// Takes in a task that runs already, with its framework or before it.
    pub(in crate::engine) fn observe_task(&mut self, seen: &RunningTask) {
        let Some(node) = self.state.nodes.find(&seen.node) else {
            let (task, node) = (seen.task.clone(), seen.node.clone());
            self.tell(&seen.framework, FrameworkAction::TaskLost { task, node });
            return;
        };
        let amount = self.intern(&seen.amounts, Resources::NONE).max_each(&Resources::NONE);
        let id = self.state.frameworks.ensure(&seen.framework);
        let client = self.enter_client(id, &seen.pool);
        let known = self.state.frameworks.by_id.get(id).and_then(|f| f.tasks.get(&seen.task));
        if let Some(known) = known {
            let same = (known.client, known.node, known.amount) == (client, node, amount);
            if same && known.ports == seen.ports {
                return;
            }
            self.remove_task(id, &seen.task);
        }
        // The client may have gone with the task that was replaced.
        let id = self.state.frameworks.ensure(&seen.framework);
        let client = self.enter_client(id, &seen.pool);
        let task = Task { client, node, amount, ports: seen.ports.clone() };
        if let Some(client) = self.state.frameworks.clients.get_mut(client) {
            client.held = client.held.plus(&amount);
            client.allocations += 1;
            self.state.nodes.charge_task(node, &client.path, &amount, &task.ports);
            self.state.pools.charge(client.pool(), &amount);
        }
        self.insert_task(id, &seen.task, task);
    }

    /// Takes in that a task is gone.
    pub(in crate::engine) fn forget_task(&mut self, key: &JobKey, task: &TaskId) {
        if let Some(&id) = self.state.frameworks.by_key.get(key) {
            self.remove_task(id, task);
        }
    }

    /// Notes a task, which is charged already.
    pub(super) fn insert_task(&mut self, id: FrameworkId, name: &TaskId, task: Task) {
        self.state.frameworks.add_task(id, name, task);
    }

    /// Reports the tasks on a node lost.
    pub(super) fn lose_tasks_on(&mut self, node: NodeId) {
        let name = self.state.nodes.get(node).map(|node| node.observed().name.clone());
        let name = name.unwrap_or_default();
        let tasks: Vec<_> = self.state.frameworks.tasks_on(node).cloned().collect();
        for (id, task) in tasks {
            let key = self.key_of(id);
            self.remove_task(id, &task);
            if let Some(key) = key {
                let node = name.clone();
                self.tell(&key, FrameworkAction::TaskLost { task, node });
            }
        }
    }

    fn remove_task(&mut self, id: FrameworkId, name: &TaskId) {
        let frameworks = &mut self.state.frameworks;
        let Some(task) = frameworks.remove_task(id, name) else { return };
        if let Some(client) = frameworks.clients.get_mut(task.client) {
            client.held = client.held.minus(&task.amount);
            self.state.nodes.release_task(task.node, &client.path, &task.amount, &task.ports);
            self.state.pools.release(client.pool(), &task.amount);
        }
        self.agenda.ask_all();
        self.drop_client_if_done(task.client);
    }

    /// The names of a client's pool and of a node.
    pub(super) fn names(&self, client: ClientId, node: NodeId) -> (Box<str>, Box<str>) {
        let client = self.state.frameworks.clients.get(client);
        let pool = client.and_then(|client| self.state.pools.get(client.pool()));
        let node = self.state.nodes.get(node);
        (
            pool.map(|pool| pool.name.clone()).unwrap_or_default(),
            node.map(|node| node.observed().name.clone()).unwrap_or_default(),
        )
    }
}
