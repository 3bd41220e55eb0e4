//! The messages of the Mesos v1 HTTP API, and the rules that every server and client of it follows.
//!
//! ```text
//! HTTP body ─► content (which encoding) ─► transcode (JSON) or prost (protobuf) ─► types
//!                                                          types ─► validate: what a master refuses
//! stream ◄─ recordio (framing) ◄─ content ◄─ types
//! ```
//!
//! - [`types`], [`scheduler`] and [`executor`] are the messages, with the names and numbers of Mesos.
//! - [`content`] chooses and does the encoding, [`recordio`] is the framing of streams.
//! - [`validate`] holds the checks of Mesos's master, in its words.
//! - [`token`] is how a master on this machine knows the programs of its user.
//! - [`resources`] computes with resources, [`constraints`] with offer constraints.
//!
//! There is no server and no client here.

// What a field is, and what needs to know no messages.
mod fields;
pub mod recordio;
pub mod roles;
pub mod token;

// JSON.
mod json;

// Messages in JSON.
mod transcode;

// How messages are written down here, and both encodings of them.
pub mod content;
#[macro_use]
mod messages;

// What is in messages.
pub mod types;

// Messages.
pub mod executor;
pub mod resources;
pub mod scheduler;

// Rules.
pub mod constraints;
pub mod validate;

#[cfg(test)]
mod fuzz;

pub use fields::{Described, Field, MOST_MESSAGES, Problem, Survey, survey};
pub use transcode::{Message, from_json, from_value, to_json};
