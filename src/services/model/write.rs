//! An answer by its shape: members in the model's order, what the shape does not have left out,
//! timestamps and maps as the protocol writes them.

use super::{Dialect, Kind, Model, Shape};
use crate::base::Millis;
use serde_json::{Map, Value, json};

/// Shapes what `operation` answers. `Null` where the operation has no result.
pub fn write(model: &Model, operation: &str, value: Value) -> Value {
    let shape = model.operations.get(operation).and_then(|o| o.output).and_then(|n| model.shape(n));
    shape.map_or(Value::Null, |shape| shaped(model, shape, value))
}

fn shaped(model: &Model, shape: &Shape, value: Value) -> Value {
    match (&shape.kind, value) {
        (Kind::Structure(members), Value::Object(mut given)) => {
            let mut out = Map::new();
            for member in members {
                let value = given.remove(member.name).filter(|value| !value.is_null());
                if let (Some(value), Some(shape)) = (value, model.shape(member.shape)) {
                    out.insert(member.name.to_owned(), shaped(model, shape, value));
                }
            }
            Value::Object(out)
        }
        (Kind::List(element), Value::Array(items)) => match model.shape(element) {
            Some(shape) => items.into_iter().map(|item| shaped(model, shape, item)).collect(),
            None => Value::Array(items),
        },
        (Kind::Map(_, element), Value::Object(entries)) => {
            let Some(shape) = model.shape(element) else { return Value::Object(entries) };
            let entries = entries.into_iter().map(|(k, v)| (k, shaped(model, shape, v)));
            match model.dialect {
                // The writer of awsQuery flattens `entry`: see the service's `QueryNames`.
                Dialect::Query => {
                    let entry = |(key, value)| json!({"key": key, "value": value});
                    json!({"entry": entries.map(entry).collect::<Vec<_>>()})
                }
                Dialect::Json => Value::Object(entries.collect()),
            }
        }
        (Kind::Timestamp, Value::Number(whole))
            if model.dialect == Dialect::Query && whole.is_i64() =>
        {
            Millis(0).plus_seconds(whole.as_i64().unwrap_or_default()).iso8601_seconds().into()
        }
        (Kind::Timestamp, Value::Number(seconds)) if model.dialect == Dialect::Query => {
            let millis = seconds.as_f64().unwrap_or_default() * 1000.0;
            Millis(millis as i64).iso8601().into()
        }
        (_, value) => value,
    }
}
