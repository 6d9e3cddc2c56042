//! Time, ids, accounts, regions and ARNs: values that every layer shares. Names only std.

mod problem;

pub use problem::{Exit, Problem};
