//! Pods: which room looks at which.

use proffer_core::time::Time;

use super::super::gated_pod::Step;
use super::super::pod::ObjectName;
use super::Operator;
use super::offered::is_placed;
use super::spark::Home;

impl Operator {
    /// Has the room of a pod look at it anew.
    pub(super) fn review_pod(&mut self, now: Time, name: &ObjectName) {
        if self.stages.observe_pod(&mut self.common, now, name) {
            return;
        }
        self.review_offered(now, name);
        self.spark.observe_driver(&mut self.common, now, name);
        if let Some(mesos) = &mut self.mesos {
            mesos.observe_pod(&mut self.common, now, name);
        }
        self.settle(now);
    }

    /// Looks anew at a pod that waits for an offer or was placed by one: it may be another's by now.
    pub(super) fn review_offered(&mut self, now: Time, name: &ObjectName) {
        let home = self.home_of(name);
        let is_others = home.as_ref() != Some(&Home::Group);
        if self.gated.look(&mut self.common, now, name, is_others)
            || self.spark.look(&mut self.common, now, name, home.as_ref())
        {
            return;
        }
        let pod = self.common.index.pod(name).filter(|pod| !pod.has_ended && !pod.is_deleting);
        let facts = pod.and_then(|pod| pod.gated.as_ref());
        if !facts.is_some_and(|facts| facts.step == Step::Waits) {
            return;
        }
        let is_served = self.common.serves(&name.namespace);
        match home {
            Some(Home::Application(job)) if is_served => {
                self.spark.join(&mut self.common, now, &job, name);
            }
            Some(Home::Group) if is_served => self.gated.join(&mut self.common, now, name),
            // Its driver's pod stays for the log, so nobody else deletes it.
            Some(Home::Nobody) => self.common.delete_pod(name),
            Some(Home::Application(_) | Home::Group) | None => {}
        }
    }

    /// Whose a pod is that waits for an offer or was placed by one.
    fn home_of(&self, name: &ObjectName) -> Option<Home> {
        let facts = self.common.index.pod(name)?.gated.as_deref()?;
        Some(self.spark.home_of(&self.common, name, facts))
    }

    /// Takes in what was placed before this process began. Everything else follows when all was seen.
    pub(super) fn restore_offered(&mut self, now: Time) {
        let pods = self.common.index.pods();
        let placed = pods.filter(|(_, pod)| !pod.has_ended && is_placed(pod));
        let placed: Vec<ObjectName> = placed.map(|(name, _)| name.clone()).collect();
        for name in placed {
            match self.home_of(&name) {
                Some(Home::Application(job)) => {
                    self.spark.restore_pod(&mut self.common, &job, &name);
                }
                Some(Home::Group) => self.gated.restore(&mut self.common, now, &name),
                Some(Home::Nobody) | None => {}
            }
        }
        self.gated.tell_restored(&mut self.common, now);
        self.spark.tell_restored(&mut self.common, now);
        self.gated.tell_places(&mut self.common, now);
        self.spark.tell_pods(&mut self.common, now);
    }
}
