//! `SendEmail` of v2, which applications call far more often than all else: the same operation, read and
//! written without the router's detours. Whatever is not a plain success, and what needs to look at the
//! account first, goes the way of the others; nothing was changed then.

use super::Ses;
use crate::base::Caller;
use crate::protocol::{Answer, body};
use crate::services::ses::ops::SendEmailV2;
use bytes::Bytes;
use http::HeaderValue;
use std::sync::Arc;

/// Where the operation is.
const PATH: &str = "/v2/email/outbound-emails";

/// The answer to `request`, if it is this operation and succeeds.
pub(super) async fn answer(ses: &Ses, request: &http::Request<Bytes>) -> Option<Answer> {
    let uri = request.uri();
    if uri.path() != PATH || uri.query().is_some() || request.method() != http::Method::POST {
        return None;
    }
    let caller = request.extensions().get::<Arc<Caller>>()?;
    // A list would be taken for the members in their order.
    let text = request.body().trim_ascii_start();
    let input: SendEmailV2 =
        text.starts_with(b"{").then(|| serde_json::from_slice(text).ok())??;
    if input.needs_state() {
        return None;
    }
    let mail = input.mail(ses.mode()).ok()?;
    let accepted = ses.inbox.accept(mail, caller).await.ok()?;
    // An id has nothing to escape.
    let text = ["{\"MessageId\":\"", &accepted.message_id, "\"}"].concat();
    let mut answer = Answer::new(body(text));
    let kind = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    Some(answer)
}
