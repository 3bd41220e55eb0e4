//! A cluster that fits into a test: objects by name, watches that tell at once, and pods that do what
//! the test says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod, PodCondition};
use kube::ResourceExt;
use proffer_core::action::Launch;
use proffer_core::engine::Settings;
use proffer_core::jobs::JobKey;
use proffer_crds::executor::{Assignment, AttemptResult};
use proffer_crds::{ResourcePool, SparkExecutor, SparkExecutorStatus, SparkJob};
use proffer_mesos::scheduler::Event;
use serde_json::{Value, json};

use super::super::super::executor_pod::PodSettings;
use super::super::super::gated_pod::placing_patch;
use super::super::super::grants::{BindingFacts, Grant};
use super::super::super::node::{mark_patch, node_facts};
use super::super::super::notices::Notice;
use super::super::super::pod::{ObjectName, pod_facts};
use super::super::super::task_pod::TaskSettings;
use super::super::super::wishes::Explanation;
use super::super::super::writes::{
    Answer, DriverAnswer, DriverWrite, ExecutorAnswer, ExecutorWrite, Failure, FrameworkAnswer,
    FrameworkWrite, JobAnswer, JobWrite, Launched, NodeAnswer, NodeWrite, Outcome, PodAnswer,
    PodWrite, PoolAnswer, PoolWrite, Stored, TaskAnswer, TaskWrite, Unknown, Write,
};
use super::super::{Change, Kind, MesosSettings, Operator, OperatorSettings};
use crate::configuration::Privileges;
use crate::convert;
use crate::master::{ConnectionId, Effect, Limits, MasterSettings, Meter, NodeMark};
use crate::web::Port;
use proffer_core::time::{Span, Time};

#[expect(
    clippy::struct_excessive_bools,
    reason = "each of the flags can be set whatever the others are"
)]
pub(super) struct World {
    pub(super) operator: Operator,
    pub(super) now: Time,
    pub(super) jobs: BTreeMap<String, SparkJob>,
    pub(super) executors: BTreeMap<String, SparkExecutor>,
    pub(super) pods: BTreeMap<String, Pod>,
    pub(super) pools: BTreeMap<String, ResourcePool>,
    pub(super) nodes: BTreeMap<String, Node>,
    /// `RoleBinding`s and service accounts.
    pub(super) bindings: BTreeMap<ObjectName, BindingFacts>,
    pub(super) accounts: BTreeSet<ObjectName>,
    /// What stands in which Secrets.
    pub(super) secrets: BTreeMap<String, BTreeMap<String, String>>,
    /// Why nothing is granted.
    pub(super) grants_nothing: Option<String>,
    /// How often something was granted, or was to be.
    pub(super) grants: usize,
    /// How large a job's status may be, in bytes.
    pub(super) largest_status: usize,
    /// How many statuses were too large.
    pub(super) refused_statuses: usize,
    /// What watches have not told yet.
    told: VecDeque<Change>,
    /// Why pods are refused.
    pub(super) refusal: Option<String>,
    /// Writes are done, and nothing is heard of it.
    pub(super) loses_replies: bool,
    /// Watches tell nothing of executors and pods for now.
    pub(super) is_deaf: bool,
    /// Nothing is written for now.
    pub(super) writes_wait: bool,
    /// Whether a pod that is deleted ends at once.
    pub(super) pods_linger: bool,
    /// Whether what would be deleted stays, and nothing certain is heard.
    pub(super) deletes_nothing: bool,
    /// What can be read of pods' logs.
    pub(super) logs: BTreeMap<String, String>,
    pub(super) notices: Vec<Notice>,
    pub(super) launches: usize,
    /// How often a driver was to be made, whether it was there or not.
    pub(super) driver_writes: usize,
    /// Whether the scheduler places no pod that was pinned.
    pub(super) scheduler_refuses: bool,
    /// What frameworks were told on their connections.
    pub(super) events: Vec<(ConnectionId, Event)>,
    /// What executors of frameworks' own were told.
    pub(super) executor_events: Vec<(ConnectionId, proffer_mesos::executor::Event)>,
    /// Connections that were closed.
    pub(super) closed: Vec<ConnectionId>,
    pub(super) connections: u64,
    version: u64,
}

fn mesos() -> MesosSettings {
    MesosSettings {
        master: MasterSettings {
            id: uuid::Uuid::new_v4().to_string(),
            address: "127.0.0.1:5050".parse().unwrap(),
            agents_address: "127.0.0.1:5050".parse().unwrap(),
            hostname: "mesos".to_owned(),
            namespace: "ns".into(),
            least_failover: Span::from_seconds(60),
            sandboxes: None,
            access: Arc::default(),
            limits: Limits::default(),
            meter: Meter::default(),
            port: Port::default(),
        },
        tasks: TaskSettings {
            privileges: Privileges { root: vec!["trusted".to_owned()], ..Privileges::default() },
            ..TaskSettings::default()
        },
        ttl_seconds: 3600,
    }
}

