//! What requests to Parameter Store ask to be allowed: an action on each parameter.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html>

use super::names::{self, SECRETS};
use super::state::{State, home};
use crate::services::access::{Ask, Asked};

/// What `asked` asks of Parameter Store itself.
pub fn asks(state: &State, asked: &Asked<'_>) -> Vec<Ask> {
    let action = format!("ssm:{}", asked.operation);
    if asked.operation == "DescribeParameters" {
        return vec![Ask::new(action, asked.arn("ssm", "*"))];
    }
    if asked.operation == "GetParametersByPath" {
        let wanted = names::wanted(asked.text("Path"));
        let path = wanted.names.first().map_or("", String::as_str);
        return vec![Ask::new(action, names::arn_of(asked.caller, path))];
    }
    let mut texts = asked.texts("Names");
    for member in ["Name", "ResourceId"] {
        texts.extend(Some(asked.text(member)).filter(|text| !text.is_empty()));
    }
    if texts.is_empty() {
        return vec![Ask::new(action, "*")];
    }
    let ask = |text: &&str| {
        let wanted = names::wanted(text);
        let found = state.find(&home(asked.caller), &wanted);
        let name = wanted.names.first().map_or("", String::as_str);
        let ask = Ask::new(action.clone(), names::arn_of(asked.caller, name));
        match found {
            Some((_, parameter)) => ask.with_tags("ssm", &parameter.tags),
            None => ask,
        }
    };
    texts.iter().map(ask).collect()
}

/// The secrets that a request reads as parameters.
pub fn secrets<'a>(asked: &Asked<'a>) -> Vec<&'a str> {
    let names = asked.texts("Names").into_iter().chain([asked.text("Name")]);
    let of_secret = |name: &'a str| {
        let rest = name.strip_prefix(SECRETS)?;
        Some(if rest.starts_with("arn:") { rest } else { rest.split(':').next().unwrap_or(rest) })
    };
    names.filter_map(of_secret).collect()
}
