use proffer_core::ReclaimDefaults;
use proffer_core::time::Span;

use super::*;

const HEAD: &str = "apiVersion: config.proffer.dev/v1alpha1\nkind: OperatorConfiguration\n";

fn read(rest: &str) -> Result<Configuration, ManifestErrors> {
    Configuration::parse("operator.yaml", &format!("{HEAD}{rest}"))
}

/// What is wrong with a text that follows the two lines of its version and kind.
#[track_caller]
fn refusal(rest: &str) -> String {
    read(rest).expect_err("it is wrong").to_string()
}

#[test]
fn everything_has_a_default() {
    let configuration = read("").unwrap();
    assert_eq!(configuration, Configuration::default());
    insta::assert_snapshot!(serde_yaml::to_string(&configuration).unwrap());
}

#[test]
fn what_is_written_is_read_again() {
    let mut configuration = Configuration::default();
    configuration.leader_election.namespace = Some("proffer-system".to_owned());
    configuration.leader_election.enabled = false;
    configuration.http.address = "[::]:9000".to_owned();
    configuration.logging = Logging { format: LogFormat::Json, level: LogLevel::Debug };
    configuration.executor.default_image = Some("batch:1".to_owned());
    configuration.executor.image_pull_policy = ImagePullPolicy::Always;
    configuration.executor.image_pull_secrets = vec![ImagePullSecret { name: "pull".to_owned() }];
    configuration.executor.service_account_name = Some("runner".to_owned());
    configuration.executor.priority_class_name = Some("low".to_owned());
    configuration.client.max_concurrent_writes = 3;
    configuration.scheduling.share_half_life_seconds = Some(3600);
    configuration.scheduling.fairness = Fairness::Drf;
    configuration.watch.namespaces = vec!["team".to_owned()];
    let text = serde_yaml::to_string(&configuration).unwrap();
    assert_eq!(Configuration::parse("operator.yaml", &text), Ok(configuration));
}

#[test]
fn the_defaults_are_those_of_the_engine() {
    let engine = Settings::default();
    let settings = Configuration::default().settings();
    // In a cluster writes take their time and can be lost; everywhere else they are done at once.
    assert_eq!(settings.write_deadline_milliseconds, Some(Span::from_seconds(30)));
    let settings = Settings { write_deadline_milliseconds: None, ..settings };
    assert_eq!(format!("{settings:?}"), format!("{engine:?}"));
}

#[test]
fn nobody_has_so_much_that_two_of_them_have_all_of_it() {
    let all = MesosTraffic::default();
    for (all, each) in [
        (all.connections, all.connections_per_principal),
        (all.requests, all.requests_per_principal),
        (all.body_mebibytes, all.body_mebibytes_per_principal),
    ] {
        assert!(all >= 4 * each, "{each} of {all}");
    }
    assert!(all.answers > 2 * all.answers_per_principal);
    assert!(all.connections >= 2 * all.connections_of_executors);
}

#[test]
fn settings_reach_the_engine() {
    let settings = read(
        "client: {writeDeadlineSeconds: 7, statusIntervalMilliseconds: 250}
scheduling:
  fairness: Drf
  offerTimeoutSeconds: 0
  headOfLineSeconds: 5
  headOfLineNodesPercent: 20
  shareHalfLifeSeconds: 3600
  extendedResourcesInShares: [nvidia.com/gpu]
  offeredResources: []
  reclaim: {policy: FairShare, gracePeriodSeconds: 1, drainSeconds: 2}
",
    )
    .unwrap()
    .settings();
    assert_eq!(settings.write_deadline_milliseconds, Some(Span::from_seconds(7)));
    assert_eq!(settings.status_interval_milliseconds, Span::from_milliseconds(250));
    assert_eq!(settings.fairness, proffer_core::Fairness::Drf);
    assert_eq!(settings.offer_timeout_milliseconds, None);
    assert_eq!(settings.head_of_line_milliseconds, Some(Span::from_seconds(5)));
    assert_eq!(settings.head_of_line_nodes_percent, 20);
    assert_eq!(settings.share_half_life_milliseconds, Some(Span::from_seconds(3600)));
    let shared: Vec<&str> = settings.shared_resources.iter().map(AsRef::as_ref).collect();
    assert_eq!(shared, ["cpu", "memory", "nvidia.com/gpu"]);
    assert!(settings.offered_resources.is_empty());
    let expected = ReclaimDefaults {
        policy: proffer_core::ReclaimPolicy::FairShare,
        grace_milliseconds: Span::from_seconds(1),
        drain_milliseconds: Span::from_seconds(2),
    };
    assert_eq!(settings.reclaim, expected);
}

#[test]
fn bad_input_is_named_with_its_line() {
    let refusals = [
        ("a typo", "http: {adress: '0.0.0.0:80'}\n"),
        ("a section that is not there", "webhooks: {}\n"),
        ("a word", "logging:\n  level: loud\n"),
        ("a type", "client:\n  writesPerSecond: many\n"),
        ("a range", "client:\n  writesPerSecond: 0\n"),
        ("an address", "http:\n  address: localhost\n"),
        ("two leaders", "leaderElection:\n  renewDeadlineSeconds: 15\n"),
        ("one attempt", "leaderElection:\n  retryPeriodSeconds: 10\n"),
        ("a shared resource", "scheduling:\n  extendedResourcesInShares: [cpu]\n"),
        ("a secret", "executor:\n  imagePullSecrets: [pull]\n"),
        ("frameworks of anybody", "mesos:\n  enabled: true\n"),
        (
            "frameworks in a namespace that is not looked at",
            "mesos: {enabled: true, allowAnonymous: true}\nwatch: {namespaces: [team]}\n",
        ),
        ("no YAML", "http: [\n"),
        ("two documents", "---\nkind: OperatorConfiguration\n"),
        ("two mistakes", "http: {port: 1}\nlogging: {format: xml}\n"),
    ];
    let text: String = refusals
        .into_iter()
        .map(|(title, rest)| format!("{title}:\n{}\n\n", refusal(rest)))
        .collect();
    insta::assert_snapshot!(text);
}

#[test]
fn version_and_kind_are_required_and_known() {
    let refusal = |text| Configuration::parse("x.yaml", text).expect_err("wrong").to_string();
    insta::assert_snapshot!(refusal("http: {}\n"), @r"
    x.yaml:1: apiVersion: this field is required
    x.yaml:1: kind: this field is required
    ");
    insta::assert_snapshot!(refusal("apiVersion: config.proffer.dev/v2\nkind: Configuration\n"), @r#"
    x.yaml:1: apiVersion: "config.proffer.dev/v2" is not one of config.proffer.dev/v1alpha1; did you mean config.proffer.dev/v1alpha1?
    x.yaml:2: kind: "Configuration" is not one of OperatorConfiguration
    "#);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("operator.yaml");
    let error = load(&file).expect_err("there is no file").to_string();
    assert_eq!(error, format!("{}: cannot be read: there is no such file", file.display()));
    std::fs::write(&file, HEAD).unwrap();
    assert_eq!(load(&file).unwrap(), Configuration::default());
}
