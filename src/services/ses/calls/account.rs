//! The account itself: quota, sending, suppression, warm-up, the sandbox, and pools of dedicated
//! addresses, of which an account here has none.
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html>

use super::kinds::{ACCOUNT, CONFIG_SET, POOL};
use super::rows::dated;
use super::{Row, Work};
use crate::services::ses::error::Error;
use crate::services::ses::ops::GetSendQuota;
use crate::services::ses::state::Mode;
use serde_json::{Value, json};

pub(super) fn v2(name: &str) -> Option<Row> {
    Some(match name {
        "GetAccount" => Row::Own(get_account),
        "PutAccountDedicatedIpWarmupAttributes" => Row::Account(&ACCOUNT, "Warmup"),
        "PutAccountDetails" => Row::Own(put_details),
        "PutAccountPricingAttributes" => Row::Account(&ACCOUNT, "Pricing"),
        "PutAccountSendingAttributes" => Row::Account(&ACCOUNT, "Sending"),
        "PutAccountSuppressionAttributes" => Row::Account(&ACCOUNT, "SuppressionAttributes"),
        "PutAccountVdmAttributes" => Row::Own(put_vdm),
        "CreateDedicatedIpPool" => Row::Own(create_pool),
        "GetDedicatedIpPool" => Row::GetAs(&POOL, "PoolName", "DedicatedIpPool"),
        "ListDedicatedIpPools" => Row::Names(&POOL, "DedicatedIpPools", "PoolName"),
        "DeleteDedicatedIpPool" => Row::Own(delete_pool),
        "PutDedicatedIpPoolScalingAttributes" => Row::Own(put_scaling),
        "GetDedicatedIps" => Row::Own(get_ips),
        "GetDedicatedIp" | "PutDedicatedIpInPool" | "PutDedicatedIpWarmupAttributes" => {
            Row::Own(no_ip)
        }
        _ => return None,
    })
}

pub(super) fn v1(name: &str) -> Option<Row> {
    Some(match name {
        "GetAccountSendingEnabled" => Row::Own(|work| Ok(json!({"Enabled": sends(work)}))),
        "UpdateAccountSendingEnabled" => Row::Own(update_sending_v1),
        _ => return None,
    })
}

fn sends(work: &Work<'_>) -> bool {
    work.single(&ACCOUNT).get("Sending").is_none_or(|s| s["SendingEnabled"] == json!(true))
}

fn update_sending_v1(work: &mut Work<'_>) -> Result<Value, Error> {
    let mut record = work.single(&ACCOUNT);
    record.insert("Sending".into(), json!({"SendingEnabled": work.flag("Enabled")}));
    work.put(&ACCOUNT, "", record);
    Ok(json!({}))
}

fn get_account(work: &mut Work<'_>) -> Result<Value, Error> {
    let mut record = work.single(&ACCOUNT);
    let quota = GetSendQuota::of(work.state, work.caller, work.now, work.mode);
    let warmup = record.get("Warmup").is_some_and(|w| w["AutoWarmupEnabled"] == json!(true));
    let plan = record.get("Pricing").map_or(json!("NONE"), |p| p["Plan"].clone());
    let suppression = json!({"SuppressedReasons": ["BOUNCE", "COMPLAINT"]});
    let suppression = record.remove("SuppressionAttributes").unwrap_or(suppression);
    Ok(json!({
        "DedicatedIpAutoWarmupEnabled": warmup,
        "EnforcementStatus": "HEALTHY",
        "ProductionAccessEnabled": work.mode == Mode::Lenient,
        "SendQuota": serde_json::to_value(quota).unwrap_or_default(),
        "SendingEnabled": sends(work),
        "SuppressionAttributes": suppression,
        "Details": record.remove("Details"),
        "VdmAttributes": record.remove("VdmAttributes").unwrap_or(json!({"VdmEnabled": "DISABLED"})),
        "PricingAttributes": {"CurrentPlan": plan},
    }))
}

/// What AWS reviews is granted here.
fn put_details(work: &mut Work<'_>) -> Result<Value, Error> {
    let mut details = work.input_without(&["ProductionAccessEnabled"]);
    details.insert("ReviewDetails".into(), json!({"Status": "GRANTED", "CaseId": "0"}));
    let mut record = work.single(&ACCOUNT);
    record.insert("Details".into(), details.into());
    work.put(&ACCOUNT, "", record);
    Ok(json!({}))
}

fn put_vdm(work: &mut Work<'_>) -> Result<Value, Error> {
    let mut record = work.single(&ACCOUNT);
    record.insert("VdmAttributes".into(), work.input["VdmAttributes"].clone());
    work.put(&ACCOUNT, "", record);
    Ok(json!({}))
}

fn create_pool(work: &mut Work<'_>) -> Result<Value, Error> {
    let name = work.text("PoolName").to_owned();
    POOL.check_name(&name)?;
    let mut record = dated(work);
    record.entry("ScalingMode").or_insert_with(|| "STANDARD".into());
    work.create(&POOL, &name, record).map(|()| json!({}))
}

fn delete_pool(work: &mut Work<'_>) -> Result<Value, Error> {
    let name = work.text("PoolName");
    let uses = |set: &Value| set["SendingPoolName"] == name;
    let sets = work.all(&CONFIG_SET, "");
    if sets.iter().any(|(_, set)| set.get("DeliveryOptions").is_some_and(uses)) {
        let text = format!("Dedicated IP pool {name} is used by a configuration set.");
        return Err(Error::conflict("InvalidParameterValue", text));
    }
    Row::Delete(&POOL, "PoolName").carry_out(work)
}

fn put_scaling(work: &mut Work<'_>) -> Result<Value, Error> {
    let managed = work.need(&POOL, work.text("PoolName"))?["ScalingMode"] == "MANAGED";
    if managed && work.text("ScalingMode") == "STANDARD" {
        let text = "The scaling mode of a managed pool cannot be changed to standard.";
        return Err(Error::bad("InvalidParameterValue", text));
    }
    Row::Update(&POOL, "PoolName").carry_out(work)
}

fn get_ips(work: &mut Work<'_>) -> Result<Value, Error> {
    if let Some(pool) = work.some_text("PoolName") {
        work.need(&POOL, pool)?;
    }
    Ok(json!({"DedicatedIps": []}))
}

fn no_ip(work: &mut Work<'_>) -> Result<Value, Error> {
    let text = format!("Dedicated IP {} does not exist.", work.text("Ip"));
    Err(Error::not_found("InvalidParameterValue", text))
}
