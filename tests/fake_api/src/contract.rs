//! What an API server promises and Proffer relies on: a table of checks, each of which holds on the fake
//! one and on a real one.
//!
//! Each check has a client and a namespace in which it makes what it needs. [`DEFINITION`] has to be there.

use std::fmt::Debug;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams,
    Preconditions, WatchEvent, WatchParams,
};
use kube::{Api, Client, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A kind that no operator looks at, with a status of its own.
pub const DEFINITION: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.test.proffer.dev}
spec:
  group: test.proffer.dev
  scope: Namespaced
  names: {kind: Thing, plural: things, singular: thing}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema:
        openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
";

/// A check: it panics where the promise is broken.
pub type Check = fn(Client, String) -> BoxFuture<'static, ()>;

macro_rules! checks {
    ($($name:ident),* $(,)?) => {
        /// All checks by name.
        pub const CHECKS: &[(&str, Check)] = &[
            $((stringify!($name), |client, namespace| async move {
                $name(&client, &namespace).await;
            }.boxed())),*
        ];
    };
}

checks![
    a_new_object_has_what_tells_it_from_others,
    a_name_is_made_from_its_beginning,
    a_name_is_taken_once,
    what_is_not_there_is_not_found,
    a_status_is_not_made_with_its_object,
    a_version_is_replaced_only_while_it_is_the_last,
    a_replacement_of_ours_says_of_what,
    a_status_is_replaced_alone_and_in_its_version,
    a_generation_counts_what_is_wanted,
    what_changes_nothing_makes_no_version,
    a_patch_that_tests_what_is_not_so_is_refused,
    a_merge_names_the_version_that_it_is_for,
    a_deletion_names_what_it_is_for,
    a_finalizer_keeps_what_is_deleted,
    a_pod_without_a_node_goes_at_once,
    a_pod_on_a_node_waits_for_its_kubelet,
    an_apply_makes_what_is_missing,
    a_list_tells_from_when_it_is,
    a_watch_tells_all_that_happens_after_a_version,
    a_watch_of_one_name_tells_of_no_other,
    a_watch_ends_in_time,
    versions_grow,
];

fn maps(client: &Client, namespace: &str) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), namespace)
}

fn pods(client: &Client, namespace: &str) -> Api<Pod> {
    Api::namespaced(client.clone(), namespace)
}

fn things(client: &Client, namespace: &str) -> Api<DynamicObject> {
    let kind = ApiResource {
        group: "test.proffer.dev".to_owned(),
        version: "v1".to_owned(),
        api_version: "test.proffer.dev/v1".to_owned(),
        kind: "Thing".to_owned(),
        plural: "things".to_owned(),
    };
    Api::namespaced_with(client.clone(), namespace, &kind)
}

fn map(name: &str) -> ConfigMap {
    read(json!({"metadata": {"name": name}, "data": {"a": "1"}}))
}

/// An object of a kind that nobody looks at.
fn thing(name: &str) -> DynamicObject {
    read(json!({
        "apiVersion": "test.proffer.dev/v1", "kind": "Thing",
        "metadata": {"name": name},
        "spec": {"color": "red", "size": 1},
        "status": {"state": "Succeeded"},
    }))
}

/// A pod that no scheduler binds.
fn pod(name: &str, node: Option<&str>) -> Pod {
    let mut pod = json!({
        "metadata": {"name": name},
        "spec": {"schedulerName": "nobody", "containers": [{"name": "c", "image": "none"}]},
    });
    if let Some(node) = node {
        pod["spec"]["nodeName"] = json!(node);
    }
    read(pod)
}

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

#[track_caller]
fn code<T: Debug>(result: Result<T, kube::Error>) -> (u16, String) {
    match result {
        Err(kube::Error::Api(status)) => (status.code, status.reason.clone()),
        other => panic!("not refused: {other:?}"),
    }
}

fn conflict() -> (u16, String) {
    (409, "Conflict".to_owned())
}

async fn make<K>(api: &Api<K>, object: &K) -> K
where
    K: Clone + Debug + DeserializeOwned + serde::Serialize,
{
    api.create(&PostParams::default(), object).await.unwrap()
}

async fn a_new_object_has_what_tells_it_from_others(client: &Client, namespace: &str) {
    let api = things(client, namespace);
    let made = make(&api, &thing("new")).await;
    assert!(made.uid().is_some_and(|uid| !uid.is_empty()));
    assert!(made.resource_version().is_some_and(|version| !version.is_empty()));
    assert!(made.creation_timestamp().is_some());
    assert_eq!((made.metadata.generation, made.namespace().as_deref()), (Some(1), Some(namespace)));
}

