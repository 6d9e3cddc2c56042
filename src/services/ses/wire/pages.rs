//! The inbox over HTTP: `/_devenv/mail` and LocalStack's `/_aws/ses`.
//!
//! A mail's content is a stranger's: no answer that carries it may be taken for a page of ours, so each
//! is of an opaque origin without scripts, and loads nothing but the mail's own pictures.

use super::asked::Asked;
use super::inbox::Inbox;
use crate::base::{Caller, Millis};
use crate::protocol::{Answer, Failure, Form, body};
use crate::services::ses::limits::{LISTING_MAX, LOCALSTACK_BYTES_MAX, LOCALSTACK_LISTING_MAX};
use crate::services::ses::mail::Mail;
use crate::services::ses::query::Filter;
use crate::services::ses::view::{Part, Which};
use crate::services::ses::{store, view};
use crate::services::unavailable;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};
use std::sync::Arc;

/// The inbox's address.
const INBOX: &str = "/_devenv/mail";
/// LocalStack's.
const LOCALSTACK: &str = "/_aws/ses";
/// What pages made of mails may do: show themselves and their own pictures.
const STRANGER: &str =
    "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'";
/// What need not be escaped in a file's name (RFC 8187).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');

/// What a path means.
enum Page<'a> {
    Listing,
    Wait,
    LocalStack,
    /// A mail, and which part of it.
    Mail(&'a str, &'a str),
}

impl Page<'_> {
    fn of(path: &str) -> Option<Page<'_>> {
        let path = path.trim_end_matches('/');
        if path == LOCALSTACK {
            return Some(Page::LocalStack);
        }
        match path.strip_prefix(INBOX)? {
            "" => Some(Page::Listing),
            "/wait" => Some(Page::Wait),
            rest => {
                let rest = rest.strip_prefix('/')?;
                let (id, part) = rest.split_once('/').unwrap_or((rest, ""));
                Some(Page::Mail(id, part))
            }
        }
    }
}

impl Inbox {
    /// Answers a request for a page.
    pub(super) async fn page(self: &Arc<Self>, request: http::Request<Bytes>) -> Answer {
        let query = Form::parse(request.uri().query().unwrap_or_default().as_bytes());
        let Ok(query) = query else { return bad("malformed query") };
        let Some(page) = Page::of(request.uri().path()) else { return missing("no such page") };
        let endpoint = request.extensions().get::<Arc<Caller>>().map(|c| c.endpoint.clone());
        let answer = match *request.method() {
            Method::GET => self.look(page, query, endpoint.unwrap_or_default()).await,
            Method::DELETE => {
                let id = match page {
                    Page::Mail(id, "") => Some(id),
                    Page::Mail(..) | Page::Wait => return missing("no such page"),
                    Page::Listing | Page::LocalStack => query.get("id"),
                };
                let done = self.clear(id.map(str::to_owned)).await;
                done.map(|()| answer(StatusCode::NO_CONTENT, "application/json", Bytes::new()))
            }
            _ => {
                let message = "only GET and DELETE are served here";
                return problem(StatusCode::METHOD_NOT_ALLOWED, "mail", message);
            }
        };
        answer.unwrap_or_else(|f| problem(StatusCode::INTERNAL_SERVER_ERROR, "mail", &f.message))
    }

    /// Answers a `GET`.
    async fn look(
        self: &Arc<Self>,
        page: Page<'_>,
        query: Form,
        endpoint: String,
    ) -> Result<Answer, Failure> {
        match page {
            Page::LocalStack => self.localstack(query, endpoint).await,
            Page::Mail(id, part) => {
                let Some(mail) = self.find(id)? else { return Ok(missing("no such mail")) };
                self.shown(mail, part.to_owned(), endpoint).await
            }
            Page::Listing | Page::Wait => {
                let now = self.host.look(|_, now: Millis| now)?;
                match (Asked::of(query, now), page) {
                    (Err(why), _) => Ok(bad(&why)),
                    (Ok(asked), Page::Wait) => match self.wait(&asked).await? {
                        Some(mail) => self.shown(mail, String::new(), endpoint).await,
                        None => {
                            let message = "no such mail came in time";
                            Ok(problem(StatusCode::NOT_FOUND, "timeout", message))
                        }
                    },
                    (Ok(asked), _) => self.listing(&asked).await,
                }
            }
        }
    }

    /// The mail called `id`; `latest` is the newest.
    fn find(&self, id: &str) -> Result<Option<Mail>, Failure> {
        if id != "latest" {
            return self.read(|c| store::one(c, id));
        }
        let page = self.read(|c| store::search(c, &Filter::default(), None, 1))?;
        Ok(page.mails.into_iter().next())
    }

    async fn localstack(
        self: &Arc<Self>,
        query: Form,
        endpoint: String,
    ) -> Result<Answer, Failure> {
        let filter = Filter { from: query.get("email").map(str::to_owned), ..Filter::default() };
        self.catch_up(&filter).await?;
        let (count, bytes) = (LOCALSTACK_LISTING_MAX, LOCALSTACK_BYTES_MAX);
        self.aside(move |inbox| {
            let mails = match query.get("id") {
                Some(id) => inbox.read(|c| store::one(c, id))?.into_iter().collect(),
                None => inbox.read(|c| store::newest(c, count, bytes, &filter))?,
            };
            let mut messages = Vec::new();
            for mail in mails.iter().filter(|m| query.get("email").is_none_or(|s| s == m.source)) {
                if let Some(raw) = inbox.raw(mail, Some(&endpoint))? {
                    messages.push(view::localstack(mail, &raw));
                }
            }
            Ok(page_of(StatusCode::OK, &json!({"messages": messages})))
        })
        .await
    }

