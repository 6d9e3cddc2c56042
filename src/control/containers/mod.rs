//! Containers as parts of the environment.
//!
//! [`plan`] (what the profile's Compose files, catalogue and servers by Docker come to) → [`ground`]
//! (networks, volumes, relays: the part `network`, which every container needs) → [`run`] (one task a
//! running container), [`cron`] (parts that run at times) and [`relay`] (the ways from containers to devenv's own servers), [`watch`] (what changes goes into them); [`trace`]
//! remembers at which engine there may be something, for those who come after a `kill -9`.

mod catalog;
mod cron;
mod ground;
mod plan;
mod relay;
mod run;
pub(super) mod trace;
mod watch;

pub use catalog::{CatalogEntry, catalog};
pub(super) use cron::run_now;
pub(super) use ground::{ground, wipe};
pub use plan::stack;
pub(super) use plan::{GROUND, Units, files, plan};
pub(super) use run::{container, stand};
pub use trace::place;
pub(super) use watch::unwatched;
