//! Tenants and their resources, the reputation of both, and the certificates that sign for an identity.
//! <https://docs.aws.amazon.com/ses/latest/dg/tenants.html>

use super::kinds::{
    CERTIFICATE, CONFIG_SET, REPUTATION, SUPPRESSED, TEMPLATE, TENANT, TENANT_RESOURCE,
};
use super::rows::dated;
use super::{Row, Work};
use crate::services::ses::address::normal;
use crate::services::ses::error::Error;
use crate::services::ses::records::{PART, Record};
use serde_json::{Value, json};

const NAME: &str = "TenantName";

pub(super) fn row(name: &str) -> Option<Row> {
    Some(match name {
        "CreateTenant" => Row::Own(create),
        "GetTenant" => Row::GetAs(&TENANT, NAME, "Tenant"),
        "ListTenants" => Row::Own(list),
        "DeleteTenant" => Row::Own(delete),
        "CreateTenantResourceAssociation" => Row::Own(associate),
        "DeleteTenantResourceAssociation" => Row::Own(dissociate),
        "ListTenantResources" => Row::Own(list_resources),
        "ListResourceTenants" => Row::Own(list_tenants_of),
        "GetReputationEntity" => Row::Own(get_reputation),
        "ListReputationEntities" => Row::Own(list_reputations),
        "UpdateReputationEntityPolicy" => Row::Own(update_policy),
        "UpdateReputationEntityCustomerManagedStatus" => Row::Own(update_status),
        "AssociateEmailIdentityCertificate" => Row::Own(add_certificate),
        "DisassociateEmailIdentityCertificate" => Row::Own(remove_certificate),
        "ListEmailIdentityCertificates" => Row::Own(list_certificates),
        _ => return None,
    })
}

fn create(work: &mut Work<'_>) -> Result<Value, Error> {
    let name = work.text(NAME).to_owned();
    TENANT.check_name(&name)?;
    let id = format!("tn-{}", work.ids.uuid().replace('-', ""));
    let mut record = dated(work);
    record.insert("TenantArn".into(), work.arn(&format!("tenant/{name}/{id}")).into());
    record.insert("TenantId".into(), id.into());
    record.insert("SendingStatus".into(), "ENABLED".into());
    record.entry("Tags").or_insert_with(|| json!([]));
    let answer = record.clone().into();
    work.create(&TENANT, &name, record).map(|()| answer)
}

fn list(work: &mut Work<'_>) -> Result<Value, Error> {
    let filter = work.input.get("Filter").cloned().unwrap_or_default();
    let part = filter["TENANT_NAME_CONTAINS"].as_str().unwrap_or_default();
    let status = filter["SENDING_STATUS"].as_str();
    let all = work.all(&TENANT, "").into_iter().filter(|(name, tenant)| {
        name.contains(part) && status.is_none_or(|status| tenant["SendingStatus"] == status)
    });
    work.page("Tenants", all.map(|(name, tenant)| (name, tenant.clone().into())))
}

fn delete(work: &mut Work<'_>) -> Result<Value, Error> {
    let name = work.text(NAME).to_owned();
    work.need(&TENANT, &name)?;
    work.delete(&TENANT, &name);
    work.delete_all(&TENANT_RESOURCE, &format!("{name}{PART}"));
    work.delete_all(&SUPPRESSED, &format!("{name}{PART}"));
    Ok(json!({}))
}