fn settings() -> OperatorSettings {
    OperatorSettings {
        engine: Settings {
            write_deadline_milliseconds: Some(Span::from_seconds(5)),
            ..Settings::default()
        },
        pods: PodSettings {
            image: "executor:1".to_owned(),
            default_image: Some("tools:1".to_owned()),
            node_lost_seconds: 30,
            ..PodSettings::default()
        },
        start_timeout: Span::from_seconds(600),
        most_writes_in_flight: 16,
        writes_per_second: 10_000,
        namespaces: [].into(),
        makes_default_pool: true,
        mesos: Some(mesos()),
    }
}

impl World {
    /// A cluster of nodes with two cpus, in which nothing was seen yet.
    pub(super) fn unseen(nodes: &[&str]) -> Self {
        let mut world = Self {
            operator: Operator::new(Time::from_milliseconds(1_000_000), settings()),
            now: Time::from_milliseconds(1_000_000),
            jobs: BTreeMap::new(),
            executors: BTreeMap::new(),
            pods: BTreeMap::new(),
            pools: BTreeMap::new(),
            nodes: BTreeMap::new(),
            bindings: BTreeMap::new(),
            accounts: BTreeSet::new(),
            secrets: BTreeMap::new(),
            grants_nothing: None,
            grants: 0,
            largest_status: 1 << 20,
            refused_statuses: 0,
            told: VecDeque::new(),
            refusal: None,
            loses_replies: false,
            is_deaf: false,
            writes_wait: false,
            pods_linger: false,
            deletes_nothing: false,
            logs: BTreeMap::new(),
            notices: Vec::new(),
            launches: 0,
            driver_writes: 0,
            scheduler_refuses: false,
            events: Vec::new(),
            executor_events: Vec::new(),
            closed: Vec::new(),
            connections: 0,
            version: 0,
        };
        for node in nodes {
            world.set_node(node, true);
        }
        world.told.clear();
        world
    }

    pub(super) fn new(nodes: &[&str]) -> Self {
        let mut world = Self::unseen(nodes);
        world.restart();
        world
    }

    /// Another process takes over: it lists everything first.
    pub(super) fn restart(&mut self) {
        self.operator = Operator::new(self.now, settings());
        for kind in Kind::ALL {
            self.list(kind);
        }
        self.settle();
    }

    /// Somebody deletes a `RoleBinding` or an account of the job's namespace.
    pub(super) fn revoke(&mut self, name: &str) {
        let name = ObjectName { namespace: "ns".into(), name: name.into() };
        if self.bindings.remove(&name).is_some() {
            self.told.push_back(Change::Binding(name.clone(), None));
        }
        if self.accounts.remove(&name) {
            self.told.push_back(Change::Account(name, false));
        }
        self.settle();
    }

    fn grant(&mut self, grant: &Grant) -> Result<(), Unknown> {
        self.grants += 1;
        if let Some(why) = &self.grants_nothing {
            return Err(Unknown(why.clone()));
        }
        if let Some(account) = grant.account() {
            self.told.push_back(Change::Account(account.clone(), true));
            self.accounts.insert(account);
        }
        let (name, facts) = (grant.binding(), grant.facts());
        self.told.push_back(Change::Binding(name.clone(), Some(Box::new(facts.clone()))));
        self.bindings.insert(name, facts);
        Ok(())
    }

    /// The names of the `RoleBinding`s that there are.
    pub(super) fn binding_names(&self) -> Vec<&str> {
        self.bindings.keys().map(|name| &*name.name).collect()
    }

    /// A watch of a kind begins anew.
    pub(super) fn list(&mut self, kind: Kind) {
        self.told.push_back(Change::Listing(kind));
        let all: Vec<Change> = match kind {
            Kind::Node => self.nodes.values().map(node_change).collect(),
            Kind::Pool => self.pools.values().map(pool_change).collect(),
            Kind::Job => self.jobs.values().map(job_change).collect(),
            Kind::Executor => self.executors.values().map(executor_change).collect(),
            Kind::Pod => self.pods.values().map(pod_change).collect(),
            Kind::Binding => {
                let all = self.bindings.iter();
                let change = |(name, facts): (&ObjectName, &BindingFacts)| {
                    Change::Binding(name.clone(), Some(Box::new(facts.clone())))
                };
                all.map(change).collect()
            }
            Kind::Account => {
                self.accounts.iter().map(|name| Change::Account(name.clone(), true)).collect()
            }
        };
        self.told.extend(all);
        self.told.push_back(Change::Listed(kind));
    }

    /// A list that was made when there was nothing of a kind.
    pub(super) fn list_nothing(&mut self, kind: Kind) {
        self.told.extend([Change::Listing(kind), Change::Listed(kind)]);
    }

    pub(super) fn set_node(&mut self, name: &str, is_ready: bool) {
        let node = json!({
            "metadata": {"name": name, "uid": format!("{name}-uid")},
            "status": {
                "allocatable": {"cpu": "2", "memory": "8Gi"},
                "conditions": [{"type": "Ready", "status": if is_ready { "True" } else { "Unknown" }}],
            },
        });
        let node: Node = serde_json::from_value(node).unwrap();
        self.told.push_back(node_change(&node));
        self.nodes.insert(name.to_owned(), node);
    }

