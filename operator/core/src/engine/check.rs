//! The account compared with one that is made from scratch, for tests and simulation.

use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use crate::arena::Id;
use crate::ensure::ensure;
use crate::ids::{ExecutorKey, JobId, NodeId};
use crate::jobs::{Job, JobState, Live, StageState};
use crate::nodes::Load;
use crate::pools::Account;
use crate::ranges::Ranges;
use crate::resources::Resources;
use crate::time::{Lasting, Time};

impl Engine {
    /// Compares all that is kept up to date step by step with what follows from the executors, jobs,
    /// pools and nodes themselves. The error says what differs; that is a bug of the engine.
    ///
    /// It looks at everything and has no place in production.
    pub fn check(&self) -> Result<(), String> {
        if self.restoring.is_some() {
            return Ok(());
        }
        self.check_executors()?;
        self.check_nodes()?;
        self.check_pools()?;
        self.state.frameworks.check(&self.state.nodes)?;
        self.penalties.check()?;
        self.check_reclaiming()?;
        for (id, job) in self.state.jobs.iter() {
            let fail = |problem| format!("job {} ({}): {problem}", job.key, job.uid);
            self.check_job(id, job).map_err(fail)?;
            self.check_stages(job).map_err(fail)?;
            self.check_timers(id, job).map_err(fail)?;
        }
        Ok(())
    }

    /// Those that wait below what is theirs.
    fn check_reclaiming(&self) -> Result<(), String> {
        let pools = self.state.pools.iter().filter(|(_, pool)| {
            let marks = [pool.below_guarantee, pool.below_share, pool.own_below_share];
            marks.into_iter().any(Lasting::is_so)
        });
        let jobs = self.state.jobs.iter();
        let jobs = jobs.filter(|(_, job)| job.waiting.below_share().is_so());
        self.reclaiming.check(pools.map(|(id, _)| id), jobs.map(|(id, _)| id))
    }

    fn check_executors(&self) -> Result<(), String> {
        for (id, executor) in self.state.executors.iter() {
            let key = &executor.key;
            let named = self.state.find_executor(key) == Some(id);
            ensure!(named, "executor {key} is not found by its name");
            let job = self.state.jobs.get(executor.job);
            let seat = job.and_then(|job| job.fleet.get(key.index));
            ensure!(seat == Some(id), "executor {key} has no place in its job");
            ensure!(executor.work.has_no_ends(), "executor {key} keeps what ended");
            let node = executor.node.map(|node| self.state.nodes.get(node).is_some());
            ensure!(node != Some(false), "executor {key} is on no node");
        }
        for (key, &id) in &self.state.remains {
            let job = self.state.jobs.get(id);
            let there = job.is_some_and(|job| job.remains.contains((key.index, key.epoch)));
            ensure!(there, "remains of {key} belong to no job");
        }
        let has_node = |name: &str| self.state.nodes.find(name).is_some();
        let lands = |key: &ExecutorKey| {
            let executor = self.state.find_executor(key);
            let executor = executor.and_then(|id| self.state.executors.get(id));
            executor.is_some_and(|executor| executor.node.is_none())
        };
        self.missing.check(has_node, lands)?;
        self.check_places()?;
        self.check_names()
    }

    /// The executors by node and by pool, and those on their way out.
    fn check_places(&self) -> Result<(), String> {
        let (mut on_node, mut of_pool) = (BTreeMap::new(), BTreeMap::new());
        let mut leaving = BTreeSet::new();
        for (id, executor) in self.state.executors.iter() {
            let key = &executor.key;
            if let Some(node) = executor.node {
                on_node.entry(node).or_insert_with(BTreeSet::new).insert(id);
            }
            if let Some(job) = self.state.jobs.get(executor.job) {
                of_pool.entry(job.pool).or_insert_with(BTreeSet::new).insert(id);
            }
            if executor.exit.is_counted() {
                leaving.insert(id);
            }
            let goes = executor.exit.is_certain();
            ensure!(
                executor.exit.is_counted() == goes,
                "executor {key} goes: {goes}, counted otherwise"
            );
            for (group, withdrawn) in executor.withdrawal.attempts() {
                let assigned = executor.work.assigned().get(group);
                let there = |partition| assigned.is_some_and(|all| all.contains(partition));
                ensure!(withdrawn.iter().all(there), "executor {key} never had {withdrawn}");
            }
        }
        ensure!(self.state.on_node == on_node, "executors are on {on_node:?}");
        ensure!(self.state.of_pool == of_pool, "executors are of {of_pool:?}");
        ensure!(self.state.executors_leaving == leaving, "executors leave: {leaving:?}");
        self.drains.check(&self.state.executors)?;
        self.holds.check()
    }

