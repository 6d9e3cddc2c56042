//! The joint to Postgres: connections, one read-only snapshot of a source, its catalog, samples.

mod catalog;
mod connect;
mod origin;
mod snapshot;
mod tap;
mod tls;

pub(crate) use catalog::catalog;
pub(crate) use connect::{Link, config, connect, failed, verified, version, words};
pub(crate) use origin::{LOG, Origin};
pub(crate) use snapshot::Snapshot;
