//! What v1 sets on identities, in batches read back.
//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_GetIdentityNotificationAttributes.html>

use super::dkim::{alter, check_policy, set_mail_from};
use super::{Row, Work};
use crate::services::ses::address::{check_domain, normal};
use crate::services::ses::error::Error;
use crate::services::ses::limits::IDENTITIES_ASKED_MAX;
use crate::services::ses::ops::fresh_identity;
use crate::services::ses::state::{Identity, is_domain};
use serde_json::{Map, Value, json};

pub(super) fn row(name: &str) -> Option<Row> {
    Some(match name {
        "VerifyDomainDkim" => Row::Own(verify_dkim),
        "SetIdentityDkimEnabled" => Row::Own(set_dkim),
        "GetIdentityDkimAttributes" => Row::Own(get_dkim),
        "SetIdentityMailFromDomain" => Row::Own(set_from),
        "GetIdentityMailFromDomainAttributes" => Row::Own(get_from),
        "SetIdentityFeedbackForwardingEnabled" => Row::Own(set_forwarding),
        "SetIdentityHeadersInNotificationsEnabled" => Row::Own(set_headers),
        "SetIdentityNotificationTopic" => Row::Own(set_topic),
        "GetIdentityNotificationAttributes" => Row::Own(get_notifications),
        "PutIdentityPolicy" => Row::Own(put_policy),
        "GetIdentityPolicies" => Row::Own(get_policies),
        "ListIdentityPolicies" => Row::Own(list_policies),
        "DeleteIdentityPolicy" => Row::Own(delete_policy),
        "ListVerifiedEmailAddresses" => Row::Own(list_addresses),
        "DeleteVerifiedEmailAddress" => Row::Own(delete_address),
        _ => return None,
    })
}

/// Alters the identity that the input names.
fn set(
    work: &mut Work<'_>,
    change: impl FnOnce(&mut Identity) -> Result<(), Error>,
) -> Result<Value, Error> {
    known(work)?;
    alter(work, "Identity", change)
}

fn known(work: &Work<'_>) -> Result<(), Error> {
    let name = work.text("Identity");
    let text = || format!("Identity {name} is not verified or does not exist.");
    let refused = || Error::Refused {
        code: "NotFoundException",
        query: "MessageRejected",
        status: 400,
        text: text(),
    };
    work.state.identity(work.caller, name).map(drop).ok_or_else(refused)
}

/// A map of what is known of the identities asked for.
fn of_each(work: &Work<'_>, of: impl Fn(&str, &Identity) -> Option<Value>) -> Result<Value, Error> {
    let names = work.texts("Identities");
    if names.len() > IDENTITIES_ASKED_MAX {
        return Err(Error::TooManyIdentities);
    }
    let mut all = Map::new();
    for name in names {
        if let Some(identity) = work.state.identity(work.caller, &name)
            && let Some(value) = of(&normal(&name), identity)
        {
            all.insert(name, value);
        }
    }
    Ok(all.into())
}

fn verify_dkim(work: &mut Work<'_>) -> Result<Value, Error> {
    let name = normal(work.text("Domain").trim());
    if check_domain(&name).is_err() || !is_domain(&name) {
        return Err(Error::IdentityInvalid { identity: name });
    }
    let identity = match work.state.identity(work.caller, &name) {
        Some(identity) => identity.clone(),
        None => {
            let fresh = fresh_identity(&name, work.now, work.ids)?;
            work.put_identity(name, fresh.clone());
            fresh
        }
    };
    Ok(json!({"DkimTokens": identity.dkim}))
}

fn set_dkim(work: &mut Work<'_>) -> Result<Value, Error> {
    let off = !work.flag("DkimEnabled");
    set(work, |identity| {
        identity.settings.dkim_off = off;
        Ok(())
    })
}

/// An address has the keys of its domain.
fn get_dkim(work: &mut Work<'_>) -> Result<Value, Error> {
    let all = of_each(work, |name, identity| {
        let parent = name.rsplit('@').next().unwrap_or(name);
        let keys = work.state.identity(work.caller, parent).map_or(&[][..], |i| &i.dkim[..]);
        let status = if keys.is_empty() { "NotStarted" } else { "Success" };
        let enabled = !keys.is_empty() && !identity.settings.dkim_off;
        let mut value = json!({"DkimEnabled": enabled, "DkimVerificationStatus": status});
        if !keys.is_empty() {
            value["DkimTokens"] = json!(keys);
        }
        Some(value)
    })?;
    Ok(json!({"DkimAttributes": all}))
}

fn set_from(work: &mut Work<'_>) -> Result<Value, Error> {
    known(work)?;
    let domain = work.some_text("MailFromDomain").map(str::to_owned);
    let reject = work.text("BehaviorOnMXFailure") == "RejectMessage";
    set_mail_from(work, "Identity", domain, reject)
}

