//! Reclaim: which executors go so that which claim gets room.
//!
//! A job that cannot be given its next executor (a gang: all of them), and whose pool has been below
//! its guarantee or its share for longer than a grace period, may take room from others. What it
//! takes drains first and is held for it meanwhile; `engine/reclaim.rs` sees to that. Here is the
//! decision alone: [`Search::find`] gives the executors to take, or says that none may be taken.
//!
//! # What may be taken
//!
//! All numbers are those that will be: held, less what is on its way out, plus what is kept for
//! claims. Let the pools of claimant and victim part below a common ancestor into the branches `c`
//! and `v`. An executor of `v` may go for a claim of `c` if, with all victims gone and the claim
//! served,
//!
//! 1. *guarantee*: a pool from the claimant's up to `c` is still within its guarantee; or
//! 2. *share*: the dominant share of `v` divided by its weight is not below that of `c`. A pool of
//!    weight 0 has everything to lose, and nothing to claim.
//!
//! In both cases every pool that loses keeps what it is guaranteed, no limit is exceeded, and (2)
//! takes nothing that is kept free for guarantees: neither at first nor when the room is there may
//! they be short of what is free. Jobs of one pool have rule 2 for equal priorities;
//! a higher priority may take from a lower one whatever the shares, as it would have been served
//! first, and never the other way round. The jobs that a pool has beside its children are a branch of
//! weight 1.
//!
//! A victim goes with all executors of its job if the job cannot use fewer (a gang).
//!
//! # Why it comes to rest
//!
//! Between two changes from outside (a job, node or pool comes, goes or is changed) only three things
//! happen, beside executors that end: something free is given out, rule 1, rule 2.
//!
//! - Let `G` be the sum over pools and kinds of min(held, guaranteed). Whatever is given out does not
//!   lower it, no victim's pool goes below its guarantee, and each move by rule 1 raises it by what
//!   is guaranteed of the claim. It is bounded, so rule 1 ends.
//! - Among the branches of one pool, sorted by weighted share, a move by rule 2 replaces `c < v` by
//!   `c < c' ≤ v' < v`: the sorted list grows lexicographically (max-min fairness), and giving out
//!   what is free raises it too. So a flat set of pools is never where it was, whatever sizes
//!   executors have, and whatever happens outside in between.
//! - In a tree (and the jobs of a pool are a level, too) the pools above both can lose a little when
//!   a victim is larger than the claim: the rest may go to others, who then hold more than before. So
//!   that this leads to no circle, what a claim gained by rule 2 is not taken by rule 2 again before
//!   something changed outside. Each such move turns executors that can be taken into ones that
//!   cannot, and only so many fit into the cluster. (With a change for every move a circle is
//!   possible in a tree; each lap takes a grace period and a drain for every move of it.) What was
//!   kept free for a claim at the head of the line (`engine/head_of_line.rs`) is given out the same
//!   way.
//!
//! Shares here are plain dominant shares of what a subtree holds, for both [`Fairness`]: H-DRF's
//! scaled shares depend on who can grow, and would rise and fall without anything being moved.
//!
//! [`Fairness`]: crate::Fairness

mod search;
mod victims;

pub(crate) use search::{Ask, Entitlement, Placement, Search, fits_guarantee};

#[cfg(test)]
mod tests;
