//! Jobs that run as they should.

use std::collections::BTreeMap;
use std::path::Path;

use proffer_test_harness::{Test, tests};
use serde_json::{Value, json};

use crate::run::Folder;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        the_sum_and_the_product_of_two_numbers,
        the_words_of_a_text_are_counted,
        two_teams_share_by_weight,
        made_up_nodes_have_labels_and_taints,
        tasks_know_where_they_are,
        what_tasks_print_is_logged_with_their_names,
        ten_thousand_short_tasks,
        a_task_that_fails_now_and_then_is_run_again,
        a_job_that_failed_is_run_again_and_finished_tasks_are_not,
        a_deadline_ends_a_job,
        gangs_start_together,
        manifests_come_from_standard_input_and_objects_go_out_as_yaml,
        final_objects_are_whole,
        the_command_line_explains_itself,
    ]
}

/// A file of the project's examples.
pub(crate) fn example(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join("manifests").join(name).to_str().unwrap().to_owned()
}

fn the_sum_and_the_product_of_two_numbers() {
    let folder = Folder::new();
    let ended = folder.run(&["local", "-o", "json", &example("sum-product.yaml")]).expect_code(0);
    assert_eq!(ended.results(), json!({ "sum": "13", "product": "42" }));
    assert_eq!(ended.status()["state"], "Succeeded");
    let people = folder.run(&["local", &example("sum-product.yaml")]).expect_code(0);
    let expected = "\
JOB          STATE      TASKS
sum-product  Succeeded  2/2

sum-product/arithmetic
  sum      13
  product  42
";
    assert_eq!(people.stdout, expected);
    assert!(
        people.stderr.contains("sum-product/arithmetic: started, 2 tasks"),
        "{}",
        people.stderr
    );
}

fn the_words_of_a_text_are_counted() {
    let file = example("word-count.yaml");
    let ended = Folder::new().run(&["local", "-o", "json", &file]).expect_code(0);
    let job = ended.job();
    let text = job["spec"]["stages"][0]["input"]["text"].as_str().unwrap().to_lowercase();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for word in text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty()) {
        *counts.entry(word).or_default() += 1;
    }
    let mut sorted: Vec<_> = counts.into_iter().collect();
    sorted.sort_by_key(|&(word, count)| (std::cmp::Reverse(count), word));
    let top: Vec<String> =
        sorted.iter().take(10).map(|(word, count)| format!("{count} {word}")).collect();
    assert_eq!(job["status"]["stages"][1]["results"]["top-ten"], top.join("\n"));
}

fn two_teams_share_by_weight() {
    let file = example("pools.yaml");
    let ended = Folder::new().run(&["local", "--nodes", "1x6cpu,6Gi", &file]).expect_code(0);
    // Whoever waits at first waits because the other team holds its share: 4 and 2 of 6.
    assert!(ended.stderr.contains("report: runs on 4 of 6 executors"), "{}", ended.stderr);
    assert!(ended.stderr.contains("experiment: runs on 2 of 6 executors"), "{}", ended.stderr);
}

fn made_up_nodes_have_labels_and_taints() {
    let folder = Folder::new();
    let pool = "apiVersion: proffer.dev/v1alpha1\nkind: ResourcePool\nmetadata: {name: a}\nspec: \
                {nodeSelector: {zone: a}, elastic: {upTo: {cpu: 1}}}\n";
    folder.write("pool.yaml", pool);
    folder.job(
        "pool: a\nexecutor: {memory: 64Mi, instances: 4}\ndeadlineSeconds: 60\n\
         stages: [{name: s, command: [sleep, '0.2'], partitions: 4}]",
    );
    let run = |nodes: &[&str]| {
        let mut arguments = vec!["local", "-o", "json", "pool.yaml", "job.yaml"];
        nodes.iter().for_each(|nodes| arguments.extend(["--nodes", nodes]));
        folder.run(&arguments)
    };
    let ended =
        run(&["4cpu,4Gi", "1cpu,1Gi,label:zone=a,taint:spot:PreferNoSchedule"]).expect_code(0);
    let said = "runs on 1 of 4 executors: 1 node matches zone=a; none has 1 cpu free; largest 0";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    let warning = "warning: pool.yaml:4: spec.elastic: no autoscaler adds nodes to this machine";
    assert!(ended.stderr.starts_with(warning), "{}", ended.stderr);
    let tainted = "4cpu,4Gi,label:zone=a,taint:gpu=yes:NoSchedule";
    folder.job(
        "pool: a\nexecutor: {memory: 64Mi}\ndeadlineSeconds: 1\n\
         stages: [{name: s, command: [sleep, '0.2']}]",
    );
    let ended = run(&[tainted]).expect_code(1);
    let said = "1 node matches zone=a; 1 of them is tainted gpu=yes:NoSchedule, which the job does not \
                tolerate";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    folder.job(
        "pool: a\nexecutor: {memory: 64Mi, tolerations: [{key: gpu, operator: Exists}]}\n\
         stages: [{name: s, command: [sleep, '0.2']}]",
    );
    run(&[tainted]).expect_code(0);
}

fn tasks_know_where_they_are() {
    let folder = Folder::new();
    folder.job(
        r#"
env: [{name: GREETING, value: "good day"}]
executor: {cores: 3}
stages:
  - name: s
    partitions: 3
    command: [sh, -c, 'echo "$GREETING $PROFFER_JOB $PROFFER_STAGE $PROFFER_PARTITION/$PROFFER_PARTITIONS $PROFFER_ATTEMPT" > "$PROFFER_RESULT"']
"#,
    );
    let ended =
        folder.run(&["local", "--nodes", "3cpu,1Gi", "-o", "json", "job.yaml"]).expect_code(0);
    let results =
        json!({ "0": "good day j s 0/3 0", "1": "good day j s 1/3 0", "2": "good day j s 2/3 0" });
    assert_eq!(ended.results(), results);
}

