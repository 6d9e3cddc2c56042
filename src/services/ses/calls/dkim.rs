//! What v2 sets on an identity: DKIM, the sender's domain, feedback, policies.
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_PutEmailIdentityDkimSigningAttributes.html>

use super::kinds::CONFIG_SET;
use super::{Row, Work};
use crate::services::ses::address::{check_domain, normal};
use crate::services::ses::error::Error;
use crate::services::ses::ops::content::base64;
use crate::services::ses::settings::MailFrom;
use crate::services::ses::state::{Identity, is_domain};
use serde_json::{Value, json};

/// Policies of one identity at the most, and bytes of one.
const POLICIES_MAX: (usize, usize) = (20, 4096);

pub(super) fn row(name: &str) -> Option<Row> {
    Some(match name {
        "PutEmailIdentityDkimAttributes" => Row::Own(put_dkim),
        "PutEmailIdentityDkimSigningAttributes" => Row::Own(put_signing),
        "PutEmailIdentityFeedbackAttributes" => Row::Own(put_feedback),
        "PutEmailIdentityMailFromAttributes" => Row::Own(put_mail_from),
        "PutEmailIdentityConfigurationSetAttributes" => Row::Own(put_config_set),
        "CreateEmailIdentityPolicy" => Row::Own(create_policy),
        "UpdateEmailIdentityPolicy" => Row::Own(update_policy),
        "DeleteEmailIdentityPolicy" => Row::Own(delete_policy),
        "GetEmailIdentityPolicies" => Row::Own(get_policies),
        _ => return None,
    })
}

/// The identity called `name`, which has to be there.
pub(super) fn need<'a>(work: &Work<'a>, name: &str) -> Result<&'a Identity, Error> {
    let unknown = || Error::IdentityUnknown { identity: name.to_owned() };
    work.state.identity(work.caller, name).ok_or_else(unknown)
}

/// Alters the identity that the input's `member` names.
pub(super) fn alter(
    work: &mut Work<'_>,
    member: &str,
    change: impl FnOnce(&mut Identity) -> Result<(), Error>,
) -> Result<Value, Error> {
    let name = normal(work.text(member).trim());
    let mut identity = need(work, &name)?.clone();
    change(&mut identity)?;
    work.put_identity(name, identity);
    Ok(json!({}))
}

/// `DkimAttributes` of v2.
pub(super) fn attributes(name: &str, identity: &Identity) -> Value {
    let settings = &identity.settings;
    let has_keys = !identity.dkim.is_empty() || settings.dkim_selector.is_some();
    let own = settings.dkim_selector.as_ref();
    let tokens = own.map_or_else(|| json!(identity.dkim), |selector| json!([selector]));
    let origin = match (own, &settings.dkim_origin) {
        (Some(_), _) => "EXTERNAL",
        (None, Some(origin)) => origin,
        (None, None) => "AWS_SES",
    };
    let length = if settings.dkim_short { "RSA_1024_BIT" } else { "RSA_2048_BIT" };
    let mut attributes = json!({
        "SigningEnabled": has_keys && !settings.dkim_off,
        "Status": if has_keys { "SUCCESS" } else { "NOT_STARTED" },
        "SigningAttributesOrigin": origin,
    });
    if has_keys {
        attributes["Tokens"] = tokens;
    }
    if own.is_none() && is_domain(name) {
        attributes["NextSigningKeyLength"] = length.into();
        attributes["CurrentSigningKeyLength"] = length.into();
        attributes["LastKeyGenerationTimestamp"] = identity.created.as_seconds_f64().into();
    }
    attributes
}

/// Sets the keys that sign; `attributes` is `DkimSigningAttributes`.
pub(super) fn set_signing(
    work: &mut Work<'_>,
    name: &str,
    identity: &mut Identity,
    origin: Option<&str>,
    attributes: &Value,
) -> Result<(), Error> {
    let selector = attributes["DomainSigningSelector"].as_str();
    let key = attributes["DomainSigningPrivateKey"].as_str();
    let external = origin.map_or(selector.is_some() || key.is_some(), |o| o == "EXTERNAL");
    let settings = &mut identity.settings;
    if !external {
        settings.dkim_selector = None;
        settings.dkim_origin = origin.filter(|o| *o != "AWS_SES").map(str::to_owned);
        settings.dkim_short = attributes["NextSigningKeyLength"] == "RSA_1024_BIT";
        return Ok(());
    }
    let (Some(selector), Some(key)) = (selector, key) else {
        let text = "Both DomainSigningSelector and DomainSigningPrivateKey must be specified.";
        return Err(Error::bad("", text));
    };
    settings.dkim_selector = Some(selector.to_owned());
    settings.dkim_origin = None;
    let key = base64(key.to_owned(), "DomainSigningPrivateKey")?;
    work.put_key(name, selector, key);
    Ok(())
}

