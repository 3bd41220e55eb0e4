//! What tasks have left, for those who may look into their sandboxes.

use std::collections::BTreeMap;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::refusals::refused;
use super::{Api, json_response};
use crate::master::access::Kind;
use crate::master::door::Guest;
use crate::master::files::{Download, Reach, out_of_reach, path, pieces};

impl Api {
    /// Answers with what tasks have left.
    pub(super) async fn read_file(
        &self,
        guest: &Guest,
        endpoint: &str,
        query: &BTreeMap<String, String>,
    ) -> Result<Response, Response> {
        // What is asked of a log is found in all of it, so it takes as much room as any answer.
        let place = self.readers.place(&guest.who).await?;
        let reach = self.reach(guest, path(query).map_err(refused)?).await?;
        let files = &self.files;
        if endpoint == "files/browse" {
            let listed = files.browse(query, &reach).await.map_err(refused)?;
            return Ok(with_function(query, &listed));
        }
        if endpoint == "files/read" {
            let read = files.read(query, &reach).await.map_err(refused)?;
            return Ok(with_function(query, &read));
        }
        let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
        let body = match files.download(query, &reach).await.map_err(refused)? {
            Download::File(file) => {
                let pieces = futures::stream::try_unfold(file, |file| async move {
                    Ok::<_, std::io::Error>(file.next().await?.map(|piece| (piece, file)))
                });
                self.readers.send(place, pieces)
            }
            Download::Text(text) => {
                let pieces = futures::stream::iter(pieces(text).map(Ok));
                self.readers.send(place, pieces)
            }
        };
        Ok((kind, body).into_response())
    }

    /// Which sandboxes somebody may look into, of those that a path could be in.
    async fn reach(&self, guest: &Guest, path: &str) -> Result<Reach, Response> {
        let sees_all = self.door.rights(guest).all(Kind::AccessSandboxes);
        if sees_all && self.files.has_folders() {
            return Ok(Reach::All);
        }
        // Who sees everything may know that there is nothing.
        let nothing = || {
            let not_there = (StatusCode::NOT_FOUND, format!("There is no '{path}'"));
            refused(if sees_all { not_there } else { out_of_reach(path) })
        };
        let framework = self.files.framework_of(path).ok_or_else(nothing)?;
        let reading = self.readers.look(self.sight(guest)).await?;
        let job = reading.sandboxes_of(framework).ok_or_else(nothing)?;
        Ok(Reach::Framework(framework.to_owned(), job))
    }
}

/// JSON, or a call of the function that is named.
fn with_function(query: &BTreeMap<String, String>, value: &Value) -> Response {
    match query.get("jsonp") {
        Some(function) => {
            let kind = [(header::CONTENT_TYPE, "text/javascript")];
            (kind, format!("{function}({value});")).into_response()
        }
        None => json_response(StatusCode::OK, value),
    }
}
