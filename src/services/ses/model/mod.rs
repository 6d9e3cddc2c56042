//! The shapes of both APIs of SES as data: the tables beside this file, read by [`crate::services::model`].

use super::error::Error;
use crate::services::model::{self, Dialect, Model};
use serde_json::{Map, Value};
use std::sync::OnceLock;

/// Which of the two APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// awsQuery, 2010-12-01.
    V1,
    /// restJson1, 2019-09-27.
    V2,
}

/// The model of `version`.
pub fn of(version: Version) -> &'static Model {
    static V1: OnceLock<Model> = OnceLock::new();
    static V2: OnceLock<Model> = OnceLock::new();
    match version {
        Version::V1 => V1.get_or_init(|| Model::parse(Dialect::Query, include_str!("v1.model"))),
        Version::V2 => V2.get_or_init(|| Model::parse(Dialect::Json, include_str!("v2.model"))),
    }
}

/// Reads and checks the input of `operation`.
pub fn read(version: Version, operation: &str, tree: &Value) -> Result<Map<String, Value>, Error> {
    model::read(of(version), operation, tree)
        .map_err(|faults| Error::Invalid { text: faults.text() })
}

/// Shapes what `operation` answers. `Null` where the operation has no result.
pub fn write(version: Version, operation: &str, value: Value) -> Value {
    model::write(of(version), operation, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::ses::models;
    use serde_json::json;

    #[test]
    fn the_tables_name_every_operation_of_the_routes_and_hold_to_their_grammar() {
        let (v1, v2) = (of(Version::V1), of(Version::V2));
        assert_eq!((v1.operations.len(), v2.operations.len()), (71, 116));
        assert!(models::V1.iter().all(|name| v1.operations.contains_key(name)));
        assert!(models::V2.iter().all(|(name, ..)| v2.operations.contains_key(name)));
        assert_eq!((v1.faults(), v2.faults()), (vec![], vec![]));
    }

    fn refusal(version: Version, operation: &str, tree: Value) -> String {
        match read(version, operation, &tree) {
            Err(Error::Invalid { text }) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_form_becomes_what_the_shape_says() {
        let tree = json!({"Identities": {"member": {"2": "b", "1": "a", "10": "c"}}});
        let input = read(Version::V1, "GetIdentityDkimAttributes", &tree).unwrap();
        assert_eq!(input["Identities"], json!(["a", "b", "c"]));
        let tree = json!({"Identity": "x", "DkimEnabled": "true", "Stray": "y"});
        let input = read(Version::V1, "SetIdentityDkimEnabled", &tree).unwrap();
        assert_eq!(Value::Object(input), json!({"Identity": "x", "DkimEnabled": true}));
    }

    #[test]
    fn what_comes_in_the_query_is_text_and_lists_may_be_single() {
        let tree =
            json!({"PageSize": "5", "Reason": "BOUNCE", "StartDate": "2026-01-01T00:00:00Z"});
        let input = read(Version::V2, "ListSuppressedDestinations", &tree).unwrap();
        assert_eq!(input["PageSize"], 5);
        assert_eq!(input["Reasons"], json!(["BOUNCE"]));
        assert_eq!(input["StartDate"], json!(1_767_225_600.0));
    }

    #[test]
    fn faults_are_told_in_the_words_of_aws() {
        assert_eq!(
            refusal(Version::V1, "GetTemplate", json!({})),
            "1 validation error detected: Value null at 'templateName' failed to satisfy constraint: \
             Member must not be null"
        );
        let tags = json!({"ResourceArn": "a", "Tags": [{"Key": "k"}, {"Value": "v"}]});
        let text = refusal(Version::V2, "TagResource", tags);
        assert!(text.starts_with("2 validation errors detected: "), "{text}");
        assert!(text.contains("'tags.1.member.value'") && text.contains("'tags.2.member.key'"));
        let reason = json!({"EmailAddress": "a@b.c", "Reason": "RAIN"});
        let text = refusal(Version::V2, "PutSuppressedDestination", reason);
        assert!(text.contains("Member must satisfy enum value set: [BOUNCE, COMPLAINT]"), "{text}");
        let name = json!({"EndpointName": "a b", "Details": {"RoutesDetails": []}});
        assert!(refusal(Version::V2, "CreateMultiRegionEndpoint", name).contains("pattern"));
        let max = json!({"MaxResults": "51"});
        let text = refusal(Version::V1, "ListCustomVerificationEmailTemplates", max);
        assert!(text.contains("value less than or equal to 50"), "{text}");
        let list = json!({"ContactListName": 5});
        assert!(refusal(Version::V2, "CreateContactList", list).contains("contactListName"));
    }

    /// `IAMRoleARN` is written with `\u002F` and `[\u0021-\u007E]`.
    #[test]
    fn characters_of_patterns_may_be_written_by_number() {
        let rule = |role: &str| {
            let action = json!({"S3Action": {"BucketName": "b", "IamRoleArn": role}});
            let rule = json!({"Name": "r", "Actions": {"member": {"1": action}}});
            read(Version::V1, "CreateReceiptRule", &json!({"RuleSetName": "s", "Rule": rule}))
        };
        for fine in ["arn:aws:iam::000000000000:role/r", "arn:aws:iam::000000000000:role/a~!/b/r"] {
            assert!(rule(fine).is_ok(), "{fine}");
        }
        for not in ["arn:aws:iam::000000000000:rolex", "arn:aws:iam::000000000000:role/a b/r"] {
            assert!(rule(not).is_err(), "{not}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_tree_panics(text in "[\\[\\]{}\":,a-zA-Z0-9. ]{0,80}") {
            let tree = serde_json::from_str(&text).unwrap_or(Value::String(text));
            for operation in ["CreateConfigurationSet", "SendBulkEmail", "CreateExportJob"] {
                let _ = read(Version::V2, operation, &tree);
            }
            let _ = read(Version::V1, "CreateReceiptRule", &tree);
        }
    }

    #[test]
    fn an_answer_has_what_its_shape_has() {
        let record = json!({"Name": "t", "CreatedTimestamp": 0.5, "Html": "x"});
        let v1 = write(Version::V1, "ListTemplates", json!({"TemplatesMetadata": [record]}));
        let wanted = json!({"TemplatesMetadata": [
            {"Name": "t", "CreatedTimestamp": "1970-01-01T00:00:00.500Z"}]});
        assert_eq!(v1, wanted);
        let policies = json!({"Policies": {"p": "{}"}});
        assert_eq!(
            write(Version::V1, "GetIdentityPolicies", policies.clone()),
            json!({"Policies": {"entry": [{"key": "p", "value": "{}"}]}})
        );
        assert_eq!(write(Version::V2, "GetEmailIdentityPolicies", policies.clone()), policies);
        assert_eq!(write(Version::V1, "VerifyEmailAddress", json!({})), Value::Null);
        assert_eq!(write(Version::V2, "DeleteContact", json!({"x": 1})), json!({}));
    }
}
