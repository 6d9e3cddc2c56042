//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_TagResource.html> and
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UntagResource.html>

use crate::base::Context;
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::limits::TAGS_MAX;
use crate::services::secretsmanager::state::{Change, State};
use crate::services::secretsmanager::validate::{self, Tag};
use serde::Deserialize;

/// `TagResource`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TagResource {
    /// Name or ARN.
    pub secret_id: Option<String>,
    /// Tags to add; those of the same key are replaced.
    pub tags: Option<Vec<Tag>>,
}

/// `UntagResource`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UntagResource {
    /// Name or ARN.
    pub secret_id: Option<String>,
    /// Keys of the tags to remove; unknown ones do not matter.
    pub tag_keys: Option<Vec<String>>,
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
        let id = validate::secret_id(self.secret_id)?;
        let new = validate::required(self.tags, "tags")?;
        validate::tags(&new)?;
        let (key, secret) = state.find_mut(context.caller, &id)?;
        secret.writable()?;
        let mut tags = secret.meta.tags.clone().unwrap_or_default();
        for tag in new {
            match tags.iter_mut().find(|(key, _)| *key == tag.key) {
                Some(known) => known.1 = tag.value,
                None => tags.push((tag.key, tag.value)),
            }
        }
        if tags.len() > TAGS_MAX {
            return Err(Error::TooManyTags);
        }
        secret.meta.tags = Some(tags);
        secret.meta.changed = context.now;
        changes.push(Change::Meta(key, Box::new(secret.meta.clone())));
        Ok(())
    }
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
        let id = validate::secret_id(self.secret_id)?;
        let gone = validate::required(self.tag_keys, "tagKeys")?;
        let (key, secret) = state.find_mut(context.caller, &id)?;
        secret.writable()?;
        let Some(tags) = &mut secret.meta.tags else { return Ok(()) };
        let before = tags.len();
        tags.retain(|(key, _)| !gone.contains(key));
        if tags.len() != before {
            secret.meta.changed = context.now;
            changes.push(Change::Meta(key, Box::new(secret.meta.clone())));
        }
        Ok(())
    }
}
