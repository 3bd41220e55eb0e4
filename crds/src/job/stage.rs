//! The stages of a job: their tasks, what these read and where they write.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A step of a job: tasks that run side by side.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.tasks) != has(self.command)").message("a stage has either tasks, each with a name and a command, or one command for all partitions"),
    validation = Rule::new("!has(self.tasks) || !has(self.partitions)").message("partitions goes with command; a stage with tasks has one partition per task")
)]
pub struct Stage {
    /// The stage's name.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,

    /// The stages that have to finish before this one starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub depends_on: Vec<String>,

    /// Tasks with a name and a command of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub tasks: Vec<Task>,

    /// The command that every partition runs: a program and its arguments, without a shell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 1024), inner(length(max = 131_072)))]
    pub command: Vec<String>,

    /// How many tasks run `command`, each with its number in `PROFFER_PARTITION`. Defaults to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub partitions: Option<i32>,

    /// How many of an executor's slots one task takes. Defaults to 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1024))]
    pub slots: i32,

    /// What the tasks read: each gets its share, cut at line ends, on its standard input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Input>,

    /// Where the tasks' standard output goes: files `part-00000` and on, and `_SUCCESS` when all are
    /// complete. Without it, standard output is logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
}

impl Stage {
    /// The number of tasks.
    pub fn task_count(&self) -> i32 {
        if self.tasks.is_empty() {
            self.partitions.unwrap_or(1)
        } else {
            i32::try_from(self.tasks.len()).unwrap_or(i32::MAX)
        }
    }

    /// What a partition is called in results and logs: its task's name, or its number.
    pub fn task_name(&self, partition: u32) -> String {
        usize::try_from(partition)
            .ok()
            .and_then(|index| self.tasks.get(index))
            .map_or_else(|| partition.to_string(), |task| task.name.clone())
    }
}

/// A task with a name.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// The task's name; its result stands under it in the status.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,

    /// A program and its arguments, without a shell.
    #[schemars(length(min = 1, max = 1024), inner(length(max = 131_072)))]
    pub command: Vec<String>,
}

/// What a stage reads. Exactly one field is set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.text), has(self.uri), has(self.stage)].filter(set, set).size() == 1").message("an input has exactly one of text, uri and stage"))]
pub struct Input {
    /// The text itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 262_144))]
    pub text: Option<String>,

    /// Files: a URI or a path below the job's work URI, where `*`, `?` and `[…]` match within a name
    /// and `**` across folders. They are listed once; every attempt reads the same bytes. Files that
    /// end in `.gz` are unpacked and never split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub uri: Option<String>,

    /// An earlier stage: its output, or when it has none its results, a line or more each, in the
    /// order of the partitions. This stage then depends on that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub stage: Option<String>,
}

/// Where a stage writes.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// A folder: a URI or a path below the job's work URI. Defaults to the stage's name. It has to
    /// be new, or this job's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub uri: Option<String>,
}

fn one() -> i32 {
    1
}
