//! CEL rules that several fields share. The API server evaluates them at apply time; local mode
//! evaluates the same text in the client.

use kube::core::{Message, Rule};

/// A quantity between two others, both included.
pub(crate) fn between(field: &str, minimum: &str, maximum: &str) -> Rule {
    let rule = format!(
        "quantity(string(self)).compareTo(quantity('{minimum}')) >= 0 && \
         quantity(string(self)).compareTo(quantity('{maximum}')) <= 0"
    );
    Rule::new(rule).message(format!("{field} is between {minimum} and {maximum}").as_str())
}

/// A map of quantities, none of them negative.
pub(crate) fn none_negative(field: &str) -> Rule {
    Rule::new("self.all(name, quantity(string(self[name])).compareTo(quantity('0')) >= 0)")
        .message(format!("no value of {field} is negative").as_str())
}

/// Memory in thousandths of a byte is always a slip: `512m` is what the JVM calls 512Mi.
pub(crate) fn not_in_milli_bytes() -> Rule {
    Rule::new("!string(self).endsWith('m')").message(Message::Expression(
        "string(self) + ' is thousandths of a byte; did you mean ' \
         + string(self).replace('m', 'Mi') + '?'"
            .to_owned(),
    ))
}

/// Memory between 1Mi and 1Pi; values in thousandths have a rule of their own.
pub(crate) fn sensible_memory() -> Rule {
    Rule::new(
        "string(self).endsWith('m') || \
         quantity(string(self)).compareTo(quantity('1Mi')) >= 0 && \
         quantity(string(self)).compareTo(quantity('1Pi')) <= 0",
    )
    .message("memory is between 1Mi and 1Pi")
}

/// Memory in the words of the JVM.
pub(crate) fn jvm_memory(field: &str) -> Rule {
    Rule::new(format!("self.matches('{JVM_MEMORY}')"))
        .message(format!("{field} is an amount in the JVM's words, such as 512m or 4g").as_str())
}

/// Memory in the words of the JVM between 1Mi and 1Pi; what is in no such words has a rule of its own.
pub(crate) fn sensible_jvm_memory(field: &str) -> Rule {
    let quantity = jvm_quantity("self");
    let rule = format!(
        "!self.matches('{JVM_MEMORY}') || \
         size(self) <= {LONGEST_JVM_MEMORY} && \
         {quantity}.compareTo(quantity('1Mi')) >= 0 && \
         {quantity}.compareTo(quantity('1Pi')) <= 0"
    );
    Rule::new(rule).message(format!("{field} is between 1m and 1024t").as_str())
}

/// Longer amounts are above 1Pi whatever their unit, or begin with zeros; who evaluates rules may not be
/// able to compute with them.
const LONGEST_JVM_MEMORY: usize = 20;

/// What an amount of memory in the words of the JVM looks like.
const JVM_MEMORY: &str = "^[1-9][0-9]*[kmgtKMGT][bB]?$";

/// The quantity of an amount of memory in the words of the JVM.
fn jvm_quantity(amount: &str) -> String {
    let units = [("k", "Ki"), ("m", "Mi"), ("g", "Gi"), ("t", "Ti")];
    let units = units.map(|(jvm, quantity)| format!(".replace('{jvm}', '{quantity}')"));
    format!("quantity({amount}.lowerAscii().replace('b', ''){})", units.concat())
}

/// A request of cpu.
pub(crate) fn cpu_request(field: &str) -> Rule {
    Rule::new("self.matches('^([1-9][0-9]*m|[0-9]+([.][0-9]{1,3})?)$')")
        .message(format!("{field} is an amount of cpu, such as 500m, 1 or 1.5").as_str())
}

/// Settings of Spark that follow from the job and its pods.
const DECIDED: [&str; 13] = [
    "spark.master",
    "spark.submit.deployMode",
    "spark.app.id",
    "spark.driver.host",
    "spark.driver.bindAddress",
    "spark.driver.port",
    "spark.driver.blockManager.port",
    "spark.kubernetes.namespace",
    "spark.kubernetes.driver.master",
    "spark.kubernetes.driver.pod.name",
    "spark.kubernetes.executor.podNamePrefix",
    "spark.kubernetes.submitInDriver",
    "spark.kubernetes.allocation.pods.allocator",
];

