use serde_json::Value;

use super::super::fake::{block_on, cluster, failure, list_of, now, objects};
use super::*;

const POOLS: &str = r#"
apiVersion: proffer.dev/v1alpha1
kind: ResourcePool
metadata: {name: analytics, creationTimestamp: "2026-11-20T12:00:00Z"}
spec:
  weight: 2
  guarantee: {cpu: 4, memory: 16Gi}
  limit: {cpu: 16}
  fairness: Drf
  namespaces: [team, reports]
status:
  allocated: {cpu: "3500m", memory: 14Gi}
  reserved: {cpu: "1"}
  dominantShare: "0.219"
  fairShare: "0.5"
  offered: {cpu: "500m"}
  guaranteeMet: false
  runningJobs: 3
  pendingJobs: 1
  conditions:
  - {type: Active, status: "True", reason: LargerThanParent, message: the guarantee is larger than that of its parent, lastTransitionTime: "2026-11-20T12:00:00Z"}
---
apiVersion: proffer.dev/v1alpha1
kind: ResourcePool
metadata: {name: default, creationTimestamp: "2026-11-24T11:59:00Z"}
spec: {}
"#;

fn arguments(name: Option<&str>, output: Option<Format>) -> PoolsArguments {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: PoolsArguments,
    }
    let arguments = <Line as clap::Parser>::try_parse_from(["pools"]).unwrap().arguments;
    PoolsArguments { name: name.map(str::to_owned), output, ..arguments }
}

#[test]
fn tables_tell_who_has_what() {
    let (connection, requests) = cluster(|_| list_of(objects(POOLS)));
    let print = |output| block_on(pools(&connection, &arguments(None, output), now())).unwrap();
    insta::assert_snapshot!("table", print(None));
    insta::assert_snapshot!("wide", print(Some(Format::Wide)));
    let names = "resourcepool.proffer.dev/analytics\nresourcepool.proffer.dev/default\n";
    assert_eq!(print(Some(Format::Name)), names);
    assert_eq!(requests.all()[0], "GET /apis/proffer.dev/v1alpha1/resourcepools?");
}

#[test]
fn one_pool_is_itself_and_no_list() {
    let (connection, _) = cluster(|request| match request {
        "GET /apis/proffer.dev/v1alpha1/resourcepools/default" => objects::<Value>(POOLS).remove(1),
        _ => failure(404, "x", "not found"),
    });
    let print = |name| {
        let arguments = arguments(Some(name), Some(Format::Json));
        block_on(pools(&connection, &arguments, now()))
    };
    let pool: Value = serde_json::from_str(&print("default").unwrap()).unwrap();
    assert_eq!(pool["metadata"]["name"], "default");
    assert_eq!(print("x").unwrap_err().to_string(), "there is no pool x");
}