    fn check_names(&self) -> Result<(), String> {
        for (key, &id) in &self.state.job_by_key {
            let named = self.state.jobs.get(id).is_some_and(|job| job.key == *key);
            ensure!(named, "the name {key} leads to no job");
        }
        for (key, ids) in &self.state.former_jobs {
            ensure!(!ids.is_empty(), "{key} has no former jobs");
            for id in ids {
                let named = self.state.jobs.get(*id).is_some_and(|job| job.key == *key);
                ensure!(named, "the former name {key} leads to no job");
            }
        }
        let former: usize = self.state.former_jobs.values().map(Vec::len).sum();
        let (named, there) = (self.state.job_by_key.len() + former, self.state.jobs.iter().count());
        ensure!(named == there, "{named} jobs have or had names, {there} are there");
        let exists = |id| self.state.jobs.get(id).is_some();
        self.agenda.check(exists)?;
        self.queue.check(exists)
    }

    fn check_nodes(&self) -> Result<(), String> {
        let mut loads: BTreeMap<NodeId, Load> = BTreeMap::new();
        for (_, executor) in self.state.executors.iter() {
            let Some(node) = executor.node else { continue };
            let Some(job) = self.state.jobs.get(executor.job) else { continue };
            let load = loads.entry(node).or_default();
            let held = load.held.entry(job.pool).or_default();
            *held = held.plus(&executor.request);
            if executor.exit.is_counted() {
                load.leaving = load.leaving.plus(&executor.request);
            }
        }
        self.state.frameworks.add_to(&mut loads);
        self.holds.add_to(&mut loads);
        if self.agenda.are_pools_due() {
            // What they reserve is looked up in the next tick.
            return Ok(());
        }
        self.state.nodes.check(&self.state.kinds, &self.state.pools, &loads)
    }

    fn check_pools(&self) -> Result<(), String> {
        let mut own = vec![Account::default(); self.state.pools.bound()];
        for (_, executor) in self.state.executors.iter() {
            let Some(job) = self.state.jobs.get(executor.job) else { continue };
            let account = &mut own[job.pool.index()];
            account.held = account.held.plus(&executor.request);
            if executor.node.is_none() {
                account.unplaced = account.unplaced.plus(&executor.request);
            }
        }
        for (_, job) in self.state.jobs.iter() {
            ensure!(self.state.pools.get(job.pool).is_some(), "job {} has no pool", job.key);
            let account = &mut own[job.pool.index()];
            account.jobs += 1;
            account.pending = account.pending.plus(job.fleet.pending());
        }
        for (_, client) in self.state.frameworks.clients.iter() {
            let pool = self.state.pools.get(client.pool());
            ensure!(pool.is_some(), "a framework is in no pool");
            let account = &mut own[client.pool().index()];
            account.held = account.held.plus(&client.held);
            account.offered = account.offered.plus(&client.offered);
            account.jobs += 1;
        }
        self.state.pools.check(&own)
    }

    fn check_job(&self, id: JobId, job: &Job) -> Result<(), String> {
        let mut seated = Vec::new();
        for (index, executor) in job.fleet.iter() {
            let Some(executor) = self.state.executors.get(executor) else {
                return Err(format!("executor {index} is not there"));
            };
            ensure!(executor.job == id, "executor {index} is of another job");
            seated.push((index, executor.node, executor.request));
            let slots: u64 = executor
                .work
                .assigned()
                .iter()
                .map(|(&(stage, _), ranges)| {
                    ranges.len() * u64::from(job.progress.stage(stage).slots())
                })
                .sum();
            let counted = executor.work.slots();
            ensure!(
                slots == u64::from(counted),
                "executor {index} has {slots} slots taken, {counted} counted"
            );
        }
        job.fleet.check(seated.into_iter())?;
        let (noted, unplaced) = (self.queue.awaits_node(id), job.fleet.unplaced());
        ensure!(noted != unplaced.is_empty(), "it waits for nodes, noted {noted}");
        let leaving = job.fleet.ids().filter_map(|id| self.state.executors.get(id));
        let leaving = leaving.filter(|executor| executor.exit.is_counted());
        let leaving = leaving.fold(Resources::NONE, |sum, it| sum.plus(&it.request));
        let pending = self.holds.sum_of(id).minus(&leaving);
        let counted = job.fleet.pending();
        ensure!(pending == *counted, "it expects {pending:?}, counted {counted:?}");
        let known = self.state.job_by_key.get(&job.key) == Some(&id);
        let lives = known || !job.fleet.is_empty() || !job.remains.is_empty();
        ensure!(lives, "it is kept although nothing is left of it");
        if !self.agenda.is_touched(id) {
            let wants = known && self.lacking_executors(job) > 0;
            let counted = self.queue.wants(id);
            // One that was just given all that it wants counts until it is looked at again.
            ensure!(counted || !wants, "it wants executors and is not counted");
            ensure!(
                counted || job.waiting.reason().is_none(),
                "it gives a reason and waits for nothing"
            );
        }
        Ok(())
    }

