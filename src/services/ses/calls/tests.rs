//! The tables as a whole: nothing is forgotten, nothing panics, a refusal changes nothing.

use super::*;
use crate::base::{Caller, Ids, Millis};
use crate::services::ses::models;
use serde_json::json;

/// Those that are carried out elsewhere: they send, or they came first.
const ELSEWHERE: [&str; 16] = [
    "DeleteIdentity",
    "GetIdentityVerificationAttributes",
    "GetMessageInsights",
    "GetSendQuota",
    "GetSendStatistics",
    "ListIdentities",
    "SendBounce",
    "SendBulkEmail",
    "SendBulkTemplatedEmail",
    "SendCustomVerificationEmail",
    "SendEmail",
    "SendRawEmail",
    "SendTemplatedEmail",
    "VerifyDomainIdentity",
    "VerifyEmailAddress",
    "VerifyEmailIdentity",
];

fn names(version: Version) -> Vec<&'static str> {
    match version {
        Version::V1 => models::V1.to_vec(),
        Version::V2 => models::V2.iter().map(|(name, ..)| *name).collect(),
    }
}

#[test]
fn every_operation_has_its_line() {
    for version in [Version::V1, Version::V2] {
        for name in names(version) {
            let elsewhere = ELSEWHERE.contains(&name);
            assert!(row(version, name).is_some() != elsewhere, "{version:?} {name}");
        }
    }
}

fn call(
    state: &mut State,
    version: Version,
    name: &'static str,
    input: Value,
) -> Result<Value, Error> {
    let caller = Caller::internal("000000000000", "us-east-1", "");
    let mut ids = Ids::seeded(1);
    let mut context = Context { now: Millis(0), ids: &mut ids, caller: &caller };
    let mut changes = Vec::new();
    let call = Call { version, name, input, mode: Mode::Lenient };
    let answer = call.apply(state, &mut context, &mut changes);
    assert!(answer.is_ok() || changes.is_empty(), "{name} changes and refuses");
    answer
}

#[test]
fn both_apis_see_the_same_records() {
    let mut state = State::default();
    let mut v1 = |name, input| call(&mut state, Version::V1, name, input);
    v1("CreateConfigurationSet", json!({"ConfigurationSet": {"Name": "set"}})).unwrap();
    let template = json!({"Template": {"TemplateName": "t", "SubjectPart": "s", "TextPart": "x"}});
    v1("CreateTemplate", template).unwrap();
    let mut v2 = |name, input| call(&mut state, Version::V2, name, input).unwrap();
    let set = v2("GetConfigurationSet", json!({"ConfigurationSetName": "set"}));
    assert_eq!(set["SendingOptions"]["SendingEnabled"], json!(true));
    let template = v2("GetEmailTemplate", json!({"TemplateName": "t"}));
    assert_eq!(template["TemplateContent"], json!({"Subject": "s", "Text": "x"}));
}

#[test]
fn a_refusal_changes_nothing() {
    let mut state = State::default();
    let pool = json!({"ConfigurationSetName": "c", "DeliveryOptions": {"SendingPoolName": "none"}});
    assert!(call(&mut state, Version::V2, "CreateConfigurationSet", pool).is_err());
    assert_eq!(state, State::default());
}

proptest::proptest! {
    #[test]
    fn no_input_panics(n in 0usize..187, text in "([{}\\[\\]\":,0-9]|Name|Tags|a@b\\.c|Rule|Set|true){0,24}") {
        let mut state = State::default();
        let given: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        let all: Vec<_> = [Version::V1, Version::V2]
            .into_iter()
            .flat_map(|version| names(version).into_iter().map(move |name| (version, name)))
            .collect();
        let (version, name) = all[n];
        if row(version, name).is_some() {
            let _ = call(&mut state, version, name, given);
        }
    }
}
