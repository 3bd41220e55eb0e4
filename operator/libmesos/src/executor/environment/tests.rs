use std::collections::BTreeMap;

use super::*;

fn read(variables: &[(&str, &str)]) -> Result<Environment, String> {
    let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
    Environment::read(|name| variables.get(name).map(|value| (*value).to_owned()))
}

const NEEDED: [(&str, &str); 3] = [
    ("MESOS_AGENT_ENDPOINT", "10.0.0.1:5051"),
    ("MESOS_FRAMEWORK_ID", "f-0"),
    ("MESOS_EXECUTOR_ID", "e"),
];

#[test]
fn what_is_missing_is_named() {
    for (name, _) in NEEDED {
        let others: Vec<_> = NEEDED.into_iter().filter(|(other, _)| *other != name).collect();
        let problem = read(&others).unwrap_err();
        assert!(problem.starts_with(&format!("{name} is not set")), "{problem}");
    }
}

#[test]
fn what_is_not_said_is_as_in_mesos() {
    let environment = read(&NEEDED).unwrap();
    assert_eq!(environment.grace(), Some(GRACE));
    assert_eq!(environment.patience(), Duration::ZERO, "it ends with its agent");
    let checkpoints = read(&[&NEEDED[..], &[("MESOS_CHECKPOINT", "1")]].concat()).unwrap();
    assert_eq!(checkpoints.patience(), RECOVERY_TIMEOUT);
    let local = read(&[&NEEDED[..], &[("MESOS_LOCAL", "1")]].concat()).unwrap();
    assert_eq!(local.grace(), None);
}

#[test]
fn old_agents_are_known_by_their_pid() {
    let old = [("MESOS_SLAVE_PID", "slave(1)@10.0.0.1:5051"), NEEDED[1], NEEDED[2]];
    assert_eq!(read(&old).unwrap(), read(&NEEDED).unwrap());
}

#[test]
fn times_have_units() {
    let seconds = |text: &str| duration(text).map(|duration| duration.as_secs_f64());
    assert_eq!(seconds("5secs"), Some(5.0));
    assert_eq!(seconds("1.5hrs"), Some(5400.0));
    assert_eq!(seconds("100ms"), Some(0.1));
    for wrong in ["", "5", "secs", "5 secs", "-1secs", "1e400secs", "5parsecs"] {
        assert_eq!(duration(wrong), None, "{wrong}");
    }
    let wrong = [&NEEDED[..], &[("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "soon")]].concat();
    let problem = read(&wrong).unwrap_err();
    assert!(problem.contains("\"soon\"") && problem.contains("5secs"), "{problem}");
}
