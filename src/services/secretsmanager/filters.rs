//! Filters of lists: which secrets they let through. Filters all have to fit; of one filter's
//! values, one is enough; `!` before a value turns it round.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Filter.html>

use super::error::Error;
use super::limits::FILTERS_MAX;
use super::ops::primary_region;
use super::state::Secret;
use serde::Deserialize;

const KEYS: [&str; 7] =
    ["description", "name", "tag-key", "tag-value", "primary-region", "owning-service", "all"];

/// One filter.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Filter {
    /// What to look at.
    pub key: Option<String>,
    /// What to look for.
    pub values: Vec<String>,
}

/// Checks the filters of a request.
pub fn check(filters: &[Filter]) -> Result<(), Error> {
    if filters.len() > FILTERS_MAX {
        return Err(Error::Constraint {
            at: "filters",
            value: None,
            rule: format!("Member must have length less than or equal to {FILTERS_MAX}"),
        });
    }
    for filter in filters {
        let Some(key) = filter.key.as_deref() else {
            return Err(Error::InvalidParameter("Invalid filter key".into()));
        };
        if !KEYS.contains(&key) {
            return Err(Error::Constraint {
                at: "filters.1.member.key",
                value: Some(key.to_owned()),
                rule: format!("Member must satisfy enum value set: [{}]", KEYS.join(", ")),
            });
        }
        if filter.values.is_empty() || filter.values.len() > FILTERS_MAX {
            return Err(Error::InvalidParameter(format!("Invalid filter values for key: {key}")));
        }
    }
    Ok(())
}

/// Whether all filters let the secret through.
pub fn fits(filters: &[Filter], name: &str, secret: &Secret) -> bool {
    filters.iter().all(|filter| {
        let key = filter.key.as_deref().unwrap_or_default();
        filter.values.iter().any(|value| match value.strip_prefix('!') {
            Some(unwanted) => !matches(key, unwanted, name, secret),
            None => matches(key, value, name, secret),
        })
    })
}

fn matches(key: &str, value: &str, name: &str, secret: &Secret) -> bool {
    let tags = secret.meta.tags.as_deref().unwrap_or_default();
    let description = secret.meta.description.as_deref().unwrap_or_default();
    match key {
        "name" => name.starts_with(value),
        "description" => lower(description).starts_with(&lower(value)),
        "tag-key" => tags.iter().any(|(key, _)| key.starts_with(value)),
        "tag-value" => tags.iter().any(|(_, text)| text.starts_with(value)),
        "all" => value.split_whitespace().all(|word| {
            let texts = tags.iter().flat_map(|(key, text)| [key.as_str(), text.as_str()]);
            texts.chain([name, description]).any(|text| lower(text).contains(&lower(word)))
        }),
        "primary-region" => primary_region(secret).is_some_and(|region| region.starts_with(value)),
        // No secret here belongs to another service.
        _ => false,
    }
}

fn lower(text: &str) -> String {
    text.to_lowercase()
}
