//! The messages that schedulers, executors and operators share: `mesos.v1`.
//!
//! A nested message of Mesos has the names of all that it is nested in before its own:
//! `Offer.Operation.Launch` is [`OfferOperationLaunch`]. What a field means stands in Mesos's own
//! documentation. Fields that are not here are passed over when they come in.

mod check;
mod container;
mod framework;
mod identifiers;
mod offer;
mod resource;
mod task;

pub use check::*;
pub use container::*;
pub use framework::*;
pub use identifiers::*;
pub use offer::*;
pub use resource::*;
pub use task::*;
