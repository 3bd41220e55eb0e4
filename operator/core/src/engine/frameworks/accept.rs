//! A framework takes parts of offers for tasks.

use std::collections::BTreeSet;

use crate::engine::Engine;
use crate::frameworks::{FrameworkAction, Refused, Task, TaskProblem, TaskRequest};
use crate::ids::{ClientId, FrameworkId, JobKey, NodeId, OfferId, TaskId};
use crate::ranges::Ranges;
use crate::resources::Resources;
use crate::time::{Span, Time};

impl Engine {
    pub(super) fn accept(
        &mut self,
        now: Time,
        id: FrameworkId,
        offers: &[OfferId],
        tasks: &[TaskRequest],
        refuse_milliseconds: Span,
    ) {
        let Some(key) = self.key_of(id) else { return };
        let (client, node) = match self.check_offers(id, offers) {
            Ok(place) => place,
            Err(problem) => {
                self.refuse_all(now, id, &key, (offers, tasks), &problem);
                return;
            }
        };
        let (mut left, mut ports) = (Resources::NONE, Ranges::new());
        for offer in offers.iter().filter_map(|id| self.state.frameworks.offers.get(id)) {
            left = left.plus(&offer.amount);
            ports.insert_all(&offer.ports);
        }
        let mut accepted = Vec::new();
        let mut names = BTreeSet::new();
        for request in tasks {
            let task = request.task.clone();
            let amount = if self.has_task(id, &task) || names.contains(&task) {
                Err(TaskProblem::RepeatedTask)
            } else {
                self.check_task(request, &left, &ports)
            };
            match amount {
                Ok(amount) => {
                    left = left.minus(&amount);
                    ports.remove_all(&request.ports);
                    names.insert(task.clone());
                    let ports = request.ports.clone();
                    accepted.push((task, Task { client, node, amount, ports }));
                }
                Err(problem) => self.tell(&key, FrameworkAction::TaskRefused { task, problem }),
            }
        }
        self.end_offers_for(offers, &accepted);
        let (pool, node_name) = self.names(client, node);
        for (name, task) in accepted {
            self.insert_task(id, &name, task);
            let (task, node, pool) = (name, node_name.clone(), pool.clone());
            self.tell(&key, FrameworkAction::TaskAccepted { task, node, pool });
        }
        self.refuse(now, client, node, Refused { amount: left, ports }, refuse_milliseconds);
    }

    /// Refuses all tasks, as one of the offers cannot be used. None of the offers can be used again.
    /// They come back without a filter, as in Mesos.
    fn refuse_all(
        &mut self,
        now: Time,
        id: FrameworkId,
        key: &JobKey,
        (offers, tasks): (&[OfferId], &[TaskRequest]),
        problem: &TaskProblem,
    ) {
        for &offer in offers {
            if self.owns(id, offer) {
                self.give_back(now, offer, Span::ZERO);
            }
        }
        for task in tasks {
            let (task, problem) = (task.task.clone(), problem.clone());
            self.tell(key, FrameworkAction::TaskRefused { task, problem });
        }
    }

    fn has_task(&self, id: FrameworkId, task: &TaskId) -> bool {
        let framework = self.state.frameworks.by_id.get(id);
        framework.is_some_and(|framework| framework.tasks.contains_key(task))
    }

    /// Ends offers of which tasks were accepted. What the tasks take is taken of the first offer as far
    /// as it goes, then of the next.
    fn end_offers_for(&mut self, offers: &[OfferId], accepted: &[(TaskId, Task)]) {
        let mut kept = Resources::NONE;
        let mut kept_ports = Ranges::new();
        for (_, task) in accepted {
            kept = kept.plus(&task.amount);
            kept_ports.insert_all(&task.ports);
        }
        for &offer in offers {
            let Some(offered) = self.state.frameworks.offers.get(&offer) else { continue };
            let of_this = kept.min_each(&offered.amount);
            let mut others = offered.ports.clone();
            others.remove_all(&kept_ports);
            let mut ports_of_this = offered.ports.clone();
            ports_of_this.remove_all(&others);
            kept = kept.minus(&of_this);
            self.end_offer(offer, &of_this, &ports_of_this);
        }
    }

    /// Refuses all tasks of a framework that is not known.
    pub(super) fn refuse_tasks(&mut self, key: &JobKey, offers: &[OfferId], tasks: &[TaskRequest]) {
        for task in tasks {
            let problem =
                offers.first().map_or(TaskProblem::NoOffer, |&id| TaskProblem::UnknownOffer(id));
            let task = task.task.clone();
            self.tell(key, FrameworkAction::TaskRefused { task, problem });
        }
    }

    /// The client and the node of offers, which all are of the same.
    fn check_offers(
        &self,
        id: FrameworkId,
        offers: &[OfferId],
    ) -> Result<(ClientId, NodeId), TaskProblem> {
        let mut seen = BTreeSet::new();
        let mut place = None;
        for &offer in offers {
            let known = self.state.frameworks.offers.get(&offer).filter(|_| self.owns(id, offer));
            if !seen.insert(offer) {
                return Err(TaskProblem::RepeatedOffer(offer));
            }
            let known = known.ok_or(TaskProblem::UnknownOffer(offer))?;
            let here = (known.client, known.node);
            if *place.get_or_insert(here) != here {
                return Err(TaskProblem::DifferentOffers);
            }
        }
        place.ok_or(TaskProblem::NoOffer)
    }

    /// What a task takes of what is left of the offers.
    fn check_task(
        &self,
        request: &TaskRequest,
        left: &Resources,
        ports: &Ranges,
    ) -> Result<Resources, TaskProblem> {
        let mut amount = Resources::NONE;
        for (name, requested) in &request.amounts {
            let (resource, requested) = (name.clone(), *requested);
            if requested < 0 {
                return Err(TaskProblem::NegativeAmount { resource });
            }
            let kind = self.state.kinds.get(name);
            let has = kind.map_or(0, |kind| left[kind]);
            let sum = kind.map_or(0, |kind| amount[kind]).saturating_add(requested);
            if sum > has {
                return Err(TaskProblem::TooLarge { resource, requested: sum, left: has });
            }
            if let Some(kind) = kind {
                amount[kind] = sum;
            }
        }
        if !ports.contains_all(&request.ports) {
            return Err(TaskProblem::PortsNotOffered);
        }
        if amount.is_none() && request.ports.is_empty() {
            return Err(TaskProblem::NoResources);
        }
        Ok(amount)
    }
}
