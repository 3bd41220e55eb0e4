//! One case for each way in which a manifest can be wrong, with the whole message.

use super::*;

/// A job whose spec has these lines, the first of them on line 5, beside a stage.
fn job(lines: &str) -> String {
    let lines = lines.replace('\n', "\n  ");
    format!(
        "apiVersion: proffer.dev/v1alpha1\nkind: SparkJob\nmetadata: {{name: a}}\nspec:\n  {lines}\n  \
         stages: [{{name: b, command: [c]}}]\n"
    )
}

/// A job with this one stage, on line 6.
fn stage(stage: &str) -> String {
    format!(
        "apiVersion: proffer.dev/v1alpha1\nkind: SparkJob\nmetadata: {{name: a}}\nspec:\n  stages:\n  \
         - {stage}\n"
    )
}

fn check(cases: &[(&str, &str)], text: impl Fn(&str) -> String) {
    for (case, expected) in cases {
        assert_eq!(messages(&text(case)), *expected, "{case}");
    }
}

#[test]
fn texts_that_are_not_yaml() {
    let nested = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let bomb = format!(
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n{}",
        (1..9).fold(String::new(), |text, level| {
            let (name, below) = (char::from(b'a' + level), char::from(b'a' + level - 1));
            let aliases = vec![format!("*{below}"); 10].join(",");
            text + &format!("{name}: &{name} [{aliases}]\n")
        })
    );
    let cases = [
        ("a: [", "x.yaml:1: not valid YAML: unclosed bracket '['"),
        (
            "a: b\n  c: d",
            "x.yaml:2: not valid YAML: mapping values are not allowed in this context",
        ),
        (
            "a:\n\tb: c",
            "x.yaml:2: not valid YAML: tabs disallowed within this context (block indentation)",
        ),
        ("a: 1\nb: 2\na: 3", "x.yaml:3: \"a\" is there twice"),
        ("1: a\n\"1\": b", "x.yaml: \"1\" is there twice"),
        ("a: *b", "x.yaml:1: this alias has no anchor before it"),
        ("a: &a [*a]", "x.yaml:1: this alias contains itself"),
        ("a: .nan", "x.yaml:1: \".nan\" is not a finite number"),
        ("? [a]\n: b", "x.yaml:1: the name of a field has to be text"),
        (&nested, "x.yaml:1: too large, or nested too deeply, for a manifest"),
        (&bomb, "x.yaml:5: too large, or nested too deeply, for a manifest"),
    ];
    check(&cases, str::to_owned);
}

#[test]
fn quantities_beyond_what_can_be_compared() {
    let most = "too large; the most is 9223372036854775807, which is 8Ei less one";
    let nines = "9".repeat(44);
    let cases = [
        ("executor: {cpu: 1e39}", format!("x.yaml:5: spec.executor.cpu: 1e+39 is {most}")),
        ("executor: {cpu: \"1e39\"}", format!("x.yaml:5: spec.executor.cpu: \"1e39\" is {most}")),
        (
            "executor:\n  memory: \"1e9999999999\"",
            format!("x.yaml:6: spec.executor.memory: \"1e9999999999\" is {most}"),
        ),
        ("executor: {memory: 99Ei}", format!("x.yaml:5: spec.executor.memory: \"99Ei\" is {most}")),
        (
            "executor: {resources: {nvidia.com/gpu: \"1e-40\"}}",
            "x.yaml:5: spec.executor.resources[nvidia.com/gpu]: \"1e-40\" is written too finely; the \
             most is 18 decimal places"
                .to_owned(),
        ),
        (
            &*format!("speculation: {{quantile: \"{nines}\"}}"),
            format!("x.yaml:5: spec.speculation.quantile: \"{nines}\" is {most}"),
        ),
    ];
    for (case, expected) in cases {
        assert_eq!(messages(&job(case)), expected, "{case}");
    }
}

