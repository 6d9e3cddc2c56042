//! Tags of resources, by their ARNs.
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_TagResource.html>

use super::kinds::{
    CONFIG_SET, CONTACT_LIST, ENDPOINT, POOL, TEMPLATE, TENANT, TEST_REPORT, VERIFICATION_TEMPLATE,
};
use super::{Kind, Row, Work};
use crate::services::ses::address::normal;
use crate::services::ses::error::Error;
use serde_json::{Value, json};

/// Tags of one resource at the most.
const TAGS_MAX: usize = 50;

pub(super) fn row(name: &str) -> Option<Row> {
    Some(match name {
        "TagResource" => Row::Own(tag),
        "UntagResource" => Row::Own(untag),
        "ListTagsForResource" => Row::Own(list),
        _ => return None,
    })
}

/// What an ARN names.
enum Tagged {
    Record(&'static Kind, String),
    Identity(String),
}

type Tags = Vec<(String, String)>;

fn named(work: &Work<'_>) -> Result<(Tagged, Tags), Error> {
    let arn = work.text("ResourceArn");
    let unknown = || Error::not_found("", format!("Resource {arn} does not exist."));
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "ses", _, _, path] = parts[..] else {
        return Err(Error::bad("", format!("Resource ARN {arn} is invalid.")));
    };
    let (kind, name) = path.split_once('/').unwrap_or((path, ""));
    let kind: &'static Kind = match kind {
        "identity" => {
            let name = normal(name);
            let identity = work.state.identity(work.caller, &name).ok_or_else(unknown)?;
            return Ok((Tagged::Identity(name), identity.tags.clone()));
        }
        "configuration-set" => &CONFIG_SET,
        "contact-list" => &CONTACT_LIST,
        "dedicated-ip-pool" => &POOL,
        "deliverability-test-report" => &TEST_REPORT,
        "template" => &TEMPLATE,
        "custom-verification-email-template" => &VERIFICATION_TEMPLATE,
        "multi-region-endpoint" => &ENDPOINT,
        "tenant" => &TENANT,
        _ => return Err(Error::bad("", format!("Resource ARN {arn} is invalid."))),
    };
    let name = if kind.name == "tenant" { name.split('/').next().unwrap_or(name) } else { name };
    let record = work.get(kind, name).ok_or_else(unknown)?;
    let tags = record.get("Tags").and_then(Value::as_array).into_iter().flatten();
    Ok((Tagged::Record(kind, name.to_owned()), tags.filter_map(pair).collect()))
}

fn pair(tag: &Value) -> Option<(String, String)> {
    Some((tag["Key"].as_str()?.to_owned(), tag["Value"].as_str()?.to_owned()))
}

/// Tags as the API has them.
pub(super) fn written(tags: &[(String, String)]) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

fn put(work: &mut Work<'_>, tagged: Tagged, tags: Tags) -> Result<Value, Error> {
    if tags.len() > TAGS_MAX {
        return Err(Error::bad("", format!("A resource may have {TAGS_MAX} tags.")));
    }
    match tagged {
        Tagged::Identity(name) => {
            let mut identity = super::dkim::need(work, &name)?.clone();
            identity.tags = tags;
            work.put_identity(name, identity);
        }
        Tagged::Record(kind, key) => {
            let mut record = work.need(kind, &key)?.clone();
            record.insert("Tags".into(), written(&tags));
            work.put(kind, &key, record);
        }
    }
    Ok(json!({}))
}

fn tag(work: &mut Work<'_>) -> Result<Value, Error> {
    let (tagged, mut tags) = named(work)?;
    let given = work.input["Tags"].as_array().into_iter().flatten();
    for (key, value) in given.filter_map(pair) {
        tags.retain(|(known, _)| *known != key);
        tags.push((key, value));
    }
    put(work, tagged, tags)
}

fn untag(work: &mut Work<'_>) -> Result<Value, Error> {
    let (tagged, mut tags) = named(work)?;
    let gone = work.texts("TagKeys");
    tags.retain(|(key, _)| !gone.contains(key));
    put(work, tagged, tags)
}

fn list(work: &mut Work<'_>) -> Result<Value, Error> {
    let (_, tags) = named(work)?;
    Ok(json!({"Tags": written(&tags)}))
}