/// The kind of a resource that a tenant may have, if it exists.
fn resource(work: &Work<'_>, arn: &str) -> Result<&'static str, Error> {
    let path = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let (kind, name) = path.split_once('/').unwrap_or((path, ""));
    let (there, kind) = match kind {
        "identity" => (work.state.identity(work.caller, name).is_some(), "EMAIL_IDENTITY"),
        "configuration-set" => (work.get(&CONFIG_SET, name).is_some(), "CONFIGURATION_SET"),
        "template" => (work.get(&TEMPLATE, name).is_some(), "EMAIL_TEMPLATE"),
        _ => return Err(Error::bad("", format!("Resource ARN {arn} is invalid."))),
    };
    if there {
        Ok(kind)
    } else {
        Err(Error::not_found("", format!("Resource {arn} does not exist.")))
    }
}

fn key(work: &Work<'_>) -> String {
    format!("{}{PART}{}", work.text(NAME), work.text("ResourceArn"))
}

fn associate(work: &mut Work<'_>) -> Result<Value, Error> {
    let tenant = work.need(&TENANT, work.text(NAME))?;
    let kind = resource(work, work.text("ResourceArn"))?;
    let mut record = dated(work);
    record.insert("ResourceType".into(), kind.into());
    record.insert("TenantId".into(), tenant["TenantId"].clone());
    record.insert("AssociatedTimestamp".into(), work.timestamp());
    work.create(&TENANT_RESOURCE, &key(work), record).map(|()| json!({}))
}

fn dissociate(work: &mut Work<'_>) -> Result<Value, Error> {
    work.need(&TENANT, work.text(NAME))?;
    let key = key(work);
    work.need(&TENANT_RESOURCE, &key)?;
    work.delete(&TENANT_RESOURCE, &key);
    Ok(json!({}))
}

fn list_resources(work: &mut Work<'_>) -> Result<Value, Error> {
    work.need(&TENANT, work.text(NAME))?;
    let kind = work.input.get("Filter").and_then(|f| f["RESOURCE_TYPE"].as_str());
    let all = work.all(&TENANT_RESOURCE, &format!("{}{PART}", work.text(NAME))).into_iter();
    let all = all.filter(|(_, record)| kind.is_none_or(|kind| record["ResourceType"] == kind));
    work.page("TenantResources", all.map(|(key, record)| (key, record.clone().into())))
}

fn list_tenants_of(work: &mut Work<'_>) -> Result<Value, Error> {
    let arn = work.text("ResourceArn");
    let all = work.all(&TENANT_RESOURCE, "").into_iter();
    let all = all.filter(|(_, record)| record["ResourceArn"] == arn);
    work.page("ResourceTenants", all.map(|(key, record)| (key, record.clone().into())))
}

fn entity_key(kind: &str, reference: &str) -> String {
    format!("{kind}{PART}{reference}")
}

/// What has a reputation: tenants, configuration sets and identities, by their ARNs. Until someone
/// says otherwise it may send.
fn entity(work: &Work<'_>, arn: &str) -> Result<Record, Error> {
    if let Some(known) = work.get(&REPUTATION, &entity_key("RESOURCE", arn)) {
        return Ok(known.clone());
    }
    if !work.all(&TENANT, "").iter().any(|(_, tenant)| tenant["TenantArn"] == arn) {
        resource(work, arn)?;
    }
    let enabled = json!({"Status": "ENABLED", "LastUpdatedTimestamp": work.timestamp()});
    let fresh = json!({
        "ReputationEntityReference": arn, "ReputationEntityType": "RESOURCE",
        "CustomerManagedStatus": enabled, "AwsSesManagedStatus": enabled,
        "SendingStatusAggregate": "ENABLED"});
    Ok(fresh.as_object().cloned().unwrap_or_default())
}

fn get_reputation(work: &mut Work<'_>) -> Result<Value, Error> {
    Ok(json!({"ReputationEntity": entity(work, work.text("ReputationEntityReference"))?}))
}

fn list_reputations(work: &mut Work<'_>) -> Result<Value, Error> {
    let filter = work.input.get("Filter").cloned().unwrap_or_default();
    let prefix = filter["ENTITY_REFERENCE_PREFIX"].as_str().unwrap_or_default();
    let status = filter["SENDING_STATUS"].as_str();
    let tenants = work.all(&TENANT, "");
    let arns = tenants.iter().filter_map(|(_, t)| t["TenantArn"].as_str().map(str::to_owned));
    let known = work.all(&REPUTATION, "");
    let known = known.iter().filter_map(|(_, e)| e["ReputationEntityReference"].as_str());
    let mut arns: Vec<String> = arns.chain(known.map(str::to_owned)).collect();
    arns.sort();
    arns.dedup();
    let found = arns.into_iter().filter(|arn| arn.starts_with(prefix)).filter_map(|arn| {
        let entity = entity(work, &arn).ok()?;
        let fits = status.is_none_or(|status| entity["SendingStatusAggregate"] == status);
        fits.then(|| (arn, entity.into()))
    });
    work.page("ReputationEntities", found)
}

fn put_entity(work: &mut Work<'_>, change: impl FnOnce(&mut Record)) -> Result<Value, Error> {
    let arn = work.text("ReputationEntityReference").to_owned();
    let mut record = entity(work, &arn)?;
    change(&mut record);
    work.put(&REPUTATION, &entity_key("RESOURCE", &arn), record);
    Ok(json!({}))
}

fn update_policy(work: &mut Work<'_>) -> Result<Value, Error> {
    let policy = work.input["ReputationEntityPolicy"].clone();
    put_entity(work, |record| drop(record.insert("ReputationManagementPolicy".into(), policy)))
}

/// A tenant's own status follows.
fn update_status(work: &mut Work<'_>) -> Result<Value, Error> {
    let (status, now) = (work.text("SendingStatus").to_owned(), work.timestamp());
    let arn = work.text("ReputationEntityReference").to_owned();
    let tenants = work.all(&TENANT, "").into_iter();
    let mut tenant =
        tenants.filter(|(_, t)| t["TenantArn"] == arn.as_str()).map(|(k, t)| (k, t.clone()));
    if let Some((name, mut tenant)) = tenant.next_back() {
        tenant.insert("SendingStatus".into(), status.clone().into());
        work.put(&TENANT, &name, tenant);
    }
    put_entity(work, |record| {
        let managed = json!({"Status": status, "Cause": "Customer", "LastUpdatedTimestamp": now});
        record.insert("CustomerManagedStatus".into(), managed);
        record.insert("SendingStatusAggregate".into(), status.into());
    })
}

fn certificate_key(work: &Work<'_>) -> Result<String, Error> {
    let identity = normal(work.text("EmailIdentity"));
    super::dkim::need(work, &identity)?;
    Ok(format!("{identity}{PART}{}", work.text("FromAddress")))
}

fn add_certificate(work: &mut Work<'_>) -> Result<Value, Error> {
    let key = certificate_key(work)?;
    let mut record = dated(work);
    record.insert("Status".into(), "ACTIVE".into());
    work.put(&CERTIFICATE, &key, record);
    Ok(json!({}))
}

fn remove_certificate(work: &mut Work<'_>) -> Result<Value, Error> {
    let key = certificate_key(work)?;
    work.need(&CERTIFICATE, &key)?;
    work.delete(&CERTIFICATE, &key);
    Ok(json!({}))
}

fn list_certificates(work: &mut Work<'_>) -> Result<Value, Error> {
    let identity = normal(work.text("EmailIdentity"));
    super::dkim::need(work, &identity)?;
    let all = work.all(&CERTIFICATE, &format!("{identity}{PART}")).into_iter();
    work.page("Certificates", all.map(|(key, record)| (key, record.clone().into())))
}
