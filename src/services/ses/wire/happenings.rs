//! What happens to mails after they were accepted: the events, read and raised by hand, and the links
//! that recipients follow.
//!
//! `GET /_devenv/ses/events?mail=ID` · `POST /_devenv/ses/events {"mail", "outcome", "recipient"}` ·
//! `/_devenv/ses/unsubscribe/…` · `/_devenv/ses/verify/…` · `/_devenv/ses/dkim/…` · tracked links

use super::finishing::Deed;
use super::inbox::Inbox;
use super::pages::{answer, page_of, problem};
use super::{Handlers, Running};
use crate::base::{Caller, Millis, Outcome};
use crate::protocol::{Answer, Failure, Form, Tree};
use crate::services::ses::calls::Leave;
use crate::services::ses::errands::Confirm;
use crate::services::ses::events::{Cause, Raise};
use crate::services::ses::limits::EVENTS_SHOWN_MAX;
use crate::services::ses::mail::Mail;
use crate::services::ses::records::PART;
use crate::services::ses::store;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};
use std::sync::Arc;

impl Inbox {
    /// Answers a request below `/_devenv/ses/`.
    pub(super) async fn happenings(self: &Arc<Self>, request: http::Request<Bytes>) -> Answer {
        let path = request.uri().path().trim_end_matches('/').to_owned();
        let rest = path.strip_prefix("/_devenv/ses/").unwrap_or_default();
        let parts: Vec<&str> = rest.split('/').collect();
        let agent = request.headers().get(header::USER_AGENT).and_then(|a| a.to_str().ok());
        let deed = |id: &str, signature: &str, link| Deed {
            id: id.to_owned(),
            signature: signature.to_owned(),
            link,
            agent: agent.unwrap_or_default().to_owned(),
        };
        let done = match (request.method(), &parts[..]) {
            (&Method::GET, ["events"]) => self.events(request.uri().query().unwrap_or_default()),
            (&Method::POST, ["events"]) => self.raise(request.body()).await,
            (&Method::GET | &Method::POST, ["unsubscribe", account, region, token]) => {
                self.unsubscribe(&Caller::internal(account, region, ""), token).await
            }
            (&Method::GET, ["verify", account, region, token]) => {
                self.verify(&Caller::internal(account, region, ""), token).await
            }
            (&Method::GET, ["I0", id, signature]) => self.follow(deed(id, signature, None)).await,
            (&Method::GET, ["L0", n, id, signature]) => match n.parse() {
                Ok(n) => self.follow(deed(id, signature, Some(n))).await,
                Err(_) => Ok(problem(StatusCode::NOT_FOUND, "not-found", "no such link")),
            },
            (&Method::GET, ["dkim", account, region, domain, selector]) => {
                self.dkim_record([account, region, domain, selector])
            }
            (_, ["events"] | ["unsubscribe" | "verify" | "I0" | "L0" | "dkim", ..]) => Ok(problem(
                StatusCode::METHOD_NOT_ALLOWED,
                "method",
                "the method is not served here",
            )),
            _ => Ok(problem(StatusCode::NOT_FOUND, "not-found", "no such page")),
        };
        done.unwrap_or_else(|failure| {
            let status = StatusCode::from_u16(failure.status);
            problem(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), "mail", &failure.message)
        })
    }

    fn events(&self, query: &str) -> Result<Answer, Failure> {
        let Ok(query) = Form::parse(query.as_bytes()) else {
            return Ok(problem(StatusCode::BAD_REQUEST, "bad-request", "malformed query"));
        };
        let kept = self.read(|c| store::events(c, query.get("mail"), EVENTS_SHOWN_MAX))?;
        let shown = kept.into_iter().map(|(kind, at, document, targets)| {
            let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
            json!({"type": kind, "at": Millis(at).iso8601(), "event": parsed(&document),
                   "targets": parsed(&targets)})
        });
        let shown: Vec<Value> = shown.collect();
        Ok(page_of(StatusCode::OK, &json!({"schema": 1, "events": shown})))
    }

    /// Lets something happen to a mail.
    async fn raise(&self, body: &Bytes) -> Result<Answer, Failure> {
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let outcome = asked["outcome"].as_str().and_then(Outcome::named);
        let (Some(id), Some(outcome)) = (asked["mail"].as_str(), outcome) else {
            let names: Vec<&str> = Outcome::NAMES.iter().map(|(name, _)| *name).collect();
            let text = format!("`mail` is an id, `outcome` one of: {}", names.join(", "));
            return Ok(problem(StatusCode::BAD_REQUEST, "bad-request", &text));
        };
        let Some(mail) = self.read(|c| store::one(c, id))? else {
            return Ok(problem(StatusCode::NOT_FOUND, "not-found", "no such mail"));
        };
        let head = self.read(|c| store::content(c, mail.seq))?.map(|c| c.bytes).unwrap_or_default();
        let first = mail.to.iter().chain(&mail.cc).chain(&mail.bcc).next().cloned();
        let recipient = asked["recipient"].as_str().map(str::to_owned).or(first);
        let caller = Caller::internal(&mail.account, &mail.region, "");
        let by = Cause::Asked { outcome, recipient: recipient.unwrap_or_default() };
        let raise = Raise { mail, head, by };
        self.host.run(raise, &caller).await?;
        self.host.clock().call();
        Ok(answer(StatusCode::NO_CONTENT, "application/json", Bytes::new()))
    }

    async fn unsubscribe(&self, caller: &Caller, token: &str) -> Result<Answer, Failure> {
        let Some([list, address, topic]) = parts_of(token) else {
            return Ok(problem(StatusCode::NOT_FOUND, "not-found", "no such link"));
        };
        let topic = Some(topic).filter(|topic| !topic.is_empty());
        self.host.run(Leave { list, address, topic }, caller).await?;
        Ok(answer(StatusCode::OK, "text/plain; charset=utf-8", "You are unsubscribed.\n"))
    }

    async fn verify(&self, caller: &Caller, token: &str) -> Result<Answer, Failure> {
        let Some([address, template]) = parts_of(token) else {
            return Ok(problem(StatusCode::NOT_FOUND, "not-found", "no such link"));
        };
        let next = self.host.run(Confirm { address, template }, caller).await?;
        let next = next.and_then(|url| HeaderValue::from_str(&url).ok());
        let Some(next) = next else {
            return Ok(answer(StatusCode::OK, "text/plain; charset=utf-8", "Done.\n"));
        };
        let mut answer = answer(StatusCode::FOUND, "text/plain; charset=utf-8", Bytes::new());
        answer.headers_mut().insert(header::LOCATION, next);
        Ok(answer)
    }
}

