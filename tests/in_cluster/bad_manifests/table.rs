//! Manifests that nobody should take: a name, a kind and a spec.

pub(super) const CASES: &[(&str, &str, &str)] = &[
    ("a misspelt field", "SparkJob", "{executer: {cores: 1}, stages: [{name: s, command: [x]}]}"),
    ("a misspelt field in a stage", "SparkJob", "{stages: [{name: s, comand: [x]}]}"),
    ("no stages", "SparkJob", "{stages: []}"),
    ("a stage without a name", "SparkJob", "{stages: [{command: [x]}]}"),
    ("a stage with neither command nor tasks", "SparkJob", "{stages: [{name: s}]}"),
    (
        "a stage with both",
        "SparkJob",
        "{stages: [{name: s, command: [x], tasks: [{name: t, command: [z]}]}]}",
    ),
    ("a command that is a text", "SparkJob", "{stages: [{name: s, command: echo hello}]}"),
    ("an empty command", "SparkJob", "{stages: [{name: s, command: []}]}"),
    (
        "two stages of one name",
        "SparkJob",
        "{stages: [{name: s, command: [x]}, {name: s, command: [z]}]}",
    ),
    (
        "two tasks of one name",
        "SparkJob",
        "{stages: [{name: s, tasks: [{name: t, command: [x]}, {name: t, command: [z]}]}]}",
    ),
    ("a name with capitals", "SparkJob", "{stages: [{name: Stage_1, command: [x]}]}"),
    (
        "a name that is too long",
        "SparkJob",
        "{stages: [{name: ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss, command: [x]}]}",
    ),
    ("no partitions", "SparkJob", "{stages: [{name: s, command: [x], partitions: 0}]}"),
    ("fewer than no partitions", "SparkJob", "{stages: [{name: s, command: [x], partitions: -3}]}"),
    (
        "partitions of named tasks",
        "SparkJob",
        "{stages: [{name: s, partitions: 2, tasks: [{name: t, command: [x]}]}]}",
    ),
    ("slots that are none", "SparkJob", "{stages: [{name: s, command: [x], slots: 0}]}"),
    (
        "more slots than an executor has",
        "SparkJob",
        "{executor: {cores: 2}, stages: [{name: s, command: [x], slots: 3}]}",
    ),
    (
        "an input of two kinds",
        "SparkJob",
        "{stages: [{name: s, command: [x], input: {text: a, uri: b}}]}",
    ),
    ("an input of no kind", "SparkJob", "{stages: [{name: s, command: [x], input: {}}]}"),
    (
        "output without a place for it",
        "SparkJob",
        "{stages: [{name: s, command: [x], output: {}}]}",
    ),
    ("no cores", "SparkJob", "{executor: {cores: 0}, stages: [{name: s, command: [x]}]}"),
    ("negative cores", "SparkJob", "{executor: {cores: -1}, stages: [{name: s, command: [x]}]}"),
    (
        "cores that are a fraction",
        "SparkJob",
        "{executor: {cores: 1.5}, stages: [{name: s, command: [x]}]}",
    ),
    (
        "memory in thousandths of bytes",
        "SparkJob",
        "{executor: {memory: 512m}, stages: [{name: s, command: [x]}]}",
    ),
    (
        "memory that is no quantity",
        "SparkJob",
        "{executor: {memory: much}, stages: [{name: s, command: [x]}]}",
    ),
    ("no memory", "SparkJob", "{executor: {memory: 0}, stages: [{name: s, command: [x]}]}"),
    ("negative cpu", "SparkJob", "{executor: {cpu: -1}, stages: [{name: s, command: [x]}]}"),
    (
        "cpu beyond all measure",
        "SparkJob",
        "{executor: {cpu: 1e30}, stages: [{name: s, command: [x]}]}",
    ),
    ("no executors", "SparkJob", "{executor: {instances: 0}, stages: [{name: s, command: [x]}]}"),
    (
        "a fixed number and a range",
        "SparkJob",
        "{executor: {instances: 2, maxInstances: 4}, stages: [{name: s, command: [x]}]}",
    ),
    (
        "a range the wrong way round",
        "SparkJob",
        "{executor: {minInstances: 4, maxInstances: 2}, stages: [{name: s, command: [x]}]}",
    ),
    (
        "a least number alone",
        "SparkJob",
        "{executor: {minInstances: 4}, stages: [{name: s, command: [x]}]}",
    ),
    (
        "a negative grace period",
        "SparkJob",
        "{executor: {terminationGracePeriodSeconds: -1}, stages: [{name: s, command: [x]}]}",
    ),
    (
        "a toleration of every taint by mistake",
        "SparkJob",
        "{executor: {tolerations: [{value: x}]}, stages: [{name: s, command: [x]}]}",
    ),
    (
        "an effect that does not exist",
        "SparkJob",
        "{executor: {tolerations: [{key: a, operator: Exists, effect: Never}]}, stages: [{name: s, command: [x]}]}",
    ),
    (
        "a placement that does not exist",
        "SparkJob",
        "{executor: {placement: Anywhere}, stages: [{name: s, command: [x]}]}",
    ),
    (
        "a template that is a text",
        "SparkJob",
        "{executor: {template: none}, stages: [{name: s, command: [x]}]}",
    ),
    (
        "no failures allowed at all",
        "SparkJob",
        "{maxTaskFailures: 0, stages: [{name: s, command: [x]}]}",
    ),
    (
        "a deadline in the past",
        "SparkJob",
        "{deadlineSeconds: 0, stages: [{name: s, command: [x]}]}",
    ),
    (
        "a negative time to live",
        "SparkJob",
        "{ttlSecondsAfterFinished: -1, stages: [{name: s, command: [x]}]}",
    ),
    (
        "a retention that does not exist",
        "SparkJob",
        "{podRetention: Sometimes, stages: [{name: s, command: [x]}]}",
    ),
    (
        "a restart policy that does not exist",
        "SparkJob",
        "{restartPolicy: {type: Perhaps}, stages: [{name: s, command: [x]}]}",
    ),
    (
        "a quantile above one",
        "SparkJob",
        "{executor: {instances: 2}, speculation: {quantile: 2}, stages: [{name: s, command: [x]}]}",
    ),
    (
        "an environment variable without a name",
        "SparkJob",
        "{env: [{value: x}], stages: [{name: s, command: [x]}]}",
    ),
    (
        "a pool with a name that cannot be one",
        "SparkJob",
        "{pool: No Pool, stages: [{name: s, command: [x]}]}",
    ),
    ("suspend that is a text", "SparkJob", "{suspend: maybe, stages: [{name: s, command: [x]}]}"),
    ("a negative weight", "ResourcePool", "{weight: -1}"),
    ("a weight that is no number", "ResourcePool", "{weight: heavy}"),
    ("a guarantee above the limit", "ResourcePool", "{guarantee: {cpu: 4}, limit: {cpu: 2}}"),
    ("a negative guarantee", "ResourcePool", "{guarantee: {cpu: -1}}"),
    ("a fairness that does not exist", "ResourcePool", "{fairness: none}"),
    ("a misspelt field of a pool", "ResourcePool", "{wieght: 2}"),
    ("a reclaim policy that does not exist", "ResourcePool", "{reclaim: {policy: Always}}"),
    ("a negative reservation", "ResourcePool", "{reservations: [{resources: {cpu: -1}}]}"),
    ("namespaces that are a text", "ResourcePool", "{namespaces: team-a}"),
];

/// Those of them that need more than a look at one field, which the API server takes: on a cluster their
/// mistake becomes a condition.
pub(super) const TAKEN_BY_THE_CLUSTER: &[&str] = &[
    "more slots than an executor has",
    "output without a place for it",
    "a pool with a name that cannot be one",
    "a guarantee above the limit",
];
