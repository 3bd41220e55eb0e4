//! The two encodings, and which one a request is in and an answer should be in.

use serde_json::Value;

use crate::fields::{MOST_MESSAGES, survey};
use crate::transcode::{Message, from_value, to_json};

/// The most values of JSON that a body holds. Each may take much more room than it has in the body: an empty
/// list has three bytes there, and 32 once decoded.
const MOST_VALUES: usize = 1 << 20;

/// How messages are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// JSON with the names of the fields.
    Json,
    /// Protobuf.
    Protobuf,
}

/// The media type of JSON.
pub const JSON: &str = "application/json";

/// The media type of protobuf.
pub const PROTOBUF: &str = "application/x-protobuf";

/// Why a request's encoding is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentProblem {
    /// The header is not there: 400.
    #[error("Expecting 'Content-Type' to be present")]
    Missing,
    /// It is something else: 415.
    #[error("Expecting 'Content-Type' of application/json or application/x-protobuf")]
    Unsupported,
}

/// What answers to a request that allows neither encoding, with 406.
pub const NOT_ACCEPTABLE: &str =
    "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'";

impl ContentType {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => JSON,
            Self::Protobuf => PROTOBUF,
        }
    }

    /// The encoding that a `Content-Type` names.
    pub fn of_request(header: Option<&str>) -> Result<Self, ContentProblem> {
        let header = header.ok_or(ContentProblem::Missing)?;
        let media_type = header.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case(JSON) {
            Ok(Self::Json)
        } else if media_type.eq_ignore_ascii_case(PROTOBUF) {
            Ok(Self::Protobuf)
        } else {
            Err(ContentProblem::Unsupported)
        }
    }

    /// The encoding for an answer to a request with this `Accept`: JSON if it may be.
    pub fn of_answer(accept: Option<&str>) -> Option<Self> {
        [Self::Json, Self::Protobuf].into_iter().find(|content| accepts(accept, *content))
    }

    /// Encodes a message.
    pub fn encode<M: Message>(self, message: &M) -> Vec<u8> {
        match self {
            Self::Json => to_json(message).into_bytes(),
            Self::Protobuf => message.encode_to_vec(),
        }
    }

    /// Decodes a message of this name; the error is the body of Mesos's answer, with 400.
    pub fn decode<M: Message>(self, body: &[u8], name: &str) -> Result<M, String> {
        match self {
            Self::Json => {
                let value = parse_json(body)?;
                from_value(&value).map_err(|problem| {
                    format!("Failed to convert JSON into {name} protobuf: {problem}")
                })
            }
            Self::Protobuf => {
                let failed = || format!("Failed to parse body into {name} protobuf");
                // What is not worth it is not decoded.
                let survey = survey(body, M::fields());
                if survey.messages > MOST_MESSAGES {
                    let failed = failed();
                    return Err(format!(
                        "{failed}: it holds more than {MOST_MESSAGES} messages, texts and numbers"
                    ));
                }
                let message = M::decode(body).map_err(|_| failed())?;
                if survey.missing.is_empty() { Ok(message) } else { Err(failed()) }
            }
        }
    }
}

/// A body as JSON, if it does not hold too much of it; the error is the body of Mesos's answer, with 400.
pub fn parse_json(body: &[u8]) -> Result<Value, String> {
    let failed =
        |problem: &dyn std::fmt::Display| format!("Failed to parse body into JSON: {problem}");
    if holds_more_than(body, MOST_VALUES) {
        return Err(failed(&format!("it holds more than {MOST_VALUES} values")));
    }
    serde_json::from_slice(body).map_err(|error| failed(&error))
}

/// Whether a text of JSON holds more than so many values: one for each that begins a list or an object, or
/// comes after a comma.
fn holds_more_than(body: &[u8], most: usize) -> bool {
    let (mut is_text, mut is_escaped, mut count) = (false, false, 0);
    for byte in body {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b',' | b'[' | b'{' if !is_text => count += 1,
            _ => {}
        }
    }
    count > most
}

/// Whether an `Accept` allows an encoding. Without one everything is allowed.
fn accepts(accept: Option<&str>, content: ContentType) -> bool {
    let Some(accept) = accept else { return true };
    let wanted = content.media_type();
    let mut allowed = (0, false);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        // The most exact of several that match counts.
        let exactness = match media_type {
            _ if media_type.eq_ignore_ascii_case(wanted) => 3,
            "application/*" => 2,
            "*/*" => 1,
            _ => continue,
        };
        let refused = parts.any(|part| {
            let quality = part.strip_prefix("q=").and_then(|text| text.parse::<f64>().ok());
            quality.is_some_and(|quality| quality <= 0.0)
        });
        if exactness > allowed.0 {
            allowed = (exactness, !refused);
        }
    }
    allowed.1
}

#[cfg(test)]
mod tests;
