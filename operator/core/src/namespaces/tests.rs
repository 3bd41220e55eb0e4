use super::*;

fn claims(pools: &[(&str, &[&str])]) -> Claims {
    let names = |names: &[&str]| names.iter().map(|&name| name.into()).collect::<Vec<Box<str>>>();
    let pools: Vec<_> = pools.iter().map(|(pool, own)| (*pool, names(own))).collect();
    Claims::new(pools.iter().map(|(pool, own)| (*pool, own.as_slice())))
}

#[test]
fn a_claimed_namespace_uses_only_pools_that_claim_it() {
    let claims = claims(&[("default", &[]), ("a", &["team-a"]), ("b", &["team-b", "team-c"])]);
    for (namespace, usable) in [("team-a", "a"), ("team-b", "b"), ("elsewhere", "default")] {
        assert_eq!(claims.usable_by(namespace), usable);
    }
    assert!(!claims.may_use("team-a", "default") && !claims.may_use("elsewhere", "a"));
    assert!(!claims.may_use("elsewhere", "unknown"));
}

#[test]
fn a_child_has_its_parents_claim_or_its_own() {
    let claims = claims(&[("a", &["x"]), ("a.dev", &[]), ("a.dev.deep", &[]), ("a.test", &["y"])]);
    assert_eq!(claims.usable_by("x"), "a, a.dev, a.dev.deep");
    assert_eq!(claims.usable_by("y"), "a.test");
    assert_eq!(claims.usable_by("z"), "none");
}

#[test]
fn without_claims_everyone_uses_everything_and_long_lists_are_cut() {
    let names: Vec<String> = (0..10).map(|index| format!("p{index}")).collect();
    let pools: Vec<(&str, &[&str])> = names.iter().map(|name| (name.as_str(), &[][..])).collect();
    let all = claims(&pools).usable_by("anyone");
    assert_eq!(all, "p0, p1, p2, p3, p4, p5, p6, p7 and 2 more");
}
