//! Identities of v2.
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateEmailIdentity.html>

use super::dkim::{attributes, need, set_signing};
use super::kinds::{CERTIFICATE, CONFIG_SET};
use super::{Row, Work, tags};
use crate::services::ses::address::normal;
use crate::services::ses::error::Error;
use crate::services::ses::ops::fresh_identity;
use crate::services::ses::records::PART;
use crate::services::ses::state::{Identity, is_domain};
use serde_json::{Value, json};

pub(super) fn row(name: &str) -> Option<Row> {
    Some(match name {
        "CreateEmailIdentity" => Row::Own(create),
        "GetEmailIdentity" => Row::Own(get),
        "ListEmailIdentities" => Row::Own(list),
        "DeleteEmailIdentity" => Row::Own(delete),
        _ => return None,
    })
}

fn kind_of(name: &str) -> &'static str {
    if is_domain(name) { "DOMAIN" } else { "EMAIL_ADDRESS" }
}

fn status_of(identity: &Identity) -> &'static str {
    if identity.settings.pending { "PENDING" } else { "SUCCESS" }
}

fn create(work: &mut Work<'_>) -> Result<Value, Error> {
    let given = work.text("EmailIdentity").to_owned();
    let name = normal(given.trim());
    if work.state.identity(work.caller, &name).is_some() {
        return Err(Error::AlreadyExists { identity: given });
    }
    let mut identity = fresh_identity(&name, work.now, work.ids)?;
    let pairs = work.input.get("Tags").and_then(Value::as_array).into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    identity.tags = pairs.map(|tag| (text(&tag["Key"]), text(&tag["Value"]))).collect();
    if let Some(set) = work.some_text("ConfigurationSetName") {
        work.need(&CONFIG_SET, set)?;
        identity.config_set = Some(set.to_owned());
    }
    if let Some(signing) = work.input.get("DkimSigningAttributes").cloned() {
        let origin = signing["DomainSigningAttributesOrigin"].as_str();
        set_signing(work, &name, &mut identity, origin, &signing)?;
    }
    let answer = json!({
        "IdentityType": kind_of(&name), "VerifiedForSendingStatus": true,
        "DkimAttributes": attributes(&name, &identity)});
    work.put_identity(name, identity);
    Ok(answer)
}

fn get(work: &mut Work<'_>) -> Result<Value, Error> {
    let given = work.text("EmailIdentity").to_owned();
    let name = normal(&given);
    let unknown = Error::IdentityUnknown { identity: given };
    let identity = work.state.identity(work.caller, &name).ok_or(unknown)?;
    let settings = &identity.settings;
    let mail_from = match &settings.mail_from {
        Some(from) => json!({
            "MailFromDomain": from.domain, "MailFromDomainStatus": "SUCCESS",
            "BehaviorOnMxFailure": if from.reject { "REJECT_MESSAGE" } else { "USE_DEFAULT_VALUE" }}),
        None => json!({"BehaviorOnMxFailure": "USE_DEFAULT_VALUE"}),
    };
    let created = identity.created.as_seconds_f64();
    Ok(json!({
        "IdentityType": kind_of(&name),
        "FeedbackForwardingStatus": !settings.feedback_off,
        "VerifiedForSendingStatus": !settings.pending,
        "DkimAttributes": attributes(&name, identity),
        "MailFromAttributes": mail_from,
        "Policies": settings.policies,
        "Tags": tags::written(&identity.tags),
        "ConfigurationSetName": identity.config_set,
        "VerificationStatus": status_of(identity),
        "VerificationInfo": {"LastCheckedTimestamp": created, "LastSuccessTimestamp": created},
    }))
}

fn list(work: &mut Work<'_>) -> Result<Value, Error> {
    let filter = work.input.get("Filter").cloned().unwrap_or_default();
    let part = filter["IDENTITY_NAME_CONTAINS"].as_str().unwrap_or_default();
    let (kind, status) = (filter["IDENTITY_TYPE"].as_str(), filter["VERIFICATION_STATUS"].as_str());
    let all = work.state.identities.get(&work.home).into_iter().flatten();
    let wanted = all.filter(|(name, identity)| {
        name.contains(part)
            && kind.is_none_or(|kind| kind == kind_of(name))
            && status.is_none_or(|status| status == status_of(identity))
    });
    let shown = wanted.map(|(name, identity)| {
        let info = json!({
            "IdentityType": kind_of(name), "IdentityName": name,
            "SendingEnabled": !identity.settings.pending, "VerificationStatus": status_of(identity)});
        (name.clone(), info)
    });
    work.page("EmailIdentities", shown)
}

fn delete(work: &mut Work<'_>) -> Result<Value, Error> {
    let given = work.text("EmailIdentity").to_owned();
    let name = normal(&given);
    need(work, &name).map_err(|_| Error::IdentityUnknown { identity: given })?;
    work.delete_all(&CERTIFICATE, &format!("{name}{PART}"));
    work.delete_identity(name);
    Ok(json!({}))
}
