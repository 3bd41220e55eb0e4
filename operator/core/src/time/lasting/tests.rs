use super::*;

#[test]
fn it_counts_after_a_grace_period_without_a_break() {
    let at = Time::from_milliseconds;
    let grace = Span::from_milliseconds(10);
    let mut since = Lasting::default();
    assert!(!since.is_so() && !since.is_ripe(at(100), grace));
    assert_eq!(since.mark(at(0), Some(grace)), Some(at(10)));
    assert_eq!(since.mark(at(9), Some(grace)), Some(at(10)), "it began at 0");
    assert!(since.is_so() && !since.is_ripe(at(9), grace) && since.is_ripe(at(10), grace));
    assert_eq!(since.mark(at(10), Some(grace)), None, "it counts already");
    assert_eq!(since.mark(at(11), None), None);
    assert!(!since.is_so());
    assert_eq!(since.mark(at(12), Some(grace)), Some(at(22)), "it begins anew after a break");
}
