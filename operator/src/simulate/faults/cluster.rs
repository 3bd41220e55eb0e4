//! Nodes, pools and jobs as people and clouds make, change and remove them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use proffer_core::event::{
    Departure, Maintenance, NodeObservation, PoolObservation, ReclaimPolicy, ReclaimRules,
};
use proffer_core::time::Span;
use proffer_crds::job::{
    ExcludeOnFailure, ExecutorTemplate, Gang, Output, Placement, RestartKind, RestartPolicy,
    Speculation, Stage,
};
use proffer_crds::{Quantity, SparkJob, SparkJobSpec};
use serde::{Deserialize, Serialize};

use super::api::{NAMESPACE, ObjectKey};
use super::constraints;
use super::random::Random;
use super::world::World;

pub(super) const POOLS: [&str; 6] = ["default", "a", "a.x", "a.y", "b", "b.z.deep"];
pub(super) const NODES: u32 = 5;
const JOBS: u32 = 7;

/// Something that people or clouds do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ClusterStep {
    /// A node is there and has this.
    Node {
        node: u32,
        cpu: i64,
        memory: i64,
        others: i64,
        offered: bool,
        /// Whether everything is to leave it.
        #[serde(default)]
        draining: bool,
        /// In how many seconds it goes into maintenance, and for how many.
        #[serde(default)]
        maintenance: Option<(u32, u32)>,
    },
    /// A node goes, and everything on it dies.
    RemoveNode(u32),
    /// A pool is there with these settings.
    Pool {
        pool: u32,
        weight: u32,
        guarantee: i64,
        limit: Option<i64>,
        /// Whether it soon takes back its share, too.
        #[serde(default)]
        reclaims: bool,
    },
    RemovePool(u32),
    /// A job is created, if none has its name.
    Job(Box<JobPlan>),
    /// A job's settings are changed.
    EditJob {
        job: u32,
        instances: u32,
        priority: i32,
    },
    DeleteJob(u32),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobPlan {
    name: u32,
    pool: u32,
    priority: i32,
    instances: u32,
    /// How many executors it keeps when it is elastic.
    #[serde(default)]
    min_instances: Option<u32>,
    /// Whether slow tasks are tried twice, and after how many milliseconds at least.
    #[serde(default)]
    speculates_after: Option<u32>,
    /// The node that it waits for a while.
    #[serde(default)]
    prefers: Option<u32>,
    /// For how many seconds it declines nodes on which something failed.
    #[serde(default)]
    excludes_seconds: Option<u32>,
    /// The zone of the nodes that it asks for.
    #[serde(default)]
    zone: Option<u32>,
    /// Whether it puts up with the taint that nodes may have.
    #[serde(default)]
    tolerates: bool,
    cores: u32,
    cpu: i64,
    memory: i64,
    gang_seconds: Option<u32>,
    pack: bool,
    retries: Option<u32>,
    deadline_seconds: Option<u32>,
    max_task_failures: u32,
    stages: Vec<StagePlan>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StagePlan {
    tasks: u32,
    slots: u32,
    output: bool,
    /// Whether it waits for the one before.
    follows: bool,
}

impl ClusterStep {
    pub(super) fn random(random: &mut Random, faults: bool) -> Self {
        match random.below(if faults { 50 } else { 32 }) {
            0..18 => Self::random_job(random),
            18..26 | 47.. => Self::random_node(random),
            26..30 => Self::random_pool(random),
            30..36 => Self::DeleteJob(random.pick()),
            36..40 => Self::EditJob {
                job: random.pick(),
                instances: random.between(1, 5),
                priority: i32::try_from(random.below(3)).unwrap_or(0),
            },
            40..45 => Self::RemoveNode(random.pick()),
            45..47 => Self::RemovePool(random.pick()),
        }
    }

    pub(super) fn random_node(random: &mut Random) -> Self {
        Self::Node {
            node: random.below(NODES),
            cpu: random.one_of(&[0, 500, 1000, 2000, 3000, 4000, 8000]),
            memory: random.one_of(&[1, 2, 4, 8, 16]),
            others: random.one_of(&[0, 0, 0, 500, 1500]),
            offered: !random.chance(12),
            draining: random.chance(8),
            maintenance: random.chance(10).then(|| (random.below(100), random.between(1, 100))),
        }
    }

    pub(super) fn random_pool(random: &mut Random) -> Self {
        let limit = random.one_of(&[1000, 2000, 3000, 6000]);
        let pool = random.pick();
        Self::Pool {
            pool,
            weight: random.one_of(&[0, 500, 1000, 1000, 2000, 3000]),
            guarantee: random.one_of(&[0, 0, 0, 1000, 2000, 5000]),
            limit: random.chance(30).then_some(limit),
            reclaims: pool_name(pool).starts_with('a') && random.chance(60),
        }
    }

    fn random_job(random: &mut Random) -> Self {
        let cores = random.one_of(&[1, 1, 1, 2, 3]);
        let stages = (0..random.between(1, 3)).map(|_| StagePlan {
            tasks: random.one_of(&[1, 1, 2, 3, 5, 12]),
            slots: random.between(1, cores),
            output: random.chance(30),
            follows: random.chance(70),
        });
        let stages = stages.collect();
        Self::Job(Box::new(JobPlan {
            name: random.below(JOBS),
            pool: random.pick(),
            priority: random.one_of(&[0, 0, 0, 1]),
            instances: random.between(1, 4),
            min_instances: random.chance(20).then(|| random.below(3)),
            speculates_after: random.chance(25).then(|| random.one_of(&[0, 100, 1000])),
            prefers: random.chance(15).then(|| random.below(NODES)),
            excludes_seconds: random.chance(20).then(|| random.between(1, 60)),
            zone: random.chance(10).then(|| random.below(2)),
            tolerates: random.chance(30),
            cores,
            cpu: random.one_of(&[100, 500, 1000, 1000, 1000, 1500, 2000, 9000]),
            memory: random.one_of(&[1, 1, 1, 2, 3, 20]),
            gang_seconds: random.chance(25).then_some(random.between(1, 20)),
            pack: random.chance(30),
            retries: random.chance(40).then_some(random.between(1, 3)),
            deadline_seconds: random.chance(10).then_some(random.between(5, 100)),
            max_task_failures: random.between(1, 4),
            stages,
        }))
    }
}

impl World {
    pub(super) fn cluster_step(&mut self, step: &ClusterStep) {
        match step {
            &ClusterStep::Node { node, cpu, memory, others, offered, draining, maintenance } => {
                let name: Box<str> = format!("n{node}").into();
                // What is said about where work may go stays: a constraint step changes it.
                let before = self.api.nodes.get(&name).cloned().unwrap_or_default();
                let observed = NodeObservation {
                    name: name.clone(),
                    allocatable: vec![("cpu".into(), cpu), ("memory".into(), memory << 30)],
                    taken_by_others: vec![("cpu".into(), others)],
                    offered,
                    draining,
                    maintenance: maintenance.map(|(after, seconds)| Maintenance {
                        start: self.now + Span::from_seconds(after.into()),
                        duration: Some(Span::from_milliseconds(u64::from(seconds) * 1000)),
                    }),
                    ..before
                };
                self.api.nodes.insert(name.clone(), observed);
                self.api.changed(ObjectKey::Node(name));
            }
            &ClusterStep::RemoveNode(pick) => {
                let names: Vec<_> = self.api.nodes.keys().cloned().collect();
                let Some(name) = names.get(pick as usize % names.len().max(1)) else { return };
                self.api.nodes.remove(name);
                self.api.changed(ObjectKey::Node(name.clone()));
                self.lose_tasks(name);
                for pod in self.living() {
                    if self.api.pods.get(&pod).is_some_and(|pod| pod.node.as_ref() == Some(name)) {
                        self.kill(&pod, Departure::Lost(format!("node {name} is gone")));
                    }
                }
            }
            &ClusterStep::Pool { pool, weight, guarantee, limit, reclaims } => {
                let name: Box<str> = pool_name(pool).into();
                let before = self.api.pools.get(&name).cloned().unwrap_or_default();
                let observed = PoolObservation {
                    name: name.clone(),
                    weight,
                    guarantee: vec![("cpu".into(), guarantee)],
                    limit: limit.map(|limit| ("cpu".into(), limit)).into_iter().collect(),
                    reclaim: if reclaims { soon() } else { ReclaimRules::default() },
                    ..before
                };
                self.api.pools.insert(name.clone(), observed);
                self.api.changed(ObjectKey::Pool(name));
            }
            &ClusterStep::RemovePool(pick) => {
                let name: Box<str> = pool_name(pick).into();
                if self.api.pools.remove(&name).is_some() {
                    self.api.changed(ObjectKey::Pool(name));
                }
            }
            ClusterStep::Job(plan) => self.create_job(plan),
            &ClusterStep::EditJob { job, instances, priority } => {
                self.edit_job(job, instances, priority);
            }
            &ClusterStep::DeleteJob(pick) => {
                let Some(name) = self.picked_job(pick) else { return };
                self.api.jobs.remove(&name);
                self.api.changed(ObjectKey::Job(name));
            }
        }
    }

    fn edit_job(&mut self, pick: u32, instances: u32, priority: i32) {
        let version = self.api.next_version();
        let Some(name) = self.picked_job(pick) else { return };
        let Some(object) = self.api.jobs.get_mut(&name) else { return };
        let most = i32::try_from(instances).ok();
        let executor = &mut object.spec.executor;
        if let Some(least) = executor.min_instances {
            executor.min_instances = most.map(|most| least.min(most));
            executor.max_instances = most;
        } else {
            executor.instances = most;
        }
        object.spec.priority = priority;
        object.metadata.resource_version = Some(version);
        object.metadata.generation = object.metadata.generation.map(|it| it + 1);
        self.api.changed(ObjectKey::Job(name));
    }

    fn picked_job(&self, pick: u32) -> Option<String> {
        self.api.jobs.keys().nth(pick as usize % self.api.jobs.len().max(1)).cloned()
    }

    fn create_job(&mut self, plan: &JobPlan) {
        let name = format!("j{}", plan.name);
        if self.api.jobs.contains_key(&name) {
            return;
        }
        let count = |number: u32| i32::try_from(number).unwrap_or(1);
        let stage = |(index, plan): (usize, &StagePlan)| Stage {
            name: format!("s{index}"),
            command: vec!["true".to_owned()],
            partitions: Some(count(plan.tasks)),
            slots: count(plan.slots),
            output: plan.output.then(Output::default),
            depends_on: (plan.follows && index > 0)
                .then(|| format!("s{}", index - 1))
                .into_iter()
                .collect(),
            ..Stage::default()
        };
        let spec = SparkJobSpec {
            pool: pool_name(plan.pool).to_owned(),
            priority: plan.priority,
            work_uri: Some("file:///work".to_owned()),
            executor: ExecutorTemplate {
                cores: count(plan.cores),
                cpu: Some(Quantity::from_milli(plan.cpu)),
                memory: Quantity::from_bytes(plan.memory << 30),
                instances: plan.min_instances.is_none().then(|| count(plan.instances)),
                min_instances: plan.min_instances.map(|least| count(least.min(plan.instances))),
                max_instances: plan.min_instances.map(|_| count(plan.instances)),
                idle_timeout_seconds: 3,
                gang: plan.gang_seconds.map(|seconds| Gang { timeout_seconds: i64::from(seconds) }),
                preferred_nodes: plan.prefers.iter().map(|node| format!("n{node}")).collect(),
                exclude_on_failure: plan.excludes_seconds.map(|seconds| ExcludeOnFailure {
                    max_failures_per_node: 1,
                    exclude_seconds: i64::from(seconds),
                }),
                placement: if plan.pack { Placement::Pack } else { Placement::Spread },
                ..ExecutorTemplate::default()
            },
            restart_policy: RestartPolicy {
                kind: plan.retries.map_or(RestartKind::Never, |_| RestartKind::OnFailure),
                on_failure_retries: count(plan.retries.unwrap_or(0)),
                ..RestartPolicy::default()
            },
            deadline_seconds: plan.deadline_seconds.map(i64::from),
            max_task_failures: count(plan.max_task_failures),
            speculation: plan.speculates_after.map(|milliseconds| Speculation {
                quantile: Quantity::from_milli(300),
                multiplier: Quantity::from_milli(1500),
                min_task_runtime_seconds: Quantity::from_milli(i64::from(milliseconds)),
            }),
            stages: plan.stages.iter().enumerate().map(stage).collect(),
            ..SparkJobSpec::default()
        };
        let metadata = ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(NAMESPACE.to_owned()),
            uid: Some(self.api.next_uid()),
            generation: Some(1),
            resource_version: Some(self.api.next_version()),
            creation_timestamp: crate::convert::time(self.now),
            ..ObjectMeta::default()
        };
        if let (Some(_), Some(uid)) = (&spec.speculation, &metadata.uid) {
            self.promises.speculating.insert(uid.clone());
        }
        let mut job = SparkJob { metadata, spec, status: None };
        constraints::constrain(&mut job, plan.zone, plan.tolerates);
        self.api.jobs.insert(name.clone(), job);
        self.api.changed(ObjectKey::Job(name));
    }
}

/// Reclaim of everything, without much patience.
fn soon() -> ReclaimRules {
    ReclaimRules {
        policy: Some(ReclaimPolicy::FairShare),
        grace_milliseconds: Some(Span::from_seconds(2)),
        drain_milliseconds: Some(Span::from_seconds(4)),
    }
}

pub(super) fn pool_name(pick: u32) -> &'static str {
    POOLS[pick as usize % POOLS.len()]
}
