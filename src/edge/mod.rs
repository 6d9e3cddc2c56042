//! The gateway: listeners, guards, and which service a request is for. The only layer that names axum.

mod classify;
mod dispatch;
mod gateway;
mod guard;
mod pages;
mod serve;

pub use gateway::{Gateway, GatewayConfig};
