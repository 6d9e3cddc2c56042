//! Time, ids, accounts, regions and ARNs: values that every layer shares. Names only std.

mod context;
pub mod duration;
mod ids;
mod outcome;
mod problem;
mod regions;
mod time;
mod xml;

pub use context::{Caller, Context, DEFAULT_ACCOUNT, DEFAULT_REGION, account_of};
pub use ids::{Ids, hex_text, uuid_text};
pub use outcome::Outcome;
pub use problem::{Exit, Problem};
pub use regions::REGIONS;
pub use time::Millis;
pub use xml::xml_text;
