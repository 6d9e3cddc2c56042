//! Configuration sets of v2.
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateConfigurationSet.html>

use super::kinds::{CONFIG_SET, EVENT_DESTINATION, POOL};
use super::rows::dated;
use super::{Row, Work};
use crate::services::ses::error::Error;
use crate::services::ses::records::{PART, Record};
use serde_json::{Value, json};

const KEY: &str = "ConfigurationSetName";

pub(super) fn row(name: &str) -> Option<Row> {
    Some(match name {
        "CreateConfigurationSet" => Row::Own(create),
        "GetConfigurationSet" => Row::Get(&CONFIG_SET, KEY),
        "ListConfigurationSets" => Row::Own(list),
        "DeleteConfigurationSet" => Row::Own(delete),
        "UpdateConfigurationSet" => Row::Update(&CONFIG_SET, KEY),
        "PutConfigurationSetArchivingOptions" => Row::Set(&CONFIG_SET, KEY, "ArchivingOptions"),
        "PutConfigurationSetDeliveryOptions" => Row::Own(put_delivery_options),
        "PutConfigurationSetReputationOptions" => Row::Set(&CONFIG_SET, KEY, "ReputationOptions"),
        "PutConfigurationSetSendingOptions" => Row::Set(&CONFIG_SET, KEY, "SendingOptions"),
        "PutConfigurationSetSuppressionOptions" => Row::Set(&CONFIG_SET, KEY, "SuppressionOptions"),
        "PutConfigurationSetTrackingOptions" => Row::Own(put_tracking_options),
        "PutConfigurationSetVdmOptions" => Row::Own(put_vdm_options),
        _ => return None,
    })
}

/// The options of a fresh set.
pub(super) fn fresh(mut given: Record) -> Record {
    let defaults = [
        ("DeliveryOptions", "TlsPolicy", json!("OPTIONAL")),
        ("ReputationOptions", "ReputationMetricsEnabled", json!(false)),
        ("SendingOptions", "SendingEnabled", json!(true)),
    ];
    for (options, member, value) in defaults {
        let options = given.entry(options).or_insert_with(|| json!({}));
        if options[member].is_null() {
            options[member] = value;
        }
    }
    given.entry("Tags").or_insert_with(|| json!([]));
    given
}

fn create(work: &mut Work<'_>) -> Result<Value, Error> {
    let key = work.text(KEY).to_owned();
    CONFIG_SET.check_name(&key)?;
    check_pool(work, work.input.get("DeliveryOptions"))?;
    let record = fresh(dated(work));
    work.create(&CONFIG_SET, &key, record).map(|()| json!({}))
}

fn check_pool(work: &Work<'_>, options: Option<&Value>) -> Result<(), Error> {
    let pool = options.and_then(|o| o["SendingPoolName"].as_str());
    match pool {
        // The pool that every account has, and the shared addresses.
        None | Some("" | "ses-default-dedicated-pool" | "ses-shared-pool") => Ok(()),
        Some(pool) => work.need(&POOL, pool).map(drop),
    }
}

fn list(work: &mut Work<'_>) -> Result<Value, Error> {
    let part = work.input.get("Filter").map(|f| &f["CONFIGURATION_SET_NAME_CONTAINS"]);
    let part = part.and_then(Value::as_str).unwrap_or_default();
    let names = work.all(&CONFIG_SET, "").into_iter().map(|(key, _)| key);
    let wanted = names.filter(|name| name.contains(part));
    work.page("ConfigurationSets", wanted.map(|name| (name.clone(), name.into())))
}

pub(super) fn delete(work: &mut Work<'_>) -> Result<Value, Error> {
    let key = work.text(KEY).to_owned();
    work.need(&CONFIG_SET, &key)?;
    work.delete(&CONFIG_SET, &key);
    work.delete_all(&EVENT_DESTINATION, &format!("{key}{PART}"));
    Ok(json!({}))
}

fn put_delivery_options(work: &mut Work<'_>) -> Result<Value, Error> {
    work.need(&CONFIG_SET, work.text(KEY))?;
    let options = Value::Object(work.input.clone());
    check_pool(work, Some(&options))?;
    Row::Set(&CONFIG_SET, KEY, "DeliveryOptions").carry_out(work)
}

/// Without a domain the options are taken away.
fn put_tracking_options(work: &mut Work<'_>) -> Result<Value, Error> {
    let key = work.text(KEY).to_owned();
    let mut record = work.need(&CONFIG_SET, &key)?.clone();
    let options = work.input_without(&[KEY]);
    if options.contains_key("CustomRedirectDomain") {
        record.insert("TrackingOptions".into(), options.into());
    } else {
        record.remove("TrackingOptions");
    }
    work.put(&CONFIG_SET, &key, record);
    Ok(json!({}))
}

fn put_vdm_options(work: &mut Work<'_>) -> Result<Value, Error> {
    let key = work.text(KEY).to_owned();
    let mut record = work.need(&CONFIG_SET, &key)?.clone();
    let options = work.input.get("VdmOptions").cloned().unwrap_or_else(|| json!({}));
    record.insert("VdmOptions".into(), options);
    work.put(&CONFIG_SET, &key, record);
    Ok(json!({}))
}
