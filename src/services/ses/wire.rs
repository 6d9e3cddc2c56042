//! SES on the wire: v1 over awsQuery, v2 over restJson1, and the pages that show what was sent.

use super::draft::Draft;
use super::limits::{LISTING_MAX, LOCALSTACK_BYTES_MAX, LOCALSTACK_LISTING_MAX, REQUEST_BYTES_MAX};
use super::ops::*;
use super::state::{Change, Mode, State};
use super::{Error, Via, models, store, view};
use crate::base::{Caller, Problem};
use crate::protocol::{
    Answer, Endpoint, Failure, Form, Names, QueryNames, QueryRoutes, Request, RestJson, RestRoutes,
    Routes, body,
};
use crate::services::{Clock, Host, Operation, Pending, Service, failure, read_whole, unavailable};
use crate::storage::{Storage, rusqlite};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Maps of SES's results are wrapped in `entry`; see [`GetIdentityVerificationAttributes`].
const NAMES: Names = Names {
    error_prefix: "",
    query: QueryNames {
        xmlns: "http://ses.amazonaws.com/doc/2010-12-01/",
        flat: |member| (member == "entry").then_some("entry"),
    },
    ..Names::PLAIN
};

/// Where SDKs of before 2026 look for the list of identities.
const LIST_BY_GET: (&str, &str, &str) = ("ListEmailIdentitiesByGet", "GET", "/v2/email/identities");

/// The service.
pub struct Ses {
    host: Arc<Host<State>>,
    strict: Arc<AtomicBool>,
    v1: Endpoint,
    v2: Endpoint,
}

/// What the routes of both versions share.
#[derive(Clone)]
struct Handlers {
    host: Arc<Host<State>>,
    strict: Arc<AtomicBool>,
}

impl Handlers {
    fn mode(&self) -> Mode {
        if self.strict.load(Ordering::Relaxed) { Mode::Strict } else { Mode::Lenient }
    }

    /// An operation as it comes.
    fn plain<O>(&self) -> impl Fn(O, Arc<Caller>) -> Running<O::Output> + Clone + use<O>
    where
        O: Operation<State = State, Change = Change> + Send + 'static,
        O::Output: Send,
    {
        let host = self.host.clone();
        move |operation, caller| {
            let host = host.clone();
            Box::pin(async move { host.run(operation, &caller).await })
        }
    }

    /// A request that becomes a mail.
    fn sending<I: Send + 'static>(
        &self,
        mail: fn(I, Mode) -> Result<AcceptMail, Error>,
    ) -> impl Fn(I, Arc<Caller>) -> Running<Accepted> + Clone + use<I> {
        let handlers = self.clone();
        move |input, caller| {
            let handlers = handlers.clone();
            Box::pin(async move {
                let mail = mail(input, handlers.mode()).map_err(|error| failure(&error))?;
                handlers.host.run(mail, &caller).await
            })
        }
    }

    /// A look at the account.
    fn account<T: Send + 'static>(
        &self,
        of: fn(&State, &Caller, crate::base::Millis, Mode) -> T,
    ) -> impl Fn(serde::de::IgnoredAny, Arc<Caller>) -> Running<T> + Clone + use<T> {
        let handlers = self.clone();
        move |_, caller| {
            let handlers = handlers.clone();
            Box::pin(async move {
                let mode = handlers.mode();
                handlers.host.look(|state, now| of(state, &caller, now, mode))
            })
        }
    }

    fn v1(&self) -> Endpoint {
        QueryRoutes::new("ses", NAMES)
            .add("SendEmail", self.sending(SendEmail::mail))
            .add("SendRawEmail", self.sending(SendRawEmail::mail))
            .add("GetSendQuota", self.account(GetSendQuota::of))
            .add(GetSendStatistics::NAME, self.plain::<GetSendStatistics>())
            .add(VerifyEmailIdentity::NAME, self.plain::<VerifyEmailIdentity>())
            .add(VerifyEmailAddress::NAME, self.plain::<VerifyEmailAddress>())
            .add(VerifyDomainIdentity::NAME, self.plain::<VerifyDomainIdentity>())
            .add(ListIdentities::NAME, self.plain::<ListIdentities>())
            .add(DeleteIdentity::NAME, self.plain::<DeleteIdentity>())
            .add(
                GetIdentityVerificationAttributes::NAME,
                self.plain::<GetIdentityVerificationAttributes>(),
            )
            .by_action(models::V1)
    }

    fn v2(&self) -> Endpoint {
        let routes = Routes::<RestJson>::new("ses", NAMES)
            .add("SendEmail", self.sending(SendEmailV2::mail))
            .add("GetAccount", self.account(GetAccount::of))
            .add(CreateEmailIdentity::NAME, self.plain::<CreateEmailIdentity>())
            .add(GetEmailIdentity::NAME, self.plain::<GetEmailIdentity>())
            .add(DeleteEmailIdentity::NAME, self.plain::<DeleteEmailIdentity>())
            .add(ListEmailIdentities::NAME, self.plain::<ListEmailIdentities>())
            .add(LIST_BY_GET.0, self.plain::<ListEmailIdentities>());
        let mut model = models::V2.to_vec();
        model.push(LIST_BY_GET);
        // Once a process: the routers want tables that live as long as they do.
        RestRoutes::bind(routes, Box::leak(model.into_boxed_slice())).endpoint()
    }
}

