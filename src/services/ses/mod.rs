//! Amazon Simple Email Service, v1 and v2, and the mailbox in which all that is sent ends up: nothing
//! leaves this machine.
//!
//! Invariant: whichever way a mail comes (v1, v2, SMTP), it becomes a [`draft::Draft`], is accepted by
//! [`ops::AcceptMail`], and its sender hears of success only after its row is committed. Memory holds
//! identities and counters, never mails.
//!
//! <https://docs.aws.amazon.com/ses/latest/dg/Welcome.html>

pub mod address;
pub mod asks;
pub mod calls;
pub mod compose;
pub mod delegation;
pub mod draft;
pub mod dsn;
pub mod errands;
pub mod error;
pub mod events;
pub mod finish;
pub mod fuzz;
mod journalled;
pub mod limits;
pub mod mail;
pub mod model;
pub mod models;
pub mod ops;
pub mod query;
pub mod records;
pub mod render;
pub mod settings;
pub mod state;
mod store;
pub mod view;
mod wire;

pub use error::Error;
pub use mail::{Mail, Via};
pub use state::{Mode, State};
pub use store::{FORWARD_SCHEMA, SCHEMA};
pub use wire::{Arriving, Deposits, Forward, Forwarder, Keep, Pruner, Ses};
