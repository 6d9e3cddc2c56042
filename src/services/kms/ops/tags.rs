//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_TagResource.html>,
//! `API_UntagResource` and `API_ListResourceTags`.

use super::page::{self, Paged};
use crate::base::Context;
use crate::services::Operation;
use crate::services::kms::check::{Check, given};
use crate::services::kms::error::Error;
use crate::services::kms::limits::*;
use crate::services::kms::state::{Change, State};
use serde::{Deserialize, Serialize};

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// Its key.
    #[serde(default)]
    pub tag_key: String,
    /// Its value.
    #[serde(default)]
    pub tag_value: String,
}

/// Single tags.
pub fn check(check: &mut Check, tags: Option<&[Tag]>) {
    for (at, tag) in tags.into_iter().flatten().enumerate() {
        let member = |name: &str| format!("tags.{}.member.{name}", at + 1);
        check.length(&member("tagKey"), Some(&tag.tag_key), (1, TAG_KEY_CHARS_MAX));
        check.length(&member("tagValue"), Some(&tag.tag_value), (0, TAG_VALUE_CHARS_MAX));
    }
}

/// `held` with the tags of a request.
pub fn merged(held: Vec<(String, String)>, tags: Vec<Tag>) -> Result<Vec<(String, String)>, Error> {
    let reserved = |tag: &Tag| tag.tag_key.get(..4).is_some_and(|p| p.eq_ignore_ascii_case("aws:"));
    if tags.iter().any(reserved) {
        return Err(Error::Tag("Tags beginning with aws: are reserved"));
    }
    if (1..tags.len()).any(|at| tags[..at].iter().any(|t| t.tag_key == tags[at].tag_key)) {
        return Err(Error::Tag("Duplicate tag keys"));
    }
    let mut merged = held;
    for tag in tags {
        match merged.iter_mut().find(|(key, _)| *key == tag.tag_key) {
            Some((_, value)) => *value = tag.tag_value,
            None => merged.push((tag.tag_key, tag.tag_value)),
        }
    }
    if merged.len() > TAGS_MAX { Err(Error::Tag("Too many tags")) } else { Ok(merged) }
}

/// `TagResource`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TagResource {
    key_id: Option<String>,
    tags: Option<Vec<Tag>>,
}

impl Operation for TagResource {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "TagResource";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        rules.there("tags", self.tags.as_ref());
        check(&mut rules, self.tags.as_deref());
        rules.done()?;
        let key = state.own(context.caller, &given(self.key_id)?, Self::NAME)?;
        key.is_customers(Self::NAME)?;
        key.stays()?;
        let tags = merged(key.record.tags.clone(), given(self.tags)?)?;
        state.amend(&key.at.clone(), changes, |key| key.record.tags = tags);
        Ok(())
    }
}

/// `UntagResource`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UntagResource {
    key_id: Option<String>,
    tag_keys: Option<Vec<String>>,
}

impl Operation for UntagResource {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "UntagResource";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        rules.there("tagKeys", self.tag_keys.as_ref());
        for name in self.tag_keys.iter().flatten() {
            rules.length("tagKeys.member", Some(name), (1, TAG_KEY_CHARS_MAX));
        }
        rules.done()?;
        let key = state.own(context.caller, &given(self.key_id)?, Self::NAME)?;
        key.is_customers(Self::NAME)?;
        key.stays()?;
        let gone = given(self.tag_keys)?;
        state.amend(&key.at.clone(), changes, |key| {
            key.record.tags.retain(|(name, _)| !gone.contains(name));
        });
        Ok(())
    }
}

/// `ListResourceTags`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListResourceTags {
    key_id: Option<String>,
    limit: Option<i64>,
    marker: Option<String>,
}

/// A page of tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tags {
    tags: Vec<Tag>,
    #[serde(flatten)]
    paged: Paged,
}

impl Operation for ListResourceTags {
    type State = State;
    type Output = Tags;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ListResourceTags";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Tags, Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        rules.page(self.limit, self.marker.as_ref());
        rules.done()?;
        let key = state.own(context.caller, &given(self.key_id)?, Self::NAME)?;
        let tags = key
            .record
            .tags
            .iter()
            .map(|(key, value)| Tag { tag_key: key.clone(), tag_value: value.clone() });
        let wanted = (self.limit.unwrap_or(PAGE_SMALL_DEFAULT), self.marker);
        let (tags, paged) = page::page(tags, wanted, |tag| tag.tag_key.clone())?;
        Ok(Tags { tags, paged })
    }
}
