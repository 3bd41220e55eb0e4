use super::*;

fn taint(key: &str, value: &str, effect: TaintEffect) -> Taint {
    Taint { key: key.into(), value: value.into(), effect }
}

fn label(key: &str, value: &str) -> Label {
    (key.into(), value.into())
}

#[test]
fn tolerations_mean_what_they_mean_in_kubernetes() {
    use TaintEffect::{NoExecute, NoSchedule};
    use TolerationOperator::{Equal, Exists};
    let toleration = |key: &str, operator, value: &str, effect| Toleration {
        key: key.into(),
        operator,
        value: value.into(),
        effect,
    };
    let gpu = taint("dedicated", "gpu", NoSchedule);
    for (toleration, expected) in [
        (toleration("dedicated", Equal, "gpu", Some(NoSchedule)), true),
        (toleration("dedicated", Equal, "gpu", None), true),
        (toleration("dedicated", Equal, "gpu", Some(NoExecute)), false),
        (toleration("dedicated", Equal, "", None), false),
        (toleration("dedicated", Equal, "cpu", None), false),
        (toleration("other", Equal, "gpu", None), false),
        (toleration("dedicated", Exists, "", None), true),
        (toleration("other", Exists, "", None), false),
        (toleration("", Exists, "", None), true),
        (toleration("", Exists, "", Some(NoExecute)), false),
        (toleration("", Equal, "gpu", None), true),
    ] {
        assert_eq!(toleration.tolerates(&gpu), expected, "{toleration:?}");
    }
    assert!(toleration("a", Equal, "", None).tolerates(&taint("a", "", NoExecute)));
}

#[test]
fn preferences_keep_nothing_away() {
    let requirement = Requirement::default();
    let preferred = taint("spot", "", TaintEffect::PreferNoSchedule);
    let spot = taint("spot", "", TaintEffect::NoExecute);
    assert_eq!(requirement.untolerated(std::slice::from_ref(&preferred)), None);
    assert_eq!(requirement.untolerated(&[preferred, spot.clone()]), Some(&spot));
    assert_eq!(spot.to_string(), "spot:NoExecute");
}

#[test]
fn selectors_narrow_and_contradict() {
    let zone = Requirement::default().narrowed(&[label("zone", "a")]).unwrap();
    let both = zone.clone().narrowed(&[label("arch", "arm64"), label("zone", "a")]).unwrap();
    assert_eq!(both.selector().as_deref(), Some("arch=arm64,zone=a"));
    assert!(zone.matches(&[label("arch", "amd64"), label("zone", "a")]));
    assert!(!both.matches(&[label("arch", "amd64"), label("zone", "a")]));
    assert!(!zone.matches(&[label("arch", "a")]));
    let contradiction = zone.narrowed(&[label("zone", "b")]).unwrap_err();
    assert_eq!((&*contradiction.key, &*contradiction.values[1]), ("zone", "b"));
}
