//! What the bench makes, and what it sees of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod, ServiceAccount};
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, ListParams, PostParams, WatchEvent, WatchParams,
};
use kube::{Api, Client, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch;

/// The label by which pods are counted; those of executors have their job's.
const LABEL: &str = "proffer.dev/job";

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn kind(kind: &str, plural: &str) -> ApiResource {
    ApiResource {
        group: "proffer.dev".to_owned(),
        version: "v1alpha1".to_owned(),
        api_version: "proffer.dev/v1alpha1".to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}

pub(crate) fn jobs(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &kind("SparkJob", "sparkjobs"))
}

pub(crate) fn executors(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &kind("SparkExecutor", "sparkexecutors"))
}

/// A job on fake nodes, of executors that never finish anything.
pub(crate) fn job(name: &str, instances: usize) -> DynamicObject {
    read(json!({
        "apiVersion": "proffer.dev/v1alpha1", "kind": "SparkJob", "metadata": {"name": name},
        "spec": {
            "executor": {
                "instances": instances, "cpu": "100m", "memory": "128Mi", "image": "none",
                "terminationGracePeriodSeconds": 0,
                "nodeSelector": {"type": "kwok"},
                "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}],
            },
            "stages": [{"name": "s", "command": ["true"], "partitions": instances}],
        },
    }))
}

/// A pod on fake nodes that Proffer has nothing to do with.
pub(crate) fn plain_pod(name: &str, group: &str, node: Option<&str>) -> Pod {
    let mut pod = json!({
        "metadata": {"name": name, "labels": {LABEL: group}},
        "spec": {
            "containers": [{"name": "c", "image": "none", "resources": {"requests": {"cpu": "10m"}}}],
            "nodeSelector": {"type": "kwok"},
            "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}],
            "terminationGracePeriodSeconds": 0,
        },
    });
    if let Some(node) = node {
        pod["spec"]["nodeName"] = json!(node);
    }
    read(pod)
}

pub(crate) async fn make_namespace(client: &Client, name: &str) {
    delete_namespace(client, name).await;
    let api: Api<Namespace> = Api::all(client.clone());
    let namespace = read(json!({"metadata": {"name": name}}));
    api.create(&PostParams::default(), &namespace).await.unwrap();
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), name);
    while accounts.get_opt("default").await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

pub(crate) async fn delete_namespace(client: &Client, name: &str) {
    let api: Api<Namespace> = Api::all(client.clone());
    let _ = api.delete(name, &DeleteParams::default()).await;
    while api.get_opt(name).await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

pub(crate) async fn fake_nodes(client: &Client) -> usize {
    let api: Api<Node> = Api::all(client.clone());
    let count =
        api.list_metadata(&ListParams::default().labels("type=kwok")).await.unwrap().items.len();
    assert!(count > 0, "there are no fake nodes: tests/cluster/up --fake-nodes 1000");
    count
}

/// The pods that were seen, by their group: those that are there and those that have a node.
#[derive(Default)]
struct Groups {
    made: BTreeMap<String, BTreeSet<String>>,
    bound: BTreeMap<String, BTreeSet<String>>,
}

/// What a watch of pods tells.
pub(crate) struct Seen(Arc<watch::Sender<Groups>>);

/// Watches the pods of a namespace.
pub(crate) async fn watch_pods(client: &Client, namespace: &str) -> Seen {
    let sender = Arc::new(watch::channel(Groups::default()).0);
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let list = api.list_metadata(&ListParams::default()).await.unwrap();
    let mut version = list.metadata.resource_version.unwrap();
    let seen = Arc::clone(&sender);
    tokio::spawn(async move {
        loop {
            let Ok(events) = api.watch(&WatchParams::default(), &version).await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let mut events = events.boxed();
            while let Some(Ok(event)) = events.next().await {
                let (WatchEvent::Added(pod) | WatchEvent::Modified(pod)) = event else { continue };
                version = pod.resource_version().unwrap();
                let group = pod.labels().get(LABEL).cloned().unwrap_or_default();
                let is_bound = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
                seen.send_modify(|groups| {
                    groups.made.entry(group.clone()).or_default().insert(pod.name_any());
                    if is_bound {
                        groups.bound.entry(group).or_default().insert(pod.name_any());
                    }
                });
            }
        }
    });
    Seen(sender)
}

impl Seen {
    /// Waits until so many pods of a group are there.
    pub(crate) async fn until_made(&self, group: &str, count: usize) {
        let is_so = |groups: &Groups| groups.made.get(group).is_some_and(|it| it.len() >= count);
        self.0.subscribe().wait_for(is_so).await.unwrap();
    }

    /// Waits until so many pods of a group have a node.
    pub(crate) async fn until_bound(&self, group: &str, count: usize) {
        let is_so = |groups: &Groups| groups.bound.get(group).is_some_and(|it| it.len() >= count);
        self.0.subscribe().wait_for(is_so).await.unwrap();
    }

    /// Forgets what was seen.
    pub(crate) fn forget(&self) {
        self.0.send_replace(Groups::default());
    }
}
