//! The AWS services: pure operations over typed state, with joints to protocol and storage.
//!
//! A service is a folder (`mod`, `state`, `ops/*`, `error`, `limits`, pure; `wire` and `store`, its
//! joints) and a line in [`Services`]. An operation is a file in `ops/` and a line in the service's `wire`.

pub mod access;
mod background;
mod clock;
mod host;
pub mod iam;
pub mod kms;
pub mod model;
pub mod outbox;
pub mod registry;
pub mod s3;
pub mod secretsmanager;
pub mod ses;
pub mod sqs;
pub mod ssm;
pub mod sts;

pub use crate::protocol::Failure;
pub use background::{Background, Worker};
pub use clock::{Clock, ClockOrder, ClockView, Follower, Moved, parse_instant};
pub use host::{Domain, Fate, Host, failure, unavailable};
pub use outbox::{Call, Outbox};
pub use registry::{Services, read_whole, replays, schemas};

use crate::base::{Context, Problem};
use crate::protocol::{Answer, Request, RequestHead};
use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;

/// A future that a service hands out.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An AWS service as the edge sees it.
pub trait Service: Send + Sync + 'static {
    /// The signing name and the name shown to people (`sqs`).
    fn name(&self) -> &'static str;

    /// Bytes of a request body at the most, for services whose bodies are read whole. The edge
    /// refuses more; `None` leaves the body to the service.
    fn body_limit(&self) -> Option<usize>;

    /// Answers a request. Its extensions hold the `Arc<Caller>`.
    fn call(&self, request: Request) -> Pending<'_, Answer>;

    /// What a request is by its head, where the protocol does not name the operation.
    fn identify(&self, _head: RequestHead) -> Option<Identified> {
        None
    }

    /// What a request asks to be allowed, as policies name it; the edge asks only under
    /// `auth = "enforce"`, before the operation. A service that finds out only while it carries a request
    /// out (S3) checks itself.
    fn asks(&self, asked: &access::Asked<'_>) -> Result<Vec<access::Ask>, Failure> {
        Ok(vec![access::Ask::new(format!("{}:{}", self.name(), asked.operation), "*")])
    }

    /// Paths below which devenv's own pages of this service lie (`/_aws/sqs`); requests for them
    /// come to [`Service::call`] like any other.
    fn pages(&self) -> &'static [&'static str] {
        &[]
    }

    /// The gateway is about to stop: requests that wait for something answer now.
    fn stopping(&self) {}

    /// Forgets everything, durably.
    fn reset(&self) -> Pending<'_, Result<(), Problem>>;

    /// Forgets what one account has, durably.
    fn forget<'a>(&'a self, account: &'a str) -> Pending<'a, Result<(), Problem>>;

    /// The names of the operations that are served, for docs and the dashboard.
    fn operations(&self) -> Vec<&'static str>;
}

/// What a request's head tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The operation (`PutObject`).
    pub operation: Cow<'static, str>,
    /// Members of its input that stand in the head (`Bucket`).
    pub members: Vec<(String, String)>,
}

/// An operation: its value is its input. It checks first and changes last; after an `Err` the state
/// is as before and `changes` is dropped.
pub trait Operation: Sized {
    /// The state that it works on.
    type State;
    /// What it answers.
    type Output;
    /// What it records for the disk.
    type Change;
    /// Why it refuses.
    type Error: ServiceError;
    /// AWS's name of it (`SendMessage`).
    const NAME: &'static str;

    /// Carries it out.
    fn apply(
        self,
        state: &mut Self::State,
        context: &mut Context<'_>,
        changes: &mut Vec<Self::Change>,
    ) -> Result<Self::Output, Self::Error>;
}

/// A service's own errors in AWS's words.
pub trait ServiceError {
    /// The code (`QueueDoesNotExist`).
    fn code(&self) -> &'static str;
    /// The code of the query protocol, where it differs.
    fn query_code(&self) -> Option<&'static str> {
        None
    }
    /// HTTP status.
    fn status(&self) -> u16 {
        400
    }
    /// AWS's text.
    fn message(&self) -> String;
}
