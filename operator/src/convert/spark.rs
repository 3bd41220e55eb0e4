//! A Spark application to the engine's settings of a job: one place for the driver, and one for each of
//! its first executors, all at once or none.
//!
//! The places are as large as the larger of driver and executor; what a pod does not need of its place is
//! given back when it is there.

use k8s_openapi::api::core::v1::PodSpec;
use proffer_core::event::{Label, Toleration};
use proffer_core::jobs::{ExecutorSpec, StageSpec};
use proffer_crds::Quantity;
use proffer_crds::pod::PodTemplate;
use proffer_crds::spark::SparkApplication;

use super::count;
use super::labels::{node_selector, toleration};
use proffer_core::time::Span;

/// The stage of a Spark job, whose one task is the driver.
pub(crate) const DRIVER_STAGE: &str = "driver";

/// Spark's setting of the account that the driver runs as, and executors that have none of their own.
pub(crate) const DRIVER_ACCOUNT_SETTING: &str =
    "spark.kubernetes.authenticate.driver.serviceAccountName";

/// Spark's setting of the account that executors run as.
pub(crate) const EXECUTOR_ACCOUNT_SETTING: &str =
    "spark.kubernetes.authenticate.executor.serviceAccountName";

/// The least memory beside the heap, in MiB.
const LEAST_OVERHEAD_MEBIBYTES: i64 = 384;

/// How long an admitted job waits for all of its places.
const ADMISSION_TIMEOUT: Span = Span::from_seconds(300);

/// What a pod of an application is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodSize {
    /// Cpu in thousandths.
    pub(crate) cpu: i64,
    /// The heap in MiB.
    pub(crate) heap_mebibytes: i64,
    /// The memory beside the heap in MiB.
    pub(crate) overhead_mebibytes: i64,
    /// What is beside both, such as the memory of Python's processes, in MiB.
    pub(crate) other_mebibytes: i64,
}

impl PodSize {
    /// All memory, in bytes.
    pub(crate) fn memory(&self) -> i64 {
        let beside = self.overhead_mebibytes.saturating_add(self.other_mebibytes);
        self.heap_mebibytes.saturating_add(beside).saturating_mul(1 << 20)
    }
}

/// The account that an application's driver runs as, if anything says so: its settings, the pod's template,
/// or Spark's.
pub(crate) fn driver_account(spark: &SparkApplication) -> Option<&str> {
    let own = spark.driver.service_account.as_deref();
    let of_template = || account_of(spark.driver.template.as_ref()?);
    let of_conf = || spark.conf.get(DRIVER_ACCOUNT_SETTING).map(|account| account.trim());
    let named = own.or_else(of_template).or_else(of_conf);
    named.filter(|account| !account.is_empty())
}

/// The account that an application's executors run as, if their template says so.
pub(crate) fn executor_account(spark: &SparkApplication) -> Option<&str> {
    account_of(spark.executor.template.as_ref()?)
}

/// The account in a template, by either of its names: the API server takes both.
fn account_of(template: &PodTemplate) -> Option<&str> {
    let spec = template.0.get("spec")?;
    let named = |field: &str| spec.get(field)?.as_str().filter(|account| !account.is_empty());
    named("serviceAccountName").or_else(|| named("serviceAccount"))
}

/// The engine's settings of an application's places and of its one stage.
pub(super) fn application(spark: &SparkApplication) -> (ExecutorSpec, Vec<StageSpec>) {
    let (driver, executor) = (driver_size(spark), executor_size(spark));
    let (node_selector, tolerations) = nodes(spark);
    let places = ExecutorSpec {
        node_selector,
        tolerations,
        request: vec![
            ("cpu".into(), driver.cpu.max(executor.cpu)),
            ("memory".into(), driver.memory().max(executor.memory())),
        ],
        instances: count(spark.first_executors()).saturating_add(1),
        fixed: true,
        gang_timeout_milliseconds: Some(ADMISSION_TIMEOUT),
        ..ExecutorSpec::default()
    };
    let driver = StageSpec {
        name: DRIVER_STAGE.into(),
        task_title: Some("the driver".into()),
        ..StageSpec::default()
    };
    (places, vec![driver])
}

/// Which nodes the places may be on: those that suit driver and executors, by what their templates say.
fn nodes(spark: &SparkApplication) -> (Vec<Label>, Vec<Toleration>) {
    let templates = [&spark.driver.template, &spark.executor.template];
    let specs = templates.into_iter().flatten().filter_map(|template| {
        serde_json::from_value::<PodSpec>(template.0.get("spec")?.clone()).ok()
    });
    let (mut labels, mut tolerations) = (Vec::new(), Vec::new());
    for spec in specs {
        labels.extend(node_selector(&spec));
        tolerations.extend(spec.tolerations.iter().flatten().map(toleration));
    }
    labels.sort_unstable();
    labels.dedup();
    (labels, tolerations)
}

/// What the driver's pod is given.
pub(crate) fn driver_size(spark: &SparkApplication) -> PodSize {
    let driver = &spark.driver;
    let field = driver.memory_overhead.as_ref();
    let conf = spark.conf.get("spark.driver.memoryOverhead");
    size(spark, &driver.memory, field.or(conf), (driver.core_request.as_ref(), driver.cores), 0)
}

