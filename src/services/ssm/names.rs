//! Names of parameters: which are allowed, and what a name, selector or ARN in a request means.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html>

use super::limits::{LEVELS_MAX, NAME_CHARS_MAX};
use crate::base::Caller;
use crate::services::model::Refusal;

/// Where a name refers to a secret of Secrets Manager.
pub const SECRETS: &str = "/aws/reference/secretsmanager/";

const SUB_PATHS: &str = "If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_";

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Names that it may mean: an ARN does not tell `/name` from `name`.
    pub names: Vec<String>,
    /// What stands behind the name: a version's number or a label.
    pub selector: Option<String>,
    /// Account and region, where an ARN names them.
    pub home: Option<(String, String)>,
}

fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::new("ValidationException", text)
}

fn is_plain(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/".contains(c))
}

/// Checks the name of a new parameter.
pub fn check(name: &str) -> Result<(), Refusal> {
    let lower = name.to_ascii_lowercase();
    let bare = lower.trim_start_matches('/');
    if bare.starts_with("aws") || bare.starts_with("ssm") {
        let is_path = name.matches('/').count() > 1;
        if is_path && lower.starts_with("/aws") {
            let text = format!("No access to reserved parameter name: {name}.");
            return Err(Refusal::new("AccessDeniedException", text));
        }
        return Err(invalid(if is_path {
            format!(
                "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). {SUB_PATHS}"
            )
        } else {
            "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).".into()
        }));
    }
    if name.contains('/') && !name.starts_with('/') {
        return Err(invalid("Parameter name must be a fully qualified name."));
    }
    if !is_plain(name) || name.ends_with('/') || name.contains("//") {
        return Err(invalid(format!(
            "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). {SUB_PATHS}"
        )));
    }
    if name.chars().count() > NAME_CHARS_MAX {
        return Err(invalid(format!(
            "The maximum length constraint for the parameter name that you specify is {NAME_CHARS_MAX} characters."
        )));
    }
    if name.matches('/').count() > LEVELS_MAX {
        return Err(Refusal::new(
            "HierarchyLevelLimitExceededException",
            format!(
                "A hierarchy can have a maximum of {LEVELS_MAX} levels. For more information, see Requirements and constraints for parameter names in the AWS Systems Manager User Guide."
            ),
        ));
    }
    Ok(())
}

/// Checks a path whose parameters are asked for.
pub fn check_path(path: &str) -> Result<(), Refusal> {
    if path.starts_with('/') && is_plain(path) && !path.contains("//") {
        return Ok(());
    }
    Err(invalid(
        "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol \"/\". Valid example: /get/parameters2-/by1./path0_.",
    ))
}

/// Reads `name`, `name:3`, `name:label`, or an ARN in front of either.
pub fn wanted(text: &str) -> Wanted {
    let (home, rest) = match arn(text) {
        Some((home, rest)) => (Some(home), rest),
        None => (None, text),
    };
    let (name, selector) = match rest.split_once(':') {
        Some((name, selector)) => (name, Some(selector.to_owned())),
        None => (rest, None),
    };
    let mut names = vec![name.to_owned()];
    if home.is_some() && name.matches('/').count() == 1 {
        names.push(name.trim_start_matches('/').to_owned());
    }
    Wanted { names, selector, home }
}

/// Account and region of a parameter's ARN, and what stands behind `parameter`.
fn arn(text: &str) -> Option<((String, String), &str)> {
    let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
    let (_, service, region) = (parts.next()?, parts.next()?, parts.next()?);
    let (account, resource) = (parts.next()?, parts.next()?);
    let rest = resource.strip_prefix("parameter").filter(|rest| rest.starts_with('/'))?;
    (service == "ssm").then(|| ((account.to_owned(), region.to_owned()), rest))
}

/// The ARN of `name`.
pub fn arn_of(caller: &Caller, name: &str) -> String {
    let slash = if name.starts_with('/') { "" } else { "/" };
    format!("arn:aws:ssm:{}:{}:parameter{slash}{name}", caller.region, caller.account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_aws_takes_and_those_it_refuses() {
        for name in ["a", "/a", "/a/b.c-d_e", "a.b", &format!("{}/x", "/l".repeat(14))] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for (name, code) in [
            ("awsome", "ValidationException"),
            ("/aws/x", "AccessDeniedException"),
            ("/ssm/x", "ValidationException"),
            ("a/b", "ValidationException"),
            ("/a//b", "ValidationException"),
            ("/a/", "ValidationException"),
            ("a b", "ValidationException"),
            (&"n".repeat(1012), "ValidationException"),
            (&"/l".repeat(16), "HierarchyLevelLimitExceededException"),
        ] {
            assert_eq!(check(name).unwrap_err().code, code, "{name}");
        }
    }

    #[test]
    fn selectors_and_arns() {
        let plain = wanted("/a/b:3");
        assert_eq!((plain.names, plain.selector.as_deref()), (vec!["/a/b".to_owned()], Some("3")));
        let arn = wanted("arn:aws:ssm:us-east-1:000000000000:parameter/a:prod");
        assert_eq!(
            (arn.names, arn.selector.as_deref()),
            (vec!["/a".into(), "a".into()], Some("prod"))
        );
        assert_eq!(arn.home, Some(("000000000000".into(), "us-east-1".into())));
    }
}
