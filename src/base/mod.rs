//! Time, ids, accounts, regions and ARNs: values that every layer shares. Names only std.

mod context;
pub mod duration;
mod ids;
mod problem;
mod time;
mod xml;

pub use context::{Caller, Context, DEFAULT_ACCOUNT, DEFAULT_REGION, account_of};
pub use ids::{Ids, hex_text, uuid_text};
pub use problem::{Exit, Problem};
pub use time::Millis;
pub use xml::xml_text;
