//! The file of Spark's settings.

use std::collections::BTreeMap;
use std::fmt::Write;

use kube::ResourceExt;
use proffer_crds::SparkJob;
use proffer_crds::spark::SparkApplication;

use super::{Attempt, DECOMMISSION_SECONDS, TEMPLATE_FOLDER, program};
use crate::convert::spark::{
    DRIVER_ACCOUNT_SETTING, EXECUTOR_ACCOUNT_SETTING, driver_account, driver_size,
    executor_account, executor_size,
};
use crate::kubernetes::names::DRIVER_ACCOUNT;

/// The most executors that an application asks for that does not say how many.
const DEFAULT_MOST_EXECUTORS: u32 = 100;

/// How many pods an application may have that wait.
const MAX_PENDING: &str = "spark.kubernetes.allocation.maxPendingPods";

/// Settings by name.
#[derive(Default)]
struct Properties(BTreeMap<String, String>);

impl Properties {
    fn set(&mut self, key: &str, value: impl Into<String>) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// The file of them.
    fn text(&self) -> String {
        let mut text = String::new();
        for (key, value) in &self.0 {
            // Writing into a text cannot fail.
            let _ = writeln!(text, "{}={}", escaped(key, true), escaped(value, false));
        }
        text
    }
}

/// The file of Spark's settings: the user's, and over them what Proffer decides. `most_executors` is what
/// the pool has room for.
pub(super) fn properties(
    job: &SparkJob,
    spark: &SparkApplication,
    attempt: &Attempt,
    most_executors: u32,
) -> String {
    let mut all = suggested(job, spark, most_executors);
    all.0.extend(spark.conf.clone());
    // Users may say less than what the pool has room for, but not more.
    let pending = all.0.get(MAX_PENDING).and_then(|text| text.trim().parse::<u32>().ok());
    let pending = pending.unwrap_or(u32::MAX).min(most_executors).max(1);
    all.set(MAX_PENDING, pending.to_string());
    decide_driver(&mut all, job, spark, attempt);
    decide_executors(&mut all, spark, attempt);
    decide_files(&mut all, spark);
    all.text()
}

/// What a user may set otherwise.
fn suggested(job: &SparkJob, spark: &SparkApplication, most_executors: u32) -> Properties {
    let mut all = Properties::default();
    all.set("spark.app.name", job.name_any());
    all.set("spark.decommission.enabled", "true");
    all.set("spark.storage.decommission.enabled", "true");
    all.set(
        "spark.kubernetes.executor.terminationGracePeriodSeconds",
        format!("{DECOMMISSION_SECONDS}s"),
    );
    all.set("spark.kubernetes.executor.disableConfigMap", "true");
    all.set("spark.kubernetes.driver.service.deleteOnTermination", "false");
    all.set("spark.kubernetes.driver.ownPersistentVolumeClaim", "false");
    if let Some(dynamic) = spark.dynamic_allocation.as_ref().filter(|it| it.enabled) {
        let least = dynamic.min_executors.unwrap_or(0).max(0);
        let most = dynamic.max_executors.and_then(|most| u32::try_from(most).ok());
        let most = most.unwrap_or(DEFAULT_MOST_EXECUTORS).min(most_executors).max(1);
        all.set("spark.dynamicAllocation.shuffleTracking.enabled", "true");
        // A pool may have become smaller than what was asked for: Spark refuses what does not fit together.
        let initial = spark.first_executors().min(i32::try_from(most).unwrap_or(i32::MAX));
        all.set("spark.dynamicAllocation.minExecutors", least.min(initial).to_string());
        all.set("spark.dynamicAllocation.initialExecutors", initial.to_string());
        all.set("spark.dynamicAllocation.maxExecutors", most.to_string());
    }
    all
}

