//! Looking into queues over HTTP: devenv's own `/_devenv/sqs`, and LocalStack's `/_aws/sqs/messages`.
//!
//! Neither changes anything: no receive count, no visibility.

use super::{Core, NAMES};
use crate::base::{Caller, DEFAULT_ACCOUNT, DEFAULT_REGION};
use crate::protocol::{Answer, Form, body, query_xml};
use crate::services::sqs::inspect::{self, Filter, Stand};
use crate::services::sqs::queue::Queue;
use crate::services::sqs::state::{State, queue_url};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};
use std::sync::Arc;

/// Messages of a page unless asked for.
const PAGE_MESSAGES: usize = 100;
/// Messages of a page at the most.
const PAGE_MESSAGES_MAX: usize = 10_000;

const OWN: &str = "/_devenv/sqs";
const LOCALSTACK: &str = "/_aws/sqs/messages";

/// Why a page is not shown.
struct Refusal(StatusCode, &'static str, String);

impl Core {
    /// Answers a request for a page.
    pub(super) fn page(&self, request: &http::Request<Bytes>) -> Answer {
        let localstack = request.uri().path().starts_with(LOCALSTACK);
        let done = match localstack {
            true => self.localstack(request),
            false => self.own(request),
        };
        done.unwrap_or_else(|Refusal(status, code, message)| {
            let error = json!({"code": code, "message": message, "hint": null, "retryable": false});
            let mut answer = json_answer(&json!({"schema": 1, "error": error}));
            *answer.status_mut() = status;
            answer
        })
    }

    fn own(&self, request: &http::Request<Bytes>) -> Result<Answer, Refusal> {
        if *request.method() != Method::GET {
            let message = "only GET is served here".to_owned();
            return Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, "method", message));
        }
        let form = query(request)?;
        let path = request.uri().path().trim_end_matches('/');
        match path.strip_prefix(OWN).unwrap_or_default() {
            "" | "/queues" => self.queues(request),
            "/messages" => self.messages(request, &form),
            _ => Err(Refusal(StatusCode::NOT_FOUND, "no-page", format!("there is no page {path}"))),
        }
    }

    fn queues(&self, request: &http::Request<Bytes>) -> Result<Answer, Refusal> {
        let endpoint = endpoint(request);
        let shown = self.host.look(|state, now| {
            let mut queues: Vec<&Queue> = state.queues().collect();
            let key = |q: &Queue| {
                let record = &q.record;
                (record.account.clone(), record.region.clone(), record.name.clone())
            };
            queues.sort_by_cached_key(|queue| key(queue));
            let shown = queues.iter().map(|queue| {
                let url = format!("{endpoint}/{}/{}", queue.record.account, queue.record.name);
                inspect::queue(queue, &url, now)
            });
            json!({"schema": 1, "now": now.iso8601(), "queues": shown.collect::<Vec<_>>()})
        });
        shown.map(|shown| json_answer(&shown)).map_err(|f| failed(&f.message))
    }

    fn messages(&self, request: &http::Request<Bytes>, form: &Form) -> Result<Answer, Refusal> {
        let bad = |message: String| Refusal(StatusCode::BAD_REQUEST, "query", message);
        let stand = match form.get("state") {
            None => None,
            Some(word) => {
                let known = Stand::NAMES.iter().find(|(name, _)| *name == word);
                let refusal = || bad("`state` is `ready`, `delayed` or `in_flight`".into());
                Some(known.ok_or_else(refusal)?.1)
            }
        };
        let number = |name: &str, default: u64| match form.get(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| bad(format!("`{name}` is no number"))),
        };
        let limit = number("limit", PAGE_MESSAGES as u64)?.clamp(1, PAGE_MESSAGES_MAX as u64);
        let filter = Filter { stand, after: number("after", 0)?, limit: limit as usize };
        let place = Place::of(request, form);
        let found = self.host.look(|state, now| {
            let queue = place.find(state)?;
            let (page, more) = inspect::messages(queue, now, filter);
            let next = page.last().filter(|_| more).map(|(position, _)| *position);
            let shown: Vec<Value> =
                page.into_iter().map(|(p, m)| inspect::message(queue, p, m, now)).collect();
            let now = now.iso8601();
            Some(json!({"schema": 1, "now": now, "queue": queue.arn(), "messages": shown, "next": next}))
        });
        let shown = found.map_err(|f| failed(&f.message))?.ok_or_else(|| place.missing())?;
        Ok(json_answer(&shown))
    }

    /// LocalStack's page: the messages of one queue as a receive would give them, in XML unless the
    /// caller accepts JSON; also for SDKs whose endpoint it is.
    fn localstack(&self, request: &http::Request<Bytes>) -> Result<Answer, Refusal> {
        let mut form = query(request)?;
        let by_target = request.headers().contains_key("x-amz-target");
        if by_target {
            let input: Value = serde_json::from_slice(request.body()).unwrap_or_default();
            let url = input["QueueUrl"].as_str().unwrap_or_default();
            form = form.with("QueueUrl", url);
        } else if !request.body().is_empty() {
            form = Form::parse(request.body()).map_err(|e| failed(&e.0))?;
        }
        let wants = |name: &str| form.get(name).is_some_and(|v| v.eq_ignore_ascii_case("true"));
        let shows = [
            (Stand::Ready, true),
            (Stand::InFlight, wants("ShowInvisible")),
            (Stand::Delayed, wants("ShowDelayed")),
        ];
        let shows = |stand: Stand| shows.iter().any(|(s, shown)| *s == stand && *shown);
        let place = Place::of(request, &form);
        let all = Filter { stand: None, after: 0, limit: PAGE_MESSAGES_MAX };
        let found = self.host.look(|state, now| {
            let queue = place.find(state)?;
            let (page, _) = inspect::messages(queue, now, all);
            let page = page.into_iter().filter(|(_, m)| shows(Stand::of(m, now)));
            Some(page.map(|(_, m)| inspect::as_received(queue, m, now)).collect::<Vec<_>>())
        });
        let messages = found.map_err(|f| failed(&f.message))?.ok_or_else(|| place.missing())?;
        let accept = request.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok());
        let id = request.extensions().get::<Arc<Caller>>().map_or("", |c| c.request_id.as_str());
        Ok(if by_target {
            json_answer(&json!({"Messages": messages}))
        } else if accept.is_some_and(|a| a.contains("json")) {
            json_answer(&in_element_form(messages, id))
        } else {
            let result = json!({"Messages": messages});
            let text = query_xml::response(&NAMES.query, "ReceiveMessage", &result, id);
            answer("text/xml", text)
        })
    }
}

