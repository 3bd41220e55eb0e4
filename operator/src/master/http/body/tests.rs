use axum::body::{Bytes, to_bytes};
use tokio::sync::mpsc;

use super::*;
use crate::master::budgets::Bounds;
use crate::web::Amount;

const MEBIBYTE: u64 = 1 << 20;

fn budget(amount: &Amount) -> Arc<Budget> {
    let most_each = 16 * MEBIBYTE * WEIGHT;
    let bounds = Bounds { most: 2 * most_each, most_each, most_executors: most_each, little: 1 };
    Budget::new(bounds, amount.clone())
}

fn principal(name: &str) -> Who {
    Who::Principal(name.into())
}

/// A body whose length is not said, and where its pieces are written.
fn in_pieces() -> (mpsc::UnboundedSender<Vec<u8>>, Body) {
    let (sender, receiver) = mpsc::unbounded_channel::<Vec<u8>>();
    let pieces = futures::stream::unfold(receiver, |mut receiver| async move {
        Some((Ok::<_, std::io::Error>(receiver.recv().await?), receiver))
    });
    (sender, Body::from_stream(pieces))
}

/// A body of 8 MiB of which nothing comes.
struct Announced;

impl HttpBody for Announced {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(MAXIMUM_BYTES)
    }
}

async fn refused(read: Result<Taken, Response>) -> (u16, bool, String) {
    let Err(response) = read else { panic!("it is refused") };
    let (head, body) = response.into_parts();
    let text = to_bytes(body, 10_000).await.unwrap();
    let has_time = head.headers.contains_key("retry-after");
    (head.status.as_u16(), has_time, String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test]
async fn a_body_counts_until_its_call_is_answered() {
    let amount = Amount::default();
    let budget = budget(&amount);
    let taken = read(Body::from("text"), &budget, &principal("a")).await;
    let taken = taken.unwrap_or_else(|_| panic!("there is room"));
    assert_eq!((&*taken.bytes, amount.held()), (&b"text"[..], 4 * WEIGHT));
    drop(taken);
    assert_eq!(amount.held(), 0);
}

#[tokio::test(start_paused = true)]
async fn half_sent_bodies_of_one_hold_a_bounded_number_of_bytes() {
    let amount = Amount::default();
    let budget = budget(&amount);
    let a = principal("a");
    let mut all: Vec<_> = (0..150)
        .map(|_| {
            let (budget, a) = (Arc::clone(&budget), a.clone());
            tokio::spawn(
                async move { refused(read(Body::new(Announced), &budget, &a).await).await },
            )
        })
        .collect();
    while amount.held() < 16 * MEBIBYTE * WEIGHT {
        tokio::task::yield_now().await;
    }
    // Another one has room at the same time.
    let other = read(Body::from("text"), &budget, &principal("b")).await;
    assert!(other.is_ok());
    drop(other);
    let mut statuses = Vec::new();
    for one in all.drain(..) {
        let (status, has_time, text) = one.await.unwrap();
        assert!(status == 408 || has_time, "{text}");
        statuses.push(status);
        assert!(amount.held() <= 16 * MEBIBYTE * WEIGHT);
    }
    assert!(statuses.contains(&429) && statuses.contains(&408), "{statuses:?}");
    assert_eq!(amount.held(), 0);
}

#[tokio::test]
async fn what_is_not_announced_is_counted_as_it_comes() {
    let amount = Amount::default();
    let budget = budget(&amount);
    let _other = budget.take(&principal("a"), 15 * MEBIBYTE * WEIGHT).unwrap();
    let (sender, body) = in_pieces();
    let reading = tokio::spawn({
        let budget = Arc::clone(&budget);
        async move { refused(read(body, &budget, &principal("a")).await).await }
    });
    sender.send(vec![0; 1 << 20]).unwrap();
    while amount.held() < 16 * MEBIBYTE * WEIGHT {
        tokio::task::yield_now().await;
    }
    sender.send(vec![0; 1]).unwrap();
    let (status, has_time, text) = reading.await.unwrap();
    assert_eq!((status, has_time), (429, true), "{text}");
    assert_eq!(amount.held(), 15 * MEBIBYTE * WEIGHT);
}

#[tokio::test]
async fn a_body_is_not_longer_than_the_longest() {
    let budget = budget(&Amount::default());
    let length = usize::try_from(MAXIMUM_BYTES).unwrap();
    let longest = read(Body::from(vec![0; length]), &budget, &principal("a")).await;
    assert!(longest.is_ok_and(|taken| taken.bytes.len() == length));
    let longer = Body::from(vec![0; length + 1]);
    assert_eq!(refused(read(longer, &budget, &principal("a")).await).await.0, 413);
    let (sender, body) = in_pieces();
    (0..9).for_each(|_| sender.send(vec![0; 1 << 20]).unwrap());
    assert_eq!(refused(read(body, &budget, &principal("a")).await).await.0, 413);
}

#[tokio::test]
async fn a_framework_may_ask_for_a_hundred_thousand_tasks() {
    let amount = Amount::default();
    let most_each = MAXIMUM_BYTES * WEIGHT;
    let bounds = Bounds { most: 2 * most_each, most_each, most_executors: most_each, little: 1 };
    let budget = Budget::new(bounds, amount.clone());
    let task = r#"{"task_id":{"value":"00000000-0000-0000-0000-000000000000"},"#.len()
        + r#""agent_id":{"value":"00000000-0000-0000-0000-000000000000-S0"}},"#.len();
    let body = || Body::from(vec![b' '; 100_000 * task]);
    let most = MAXIMUM_FRAMEWORK_BYTES;
    let taken = read_up_to(most, body(), &budget, &principal("a")).await;
    assert!(taken.is_ok_and(|taken| taken.bytes.len() == 100_000 * task));
    let (sender, pieces) = in_pieces();
    (0..12).for_each(|_| sender.send(vec![b' '; 1 << 20]).unwrap());
    drop(sender);
    let taken =
        read_up_to(most, pieces, &budget, &principal("a")).await.unwrap_or_else(|_| panic!());
    assert_eq!((taken.bytes.len(), amount.held()), (12 << 20, most_each));
    drop(taken);
    assert_eq!(refused(read(body(), &budget, &principal("a")).await).await.0, 413);
    let longer = Body::from(vec![b' '; (16 << 20) + 1]);
    assert_eq!(refused(read_up_to(most, longer, &budget, &principal("a")).await).await.0, 413);
}
