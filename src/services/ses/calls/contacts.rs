//! Contact lists and their contacts.
//! <https://docs.aws.amazon.com/ses/latest/dg/sending-email-list-management.html>

use super::kinds::{CONTACT, CONTACT_LIST};
use super::rows::dated;
use super::{Row, Work};
use crate::base::Context;
use crate::services::Operation;
use crate::services::ses::address::{check, normal};
use crate::services::ses::error::Error;
use crate::services::ses::records::{PART, Record};
use crate::services::ses::state::{Change, State, home};
use serde_json::{Value, json};

const LIST: &str = "ContactListName";

/// Topics of a list at the most.
const TOPICS_MAX: usize = 20;

pub(super) fn row(name: &str) -> Option<Row> {
    Some(match name {
        "CreateContactList" => Row::Own(create_list),
        "GetContactList" => Row::Get(&CONTACT_LIST, LIST),
        "UpdateContactList" => Row::Own(update_list),
        "ListContactLists" => Row::List(&CONTACT_LIST, "ContactLists"),
        "DeleteContactList" => Row::Own(delete_list),
        "CreateContact" => Row::Own(create),
        "GetContact" => Row::Own(get),
        "UpdateContact" => Row::Own(update),
        "DeleteContact" => Row::Own(delete),
        "ListContacts" => Row::Own(list),
        _ => return None,
    })
}

/// The key of a contact.
pub fn key_of(list: &str, address: &str) -> String {
    format!("{list}{PART}{}", normal(address))
}

/// Whether a contact of `list` gets mails on `topic`, or any where none is named.
pub fn subscribed(list: &Record, contact: &Record, topic: Option<&str>) -> bool {
    if contact.get("UnsubscribeAll") == Some(&Value::Bool(true)) {
        return false;
    }
    topic.is_none_or(|topic| status(list, contact, topic).is_none_or(|s| s == "OPT_IN"))
}

/// A contact's own choice for a topic, or the topic's default.
fn status<'a>(list: &'a Record, contact: &'a Record, topic: &str) -> Option<&'a str> {
    let found = |record: &'a Record, member: &str, name: &str, status: &str| {
        let items = record.get(member).and_then(Value::as_array).into_iter().flatten();
        let mut items = items.filter(|item| item[name] == topic);
        items.next().and_then(|item| item.get(status)).and_then(Value::as_str)
    };
    found(contact, "TopicPreferences", "TopicName", "SubscriptionStatus")
        .or_else(|| found(list, "Topics", "TopicName", "DefaultSubscriptionStatus"))
}

fn check_topics(work: &Work<'_>) -> Result<(), Error> {
    let topics = work.input.get("Topics").and_then(Value::as_array);
    let names: Vec<_> = topics.into_iter().flatten().map(|t| &t["TopicName"]).collect();
    if names.len() > TOPICS_MAX {
        return Err(Error::bad("", format!("A contact list may have {TOPICS_MAX} topics.")));
    }
    let twice = |n: usize| names[..n].contains(&names[n]);
    if (0..names.len()).any(twice) {
        return Err(Error::bad("", "Topic names must be unique within a contact list."));
    }
    Ok(())
}

fn create_list(work: &mut Work<'_>) -> Result<Value, Error> {
    check_topics(work)?;
    Row::Create(&CONTACT_LIST, LIST).carry_out(work)
}

fn update_list(work: &mut Work<'_>) -> Result<Value, Error> {
    work.need(&CONTACT_LIST, work.text(LIST))?;
    check_topics(work)?;
    Row::Update(&CONTACT_LIST, LIST).carry_out(work)
}

fn delete_list(work: &mut Work<'_>) -> Result<Value, Error> {
    let list = work.text(LIST).to_owned();
    work.need(&CONTACT_LIST, &list)?;
    work.delete(&CONTACT_LIST, &list);
    work.delete_all(&CONTACT, &format!("{list}{PART}"));
    Ok(json!({}))
}

/// The topics that a contact chooses must be those of the list.
fn check_preferences(work: &Work<'_>, list: &Record) -> Result<(), Error> {
    let known = list.get("Topics").and_then(Value::as_array);
    let chosen = work.input.get("TopicPreferences").and_then(Value::as_array);
    for choice in chosen.into_iter().flatten() {
        let name = &choice["TopicName"];
        if !known.into_iter().flatten().any(|topic| topic["TopicName"] == *name) {
            let text = format!(
                "List doesn't contain topic with name: {}",
                name.as_str().unwrap_or_default()
            );
            return Err(Error::bad("", text));
        }
    }
    Ok(())
}

fn create(work: &mut Work<'_>) -> Result<Value, Error> {
    let list = work.text(LIST).to_owned();
    check_preferences(work, work.need(&CONTACT_LIST, &list)?)?;
    let address = work.text("EmailAddress").to_owned();
    check(&address)?;
    let mut record = dated(work);
    record.entry("UnsubscribeAll").or_insert(Value::Bool(false));
    record.entry("TopicPreferences").or_insert_with(|| json!([]));
    work.create(&CONTACT, &key_of(&list, &address), record).map(|()| json!({}))
}

