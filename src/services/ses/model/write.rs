//! An answer by its shape: members in the model's order, what the shape does not have left out,
//! timestamps and maps as the protocol writes them.

use super::{Kind, Model, Shape, Version};
use crate::base::Millis;
use serde_json::{Map, Value, json};

/// Shapes what `operation` answers. `Null` where the operation has no result.
pub fn write(version: Version, operation: &str, value: Value) -> Value {
    let model = Model::of(version);
    let shape = model.operations.get(operation).and_then(|o| o.output).and_then(|n| model.shape(n));
    shape.map_or(Value::Null, |shape| shaped(model, version, shape, value))
}

fn shaped(model: &Model, version: Version, shape: &Shape, value: Value) -> Value {
    match (&shape.kind, value) {
        (Kind::Structure(members), Value::Object(mut given)) => {
            let mut out = Map::new();
            for member in members {
                let value = given.remove(member.name).filter(|value| !value.is_null());
                if let (Some(value), Some(shape)) = (value, model.shape(member.shape)) {
                    out.insert(member.name.to_owned(), shaped(model, version, shape, value));
                }
            }
            Value::Object(out)
        }
        (Kind::List(element), Value::Array(items)) => match model.shape(element) {
            Some(shape) => {
                items.into_iter().map(|item| shaped(model, version, shape, item)).collect()
            }
            None => Value::Array(items),
        },
        (Kind::Map(_, element), Value::Object(entries)) => {
            let Some(shape) = model.shape(element) else { return Value::Object(entries) };
            let entries = entries.into_iter().map(|(k, v)| (k, shaped(model, version, shape, v)));
            match version {
                // The writer of awsQuery flattens `entry`: see the service's `QueryNames`.
                Version::V1 => {
                    let entry = |(key, value)| json!({"key": key, "value": value});
                    json!({"entry": entries.map(entry).collect::<Vec<_>>()})
                }
                Version::V2 => Value::Object(entries.collect()),
            }
        }
        (Kind::Timestamp, Value::Number(seconds)) if version == Version::V1 => {
            let millis = seconds.as_f64().unwrap_or_default() * 1000.0;
            Millis(millis as i64).iso8601().into()
        }
        (_, value) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
