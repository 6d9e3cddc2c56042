//! Event destinations of v2.
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateConfigurationSetEventDestination.html>

use super::kinds::{CONFIG_SET, EVENT_DESTINATION};
use super::{Row, Work};
use crate::services::ses::error::Error;
use crate::services::ses::records::{PART, Record};
use serde_json::{Value, json};

const SET: &str = "ConfigurationSetName";

/// The members that say where events go.
const TARGETS: [&str; 5] = [
    "SnsDestination",
    "EventBridgeDestination",
    "CloudWatchDestination",
    "KinesisFirehoseDestination",
    "PinpointDestination",
];

pub(super) fn row(name: &str) -> Option<Row> {
    Some(match name {
        "CreateConfigurationSetEventDestination" => Row::Own(create),
        "GetConfigurationSetEventDestinations" => Row::Own(get),
        "UpdateConfigurationSetEventDestination" => Row::Own(update),
        "DeleteConfigurationSetEventDestination" => Row::Own(delete),
        _ => return None,
    })
}

/// The key of a destination of a set.
pub(super) fn key_of(set: &str, name: &str) -> String {
    format!("{set}{PART}{name}")
}

/// The destinations of a set, in the order of their names.
pub(super) fn of_set(work: &Work<'_>, set: &str) -> Vec<Value> {
    let all = work.all(&EVENT_DESTINATION, &key_of(set, ""));
    all.into_iter().map(|(_, record)| record.clone().into()).collect()
}

/// A destination has one target, event types, and a topic that can be one.
pub(super) fn check(definition: &Record) -> Result<(), Error> {
    let targets = TARGETS.iter().filter(|target| definition.contains_key(**target)).count();
    if targets != 1 {
        let text = "An event destination must have exactly one destination type.";
        return Err(Error::bad("InvalidParameterValue", text));
    }
    if definition.get("MatchingEventTypes").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        let text = "An event destination must have at least one matching event type.";
        return Err(Error::bad("InvalidParameterValue", text));
    }
    let topic = definition.get("SnsDestination").and_then(|d| d["TopicArn"].as_str());
    match topic {
        Some(arn) if !is_topic(arn) => {
            let text = format!("SNS topic <{arn}> not found.");
            Err(Error::bad("InvalidSNSDestination", text))
        }
        _ => Ok(()),
    }
}

/// The ARN of an SNS topic, or of a queue: devenv delivers to a queue what SNS would carry there.
fn is_topic(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    matches!(parts[..], ["arn", _, "sns" | "sqs", region, account, name]
        if !region.is_empty() && account.len() == 12 && !name.is_empty())
}

fn definition(work: &Work<'_>, name: &str) -> Result<Record, Error> {
    let given = work.input.get("EventDestination").and_then(Value::as_object);
    let mut record = given.cloned().unwrap_or_default();
    record.insert("Name".into(), name.into());
    record.entry("Enabled").or_insert(Value::Bool(false));
    check(&record)?;
    Ok(record)
}

fn create(work: &mut Work<'_>) -> Result<Value, Error> {
    let (set, name) = (work.text(SET).to_owned(), work.text("EventDestinationName").to_owned());
    work.need(&CONFIG_SET, &set)?;
    EVENT_DESTINATION.check_name(&name)?;
    if of_set(work, &set).len() >= 10 {
        return Err(Error::limit("A configuration set may have 10 event destinations."));
    }
    let record = definition(work, &name)?;
    make(work, &key_of(&set, &name), record)
}

/// Makes a destination; its topic hears of it.
pub(super) fn make(work: &mut Work<'_>, key: &str, record: Record) -> Result<Value, Error> {
    let topic = record.get("SnsDestination").and_then(|d| d["TopicArn"].as_str());
    let topic = topic.map(str::to_owned);
    work.create(&EVENT_DESTINATION, key, record)?;
    if let Some(topic) = topic {
        work.tell(&topic, "Successfully validated SNS topic for Amazon SES event publishing.");
    }
    Ok(json!({}))
}

fn get(work: &mut Work<'_>) -> Result<Value, Error> {
    work.need(&CONFIG_SET, work.text(SET))?;
    Ok(json!({"EventDestinations": of_set(work, work.text(SET))}))
}

fn update(work: &mut Work<'_>) -> Result<Value, Error> {
    let (set, name) = (work.text(SET).to_owned(), work.text("EventDestinationName").to_owned());
    work.need(&CONFIG_SET, &set)?;
    work.need(&EVENT_DESTINATION, &key_of(&set, &name))?;
    let record = definition(work, &name)?;
    work.put(&EVENT_DESTINATION, &key_of(&set, &name), record);
    Ok(json!({}))
}

pub(super) fn delete(work: &mut Work<'_>) -> Result<Value, Error> {
    let (set, name) = (work.text(SET).to_owned(), work.text("EventDestinationName").to_owned());
    work.need(&CONFIG_SET, &set)?;
    let key = key_of(&set, &name);
    work.need(&EVENT_DESTINATION, &key)?;
    work.delete(&EVENT_DESTINATION, &key);
    Ok(json!({}))
}
