//! Watches: lists that are consistent, then every change, made small before it is passed on.

use std::fmt::Debug;
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Node, Pod, ServiceAccount};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use proffer_crds::{ResourcePool, SparkExecutor, SparkJob};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::grants::{MANAGED, binding_facts};
use super::lenient::Lenient;
use super::node::node_facts;
use super::notices::Notice;
use super::operator::{Change, Kind};
use super::pod::{ObjectName, pod_facts};

/// How long one watch request may go on: a connection that died in silence is noticed by then.
const WATCH_SECONDS: u32 = 60;

/// Passes on what happens to all objects of a kind, until nobody listens any more.
pub(crate) async fn watch(kind: Kind, client: Client, changes: mpsc::Sender<Change>) {
    let all = |object: &ObjectName| object.name.clone();
    match kind {
        Kind::Node => {
            pass_on(Api::<Node>::all(client), kind, changes, |name, node| {
                Change::Node(all(&name), node.map(|node| Box::new(node_facts(&node))))
            })
            .await;
        }
        Kind::Pool => {
            pass_on_readable(
                Api::<Lenient<ResourcePool>>::all(client),
                kind,
                changes,
                |name, pool| Change::Pool(all(&name), pool.map(Arc::new)),
            )
            .await;
        }
        Kind::Job => {
            pass_on_readable(Api::<Lenient<SparkJob>>::all(client), kind, changes, |name, job| {
                Change::Job(name, job.map(Arc::new))
            })
            .await;
        }
        Kind::Executor => {
            pass_on_readable(
                Api::<Lenient<SparkExecutor>>::all(client),
                kind,
                changes,
                |name, executor| Change::Executor(name, executor.map(Box::new)),
            )
            .await;
        }
        Kind::Pod => {
            pass_on(Api::<Pod>::all(client), kind, changes, |name, pod| {
                Change::Pod(name, pod.map(|pod| Box::new(pod_facts(&pod))))
            })
            .await;
        }
        Kind::Binding => {
            pass_on(Api::<RoleBinding>::all(client), kind, changes, |name, binding| {
                Change::Binding(name, binding.map(|binding| Box::new(binding_facts(&binding))))
            })
            .await;
        }
        Kind::Account => {
            pass_on(Api::<ServiceAccount>::all(client), kind, changes, |name, account| {
                Change::Account(name, account.is_some())
            })
            .await;
        }
    }
}

/// Which objects of a kind are watched.
fn config(kind: Kind) -> watcher::Config {
    let config = watcher::Config::default().timeout(WATCH_SECONDS);
    match kind {
        // Of those of others there are many, and they say nothing.
        Kind::Binding | Kind::Account => config.labels(&format!("{}={}", MANAGED.0, MANAGED.1)),
        Kind::Node | Kind::Pool | Kind::Job | Kind::Executor | Kind::Pod => config,
    }
}

/// Passes on what can be read, and tells of what cannot: it stays as it was last read.
async fn pass_on_readable<K>(
    api: Api<Lenient<K>>,
    kind: Kind,
    changes: mpsc::Sender<Change>,
    change: impl Fn(ObjectName, Option<K>) -> Change,
) where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    pass_on(api, kind, changes, |name, object| match object {
        None => change(name, None),
        Some(Lenient::Readable(object)) => change(name, Some(object)),
        Some(Lenient::Unreadable(object)) => {
            tracing::error!(?kind, ?name, "an object cannot be read: {}", object.problem);
            let notice = Notice::unreadable(object.reference::<K>(), &object.problem);
            Change::Unreadable(kind, name, Box::new(notice))
        }
    })
    .await;
}

async fn pass_on<K>(
    api: Api<K>,
    kind: Kind,
    changes: mpsc::Sender<Change>,
    change: impl Fn(ObjectName, Option<K>) -> Change,
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    K::DynamicType: Default,
{
    let mut events = std::pin::pin!(watcher(api, config(kind)).default_backoff());
    while let Some(event) = events.next().await {
        let change = match event {
            Ok(Event::Init) => Change::Listing(kind),
            Ok(Event::InitDone) => Change::Listed(kind),
            Ok(Event::Apply(mut object) | Event::InitApply(mut object)) => {
                // Nobody looks at who wrote which field, and it is half of many objects.
                object.meta_mut().managed_fields = None;
                change(name(&object), Some(object))
            }
            Ok(Event::Delete(object)) => change(name(&object), None),
            Err(error) => {
                tracing::warn!(?kind, "a watch broke off and begins anew: {error}");
                continue;
            }
        };
        if changes.send(change).await.is_err() {
            return;
        }
    }
}

fn name<K: Resource>(object: &K) -> ObjectName {
    ObjectName {
        namespace: object.namespace().unwrap_or_default().into(),
        name: object.name_any().into(),
    }
}
