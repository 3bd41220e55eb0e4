//! The pure engine of Proffer: offers, fairness and jobs.

pub mod ranges;
