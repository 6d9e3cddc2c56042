//! Filters of `DescribeParameters` and `GetParametersByPath`.
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html>

use super::names;
use super::state::Parameter;
use crate::services::model::Refusal;
use serde_json::Value;

/// How a filter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Equals,
    BeginsWith,
    Contains,
    Recursive,
    OneLevel,
}

/// A filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    key: String,
    compare: Compare,
    values: Vec<String>,
}

/// Whose filters they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// `DescribeParameters`.
    Describe,
    /// `GetParametersByPath`.
    Path,
}

fn key_refused(key: &str, valid: &str) -> Refusal {
    let text = format!(
        "The following filter key is not valid: {key}. Valid filter keys include: [{valid}]."
    );
    Refusal::new("InvalidFilterKey", text)
}

fn option_refused(option: &str, valid: &str) -> Refusal {
    let text = format!(
        "The following filter option is not valid: {option}. Valid options include: [{valid}]."
    );
    Refusal::new("InvalidFilterOption", text)
}

fn value_refused(text: impl Into<String>) -> Refusal {
    Refusal::new("InvalidFilterValue", text)
}

/// Reads the filters of a request.
pub fn read<'a>(given: impl Iterator<Item = &'a Value>, of: Of) -> Result<Vec<Filter>, Refusal> {
    let mut filters: Vec<Filter> = Vec::new();
    for one in given {
        let filter = filter(one, of)?;
        if filters.iter().any(|earlier| earlier.key == filter.key) {
            return Err(Refusal::new(
                "InvalidFilterKey",
                format!(
                    "The following filter is duplicated in the request: {}. A request can contain only one occurrence of a specific filter.",
                    filter.key
                ),
            ));
        }
        filters.push(filter);
    }
    Ok(filters)
}

fn filter(one: &Value, of: Of) -> Result<Filter, Refusal> {
    let key = one["Key"].as_str().unwrap_or_default().to_owned();
    let option = one["Option"].as_str();
    let values = one["Values"].as_array().into_iter().flatten();
    let values: Vec<String> = values.filter_map(|v| v.as_str().map(str::to_owned)).collect();
    match (of, key.as_str()) {
        (Of::Path, "Path" | "Name" | "Tier") => return Err(key_refused(&key, "Type, KeyId")),
        (Of::Describe, "Label") => {
            return Err(key_refused(&key, "Path, Name, Type, KeyId, Tier"));
        }
        _ => {}
    }
    let compare = match (key.as_str(), option) {
        ("Path", None | Some("OneLevel")) => Compare::OneLevel,
        ("Path", Some("Recursive")) => Compare::Recursive,
        ("Path", Some(other)) => return Err(option_refused(other, "Recursive, OneLevel")),
        (_, None | Some("Equals")) => Compare::Equals,
        (_, Some("BeginsWith")) => Compare::BeginsWith,
        ("Name", Some("Contains")) => Compare::Contains,
        (_, Some(other)) => return Err(option_refused(other, "BeginsWith, Equals")),
    };
    if values.is_empty() && !key.starts_with("tag:") {
        let text = format!("The following filter values are missing : null for filter key {key}");
        return Err(value_refused(text));
    }
    check_values(&key, &values)?;
    Ok(Filter { key, compare, values })
}

fn check_values(key: &str, values: &[String]) -> Result<(), Refusal> {
    let among = |known: &[&str]| {
        let wrong = values.iter().find(|v| !known.contains(&v.as_str()));
        wrong.map_or(Ok(()), |wrong| {
            Err(value_refused(format!(
                "The following filter value is not valid: {wrong}. Valid values include: [{}].",
                known.join(", ")
            )))
        })
    };
    match key {
        "Type" => among(&["SecureString", "StringList", "String"]),
        "Tier" => among(&["Standard", "Advanced", "Intelligent-Tiering"]),
        "Path" if values.iter().any(|path| path.to_ascii_lowercase().starts_with("/ssm")) => {
            Err(value_refused(
                "Filters for common parameters can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). When using global parameters, please specify within a global namespace.",
            ))
        }
        "Path" => values.iter().try_for_each(|path| names::check_path(path)),
        _ => Ok(()),
    }
}