type Running<T> = std::pin::Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

impl Ses {
    /// Opens the state; senders need no verification until [`Ses::set_mode`] says so.
    pub fn open(storage: &Storage, clock: &Clock) -> Result<Self, Problem> {
        let handlers = Handlers { host: Host::open(storage, clock)?, strict: Arc::default() };
        let (v1, v2) = (handlers.v1(), handlers.v2());
        Ok(Ses { host: handlers.host, strict: handlers.strict, v1, v2 })
    }

    /// Sets how strictly senders are checked.
    pub fn set_mode(&self, mode: Mode) {
        self.strict.store(mode == Mode::Strict, Ordering::Relaxed);
    }

    /// How strictly senders are checked.
    pub fn mode(&self) -> Mode {
        if self.strict.load(Ordering::Relaxed) { Mode::Strict } else { Mode::Lenient }
    }

    /// Makes an address or a domain that may send; one that is there stays as it is.
    pub async fn verify_identity(&self, caller: &Caller, identity: &str) -> Result<(), Failure> {
        if identity.contains('@') {
            let email_address = identity.to_owned();
            return self.host.run(VerifyEmailIdentity { email_address }, caller).await.map(drop);
        }
        let domain = identity.to_owned();
        self.host.run(VerifyDomainIdentity { domain }, caller).await.map(drop)
    }

    /// Accepts a mail that came by SMTP and hands back its id once it is durable.
    pub async fn accept_smtp(
        &self,
        caller: &Caller,
        source: &str,
        recipients: Vec<String>,
        raw: Bytes,
    ) -> Result<String, Failure> {
        let draft = Draft::of_smtp(raw, source, recipients).map_err(|e| failure(&e))?;
        let (mode, tags) = (self.mode(), Vec::new());
        let mail = AcceptMail { draft, via: Via::Smtp, mode, tags, config_set: None };
        self.host.run(mail, caller).await.map(|accepted| accepted.message_id)
    }

    async fn page(&self, request: http::Request<Bytes>) -> Answer {
        let query = Form::parse(request.uri().query().unwrap_or_default().as_bytes());
        let Ok(query) = query else { return problem(StatusCode::BAD_REQUEST, "malformed query") };
        let path = request.uri().path().trim_end_matches('/').to_owned();
        let rest = path.strip_prefix("/_devenv/mail/").filter(|rest| !rest.is_empty());
        let known = rest.is_some() || ["/_aws/ses", "/_devenv/mail"].contains(&path.as_str());
        let answer = match *request.method() {
            _ if !known => Ok(problem(StatusCode::NOT_FOUND, "no such page")),
            Method::GET => {
                // Big mails are read and taken apart on a thread that may be busy.
                let host = self.host.clone();
                let seen = tokio::task::spawn_blocking(move || look(&host, &path, &query)).await;
                seen.unwrap_or_else(|e| Err(Failure::new(500, "InternalFailure", e.to_string())))
            }
            Method::DELETE => self.clear(&request, rest.or(query.get("id"))).await,
            _ => Ok(problem(StatusCode::METHOD_NOT_ALLOWED, "only GET and DELETE are served here")),
        };
        answer.unwrap_or_else(|f| problem(StatusCode::INTERNAL_SERVER_ERROR, &f.message))
    }

    async fn clear(
        &self,
        request: &http::Request<Bytes>,
        id: Option<&str>,
    ) -> Result<Answer, Failure> {
        let internal = || Arc::new(Caller::internal("", "", ""));
        let caller = request.extensions().get().cloned().unwrap_or_else(internal);
        self.host.run(ClearMails { id: id.map(str::to_owned) }, &caller).await?;
        Ok(answer(StatusCode::NO_CONTENT, "application/json", Bytes::new()))
    }
}

