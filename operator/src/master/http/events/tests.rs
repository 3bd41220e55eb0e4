use futures::StreamExt;
use tokio::sync::mpsc;

use super::*;
use crate::master::connections::stream::stream;

#[tokio::test]
async fn an_event_is_followed_by_the_end_of_its_line_at_once() {
    let (requests, _asked) = mpsc::channel(1);
    let (mut writing, events) = stream();
    let stream = Stream { connection: ConnectionId(1), id: "s".to_owned(), events };
    let end = line_end(ContentType::Json);
    let response = super::events(&requests, ContentType::Json, stream, end.clone());
    let mut body = response.into_body().into_data_stream();
    assert!(writing.write(b"3\none".to_vec()) && writing.write(b"3\ntwo".to_vec()));
    for expected in [&b"3\none"[..], b"3\ntwo", &end.unwrap()] {
        assert_eq!(body.next().await.unwrap().unwrap(), expected);
    }
    drop(writing);
    assert!(body.next().await.is_none(), "a heartbeat is not followed by another");
}

#[tokio::test]
async fn it_is_told_when_everything_was_read() {
    let (requests, mut asked) = mpsc::channel(1);
    let (mut writing, events) = stream();
    let stream = Stream { connection: ConnectionId(1), id: "s".to_owned(), events };
    let response = super::events(&requests, ContentType::Protobuf, stream, None);
    let mut body = response.into_body().into_data_stream();
    assert!(writing.write(b"one".to_vec()));
    writing.mark();
    drop(writing);
    assert!(body.next().await.is_some() && asked.try_recv().is_err());
    assert!(body.next().await.is_none());
    assert!(matches!(asked.try_recv(), Ok(Request::HasRead(ConnectionId(1)))));
}