async fn a_name_is_made_from_its_beginning(client: &Client, namespace: &str) {
    let api = maps(client, namespace);
    let mut wanted = map("");
    (wanted.metadata.name, wanted.metadata.generate_name) = (None, Some("some-".to_owned()));
    let (one, other) = (make(&api, &wanted).await, make(&api, &wanted).await);
    assert!(one.name_any().starts_with("some-") && one.name_any().len() == 10, "{one:?}");
    assert_ne!(one.name_any(), other.name_any());
}

async fn a_name_is_taken_once(client: &Client, namespace: &str) {
    let api = maps(client, namespace);
    make(&api, &map("taken")).await;
    let again = api.create(&PostParams::default(), &map("taken")).await;
    assert_eq!(code(again), (409, "AlreadyExists".to_owned()));
}

async fn what_is_not_there_is_not_found(client: &Client, namespace: &str) {
    let api = maps(client, namespace);
    let missing = (404, "NotFound".to_owned());
    assert!(api.get_opt("nothing").await.unwrap().is_none());
    assert_eq!(code(api.delete("nothing", &DeleteParams::default()).await), missing);
    let patch = Patch::Merge(json!({"data": {"a": "2"}}));
    assert_eq!(code(api.patch("nothing", &PatchParams::default(), &patch).await), missing);
    let mut wanted = map("nothing");
    wanted.metadata.resource_version = Some("1".to_owned());
    let replaced = things(client, namespace)
        .replace(
            "nothing",
            &PostParams::default(),
            &DynamicObject { metadata: wanted.metadata.clone(), ..thing("nothing") },
        )
        .await;
    assert_eq!(code(replaced), missing);
}

async fn a_status_is_not_made_with_its_object(client: &Client, namespace: &str) {
    let made = make(&things(client, namespace), &thing("no-status")).await;
    assert!(made.data["status"]["state"].is_null(), "{made:?}");
}

async fn a_version_is_replaced_only_while_it_is_the_last(client: &Client, namespace: &str) {
    let api = maps(client, namespace);
    let first = make(&api, &map("versions")).await;
    let mut second = first.clone();
    second.data.get_or_insert_default().insert("a".to_owned(), "2".to_owned());
    let parameters = PostParams::default();
    let stored = api.replace("versions", &parameters, &second).await.unwrap();
    assert_ne!(stored.resource_version(), first.resource_version());
    assert_eq!(code(api.replace("versions", &parameters, &second).await), conflict());
    // Another object of the name is not what was meant either.
    let mut other = stored.clone();
    other.metadata.uid = Some("another".to_owned());
    assert_eq!(code(api.replace("versions", &parameters, &other).await), conflict());
}

async fn a_replacement_of_ours_says_of_what(client: &Client, namespace: &str) {
    let api = things(client, namespace);
    make(&api, &thing("versionless")).await;
    let replaced = api.replace("versionless", &PostParams::default(), &thing("versionless")).await;
    assert_eq!(code(replaced), (422, "Invalid".to_owned()));
}

async fn a_status_is_replaced_alone_and_in_its_version(client: &Client, namespace: &str) {
    let api = things(client, namespace);
    let first = make(&api, &thing("status")).await;
    let mut wanted = first.clone();
    wanted.data["status"] = json!({"state": "Failed"});
    wanted.data["spec"]["color"] = json!("blue");
    let parameters = PostParams::default();
    let stored = api.replace_status("status", &parameters, &wanted).await.unwrap();
    assert_eq!(stored.data["status"]["state"], "Failed");
    assert_eq!(stored.data["spec"]["color"], "red", "the spec is not touched");
    assert_eq!(stored.metadata.generation, Some(1));
    assert_eq!(code(api.replace_status("status", &parameters, &wanted).await), conflict());
    // Nor is the status by who writes the rest.
    let mut rest = stored.clone();
    rest.data["status"] = json!({"state": "Pending"});
    rest.data["spec"]["size"] = json!(2);
    let stored = api.replace("status", &parameters, &rest).await.unwrap();
    assert_eq!(stored.data["status"]["state"], "Failed");
}

async fn a_generation_counts_what_is_wanted(client: &Client, namespace: &str) {
    let api = things(client, namespace);
    make(&api, &thing("generation")).await;
    let patch = |patch: Value| {
        let api = api.clone();
        async move {
            let patch = Patch::Merge(patch);
            let stored = api.patch("generation", &PatchParams::default(), &patch).await.unwrap();
            stored.metadata.generation
        }
    };
    assert_eq!(patch(json!({"metadata": {"labels": {"a": "b"}}})).await, Some(1));
    assert_eq!(patch(json!({"spec": {"size": 2}})).await, Some(2));
}