    /// A node gets a taint that nothing tolerates.
    pub(super) fn taint_node(&mut self, name: &str) {
        let node = self.nodes.get_mut(name).unwrap();
        let taint = json!({"key": "k", "effect": "NoSchedule"});
        node.spec.get_or_insert_default().taints =
            Some(vec![serde_json::from_value(taint).unwrap()]);
        let change = node_change(node);
        self.told.push_back(change);
        self.settle();
    }

    /// Somebody deletes a job, and Kubernetes what belongs to it.
    pub(super) fn delete_job(&mut self, name: &str) {
        let job = self.jobs.remove(name).unwrap();
        let is_of =
            |pod: &Pod| pod.owner_references().iter().any(|it| Some(&it.uid) == job.uid().as_ref());
        let own: Vec<String> =
            self.pods.values().filter(|pod| is_of(pod)).map(ResourceExt::name_any).collect();
        self.told.push_back(Change::Job(object_name(&job), None));
        own.iter().for_each(|pod| self.lose_pod(pod));
        self.settle();
    }

    /// Somebody tells a pod to go.
    pub(super) fn evict(&mut self, name: &str) {
        let pod = self.pods.get_mut(name).unwrap();
        let now = serde_json::from_value(json!("2026-11-24T00:00:00Z")).unwrap();
        pod.metadata.deletion_timestamp = Some(now);
        let change = pod_change(pod);
        self.told.push_back(change);
        self.settle();
    }

    pub(super) fn remove_node(&mut self, name: &str) {
        self.nodes.remove(name);
        self.told.push_back(Change::Node(name.into(), None));
    }

    /// Whether the engine was not told yet of a node that is gone.
    pub(super) fn keeps_a_node(&self) -> bool {
        !self.operator.leaving_nodes.is_empty()
    }

    /// Whether pods of a job are known that stay for their logs.
    pub(super) fn retains(&self, job: &str) -> bool {
        self.operator.stages.retains(&JobKey { namespace: "ns".into(), name: job.into() })
    }

    pub(super) fn submit(&mut self, name: &str, spec: Value) {
        let job = json!({
            "apiVersion": "proffer.dev/v1alpha1",
            "kind": "SparkJob",
            "metadata": {
                "namespace": "ns", "name": name, "uid": format!("{name}-uid"), "generation": 1,
                "resourceVersion": self.next_version(),
                "creationTimestamp": "2026-11-24T00:00:00Z",
            },
            "spec": spec,
        });
        let job: SparkJob = serde_json::from_value(job).unwrap();
        self.told.push_back(job_change(&job));
        self.jobs.insert(name.to_owned(), job);
        self.settle();
    }

    pub(super) fn edit(&mut self, name: &str, edit: impl FnOnce(&mut SparkJob)) {
        let version = self.next_version();
        let job = self.jobs.get_mut(name).unwrap();
        edit(job);
        job.metadata.generation = job.metadata.generation.map(|generation| generation + 1);
        job.metadata.resource_version = Some(version);
        let change = job_change(job);
        self.told.push_back(change);
        self.settle();
    }

    pub(super) fn advance(&mut self, milliseconds: u64) {
        let end = self.now + Span::from_milliseconds(milliseconds);
        while let Some(at) = self.operator.next_wakeup(self.now).filter(|&at| at <= end) {
            self.now = self.now.max(at) + Span::from_milliseconds(u64::from(at <= self.now));
            self.settle();
        }
        self.now = end;
        self.settle();
    }

