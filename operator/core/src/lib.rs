//! The pure engine of Proffer: offers, fairness and jobs.
//!
//! It knows no clock, no network and no files: time and observations come in as arguments, decisions
//! go out as values. The same events at the same times give the same actions.
//!
//! Its modules stand on floors, listed below from the lowest up. A module uses only what stands lower;
//! words, the lowest floor, may use each other in one direction.
//!
//! ```text
//! Event ─► Engine::handle ─► State ─► Engine::tick ─► allocator ─► jobs ─► Action
//!                                       └─► View
//! ```

// Words.
mod arena;
mod ensure;
mod ids;
mod labels;
pub mod namespaces;
mod policy;
pub mod ranges;
pub mod reasons;
pub mod resources;
mod text;
pub mod time;

// What can be said of one thing.
mod decay;
mod executors;
pub mod explain;
pub mod share;

// Who pays.
mod pools;

// What there is.
mod nodes;

// Who wants some of it; neither knows the other.
pub mod frameworks;
pub mod jobs;

// What is free for whom, all that is known, and what is shown.
mod allocator;
mod state;
pub mod view;

// What comes in, and what is taken back.
pub mod event;
mod reclaim;
pub mod sorter;

// What goes out.
pub mod action;

// What decides.
pub mod engine;

pub use engine::Engine;
pub use executors::DrainCause;
pub use ids::ExecutorKey;
pub use policy::{Fairness, Placement, ReclaimDefaults, ReclaimPolicy};