async fn what_changes_nothing_makes_no_version(client: &Client, namespace: &str) {
    let api = things(client, namespace);
    let made = make(&api, &thing("same")).await;
    let patch = Patch::Merge(json!({"spec": {"size": 1}}));
    let stored = api.patch("same", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(stored.resource_version(), made.resource_version());
    let stored = api.replace("same", &PostParams::default(), &stored).await.unwrap();
    assert_eq!(stored.resource_version(), made.resource_version());
}

async fn a_patch_that_tests_what_is_not_so_is_refused(client: &Client, namespace: &str) {
    let api = things(client, namespace);
    let made = make(&api, &thing("tested")).await;
    let patch = |generation: i64, size: i64| {
        let patch = read(json!([
            {"op": "test", "path": "/metadata/uid", "value": made.uid()},
            {"op": "test", "path": "/metadata/generation", "value": generation},
            {"op": "add", "path": "/spec/size", "value": size},
        ]));
        let api = api.clone();
        async move { api.patch("tested", &PatchParams::default(), &Patch::Json::<()>(patch)).await }
    };
    assert_eq!(patch(1, 5).await.unwrap().data["spec"]["size"], 5);
    assert_eq!(code(patch(1, 6).await).0, 422);
    assert_eq!(api.get("tested").await.unwrap().data["spec"]["size"], 5);
    assert_eq!(patch(2, 6).await.unwrap().data["spec"]["size"], 6);
}

async fn a_merge_names_the_version_that_it_is_for(client: &Client, namespace: &str) {
    let api = maps(client, namespace);
    let first = make(&api, &map("merged")).await;
    let patch = |value: &str| {
        Patch::Merge(json!({
            "metadata": {"resourceVersion": first.resource_version()}, "data": {"a": value},
        }))
    };
    api.patch("merged", &PatchParams::default(), &patch("2")).await.unwrap();
    assert_eq!(code(api.patch("merged", &PatchParams::default(), &patch("3")).await), conflict());
}

async fn a_deletion_names_what_it_is_for(client: &Client, namespace: &str) {
    let api = maps(client, namespace);
    let made = make(&api, &map("deleted")).await;
    let only = |uid: Option<String>, version: Option<String>| {
        DeleteParams::default().preconditions(Preconditions { uid, resource_version: version })
    };
    let other = only(Some("another".to_owned()), None);
    assert_eq!(code(api.delete("deleted", &other).await), conflict());
    let older = only(made.uid(), Some("1".to_owned()));
    assert_eq!(code(api.delete("deleted", &older).await), conflict());
    api.delete("deleted", &only(made.uid(), made.resource_version())).await.unwrap();
    assert!(api.get_opt("deleted").await.unwrap().is_none());
}

async fn a_finalizer_keeps_what_is_deleted(client: &Client, namespace: &str) {
    let api = maps(client, namespace);
    let mut wanted = map("kept");
    wanted.metadata.finalizers = Some(vec!["proffer.dev/test".to_owned()]);
    make(&api, &wanted).await;
    api.delete("kept", &DeleteParams::default()).await.unwrap();
    let there = api.get("kept").await.unwrap();
    assert!(there.metadata.deletion_timestamp.is_some());
    let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    api.patch("kept", &PatchParams::default(), &patch).await.unwrap();
    assert!(api.get_opt("kept").await.unwrap().is_none());
}

async fn a_pod_without_a_node_goes_at_once(client: &Client, namespace: &str) {
    let api = pods(client, namespace);
    make(&api, &pod("unbound", None)).await;
    api.delete("unbound", &DeleteParams::default()).await.unwrap();
    assert!(api.get_opt("unbound").await.unwrap().is_none());
}

async fn a_pod_on_a_node_waits_for_its_kubelet(client: &Client, namespace: &str) {
    let api = pods(client, namespace);
    make(&api, &pod("bound", Some("no-such-node"))).await;
    api.delete("bound", &DeleteParams::default()).await.unwrap();
    let there = api.get("bound").await.unwrap();
    assert!(there.metadata.deletion_timestamp.is_some());
    api.delete("bound", &DeleteParams::default().grace_period(0)).await.unwrap();
    assert!(api.get_opt("bound").await.unwrap().is_none());
}

async fn an_apply_makes_what_is_missing(client: &Client, namespace: &str) {
    let api = maps(client, namespace);
    let wanted = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"a": "1"},
    });
    let parameters = PatchParams::apply("proffer-test").force();
    let made = api.patch("applied", &parameters, &Patch::Apply(&wanted)).await.unwrap();
    let again = api.patch("applied", &parameters, &Patch::Apply(&wanted)).await.unwrap();
    assert_eq!(made.uid(), again.uid());
    assert_eq!(made.resource_version(), again.resource_version());
}