    /// Ticks and writes until there is nothing more to be done at this time.
    pub(super) fn settle(&mut self) {
        for _ in 0..1000 {
            for change in std::mem::take(&mut self.told) {
                let is_late = matches!(change, Change::Executor(..) | Change::Pod(..));
                if self.is_deaf && is_late {
                    self.told.push_back(change);
                } else {
                    self.operator.observe(self.now, change);
                }
            }
            self.operator.tick(self.now);
            self.notices.extend(self.operator.take_notices());
            for effect in self.operator.take_told() {
                match effect {
                    Effect::Send(connection, event) => self.events.push((connection, *event)),
                    Effect::Tell(connection, event) => {
                        self.executor_events.push((connection, *event));
                    }
                    Effect::Close(connection) => self.closed.push(connection),
                    _ => {}
                }
            }
            let mut wrote = false;
            while !self.writes_wait
                && let Some(write) = self.operator.next_write(self.now)
            {
                wrote = true;
                let answer = self.perform(write);
                self.operator.answered(self.now, answer);
            }
            if !wrote && (self.told.is_empty() || self.is_deaf) {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    pub(super) fn next_version(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    /// What is heard of a write.
    fn heard<T, F: From<Unknown>>(&self, result: Result<T, F>) -> Result<T, F> {
        if self.loses_replies { Err(Unknown("lost".to_owned()).into()) } else { result }
    }

    fn perform(&mut self, write: Write) -> Answer {
        match write {
            Write::Executor(key, write) => Answer::Executor(key, self.write_executor(write)),
            Write::Driver(key, DriverWrite::Launch { parts }) => {
                self.driver_writes += 1;
                let account = parts.driver.spec.as_ref().unwrap().service_account_name.clone();
                self.check_granted(&format!("ServiceAccount {}", account.unwrap()));
                let result = self.launch_pod(parts.driver);
                Answer::Driver(key, DriverAnswer::Launched(self.heard(result)))
            }
            Write::Job(key, write) => {
                let answer = self.write_job(&key, write);
                Answer::Job(key, answer)
            }
            Write::Pool(name, write) => {
                let answer = self.write_pool(&name, write);
                Answer::Pool(name, answer)
            }
            Write::Pod(name, write) => {
                let answer = self.write_pod(&name, write);
                Answer::Pod(name, answer)
            }
            Write::Node(name, NodeWrite::Mark { mark, .. }) => {
                self.mark_node(&name, mark);
                Answer::Node(name, NodeAnswer::Marked(mark, self.heard(Ok(()))))
            }
            Write::Grant(grant) => {
                let result = self.grant(&grant);
                Answer::Grant(grant, self.heard(result))
            }
        }
    }

    /// What is made has what it needs, unless nothing can be granted.
    fn check_granted(&self, who: &str) {
        let is_bound = self.bindings.values().any(|facts| facts.to_string().ends_with(who));
        assert!(is_bound || self.grants_nothing.is_some(), "{who} lacks its rights");
    }

    fn write_executor(&mut self, write: ExecutorWrite) -> ExecutorAnswer {
        match write {
            ExecutorWrite::Launch(parts) => {
                self.check_granted("Group system:serviceaccounts:ns");
                let result = self.launch(parts.pod, parts.executor);
                ExecutorAnswer::Launched(self.heard(result))
            }
            ExecutorWrite::Assign {
                name,
                generation,
                number,
                assignments,
                acknowledged_report,
                ..
            } => {
                let result = self.change_spec(&name, Some(generation), |executor| {
                    executor.spec.assignments = assignments;
                    executor.spec.acknowledged_report = acknowledged_report;
                });
                ExecutorAnswer::Assigned(number, self.heard(result))
            }
            ExecutorWrite::Stop { name, .. } => {
                let result = self.change_spec(&name, None, |executor| executor.spec.stop = true);
                ExecutorAnswer::Stopped(self.heard(result))
            }
            ExecutorWrite::DeletePod { name, uid, .. } => {
                let result = self.write_deletion(&name, uid.as_deref());
                ExecutorAnswer::PodDeleted(self.heard(result))
            }
            ExecutorWrite::Read { name } => {
                let there = self.executors.get(&*name.name).cloned().map(Box::new);
                ExecutorAnswer::Read(self.heard(Ok(there)))
            }
            ExecutorWrite::ReadPod { name } => {
                ExecutorAnswer::PodRead(self.heard(Ok(self.pods.contains_key(&*name.name))))
            }
            ExecutorWrite::Discard { name, .. } => {
                let outcome = match self.executors.remove(&*name.name) {
                    Some(_) => {
                        self.told.push_back(Change::Executor(name, None));
                        Outcome::Done
                    }
                    None => Outcome::Missing,
                };
                ExecutorAnswer::Discarded(self.heard(Ok(outcome)))
            }
        }
    }

    fn write_deletion(&mut self, name: &ObjectName, uid: Option<&str>) -> Result<Outcome, Unknown> {
        if self.deletes_nothing {
            return Err(Unknown("lost".to_owned()));
        }
        match self.pods.get(&*name.name) {
            Some(pod) if uid.is_none_or(|uid| pod.uid().as_deref() == Some(uid)) => {
                if self.pods_linger {
                    self.delete_pod(&name.name);
                } else {
                    self.lose_pod(&name.name);
                }
                Ok(Outcome::Done)
            }
            _ => Ok(Outcome::Missing),
        }
    }

    fn write_pod(&mut self, name: &ObjectName, write: PodWrite) -> PodAnswer {
        match write {
            PodWrite::Place { uid, launch } => {
                let pod = self.place(&name.name, &uid, &launch);
                PodAnswer::Placed(launch, self.heard(Ok(pod)))
            }
            PodWrite::Explain(explanation) => {
                let outcome = self.explain(name, explanation);
                PodAnswer::Explained(self.heard(Ok(outcome)))
            }
            PodWrite::Delete { uid, .. } => {
                let result = self.write_deletion(name, Some(&uid));
                PodAnswer::Deleted(self.heard(result))
            }
            PodWrite::ReadLog => {
                let log = self.logs.get(&*name.name).cloned();
                let log = log.ok_or_else(|| Failure::Refused("there is no log".to_owned()));
                PodAnswer::LogRead(self.heard(log))
            }
            PodWrite::Task(write) => PodAnswer::Task(self.write_task(name, write)),
        }
    }

    fn write_task(&mut self, name: &ObjectName, write: TaskWrite) -> TaskAnswer {
        match write {
            TaskWrite::Run { pod, secret, .. } => {
                let data = secret.and_then(|secret| secret.string_data);
                self.secrets.extend(data.map(|data| (name.name.to_string(), data)));
                let result = self.launch_pod(*pod);
                TaskAnswer::Run(self.heard(result))
            }
            TaskWrite::Delete { uid, .. } => {
                let result = self.write_deletion(name, uid.as_deref());
                TaskAnswer::Deleted(self.heard(result))
            }
            TaskWrite::Acknowledge { uid } => {
                let outcome = self.annotate(name, "proffer.dev/acknowledged", "true".to_owned());
                TaskAnswer::Acknowledged(uid, self.heard(Ok(outcome)))
            }
            TaskWrite::Checkpoint { changes, text, .. } => {
                let outcome = self.annotate(name, "proffer.dev/mesos-executor", text);
                TaskAnswer::Checkpointed(changes, self.heard(Ok(outcome)))
            }
        }
    }

    fn explain(&mut self, name: &ObjectName, explanation: Explanation) -> Outcome {
        let Explanation { uid, offered, reason, message } = explanation;
        let there = self.pods.get_mut(&*name.name);
        let Some(pod) = there.filter(|pod| pod.uid().as_deref() == Some(&*uid)) else {
            return Outcome::Missing;
        };
        let condition = json!({
            "type": "proffer.dev/Offered", "status": if offered { "True" } else { "False" },
            "reason": reason, "message": message,
        });
        let condition = serde_json::from_value(condition).unwrap();
        let conditions = &mut pod.status.get_or_insert_default().conditions;
        let conditions = conditions.get_or_insert_default();
        conditions.retain(|it: &PodCondition| it.type_ != "proffer.dev/Offered");
        conditions.push(condition);
        let change = pod_change(pod);
        self.told.push_back(change);
        Outcome::Done
    }

    fn annotate(&mut self, name: &ObjectName, key: &str, text: String) -> Outcome {
        let Some(pod) = self.pods.get_mut(&*name.name) else { return Outcome::Missing };
        let annotations = pod.metadata.annotations.get_or_insert_default();
        annotations.extend([(key.to_owned(), text)]);
        let change = pod_change(pod);
        self.told.push_back(change);
        Outcome::Done
    }

    fn write_job(&mut self, key: &JobKey, write: JobWrite) -> JobAnswer {
        match write {
            JobWrite::Status { job, revision } => {
                let uid = job.uid().unwrap().into();
                let size = serde_json::to_string(&job.status).unwrap().len();
                let result = if size > self.largest_status {
                    self.refused_statuses += 1;
                    Err(Failure::Refused("request is too large".to_owned()))
                } else {
                    Ok(self.store_status(*job))
                };
                JobAnswer::Status { uid, revision, result: self.heard(result) }
            }
            JobWrite::Framework(FrameworkWrite::Make { id, job }) => {
                let result = self.make_job(*job);
                JobAnswer::Framework(FrameworkAnswer::Made(id, self.heard(result)))
            }
            JobWrite::Framework(FrameworkWrite::Update { id, info, .. }) => {
                let version = self.next_version();
                let outcome = match self.jobs.get_mut(&*key.name) {
                    Some(job) => {
                        job.spec.mesos.as_mut().unwrap().info = info;
                        job.metadata.resource_version = Some(version);
                        let change = job_change(job);
                        self.told.push_back(change);
                        Outcome::Done
                    }
                    None => Outcome::Missing,
                };
                JobAnswer::Framework(FrameworkAnswer::Updated(id, self.heard(Ok(outcome))))
            }
            JobWrite::Delete { uid } => {
                let outcome = match self.jobs.remove(&*key.name) {
                    Some(job) => {
                        self.told.push_back(Change::Job(object_name(&job), None));
                        Outcome::Done
                    }
                    None => Outcome::Missing,
                };
                JobAnswer::Deleted(uid, self.heard(Ok(outcome)))
            }
        }
    }

    fn store_status(&mut self, job: SparkJob) -> Option<Stored> {
        let version = self.next_version();
        let there = self.jobs.get_mut(&job.name_any())?;
        if there.resource_version() != job.resource_version() {
            return Some(Stored { job: Box::new(there.clone()), is_new: false });
        }
        there.status = job.status;
        there.metadata.resource_version = Some(version);
        let there = there.clone();
        self.told.push_back(job_change(&there));
        Some(Stored { job: Box::new(there), is_new: true })
    }

    fn write_pool(&mut self, name: &str, write: PoolWrite) -> PoolAnswer {
        match write {
            PoolWrite::Create => {
                let pool = ResourcePool::new(name, serde_json::from_value(json!({})).unwrap());
                let pool = self.store_pool(pool);
                PoolAnswer::Created(self.heard(Ok(Some(pool))))
            }
            PoolWrite::Status { pool, status } => {
                let mut pool = ResourcePool::clone(&pool);
                pool.status = Some(*status);
                let pool = self.store_pool(pool);
                PoolAnswer::Status(self.heard(Ok(Some(pool))))
            }
            PoolWrite::Keep { pool, keep } => {
                let mut pool = ResourcePool::clone(&pool);
                pool.metadata.finalizers = keep.then(|| vec!["proffer.dev/jobs".to_owned()]);
                let pool = if !keep && pool.metadata.deletion_timestamp.is_some() {
                    self.pools.remove(&pool.name_any());
                    self.told.push_back(Change::Pool(pool.name_any().into(), None));
                    Box::new(pool)
                } else {
                    self.store_pool(pool)
                };
                PoolAnswer::Kept(keep, self.heard(Ok(Some(pool))))
            }
            PoolWrite::Shape { pool, shape } => {
                let mut pool = ResourcePool::clone(&pool);
                let spec = convert::pool_shape(&shape);
                (pool.spec.weight, pool.spec.guarantee) = (spec.weight, spec.guarantee);
                pool.spec.limit = spec.limit;
                let pool = self.store_pool(pool);
                PoolAnswer::Shaped(shape, self.heard(Ok(Some(pool))))
            }
        }
    }

    fn mark_node(&mut self, name: &str, mark: NodeMark) {
        let node = self.nodes.get_mut(name).unwrap();
        let patch = mark_patch("", mark);
        let now = patch["metadata"]["annotations"]["proffer.dev/maintenance"].as_str();
        let annotations = node.metadata.annotations.get_or_insert_default();
        annotations.retain(|name, _| name != "proffer.dev/maintenance");
        annotations.extend(now.map(|text| ("proffer.dev/maintenance".to_owned(), text.to_owned())));
        let change = node_change(node);
        self.told.push_back(change);
    }

    fn make_job(&mut self, mut job: SparkJob) -> Result<Box<SparkJob>, Failure> {
        if let Some(refusal) = &self.refusal {
            return Err(Failure::Refused(refusal.clone()));
        }
        let name = job.name_any();
        if !self.jobs.contains_key(&name) {
            let version = self.next_version();
            job.metadata.uid = Some(format!("{name}-uid"));
            job.metadata.generation = Some(1);
            job.metadata.creation_timestamp =
                Some(serde_json::from_value(json!("2026-11-24T00:00:00Z")).unwrap());
            job.metadata.resource_version = Some(version);
            self.told.push_back(job_change(&job));
            self.jobs.insert(name.clone(), job);
        }
        Ok(Box::new(self.jobs[&name].clone()))
    }

    fn store_pool(&mut self, mut pool: ResourcePool) -> Box<ResourcePool> {
        pool.metadata.resource_version = Some(self.next_version());
        self.told.push_back(pool_change(&pool));
        self.pools.insert(pool.name_any(), pool.clone());
        Box::new(pool)
    }

    /// Adds a pool, or changes it.
    pub(super) fn set_pool(&mut self, pool: Value) {
        let pool: ResourcePool = serde_json::from_value(pool).unwrap();
        self.store_pool(pool);
        self.settle();
    }

    fn launch(&mut self, mut pod: Pod, mut executor: SparkExecutor) -> Result<Launched, Failure> {
        let name = pod.name_any();
        if let Some(refusal) = &self.refusal {
            return Err(Failure::Refused(refusal.clone()));
        }
        if !self.pods.contains_key(&name) {
            self.launches += 1;
            pod.metadata.uid = Some(format!("pod-{}", self.next_version()));
            let node = pod.spec.as_ref().and_then(|spec| {
                let affinity = spec.affinity.as_ref()?.node_affinity.as_ref()?;
                let terms =
                    affinity.required_during_scheduling_ignored_during_execution.as_ref()?;
                let field = terms.node_selector_terms.first()?.match_fields.as_ref()?.first()?;
                field.values.as_ref()?.first().cloned()
            });
            pod.spec.as_mut().unwrap().node_name = node;
            self.told.push_back(pod_change(&pod));
            self.pods.insert(name.clone(), pod);
        }
        if !self.executors.contains_key(&name) {
            executor.metadata.uid = Some(format!("executor-{}", self.next_version()));
            executor.metadata.generation = Some(1);
            self.told.push_back(executor_change(&executor));
            self.executors.insert(name.clone(), executor);
        }
        let (pod, executor) = (self.pods[&name].clone(), self.executors[&name].clone());
        Ok(Launched { pod: Some(Box::new(pod)), object: Box::new(executor) })
    }

    /// The scheduler takes the pinned node at its word.
    fn launch_pod(&mut self, mut pod: Pod) -> Result<Box<Pod>, Failure> {
        let name = pod.name_any();
        if let Some(refusal) = &self.refusal {
            return Err(Failure::Refused(refusal.clone()));
        }
        if !self.pods.contains_key(&name) {
            self.launches += 1;
            pod.metadata.uid = Some(format!("pod-{}", self.next_version()));
            let spec = serde_json::to_value(&pod.spec).unwrap();
            let node = spec.pointer(
                "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution\
                 /nodeSelectorTerms/0/matchFields/0/values/0",
            );
            pod.spec.as_mut().unwrap().node_name = node.and_then(Value::as_str).map(str::to_owned);
            self.told.push_back(pod_change(&pod));
            self.pods.insert(name.clone(), pod);
        }
        Ok(Box::new(self.pods[&name].clone()))
    }

    fn place(&mut self, name: &str, uid: &str, launch: &Launch) -> Option<Box<Pod>> {
        let version = self.next_version();
        let there = self.pods.get_mut(name).filter(|pod| pod.uid().as_deref() == Some(uid));
        let pod = there?;
        let Some(patch) = placing_patch(pod, launch).unwrap() else {
            return Some(Box::new(pod.clone()));
        };
        let mut value = serde_json::to_value(&*pod).unwrap();
        merge_patch(&mut value, &patch);
        *pod = serde_json::from_value(value).unwrap();
        pod.metadata.resource_version = Some(version);
        // The scheduler takes the pinned node at its word.
        pod.spec.as_mut().unwrap().node_name =
            launch.node.as_deref().filter(|_| !self.scheduler_refuses).map(str::to_owned);
        let pod = pod.clone();
        self.told.push_back(pod_change(&pod));
        Some(Box::new(pod))
    }

    /// A pod that waits for an offer, and its owner.
    pub(super) fn gate_pod(&mut self, name: &str, pool: &str, cpu: &str, owner: Option<&str>) {
        let owner = owner.map(|owner| {
            json!({
                "apiVersion": "batch/v1", "kind": "Job", "name": owner, "uid": format!("{owner}-uid"),
                "controller": true,
            })
        });
        self.make_pod(json!({
            "metadata": {
                "namespace": "ns", "name": name, "labels": {"proffer.dev/pool": pool},
                "ownerReferences": owner.into_iter().collect::<Vec<_>>(),
            },
            "spec": {
                "schedulingGates": [{"name": "proffer.dev/offer"}],
                "containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}],
            },
        }));
    }

    /// A pod that somebody else makes.
    pub(super) fn make_pod(&mut self, pod: Value) {
        let mut pod: Pod = serde_json::from_value(pod).unwrap();
        pod.metadata.uid = Some(format!("pod-{}", self.next_version()));
        pod.metadata.resource_version = Some(self.next_version());
        self.told.push_back(pod_change(&pod));
        self.pods.insert(pod.name_any(), pod);
        self.settle();
    }

    /// Where a pod is; empty as long as it waits.
    pub(super) fn node_of(&self, pod: &str) -> &str {
        self.pods[pod].spec.as_ref().unwrap().node_name.as_deref().unwrap_or_default()
    }

    /// The reason and the message for which a pod waits.
    pub(super) fn offered(&self, pod: &str) -> (String, String) {
        let conditions = self.pods[pod].status.as_ref().and_then(|it| it.conditions.as_ref());
        let mut all = conditions.into_iter().flatten();
        let found = all.find(|condition| condition.type_ == "proffer.dev/Offered");
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        found.map(|it| (text(&it.reason), text(&it.message))).unwrap_or_default()
    }

    fn change_spec(
        &mut self,
        name: &ObjectName,
        generation: Option<i64>,
        change: impl FnOnce(&mut SparkExecutor),
    ) -> Result<Option<Box<SparkExecutor>>, Unknown> {
        let Some(executor) = self.executors.get_mut(&*name.name) else { return Ok(None) };
        if generation.is_some_and(|it| Some(it) != executor.metadata.generation) {
            return Err(Unknown("another generation".to_owned()));
        }
        change(executor);
        executor.metadata.generation = executor.metadata.generation.map(|it| it + 1);
        let executor = executor.clone();
        self.told.push_back(executor_change(&executor));
        Ok(Some(Box::new(executor)))
    }

    /// An executor says that it is ready, and what of its tasks has ended.
    pub(super) fn report(&mut self, name: &str, finished: &[(&str, i32, &str)]) {
        let executor = self.executors.get_mut(name).unwrap();
        let before = executor.status.take().unwrap_or_default();
        let ranges = |range: &str| range.parse().unwrap();
        let mut status = SparkExecutorStatus {
            protocol_version: 1,
            observed_generation: executor.metadata.generation.unwrap(),
            report: before.report + 1,
            ready: true,
            ..SparkExecutorStatus::default()
        };
        if executor.spec.acknowledged_report < before.report {
            (status.finished, status.results) = (before.finished, before.results);
        }
        for &(stage, attempt, range) in finished {
            let ranges: proffer_core::ranges::Ranges = ranges(range);
            status.results.extend(ranges.iter().map(|partition| AttemptResult {
                stage: stage.to_owned(),
                partition: i32::try_from(partition).unwrap(),
                value: Some(format!("by {name}")),
                uri: None,
            }));
            status.finished.push(Assignment { stage: stage.to_owned(), attempt, ranges });
        }
        executor.status = Some(status);
        let change = executor_change(executor);
        self.told.push_back(change);
    }

    /// An executor says that an attempt at the first task of a stage failed, and what that wrote.
    pub(super) fn fail(&mut self, name: &str, (stage, attempt): (&str, i32), output: &str) {
        self.report(name, &[]);
        self.told.pop_back();
        let executor = self.executors.get_mut(name).unwrap();
        let failure = json!({
            "stage": stage, "partition": 0, "attempt": attempt, "reason": "Exited",
            "message": "it failed", "stderr": output,
        });
        let failures = &mut executor.status.as_mut().unwrap().failures;
        failures.push(serde_json::from_value(failure).unwrap());
        let change = executor_change(executor);
        self.told.push_back(change);
        self.settle();
    }

    /// Everything that is assigned to an executor finishes.
    pub(super) fn finish_all(&mut self, name: &str) {
        let lists = self.executors[name].spec.assignments.clone();
        let done: Vec<_> =
            lists.iter().map(|it| (it.stage.clone(), it.attempt, it.ranges.to_string())).collect();
        let done: Vec<_> = done.iter().map(|(stage, n, range)| (&**stage, *n, &**range)).collect();
        self.report(name, &done);
        self.settle();
    }

    /// A pod's status becomes this.
    pub(super) fn set_pod(&mut self, name: &str, status: Value) {
        let pod = self.pods.get_mut(name).unwrap();
        pod.status = serde_json::from_value(status).unwrap();
        let change = pod_change(pod);
        self.told.push_back(change);
        self.settle();
    }

    /// What watches have not told yet they never tell.
    pub(super) fn forget_told(&mut self) {
        self.told.clear();
    }

    /// The executor of a pod exits by itself.
    pub(super) fn exit(&mut self, name: &str, code: i32) {
        let phase = if code == 0 { "Succeeded" } else { "Failed" };
        self.set_pod(
            name,
            json!({"phase": phase, "containerStatuses": [{
                "name": "executor", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"exitCode": code, "reason": "Error"}},
            }]}),
        );
    }

    /// A pod is told to go.
    pub(super) fn delete_pod(&mut self, name: &str) {
        let now = serde_json::from_value(json!("2026-11-24T00:00:00Z")).unwrap();
        let pod = self.pods.get_mut(name).unwrap();
        pod.metadata.deletion_timestamp = Some(now);
        let change = pod_change(pod);
        self.told.push_back(change);
    }

    /// A pod is gone.
    pub(super) fn lose_pod(&mut self, name: &str) {
        let pod = self.pods.remove(name).unwrap();
        self.told.push_back(Change::Pod(object_name(&pod), None));
    }

    /// A pod is there again.
    pub(super) fn put_pod(&mut self, pod: Pod) {
        self.told.push_back(pod_change(&pod));
        self.pods.insert(pod.name_any(), pod);
    }

    /// A pod that somebody else made.
    pub(super) fn add_pod(&mut self, name: &str, node: &str, cpu: &str) {
        let pod = json!({
            "metadata": {"namespace": "ns", "name": name, "uid": name},
            "spec": {"nodeName": node, "containers": [
                {"name": "c", "resources": {"requests": {"cpu": cpu}}},
            ]},
        });
        let pod: Pod = serde_json::from_value(pod).unwrap();
        self.told.push_back(pod_change(&pod));
        self.pods.insert(name.to_owned(), pod);
        self.settle();
    }

    pub(super) fn executor_names(&self) -> Vec<&str> {
        self.executors.keys().map(String::as_str).collect()
    }

    pub(super) fn pod_names(&self) -> Vec<&str> {
        self.pods.keys().map(String::as_str).collect()
    }

    /// A field of a job's status, as JSON.
    pub(super) fn status(&self, job: &str, pointer: &str) -> Value {
        let status = serde_json::to_value(&self.jobs[job].status).unwrap();
        status.pointer(pointer).cloned().unwrap_or(Value::Null)
    }

    pub(super) fn reasons(&self) -> Vec<&'static str> {
        self.notices.iter().map(|notice| notice.reason).collect()
    }
}

/// As RFC 7386 has it.
fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in fields {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(key);
        } else {
            merge_patch(&mut target[key], value);
        }
    }
}

fn object_name<K: kube::Resource>(object: &K) -> ObjectName {
    ObjectName {
        namespace: object.namespace().unwrap_or_default().into(),
        name: object.name_any().into(),
    }
}

fn node_change(node: &Node) -> Change {
    Change::Node(node.name_any().into(), Some(Box::new(node_facts(node))))
}

fn pool_change(pool: &ResourcePool) -> Change {
    Change::Pool(pool.name_any().into(), Some(Arc::new(pool.clone())))
}

fn job_change(job: &SparkJob) -> Change {
    Change::Job(object_name(job), Some(Arc::new(job.clone())))
}

fn executor_change(executor: &SparkExecutor) -> Change {
    Change::Executor(object_name(executor), Some(Box::new(executor.clone())))
}

fn pod_change(pod: &Pod) -> Change {
    Change::Pod(object_name(pod), Some(Box::new(pod_facts(pod))))
}
