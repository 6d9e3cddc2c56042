//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_SendBulkTemplatedEmail.html>,
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendBulkEmail.html>
//!
//! One mail for each destination; what is wrong with one of them does not hold up the others.

use super::templated::{Filling, of_v1, template};
use super::{Errand, Outgoing, pairs, texts};
use crate::services::ses::error::Error;
use crate::services::ses::limits::DESTINATIONS_MAX;
use crate::services::ses::mail::Via;
use crate::services::ses::model::Version;
use crate::services::ses::render::{data, merged};
use serde_json::Value;

fn check_count(count: usize) -> Result<(), Error> {
    if count == 0 {
        return Err(Error::bad("InvalidParameterValue", "At least one destination is needed."));
    }
    if count > DESTINATIONS_MAX {
        let text = format!("Destinations count is more than {DESTINATIONS_MAX}.");
        return Err(Error::bad("InvalidParameterValue", text));
    }
    Ok(())
}

/// The data of one destination over the defaults.
fn own_data(defaults: &Value, text: Option<&str>) -> Result<Value, Error> {
    Ok(merged(defaults, &data(text.unwrap_or_default())?))
}

/// `SendBulkTemplatedEmail` of v1.
pub fn bulk_v1(errand: &Errand<'_>) -> Result<Outgoing, Error> {
    let common = of_v1(errand, "SendBulkTemplatedEmail", "DefaultTags")?;
    let defaults = data(errand.text("DefaultTemplateData"))?;
    let destinations = errand.input["Destinations"].as_array().cloned().unwrap_or_default();
    check_count(destinations.len())?;
    let each = destinations.into_iter().map(|one| {
        let mut filling = Filling {
            data: own_data(&defaults, one["ReplacementTemplateData"].as_str())?,
            destination: one["Destination"].clone(),
            ..common.clone()
        };
        replace(&mut filling.tags, pairs(&one["ReplacementTags"]));
        filling.mail()
    });
    Ok(each.collect())
}

/// `SendBulkEmail` of v2.
pub fn bulk_v2(errand: &Errand<'_>) -> Result<Outgoing, Error> {
    let given = &errand.input["DefaultContent"]["Template"];
    if given.is_null() {
        return Err(Error::bad("", "DefaultContent must have a Template."));
    }
    let (name, parts) = template(errand, given)?;
    let defaults = data(given["TemplateData"].as_str().unwrap_or_default())?;
    let from = errand.some_text("FromEmailAddress").ok_or(Error::HeaderMissing { name: "From" })?;
    let entries = errand.input["BulkEmailEntries"].as_array().cloned().unwrap_or_default();
    check_count(entries.len())?;
    let each = entries.into_iter().map(|entry| {
        let own =
            &entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"];
        let mut filling = Filling {
            operation: "SendBulkEmail",
            via: Via::SesV2,
            mode: errand.mode,
            name: name.clone(),
            parts: parts.clone(),
            data: own_data(&defaults, own.as_str())?,
            from: from.clone(),
            destination: entry["Destination"].clone(),
            reply_to: errand.input.get("ReplyToAddresses").map(texts).unwrap_or_default(),
            return_path: errand.some_text("FeedbackForwardingEmailAddress"),
            tags: errand.input.get("DefaultEmailTags").map(pairs).unwrap_or_default(),
            config_set: errand.some_text("ConfigurationSetName"),
            headers: pairs(&given["Headers"]),
            attachments: crate::services::ses::ops::files(&given["Attachments"])?,
            source_arn: errand.some_text("FromEmailAddressIdentityArn"),
        };
        replace(&mut filling.tags, pairs(&entry["ReplacementTags"]));
        replace(&mut filling.headers, pairs(&entry["ReplacementHeaders"]));
        filling.mail()
    });
    Ok(each.collect())
}

/// Puts `own` in the places of those of the same name.
fn replace(all: &mut Vec<(String, String)>, own: Vec<(String, String)>) {
    all.retain(|(name, _)| !own.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)));
    all.extend(own);
}

/// What became of one destination, as its status tells it.
pub fn status(version: Version, code: &str, http: u16) -> &'static str {
    let (v1, v2) = match code {
        "MessageRejected" => ("MessageRejected", "MESSAGE_REJECTED"),
        "SendingPausedException" => ("AccountSendingPaused", "ACCOUNT_SENDING_PAUSED"),
        "NotFoundException" => ("ConfigurationSetDoesNotExist", "CONFIGURATION_SET_NOT_FOUND"),
        _ if http >= 500 => ("TransientFailure", "TRANSIENT_FAILURE"),
        _ => ("InvalidParameterValue", "INVALID_PARAMETER"),
    };
    match version {
        Version::V1 => v1,
        Version::V2 => v2,
    }
}
