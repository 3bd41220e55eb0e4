//! The pure engine of Proffer: offers, fairness and jobs.
//!
//! It knows no clock, no network and no files: time and observations come in as arguments, decisions
//! go out as values. The same events at the same times give the same actions.
//!
//! Its modules stand on floors. Below they are listed from the lowest floor up, and a blank line parts
//! two floors. A module uses only what stands lower; those of one floor do not use each other, except
//! for the words, which are the lowest floor.
//!
//! ```text
//! Event ─► Engine::handle ─► State ─► Engine::tick ─► allocator ─► jobs ─► Action
//!                                       └─► View
//! ```

mod arena;
mod ensure;
mod ids;
mod labels;
pub mod namespaces;
mod policy;
pub mod ranges;
pub mod reasons;
mod record;
pub mod resources;
mod text;
pub mod time;

mod decay;
mod executors;
pub mod explain;
pub mod share;

mod pools;

mod nodes;

pub mod frameworks;
pub mod jobs;

mod allocator;
mod state;
pub mod view;

pub mod event;
pub mod reclaim;
pub mod sorter;

pub mod action;

pub mod engine;

pub use engine::Engine;
pub use executors::DrainCause;
pub use ids::ExecutorKey;
pub use policy::{Fairness, Placement};
