//! The Helm chart, rendered by Helm: the program that `PROFFER_TEST_HELM` names, or `helm`.

mod files;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proffer::configuration::Configuration;
use serde_json::Value;

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

/// Runs Helm, if there is one.
fn helm(arguments: &[&str]) -> Option<Output> {
    let named = std::env::var_os("PROFFER_TEST_HELM");
    let built = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
        .map(|cache| cache.join("proffer-tests/bin/helm"))
        .filter(|program| program.exists());
    let program = named.clone().or(built.map(Into::into)).unwrap_or_else(|| "helm".into());
    match Command::new(program).args(arguments).current_dir(root()).output() {
        Ok(output) => Some(output),
        Err(error) if named.is_none() => {
            eprintln!("skipped, as there is no Helm: helm: {error}");
            None
        }
        Err(error) => panic!("PROFFER_TEST_HELM: {error}"),
    }
}

/// What the chart makes of some values.
fn render(values: &[&str]) -> Option<Vec<Value>> {
    let mut arguments = vec!["template", "proffer", "charts/proffer", "-n", "proffer-system"];
    arguments.extend(values);
    let output = helm(&arguments)?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let objects: Vec<Value> = serde_yaml::from_multiple(&text).unwrap();
    Some(objects.into_iter().filter(|object| !object.is_null()).collect())
}

/// What Helm says against some values.
fn refusal(values: &[&str]) -> Option<String> {
    let mut arguments = vec!["template", "proffer", "charts/proffer"];
    arguments.extend(values);
    let output = helm(&arguments)?;
    assert!(!output.status.success(), "{values:?} are taken");
    Some(String::from_utf8(output.stderr).unwrap())
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

#[test]
fn the_default_values() {
    let Some(objects) = render(&["--set", "crds.enabled=false"]) else { return };
    expect_golden("default.yaml", &objects);
    let mut expected = Configuration::default();
    "proffer".clone_into(&mut expected.leader_election.lease_name);
    expected.logging.format = proffer::configuration::LogFormat::Json;
    expected.executor.priority_class_name = Some("proffer-executor".to_owned());
    assert_eq!(configuration(&objects), expected);
}

#[test]
fn values_for_high_availability() {
    let values = "charts/proffer/values-ha.yaml";
    let Some(objects) = render(&["-f", values, "--set", "crds.enabled=false"]) else { return };
    expect_golden("ha.yaml", &objects);
}

#[test]
fn all_options() {
    let Some(objects) = render(&["-f", ALL_OPTIONS, "--set", "crds.enabled=false"]) else { return };
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
    assert_eq!((mesos.minimum_failover_seconds, mesos.host_ports), (0, false));
    let container = &find(&objects, "Deployment")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["ports"][0]["containerPort"], 9090);
    assert_eq!(container["ports"][1]["containerPort"], 5050);
}

#[test]
fn what_can_be_left_out_is() {
    let values = "rbac.create=false,admissionPolicy.enabled=false,priorityClass.create=false,\
                  serviceAccount.create=false,metrics.service.enabled=false,\
                  flowControl.enabled=false,uninstall.enabled=false,crds.enabled=false";
    let Some(objects) = render(&["--set", values, "--skip-tests"]) else { return };
    let kinds: Vec<&str> = objects.iter().filter_map(|object| object["kind"].as_str()).collect();
    assert_eq!(kinds, ["ConfigMap", "Deployment"]);
}

#[test]
fn definitions_are_the_generated_ones_and_stay() {
    let Some(objects) = render(&[]) else { return };
    for (_, text) in proffer::crds_output::render().unwrap() {
        let expected: Value = serde_yaml::from_str(&text).unwrap();
        let name = &expected["metadata"]["name"];
        let rendered = objects.iter().find(|object| object["metadata"]["name"] == *name).unwrap();
        assert_eq!(rendered["spec"], expected["spec"], "{name}");
        let metadata = &rendered["metadata"];
        assert_eq!(metadata["annotations"]["helm.sh/resource-policy"], "keep", "{name}");
        assert_eq!(metadata["labels"]["app.kubernetes.io/managed-by"], "Helm", "{name}");
    }
    let objects = render(&["--set", "crds.keep=false"]).unwrap();
    let definition = find(&objects, "CustomResourceDefinition");
    assert_eq!(definition["metadata"]["annotations"], Value::Null);
}

#[test]
fn no_role_has_wildcards() {
    let Some(objects) = render(&["-f", ALL_OPTIONS]) else { return };
    let roles: Vec<&Value> = objects
        .iter()
        .filter(|object| object["kind"].as_str().is_some_and(|kind| kind.ends_with("Role")))
        .collect();
    assert!(roles.len() > 5, "there are roles to look at");
    for role in roles {
        assert!(!role["rules"].to_string().contains('*'), "{}", name(role));
    }
}

#[test]
fn containers_are_restricted() {
    let Some(objects) = render(&[]) else { return };
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

#[test]
fn a_changed_configuration_is_a_new_pod() {
    let checksum = |values: &[&str]| {
        let objects = render(values)?;
        let template = &find(&objects, "Deployment")["spec"]["template"];
        Some(template["metadata"]["annotations"]["checksum/config"].clone())
    };
    let Some(before) = checksum(&[]) else { return };
    assert_ne!(checksum(&["--set", "config.client.writesPerSecond=50"]), Some(before.clone()));
    assert_eq!(checksum(&["--set", "replicaCount=2"]), Some(before));
}

#[test]
fn mistakes_in_values_are_refused() {
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
        let Some(stderr) = refusal(&["--set", values]) else { return };
        assert!(stderr.contains(expected), "{values}: {stderr}");
    }
}

#[test]
fn helm_finds_nothing_to_say() {
    for values in [&[][..], &["-f", "charts/proffer/values-ha.yaml"], &["-f", ALL_OPTIONS]] {
        let mut arguments = vec!["lint", "--strict", "charts/proffer"];
        arguments.extend(values);
        let Some(output) = helm(&arguments) else { return };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
