//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPolicy.html> and its like of groups
//! and roles.

use super::{Done, Work, member_of, no_entity};
use crate::policy::Grammar;
use crate::services::iam::documents;
use crate::services::iam::limits::INLINE_CHARS_MAX;
use crate::services::iam::state::{Identity, Kind};
use crate::services::model::Refusal;
use serde_json::{Value, json};

pub(super) fn put(work: &mut Work<'_>, kind: Kind) -> Done {
    let mut identity = work.identity(kind)?.clone();
    let document = work.input.text("PolicyDocument").to_owned();
    documents::check(&document, Grammar::Identity)?;
    identity.inline.insert(work.input.text("PolicyName").to_owned(), document);
    let size: usize = identity.inline.values().map(|text| documents::size(text)).sum();
    let most = INLINE_CHARS_MAX[kind as usize];
    if size > most {
        return Err(Refusal::of(
            409,
            "LimitExceeded",
            format!(
                "Maximum policy size of {most} bytes exceeded for {} {}",
                kind.word(),
                identity.name
            ),
        ));
    }
    work.put_identity(identity);
    Ok(json!({}))
}

fn find<'a>(work: &Work<'a>, kind: Kind) -> Result<(&'a Identity, &'a str), Refusal> {
    let identity = work.identity(kind)?;
    let name = work.input.text("PolicyName");
    let found = identity.inline.get(name);
    let missing =
        || no_entity(format!("The {} policy with name {name} cannot be found.", kind.word()));
    Ok((identity, found.ok_or_else(missing)?))
}

pub(super) fn get(work: &mut Work<'_>, kind: Kind) -> Done {
    let (identity, document) = find(work, kind)?;
    Ok(json!({
        member_of(kind): identity.name,
        "PolicyName": work.input.text("PolicyName"),
        "PolicyDocument": documents::encoded(document),
    }))
}

pub(super) fn delete(work: &mut Work<'_>, kind: Kind) -> Done {
    let (identity, _) = find(work, kind)?;
    let mut identity = identity.clone();
    identity.inline.remove(work.input.text("PolicyName"));
    work.put_identity(identity);
    Ok(json!({}))
}

pub(super) fn list(work: &mut Work<'_>, kind: Kind) -> Done {
    let identity = work.identity(kind)?;
    let items = identity.inline.keys().map(|name| (name.clone(), Value::from(name.clone())));
    work.paged("PolicyNames", items.collect())
}