    async fn listing(self: &Arc<Self>, asked: &Asked) -> Result<Answer, Failure> {
        let limit = asked.limit.min(LISTING_MAX);
        self.catch_up(&asked.filter).await?;
        let (filter, before) = (asked.filter.clone(), asked.before);
        self.aside(move |inbox| {
            let page = inbox.read(|c| store::search(c, &filter, before, limit))?;
            let mails: Vec<Value> = page.mails.iter().map(view::summary).collect();
            let next = page.next.map(|seq| seq.to_string());
            Ok(page_of(StatusCode::OK, &json!({"schema": 1, "mails": mails, "next": next})))
        })
        .await
    }

    /// A mail with its parts, or one of them.
    async fn shown(
        self: &Arc<Self>,
        mail: Mail,
        part: String,
        endpoint: String,
    ) -> Result<Answer, Failure> {
        self.aside(move |inbox| {
            let Some(raw) = inbox.raw(&mail, Some(&endpoint))? else {
                return Ok(missing("no such mail"));
            };
            if !part.is_empty() {
                return Ok(shown(&mail, raw, &part));
            }
            let mut value = view::detail(&mail, &raw);
            value["schema"] = 1.into();
            let standing = inbox.read(|c| store::forward::standing(c, mail.seq))?;
            value["forward"] = standing.map_or(Value::Null, |(attempts, given_up, error)| {
                json!({"attempts": attempts, "given_up": given_up, "error": error})
            });
            Ok(page_of(StatusCode::OK, &value))
        })
        .await
    }

    pub(super) async fn catch_up(&self, filter: &Filter) -> Result<(), Failure> {
        store::catch_up(self.host.storage(), filter).await.map_err(|e| unavailable(&e))
    }

    /// Big mails are read and taken apart on a thread that may be busy, a few at a time.
    pub(super) async fn aside<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Inbox) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let _place = self.reading.acquire().await;
        let inbox = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&inbox)).await;
        done.unwrap_or_else(|e| Err(Failure::new(500, "InternalFailure", e.to_string())))
    }
}

fn shown(mail: &Mail, raw: Vec<u8>, part: &str) -> Answer {
    let (kind, rest) = part.split_once('/').unwrap_or((part, ""));
    let decoded = percent_decode_str(rest).decode_utf8_lossy();
    match kind {
        "raw" if rest.is_empty() => answer(StatusCode::OK, "message/rfc822", raw),
        "links" if rest.is_empty() => {
            let links = view::detail(mail, &raw)["links"].take();
            page_of(StatusCode::OK, &json!({"schema": 1, "links": links}))
        }
        "text" if rest.is_empty() => part_of(view::part(&raw, Which::Text), None),
        "html" if rest.is_empty() => {
            let html = view::part(&raw, Which::Html);
            part_of(html.map(|html| with_own_pictures(html, &mail.id)), None)
        }
        "attachments" => match decoded.parse() {
            Ok(n) => part_of(view::part(&raw, Which::Attachment(n)), Some("attachment")),
            Err(_) => missing("attachments are numbered from 0"),
        },
        "inline" => part_of(view::part(&raw, Which::Inline(&decoded)), Some("inline")),
        _ => missing("a mail has raw, text, html, links, attachments/N and inline/CONTENT-ID"),
    }
}

/// Its `cid:` addresses lead to the mail's own parts.
fn with_own_pictures(mut html: Part, id: &str) -> Part {
    let text = String::from_utf8_lossy(&html.bytes);
    let own = format!("{INBOX}/{id}/inline/");
    let text = text.replace("\"cid:", &format!("\"{own}")).replace("'cid:", &format!("'{own}"));
    html.bytes = text.into_bytes();
    html
}

fn part_of(part: Option<Part>, disposition: Option<&str>) -> Answer {
    let Some(part) = part else { return missing("the mail has no such part") };
    let mut answer = answer(StatusCode::OK, "application/octet-stream", part.bytes);
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            answer.headers_mut().insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, &part.content_type);
    if let Some(disposition) = disposition {
        let name = part.name.unwrap_or_else(|| "part".into());
        let name = utf8_percent_encode(&name, PLAIN);
        set(header::CONTENT_DISPOSITION, &format!("{disposition}; filename*=UTF-8''{name}"));
    }
    answer
}

pub(super) fn answer(status: StatusCode, kind: &'static str, bytes: impl Into<Bytes>) -> Answer {
    let mut answer = http::Response::new(body(bytes));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(STRANGER));
    answer
}

pub(super) fn page_of(status: StatusCode, value: &Value) -> Answer {
    answer(status, "application/json", value.to_string())
}

fn missing(message: &str) -> Answer {
    problem(StatusCode::NOT_FOUND, "mail", message)
}

fn bad(message: &str) -> Answer {
    problem(StatusCode::BAD_REQUEST, "mail", message)
}

pub(super) fn problem(status: StatusCode, code: &str, message: &str) -> Answer {
    page_of(status, &json!({"schema": 1, "error": {"code": code, "message": message}}))
}