/// JSON in the shape of the XML: maps become lists of names and values.
fn in_element_form(messages: Vec<Value>, request_id: &str) -> Value {
    let entries = |map: &Value| -> Vec<Value> {
        let members = map.as_object().into_iter().flatten();
        members.map(|(name, value)| json!({"Name": name, "Value": value})).collect()
    };
    let element = |message: Value| {
        let mut shown = json!({
            "MessageId": message["MessageId"], "MD5OfBody": message["MD5OfBody"],
            "Body": message["Body"], "Attribute": entries(&message["Attributes"]),
        });
        if let Some(attributes) = message.get("MessageAttributes") {
            shown["MessageAttribute"] = entries(attributes).into();
        }
        shown["ReceiptHandle"] = message["ReceiptHandle"].clone();
        shown
    };
    let messages: Vec<Value> = messages.into_iter().map(element).collect();
    json!({"ReceiveMessageResponse": {
        "ReceiveMessageResult": {"Message": messages},
        "ResponseMetadata": {"RequestId": request_id},
    }})
}

/// Which queue is meant: by URL, by `/region/account/name` behind LocalStack's path, or by name.
struct Place {
    account: String,
    region: String,
    name: String,
}

impl Place {
    fn of(request: &http::Request<Bytes>, form: &Form) -> Place {
        let caller = request.extensions().get::<Arc<Caller>>();
        let path = request.uri().path().strip_prefix(LOCALSTACK).unwrap_or_default();
        let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
        if let [region, account, name] = parts[..] {
            let [account, region, name] = [account, region, name].map(str::to_owned);
            return Place { account, region, name };
        }
        let url = form.get("QueueUrl").or(form.get("queue")).unwrap_or_default();
        let mut segments = url.trim_end_matches('/').rsplit('/');
        let name = segments.next().unwrap_or_default().to_owned();
        let of_url = segments.next().filter(|s| s.len() == 12);
        let account = form.get("account").or(of_url).or(caller.map(|c| c.account.as_str()));
        let region = form.get("region").or(caller.map(|c| c.region.as_str()));
        Place {
            account: account.unwrap_or(DEFAULT_ACCOUNT).to_owned(),
            region: region.unwrap_or(DEFAULT_REGION).to_owned(),
            name,
        }
    }

    fn find<'a>(&self, state: &'a State) -> Option<&'a Queue> {
        state.find(&self.account, &self.region, &self.name).and_then(|id| state.queue(id))
    }

    fn missing(&self) -> Refusal {
        let Place { account, region, name } = self;
        let message = format!("there is no queue `{name}` of account {account} in {region}");
        Refusal(StatusCode::NOT_FOUND, "QueueDoesNotExist", message)
    }
}

fn query(request: &http::Request<Bytes>) -> Result<Form, Refusal> {
    let query = request.uri().query().unwrap_or_default();
    Form::parse(query.as_bytes()).map_err(|e| Refusal(StatusCode::BAD_REQUEST, "query", e.0))
}

fn failed(message: &str) -> Refusal {
    Refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", message.to_owned())
}

fn endpoint(request: &http::Request<Bytes>) -> String {
    let caller = request.extensions().get::<Arc<Caller>>();
    caller.map_or_else(String::new, |c| {
        let url = queue_url(c, "", "");
        url.trim_end_matches('/').to_owned()
    })
}

fn json_answer(value: &Value) -> Answer {
    answer("application/json", value.to_string())
}

fn answer(content_type: &'static str, text: String) -> Answer {
    let mut answer = http::Response::new(body(text));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}