/// Where the application runs, and its driver.
fn decide_driver(
    all: &mut Properties,
    job: &SparkJob,
    spark: &SparkApplication,
    attempt: &Attempt,
) {
    let driver = driver_size(spark);
    all.set("spark.master", "k8s://https://kubernetes.default.svc");
    all.set("spark.submit.deployMode", "cluster");
    all.set("spark.kubernetes.submitInDriver", "true");
    all.set("spark.app.id", attempt.application.as_str());
    all.set("spark.kubernetes.namespace", job.namespace().unwrap_or_default());
    all.set("spark.kubernetes.driver.pod.name", attempt.driver.as_str());
    all.set("spark.kubernetes.container.image", spark.image.as_str());
    all.set(DRIVER_ACCOUNT_SETTING, driver_account(spark).unwrap_or(DRIVER_ACCOUNT));
    all.set("spark.driver.port", "7078");
    all.set("spark.driver.blockManager.port", "7079");
    all.set("spark.driver.cores", spark.driver.cores.to_string());
    all.set("spark.driver.memory", format!("{}m", driver.heap_mebibytes));
    all.set("spark.driver.memoryOverhead", format!("{}m", driver.overhead_mebibytes));
}

/// How many executors there are, and what they are given.
fn decide_executors(all: &mut Properties, spark: &SparkApplication, attempt: &Attempt) {
    let executor = executor_size(spark);
    all.set("spark.kubernetes.executor.podNamePrefix", attempt.prefix.as_str());
    all.set(
        "spark.kubernetes.executor.podTemplateFile",
        format!("{TEMPLATE_FOLDER}/pod-spec-template.yml"),
    );
    // Without it Spark would have the driver's account instead of the template's.
    if let Some(account) = executor_account(spark) {
        all.set(EXECUTOR_ACCOUNT_SETTING, account);
    }
    all.set("spark.executor.cores", spark.executor.cores.to_string());
    all.set("spark.kubernetes.executor.request.cores", format!("{}m", executor.cpu));
    all.set("spark.executor.memory", format!("{}m", executor.heap_mebibytes));
    all.set("spark.executor.memoryOverhead", format!("{}m", executor.overhead_mebibytes));
    if spark.is_dynamic() {
        all.set("spark.dynamicAllocation.enabled", "true");
    } else {
        all.set("spark.executor.instances", spark.first_executors().to_string());
    }
    for variable in &spark.executor.env {
        all.set(&format!("spark.executorEnv.{}", variable.name), variable.value.as_str());
    }
}

/// What kind of program it is, what it needs, and where its events go.
fn decide_files(all: &mut Properties, spark: &SparkApplication) {
    let kind = match (spark.is_python(), spark.is_script()) {
        (true, _) => "python",
        (false, true) => "r",
        (false, false) => "java",
    };
    all.set("spark.kubernetes.resource.type", kind);
    if let Some(log) = &spark.event_log {
        all.set("spark.eventLog.enabled", "true");
        all.set("spark.eventLog.dir", log.dir.as_str());
    }
    let mut deps = spark.deps.clone().unwrap_or_default();
    if !spark.is_script() {
        deps.jars.push(program(spark));
    }
    let lists = [
        ("spark.jars", deps.jars),
        ("spark.files", deps.files),
        ("spark.submit.pyFiles", deps.py_files),
        ("spark.jars.packages", deps.packages),
        ("spark.jars.excludes", deps.exclude_packages),
        ("spark.jars.repositories", deps.repositories),
    ];
    for (key, values) in lists.into_iter().filter(|(_, values)| !values.is_empty()) {
        all.set(key, values.join(","));
    }
    if let Some(name) = &spark.hadoop_config_map {
        all.set("spark.kubernetes.hadoop.configMapName", name.as_str());
    }
}

/// A key or a value as `java.util.Properties` reads it.
pub(super) fn escaped(text: &str, is_key: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (index, letter) in text.chars().enumerate() {
        match letter {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            ' ' if is_key || index == 0 => escaped.push_str("\\ "),
            '=' | ':' | '#' | '!' if is_key => {
                escaped.push('\\');
                escaped.push(letter);
            }
            letter if letter.is_ascii() => escaped.push(letter),
            letter => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
        }
    }
    escaped
}
