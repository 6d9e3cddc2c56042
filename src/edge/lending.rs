//! `/_devenv/leases`: slices of the environment for tests that run side by side, for test frameworks.
//!
//! `POST` gives (`{"count": 1, "ttl": "10m", "pid": 1234, "template": "app"}`, all optional), `GET` lists,
//! `DELETE /_devenv/leases/ID` ends one. What a lease is, the daemon knows; a gateway alone has none.

use super::dispatch::Dispatch;
use super::pages::{json_answer, refused};
use crate::base::{Exit, Problem};
use crate::protocol::Answer;
use crate::services::Pending;
use axum::Router;
use axum::extract::Path;
use axum::routing::{delete, post};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

/// Somebody who gives leases.
pub trait Lender: Send + Sync + 'static {
    /// Gives those that the document asks for.
    fn lend(&self, asked: Value) -> Pending<'_, Result<Vec<Value>, Problem>>;
    /// Those that are out.
    fn lent(&self) -> Vec<Value>;
    /// Ends one.
    fn take_back(&self, id: String) -> Pending<'_, Result<(), Problem>>;
}

/// The lender of a gateway, if it has one.
#[derive(Clone, Default)]
pub struct Lending(pub Option<Arc<dyn Lender>>);

impl std::fmt::Debug for Lending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lending({})", self.0.is_some())
    }
}

/// The routes; none without a lender.
pub(super) fn routes(lending: &Lending) -> Router<Arc<Dispatch>> {
    let Some(lender) = lending.0.clone() else { return Router::new() };
    let (giver, keeper) = (lender.clone(), lender.clone());
    let give = move |body: Bytes| {
        let lender = giver.clone();
        async move { answer(give(&lender, &body).await) }
    };
    let list = move || {
        let lent = lender.lent();
        async move { answer(Ok(json!({"schema": 1, "leases": lent}))) }
    };
    let end = move |Path(id): Path<String>| {
        let lender = keeper.clone();
        async move {
            let ended = lender.take_back(id.clone()).await;
            answer(ended.map(|()| json!({"schema": 1, "released": id})))
        }
    };
    Router::new()
        .route("/_devenv/leases", post(give).get(list))
        .route("/_devenv/leases/{id}", delete(end))
}

async fn give(lender: &Arc<dyn Lender>, body: &[u8]) -> Result<Value, Problem> {
    let asked = match body.is_empty() {
        true => json!({}),
        false => serde_json::from_slice(body).map_err(|e| {
            let message = format!("the body asks for no lease: {e}");
            Problem::new(Exit::Usage, "lease-ask", message)
        })?,
    };
    Ok(json!({"schema": 1, "leases": lender.lend(asked).await?}))
}

fn answer(done: Result<Value, Problem>) -> Answer {
    match done {
        Ok(value) => json_answer(StatusCode::OK, &value),
        Err(problem) => refused(&problem),
    }
}
