//! The Helm chart, rendered by Helm: the program that `PROFFER_TEST_HELM` names, or `helm`.

mod files;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proffer::configuration::Configuration;
use proffer_test_harness::{Fixture, Test, tests};
use serde_json::Value;

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = tests![
        the_default_values,
        values_for_high_availability,
        all_options,
        what_can_be_left_out_is,
        definitions_are_the_generated_ones_and_stay,
        no_role_has_wildcards,
        containers_are_restricted,
        a_changed_configuration_is_a_new_pod,
        mistakes_in_values_are_refused,
        helm_finds_nothing_to_say,
    ];
    tests.extend(files::tests());
    tests
}

/// The root of the sources.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Compares a text with a committed one, or commits it where that is asked for.
#[track_caller]
pub(crate) fn expect_file(file: &str, text: &str) {
    let path = root().join(file);
    if std::env::var_os("PROFFER_UPDATE_GOLDENS").is_some() {
        std::fs::write(path, text).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == text,
        "{file} is stale; look at what changes when it is written anew with: \
         PROFFER_UPDATE_GOLDENS=1 cargo test -p proffer-tests\n\n{text}"
    );
}

/// Helm, the program.
struct Helm(PathBuf);

impl Fixture for Helm {
    fn set_up() -> Result<Self, String> {
        if let Some(named) = std::env::var_os("PROFFER_TEST_HELM") {
            return Ok(Self(named.into()));
        }
        let built = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
            .map(|cache| cache.join("proffer-tests/bin/helm"))
            .filter(|program| program.exists());
        let program = built.unwrap_or_else(|| "helm".into());
        match Command::new(&program).arg("version").output() {
            Ok(_) => Ok(Self(program)),
            Err(error) => Err(format!("there is no Helm: {}: {error}", program.display())),
        }
    }
}

impl Helm {
    fn run(&self, arguments: &[&str]) -> Output {
        match Command::new(&self.0).args(arguments).current_dir(root()).output() {
            Ok(output) => output,
            Err(error) => panic!("{}: {error}", self.0.display()),
        }
    }

    /// What the chart makes of some values.
    fn render(&self, values: &[&str]) -> Vec<Value> {
        let mut arguments = vec!["template", "proffer", "charts/proffer", "-n", "proffer-system"];
        arguments.extend(values);
        let output = self.run(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let objects: Vec<Value> = serde_yaml::from_multiple(&text).unwrap();
        objects.into_iter().filter(|object| !object.is_null()).collect()
    }

    /// What Helm says against some values.
    fn refusal(&self, values: &[&str]) -> String {
        let mut arguments = vec!["template", "proffer", "charts/proffer"];
        arguments.extend(values);
        let output = self.run(&arguments);
        assert!(!output.status.success(), "{values:?} are taken");
        String::from_utf8(output.stderr).unwrap()
    }
}

fn name(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    [&object["kind"], &metadata["namespace"], &metadata["name"]].map(text).join(" ")
}

fn find<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    objects.iter().find(|object| object["kind"] == kind).unwrap()
}

/// The settings that a rendered chart gives the operator.
fn configuration(objects: &[Value]) -> Configuration {
    let text = find(objects, "ConfigMap")["data"]["operator.yaml"].as_str().unwrap();
    Configuration::parse("operator.yaml", text).unwrap()
}

/// Compares objects with a golden file. What versions of Helm differ in, as the order of objects
/// and the space between them, is not compared.
#[track_caller]
fn expect_golden(file: &str, objects: &[Value]) {
    let mut objects: Vec<&Value> = objects.iter().collect();
    objects.sort_by_key(|object| name(object));
    let text: String = objects
        .into_iter()
        .map(|object| format!("---\n{}", serde_yaml::to_string(object).unwrap()))
        .collect();
    expect_file(&format!("tests/goldens/chart/{file}"), &text);
}

const ALL_OPTIONS: &str = "charts/proffer/ci/all-options-values.yaml";

fn the_default_values(helm: Helm) {
    let objects = helm.render(&["--set", "crds.enabled=false"]);
    expect_golden("default.yaml", &objects);
    let mut expected = Configuration::default();
    "proffer".clone_into(&mut expected.leader_election.lease_name);
    expected.logging.format = proffer::configuration::LogFormat::Json;
    expected.executor.priority_class_name = Some("proffer-executor".to_owned());
    assert_eq!(configuration(&objects), expected);
}

fn values_for_high_availability(helm: Helm) {
    let values = "charts/proffer/values-ha.yaml";
    let objects = helm.render(&["-f", values, "--set", "crds.enabled=false"]);
    expect_golden("ha.yaml", &objects);
}

