//! awsQuery output: an operation's result as XML.
//!
//! Source: <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>. Lists and maps are wrapped
//! (`<Names><member>`) unless the service's model flattens them; the table of a service says which.

use crate::base::xml_text as text;
use serde_json::Value;

/// How a service writes the lists and maps of its results.
#[derive(Debug, Clone, Copy)]
pub struct QueryNames {
    /// The namespace of result documents.
    pub xmlns: &'static str,
    /// The element name of a flattened list or map member (`Messages` → `Message`), `None` where
    /// the member is wrapped.
    pub flat: fn(member: &str) -> Option<&'static str>,
}

/// The whole response document of `operation`.
pub fn response(names: &QueryNames, operation: &str, result: &Value, request_id: &str) -> String {
    let mut out = String::with_capacity(256);
    out.push_str("<?xml version=\"1.0\"?>");
    out.push_str(&format!("<{operation}Response xmlns=\"{}\">", names.xmlns));
    let empty = result.as_object().is_none_or(serde_json::Map::is_empty);
    if !empty {
        out.push_str(&format!("<{operation}Result>"));
        write_members(names, result, &mut out);
        out.push_str(&format!("</{operation}Result>"));
    } else if result.is_object() {
        out.push_str(&format!("<{operation}Result/>"));
    }
    out.push_str("<ResponseMetadata><RequestId>");
    out.push_str(request_id);
    out.push_str(&format!("</RequestId></ResponseMetadata></{operation}Response>"));
    out
}

/// The error document.
pub fn error(xmlns: &str, failure: &super::Failure) -> String {
    let code = failure.query_code.as_ref().unwrap_or(&failure.code);
    format!(
        "<?xml version=\"1.0\"?><ErrorResponse xmlns=\"{xmlns}\"><Error><Type>{}</Type><Code>{}</Code>\
         <Message>{}</Message><Detail/></Error><RequestId>{}</RequestId></ErrorResponse>",
        failure.fault(),
        text(code),
        text(&failure.message),
        failure.request_id
    )
}

fn write_members(names: &QueryNames, value: &Value, out: &mut String) {
    let Value::Object(members) = value else { return };
    for (name, member) in members {
        write_member(names, name, member, out);
    }
}

fn write_member(names: &QueryNames, name: &str, value: &Value, out: &mut String) {
    match (value, (names.flat)(name)) {
        (Value::Null, _) => {}
        (Value::Array(items), Some(element)) => {
            items.iter().for_each(|item| write_element(names, element, item, out));
        }
        (Value::Array(items), None) => {
            out.push_str(&format!("<{name}>"));
            items.iter().for_each(|item| write_element(names, "member", item, out));
            out.push_str(&format!("</{name}>"));
        }
        (Value::Object(entries), Some(element)) => {
            // Tags are the one map whose keys AWS does not call names.
            let name = if element == "Tag" { "Key" } else { "Name" };
            for (key, value) in entries {
                out.push_str(&format!("<{element}><{name}>{}</{name}>", text(key)));
                write_element(names, "Value", value, out);
                out.push_str(&format!("</{element}>"));
            }
        }
        (value, _) => write_element(names, name, value, out),
    }
}

fn write_element(names: &QueryNames, name: &str, value: &Value, out: &mut String) {
    out.push_str(&format!("<{name}>"));
    match value {
        Value::Object(_) => write_members(names, value, out),
        Value::String(s) => out.push_str(&text(s)),
        Value::Array(items) => {
            items.iter().for_each(|item| write_element(names, "member", item, out));
        }
        Value::Null => {}
        other => out.push_str(&other.to_string()),
    }
    out.push_str(&format!("</{name}>"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NAMES: QueryNames = QueryNames {
        xmlns: "urn:x",
        flat: |member| match member {
            "Messages" => Some("Message"),
            "Attributes" => Some("Attribute"),
            _ => None,
        },
    };

    #[test]
    fn lists_and_maps_are_flattened_where_the_table_says() {
        let result = json!({"Messages": [{"Body": "a<b\r", "Attributes": {"S": "1"}}], "Names": ["x"], "N": 3});
        assert_eq!(
            response(&NAMES, "Op", &result, "r-1"),
            "<?xml version=\"1.0\"?><OpResponse xmlns=\"urn:x\"><OpResult><Message><Body>a&lt;b&#xd;</Body>\
             <Attribute><Name>S</Name><Value>1</Value></Attribute></Message><Names><member>x</member></Names>\
             <N>3</N></OpResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></OpResponse>"
        );
    }

    #[test]
    fn an_operation_without_result_has_no_result_element() {
        assert!(!response(&NAMES, "Op", &Value::Null, "r").contains("OpResult"));
        assert!(response(&NAMES, "Op", &json!({}), "r").contains("<OpResult/>"));
    }
}
