//! A cluster around the operator: the fake API server, and somebody who plays scheduler, kubelets and
//! executors.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use proffer_core::ranges::Ranges;
use proffer_fake_api::{FakeApi, Request, Verb};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::leadership::{Permit, Timing};
use super::super::{Cluster, Leadership, timing};
use crate::clock::{Clock, Reading};
use crate::configuration::Configuration;
use crate::web::Health;

pub(super) const NODES: &str = "api/v1/nodes";
pub(super) const PODS: &str = "api/v1/pods";
pub(super) const JOBS: &str = "apis/proffer.dev/v1alpha1/sparkjobs";
pub(super) const EXECUTORS: &str = "apis/proffer.dev/v1alpha1/sparkexecutors";
pub(super) const BINDINGS: &str = "apis/rbac.authorization.k8s.io/v1/rolebindings";

/// How often it is looked whether something is as it should be.
const STEP: Duration = Duration::from_millis(50);

/// How long something may take that has to happen; it passes at once.
const PATIENCE: Duration = Duration::from_secs(900);

#[derive(Clone)]
pub(super) struct World {
    pub(super) api: FakeApi,
    player: Arc<Mutex<Player>>,
}

impl World {
    /// A cluster of so many nodes with two cpus, in which tasks take so long.
    pub(super) fn new(nodes: usize, task: Duration) -> Self {
        let api = FakeApi::new();
        for number in 0..nodes {
            let node = json!({
                "apiVersion": "v1", "kind": "Node", "metadata": {"name": format!("n{number}")},
                "status": {
                    "allocatable": {"cpu": "2", "memory": "8Gi", "pods": "110"},
                    "conditions": [{"type": "Ready", "status": "True"}],
                },
            });
            api.create(NODES, "", node);
        }
        let player = Player { task, ..Player::default() };
        let world = Self { api, player: Arc::new(Mutex::new(player)) };
        let (api, player) = (world.api.clone(), Arc::downgrade(&world.player));
        tokio::spawn(async move {
            while let Some(player) = player.upgrade() {
                player.lock().unwrap().step(&api);
                drop(player);
                tokio::time::sleep(STEP).await;
            }
        });
        world
    }

    pub(super) fn submit(&self, name: &str, spec: &Value) {
        let job = json!({
            "apiVersion": "proffer.dev/v1alpha1", "kind": "SparkJob",
            "metadata": {"name": name}, "spec": spec,
        });
        self.api.create(JOBS, "ns", job);
    }

    pub(super) fn job(&self, name: &str) -> Value {
        self.api.get(JOBS, "ns", name).unwrap()
    }

    pub(super) fn finished(&self, name: &str) -> u64 {
        let ranges = self.job(name)["status"]["stages"][0]["finished"].clone();
        let ranges: Ranges = ranges.as_str().unwrap_or_default().parse().unwrap();
        ranges.len()
    }

    pub(super) fn has_ended(&self, name: &str) -> bool {
        matches!(self.job(name)["status"]["state"].as_str(), Some("Succeeded" | "Failed"))
    }

    /// Whether neither pods nor executors' objects are left.
    pub(super) fn is_empty(&self) -> bool {
        self.api.all(PODS).is_empty() && self.api.all(EXECUTORS).is_empty()
    }

    /// How many pods there were in all.
    pub(super) fn pods_seen(&self) -> usize {
        self.player.lock().unwrap().pods.len()
    }

    /// Waits until something is so.
    #[track_caller]
    pub(super) fn until(
        &self,
        what: &'static str,
        is_so: impl Fn(&Self) -> bool,
    ) -> impl Future<Output = ()> {
        let start = Instant::now();
        async move {
            while !is_so(self) {
                let jobs = self.api.all(JOBS);
                assert!(start.elapsed() < PATIENCE, "{what}: {jobs:#?}");
                tokio::time::sleep(STEP).await;
            }
        }
    }

    /// An operator works until something else ends. Then it is gone as if it were killed.
    pub(super) async fn operate<T>(&self, until: impl Future<Output = T>) -> T {
        let leadership = Leadership::uncontested();
        self.operate_with(&leadership.permit(), until).await
    }

    pub(super) async fn operate_with<T>(
        &self,
        permit: &Permit,
        until: impl Future<Output = T>,
    ) -> T {
        let mut cluster = cluster(&self.api);
        tokio::select! {
            end = cluster.work(permit) => panic!("the operator ended: {end:?}"),
            value = until => value,
        }
    }
}

pub(super) fn configuration() -> Configuration {
    let mut configuration = Configuration::default();
    configuration.executor.image = "executor:1".to_owned();
    configuration.executor.default_image = Some("tools:1".to_owned());
    configuration
}

pub(super) fn clocks() -> Timing {
    timing(&configuration())
}

pub(super) fn cluster(api: &FakeApi) -> Cluster {
    let mut cluster =
        Cluster::start(api.client(), &configuration(), Arc::new(Health::new()), clocks(), None);
    cluster.clock = Clock::start(virtual_clocks);
    cluster.own_pod = Some(ObjectReference {
        kind: Some("Pod".to_owned()),
        namespace: Some("proffer".to_owned()),
        name: Some("operator".to_owned()),
        ..ObjectReference::default()
    });
    cluster
}

thread_local! {
    static START: Reading = Reading::now();
    /// How far somebody has set the clock of the wall.
    static SET_BY_SECONDS: Cell<i64> = const { Cell::new(0) };
}