fn get_from(work: &mut Work<'_>) -> Result<Value, Error> {
    let all = of_each(work, |_, identity| {
        Some(match &identity.settings.mail_from {
            Some(from) => json!({
                "MailFromDomain": from.domain, "MailFromDomainStatus": "Success",
                "BehaviorOnMXFailure": if from.reject { "RejectMessage" } else { "UseDefaultValue" }}),
            None => json!({"MailFromDomain": "", "MailFromDomainStatus": "Success",
                           "BehaviorOnMXFailure": "UseDefaultValue"}),
        })
    })?;
    Ok(json!({"MailFromDomainAttributes": all}))
}

fn set_forwarding(work: &mut Work<'_>) -> Result<Value, Error> {
    let off = !work.flag("ForwardingEnabled");
    set(work, |identity| {
        let topics = &identity.settings.topics;
        if off && !(topics.contains_key("Bounce") && topics.contains_key("Complaint")) {
            let text = "Feedback forwarding can be disabled only if topics for bounces and complaints are set.";
            return Err(Error::bad("InvalidParameterValue", text));
        }
        identity.settings.feedback_off = off;
        Ok(())
    })
}

fn set_headers(work: &mut Work<'_>) -> Result<Value, Error> {
    let (kind, enabled) = (work.text("NotificationType").to_owned(), work.flag("Enabled"));
    set(work, |identity| {
        if enabled {
            identity.settings.with_headers.insert(kind);
        } else {
            identity.settings.with_headers.remove(&kind);
        }
        Ok(())
    })
}

fn set_topic(work: &mut Work<'_>) -> Result<Value, Error> {
    let kind = work.text("NotificationType").to_owned();
    let topic = work.some_text("SnsTopic").map(str::to_owned);
    set(work, |identity| {
        match topic {
            Some(topic) if !topic.starts_with("arn:") => {
                return Err(Error::bad(
                    "InvalidParameterValue",
                    format!("Invalid SNS topic <{topic}>."),
                ));
            }
            Some(topic) => drop(identity.settings.topics.insert(kind, topic)),
            None => drop(identity.settings.topics.remove(&kind)),
        }
        Ok(())
    })
}

fn get_notifications(work: &mut Work<'_>) -> Result<Value, Error> {
    let all = of_each(work, |_, identity| {
        let settings = &identity.settings;
        let mut value = json!({"ForwardingEnabled": !settings.feedback_off});
        for kind in ["Bounce", "Complaint", "Delivery"] {
            if let Some(topic) = settings.topics.get(kind) {
                value[format!("{kind}Topic")] = topic.clone().into();
            }
            value[format!("HeadersIn{kind}NotificationsEnabled")] =
                settings.with_headers.contains(kind).into();
        }
        Some(value)
    })?;
    Ok(json!({"NotificationAttributes": all}))
}

fn put_policy(work: &mut Work<'_>) -> Result<Value, Error> {
    let (name, policy) = (work.text("PolicyName").to_owned(), work.text("Policy").to_owned());
    check_policy(&policy)?;
    set(work, |identity| {
        identity.settings.policies.insert(name, policy);
        Ok(())
    })
}

fn get_policies(work: &mut Work<'_>) -> Result<Value, Error> {
    known(work)?;
    let wanted = work.texts("PolicyNames");
    let identity = work.state.identity(work.caller, work.text("Identity"));
    let all = identity.into_iter().flat_map(|i| &i.settings.policies);
    let found: Map<String, Value> = all
        .filter(|(name, _)| wanted.contains(name))
        .map(|(name, policy)| (name.clone(), policy.clone().into()))
        .collect();
    Ok(json!({"Policies": found}))
}

fn list_policies(work: &mut Work<'_>) -> Result<Value, Error> {
    known(work)?;
    let identity = work.state.identity(work.caller, work.text("Identity"));
    let names: Vec<&String> =
        identity.into_iter().flat_map(|i| i.settings.policies.keys()).collect();
    Ok(json!({"PolicyNames": names}))
}

/// That there is no such policy is no error.
fn delete_policy(work: &mut Work<'_>) -> Result<Value, Error> {
    let name = work.text("PolicyName").to_owned();
    set(work, |identity| {
        identity.settings.policies.remove(&name);
        Ok(())
    })
}

fn list_addresses(work: &mut Work<'_>) -> Result<Value, Error> {
    let all = work.state.identities.get(&work.home).into_iter().flatten();
    let names: Vec<&String> = all
        .filter(|(name, identity)| !is_domain(name) && !identity.settings.pending)
        .map(|(name, _)| name)
        .collect();
    Ok(json!({"VerifiedEmailAddresses": names}))
}

fn delete_address(work: &mut Work<'_>) -> Result<Value, Error> {
    let name = normal(work.text("EmailAddress"));
    work.delete_identity(name);
    Ok(json!({}))
}
