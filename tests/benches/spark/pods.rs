//! When pods got how far, as a watch tells it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Api, Client, ResourceExt};
use tokio::sync::watch;

/// How far a pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Seen,
    Bound,
    Runs,
    Ended,
}

/// A pod of an application.
struct Known {
    role: String,
    /// Spark's id. Programs may rename their application, but not that.
    application: String,
    /// The name that a driver's application has at first.
    name: String,
    steps: BTreeMap<Step, Instant>,
}

/// What a watch of pods tells.
pub(crate) struct Seen(Arc<watch::Sender<BTreeMap<String, Known>>>);

impl Seen {
    /// When the first pod of a role got so far; waits for that.
    pub(crate) async fn first(&self, role: &str, application: &str, step: Step) -> Instant {
        let mut changes = self.0.subscribe();
        loop {
            let at = of(&changes.borrow_and_update(), role, application)
                .filter_map(|pod| pod.steps.get(&step).copied())
                .min();
            if let Some(at) = at {
                return at;
            }
            changes.changed().await.unwrap();
        }
    }

    /// How long each pod of a role took from one step to another.
    pub(crate) fn between(
        &self,
        role: &str,
        application: &str,
        from: Step,
        to: Step,
    ) -> Vec<Duration> {
        let pods = self.0.borrow();
        of(&pods, role, application)
            .filter_map(|pod| Some(*pod.steps.get(&to)? - *pod.steps.get(&from)?))
            .collect()
    }
}

/// The pods of a role of the application whose driver was named so.
fn of<'a>(
    all: &'a BTreeMap<String, Known>,
    role: &'a str,
    name: &str,
) -> impl Iterator<Item = &'a Known> {
    let driver = all.values().find(|pod| pod.role == "driver" && pod.name == name);
    let application = driver.map(|driver| driver.application.clone());
    all.values()
        .filter(move |pod| pod.role == role && Some(&pod.application) == application.as_ref())
}

/// Watches the pods of a namespace from now on.
pub(crate) async fn watch(client: &Client, namespace: &str) -> Seen {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let sender = Arc::new(watch::Sender::new(BTreeMap::new()));
    let told = Arc::clone(&sender);
    let mut version =
        api.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    tokio::spawn(async move {
        loop {
            let mut events = api.watch(&WatchParams::default(), &version).await.unwrap().boxed();
            while let Some(Ok(event)) = events.next().await {
                if let WatchEvent::Added(pod) | WatchEvent::Modified(pod) = event {
                    version = pod.resource_version().unwrap();
                    told.send_modify(|all| note(all, &pod));
                }
            }
        }
    });
    Seen(sender)
}

fn note(all: &mut BTreeMap<String, Known>, pod: &Pod) {
    let label = |name: &str| pod.labels().get(name).cloned().unwrap_or_default();
    let known = all.entry(pod.name_any()).or_insert_with(|| Known {
        role: label("spark-role"),
        application: label("spark-app-selector"),
        name: label("spark-app-name"),
        steps: BTreeMap::new(),
    });
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
    let is_bound = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
    let ended = matches!(phase, "Succeeded" | "Failed");
    for (step, is_so) in [
        (Step::Seen, true),
        (Step::Bound, is_bound),
        (Step::Runs, ended || phase == "Running"),
        (Step::Ended, ended),
    ] {
        if is_so {
            known.steps.entry(step).or_insert_with(Instant::now);
        }
    }
}
