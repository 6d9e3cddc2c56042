//! Who wants to hear of a mail: the event destinations of its configuration set, and the topics of its
//! sender's identity.

use super::{Event, Happening, Occasion, mail_json, sns_envelope};
use crate::base::Ids;
use crate::services::ses::address::normal;
use crate::services::ses::calls::kinds::{EVENT_DESTINATION, SUBSCRIPTION};
use crate::services::ses::records::{PART, Record};
use crate::services::ses::state::{Home, Identity, State};
use serde_json::{Value, json};

/// Kinds of events, as destinations spell them.
const SPELLINGS: [(&str, &str); 9] = [
    ("Send", "SEND"),
    ("Reject", "REJECT"),
    ("Bounce", "BOUNCE"),
    ("Complaint", "COMPLAINT"),
    ("Delivery", "DELIVERY"),
    ("Open", "OPEN"),
    ("Click", "CLICK"),
    ("Rendering Failure", "RENDERING_FAILURE"),
    ("DeliveryDelay", "DELIVERY_DELAY"),
];

/// Those who watch a mail.
pub(super) struct Watchers<'a> {
    destinations: Vec<&'a Record>,
    identity: Option<&'a Identity>,
}

impl<'a> Watchers<'a> {
    pub(super) fn of(occasion: &Occasion<'a>) -> Watchers<'a> {
        let (state, mail) = (occasion.state, occasion.mail);
        let destinations = mail.config_set.iter().flat_map(|set| {
            let prefix = format!("{set}{PART}");
            let all = state.records.range(occasion.home, EVENT_DESTINATION.name, &prefix, None);
            all.map(|(_, record)| record).collect::<Vec<_>>()
        });
        let destinations =
            destinations.filter(|d| d.get("Enabled") == Some(&Value::Bool(true))).collect();
        let known = state.identities.get(occasion.home);
        let source = normal(&mail.source);
        let domain = source.rsplit('@').next().unwrap_or_default();
        let identity = known.and_then(|known| known.get(&source).or_else(|| known.get(domain)));
        let identity = identity.filter(|identity| !identity.settings.topics.is_empty());
        Watchers { destinations, identity }
    }

    pub(super) fn none(&self) -> bool {
        self.destinations.is_empty() && self.identity.is_none()
    }

    /// The event, with a message for every queue that gets it.
    pub(super) fn event(
        &self,
        occasion: &Occasion<'_>,
        happening: &Happening,
        ids: &mut Ids,
    ) -> Event {
        let (member, detail) = &happening.detail;
        let document = json!({
            "eventType": happening.kind, "mail": mail_json(occasion, false, true), *member: detail});
        let document = document.to_string();
        let (mut messages, mut targets) = (Vec::new(), Vec::new());
        let mut send = |arn: &str, subject: Option<&str>, text: &str| {
            targets.push(arn.to_owned());
            if let Some(queue) = queue_of(occasion.state, occasion.home, arn) {
                let body = sns_envelope(arn, subject, text, occasion.now, &ids.uuid());
                messages.push((queue, body));
            }
        };
        let spelled = SPELLINGS.iter().find(|(kind, _)| *kind == happening.kind);
        let spelled = spelled.map_or("", |(_, spelled)| spelled);
        for destination in &self.destinations {
            let types = destination.get("MatchingEventTypes").and_then(Value::as_array);
            if types.into_iter().flatten().any(|t| t == spelled)
                && let Some(arn) = target(destination)
            {
                send(arn, Some("Amazon SES Email Event Notification"), &document);
            }
        }
        if let Some(identity) = self.identity
            && let Some(topic) = identity.settings.topics.get(happening.kind)
        {
            let headers = identity.settings.with_headers.contains(happening.kind);
            let text = json!({
                "notificationType": happening.kind, *member: detail,
                "mail": mail_json(occasion, true, headers)});
            send(topic, None, &text.to_string());
        }
        let (mail, at, kind) = (occasion.mail.id.clone(), occasion.now, happening.kind);
        Event { mail, at, kind, document, messages, objects: Vec::new(), targets }
    }
}

/// Where a destination sends.
fn target(destination: &Record) -> Option<&str> {
    let of = |member: &str, arn: &str| destination.get(member)?[arn].as_str();
    of("SnsDestination", "TopicArn")
        .or_else(|| of("EventBridgeDestination", "EventBusArn"))
        .or_else(|| of("KinesisFirehoseDestination", "DeliveryStreamArn"))
        .or_else(|| of("PinpointDestination", "ApplicationArn"))
        .or_else(|| destination.contains_key("CloudWatchDestination").then_some("cloudwatch"))
}

/// The queue behind a topic: the queue itself, where its ARN stands in place of a topic's, or the one
/// that the profile subscribes.
pub fn queue_of(state: &State, home: &Home, arn: &str) -> Option<String> {
    if arn.starts_with("arn:aws:sqs:") {
        return Some(arn.to_owned());
    }
    let (_, region_and_rest) = arn.split_once(":sns:")?;
    let mut parts = region_and_rest.splitn(3, ':');
    let (region, account, topic) = (parts.next()?, parts.next()?, parts.next()?);
    let record = state.records.get(home, SUBSCRIPTION.name, topic)?;
    let queue = record.get("Queue")?.as_str()?;
    Some(format!("arn:aws:sqs:{region}:{account}:{queue}"))
}
