use std::io::Write as _;

use super::*;

mod properties;
mod refusals;

/// A job with every kind of field, and a pool.
const VALID: &str = r#"
apiVersion: proffer.dev/v1alpha1
kind: SparkJob
metadata:
  name: sums
  namespace: team
  labels: {app: sums}
  annotations: {"example.com/why": "a test"}
spec:
  pool: analytics.dev
  workURI: file:///mnt/work
  executor:
    cores: 2
    cpu: "0.5"
    memory: 512Mi
    resources: {nvidia.com/gpu: 1}
    gang: {timeoutSeconds: 5}
    placement: Pack
  env:
  - {name: GREETING, value: hello}
  stages:
  - name: count
    command: [wc, -l]
    partitions: 4
    input: {uri: "logs/*.txt"}
    output: {}
  - name: merge
    dependsOn: [count]
    tasks:
    - {name: all, command: [cat]}
---
apiVersion: proffer.dev/v1alpha1
kind: ResourcePool
metadata: {name: analytics.dev}
spec:
  weight: 2
  guarantee: {cpu: 4}
  limit: {memory: 64Gi}
"#;

fn read(text: &str) -> Result<Manifests, ManifestErrors> {
    parse(&[("x.yaml".to_owned(), text.to_owned())])
}

/// What is wrong with a text, a line each.
fn messages(text: &str) -> String {
    read(text).map_or_else(|errors| errors.to_string(), |_| String::new())
}

fn position(line: u64, column: u64) -> Position {
    Position { line, column }
}

#[test]
fn reads_jobs_and_pools() {
    let manifests = read(VALID).unwrap();
    let job = &manifests.jobs[0].object;
    assert_eq!(job.metadata.name.as_deref(), Some("sums"));
    assert_eq!(job.metadata.namespace.as_deref(), Some("team"));
    assert_eq!(job.metadata.labels.as_ref().unwrap()["app"], "sums");
    assert_eq!(job.spec.executor.cpu.as_ref().unwrap().milli(), 500);
    assert_eq!(job.spec.stages[1].tasks[0].name, "all");
    let pool = &manifests.pools[0].object;
    assert_eq!(pool.metadata.namespace, None);
    assert_eq!(pool.spec.weight.milli(), 2000);
    assert_eq!((manifests.jobs.len(), manifests.pools.len()), (1, 1));
}

#[test]
fn fills_in_the_defaults_of_the_schema() {
    let manifests = read(
        "{apiVersion: proffer.dev/v1alpha1, kind: SparkJob, metadata: {name: a, creationTimestamp: \
         null}, status: {state: Failed}, spec: {executor: {memory: null}, maxTaskFailures: null, \
         workURI: , stages: [{name: b, command: [c]}]}}",
    )
    .unwrap();
    let job = &manifests.jobs[0].object;
    assert_eq!(job.metadata.namespace.as_deref(), Some("default"));
    assert_eq!(job.spec.pool, "default");
    assert_eq!(job.spec.executor.memory.as_str(), "1Gi");
    assert_eq!(job.spec.max_task_failures, 4);
    assert_eq!(job.spec.work_uri, None);
    assert_eq!(job.spec.stages[0].slots, 1);
    assert_eq!(job.status, None, "a manifest does not say what became of the job");
}

#[test]
fn reads_lists_json_anchors_and_merge_keys() {
    let text = "kind: List\napiVersion: v1\nitems:\n- &first\n  apiVersion: proffer.dev/v1alpha1\n  \
                kind: SparkJob\n  metadata: {name: one}\n  spec: &spec\n    stages:\n    - name: a\n      \
                command: [b]\n- <<: *first\n  metadata: {name: two}\n- apiVersion: \
                proffer.dev/v1alpha1\n  kind: SparkJob\n  metadata: {name: three}\n  spec: *spec\n";
    let manifests = read(text).unwrap();
    let names: Vec<_> =
        manifests.jobs.iter().filter_map(|job| job.object.metadata.name.as_deref()).collect();
    assert_eq!(names, ["one", "two", "three"]);
    assert_eq!(manifests.jobs[2].object.spec, manifests.jobs[0].object.spec);

    let json = "{\"apiVersion\": \"proffer.dev/v1alpha1\",\n\t\"kind\": \"ResourcePool\",\n\t\
                \"metadata\": {\"name\": \"a\"},\n\t\"spec\": {\"weight\": 3}\n}\n";
    assert_eq!(read(json).unwrap().pools[0].object.spec.weight.milli(), 3000);
}

