//! The JSON Schema of `devenv.toml`, draft 2020-12: `profiles/schema.json`, which a test generates
//! from the types in `raw` and holds the file against. Generating it at every start was a sixth of
//! the way to the first answer.

use serde_json::Value;
use std::sync::OnceLock;

/// The schema as editors read it.
const TEXT: &str = include_str!("../../profiles/schema.json");

/// The JSON Schema of `devenv.toml`.
pub fn schema() -> Value {
    built().clone()
}

/// The schema, read once.
pub(crate) fn built() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| serde_json::from_str(TEXT).expect("a test reads it"))
}

#[cfg(test)]
mod tests {
    //! The file's making. Cleaned for editors: TOML has no null, and no type may be one.

    use super::{TEXT, Value};
    use crate::profile::raw::RawProfile;
    use schemars::generate::SchemaSettings;
    use serde_json::json;

    fn generated() -> Value {
        let generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
        let mut schema = generator.into_root_schema_for::<RawProfile>().to_value();
        without_null(&mut schema);
        names(&mut schema);
        schema
    }

    /// `DEVENV_WRITE_SCHEMA=1 cargo test --lib profile::schema` writes the file anew.
    #[test]
    fn the_file_is_what_the_types_say() {
        let generated = format!("{:#}\n", generated());
        if std::env::var_os("DEVENV_WRITE_SCHEMA").is_some() {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/schema.json");
            std::fs::write(file, &generated).unwrap();
        } else {
            let hint = "DEVENV_WRITE_SCHEMA=1 cargo test --lib profile::schema";
            assert!(generated == TEXT, "profiles/schema.json is old; run: {hint}");
        }
    }

    /// Removes null as a type or alternative, and integer formats, which are no formats of JSON Schema.
    fn without_null(schema: &mut Value) {
        match schema {
            Value::Array(items) => items.iter_mut().for_each(without_null),
            Value::Object(object) => {
                object.values_mut().for_each(without_null);
                if object.get("format").is_some_and(Value::is_string) {
                    object.remove("format");
                }
                if let Some(Value::Array(types)) = object.get_mut("type") {
                    types.retain(|t| t != "null");
                    if let [one] = types.as_slice() {
                        let one = one.clone();
                        object.insert("type".into(), one);
                    }
                }
                if let Some(Value::Array(alternatives)) = object.get_mut("anyOf") {
                    alternatives.retain(|a| *a != json!({ "type": "null" }));
                    // Alternatives within alternatives are alternatives.
                    let nested = |a: &Value| {
                        a.as_object().filter(|o| o.len() == 1).and_then(|o| o.get("anyOf")).cloned()
                    };
                    let flat = alternatives.drain(..).flat_map(|a| match nested(&a) {
                        Some(Value::Array(inner)) => inner,
                        _ => vec![a],
                    });
                    let flat: Vec<Value> = flat.collect();
                    match flat.as_slice() {
                        [Value::Object(one)] => {
                            object.remove("anyOf");
                            for (key, value) in one {
                                object.entry(key.clone()).or_insert_with(|| value.clone());
                            }
                        }
                        _ => {
                            object.insert("anyOf".into(), Value::Array(flat));
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// What the types cannot say: the shapes of names.
    fn names(schema: &mut Value) {
        let mut pattern = |pointer: &str, pattern: &str| {
            if let Some(Value::Object(map)) = schema.pointer_mut(pointer) {
                map.insert("propertyNames".into(), json!({ "pattern": pattern }));
            }
        };
        pattern("/$defs/S3/properties/buckets", "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$");
        pattern("/$defs/Sqs/properties/queues", "^[A-Za-z0-9_-]{1,80}(\\.fifo)?$");
        pattern("/properties/secrets", "^[A-Za-z0-9/_+=.@-]{1,512}$");
        pattern("/properties/rotators", "^[A-Za-z0-9_-]{1,64}$");
    }
}
