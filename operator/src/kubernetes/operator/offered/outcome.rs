//! What comes of offers, and what people read of that on pods.

use k8s_openapi::api::core::v1::Pod;
use proffer_core::action::Launch;
use proffer_core::event::Departure;
use proffer_core::reasons::Reason;
use proffer_core::time::{Span, Time};
use proffer_core::view::JobStatus;

use super::super::super::gated_pod::Step;
use super::super::super::names::OFFERED_CONDITION;
use super::super::super::notices::Notice;
use super::super::super::pod::{ObjectName, UNSCHEDULABLE_PATIENCE, pod_facts};
use super::super::super::wishes::{Explanation, PodWish, Wish};
use super::super::super::writes::Failure;
use super::super::common::Common;
use super::{OfferedPods, Placed, is_placed};

/// The least time between two explanations of why a pod waits for the same reason.
const EXPLAIN_INTERVAL: Span = Span::from_seconds(30);

impl OfferedPods {
    /// What the scheduler says of a placed pod: one that finds no place is made anew, if somebody does that.
    pub(super) fn judge(&mut self, common: &mut Common, now: Time, name: &ObjectName) {
        let Some(member) = self.members.get_mut(name) else { return };
        let Some(pod) = common.index.pod(name).filter(|pod| !pod.is_deleting) else { return };
        let Some(facts) = &pod.gated else { return };
        let pinned = matches!(&facts.step, Step::Placed(Some(_)));
        let Some(message) = facts.unschedulable.as_ref().filter(|_| pinned) else {
            member.unschedulable_since = None;
            return;
        };
        if member.refused.is_some() {
            return;
        }
        let since = *member.unschedulable_since.get_or_insert(now);
        let at = since + UNSCHEDULABLE_PATIENCE;
        if now < at {
            self.looks.insert((at, name.clone()));
            return;
        }
        member.refused = Some(message.clone());
        let is_bare = facts.owner.is_none();
        let note = if is_bare {
            format!(
                "the scheduler finds that the pod does not fit on the node that was offered to it, and a \
                 pod cannot be made to wait again: delete it and make it anew ({message})"
            )
        } else {
            format!(
                "the scheduler finds that the pod does not fit on the node that was offered to it, so it \
                 is deleted for its owner to make another one ({message})"
            )
        };
        common.notices.push(Notice::of_pod(name, &pod.uid, true, "Unschedulable", &note));
        if !is_bare {
            common.delete_pod(name);
        }
    }

    /// Says why the pods of a job wait.
    pub(in super::super) fn explain_waiting(
        &mut self,
        common: &mut Common,
        now: Time,
        status: &JobStatus,
    ) {
        let Some(group) = self.groups.get_mut(&status.key) else { return };
        group.declines |= !status.declined_nodes.is_empty();
        let Some(reason) = status.reason else { return };
        let again = group.told_at.is_none_or(|at| at + EXPLAIN_INTERVAL <= now);
        if again {
            group.told_at = Some(now);
        }
        let message = status.message.clone().unwrap_or_default();
        let is_problem = matches!(
            reason,
            Reason::NoPool
                | Reason::NamespaceMayNotUsePool
                | Reason::PoolDeleted
                | Reason::LargerThanAnyNode
        );
        for (_, name) in &group.waiting {
            let Some(member) = self.members.get_mut(name) else { continue };
            let before = member.explained.replace(reason);
            if before == Some(reason) && !again {
                continue;
            }
            if before != Some(reason) && is_problem {
                let notice = Notice::of_pod(name, &member.uid, true, reason.as_str(), &message);
                common.notices.push(notice);
            }
            let explanation = Explanation {
                uid: member.uid.clone(),
                offered: false,
                reason: reason.as_str().into(),
                message: message.clone(),
            };
            common.queue.push(Wish::Pod(name.clone(), PodWish::Explain(explanation)));
        }
    }

    /// Takes in what came of placing a pod.
    pub(in super::super) fn placed(
        &mut self,
        common: &mut Common,
        now: Time,
        launch: Launch,
        result: Result<Option<Box<Pod>>, Failure>,
    ) -> Placed {
        let group = self.groups.get(&launch.key.job);
        let Some(name) = group.and_then(|group| group.placed.get(&launch.key)).cloned() else {
            return Placed::Settled;
        };
        match result {
            Ok(Some(pod)) => {
                // What a watch has told meanwhile is newer.
                if common.index.pod(&name).is_some_and(|known| !is_placed(known)) {
                    common.take_pod(&name, Some(pod_facts(&pod)));
                    self.tell_place(common, now, &name);
                    self.judge(common, now, &name);
                }
                if says_why_it_waits(&pod) {
                    self.explain_placed(common, name, &launch);
                }
            }
            Ok(None) => return Placed::Missing(name),
            Err(Failure::Refused(problem)) => {
                let uid = self.members.get(&name).map(|member| member.uid.clone());
                let notice =
                    uid.map(|uid| Notice::of_pod(&name, &uid, true, "NotPlaced", &problem));
                common.notices.extend(notice);
                self.unseat(common, now, &name, Departure::Withdrawn(problem));
            }
            Err(Failure::Unknown(_)) => {
                common.queue.push(Wish::Pod(name, PodWish::Place(launch)));
            }
        }
        Placed::Settled
    }

    /// Says on a pod that it does not wait any more.
    fn explain_placed(&self, common: &mut Common, name: ObjectName, launch: &Launch) {
        let Some(member) = self.members.get(&name) else { return };
        let explanation = Explanation {
            uid: member.uid.clone(),
            offered: true,
            reason: "OfferAccepted".into(),
            message: launch.node.as_deref().map_or_else(
                || "it goes wherever there comes to be room".to_owned(),
                |node| format!("node {node} was offered and accepted"),
            ),
        };
        common.queue.push(Wish::Pod(name, PodWish::Explain(explanation)));
    }
}

/// Whether a pod's status says that it was not offered anything.
fn says_why_it_waits(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|it| it.type_ == OFFERED_CONDITION && it.status == "False")
}