/// The clock that tests pause, and a wall on which it hangs.
fn virtual_clocks() -> Reading {
    START.with(|start| {
        let wall = start.wall + start.steady.elapsed().into();
        let set = Duration::from_secs(SET_BY_SECONDS.get().unsigned_abs()).into();
        let wall = if SET_BY_SECONDS.get() < 0 { wall - set } else { wall + set };
        Reading { steady: Instant::now(), wall }
    })
}

/// Sets the clock of the wall.
pub(super) fn set_wall_by_seconds(seconds: i64) {
    SET_BY_SECONDS.set(SET_BY_SECONDS.get() + seconds);
}

/// Who plays everything that is not the operator.
#[derive(Default)]
struct Player {
    /// How long a task takes.
    task: Duration,
    executors: BTreeMap<String, Played>,
    /// All pods that there ever were, by uid.
    pods: BTreeSet<String>,
    /// Which executor ran which attempt: job, stage, partition, attempt.
    attempts: BTreeMap<(String, String, u32, i64), String>,
}

/// An executor.
#[derive(Default)]
struct Played {
    report: i64,
    seen: i64,
    /// Attempts that run: stage, attempt, partition, and since when.
    running: BTreeMap<(String, i64, u32), Instant>,
    /// Attempts that have ended, and the report that told so.
    finished: BTreeMap<(String, i64, u32), i64>,
    done: BTreeSet<(String, i64, u32)>,
}

impl Player {
    fn step(&mut self, api: &FakeApi) {
        let mut places = BTreeSet::new();
        for pod in api.all(PODS) {
            let text = |pointer: &str| {
                pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let (name, uid) = (text("/metadata/name"), text("/metadata/uid"));
            self.pods.insert(uid);
            let place = (
                text("/metadata/labels/proffer.dev~1job"),
                text("/metadata/labels/proffer.dev~1executor-index"),
            );
            assert!(places.insert(place.clone()), "two pods in one place: {place:?}");
            if !pod["metadata"]["deletionTimestamp"].is_null() {
                api.remove(PODS, "ns", &name).unwrap();
            } else if pod["spec"]["nodeName"].is_null() {
                let field = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution\
                             /nodeSelectorTerms/0/matchFields/0/values/0";
                let node = text(field);
                assert!(!node.is_empty(), "it is pinned: {pod:#}");
                let at = (PODS, "ns", &*name);
                api.merge(at, "", json!({"spec": {"nodeName": node}})).unwrap();
                api.merge(at, "status", json!({"status": {"phase": "Running"}})).unwrap();
            } else {
                self.run(api, &name);
            }
        }
    }

    /// What the executor in a pod does.
    fn run(&mut self, api: &FakeApi, name: &str) {
        let Some(object) = api.get(EXECUTORS, "ns", name) else { return };
        let executor = self.executors.entry(name.to_owned()).or_default();
        let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
        let acknowledged = number("/spec/acknowledgedReport");
        let before = (executor.running.len(), executor.finished.len(), executor.seen);
        executor.seen = number("/metadata/generation");
        executor.finished.retain(|_, report| *report > acknowledged);
        let mut assigned = BTreeSet::new();
        for list in object["spec"]["assignments"].as_array().into_iter().flatten() {
            let stage = list["stage"].as_str().unwrap();
            let attempt = list["attempt"].as_i64().unwrap_or(0);
            let ranges: Ranges = list["ranges"].as_str().unwrap().parse().unwrap();
            assigned.extend(ranges.iter().map(|it| (stage.to_owned(), attempt, it)));
        }
        executor.running.retain(|attempt, _| assigned.contains(attempt));
        let now = Instant::now();
        for attempt in assigned.iter().filter(|attempt| !executor.done.contains(*attempt)) {
            if !executor.running.is_empty() && !executor.running.contains_key(attempt) {
                // It has one slot.
                continue;
            }
            executor.running.entry(attempt.clone()).or_insert(now);
            let job = object["spec"]["jobUID"].as_str().unwrap().to_owned();
            let key = (job, attempt.0.clone(), attempt.2, attempt.1);
            let runs_on = self.attempts.entry(key).or_insert_with(|| name.to_owned());
            assert_eq!(runs_on, name, "an attempt runs on two executors");
        }
        let task = self.task;
        let ended: Vec<_> = executor
            .running
            .iter()
            .filter(|(_, since)| since.elapsed() >= task)
            .map(|(attempt, _)| attempt.clone())
            .collect();
        for attempt in ended {
            executor.running.remove(&attempt);
            executor.finished.insert(attempt.clone(), executor.report + 1);
            executor.done.insert(attempt);
        }
        if before != (executor.running.len(), executor.finished.len(), executor.seen) {
            executor.report += 1;
            let status = executor.status(name);
            let patch = json!([{"op": "add", "path": "/status", "value": status}]);
            let request = Request::new(Verb::JsonPatch, EXECUTORS, "ns", name);
            api.call(&request.of("status").with(patch)).unwrap();
        }
    }
}

impl Played {
    fn status(&self, name: &str) -> Value {
        let list = |(stage, attempt, partition): &(String, i64, u32)| json!({"stage": stage, "attempt": attempt, "ranges": partition.to_string()});
        let result = |(stage, attempt, partition): &(String, i64, u32)| {
            json!({
                "stage": stage, "partition": partition,
                "value": format!("attempt {attempt} by {name}"),
            })
        };
        json!({
            "protocolVersion": 1, "observedGeneration": self.seen, "report": self.report,
            "ready": true,
            "running": self.running.keys().map(list).collect::<Vec<_>>(),
            "finished": self.finished.keys().map(list).collect::<Vec<_>>(),
            "results": self.finished.keys().map(result).collect::<Vec<_>>(),
        })
    }
}