fn all_options(helm: Helm) {
    let objects = helm.render(&["-f", ALL_OPTIONS, "--set", "crds.enabled=false"]);
    expect_golden("all-options.yaml", &objects);
    let configuration = configuration(&objects);
    assert_eq!(configuration.scheduling.share_half_life_seconds, Some(2_592_000));
    assert_eq!(configuration.leader_election.lease_name, "offers");
    assert_eq!(configuration.executor.default_image.as_deref(), Some("tools/batch:1"));
    assert_eq!(configuration.executor.service_account_name.as_deref(), Some("runner"));
    assert!(!configuration.default_pool.create);
    let mesos = &configuration.mesos;
    assert!(mesos.enabled && mesos.tls.is_some() && mesos.credentials_file.is_some());
    assert_eq!(mesos.advertised_host.as_deref(), Some("offers-mesos.proffer-system.svc"));
    let hosts = [
        "offers-mesos",
        "offers-mesos.proffer-system",
        "offers-mesos.proffer-system.svc.corp.example",
        "mesos.example.org",
    ];
    assert_eq!(mesos.hosts, hosts);
    assert_eq!((mesos.minimum_failover_seconds, mesos.host_ports), (0, true));
    let container = &find(&objects, "Deployment")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["ports"][0]["containerPort"], 9090);
    assert_eq!(container["ports"][1]["containerPort"], 5050);
}

fn what_can_be_left_out_is(helm: Helm) {
    let values = "rbac.create=false,admissionPolicy.enabled=false,priorityClass.create=false,\
                  serviceAccount.create=false,metrics.service.enabled=false,\
                  flowControl.enabled=false,uninstall.enabled=false,crds.enabled=false";
    let objects = helm.render(&["--set", values, "--skip-tests"]);
    let kinds: Vec<&str> = objects.iter().filter_map(|object| object["kind"].as_str()).collect();
    assert_eq!(kinds, ["ConfigMap", "Deployment"]);
}

fn definitions_are_the_generated_ones_and_stay(helm: Helm) {
    let objects = helm.render(&[]);
    for (_, text) in proffer::crds_output::render().unwrap() {
        let expected: Value = serde_yaml::from_str(&text).unwrap();
        let name = &expected["metadata"]["name"];
        let rendered = objects.iter().find(|object| object["metadata"]["name"] == *name).unwrap();
        assert_eq!(rendered["spec"], expected["spec"], "{name}");
        let metadata = &rendered["metadata"];
        assert_eq!(metadata["annotations"]["helm.sh/resource-policy"], "keep", "{name}");
        assert_eq!(metadata["labels"]["app.kubernetes.io/managed-by"], "Helm", "{name}");
    }
    let objects = helm.render(&["--set", "crds.keep=false"]);
    let definition = find(&objects, "CustomResourceDefinition");
    assert_eq!(definition["metadata"]["annotations"], Value::Null);
}

fn no_role_has_wildcards(helm: Helm) {
    let objects = helm.render(&["-f", ALL_OPTIONS]);
    let roles: Vec<&Value> = objects
        .iter()
        .filter(|object| object["kind"].as_str().is_some_and(|kind| kind.ends_with("Role")))
        .collect();
    assert!(roles.len() > 5, "there are roles to look at");
    for role in roles {
        assert!(!role["rules"].to_string().contains('*'), "{}", name(role));
    }
}

fn containers_are_restricted(helm: Helm) {
    let objects = helm.render(&[]);
    let pods = objects.iter().filter_map(|object| match object["kind"].as_str()? {
        "Pod" => Some(&object["spec"]),
        "Deployment" | "Job" => Some(&object["spec"]["template"]["spec"]),
        _ => None,
    });
    let mut count = 0;
    for pod in pods {
        count += 1;
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        let context = &pod["containers"][0]["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false);
        assert_eq!(context["readOnlyRootFilesystem"], true);
        assert_eq!(context["capabilities"]["drop"][0], "ALL");
    }
    assert_eq!(count, 3, "the operator, the one that uninstalls and the test");
}

fn a_changed_configuration_is_a_new_pod(helm: Helm) {
    let checksum = |values: &[&str]| {
        let objects = helm.render(values);
        let template = &find(&objects, "Deployment")["spec"]["template"];
        template["metadata"]["annotations"]["checksum/config"].clone()
    };
    let before = checksum(&[]);
    assert_ne!(checksum(&["--set", "config.client.writesPerSecond=50"]), before);
    assert_eq!(checksum(&["--set", "replicaCount=2"]), before);
}

fn mistakes_in_values_are_refused(helm: Helm) {
    for (values, expected) in [
        ("replicaCounts=2", "replicaCounts"),
        ("image.repo=x", "repo"),
        ("config.scheduling.fairnes=Drf", "fairnes"),
        ("config.scheduling.fairness=fair", "fairness"),
        ("config.logging.level=info", "logging"),
        ("logging.level=loud", "level"),
        (
            "replicaCount=2,config.leaderElection.enabled=false",
            "replicaCount is more than 1 and config.leaderElection.enabled is false",
        ),
        (
            "metrics.service.enabled=false,metrics.serviceMonitor.enabled=true",
            "metrics.serviceMonitor.enabled needs metrics.service.enabled",
        ),
        ("priorityClass.name=", "name the class or do not create it"),
        ("mesos.enabled=true", "set mesos.credentialsSecret"),
    ] {
        let stderr = helm.refusal(&["--set", values]);
        assert!(stderr.contains(expected), "{values}: {stderr}");
    }
}

fn helm_finds_nothing_to_say(helm: Helm) {
    for values in [&[][..], &["-f", "charts/proffer/values-ha.yaml"], &["-f", ALL_OPTIONS]] {
        let mut arguments = vec!["lint", "--strict", "charts/proffer"];
        arguments.extend(values);
        let output = helm.run(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
