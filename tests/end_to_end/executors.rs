//! How many executors jobs have, where, and what they do about slow tasks and bad nodes.

use proffer_test_harness::{Test, tests};
use serde_json::json;

use crate::files::parts;
use crate::local::example;
use crate::run::{Folder, marked, unique_marker, until};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_task_that_hangs_is_tried_elsewhere_and_stopped,
        the_example_of_a_straggler,
        a_job_grows_and_shrinks_with_its_tasks,
        a_job_waits_for_the_nodes_that_it_prefers,
        a_node_that_fails_tasks_is_declined,
    ]
}

fn a_task_that_hangs_is_tried_elsewhere_and_stopped() {
    let (folder, marker) = (Folder::new(), unique_marker());
    // The first attempt at partition 0 would never end.
    folder.job(&format!(
        r#"
workURI: file://{}
executor: {{instances: 2, memory: 64Mi, terminationGracePeriodSeconds: 0}}
speculation: {{quantile: "0.5", multiplier: 1, minTaskRuntimeSeconds: 0}}
stages:
  - name: s
    partitions: 4
    output: {{}}
    command:
      - sh
      - -c
      - |
        echo "attempt $PROFFER_ATTEMPT"
        if [ "$PROFFER_PARTITION/$PROFFER_ATTEMPT" = 0/0 ]; then sleep {marker}; fi
        echo "$PROFFER_ATTEMPT" > "$PROFFER_RESULT"
"#,
        folder.path().display()
    ));
    let arguments = ["local", "--nodes", "2x1cpu,1Gi", "-o", "json", "job.yaml"];
    let ended = folder.run(&arguments).expect_code(0);
    let stage = &ended.status()["stages"][0];
    assert_eq!(stage["finished"], "0-3");
    assert!(stage["speculated"].as_i64().unwrap() >= 1, "{stage}");
    assert_eq!((&stage["failures"], &stage["losses"]), (&json!(null), &json!(null)));
    assert_eq!(ended.status()["executors"]["failed"], json!(null));
    let counted = stage["results"]["0"].as_str().unwrap();
    assert_ne!(counted, "0");
    let output = parts(&folder, "s");
    assert!(output.starts_with(&format!("attempt {counted}\n")), "{output}");
    assert_eq!(output.lines().count(), 4, "one attempt of each: {output}");
    assert!(marked(&marker).is_empty());
}

fn the_example_of_a_straggler() {
    let folder = Folder::new();
    let arguments = ["local", "--nodes", "2x1cpu,1Gi", &example("speculation.yaml")];
    let ended = folder.run(&arguments).expect_code(0);
    assert!(ended.stderr.contains("straggler/work: a second attempt at a slow task"), "{ended:?}");
}

fn a_job_grows_and_shrinks_with_its_tasks() {
    let folder = Folder::new();
    // Wide tasks wait for each other, so that they need three executors at once.
    let wide = r#"sh, -c, 'touch "$PROFFER_STAGE-$PROFFER_PARTITION"; for p in 0 1 2; do until test -e "$PROFFER_STAGE-$p"; do sleep 0.01; done; done'"#;
    folder.job(&format!(
        r"
executor: {{minInstances: 1, maxInstances: 3, idleTimeoutSeconds: 0, memory: 64Mi}}
stages:
  - {{name: wide, partitions: 3, command: [{wide}]}}
  - {{name: narrow, dependsOn: [wide], command: [sh, -c, 'echo up; until test -e go; do sleep 0.01; done']}}
  - {{name: again, dependsOn: [narrow], partitions: 3, command: [{wide}]}}
"
    ));
    let mut running = folder.start(&["local", "--nodes", "3x1cpu,1Gi", "job.yaml"]);
    running.wait_for(&["j/narrow/0: up"]);
    until("the idle executors are gone", || running.executors().len() == 1);
    folder.write("go", "");
    running.wait().expect_code(0);
}

fn a_job_waits_for_the_nodes_that_it_prefers() {
    let folder = Folder::new();
    folder.job(
        r"
executor: {instances: 2, memory: 64Mi, preferredNodes: [node-1], localityWaitSeconds: 86400}
stages: [{name: s, partitions: 4, command: ['true']}]
",
    );
    let arguments = ["local", "--nodes", "2x1cpu,1Gi", "-o", "json", "job.yaml"];
    let ended = folder.run(&arguments).expect_code(0);
    assert!(ended.stderr.contains("for one of the nodes it prefers: node-1"), "{}", ended.stderr);
    // Both tasks have to run at once, which they do as soon as the job takes any node.
    folder.job(
        r#"
executor: {instances: 2, memory: 64Mi, preferredNodeSelector: {kubernetes.io/hostname: node-1}, localityWaitSeconds: 1}
stages:
  - name: s
    partitions: 2
    command: [sh, -c, 'touch "here-$PROFFER_PARTITION"; until test -e here-0 -a -e here-1; do sleep 0.01; done']
"#,
    );
    folder.run(&arguments).expect_code(0);
}

fn a_node_that_fails_tasks_is_declined() {
    let folder = Folder::new();
    // The first executor is the bad one: whatever runs below it fails, once both of its tasks have
    // begun.
    folder.job(
        r#"
executor: {cores: 2, cpu: 1, memory: 64Mi, excludeOnFailure: {maxFailuresPerNode: 2, excludeSeconds: 86400}}
stages:
  - name: s
    partitions: 4
    command: [sh, -c, 'mkdir bad 2> bad.log && echo $PPID > bad/id; until test -s bad/id; do sleep 0.01; done; test $PPID != "$(cat bad/id)"']
"#,
    );
    let arguments = ["local", "--nodes", "2x1cpu,1Gi", "-o", "json", "job.yaml"];
    let ended = folder.run(&arguments).expect_code(0);
    let log = &ended.stderr;
    assert!(log.contains("j: declines node node-0 until 2"), "{log}");
    assert!(log.contains(": 2 tasks failed on it"), "{log}");
    assert_eq!(ended.status()["stages"][0]["finished"], "0-3");
}