fn what_tasks_print_is_logged_with_their_names() {
    let folder = Folder::new();
    folder.job(
        "stages: [{name: s, tasks: [{name: talk, command: [sh, -c, 'echo out; echo err >&2']}]}]",
    );
    let ended = folder.run_job().expect_code(0);
    assert!(ended.stderr.contains("j/s/talk: out\n"), "{}", ended.stderr);
    assert!(ended.stderr.contains("j/s/talk: err\n"), "{}", ended.stderr);
    let quiet = folder.run(&["local", "-q", "job.yaml"]).expect_code(0);
    assert_eq!(quiet.stderr, "");
}

fn ten_thousand_short_tasks() {
    let folder = Folder::new();
    folder.job("executor: {instances: 2, memory: 64Mi}\nstages: [{name: s, partitions: 10000, command: ['true']}]");
    let ended = folder.run_job().expect_code(0);
    assert_eq!(ended.status()["stages"][0]["finished"], "0-9999");
    assert_eq!(ended.status()["tasks"], "10000/10000");
}

fn a_task_that_fails_now_and_then_is_run_again() {
    let folder = Folder::new();
    folder.job(
        r#"
stages:
  - name: s
    partitions: 4
    command: [sh, -c, 'test "$PROFFER_ATTEMPT" -ge 2 || { echo "not yet" >&2; exit 7; }; echo "$PROFFER_ATTEMPT" > "$PROFFER_RESULT"']
"#,
    );
    let ended = folder.run_job().expect_code(0);
    assert_eq!(ended.results(), json!({ "0": "2", "1": "2", "2": "2", "3": "2" }));
    let stage = &ended.status()["stages"][0];
    assert_eq!(stage["failures"], json!({ "0": 2, "1": 2, "2": 2, "3": 2 }));
    assert_eq!(ended.status()["failures"][0]["message"], "exited with code 7");
    assert_eq!(ended.status()["failures"][0]["stderr"], "not yet\n");
}

fn a_job_that_failed_is_run_again_and_finished_tasks_are_not() {
    let folder = Folder::new();
    folder.job(
        r#"
maxTaskFailures: 1
restartPolicy: {type: OnFailure, onFailureRetries: 2, onFailureRetryIntervalSeconds: 0}
stages:
  - {name: once, command: [sh, -c, 'echo ran >> once.txt']}
  - {name: later, dependsOn: [once], command: [sh, -c, 'echo tried >> later.txt; test "$(wc -l < later.txt)" -ge 3']}
"#,
    );
    let ended = folder.run_job().expect_code(0);
    assert_eq!(ended.status()["restarts"], 2);
    assert_eq!(folder.read("once.txt"), "ran\n");
    assert_eq!(folder.read("later.txt"), "tried\ntried\ntried\n");
}

fn a_deadline_ends_a_job() {
    let folder = Folder::new();
    folder.job("deadlineSeconds: 1\nstages: [{name: s, command: [sleep, '1000']}]");
    let ended = folder.run_job().expect_code(1);
    let conditions = ended.status()["conditions"].clone();
    let failed = conditions.as_array().unwrap().iter().find(|c| c["type"] == "Failed").unwrap();
    assert_eq!(failed["reason"], "DeadlineExceeded");
}

fn gangs_start_together() {
    let folder = Folder::new();
    // Each task waits for the other, so that one executor at a time could never finish.
    folder.job(
        r#"
executor: {instances: 2, memory: 64Mi, gang: {timeoutSeconds: 60}}
stages:
  - name: s
    partitions: 2
    command: [sh, -c, 'touch "here-$PROFFER_PARTITION"; until test -e here-0 -a -e here-1; do sleep 0.01; done']
"#,
    );
    folder.run(&["local", "--nodes", "2x1cpu,1Gi", "job.yaml"]).expect_code(0);
}

fn manifests_come_from_standard_input_and_objects_go_out_as_yaml() {
    let folder = Folder::new();
    let job = std::fs::read_to_string(example("sum-product.yaml")).unwrap();
    let ended = folder.run_with_input(&["local", "-q", "-o", "yaml", "-"], &job).expect_code(0);
    assert!(ended.stdout.starts_with("apiVersion: v1\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("product: \"42\""), "{}", ended.stdout);
    assert_eq!(ended.stderr, "");
    // What comes out can go in again: the status is not part of what is asked for.
    folder.write("again.yaml", &ended.stdout);
    folder.run(&["local", "-q", "again.yaml"]).expect_code(0);
}

fn final_objects_are_whole() {
    let folder = Folder::new();
    let ended = folder.run(&["local", "-o", "json", &example("pools.yaml")]).expect_code(0);
    let list: Value = serde_json::from_str(&ended.stdout).unwrap();
    let names: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|i| i["metadata"]["name"].clone()).collect();
    assert_eq!(names, ["analytics", "research", "default", "experiment", "report"]);
    for item in list["items"].as_array().unwrap() {
        assert!(item["status"].is_object(), "{item}");
    }
}

fn the_command_line_explains_itself() {
    let folder = Folder::new();
    let help = folder.run(&["local", "--help"]).expect_code(0).stdout;
    assert!(help.contains("Exit code: 0 if every job succeeded"), "{help}");
    assert!(folder.run(&["completion", "bash"]).expect_code(0).stdout.contains("_proffer"));
    assert_eq!(
        folder
            .run(&["crds"])
            .expect_code(0)
            .stdout
            .matches("kind: CustomResourceDefinition")
            .count(),
        3
    );
    folder.run(&["local", "--nodes", "2", "x.yaml"]).expect_code(2);
}