fn put_dkim(work: &mut Work<'_>) -> Result<Value, Error> {
    let off = !work.flag("SigningEnabled");
    alter(work, "EmailIdentity", |identity| {
        identity.settings.dkim_off = off;
        Ok(())
    })
}

fn put_signing(work: &mut Work<'_>) -> Result<Value, Error> {
    let origin = work.text("SigningAttributesOrigin").to_owned();
    let given = work.input.get("SigningAttributes").cloned().unwrap_or_default();
    let name = normal(work.text("EmailIdentity"));
    let mut identity = need(work, &name)?.clone();
    set_signing(work, &name, &mut identity, Some(&origin), &given)?;
    let shown = attributes(&name, &identity);
    work.put_identity(name, identity);
    Ok(json!({"DkimStatus": shown["Status"], "DkimTokens": shown["Tokens"]}))
}

fn put_feedback(work: &mut Work<'_>) -> Result<Value, Error> {
    let off = !work.flag("EmailForwardingEnabled");
    alter(work, "EmailIdentity", |identity| {
        identity.settings.feedback_off = off;
        Ok(())
    })
}

fn put_mail_from(work: &mut Work<'_>) -> Result<Value, Error> {
    let domain = work.some_text("MailFromDomain").map(str::to_owned);
    let reject = work.text("BehaviorOnMxFailure") == "REJECT_MESSAGE";
    set_mail_from(work, "EmailIdentity", domain, reject)
}

/// Sets the domain of the envelope's sender, or takes it away.
pub(super) fn set_mail_from(
    work: &mut Work<'_>,
    member: &str,
    domain: Option<String>,
    reject: bool,
) -> Result<Value, Error> {
    let name = normal(work.text(member));
    let parent = name.rsplit('@').next().unwrap_or_default().to_owned();
    alter(work, member, |identity| {
        if let Some(domain) = &domain {
            let invalid =
                || Error::bad("InvalidParameterValue", format!("Invalid domain name <{domain}>."));
            check_domain(domain).map_err(|_| invalid())?;
            if !domain.to_lowercase().ends_with(&format!(".{parent}")) {
                let text = format!(
                    "Provided MAIL-FROM domain <{domain}> is not subdomain of the domain of the identity <{parent}>."
                );
                return Err(Error::bad("InvalidParameterValue", text));
            }
        }
        identity.settings.mail_from = domain.map(|domain| MailFrom { domain, reject });
        Ok(())
    })
}

fn put_config_set(work: &mut Work<'_>) -> Result<Value, Error> {
    let set = work.some_text("ConfigurationSetName").map(str::to_owned);
    if let Some(set) = &set {
        work.need(&CONFIG_SET, set)?;
    }
    alter(work, "EmailIdentity", |identity| {
        identity.config_set = set;
        Ok(())
    })
}

/// Refuses what is no policy document; see `crate::policy` for what one is.
pub(super) fn check_policy(text: &str) -> Result<(), Error> {
    let parsed: Option<Value> = serde_json::from_str(text).ok().filter(Value::is_object);
    let statements =
        parsed.as_ref().is_some_and(|p| p["Statement"].is_array() || p["Statement"].is_object());
    if !statements || text.len() > POLICIES_MAX.1 {
        return Err(Error::bad("InvalidPolicy", "Invalid policy document."));
    }
    Ok(())
}

fn put_policy(work: &mut Work<'_>, wanted: bool) -> Result<Value, Error> {
    let (name, policy) = (work.text("PolicyName").to_owned(), work.text("Policy").to_owned());
    check_policy(&policy)?;
    alter(work, "EmailIdentity", |identity| {
        let policies = &mut identity.settings.policies;
        match (policies.contains_key(&name), wanted) {
            (true, false) => {
                return Err(Error::exists("", format!("Policy {name} already exists.")));
            }
            (false, true) => {
                return Err(Error::not_found("", format!("Policy {name} does not exist.")));
            }
            (false, false) if policies.len() >= POLICIES_MAX.0 => {
                let text = format!("An identity may have {} policies.", POLICIES_MAX.0);
                return Err(Error::limit(text));
            }
            _ => {}
        }
        policies.insert(name, policy);
        Ok(())
    })
}

fn create_policy(work: &mut Work<'_>) -> Result<Value, Error> {
    put_policy(work, false)
}

fn update_policy(work: &mut Work<'_>) -> Result<Value, Error> {
    put_policy(work, true)
}

fn delete_policy(work: &mut Work<'_>) -> Result<Value, Error> {
    let name = work.text("PolicyName").to_owned();
    alter(work, "EmailIdentity", |identity| {
        let gone = identity.settings.policies.remove(&name);
        gone.map(drop).ok_or_else(|| Error::not_found("", format!("Policy {name} does not exist.")))
    })
}

fn get_policies(work: &mut Work<'_>) -> Result<Value, Error> {
    let identity = need(work, &normal(work.text("EmailIdentity")))?;
    Ok(json!({"Policies": identity.settings.policies}))
}
