//! The inbox over HTTP: `/_devenv/mail` and LocalStack's `/_aws/ses`.

use super::inbox::Inbox;
use crate::protocol::{Answer, Failure, Form, body};
use crate::services::ses::limits::{LISTING_MAX, LOCALSTACK_BYTES_MAX, LOCALSTACK_LISTING_MAX};
use crate::services::ses::query::Filter;
use crate::services::ses::{store, view};
use crate::services::unavailable;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};
use std::sync::Arc;

impl Inbox {
    /// Answers a request for a page.
    pub(super) async fn page(self: &Arc<Self>, request: http::Request<Bytes>) -> Answer {
        let query = Form::parse(request.uri().query().unwrap_or_default().as_bytes());
        let Ok(query) = query else { return problem(StatusCode::BAD_REQUEST, "malformed query") };
        let path = request.uri().path().trim_end_matches('/').to_owned();
        let rest = path.strip_prefix("/_devenv/mail/").filter(|rest| !rest.is_empty());
        let known = rest.is_some() || ["/_aws/ses", "/_devenv/mail"].contains(&path.as_str());
        let answer = match *request.method() {
            _ if !known => Ok(problem(StatusCode::NOT_FOUND, "no such page")),
            Method::GET => self.look(path, query).await,
            Method::DELETE => {
                let id = rest.or(query.get("id")).map(str::to_owned);
                let done = self.clear(id).await;
                done.map(|()| answer(StatusCode::NO_CONTENT, "application/json", Bytes::new()))
            }
            _ => Ok(problem(StatusCode::METHOD_NOT_ALLOWED, "only GET and DELETE are served here")),
        };
        answer.unwrap_or_else(|f| problem(StatusCode::INTERNAL_SERVER_ERROR, &f.message))
    }

    /// Answers a `GET`.
    async fn look(self: &Arc<Self>, path: String, query: Form) -> Result<Answer, Failure> {
        let filter = Filter { from: query.get("email").map(str::to_owned), ..Filter::default() };
        let caught_up = store::catch_up(self.host.storage(), &filter).await;
        caught_up.map_err(|e| unavailable(&e))?;
        // Big mails are read and taken apart on a thread that may be busy.
        let inbox = self.clone();
        let seen = tokio::task::spawn_blocking(move || match path.strip_prefix("/_devenv/mail/") {
            Some(rest) => inbox.one(rest),
            None if path == "/_aws/ses" => inbox.localstack(&query, &filter),
            None => inbox.listing(&query),
        });
        seen.await.unwrap_or_else(|e| Err(Failure::new(500, "InternalFailure", e.to_string())))
    }

    fn localstack(&self, query: &Form, filter: &Filter) -> Result<Answer, Failure> {
        let mails = match query.get("id") {
            Some(id) => self.read(|c| store::one(c, id))?.into_iter().collect(),
            None => self
                .read(|c| store::newest(c, LOCALSTACK_LISTING_MAX, LOCALSTACK_BYTES_MAX, filter))?,
        };
        let mut messages = Vec::new();
        for mail in mails.iter().filter(|m| query.get("email").is_none_or(|s| s == m.source)) {
            if let Some(raw) = self.raw(mail)? {
                messages.push(view::localstack(mail, &raw));
            }
        }
        Ok(page_of(StatusCode::OK, &json!({"messages": messages})))
    }

    fn listing(&self, query: &Form) -> Result<Answer, Failure> {
        let number = |name| query.get(name).map(str::parse::<i64>).transpose();
        let (Ok(before), Ok(limit)) = (number("after"), number("limit")) else {
            return Ok(problem(StatusCode::BAD_REQUEST, "`after` and `limit` are whole numbers"));
        };
        let limit = limit.map_or(LISTING_MAX, |n| n.clamp(1, LISTING_MAX as i64) as usize);
        let mut mails = self.read(|c| store::page(c, before, limit + 1))?;
        let more = mails.len() > limit;
        mails.truncate(limit);
        let next = mails.last().filter(|_| more).map(|mail| mail.seq.to_string());
        let mails: Vec<Value> = mails.iter().map(view::summary).collect();
        Ok(page_of(StatusCode::OK, &json!({"schema": 1, "mails": mails, "next": next})))
    }

    /// `{id}` or `{id}/raw`.
    fn one(&self, rest: &str) -> Result<Answer, Failure> {
        let (id, raw) = match rest.strip_suffix("/raw") {
            Some(id) => (id, true),
            None => (rest, false),
        };
        let missing = || Ok(problem(StatusCode::NOT_FOUND, "no such mail"));
        let Some(mail) = self.read(|c| store::one(c, id))? else { return missing() };
        let Some(bytes) = self.raw(&mail)? else { return missing() };
        if raw {
            return Ok(answer(StatusCode::OK, "message/rfc822", bytes));
        }
        let mut value = view::detail(&mail, &bytes);
        value["schema"] = 1.into();
        Ok(page_of(StatusCode::OK, &value))
    }
}

fn answer(status: StatusCode, kind: &'static str, bytes: impl Into<Bytes>) -> Answer {
    let mut answer = http::Response::new(body(bytes));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // A mail's content is a stranger's: no browser may take it for a page of ours.
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    answer
}

fn page_of(status: StatusCode, value: &Value) -> Answer {
    answer(status, "application/json", value.to_string())
}

fn problem(status: StatusCode, message: &str) -> Answer {
    page_of(status, &json!({"schema": 1, "error": {"code": "mail", "message": message}}))
}
