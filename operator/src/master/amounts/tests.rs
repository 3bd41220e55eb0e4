use proffer_mesos::resources::scalar_resource;

use super::*;

fn named(amounts: &[(&str, i64)]) -> NamedAmounts {
    amounts.iter().map(|&(name, amount)| (name.into(), amount)).collect()
}

#[test]
fn whoever_takes_all_that_is_offered_asks_for_no_more() {
    for bytes in [1, 1 << 20, (1 << 30) + 1, 123_456_789_012] {
        let offered = resources(&named(&[("cpu", 1500), ("memory", bytes)]), &Ranges::new());
        let (amounts, _) = request(&offered).unwrap();
        let memory = amounts.iter().find(|(name, _)| **name == *"memory").map_or(0, |a| a.1);
        assert!(memory <= bytes && bytes - memory < 1100, "{memory} of {bytes}");
    }
}

#[test]
fn resources_are_named_as_mesos_names_them() {
    let all = [("memory", 1 << 30), ("cpu", 2500), ("pods", 1), ("ephemeral-storage", 1 << 20)];
    let offered = resources(&named(&all), &agent_ports());
    let text = Quantities::of(&offered).to_string();
    assert_eq!(text, "cpus:2.5; disk:1; mem:1024; ports:[31000-32000]");
    let (amounts, ports) = request(&offered).unwrap();
    assert_eq!(ports, agent_ports());
    assert_eq!(
        amounts,
        named(&[("cpu", 2500), ("ephemeral-storage", 1 << 20), ("memory", 1 << 30)])
    );
}

#[test]
fn what_nobody_has_is_named() {
    assert!(request(&[scalar_resource("gpus", 500)]).is_err());
    assert!(request(&[ranges_resource("ports", [(31_000, 70_000)])]).is_err());
    assert!(request(&[ranges_resource("doors", [(1, 2)])]).is_err());
}