/// Filters of the old form (`Filters`): names begin with the value, all else equals it.
pub fn old<'a>(given: impl Iterator<Item = &'a Value>) -> Vec<Filter> {
    let filter = |one: &Value| {
        let key = one["Key"].as_str().unwrap_or_default().to_owned();
        let values = one["Values"].as_array().into_iter().flatten();
        let values = values.filter_map(|v| v.as_str().map(str::to_owned)).collect();
        let compare = if key == "Name" { Compare::BeginsWith } else { Compare::Equals };
        Filter { key, compare, values }
    };
    given.map(filter).collect()
}

impl Filter {
    /// Whether a parameter passes.
    pub fn passes(&self, name: &str, parameter: &Parameter) -> bool {
        let Some(newest) = parameter.newest() else { return false };
        let bare = |text: &str| text.trim_start_matches('/').to_owned();
        match self.key.as_str() {
            "Name" => self.any(|v| match self.compare {
                // A name is found with and without its first slash.
                Compare::Contains => name.contains(v),
                Compare::BeginsWith => name.starts_with(v) || bare(name).starts_with(v),
                _ => bare(name) == bare(v),
            }),
            "Path" => self.any(|path| is_below(name, path, self.compare == Compare::Recursive)),
            "Type" => self.fits(&newest.kind),
            "KeyId" => newest.key_id.as_deref().is_some_and(|key| self.fits(key)),
            "Tier" => self.fits(&newest.tier),
            "DataType" => self.fits(&newest.data_type),
            "Label" => parameter.versions.iter().any(|v| v.labels.iter().any(|l| self.fits(l))),
            tag => {
                let value = parameter.tags.get(tag.strip_prefix("tag:").unwrap_or(tag));
                value.is_some_and(|value| self.values.is_empty() || self.fits(value))
            }
        }
    }

    /// The labels that it asks for: the answer is of those versions.
    pub fn label<'a>(&self, parameter: &'a Parameter) -> Option<&'a super::state::Version> {
        let of = |v: &&super::state::Version| v.labels.iter().any(|l| self.fits(l));
        (self.key == "Label").then(|| parameter.versions.iter().find(of)).flatten()
    }

    fn any(&self, fits: impl Fn(&str) -> bool) -> bool {
        self.values.iter().any(|value| fits(value))
    }

    fn fits(&self, text: &str) -> bool {
        self.any(|value| match self.compare {
            Compare::BeginsWith => text.starts_with(value),
            _ => text == value,
        })
    }
}

/// Whether `name` lies below `path`, at any depth or at the next.
pub fn is_below(name: &str, path: &str, recursive: bool) -> bool {
    let rest = if path == "/" {
        // Names without a slash lie at the top.
        Some(name.strip_prefix('/').unwrap_or(name))
    } else {
        name.strip_prefix(path.trim_end_matches('/')).and_then(|rest| rest.strip_prefix('/'))
    };
    rest.is_some_and(|rest| recursive || !rest.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_have_levels() {
        assert!(is_below("/a/b", "/a", false) && is_below("/a/b", "/a/", false));
        assert!(!is_below("/a/b/c", "/a", false) && is_below("/a/b/c", "/a", true));
        assert!(!is_below("/ab/c", "/a", true) && !is_below("/a", "/a", true));
        assert!(is_below("x", "/", false) && is_below("/x", "/", false));
        assert!(!is_below("/a/b", "/", false) && is_below("/a/b", "/", true));
    }

    #[test]
    fn what_aws_refuses() {
        for (filter, of, code) in [
            (json!({"Key": "Label", "Values": ["x"]}), Of::Describe, "InvalidFilterKey"),
            (json!({"Key": "Name", "Values": ["x"]}), Of::Path, "InvalidFilterKey"),
            (
                json!({"Key": "Path", "Option": "Equals", "Values": ["/x"]}),
                Of::Describe,
                "InvalidFilterOption",
            ),
            (
                json!({"Key": "Type", "Option": "Contains", "Values": ["String"]}),
                Of::Describe,
                "InvalidFilterOption",
            ),
            (json!({"Key": "Type", "Values": ["Rain"]}), Of::Describe, "InvalidFilterValue"),
            (json!({"Key": "Name"}), Of::Describe, "InvalidFilterValue"),
        ] {
            assert_eq!(read([&filter].into_iter(), of).unwrap_err().code, code, "{filter}");
        }
        let twice = json!({"Key": "Type", "Values": ["String"]});
        assert_eq!(
            read([&twice, &twice].into_iter(), Of::Path).unwrap_err().code,
            "InvalidFilterKey"
        );
    }
}
