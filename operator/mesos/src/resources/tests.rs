use proptest::prelude::*;

use super::*;

#[test]
fn scalars_have_three_decimals() {
    assert_eq!(thousandths(0.1 + 0.2), Some(300));
    assert_eq!(thousandths(1.0004), Some(1000));
    assert_eq!(thousandths(1.0005), Some(1001));
    assert_eq!(thousandths(f64::NAN), None);
    assert_eq!(thousandths(f64::INFINITY), None);
    assert_eq!(thousandths(1e300), None);
    assert_eq!(scalar(1500).to_string(), "1.5");
}

#[test]
fn resources_are_written_as_mesos_does() {
    let resources = [
        scalar_resource("cpus", 1000),
        scalar_resource("cpus", 500),
        ranges_resource("ports", [(31005, 31010), (31000, 31004), (32000, 32000)]),
        set_resource("disks", vec!["b".into(), "a".into()]),
    ];
    let text = "cpus:1.5; ports:[31000-31010, 32000-32000]; disks:{a, b}";
    assert_eq!(Quantities::of(&resources).to_string(), text);
    assert_eq!(Quantities::default().to_string(), "{}");
}

#[test]
fn what_contains_what() {
    let offered = Quantities::of(&[
        scalar_resource("cpus", 1000),
        ranges_resource("ports", [(31000, 31999), (33000, 33000)]),
        set_resource("disks", vec!["a".into()]),
    ]);
    let fits = |resource| offered.contains(&Quantities::of(&[resource]));
    assert!(fits(scalar_resource("cpus", 1000)));
    assert!(!fits(scalar_resource("cpus", 1001)));
    assert!(!fits(scalar_resource("gpus", 1000)));
    assert!(fits(scalar_resource("gpus", 0)));
    assert!(fits(ranges_resource("ports", [(31000, 31999)])));
    assert!(!fits(ranges_resource("ports", [(31000, 32000)])));
    assert!(fits(set_resource("disks", vec!["a".into()])));
    assert!(!fits(set_resource("disks", vec!["b".into()])));
}

#[test]
fn resources_are_checked() {
    let wrong = [
        scalar_resource("", 1),
        scalar_resource("cpus", -1),
        ranges_resource("ports", [(2, 1)]),
        ranges_resource("ports", [(1, 3), (3, 4)]),
        set_resource("disks", vec!["a".into(), "a".into()]),
        Resource { r#type: ValueType::Text.into(), ..scalar_resource("cpus", 1) },
        Resource { scalar: None, ..scalar_resource("cpus", 1) },
        Resource { scalar: Some(ValueScalar { value: f64::NAN }), ..scalar_resource("cpus", 1) },
    ];
    for resource in wrong {
        assert!(check_resources(std::slice::from_ref(&resource)).is_err(), "{resource:?}");
    }
    let message = "Resource 'cpus' is invalid: Invalid scalar resource: value < 0";
    assert_eq!(check_resources(&[scalar_resource("cpus", -1)]), Err(message.to_owned()));
    assert_eq!(check_resources(&[scalar_resource("cpus", 0)]), Ok(()));
}

proptest! {
    #[test]
    fn a_sum_goes_through_resources(
        scalars in prop::collection::btree_map("[a-d]", 1_i64..1_000_000_000_000, 0..4),
        ends in prop::collection::vec((0_u64..100, 0_u64..10), 0..8),
    ) {
        let mut resources: Vec<Resource> =
            scalars.iter().map(|(name, amount)| scalar_resource(name, *amount)).collect();
        let ranges = ends.iter().map(|(begin, length)| (*begin, begin + length));
        resources.push(ranges_resource("ports", ranges));
        let sum = Quantities::of(&resources);
        prop_assert_eq!(&Quantities::of(&sum.resources()), &sum);
        prop_assert!(sum.contains(&sum));
        let ranges = &sum.ranges["ports"];
        prop_assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
        let covered = |port: u64| ranges.iter().any(|range| (range.0..=range.1).contains(&port));
        for port in 0..120 {
            let expected = ends.iter().any(|(begin, length)| (*begin..=begin + length).contains(&port));
            prop_assert_eq!(covered(port), expected);
        }
    }
}