/// What each executor's pod is given.
pub(crate) fn executor_size(spark: &SparkApplication) -> PodSize {
    let executor = &spark.executor;
    let field = executor.memory_overhead.as_ref();
    let overhead = field.or_else(|| spark.conf.get("spark.executor.memoryOverhead"));
    let conf = |key: &str| spark.conf.get(key);
    let of_python = conf("spark.executor.pyspark.memory").filter(|_| spark.is_python());
    let is_used = conf("spark.memory.offHeap.enabled").is_some_and(|it| it == "true");
    let off_heap = conf("spark.memory.offHeap.size").filter(|_| is_used);
    let of_python = of_python.and_then(|text| mebibytes(text)).unwrap_or(0);
    // The one setting whose unit is the byte.
    let off_heap = off_heap.map_or(0, |text| match text.trim().parse::<i64>() {
        Ok(bytes) => bytes / (1 << 20),
        Err(_) => mebibytes(text).unwrap_or(0),
    });
    let others = of_python.saturating_add(off_heap);
    let cores = (executor.core_request.as_ref(), executor.cores);
    size(spark, &executor.memory, overhead, cores, others)
}

fn size(
    spark: &SparkApplication,
    memory: &str,
    overhead: Option<&String>,
    (request, cores): (Option<&String>, i32),
    others: i64,
) -> PodSize {
    let heap = mebibytes(memory).unwrap_or(1024);
    let tenths = if spark.is_script() { 4 } else { 1 };
    let usual = (heap.saturating_mul(tenths) / 10).max(LEAST_OVERHEAD_MEBIBYTES);
    let request = request.and_then(|text| text.parse::<Quantity>().ok());
    PodSize {
        cpu: request.map_or(i64::from(cores).saturating_mul(1000), |it| it.milli()),
        heap_mebibytes: heap,
        overhead_mebibytes: overhead.and_then(|text| mebibytes(text)).unwrap_or(usual),
        other_mebibytes: others,
    }
}

/// An amount in the JVM's words, in MiB, as Spark counts it: without a unit it is MiB.
pub(crate) fn mebibytes(text: &str) -> Option<i64> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: i64 = digits.parse().ok()?;
    match lower.get(digits.len()..)?.trim_end_matches('b') {
        "" | "m" | "mi" => Some(number),
        "k" | "ki" => Some(number / 1024),
        "g" | "gi" => number.checked_mul(1024),
        "t" | "ti" => number.checked_mul(1 << 20),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proffer_crds::spark::SparkApplication;
    use serde_json::{Value, json};

    use super::{application, driver_size, executor_size, mebibytes};

    fn spark(mut spec: Value) -> SparkApplication {
        for (key, value) in [("sparkVersion", "4.3.0"), ("image", "i")] {
            spec[key] = value.into();
        }
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn places_are_as_large_as_driver_and_executors_need() {
        let spark = spark(json!({
            "mainApplicationFile": "local:///app.jar", "mainClass": "Main",
            "driver": {"cores": 2, "memory": "1g"},
            "executor": {"instances": 3, "memory": "8g", "coreRequest": "500m", "template": {
                "spec": {"nodeSelector": {"disk": "ssd"}, "tolerations": [{"operator": "Exists"}]},
            }},
        }));
        let (places, _) = application(&spark);
        assert_eq!(places.instances, 4);
        let memory = (8192 + 819) << 20;
        assert_eq!(places.request, [("cpu".into(), 2000), ("memory".into(), memory)]);
        assert_eq!(places.node_selector, [("disk".into(), "ssd".into())]);
        assert_eq!(places.tolerations.len(), 1);
    }

    #[test]
    fn memory_beside_the_heap_counts() {
        let spark = |size: &str| {
            let conf = json!({
                "spark.memory.offHeap.enabled": "true", "spark.memory.offHeap.size": size,
                "spark.executor.pyspark.memory": "256",
            });
            spark(json!({"mainApplicationFile": "local:///app.py", "conf": conf}))
        };
        // Off the heap a number is bytes, elsewhere it is MiB.
        for size in ["1g", "1073741824"] {
            assert_eq!(executor_size(&spark(size)).other_mebibytes, 1024 + 256, "{size}");
        }
    }

    #[test]
    fn absurd_amounts_are_as_much_as_can_be_written() {
        let most = "9223372036854775807m";
        let spark = spark(json!({
            "mainApplicationFile": "local:///app.py",
            "driver": {"memory": most},
            "executor": {"memory": most, "memoryOverhead": most},
            "conf": {"spark.executor.pyspark.memory": most},
        }));
        assert_eq!(
            (driver_size(&spark).memory(), executor_size(&spark).memory()),
            (i64::MAX, i64::MAX)
        );
    }

    #[test]
    fn memory_is_in_the_words_of_the_jvm() {
        let amounts = ["512m", "4g", "1G", "2048k", "1tb", "300", "1x", "m"].map(mebibytes);
        let expected =
            [Some(512), Some(4096), Some(1024), Some(2), Some(1 << 20), Some(300), None, None];
        assert_eq!(amounts, expected);
    }
}
