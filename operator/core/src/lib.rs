//! The pure engine of Proffer: offers, fairness and jobs.
//!
//! It knows no clock, no network and no files: time and observations come in as arguments, decisions
//! go out as values. The same events at the same times give the same actions.
//!
//! ```text
//! Event ─► Engine::handle ─► State ─► Engine::tick ─► allocator ─► jobs ─► Action
//!                                       └─► View
//! ```

pub mod action;
mod allocator;
mod arena;
mod decay;
pub mod engine;
pub mod event;
mod executors;
pub mod explain;
pub mod frameworks;
pub mod jobs;
pub mod namespaces;
mod nodes;
mod pools;
pub mod ranges;
pub mod reclaim;
mod record;
pub mod resources;
pub mod share;
pub mod sorter;
mod state;
pub mod view;

pub use allocator::{Fairness, Placement};
pub use engine::Engine;
pub use executors::{DrainCause, ExecutorKey};
