use proffer_mesos::types::CommandInfo;

use super::*;

fn parse(line: &str) -> Executors {
    Executors::parse(line.split(' ').map(str::to_owned))
}

fn labels(executors: &Executors) -> Vec<(String, String)> {
    let mut framework = FrameworkInfo::default();
    executors.describe(&mut framework);
    let labels = framework.labels.map(|labels| labels.labels).unwrap_or_default();
    labels.into_iter().map(|label| (label.key, label.value.unwrap_or_default())).collect()
}

const JAVA: &str = "/usr/bin/java -cp /spark/jars/* -Xmx1g org.apache.spark.deploy.SparkSubmit";

#[test]
fn two_executors_of_a_gibibyte_and_their_overhead() {
    let line =
        "--master mesos://localhost:5050 --executor-memory 1g --num-executors 2 my-spark-job.py";
    let expected = [(EXECUTORS, "2"), (EXECUTOR_CPUS, "1"), (EXECUTOR_MEMORY, "1408Mi")];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(labels(&parse(&format!("{JAVA} {line}"))), expected);
}

#[test]
fn properties_say_the_same_and_yield_to_options() {
    let conf = "--conf spark.executor.instances=3 --conf spark.executor.cores=4 \
                --conf spark.mesos.executor.memoryOverhead=100 --conf spark.executor.memory=512m";
    let executors = parse(&format!("{JAVA} {conf} --num-executors=5 job.py"));
    let expected = Executors {
        count: Some(5),
        cores: Some(4),
        memory_mib: Some(512),
        overhead_mib: Some(100),
    };
    assert_eq!(executors, expected);
}

#[test]
fn what_belongs_to_the_application_is_not_read() {
    assert_eq!(parse(&format!("{JAVA} --verbose job.py --num-executors 9")), Executors::default());
    assert_eq!(parse("java my.Scheduler --num-executors 9"), Executors::default());
    assert_eq!(labels(&Executors::default()), []);
}

#[test]
fn labels_that_are_there_already_stay() {
    let mut framework = FrameworkInfo {
        labels: Some(Labels {
            labels: vec![Label { key: EXECUTORS.to_owned(), value: Some("7".to_owned()) }],
        }),
        ..FrameworkInfo::default()
    };
    parse(&format!("{JAVA} --num-executors 2 x.py")).describe(&mut framework);
    let labels = framework.labels.unwrap().labels;
    assert_eq!((labels.len(), labels[0].value.as_deref()), (3, Some("7")));
}

#[test]
fn memory_as_spark_writes_it() {
    let cases = [
        ("1g", Some(1024)),
        ("512", Some(512)),
        ("512M", Some(512)),
        ("2tb", Some(2 << 20)),
        ("1x", None),
        ("", None),
    ];
    for (text, expected) in cases {
        assert_eq!(memory_mib(text), expected, "{text}");
    }
}

#[test]
fn an_executor_binds_where_its_container_is() {
    let bound = |value: &str| {
        let command = CommandInfo { value: Some(value.to_owned()), ..CommandInfo::default() };
        let mut task = TaskInfo { command: Some(command), ..TaskInfo::default() };
        bind_to_own_address(&mut task);
        task.command.unwrap().value.unwrap()
    };
    let executor = format!("/opt/spark/bin/spark-class {EXECUTOR} --executor-id 0");
    assert_eq!(
        bound(&format!("{executor} --hostname node-1.example --cores 1")),
        format!("{executor} --hostname ${{MESOS_CONTAINER_IP:-node-1.example}} --cores 1")
    );
    for other in [format!("{executor} --hostname"), "serve --hostname node-1".to_owned()] {
        assert_eq!(bound(&other), other);
    }
}
