use proffer_core::time::Time;
use proffer_core::view::Market;

use super::*;
use crate::master::Master;
use crate::master::tests::settings;

fn snapshot() -> Snapshot {
    Master::new(Time::ZERO, settings()).snapshot(Time::ZERO, Market::default())
}

fn want(showing: &mut Showing) -> oneshot::Receiver<Arc<Snapshot>> {
    let (reply, shown) = oneshot::channel();
    showing.want(reply);
    shown
}

#[tokio::test]
async fn all_who_wait_are_shown_the_same() {
    let mut showing = Showing::default();
    let shown: Vec<_> = (0..100).map(|_| want(&mut showing)).collect();
    let mut made = 0;
    showing.show(|| {
        made += 1;
        snapshot()
    });
    assert_eq!(made, 1);
    let mut first = None;
    for one in shown {
        let one = one.await.unwrap();
        assert!(Arc::ptr_eq(first.get_or_insert_with(|| Arc::clone(&one)), &one));
    }
}

#[tokio::test]
async fn nothing_is_made_if_nobody_waits() {
    let mut showing = Showing::default();
    assert!(!showing.is_due());
    drop(want(&mut showing));
    showing.show(|| unreachable!("whoever wanted to see it is gone"));
    assert!(!showing.is_due());
}

#[tokio::test(start_paused = true)]
async fn the_loop_is_let_alone_for_nine_times_as_long() {
    let mut showing = Showing::default();
    let begin = Instant::now();
    showing.rest(begin, Duration::from_millis(100));
    let _shown = want(&mut showing);
    assert!(!showing.is_due());
    showing.due().await;
    assert_eq!(begin.elapsed(), Duration::from_secs(1));
    assert!(showing.is_due());
}