#[test]
fn documents_that_are_no_objects_of_ours() {
    let kinds = "kinds are SparkJob and ResourcePool of proffer.dev/v1alpha1";
    for (text, expected) in [
        (
            "foo",
            "x.yaml:1: expected the fields apiVersion, kind, metadata and spec, found the text \"foo\""
                .to_owned(),
        ),
        ("- a", "x.yaml:1: expected the fields apiVersion, kind, metadata and spec, found a list".to_owned()),
        ("a: b", format!("x.yaml:1: kind: this field is required; the {kinds}")),
        ("\nkind: 5", format!("x.yaml:2: kind: this field is required; the {kinds}")),
        ("kind: Pod", format!("x.yaml:1: kind: \"Pod\" is not a kind; the {kinds}")),
        (
            "kind: Sparkjob",
            format!("x.yaml:1: kind: \"Sparkjob\" is not a kind; did you mean SparkJob? The {kinds}"),
        ),
        ("kind: SparkExecutor", format!("x.yaml:1: kind: \"SparkExecutor\" is not a kind; the {kinds}")),
        (
            "kind: SparkJob",
            "x.yaml:1: apiVersion: this field is required; it is proffer.dev/v1alpha1".to_owned(),
        ),
        (
            "kind: SparkJob\napiVersion: v1",
            "x.yaml:2: apiVersion: \"v1\" is not the version of SparkJob; that is proffer.dev/v1alpha1"
                .to_owned(),
        ),
        ("kind: List", "x.yaml:1: items: a List has its objects here, as a list".to_owned()),
        ("kind: List\nitems: []", "x.yaml: there are no objects in this file".to_owned()),
        (
            "kind: List\nitems:\n- kind: Pod",
            format!("x.yaml:3: kind: \"Pod\" is not a kind; the {kinds}"),
        ),
    ] {
        assert_eq!(messages(text), expected, "{text}");
    }
}

