//! The daemon, its API on a Unix socket, and that API's client.
//!
//! In the order in which a command travels: [`home`] (which directory, lock and socket) →
//! [`client`] (one request, a stream of updates) → `server` → [`daemon`] (the loop that owns the
//! supervisor) → `drive` (one task a running part) → [`hub`] (updates back to all who follow).
//! Invariant: one daemon a directory, held by a file lock that dies with the process.

mod boot;
mod changes;
mod check;
pub mod client;
mod containers;
pub mod daemon;
pub mod detach;
mod drive;
mod edits;
mod environment;
mod follow;
pub mod home;
mod hooks;
pub mod hub;
mod lease;
pub mod leftovers;
mod mail;
pub mod message;
mod parts;
mod replan;
mod reserve;
mod reset;
mod server;
pub mod snapshot;
mod status;

pub use boot::Boot;
pub use containers::{CatalogEntry, catalog, place as container_place, stack};
pub use environment::exported as exported_variables;
pub use home::Home;
pub use lease::LeaseAsk;
pub use message::{Ask, Check, ClockNote, EnvState, ServiceStatus, Status, Update};