async fn a_list_tells_from_when_it_is(client: &Client, namespace: &str) {
    let api = maps(client, namespace);
    let mut wanted = map("listed");
    wanted.metadata.labels = Some([("test".to_owned(), "listed".to_owned())].into());
    make(&api, &wanted).await;
    make(&api, &map("not-listed")).await;
    let list = api.list(&ListParams::default().labels("test=listed")).await.unwrap();
    assert_eq!(list.items.len(), 1);
    assert!(list.metadata.resource_version.is_some_and(|version| !version.is_empty()));
    let one = api.list(&ListParams::default().fields("metadata.name=not-listed")).await.unwrap();
    assert_eq!(one.items.len(), 1);
}

/// What a watch tells, until something of this name is deleted.
async fn watched(
    api: &Api<ConfigMap>,
    parameters: WatchParams,
    from: &str,
    last: &str,
) -> Vec<(&'static str, String, String)> {
    let mut events = api.watch(&parameters.timeout(60), from).await.unwrap().boxed();
    let mut told = Vec::new();
    while let Some(event) = events.try_next().await.unwrap() {
        let (kind, object) = match event {
            WatchEvent::Added(object) => ("ADDED", object),
            WatchEvent::Modified(object) => ("MODIFIED", object),
            WatchEvent::Deleted(object) => ("DELETED", object),
            WatchEvent::Bookmark(_) => continue,
            WatchEvent::Error(status) => panic!("{status:?}"),
        };
        let (name, version) = (object.name_any(), object.resource_version().unwrap());
        let ends = kind == "DELETED" && name == last;
        told.push((kind, name, version));
        if ends {
            return told;
        }
    }
    panic!("the watch ended: {told:?}");
}

async fn a_watch_tells_all_that_happens_after_a_version(client: &Client, namespace: &str) {
    let api = maps(client, namespace);
    let before = make(&api, &map("before")).await.resource_version().unwrap();
    let made = make(&api, &map("watched")).await;
    let patch = Patch::Merge(json!({"data": {"a": "2"}}));
    api.patch("watched", &PatchParams::default(), &patch).await.unwrap();
    api.delete("watched", &DeleteParams::default()).await.unwrap();
    let told = watched(&api, WatchParams::default(), &before, "watched").await;
    let told: Vec<_> = told.iter().filter(|(_, name, _)| name == "watched").collect();
    let kinds: Vec<&str> = told.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(kinds, ["ADDED", "MODIFIED", "DELETED"]);
    assert_eq!(Some(&told[0].2), made.resource_version().as_ref());
    // What is gone is told in a version of its own, from which one can go on.
    let number = |index: usize| told[index].2.parse::<u64>().unwrap();
    assert!(number(0) < number(1) && number(1) < number(2));
    // And later versions are not told of again.
    make(&api, &map("after")).await;
    api.delete("after", &DeleteParams::default()).await.unwrap();
    let told = watched(&api, WatchParams::default(), &told[2].2, "after").await;
    assert!(told.iter().all(|(_, name, _)| name != "watched"), "{told:?}");
}

async fn a_watch_of_one_name_tells_of_no_other(client: &Client, namespace: &str) {
    let api = maps(client, namespace);
    let before = make(&api, &map("one")).await.resource_version().unwrap();
    make(&api, &map("another")).await;
    api.delete("another", &DeleteParams::default()).await.unwrap();
    api.delete("one", &DeleteParams::default()).await.unwrap();
    let only = WatchParams::default().fields("metadata.name=one");
    let told = watched(&api, only, &before, "one").await;
    assert_eq!(told.len(), 1, "{told:?}");
}

async fn a_watch_ends_in_time(client: &Client, namespace: &str) {
    let api = maps(client, namespace);
    let list = api.list(&ListParams::default()).await.unwrap();
    let from = list.metadata.resource_version.unwrap();
    let events = api.watch(&WatchParams::default().timeout(1), &from).await.unwrap();
    // Only bookmarks and other namespaces' silence until then.
    let told: Vec<_> = events.try_collect().await.unwrap();
    assert!(told.iter().all(|event| !matches!(event, WatchEvent::Error(_))), "{told:?}");
}

async fn versions_grow(client: &Client, namespace: &str) {
    let api = maps(client, namespace);
    let number = |map: &ConfigMap| map.resource_version().unwrap().parse::<u64>().unwrap();
    let (one, other) = (make(&api, &map("older")).await, make(&api, &map("newer")).await);
    assert!(number(&one) < number(&other));
}
