//! What there is to say of an application of Apache Spark: its driver, its page, and its pods.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use kube::ResourceExt;
use proffer_crds::spark::ApplicationStatus;

use super::super::print::{Table, age};
use super::{line, section};
use crate::kubernetes::names::{OFFERED_CONDITION, SPARK_ROLE_LABEL};

pub(super) fn explain(application: &ApplicationStatus, pods: &[Pod], now: Timestamp) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("\nApplication {}:", application.id));
    let mut table = Table::new(["POD", "ROLE", "STATE", "NODE", "AGE", "MESSAGE"]).indented(2);
    for pod in pods {
        let role = pod.labels().get(SPARK_ROLE_LABEL).cloned().unwrap_or_default();
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default();
        let (state, message) = state(pod);
        table.row([pod.name_any(), role, state, node, age(pod, now), message]);
    }
    if table.is_empty() {
        line(&mut text, format_args!("  it has no pods"));
    }
    text.push_str(&table.to_string());
    let mut links = Table::new(["PAGE", "ADDRESS"]).indented(2);
    if let Some(service) = &application.ui_service {
        links.row(["driver".to_owned(), format!("port 4040 of Service {service}")]);
    }
    if let Some(history) = &application.history_link {
        links.row(["history".to_owned(), history.clone()]);
    }
    section(&mut text, "Pages", &links);
    text
}

/// How far a pod is, and what it waits for.
fn state(pod: &Pod) -> (String, String) {
    let status = pod.status.clone().unwrap_or_default();
    if pod.metadata.deletion_timestamp.is_some() {
        return ("Terminating".to_owned(), String::new());
    }
    let conditions = status.conditions.unwrap_or_default();
    let is_false = |kind: &str| {
        conditions.iter().find(|condition| condition.type_ == kind && condition.status == "False")
    };
    let message = |condition: &PodCondition| condition.message.clone().unwrap_or_default();
    let phase = status.phase.unwrap_or_default();
    if phase != "Pending" {
        return (phase, status.message.unwrap_or_default());
    }
    match (is_false(OFFERED_CONDITION), is_false("PodScheduled")) {
        (Some(condition), _) => ("WaitsForOffer".to_owned(), message(condition)),
        (None, Some(condition)) => (condition.reason.clone().unwrap_or(phase), message(condition)),
        (None, None) => {
            let containers = status.container_statuses.unwrap_or_default();
            let waiting = containers.into_iter().find_map(|it| it.state?.waiting);
            let (reason, message) = waiting.map(|it| (it.reason, it.message)).unwrap_or_default();
            (reason.unwrap_or(phase), message.unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fake::{now, objects};
    use super::*;

    const PODS: &str = r#"
metadata: {name: pi-driver-0, namespace: team, labels: {spark-role: driver}, creationTimestamp: "2026-11-24T11:59:00Z"}
spec: {nodeName: node-0, containers: []}
status: {phase: Running}
---
metadata: {name: pi-exec-1, namespace: team, labels: {spark-role: executor}, creationTimestamp: "2026-11-24T11:59:30Z"}
spec: {containers: []}
status:
  phase: Pending
  conditions:
  - {type: PodScheduled, status: "False", reason: SchedulingGated, message: gated}
  - {type: proffer.dev/Offered, status: "False", reason: LimitReached, message: "limit reached: pool a holds cpu 2 of 2"}
---
metadata: {name: pi-exec-2, namespace: team, labels: {spark-role: executor}, creationTimestamp: "2026-11-24T11:59:30Z"}
spec: {nodeName: node-1, containers: []}
status:
  phase: Pending
  containerStatuses:
  - {name: c, image: i, imageID: "", ready: false, restartCount: 0, state: {waiting: {reason: ImagePullBackOff, message: no such image}}}
"#;

    #[test]
    fn an_application_with_pods_that_wait() {
        let application = ApplicationStatus {
            id: "spark-1".to_owned(),
            ui_service: Some("pi-spark-ui".to_owned()),
            history_link: Some("http://history:18080/history/spark-1".to_owned()),
            ..ApplicationStatus::default()
        };
        insta::assert_snapshot!(explain(&application, &objects::<Pod>(PODS), now()));
        let gone = explain(&application, &[], now());
        assert!(gone.starts_with("\nApplication spark-1:\n  it has no pods\n"), "{gone}");
    }
}
