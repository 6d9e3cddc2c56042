//! The JSON Schema and the loader agree.

use super::*;
use serde_json::{Value, json};

/// The schema's own rules, as far as it uses them, on JSON: a second, independent reading of it.
fn conforms(root: &Value, schema: &Value, value: &Value) -> bool {
    let Some(schema) = schema.as_object() else { return schema == &json!(true) };
    let of_type = |t: &str| match t {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("unknown type {other}"),
    };
    schema.iter().all(|(rule, arg)| match rule.as_str() {
        "$ref" => conforms(root, root.pointer(&arg.as_str().unwrap()[1..]).unwrap(), value),
        "type" => match arg {
            Value::String(t) => of_type(t),
            list => list.as_array().unwrap().iter().any(|t| of_type(t.as_str().unwrap())),
        },
        "const" => value == arg,
        "enum" => arg.as_array().unwrap().contains(value),
        "anyOf" => arg.as_array().unwrap().iter().any(|s| conforms(root, s, value)),
        "oneOf" => arg.as_array().unwrap().iter().filter(|s| conforms(root, s, value)).count() == 1,
        "minimum" => value.as_f64().is_none_or(|v| v >= arg.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|v| v <= arg.as_f64().unwrap()),
        "minItems" => value.as_array().is_none_or(|v| v.len() as u64 >= arg.as_u64().unwrap()),
        "maxLength" => {
            value.as_str().is_none_or(|v| v.chars().count() as u64 <= arg.as_u64().unwrap())
        }
        "items" => value.as_array().is_none_or(|v| v.iter().all(|v| conforms(root, arg, v))),
        "required" => value.as_object().is_none_or(|o| {
            arg.as_array().unwrap().iter().all(|k| o.contains_key(k.as_str().unwrap()))
        }),
        "properties" => value.as_object().is_none_or(|o| {
            arg.as_object()
                .unwrap()
                .iter()
                .all(|(k, s)| o.get(k).is_none_or(|v| conforms(root, s, v)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|o| {
            let known = schema.get("properties").and_then(Value::as_object);
            o.iter()
                .filter(|(k, _)| known.is_none_or(|p| !p.contains_key(*k)))
                .all(|(_, v)| conforms(root, arg, v))
        }),
        "description" | "title" | "$schema" | "$defs" | "pattern" | "propertyNames" => true,
        other => panic!("the schema uses `{other}`, which neither this test nor the loader reads"),
    })
}

#[test]
fn the_schema_accepts_what_the_loader_accepts() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let parse =
        |toml: &str| serde_json::to_value(toml::from_str::<toml::Table>(toml).unwrap()).unwrap();
    let check = |toml: &str| conforms(&schema, &schema, &parse(toml));
    for shipped in shipped() {
        assert!(check(shipped.text), "{}", shipped.name);
        assert!(check(&template(shipped.name)) && check(&uncommented(&template(shipped.name))));
        assert!(check(&show_toml(&from_shipped(shipped.name))), "{}", shipped.name);
    }
    good(DOCUMENTED);
    assert!(check(DOCUMENTED));
    assert!(!check("foo = 1") && !check("auth = \"x\"") && !check("[sqs.queues.a]\nfifo = 1"));
    // Every key says what it is.
    for (name, def) in schema["$defs"].as_object().unwrap() {
        for (key, property) in def["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{name}.{key}");
        }
    }
}
