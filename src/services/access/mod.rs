//! Who may do what, for `auth = "enforce"`: the one that asks, what it asks, and the decision of all
//! policies that speak of it. Pure; [`crate::services::iam`] knows the policies, the edge asks.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>. Invariant:
//! nothing is allowed unless a policy says so, and an explicit deny wins over every allow.

mod ask;
mod evaluate;
mod key_use;
pub mod keys;
mod message;
mod subject;
#[cfg(test)]
mod tests;

pub use ask::{Ask, Asked, Rule};
pub use evaluate::{Reason, Verdict, evaluate};
pub use key_use::{KeyUse, READS, WRITES};
pub use message::{Denial, decode};
pub use subject::{ByKey, Kind, Subject, Vouch};
