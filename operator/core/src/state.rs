//! All that the engine knows, in one place.

use std::collections::{BTreeMap, BTreeSet};

use crate::arena::Arena;
use crate::executors::Executor;
use crate::frameworks::Frameworks;
use crate::ids::{ExecutorId, ExecutorKey, JobId, JobKey, NodeId, PoolId};
use crate::jobs::Job;
use crate::namespaces::Claims;
use crate::nodes::Nodes;
use crate::pools::Pools;
use crate::resources::Kinds;

/// Nodes, pools, jobs and executors, with their indices.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) kinds: Kinds,
    pub(crate) nodes: Nodes,
    pub(crate) pools: Pools,
    /// Which namespaces may use which pools.
    pub(crate) namespaces: Claims,
    /// Jobs, with those that are gone but whose executors are not.
    pub(crate) jobs: Arena<JobId, Job>,
    pub(crate) job_by_key: BTreeMap<JobKey, JobId>,
    pub(crate) executors: Arena<ExecutorId, Executor>,
    /// Jobs that no name leads to any more, of which something is left.
    pub(crate) former_jobs: BTreeMap<JobKey, Vec<JobId>>,
    pub(crate) frameworks: Frameworks,
    /// The jobs of executors that are gone and left something.
    pub(crate) remains: BTreeMap<ExecutorKey, JobId>,
    pub(crate) next_sequence: u64,
    /// The executors on each node that has some.
    pub(crate) on_node: BTreeMap<NodeId, BTreeSet<ExecutorId>>,
    /// The executors that each pool's own jobs have, where there are some.
    pub(crate) of_pool: BTreeMap<PoolId, BTreeSet<ExecutorId>>,
    /// The executors that are on their way out.
    pub(crate) executors_leaving: BTreeSet<ExecutorId>,
}

impl State {
    /// The executor of this name: of the job of this name, or of one that had it before.
    pub(crate) fn find_executor(&self, key: &ExecutorKey) -> Option<ExecutorId> {
        let former = self.former_jobs.get(&key.job).into_iter().flatten();
        self.job_by_key.get(&key.job).into_iter().chain(former).find_map(|&job| {
            let id = self.jobs.get(job)?.fleet.get(key.index)?;
            (self.executors.get(id)?.key.epoch == key.epoch).then_some(id)
        })
    }

    /// The executor of this name, with its job.
    pub(crate) fn executor_mut(
        &mut self,
        key: &ExecutorKey,
    ) -> Option<(ExecutorId, &mut Executor, JobId, &mut Job)> {
        let id = self.find_executor(key)?;
        let executor = self.executors.get_mut(id)?;
        let job_id = executor.job;
        Some((id, executor, job_id, self.jobs.get_mut(job_id)?))
    }
}
