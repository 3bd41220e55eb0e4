use super::super::fake::{block_on, cluster, list_of, now, objects};
use super::*;

const EXECUTORS: &str = r#"
apiVersion: proffer.dev/v1alpha1
kind: SparkExecutor
metadata: {name: nightly-1a2b3-0-0, namespace: etl, creationTimestamp: "2026-11-24T11:59:50Z"}
spec: {job: nightly, pool: etl, node: node-1, index: 0, resources: {cpu: "2", memory: 4Gi}}
status: {ready: true}
---
apiVersion: proffer.dev/v1alpha1
kind: SparkExecutor
metadata: {name: nightly-1a2b3-1-0, namespace: etl, creationTimestamp: "2026-11-24T11:59:55Z"}
spec: {job: nightly, pool: etl, node: node-2, index: 1, resources: {cpu: "2", memory: 4Gi}}
---
apiVersion: proffer.dev/v1alpha1
kind: SparkExecutor
metadata: {name: nightly-1a2b3-2-0, namespace: etl, creationTimestamp: "2026-11-24T11:58:00Z"}
spec: {job: nightly, pool: etl, index: 2, resources: {cpu: "2", memory: 4Gi}}
status: {ready: false}
"#;

const JOBS: &str = r#"
metadata: {name: second, namespace: team}
spec: {pool: analytics, stages: []}
status: {state: Pending, position: 2, executors: {summary: 0/1}, message: "limit reached: pool analytics holds cpu 16 of 16"}
---
metadata: {name: first, namespace: team}
spec: {pool: analytics, stages: []}
status: {state: Pending, position: 1, executors: {summary: 0/1}, message: "limit reached: pool analytics holds cpu 16 of 16"}
---
metadata: {name: growing, namespace: team}
spec: {pool: analytics, stages: []}
status: {state: Running, executors: {launched: 2, wanted: 3, summary: 2/3}, message: "runs on 2 of 3 executors: no node has 4 cpu free; largest 3.5"}
---
metadata: {name: content, namespace: team}
spec: {pool: analytics, stages: []}
status: {state: Running, executors: {launched: 3, wanted: 3, summary: 3/3}}
---
metadata: {name: done, namespace: team}
spec: {pool: analytics, stages: []}
status: {state: Succeeded, executors: {launched: 0, wanted: 3}}
---
metadata: {name: unseen, namespace: team}
spec: {pool: analytics, stages: []}
"#;

#[test]
fn what_is_on_its_way_and_who_waits() {
    let text = render(&objects::<SparkExecutor>(EXECUTORS), objects(JOBS), true, now());
    insta::assert_snapshot!(text);
}

#[test]
fn nothing_is_said_to_be_nothing() {
    insta::assert_snapshot!(render(&[], Vec::new(), false, now()), @r"
    No executor is on its way.

    No job waits for an offer.
    ");
}

const POOLS: &str = r#"
metadata: {name: etl}
spec: {}
status: {offered: {cpu: "500m"}}
---
metadata: {name: analytics}
spec: {}
"#;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    arguments: OffersArguments,
}

#[test]
fn a_pool_chooses_among_both() {
    let (connection, _) = cluster(|request| {
        let all = [("sparkjobs", JOBS), ("sparkexecutors", EXECUTORS), ("resourcepools", POOLS)];
        let found = all.iter().find(|(kind, _)| request.contains(kind));
        list_of(found.map_or_else(Vec::new, |(_, text)| objects(text)))
    });
    let print = |pool| {
        let line = <Line as clap::Parser>::try_parse_from(["offers", "--pool", pool]).unwrap();
        block_on(offers(&connection, &line.arguments, now())).unwrap()
    };
    let (etl, analytics) = (print("etl"), print("analytics"));
    assert!(etl.contains("nightly-1a2b3-1-0") && !etl.contains("growing"), "{etl}");
    assert!(etl.starts_with("Open offers to Mesos frameworks:"), "{etl}");
    assert!(etl.contains("etl    cpu=500m"), "{etl}");
    assert!(analytics.starts_with("No executor"), "{analytics}");
    assert!(!analytics.contains("nightly") && analytics.contains("growing"), "{analytics}");
}
