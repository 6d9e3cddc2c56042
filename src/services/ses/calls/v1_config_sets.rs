//! Configuration sets of v1, kept in v2's shapes: both APIs see the same sets.
//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_CreateConfigurationSet.html>

use super::config_sets::fresh;
use super::destinations::{self, key_of, of_set};
use super::kinds::{CONFIG_SET, EVENT_DESTINATION};
use super::{Row, Work};
use crate::services::ses::error::Error;
use crate::services::ses::records::Record;
use serde_json::{Map, Value, json};

const KEY: &str = "ConfigurationSetName";

pub(super) fn row(name: &str) -> Option<Row> {
    Some(match name {
        "CreateConfigurationSet" => Row::Own(create),
        "DescribeConfigurationSet" => Row::Own(describe),
        "ListConfigurationSets" => Row::Own(list),
        "DeleteConfigurationSet" => Row::Own(super::config_sets::delete),
        "CreateConfigurationSetEventDestination" => Row::Own(create_destination),
        "UpdateConfigurationSetEventDestination" => Row::Own(update_destination),
        "DeleteConfigurationSetEventDestination" => Row::Own(destinations::delete),
        "CreateConfigurationSetTrackingOptions" => Row::Own(create_tracking),
        "UpdateConfigurationSetTrackingOptions" => Row::Own(update_tracking),
        "DeleteConfigurationSetTrackingOptions" => Row::Own(delete_tracking),
        "PutConfigurationSetDeliveryOptions" => Row::Own(put_delivery),
        "UpdateConfigurationSetReputationMetricsEnabled" => Row::Own(update_reputation),
        "UpdateConfigurationSetSendingEnabled" => Row::Own(update_sending),
        _ => return None,
    })
}

fn create(work: &mut Work<'_>) -> Result<Value, Error> {
    let name = work.input["ConfigurationSet"]["Name"].as_str().unwrap_or_default().to_owned();
    CONFIG_SET.check_name(&name)?;
    let mut record = fresh(Map::new());
    record.insert(KEY.into(), name.clone().into());
    work.create(&CONFIG_SET, &name, record).map(|()| json!({}))
}

fn list(work: &mut Work<'_>) -> Result<Value, Error> {
    let names = work.all(&CONFIG_SET, "").into_iter().map(|(key, _)| key);
    work.page("ConfigurationSets", names.map(|name| (name.clone(), json!({"Name": name}))))
}

fn describe(work: &mut Work<'_>) -> Result<Value, Error> {
    let name = work.text(KEY);
    let record = work.need(&CONFIG_SET, name)?;
    let mut answer = json!({"ConfigurationSet": {"Name": name}});
    for attribute in work.texts("ConfigurationSetAttributeNames") {
        match attribute.as_str() {
            "eventDestinations" => {
                let all = of_set(work, name).into_iter().map(destination_v1);
                answer["EventDestinations"] = all.collect();
            }
            "trackingOptions" => {
                if let Some(options) = record.get("TrackingOptions") {
                    answer["TrackingOptions"] = options.clone();
                }
            }
            "deliveryOptions" => {
                let policy = record["DeliveryOptions"]["TlsPolicy"].as_str().unwrap_or_default();
                let policy = if policy == "REQUIRE" { "Require" } else { "Optional" };
                answer["DeliveryOptions"] = json!({"TlsPolicy": policy});
            }
            _ => {
                let metrics = &record["ReputationOptions"]["ReputationMetricsEnabled"];
                let sending = &record["SendingOptions"]["SendingEnabled"];
                answer["ReputationOptions"] =
                    json!({"SendingEnabled": sending, "ReputationMetricsEnabled": metrics});
            }
        }
    }
    Ok(answer)
}

/// Event types and sources of dimensions, v1's spelling beside v2's.
const SPELLINGS: [(&str, &str); 11] = [
    ("send", "SEND"),
    ("reject", "REJECT"),
    ("bounce", "BOUNCE"),
    ("complaint", "COMPLAINT"),
    ("delivery", "DELIVERY"),
    ("open", "OPEN"),
    ("click", "CLICK"),
    ("renderingFailure", "RENDERING_FAILURE"),
    ("messageTag", "MESSAGE_TAG"),
    ("emailHeader", "EMAIL_HEADER"),
    ("linkTag", "LINK_TAG"),
];

/// Members whose names differ, v1's beside v2's.
const MEMBERS: [(&str, &str); 4] = [
    ("SNSDestination", "SnsDestination"),
    ("TopicARN", "TopicArn"),
    ("IAMRoleARN", "IamRoleArn"),
    ("DeliveryStreamARN", "DeliveryStreamArn"),
];

fn respelled(value: Value, name: &dyn Fn(&str) -> String, word: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter();
            members.map(|(key, value)| (name(&key), respelled(value, name, word))).collect()
        }
        Value::Array(items) => items.into_iter().map(|v| respelled(v, name, word)).collect(),
        Value::String(text) => Value::String(word(&text)),
        other => other,
    }
}