#[test]
fn metadata() {
    let pool = |metadata: &str| {
        format!("apiVersion: proffer.dev/v1alpha1\nkind: ResourcePool\nspec: {{}}\n{metadata}")
    };
    let fields = "The fields are: annotations, labels, name, namespace";
    let unknown =
        format!("x.yaml:4: metadata.labls: there is no such field; did you mean labels? {fields}");
    let cases = [
        ("", "x.yaml:1: metadata: this field is required"),
        ("metadata: {}", "x.yaml:4: metadata.name: this field is required"),
        ("metadata: a", "x.yaml:4: metadata: expected fields, found the text \"a\""),
        ("metadata:\n  generateName: a-", "x.yaml:4: metadata.name: this field is required"),
        ("metadata: {name: ''}", "x.yaml:4: metadata.name: is empty"),
        (
            "metadata: {name: A_b}",
            "x.yaml:4: metadata.name: \"A_b\" is not made of lower-case letters, digits, '-' and '.', \
             with a letter or digit at both ends",
        ),
        (
            "metadata: {name: a, namespace: b.c}",
            "x.yaml:4: metadata.namespace: \"b.c\" is not made of lower-case letters, digits and '-', \
             with a letter or digit at both ends",
        ),
        ("metadata: {name: a, labls: {}}", &unknown),
        (
            "metadata: {name: a, labels: {b: yes}}",
            "x.yaml:4: metadata.labels.b: expected text, found the boolean true: put it in quotes",
        ),
        (
            "metadata: {name: a, labels: {b/c: '-'}}",
            "x.yaml:4: metadata.labels[b/c]: \"-\" is not made of letters, digits, '-', '_' and '.', \
             with a letter or digit at both ends",
        ),
    ];
    check(&cases, pool);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn fields_of_the_spec() {
    let long = format!("pool: {}", "a".repeat(300));
    let cases = [
        (
            "pol: a",
            "x.yaml:5: spec.pol: there is no such field; did you mean pool? The fields are: \
             deadlineSeconds, env, executor, maxExecutorFailures, maxTaskFailures, mesos, \
             podRetention, pool, priority, restartPolicy, spark, speculation, stages, suspend, \
             ttlSecondsAfterFinished, workURI",
        ),
        (
            "executor:\n  gang: {xyzzy: 1}",
            "x.yaml:6: spec.executor.gang.xyzzy: there is no such field; the fields are: timeoutSeconds",
        ),
        ("pool: 7", "x.yaml:5: spec.pool: expected text, found the number 7: put it in quotes"),
        (
            "pool: no",
            "x.yaml:5: spec.pool: expected text, found the boolean false: put it in quotes",
        ),
        ("pool: [a]", "x.yaml:5: spec.pool: expected text, found a list"),
        ("pool: ''", "x.yaml:5: spec.pool: is empty"),
        (&long, "x.yaml:5: spec.pool: has 300 characters; the most is 253"),
        (
            "priority: '5'",
            "x.yaml:5: spec.priority: expected a whole number, found text: write 5 without quotes",
        ),
        (
            "priority: high",
            "x.yaml:5: spec.priority: expected a whole number, found the text \"high\"",
        ),
        ("priority: 1.5", "x.yaml:5: spec.priority: expected a whole number, found the number 1.5"),
        ("maxTaskFailures: 0", "x.yaml:5: spec.maxTaskFailures: 0 is too small; the least is 1"),
        (
            "maxTaskFailures: 5000",
            "x.yaml:5: spec.maxTaskFailures: 5000 is too large; the most is 1000",
        ),
        (
            "deadlineSeconds: 9223372036854775808",
            "x.yaml:5: spec.deadlineSeconds: 9223372036854775808 is too large",
        ),
        ("env: {A: b}", "x.yaml:5: spec.env: expected a list, found fields"),
        (
            "env:\n- {name: A}\n- {name: A}",
            "x.yaml:7: spec.env[1].name: \"A\" is there already, at spec.env[0]",
        ),
        (
            "env: [{name: 1A}]",
            "x.yaml:5: spec.env[0].name: \"1A\" is not made of letters, digits, '-', '_' and '.', with \
             no digit at its start",
        ),
        ("executor: big", "x.yaml:5: spec.executor: expected fields, found the text \"big\""),
        (
            "executor: {placement: spread}",
            "x.yaml:5: spec.executor.placement: \"spread\" is not one of Spread, Pack; did you mean \
             Spread?",
        ),
        (
            "executor: {placement: tight}",
            "x.yaml:5: spec.executor.placement: \"tight\" is not one of Spread, Pack",
        ),
        (
            "executor: {cpu: 0.5}",
            "x.yaml:5: spec.executor.cpu: a number with a point goes in quotes: \"0.5\"",
        ),
        (
            "executor: {cpu: 9223372036854775808}",
            "x.yaml:5: spec.executor.cpu: 9223372036854775808 is too large",
        ),
        (
            "executor: {cpu: [1]}",
            "x.yaml:5: spec.executor.cpu: expected a number or text, found a list",
        ),
        (
            "executor: {memory: 4GB}",
            "x.yaml:5: spec.executor.memory: \"4GB\" is not a quantity such as 2, 500m, 0.5, 512Mi or 4Gi",
        ),
        (
            "executor:\n  resources: {a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1}",
            "x.yaml:6: spec.executor.resources: has 9 entries; the most is 8",
        ),
    ];
    check(&cases, job);
}

#[test]
fn stages() {
    let many = format!(
        "{{name: a, command: [b], dependsOn: [{}]}}",
        (0..17).map(|n| format!("s{n}")).collect::<Vec<_>>().join(", ")
    );
    let cases = [
        ("{command: [b]}", "x.yaml:6: spec.stages[0].name: this field is required"),
        ("{name: , command: [b]}", "x.yaml:6: spec.stages[0].name: this field is required"),
        (
            "{name: a, command: []}",
            "x.yaml:6: spec.stages[0].command: is empty; it needs at least 1 entry",
        ),
        (
            "{name: a, command: echo hello}",
            "x.yaml:6: spec.stages[0].command: expected a list, found the text \"echo hello\"",
        ),
        (
            "{name: a, command: [sleep, 5]}",
            "x.yaml:6: spec.stages[0].command[1]: expected text, found the number 5: put it in quotes",
        ),
        (
            "{name: a, command: [echo, ~]}",
            "x.yaml:6: spec.stages[0].command[1]: expected text, found nothing",
        ),
        (&many, "x.yaml:6: spec.stages[0].dependsOn: has 17 entries; the most is 16"),
        (
            "{name: a, command: [b], dependsOn: [c, c]}",
            "x.yaml:6: spec.stages[0].dependsOn[1]: \"c\" is there already, at spec.stages[0].dependsOn[0]",
        ),
        (
            "{name: a, command: [b]}\n  - {name: a, command: [b]}",
            "x.yaml:7: spec.stages[1].name: \"a\" is there already, at spec.stages[0]",
        ),
        (
            "name: a\n    tasks:\n    - {name: b, command: [c]}\n    - {name: b, command: [c]}",
            "x.yaml:9: spec.stages[0].tasks[1].name: \"b\" is there already, at spec.stages[0].tasks[0]",
        ),
    ];
    check(&cases, stage);
}

/// The rules have their own tests beside the types; these are about where they are reported.
#[test]
fn rules() {
    let cases = [
        (
            "executor:\n  cores: 1\n  memory: 512m",
            "x.yaml:7: spec.executor.memory: 512m is thousandths of a byte; did you mean 512Mi?",
        ),
        (
            "executor:\n  resources:\n    cpu: 1",
            "x.yaml:6: spec.executor.resources: cpu and memory have fields of their own",
        ),
        (
            "workURI: bucket/path",
            "x.yaml:5: spec.workURI: workURI is a URI such as file:///mnt/work or s3://bucket/path",
        ),
    ];
    check(&cases, job);
    let cases = [(
        "{name: a, command: [b]}\n  - name: c\n    command: [d]\n    input: {}",
        "x.yaml:9: spec.stages[1].input: an input has exactly one of text, uri and stage",
    )];
    check(&cases, stage);
    let text = job("").replace("name: a", &format!("name: {}", "a".repeat(41)));
    assert_eq!(
        messages(&text),
        "x.yaml:3: metadata.name: a job's name has at most 40 characters, so that the names of its \
         executors fit"
    );
}
