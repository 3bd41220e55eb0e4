//! Books: what the engine notes beside its state.
//!
//! A book keeps one thing up to date and knows nothing of the engine. The steps of a tick ask it and tell
//! it by its verbs; only its own `check` looks at all that it keeps.

mod agenda;
mod drains;
mod due;
mod head_of_line;
mod hold;
mod holds;
mod missing;
mod penalties;
mod queue;
mod reclaiming;
mod refused;
mod restoring;
mod timers;

pub(crate) use agenda::Agenda;
pub(crate) use drains::Drains;
pub(crate) use due::Due;
pub(crate) use head_of_line::HeadOfLine;
pub(crate) use hold::Hold;
pub(crate) use holds::Holds;
pub(crate) use missing::MissingNodes;
pub(crate) use penalties::Penalties;
pub(crate) use queue::Queue;
pub(crate) use reclaiming::Reclaiming;
pub(crate) use restoring::{Known, Restoring, Told};
use timers::Timers;
