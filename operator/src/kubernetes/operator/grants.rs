//! What executors and drivers need in namespaces: it is there before they are made, and comes back when
//! somebody deletes it as long as there are jobs that need it.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;

use proffer_core::ExecutorKey;
use proffer_core::event::Event;
use proffer_core::jobs::JobKey;
use proffer_core::time::Time;

use super::super::grants::{BindingFacts, Grant};
use super::super::notices::Notice;
use super::super::pod::ObjectName;
use super::super::wishes::Wish;
use super::super::writes::Unknown;
use super::Kind;
use super::common::{Common, Job, JobKind};

/// How many jobs hear that something cannot be granted.
const MOST_TOLD: usize = 20;

/// What is granted, and what has to be.
#[derive(Debug, Default)]
pub(super) struct Grants {
    bindings: BTreeMap<ObjectName, BindingFacts>,
    accounts: BTreeSet<ObjectName>,
    wanted: BTreeMap<Grant, Wanted>,
}

/// Something that has to be granted.
#[derive(Debug, Default)]
struct Wanted {
    /// Who is made once it is.
    waiting: BTreeSet<ExecutorKey>,
    /// Whether it could not be given, and people were told.
    is_refused: bool,
}

impl Grants {
    /// The names of the objects of a kind that are there.
    pub(super) fn names(&self, kind: Kind) -> Vec<ObjectName> {
        match kind {
            Kind::Binding => self.bindings.keys().cloned().collect(),
            Kind::Account => self.accounts.iter().cloned().collect(),
            Kind::Node | Kind::Pool | Kind::Job | Kind::Executor | Kind::Pod => Vec::new(),
        }
    }

    fn is_held(&self, grant: &Grant) -> bool {
        let is_bound = self.bindings.get(&grant.binding()) == Some(&grant.facts());
        is_bound && grant.account().is_none_or(|account| self.accounts.contains(&account))
    }
}

impl Common {
    /// Sees to it that something is granted. Says whether an executor that needs it is made now: if not,
    /// the engine wants it again when that is settled.
    pub(super) fn grants(&mut self, grant: &Grant, executor: &ExecutorKey) -> bool {
        let wanted = self.grants.wanted.entry(grant.clone()).or_default();
        // Somebody may have granted it in another way.
        let is_refused = wanted.is_refused;
        if is_refused || self.grants.is_held(grant) {
            return true;
        }
        if let Some(wanted) = self.grants.wanted.get_mut(grant) {
            wanted.waiting.insert(executor.clone());
        }
        self.queue.push(Wish::Grant(grant.clone()));
        false
    }

    /// Somebody is there who needs something to be granted.
    pub(super) fn keep_granted(&mut self, grant: Grant) {
        self.grants.wanted.entry(grant).or_default();
    }

    /// Takes in a `RoleBinding` as it is now; `None` if it is gone.
    pub(super) fn observe_binding(&mut self, name: &ObjectName, facts: Option<BindingFacts>) {
        match facts {
            Some(facts) => self.grants.bindings.insert(name.clone(), facts),
            None => self.grants.bindings.remove(name),
        };
        self.review_grants(|grant| grant.binding() == *name);
    }

    /// Takes in whether an account is there.
    pub(super) fn observe_account(&mut self, name: &ObjectName, is_there: bool) {
        if is_there {
            self.grants.accounts.insert(name.clone());
        } else {
            self.grants.accounts.remove(name);
        }
        self.review_grants(|grant| grant.account().as_ref() == Some(name));
    }

    /// Has granted what has to be and is not, once it is known what there is.
    pub(super) fn review_grants(&mut self, is_of: impl Fn(&Grant) -> bool) {
        let is_known = [Kind::Binding, Kind::Account].map(|kind| self.lists.has_listed(kind));
        if is_known.contains(&false) || !self.lists.is_synced() {
            return;
        }
        let lacking = self.grants.wanted.keys();
        let lacking = lacking.filter(|grant| is_of(grant) && !self.grants.is_held(grant));
        for grant in lacking.cloned().collect::<Vec<_>>() {
            self.queue.push(Wish::Grant(grant));
        }
    }

    /// Whether something is still to be granted when its turn comes: it is not, and a job needs it.
    pub(super) fn write_grant(&mut self, now: Time, grant: &Grant) -> bool {
        if self.grants.is_held(grant) {
            // A watch may have told so after somebody began to wait, and no write will.
            self.make_waiting(now, grant);
            return false;
        }
        let is_needed = self.needing(grant).next().is_some();
        if !is_needed {
            self.grants.wanted.remove(grant);
        }
        is_needed
    }

    /// The jobs that need something and have not ended.
    fn needing<'a>(&'a self, grant: &'a Grant) -> impl Iterator<Item = &'a Job> {
        let namespace = grant.namespace().clone();
        let first = JobKey { namespace: namespace.clone(), name: "".into() };
        let jobs = self.jobs.range(first..).take_while(move |(key, _)| key.namespace == namespace);
        jobs.map(|(_, job)| job).filter(move |job| {
            let status = job.object.status.as_ref();
            let is_over = status.is_some_and(|status| status.state.is_final());
            let needs = match job.kind {
                JobKind::Stages => matches!(grant, Grant::Executors { .. }),
                JobKind::Spark => Grant::of_driver(grant.namespace(), &job.object) == *grant,
                JobKind::Framework => false,
            };
            needs && !is_over
        })
    }

    /// Takes in what came of granting something. Who waits for it is made: if it cannot be granted,
    /// somebody may have done so by hand.
    pub(super) fn granted(&mut self, now: Time, grant: &Grant, result: Result<(), Unknown>) {
        let problem = match result {
            Ok(()) => {
                self.grants.bindings.insert(grant.binding(), grant.facts());
                self.grants.accounts.extend(grant.account());
                None
            }
            Err(Unknown(problem)) => {
                self.queue.push(Wish::Grant(grant.clone()));
                Some(problem)
            }
        };
        let Some(wanted) = self.grants.wanted.get_mut(grant) else { return };
        let was_refused = std::mem::replace(&mut wanted.is_refused, problem.is_some());
        if let Some(problem) = problem.filter(|_| !was_refused) {
            let note = grant.problem(&problem);
            let jobs = self.needing(grant).take(MOST_TOLD);
            let notices = jobs.map(|job| Notice::of_job(&job.object, true, "NotPermitted", &note));
            let notices: Vec<Notice> = notices.collect();
            self.notices.extend(notices);
        }
        self.make_waiting(now, grant);
    }

    /// Has those made who wait for something.
    fn make_waiting(&mut self, now: Time, grant: &Grant) {
        let Some(wanted) = self.grants.wanted.get_mut(grant) else { return };
        for executor in take(&mut wanted.waiting) {
            self.engine.handle(now, Event::NotDelivered(executor));
        }
    }
}