type Mails = Host<State>;

/// Answers a `GET`.
fn look(host: &Mails, path: &str, query: &Form) -> Result<Answer, Failure> {
    match path.strip_prefix("/_devenv/mail/") {
        Some(rest) => one(host, rest),
        None if path == "/_aws/ses" => localstack(host, query),
        None => listing(host, query),
    }
}

fn read<T>(
    host: &Mails,
    query: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
) -> Result<T, Failure> {
    host.storage().read(query).map_err(|e| unavailable(&e))
}

fn localstack(host: &Mails, query: &Form) -> Result<Answer, Failure> {
    let sender = query.get("email");
    let mails = match query.get("id") {
        Some(id) => read(host, |c| store::one(c, id))?.into_iter().collect(),
        None => {
            read(host, |c| store::newest(c, LOCALSTACK_LISTING_MAX, LOCALSTACK_BYTES_MAX, sender))?
        }
    };
    let wanted = mails.iter().filter(|(mail, _)| sender.is_none_or(|s| s == mail.source));
    let messages: Vec<Value> = wanted.map(|(mail, raw)| view::localstack(mail, raw)).collect();
    Ok(page_of(StatusCode::OK, &json!({"messages": messages})))
}

fn listing(host: &Mails, query: &Form) -> Result<Answer, Failure> {
    let number = |name| query.get(name).map(str::parse::<i64>).transpose();
    let (Ok(before), Ok(limit)) = (number("after"), number("limit")) else {
        return Ok(problem(StatusCode::BAD_REQUEST, "`after` and `limit` are whole numbers"));
    };
    let limit = limit.map_or(LISTING_MAX, |n| n.clamp(1, LISTING_MAX as i64) as usize);
    let mut mails = read(host, |c| store::page(c, before, limit + 1))?;
    let more = mails.len() > limit;
    mails.truncate(limit);
    let next = mails.last().filter(|_| more).map(|(seq, _)| seq.to_string());
    let mails: Vec<Value> = mails.iter().map(|(_, mail)| view::summary(mail)).collect();
    Ok(page_of(StatusCode::OK, &json!({"schema": 1, "mails": mails, "next": next})))
}

/// `{id}` or `{id}/raw`.
fn one(host: &Mails, rest: &str) -> Result<Answer, Failure> {
    let (id, raw) = match rest.strip_suffix("/raw") {
        Some(id) => (id, true),
        None => (rest, false),
    };
    let Some((mail, bytes)) = read(host, |c| store::one(c, id))? else {
        return Ok(problem(StatusCode::NOT_FOUND, "no such mail"));
    };
    if raw {
        return Ok(answer(StatusCode::OK, "message/rfc822", bytes));
    }
    let mut value = view::detail(&mail, &bytes);
    value["schema"] = 1.into();
    Ok(page_of(StatusCode::OK, &value))
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

impl Service for Ses {
    fn name(&self) -> &'static str {
        "ses"
    }

    fn body_limit(&self) -> Option<usize> {
        Some(REQUEST_BYTES_MAX)
    }

    fn call(&self, request: Request) -> Pending<'_, Answer> {
        Box::pin(async move {
            let request = read_whole(request).await;
            let path = request.uri().path();
            if path.starts_with("/_") {
                return self.page(request).await;
            }
            let rest = path.starts_with("/v2/email/");
            (if rest { &self.v2 } else { &self.v1 }).call(request).await
        })
    }

    fn pages(&self) -> &'static [&'static str] {
        &["/_aws/ses", "/_devenv/mail"]
    }

    fn reset(&self) -> Pending<'_, Result<(), Problem>> {
        Box::pin(self.host.wipe())
    }

    fn operations(&self) -> Vec<&'static str> {
        vec![
            "SendEmail",
            "SendRawEmail",
            "GetSendQuota",
            GetSendStatistics::NAME,
            VerifyEmailIdentity::NAME,
            VerifyEmailAddress::NAME,
            VerifyDomainIdentity::NAME,
            ListIdentities::NAME,
            DeleteIdentity::NAME,
            GetIdentityVerificationAttributes::NAME,
            "SendEmail (v2)",
            "GetAccount (v2)",
            "CreateEmailIdentity (v2)",
            "GetEmailIdentity (v2)",
            "DeleteEmailIdentity (v2)",
            "ListEmailIdentities (v2)",
        ]
    }
}