fn destination_v2(value: &Value) -> Record {
    let name =
        |key: &str| MEMBERS.iter().find(|(v1, _)| *v1 == key).map_or(key, |(_, v2)| v2).to_owned();
    let word = |text: &str| {
        SPELLINGS.iter().find(|(v1, _)| *v1 == text).map_or(text, |(_, v2)| v2).to_owned()
    };
    match respelled(value.clone(), &name, &word) {
        Value::Object(mut members) => {
            // A name may be spelled like an event type.
            members.insert("Name".into(), value["Name"].clone());
            members.entry("Enabled").or_insert(Value::Bool(false));
            members
        }
        _ => Map::new(),
    }
}

fn destination_v1(value: Value) -> Value {
    let own_name = value["Name"].clone();
    let name =
        |key: &str| MEMBERS.iter().find(|(_, v2)| *v2 == key).map_or(key, |(v1, _)| v1).to_owned();
    let word = |text: &str| {
        SPELLINGS.iter().find(|(_, v2)| *v2 == text).map_or(text, |(v1, _)| v1).to_owned()
    };
    let mut value = respelled(value, &name, &word);
    value["Name"] = own_name;
    if let Some(types) = value["MatchingEventTypes"].as_array_mut() {
        types.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    }
    value
}

fn create_destination(work: &mut Work<'_>) -> Result<Value, Error> {
    let set = work.text(KEY).to_owned();
    work.need(&CONFIG_SET, &set)?;
    let record = destination_v2(&work.input["EventDestination"]);
    let name = record["Name"].as_str().unwrap_or_default().to_owned();
    EVENT_DESTINATION.check_name(&name)?;
    destinations::check(&record)?;
    destinations::make(work, &key_of(&set, &name), record)
}

fn update_destination(work: &mut Work<'_>) -> Result<Value, Error> {
    let set = work.text(KEY).to_owned();
    work.need(&CONFIG_SET, &set)?;
    let record = destination_v2(&work.input["EventDestination"]);
    let key = key_of(&set, record["Name"].as_str().unwrap_or_default());
    work.need(&EVENT_DESTINATION, &key)?;
    destinations::check(&record)?;
    work.put(&EVENT_DESTINATION, &key, record);
    Ok(json!({}))
}

/// Alters a set's record.
fn alter(work: &mut Work<'_>, change: impl FnOnce(&mut Record)) -> Result<Value, Error> {
    let key = work.text(KEY).to_owned();
    let mut record = work.need(&CONFIG_SET, &key)?.clone();
    change(&mut record);
    work.put(&CONFIG_SET, &key, record);
    Ok(json!({}))
}

fn tracking(work: &Work<'_>) -> Result<bool, Error> {
    Ok(work.need(&CONFIG_SET, work.text(KEY))?.contains_key("TrackingOptions"))
}

fn no_tracking(work: &Work<'_>) -> Error {
    let text = format!("No TrackingOptions found for {}", work.text(KEY));
    Error::not_found("TrackingOptionsDoesNotExistException", text)
}

fn create_tracking(work: &mut Work<'_>) -> Result<Value, Error> {
    if tracking(work)? {
        let text = format!("TrackingOptions already exist for {}", work.text(KEY));
        return Err(Error::exists("TrackingOptionsAlreadyExistsException", text));
    }
    put_tracking(work)
}

fn update_tracking(work: &mut Work<'_>) -> Result<Value, Error> {
    if !tracking(work)? {
        return Err(no_tracking(work));
    }
    put_tracking(work)
}

fn put_tracking(work: &mut Work<'_>) -> Result<Value, Error> {
    let options = work.input["TrackingOptions"].clone();
    if options["CustomRedirectDomain"].as_str().is_none_or(str::is_empty) {
        let text = "CustomRedirectDomain must be specified.";
        return Err(Error::bad("InvalidTrackingOptions", text));
    }
    alter(work, |record| drop(record.insert("TrackingOptions".into(), options)))
}

fn delete_tracking(work: &mut Work<'_>) -> Result<Value, Error> {
    if !tracking(work)? {
        return Err(no_tracking(work));
    }
    alter(work, |record| drop(record.remove("TrackingOptions")))
}

fn put_delivery(work: &mut Work<'_>) -> Result<Value, Error> {
    let policy = work.input.get("DeliveryOptions").and_then(|o| o["TlsPolicy"].as_str());
    let policy = policy.unwrap_or("Optional").to_uppercase();
    alter(work, |record| record["DeliveryOptions"]["TlsPolicy"] = policy.into())
}

fn update_reputation(work: &mut Work<'_>) -> Result<Value, Error> {
    let enabled = work.flag("Enabled");
    alter(work, |record| {
        record["ReputationOptions"]["ReputationMetricsEnabled"] = enabled.into();
    })
}

fn update_sending(work: &mut Work<'_>) -> Result<Value, Error> {
    let enabled = work.flag("Enabled");
    alter(work, |record| record["SendingOptions"]["SendingEnabled"] = enabled.into())
}
