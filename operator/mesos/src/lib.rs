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
//! - [`resources`] computes with resources, [`constraints`] with offer constraints.
//!
//! There is no server and no client here.

#[macro_use]
mod messages;

pub mod constraints;
pub mod content;
pub mod executor;
mod json;
pub mod recordio;
pub mod resources;
pub mod roles;
pub mod scheduler;
mod transcode;
pub mod types;
pub mod validate;

pub use json::{from_json, from_value, to_json};
pub use transcode::{Described, Field, Message, Problem, missing_fields};