    fn check_stages(&self, job: &Job) -> Result<(), String> {
        for (index, stage) in job.progress.stages().iter().enumerate() {
            let name = &job.spec.stages[index].name;
            let mut assigned: BTreeMap<u32, Vec<Live>> = BTreeMap::new();
            for id in job.fleet.ids() {
                let Some(executor) = self.state.executors.get(id) else { continue };
                for (&(_, attempt), ranges) in
                    executor.work.assigned().iter().filter(|((stage, _), _)| *stage == index)
                {
                    for partition in ranges.iter() {
                        let next = stage.tries().next(partition);
                        ensure!(
                            attempt < next,
                            "{name}/{partition} has attempt {attempt}, the next one is {next}"
                        );
                        assigned.entry(partition).or_default().push(Live { executor: id, attempt });
                    }
                }
            }
            let mut twins = assigned.clone();
            twins.retain(|_, live| live.len() > 1);
            twins.values_mut().for_each(|live| live.sort_by_key(|live| live.attempt));
            let counted =
                stage.copies().twins().iter().map(|(&partition, live)| (partition, live.to_vec()));
            let counted: BTreeMap<_, _> = counted.collect();
            ensure!(twins == counted, "{name} has {twins:?} twice, counted {counted:?}");
            for (&partition, &older) in stage.tries().older() {
                let open = !stage.is_done(partition) && older < stage.tries().next(partition);
                ensure!(open, "{name}/{partition} waits for attempt {older} of another engine");
            }
            let mut seen = Ranges::new();
            let all = assigned.keys().copied().chain(stage.pending().iter());
            for partition in all.chain(stage.finished().iter()) {
                ensure!(seen.insert(partition), "{name}/{partition} is in two states");
            }
            let opened = stage.state() != StageState::Waiting;
            let whole = (0..stage.tasks()).all(|partition| seen.contains(partition));
            ensure!(!opened || whole, "{name} lacks partitions: it has {seen}");
            let done = stage.has_all();
            ensure!(
                (stage.state() == StageState::Finished) == (done && opened),
                "{name} is {:?}, but done: {done}",
                stage.state()
            );
        }
        Ok(())
    }

    /// Everything that a job waits for has its time noted.
    fn check_timers(&self, id: JobId, job: &Job) -> Result<(), String> {
        if self.agenda.is_touched(id) {
            return Ok(());
        }
        let known = self.state.job_by_key.get(&job.key) == Some(&id);
        let deadline = job.spec.deadline_milliseconds.filter(|_| known && !job.progress.is_final());
        let deadline = deadline.map(|limit| job.created_at + limit);
        let interval = self.settings.status_interval_milliseconds;
        let status = job.publication.next_regular(interval).filter(|_| known);
        let restart =
            job.pauses.restart_at().filter(|_| job.progress.state() == JobState::Restarting);
        let told = job.publication.told_at().filter(|_| known);
        let mut writes: Vec<_> = told.into_iter().collect();
        let executors = job.fleet.ids().filter_map(|id| self.state.executors.get(id));
        writes.extend(executors.filter_map(|executor| executor.delivery.told_at()));
        writes.extend(job.remains.told_at());
        let overdue = |at: Time| self.settings.write_deadline_milliseconds.map(|limit| at + limit);
        let times = [
            ("deadline", deadline),
            ("next status", status),
            ("restart", restart.filter(|_| job.fleet.is_empty())),
            ("gang", job.gang.deadline().filter(|_| !job.progress.is_final())),
            ("next launch", job.pauses.withheld_until()),
        ];
        let writes = writes.into_iter().map(|at| ("write", overdue(at)));
        for (what, at) in times.into_iter().chain(writes) {
            let Some(at) = at else { continue };
            // What is looked at earlier sets its next timer then.
            let wakes = self.agenda.wakes_by(at, id);
            // After a failed write the next one waits longer.
            let later = what == "next status" && self.agenda.wakes(id);
            ensure!(wakes || later, "nothing wakes it for its {what} at {at:?}");
        }
        Ok(())
    }
}
