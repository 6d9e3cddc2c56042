//! Amazon Simple Queue Service.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html>
//!
//! Invariant: an operation is a function of state, time and ids; waiting (long polls) is in `wire`
//! alone, and rows are in `store` alone.

pub mod asks;
mod body;
mod dedup;
mod error;
pub mod inspect;
pub mod limits;
mod message;
mod moving;
pub mod ops;
mod positions;
mod queue;
mod ready;
mod receipt;
mod record;
mod redrive;
mod settings;
mod state;
mod store;
mod wire;

pub use body::Body;
pub use error::Error;
pub use message::{AttributeValue, Attributes, Message, Place};
pub use moving::{MoveStatus, MoveTask};
pub use positions::{Positions, Row, Runs};
pub use queue::{Counts, Queue, QueueRecord};
pub use redrive::{QueueArn, Redrive, RedriveAllow};
pub use settings::{RawAttributes, Settings};
pub use state::{Change, State};
pub use wire::{Sqs, fuzz};
