//! Books: what the engine notes beside its state.
//!
//! A book keeps one thing up to date and knows nothing of the engine. The steps of a tick ask it and tell
//! it by its verbs; only its own `check` looks at all that it keeps.

mod agenda;
mod due;
mod missing;
mod queue;
mod refused;

pub(crate) use agenda::Agenda;
pub(crate) use due::Due;
pub(crate) use missing::MissingNodes;
pub(crate) use queue::Queue;
