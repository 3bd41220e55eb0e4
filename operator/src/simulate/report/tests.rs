use super::Spread;
use proffer_core::time::Span;

fn spread(times: &[u64]) -> [u64; 4] {
    let Spread { mean, median, p95, max } =
        Spread::new(times.iter().copied().map(Span::from_milliseconds).collect());
    [mean, median, p95, max].map(|seconds| seconds.span().as_milliseconds())
}

#[test]
fn times_are_spread_by_nearest_rank() {
    assert_eq!(spread(&[]), [0, 0, 0, 0]);
    assert_eq!(spread(&[7]), [7, 7, 7, 7]);
    assert_eq!(spread(&[30, 10]), [20, 10, 30, 30]);
    assert_eq!(spread(&[2, 9, 1]), [4, 2, 9, 9]);
    let hundred: Vec<u64> = (1..=100).rev().collect();
    assert_eq!(spread(&hundred), [51, 50, 95, 100]);
    let twenty: Vec<u64> = (1..=20).collect();
    assert_eq!(spread(&twenty), [11, 10, 19, 20]);
}