#[test]
fn knows_where_every_field_is() {
    let manifests = read(VALID).unwrap();
    let source = &manifests.jobs[0].source;
    for (field, line, column) in [
        ("", 2, 1),
        ("metadata.name", 5, 9),
        ("metadata.annotations[example.com/why]", 8, 36),
        ("spec.executor.resources.nvidia.com/gpu", 16, 33),
        ("spec.executor.resources[nvidia.com/gpu]", 16, 33),
        ("spec.stages", 21, 3),
        ("spec.stages[1]", 27, 5),
        ("spec.stages[1].dependsOn[0]", 28, 17),
        // What is not there is where its surroundings are.
        ("spec.stages[1].input.uri", 27, 5),
        ("spec.stages[7].name", 21, 3),
        ("spec.executor.instances", 12, 3),
        ("status", 2, 1),
    ] {
        assert_eq!(source.position(field), Some(position(line, column)), "{field}");
    }
    assert_eq!(manifests.pools[0].source.position("spec.weight"), Some(position(36, 11)));

    let error = source.error("spec.stages[1].dependsOn[0]", "there is no stage \"x\"");
    let expected = "x.yaml:28: spec.stages[1].dependsOn[0]: there is no stage \"x\"";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn reads_files_and_says_which_it_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
        path
    };
    let valid = write("valid.yaml", VALID.as_bytes());
    assert_eq!(
        load(std::slice::from_ref(&valid)).unwrap().jobs[0].source.file(),
        valid.to_str().unwrap()
    );

    let large = vec![b'#'; (16 << 20) + 1];
    let cases: [(PathBuf, &str); 6] = [
        (folder.path().join("absent.yaml"), ": cannot be read: there is no such file"),
        (folder.path().to_owned(), ": cannot be read: it is a folder; name the files in it"),
        (write("empty.yaml", b" \n"), ": is empty"),
        (write("comment.yaml", b"---\n# nothing\n---\n"), ": there are no objects in this file"),
        (write("bytes.yaml", b"a: b\nc: \xff\n"), ":2: is not text in UTF-8"),
        (write("large.yaml", &large), ": is larger than 16 MiB, the most that is read"),
    ];
    for (path, message) in &cases {
        let errors = load(std::slice::from_ref(path)).unwrap_err();
        assert_eq!(errors.to_string(), format!("{}{message}", path.display()));
    }
    let paths: Vec<PathBuf> = cases.into_iter().map(|(path, _)| path).collect();
    assert_eq!(load(&paths).unwrap_err().errors.len(), 6, "all of them are named");
}

#[test]
fn refuses_a_second_object_of_one_name() {
    let pool = |namespace: &str| {
        let text = format!(
            "apiVersion: proffer.dev/v1alpha1\nkind: ResourcePool\nmetadata:\n{namespace}  name: a\n\
             spec: {{}}\n"
        );
        text
    };
    let files =
        [("a.yaml".to_owned(), pool("")), ("b.yaml".to_owned(), pool("  namespace: other\n"))];
    let errors = parse(&files).unwrap_err();
    let expected = "b.yaml:5: metadata.name: there is a ResourcePool \"a\" already, at a.yaml:4";
    assert_eq!(errors.to_string(), expected, "pools have no namespaces");

    let job = |namespace: &str| {
        format!(
            "apiVersion: proffer.dev/v1alpha1\nkind: SparkJob\nmetadata: {{name: a{namespace}}}\n\
             spec: {{stages: [{{name: b, command: [c]}}]}}\n"
        )
    };
    let both = |left: &str, right: &str| format!("{}---\n{}", job(left), job(right));
    assert_eq!(messages(&both("", ", namespace: other")), "");
    assert_eq!(
        messages(&both("", ", namespace: default")),
        "x.yaml:8: metadata.name: there is a SparkJob \"a\" already, at x.yaml:3"
    );
}

#[test]
fn finds_everything_in_the_order_of_lines_and_counts_the_rest() {
    let stages: String = (0..25).fold(String::new(), |text, _| text + "  - {}\n");
    let text = format!(
        "apiVersion: proffer.dev/v1alpha1\nkind: SparkJob\nmetadata: {{name: a}}\nspec:\n  stages:\n\
         {stages}  extra: 1\n"
    );
    let errors = read(&text).unwrap_err();
    assert_eq!((errors.errors.len(), errors.more), (20, 6));
    assert!(errors.errors.is_sorted_by_key(|error| error.position));
    assert!(errors.to_string().ends_with("\nand 6 more errors"), "{errors}");
    let broken = "kind: Foo\n---\nkind: Bar\n";
    let files = [("a".to_owned(), "[".to_owned()), ("b".to_owned(), broken.to_owned())];
    assert_eq!(parse(&files).unwrap_err().errors.len(), 3);
}