/// A contact with the defaults of the topics that it says nothing about.
fn shown(list: &Record, contact: &Record) -> Value {
    let topics = list.get("Topics").and_then(Value::as_array).into_iter().flatten();
    let chosen = contact.get("TopicPreferences").and_then(Value::as_array);
    let silent = topics.filter(|topic| {
        !chosen.into_iter().flatten().any(|choice| choice["TopicName"] == topic["TopicName"])
    });
    let defaults: Vec<Value> = silent
        .map(|topic| {
            json!({"TopicName": topic["TopicName"],
                   "SubscriptionStatus": topic["DefaultSubscriptionStatus"]})
        })
        .collect();
    let mut contact = contact.clone();
    contact.insert("TopicDefaultPreferences".into(), defaults.into());
    contact.into()
}

fn get(work: &mut Work<'_>) -> Result<Value, Error> {
    let list = work.need(&CONTACT_LIST, work.text(LIST))?;
    let key = key_of(work.text(LIST), work.text("EmailAddress"));
    Ok(shown(list, work.need(&CONTACT, &key)?))
}

fn update(work: &mut Work<'_>) -> Result<Value, Error> {
    let list = work.text(LIST).to_owned();
    check_preferences(work, work.need(&CONTACT_LIST, &list)?)?;
    let key = key_of(&list, work.text("EmailAddress"));
    let mut record = work.need(&CONTACT, &key)?.clone();
    record.extend(work.input_without(&["EmailAddress"]));
    record.insert("LastUpdatedTimestamp".into(), work.timestamp());
    work.put(&CONTACT, &key, record);
    Ok(json!({}))
}

fn delete(work: &mut Work<'_>) -> Result<Value, Error> {
    work.need(&CONTACT_LIST, work.text(LIST))?;
    let key = key_of(work.text(LIST), work.text("EmailAddress"));
    work.need(&CONTACT, &key)?;
    work.delete(&CONTACT, &key);
    Ok(json!({}))
}

fn list(work: &mut Work<'_>) -> Result<Value, Error> {
    let name = work.text(LIST).to_owned();
    let list = work.need(&CONTACT_LIST, &name)?;
    let filter = work.input.get("Filter").cloned().unwrap_or_default();
    let (wanted, topic) = (filter["FilteredStatus"].as_str(), filter["TopicFilter"].clone());
    let use_default = topic["UseDefaultIfPreferenceUnavailable"] == json!(true);
    let matches = |contact: &Record| {
        let Some(wanted) = wanted else { return true };
        if contact.get("UnsubscribeAll") == Some(&Value::Bool(true)) {
            return wanted == "OPT_OUT";
        }
        let Some(topic) = topic["TopicName"].as_str() else { return wanted == "OPT_IN" };
        let empty = Record::new();
        let list = if use_default { list } else { &empty };
        status(list, contact, topic) == Some(wanted)
    };
    let all = work.all(&CONTACT, &format!("{name}{PART}"));
    let found = all.into_iter().filter(|(_, contact)| matches(contact));
    work.page("Contacts", found.map(|(key, contact)| (key, shown(list, contact))))
}

/// A recipient leaves a list, or one of its topics.
#[derive(Debug, Clone)]
pub struct Leave {
    /// The list.
    pub list: String,
    /// The contact, which need not be there yet.
    pub address: String,
    /// The topic; without one it leaves all.
    pub topic: Option<String>,
}

impl Operation for Leave {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "UpdateContact";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let home = home(context.caller);
        let now = json!(context.now.as_seconds_f64());
        if state.records.get(&home, CONTACT_LIST.name, &self.list).is_none() {
            return Err(CONTACT_LIST.missing(&self.list));
        }
        let name = (CONTACT.name.to_owned(), key_of(&self.list, &self.address));
        let known = state.records.get(&home, CONTACT.name, &name.1).cloned();
        let fresh = json!({LIST: self.list, "EmailAddress": self.address, "CreatedTimestamp": now,
            "UnsubscribeAll": false, "TopicPreferences": []});
        let mut record = known.unwrap_or_else(|| fresh.as_object().cloned().unwrap_or_default());
        match self.topic {
            None => drop(record.insert("UnsubscribeAll".into(), true.into())),
            Some(topic) => {
                let choices = record.get("TopicPreferences").and_then(Value::as_array);
                let mut choices: Vec<Value> = choices.cloned().unwrap_or_default();
                choices.retain(|choice| choice["TopicName"] != topic.as_str());
                choices.push(json!({"TopicName": topic, "SubscriptionStatus": "OPT_OUT"}));
                record.insert("TopicPreferences".into(), choices.into());
            }
        }
        record.insert("LastUpdatedTimestamp".into(), now);
        let change = Change::RecordPut { home, name, record };
        state.absorb(&change);
        changes.push(change);
        Ok(())
    }
}
