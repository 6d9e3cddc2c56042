//! What an environment holds: the resources that a profile declares, snapshots of all of it, and seed data,
//! which was masked before it came near.
//!
//! The way of data: `plan` (catalog, samples, `detect`) writes `rules`; `pull` runs them (`engine`, `mask`)
//! over a `postgres` snapshot into an `archive`; `load` brings that into the environment; `verify` looks
//! for what must not be there.

mod archive;
mod catalog;
mod commands;
mod copy;
mod csv;
mod detect;
mod dice;
mod engine;
mod explain;
mod facts;
mod fidelity;
mod folder;
pub mod leftovers;
mod lines;
mod load;
mod mask;
mod masker;
mod plan;
mod postgres;
mod prints;
mod provision;
mod pull;
mod rotation;
mod rules;
mod scratch;
mod seed_database;
mod seed_redis;
mod seed_services;
mod seed_template;
pub mod snapshot;
mod source;
mod subset;
mod synth;
mod tools;
mod verify;
mod yaml;

pub use commands::*;
pub use facts::{Facts, Server};
pub use masker::Masker;
pub use provision::{Note, Provisioned, provision};
pub use rotation::{Ground, Grounds, Surroundings, install as install_rotators};
pub use seed_services::seed_services;
pub use seed_template::{Input, Template};
pub use source::Lend;
