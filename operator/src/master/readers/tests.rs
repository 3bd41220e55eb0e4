use std::collections::BTreeMap;

use axum::body::to_bytes;
use serde_json::Value;

use super::*;
use crate::master::budgets::Bounds;
use crate::master::tests::{World, framework, task};
use crate::web::Amount;

/// How many answers one may have on their way, and those for who has few.
const MOST: u64 = 18;
const LAST: u64 = 2;

/// Readers of a master with a framework that has this many tasks, the name of each long.
fn readers(tasks: usize) -> Readers {
    let (requests, mut asked) = mpsc::channel(8);
    let mut world = World::new(1);
    let stream = world.subscribe(framework("{}"));
    let named = |number| {
        let name = "x".repeat(50_000);
        proffer_mesos::types::TaskInfo { name, ..task(&format!("{number}"), "m-S0", 0.01) }
    };
    let tasks: Vec<_> = (0..tasks).map(named).collect();
    world.launch(stream, &tasks);
    let snapshot = Arc::new(world.snapshot());
    tokio::spawn(async move {
        while let Some(request) = asked.recv().await {
            if let Request::Look(reply) = request {
                let _ = reply.send(Arc::clone(&snapshot));
            }
        }
    });
    let bounds = Bounds { most: MOST + LAST, most_each: MOST, most_executors: MOST, little: 1 };
    Readers::new(requests, Budget::new(bounds, Amount::default()))
}

fn endpoint(name: &str) -> Asked {
    Asked::Endpoint(Question { agent: None, endpoint: name.to_owned(), query: BTreeMap::new() })
}

async fn read(readers: &Readers, asked: Asked) -> Value {
    let answer = readers.answer(asked, Sight::All, &Who::SameUser).await.unwrap();
    serde_json::from_slice(&to_bytes(answer.into_body(), usize::MAX).await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_long_answer_is_made_piece_by_piece() {
    let readers = readers(30);
    let state = read(&readers, endpoint("state")).await;
    assert_eq!(state["frameworks"][0]["tasks"].as_array().unwrap().len(), 30);
    let place = readers.answers.take(&Who::SameUser, 1).unwrap();
    let reading = readers.look(Sight::All).await.unwrap();
    let mut pieces = readers.make(place, Arc::new(endpoint("state")), reading);
    let mut lengths = Vec::new();
    while let Some(made) = pieces.recv().await {
        let (Made::Piece(piece) | Made::Last(piece)) = made else { panic!("there is an answer") };
        lengths.push(piece.len());
    }
    assert!(lengths.len() > 10, "{lengths:?}");
    assert!(lengths.iter().all(|length| *length < 2 * PIECE_BYTES), "{lengths:?}");
}

#[tokio::test]
async fn who_does_not_read_gives_place_to_others() {
    let mut readers = readers(30);
    readers.patience = Duration::from_millis(1);
    let unread = readers.answer(endpoint("state"), Sight::All, &Who::SameUser).await.unwrap();
    // All places are free again without anything having been read.
    drop(readers.answers.take_soon(&Who::SameUser, MOST).await.unwrap());
    // It does not look like a whole answer.
    assert!(to_bytes(unread.into_body(), usize::MAX).await.is_err());
}

#[tokio::test]
async fn so_many_answers_are_on_their_way_and_no_more() {
    let readers = readers(30);
    let mut unread = Vec::new();
    for _ in 0..MOST {
        unread.push(readers.answer(endpoint("state"), Sight::All, &Who::SameUser).await.unwrap());
    }
    let other = Who::Principal("other".into());
    assert!(readers.answer(endpoint("version"), Sight::All, &other).await.is_ok());
    let another = readers.answer(endpoint("version"), Sight::All, &Who::SameUser);
    let mut another = std::pin::pin!(another);
    assert!(futures::poll!(another.as_mut()).is_pending());
    unread.pop();
    assert!(another.await.is_ok());
}

#[tokio::test]
async fn what_is_not_known_is_said() {
    let readers = readers(0);
    let status =
        async |asked| readers.answer(asked, Sight::All, &Who::SameUser).await.unwrap_err().status();
    assert_eq!(status(endpoint("nothing")).await, StatusCode::NOT_FOUND);
    let call = Asked::Call("GET_NOTHING".to_owned());
    assert_eq!(status(call).await, StatusCode::NOT_IMPLEMENTED);
    let health = read(&readers, Asked::Call("GET_HEALTH".to_owned())).await;
    assert_eq!(health["get_health"]["healthy"], true);
}

#[tokio::test(start_paused = true)]
async fn files_have_a_place_until_they_are_sent() {
    let mut readers = readers(0);
    readers.patience = Duration::from_millis(1);
    let send = async |pieces: Vec<io::Result<Vec<u8>>>| {
        let place = readers.place(&Who::SameUser).await.unwrap();
        readers.send(place, futures::stream::iter(pieces))
    };
    let piece = || Ok(b"piece".to_vec());
    let whole = to_bytes(send(vec![piece(), piece()]).await, usize::MAX).await.unwrap();
    assert_eq!(&*whole, b"piecepiece");
    let broken = send(vec![piece(), Err(io::ErrorKind::Other.into())]).await;
    assert!(to_bytes(broken, usize::MAX).await.is_err(), "it does not look like a whole file");
    // One that is not read gives its place to others.
    let unread = send(vec![piece(), piece(), piece()]).await;
    assert_eq!(readers.answers.held(), 1);
    drop(readers.answers.take_soon(&Who::SameUser, MOST).await.unwrap());
    assert!(to_bytes(unread, usize::MAX).await.is_err());
    assert_eq!(readers.answers.held(), 0);
}
