//! Watches: lines of JSON, one for each thing that happens.

use std::time::Duration;

use futures::StreamExt;
use http::Response;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::BoxError;

use super::request::{Request, Verb};
use super::store::Failure;
use super::{Answer, FakeApi};

/// How often a watch in which nothing happens says how far it is.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(10);

struct Watch {
    api: FakeApi,
    request: Request,
    /// What is told first.
    first: Vec<Value>,
    revision: u64,
    generation: u64,
    end: Instant,
    bookmark_at: Instant,
    changed: tokio::sync::watch::Receiver<u64>,
}

pub(crate) fn response(api: FakeApi, request: &Request) -> Response<Answer> {
    let changed = api.0.changed.subscribe();
    let from: u64 = request.parameter("resourceVersion").parse().unwrap_or(0);
    let seconds = request.parameter("timeoutSeconds").parse().unwrap_or(290);
    let (first, revision, generation) = {
        let state = api.state();
        let store = &state.store;
        let revision = if from == 0 { store.revision() } else { from };
        let first = if from == 0 {
            let list = Request { verb: Verb::List, ..request.clone() };
            let all = store.all(&request.kind).filter(|object| {
                let word = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
                let key = super::Key::new(&request.kind, word("namespace"), word("name"));
                super::store::is_asked_for(&list, &key, object)
            });
            all.map(|object| json!({"type": "ADDED", "object": object})).collect()
        } else if from < store.compacted() {
            let message = format!("too old resource version: {from} ({})", store.compacted());
            let gone = Failure { code: 410, reason: "Expired", message };
            vec![json!({"type": "ERROR", "object": gone.status()})]
        } else {
            Vec::new()
        };
        (first, revision, state.faults.generation)
    };
    let now = Instant::now();
    let watch = Watch {
        api,
        request: request.clone(),
        first,
        revision,
        generation,
        end: now + Duration::from_secs(seconds),
        bookmark_at: now + BOOKMARK_INTERVAL,
        changed,
    };
    let lines = futures::stream::unfold(watch, |mut watch| async {
        let line = watch.next().await?;
        Some((line, watch))
    });
    let frames = lines.map(|line: String| Ok::<_, BoxError>(Frame::data(line.into())));
    let body = StreamBody::new(frames).boxed_unsync();
    Response::builder().header("content-type", "application/json").body(body).unwrap()
}

impl Watch {
    /// What is told next; `None` at its end.
    async fn next(&mut self) -> Option<String> {
        if !self.first.is_empty() {
            let all = std::mem::take(&mut self.first);
            return Some(all.iter().map(|event| format!("{event}\n")).collect());
        }
        loop {
            self.changed.borrow_and_update();
            let now = Instant::now();
            let mut wake = self.end.min(self.bookmark_at);
            {
                let state = self.api.state();
                if state.faults.generation != self.generation || now >= self.end {
                    return None;
                }
                if let Some(change) = state.store.since(self.revision, &self.request) {
                    let due = change.at + state.faults.watch_lag;
                    if due <= now {
                        self.revision = change.revision;
                        let event = json!({"type": change.kind, "object": change.object});
                        return Some(
                            format!("{event}\n").repeat(1 + usize::from(state.faults.repeats)),
                        );
                    }
                    wake = due.min(self.end);
                } else if now >= self.bookmark_at && state.faults.watch_lag.is_zero() {
                    self.bookmark_at = now + BOOKMARK_INTERVAL;
                    wake = wake.max(self.bookmark_at).min(self.end);
                    if self.request.parameter("allowWatchBookmarks") == "true" {
                        self.revision = self.revision.max(state.store.revision());
                        let metadata = json!({"resourceVersion": self.revision.to_string()});
                        let object =
                            json!({"kind": "Bookmark", "apiVersion": "v1", "metadata": metadata});
                        return Some(format!(
                            "{}\n",
                            json!({"type": "BOOKMARK", "object": object})
                        ));
                    }
                } else if now >= self.bookmark_at {
                    self.bookmark_at = now + BOOKMARK_INTERVAL;
                    wake = self.bookmark_at.min(self.end);
                }
            }
            tokio::select! {
                _ = self.changed.changed() => {}
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }
}