/// Settings of Spark that have a field of a `SparkJob`, and which.
const WITH_FIELDS: [(&str, &str); 14] = [
    ("spark.kubernetes.container.image", "image"),
    ("spark.kubernetes.driver.podTemplateFile", "driver.template"),
    ("spark.kubernetes.executor.podTemplateFile", "executor.template"),
    ("spark.driver.cores", "driver.cores"),
    ("spark.driver.memory", "driver.memory"),
    ("spark.kubernetes.driver.request.cores", "driver.coreRequest"),
    ("spark.executor.instances", "executor.instances"),
    ("spark.executor.cores", "executor.cores"),
    ("spark.executor.memory", "executor.memory"),
    ("spark.kubernetes.executor.request.cores", "executor.coreRequest"),
    ("spark.dynamicAllocation.enabled", "dynamicAllocation.enabled"),
    ("spark.dynamicAllocation.minExecutors", "dynamicAllocation.minExecutors"),
    ("spark.dynamicAllocation.initialExecutors", "dynamicAllocation.initialExecutors"),
    ("spark.dynamicAllocation.maxExecutors", "dynamicAllocation.maxExecutors"),
];

/// No setting of Spark that Proffer decides.
pub(crate) fn decided_settings() -> Rule {
    let names = listed(&DECIDED);
    Rule::new(format!("{names}.all(name, !(name in self))")).message(Message::Expression(format!(
        "{names}.filter(name, name in self)[0] + ' is decided by Proffer; leave it out of conf'"
    )))
}

/// No setting of Spark that has a field of its own.
pub(crate) fn settings_with_fields() -> Rule {
    let names = listed(&WITH_FIELDS.map(|(name, _)| name));
    let fields: Vec<String> =
        WITH_FIELDS.iter().map(|(name, field)| format!("'{name}': '{field}'")).collect();
    let fields = fields.join(", ");
    let first = format!("{names}.filter(name, name in self)[0]");
    Rule::new(format!("{names}.all(name, !(name in self))")).message(Message::Expression(format!(
        "{first} + ' has a field of its own: spec.spark.' + {{{fields}}}[{first}]"
    )))
}

/// Settings of Spark that are amounts of memory and count in the size of pods. A number is in MiB, but
/// for the last one, where it is in bytes.
const MEMORY_SETTINGS: [&str; 4] = [
    "spark.driver.memoryOverhead",
    "spark.executor.memoryOverhead",
    "spark.executor.pyspark.memory",
    OFF_HEAP_SIZE,
];
const OFF_HEAP_SIZE: &str = "spark.memory.offHeap.size";
const SETTING_OF_MEMORY: &str = "^[0-9]+([kmgtKMGT][bB]?)?$";

/// Settings of Spark that are amounts of memory are such.
pub(crate) fn memory_settings() -> Rule {
    let names = listed(&MEMORY_SETTINGS);
    let is_bad = format!("name in self && !self[name].matches('{SETTING_OF_MEMORY}')");
    Rule::new(format!("!{names}.exists(name, {is_bad})")).message(Message::Expression(format!(
        "{names}.filter(name, {is_bad})[0] + ' is an amount of memory, such as 512m or 4g'"
    )))
}

/// Settings of Spark that are amounts of memory are at most 1Pi.
pub(crate) fn sensible_memory_settings() -> Rule {
    let names = listed(&MEMORY_SETTINGS);
    let in_mebibytes = format!("name != '{OFF_HEAP_SIZE}' && self[name].matches('[0-9]$')");
    let quantity = jvm_quantity(&format!("(self[name] + ({in_mebibytes} ? 'm' : ''))"));
    let is_bad = format!(
        "name in self && self[name].matches('{SETTING_OF_MEMORY}') && \
         (size(self[name]) > {LONGEST_JVM_MEMORY} || {quantity}.compareTo(quantity('1Pi')) > 0)"
    );
    Rule::new(format!("!{names}.exists(name, {is_bad})")).message(Message::Expression(format!(
        "{names}.filter(name, {is_bad})[0] + ' is at most 1024t'"
    )))
}

/// The heap's size is not an option of the JVM: Spark refuses it.
pub(crate) fn heap_options() -> Rule {
    Rule::new(
        "!['spark.driver.extraJavaOptions', 'spark.executor.extraJavaOptions'].exists(name, \
         name in self && self[name].contains('-Xmx'))",
    )
    .message("extraJavaOptions cannot set -Xmx: driver.memory and executor.memory are the heaps")
}

/// Texts as a list of CEL.
fn listed(texts: &[&str]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("'{text}'")).collect();
    format!("[{}]", quoted.join(", "))
}

#[cfg(test)]
mod tests;
