//! The gateway: listeners, guards, and which service a request is for. The only layer that names axum.
//! Beside it the SMTP listener.

mod auth;
mod classify;
mod dispatch;
mod enforce;
mod faults;
mod gateway;
mod guard;
mod journal;
mod lending;
mod pages;
mod proxy;
mod request_ids;
mod serve;
pub mod smtp;
mod upstream;

pub use auth::{Auth, check_auth};
pub use faults::check_faults;
pub use gateway::{Gateway, GatewayConfig};
pub use lending::{Lender, Lending};
pub use proxy::{Kind as ProxyKind, Proxy};
pub use request_ids::REQUESTS;