/// The parts of a link's token.
fn parts_of<const N: usize>(token: &str) -> Option<[String; N]> {
    let text = String::from_utf8(hex::decode(token).ok()?).ok()?;
    let parts: Vec<String> = text.split(PART).map(str::to_owned).collect();
    parts.try_into().ok()
}

impl Handlers {
    /// `GetMessageInsights`: what became of a mail, by recipient.
    pub(super) fn insights(&self) -> impl Fn(Tree, Arc<Caller>) -> Running<Value> + Clone + use<> {
        let handlers = self.clone();
        move |Tree(input), caller| {
            let handlers = handlers.clone();
            Box::pin(async move {
                let id = input["MessageId"].as_str().unwrap_or_default();
                let mail = handlers.inbox.read(|c| store::one(c, id))?;
                let own = mail.filter(|m| m.account == caller.account && m.region == caller.region);
                let unknown = || {
                    Failure::new(404, "NotFoundException", format!("Message {id} does not exist."))
                };
                let mail = own.ok_or_else(unknown)?;
                let kept = handlers.inbox.read(|c| store::events(c, Some(id), EVENTS_SHOWN_MAX))?;
                Ok(insights_of(&mail, &kept))
            })
        }
    }
}

fn insights_of(mail: &Mail, kept: &[(String, i64, String, String)]) -> Value {
    let event = |kind: &str, at: Millis, document: &Value| {
        let upper = match kind {
            "Rendering Failure" => "RENDERING_FAILURE".to_owned(),
            "DeliveryDelay" => "DELIVERY_DELAY".to_owned(),
            other => other.to_uppercase(),
        };
        let mut event = json!({"Timestamp": at.as_seconds_f64(), "Type": upper});
        if let Some(kind) = document["bounce"]["bounceType"].as_str() {
            event["Details"] = json!({"Bounce": {
                "BounceType": kind.to_uppercase(), "BounceSubType": document["bounce"]["bounceSubType"],
                "DiagnosticCode": document["bounce"]["bouncedRecipients"][0]["diagnosticCode"]}});
        }
        event
    };
    let parsed: Vec<(&str, Millis, Value)> = kept
        .iter()
        .map(|(kind, at, text, _)| {
            (kind.as_str(), Millis(*at), serde_json::from_str(text).unwrap_or_default())
        })
        .collect();
    let of = |address: &String| {
        let about = |document: &Value| {
            let named = ["bounce", "complaint", "delivery", "deliveryDelay"];
            let details: Vec<String> = named
                .iter()
                .filter(|name| !document[**name].is_null())
                .map(|name| document[*name].to_string())
                .collect();
            details.is_empty() || details.iter().any(|d| d.contains(&format!("\"{address}\"")))
        };
        // A mail about which there was nothing to tell was simply delivered.
        let mut events: Vec<Value> =
            parsed.iter().filter(|(_, _, d)| about(d)).map(|(k, at, d)| event(k, *at, d)).collect();
        if parsed.is_empty() {
            let plain = |kind| event(kind, mail.received, &Value::Null);
            events = vec![plain("Send"), plain("Delivery")];
        }
        let isp = address.rsplit('@').next().unwrap_or_default();
        json!({"Destination": address, "Isp": isp, "Events": events})
    };
    let all: Vec<Value> = mail.to.iter().chain(&mail.cc).chain(&mail.bcc).map(of).collect();
    let tags: Vec<Value> =
        mail.tags.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
    json!({"MessageId": mail.id, "FromEmailAddress": mail.source, "Subject": mail.subject,
           "EmailTags": tags, "Insights": all})
}
