use super::*;

fn budget() -> Arc<Budget> {
    Budget::new(
        Bounds { most: 100, most_each: 40, most_executors: 50, little: 5 },
        Amount::default(),
    )
}

fn principal(name: &str) -> Who {
    Who::Principal(name.into())
}

#[test]
fn nobody_holds_more_than_a_part() {
    let budget = budget();
    let (a, b) = (principal("a"), principal("b"));
    let mut held = budget.take(&a, 30).unwrap();
    assert_eq!(held.grow(11), Err(Exhausted::Own));
    assert_eq!(held.grow(10), Ok(()));
    assert_eq!(budget.take(&a, 1).unwrap_err(), Exhausted::Own);
    let other = budget.take(&b, 40).unwrap();
    assert_eq!((budget.held(), other.who()), (80, &b));
    drop(held);
    assert_eq!(budget.held(), 40);
    drop(other);
    assert_eq!(budget.held(), 0);
    assert!(budget.holdings().by.is_empty(), "who holds nothing is forgotten");
}

#[test]
fn the_last_of_it_is_for_those_who_hold_little() {
    let budget = budget();
    let _many: Vec<Held> = ["a", "b"].map(|name| budget.take(&principal(name), 40).unwrap()).into();
    let c = principal("c");
    assert_eq!(budget.take(&c, 11).unwrap_err(), Exhausted::All);
    let _ten = budget.take(&c, 10).unwrap();
    assert_eq!(budget.take(&c, 1).unwrap_err(), Exhausted::All, "it holds more than little");
    let _five = ["d", "e"].map(|name| budget.take(&principal(name), 5).unwrap());
    assert_eq!(budget.take(&principal("f"), 1).unwrap_err(), Exhausted::All);
    assert_eq!(budget.held(), 100);
}

#[test]
fn the_user_who_runs_the_master_may_have_everything_but_the_last_of_it() {
    let budget = budget();
    let _all = budget.take(&Who::SameUser, 90).unwrap();
    assert_eq!(budget.take(&Who::SameUser, 1).unwrap_err(), Exhausted::All);
    assert!(budget.take(&Who::Executors("a".into()), 5).is_ok());
}

#[test]
fn executors_have_a_bound_of_their_own() {
    let budget = budget();
    let executors = Who::Executors("a".into());
    let _own = budget.take(&principal("a"), 40).unwrap();
    let mut held = budget.take(&executors, 41).unwrap();
    assert_eq!((held.grow(9), held.grow(1)), (Ok(()), Err(Exhausted::Own)));
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_is_waited_for_but_not_for_long() {
    let budget = budget();
    let a = principal("a");
    let held = budget.take(&a, 40).unwrap();
    let waits = tokio::spawn({
        let (budget, a) = (Arc::clone(&budget), a.clone());
        async move { budget.take_soon(&a, 40).await.map(drop) }
    });
    tokio::task::yield_now().await;
    assert!(!waits.is_finished());
    drop(held);
    assert_eq!(waits.await.unwrap(), Ok(()));
    let _held = budget.take(&a, 40).unwrap();
    assert_eq!(budget.take_soon(&a, 1).await.unwrap_err(), Exhausted::Own);
    assert_eq!(budget.amount.refused(), 1);
}
