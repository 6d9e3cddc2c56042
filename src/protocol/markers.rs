//! The four protocols that share smithy's routers, as types: how each reads an input, writes a result
//! and writes an error. Unlike smithy's own markers, these answer unknown operations as AWS does.

use super::{Answer, ErrorCode, Failure, Form, QueryNames, body, query_xml};
use crate::base::Caller;
use aws_smithy_http_server::protocol::aws_json;
use aws_smithy_http_server::response::IntoResponse;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;

/// A wire protocol: bytes to an operation's input, result and error back to bytes.
pub trait Protocol: Send + Sync + 'static {
    /// Reads the input of an operation.
    fn read<T: DeserializeOwned>(parts: &Parts, body: &Bytes) -> Result<T, Failure>;
    /// Writes the result of `operation`.
    fn write<T: Serialize>(
        operation: &'static str,
        caller: &Caller,
        names: Names,
        result: &T,
    ) -> Answer;
    /// Writes an error.
    fn fail(names: Names, failure: &Failure) -> Answer;
}

/// What a service adds to its protocol: the namespace of errors and the names of XML members.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    /// The namespace before the error's name in awsJson 1.0 (`com.amazonaws.sqs#`), or empty.
    pub error_prefix: &'static str,
    /// Whether errors carry `x-amzn-query-error` for clients that know the query protocol's codes.
    pub query_compatible: bool,
    /// For awsQuery.
    pub query: QueryNames,
}

impl Names {
    /// The table of a service without any peculiarity.
    pub const PLAIN: Names = Names {
        error_prefix: CORAL,
        query_compatible: false,
        query: QueryNames { xmlns: "", flat: |_| None },
    };
}

/// The namespace of errors that AWS's own framework raises before a service sees the request.
const CORAL: &str = "com.amazon.coral.service#";

/// <https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>
pub struct AwsJson10;
/// <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>
pub struct AwsJson11;
/// <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>
pub struct AwsQuery;
/// <https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html>
pub struct RestJson;

impl Protocol for AwsJson10 {
    fn read<T: DeserializeOwned>(_: &Parts, body: &Bytes) -> Result<T, Failure> {
        read_json(body)
    }
    fn write<T: Serialize>(_: &'static str, _: &Caller, _: Names, result: &T) -> Answer {
        write_json("application/x-amz-json-1.0", result)
    }
    fn fail(names: Names, failure: &Failure) -> Answer {
        json_error("application/x-amz-json-1.0", names, failure)
    }
}

impl Protocol for AwsJson11 {
    fn read<T: DeserializeOwned>(_: &Parts, body: &Bytes) -> Result<T, Failure> {
        read_json(body)
    }
    fn write<T: Serialize>(_: &'static str, _: &Caller, _: Names, result: &T) -> Answer {
        write_json("application/x-amz-json-1.1", result)
    }
    fn fail(names: Names, failure: &Failure) -> Answer {
        json_error("application/x-amz-json-1.1", names, failure)
    }
}

impl Protocol for AwsQuery {
    fn read<T: DeserializeOwned>(parts: &Parts, _: &Bytes) -> Result<T, Failure> {
        let form = parts.extensions.get::<Arc<Form>>();
        let form =
            form.ok_or_else(|| Failure::new(400, "MissingAction", "no form in the request"))?;
        form.read().map_err(|e| Failure::new(400, "MalformedInput", sentence(&e.0)))
    }
    fn write<T: Serialize>(
        operation: &'static str,
        caller: &Caller,
        names: Names,
        result: &T,
    ) -> Answer {
        let value = serde_json::to_value(result).unwrap_or(Value::Null);
        let xml = query_xml::response(&names.query, operation, &value, &caller.request_id);
        answer(StatusCode::OK, "text/xml", xml)
    }
    fn fail(names: Names, failure: &Failure) -> Answer {
        query_error(names.query.xmlns, failure)
    }
}

impl Protocol for RestJson {
    fn read<T: DeserializeOwned>(parts: &Parts, body: &Bytes) -> Result<T, Failure> {
        let not_an_object = || serialization("the body is not a JSON object");
        let query = parts.uri.query().and_then(|query| Form::parse(query.as_bytes()).ok());
        let labels = parts.extensions.get::<super::rest_routes::Labels>();
        if query.is_none() && labels.is_none() {
            // Structs would take an array for their members in order.
            return match body.iter().find(|b| !b.is_ascii_whitespace()) {
                None | Some(b'{') => read_json(body),
                Some(_) => read_json::<Value>(body).and_then(|_| Err(not_an_object())),
            };
        }
        let mut input = read_json::<Value>(body)?;
        let members = input.as_object_mut().ok_or_else(not_an_object)?;
        // A name that comes twice (`TagKeys=a&TagKeys=b`) is a list. What the path or the query
        // says goes before what the body says.
        let mut outside = serde_json::Map::new();
        let pairs = query.into_iter().flat_map(Form::into_pairs);
        for (name, value) in pairs.chain(labels.into_iter().flat_map(|labels| labels.0.clone())) {
            let value = Value::String(value);
            match outside.get_mut(&name) {
                None => drop(outside.insert(name, value)),
                Some(Value::Array(values)) => values.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        members.extend(outside);
        serde_json::from_value(input).map_err(|e| serialization(&e.to_string()))
    }
    fn write<T: Serialize>(_: &'static str, _: &Caller, _: Names, result: &T) -> Answer {
        write_json("application/json", result)
    }
    fn fail(names: Names, failure: &Failure) -> Answer {
        json_error("application/json", names, failure)
    }
}

fn read_json<T: DeserializeOwned>(body: &Bytes) -> Result<T, Failure> {
    let text: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(text).map_err(|e| {
        let category = e.classify();
        let what = if category == serde_json::error::Category::Data {
            e.to_string()
        } else {
            format!("the body is not valid JSON: {e}")
        };
        serialization(&what)
    })
}

fn serialization(what: &str) -> Failure {
    Failure::new(400, "SerializationException", sentence(what))
}

/// The first letter in upper case, so that a library's message reads as AWS's do.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

fn write_json<T: Serialize>(content_type: &'static str, result: &T) -> Answer {
    match serde_json::to_vec(result) {
        // An operation without result answers `{}` in awsJson 1.0 and nothing in 1.1; SDKs read both alike.
        Ok(bytes) if bytes == b"null" => answer(StatusCode::OK, content_type, Bytes::new()),
        Ok(bytes) => answer(StatusCode::OK, content_type, bytes),
        Err(error) => {
            tracing::error!(%error, "a result could not be written as JSON");
            let failure = Failure::new(500, "InternalFailure", "a result could not be written");
            json_error(content_type, Names::PLAIN, &failure)
        }
    }
}

/// An error document of the JSON protocols: `__type` and `message`, and the code as a header too.
pub fn json_error(content_type: &'static str, names: Names, failure: &Failure) -> Answer {
    let mut members = serde_json::Map::new();
    members.insert("__type".into(), format!("{}{}", names.error_prefix, failure.code).into());
    // Some services spell it `Message`; they bring that as a member of their own.
    // AWS leaves an empty one out.
    if !failure.message.is_empty() && !failure.members.iter().any(|(name, _)| *name == "Message") {
        members.insert("message".into(), failure.message.clone().into());
    }
    for (name, value) in &failure.members {
        members.insert((*name).into(), value.clone());
    }
    let text = serde_json::to_vec(&members).unwrap_or_default();
    let mut answer = answer(status(failure), content_type, text);
    let headers = answer.headers_mut();
    if let Ok(code) = HeaderValue::from_str(&failure.code) {
        headers.insert("x-amzn-errortype", code);
    }
    if names.query_compatible {
        let code = failure.query_code.as_ref().unwrap_or(&failure.code);
        if let Ok(value) = HeaderValue::from_str(&format!("{code};{}", failure.fault())) {
            headers.insert("x-amzn-query-error", value);
        }
    }
    answer
}

/// An error document of awsQuery.
pub fn query_error(xmlns: &str, failure: &Failure) -> Answer {
    let mut answer = answer(status(failure), "text/xml", query_xml::error(xmlns, failure));
    let code = failure.query_code.as_ref().unwrap_or(&failure.code);
    answer.extensions_mut().insert(ErrorCode(code.to_string()));
    answer
}

fn status(failure: &Failure) -> StatusCode {
    StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn answer(status: StatusCode, content_type: &'static str, text: impl Into<Bytes>) -> Answer {
    let mut answer = http::Response::new(body(text));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// What AWS says to an operation that the service does not have.
fn unknown_operation() -> Failure {
    Failure::new(400, "UnknownOperationException", "")
}

impl IntoResponse<AwsJson10> for aws_json::router::Error {
    fn into_response(self) -> Answer {
        AwsJson10::fail(Names::PLAIN, &unknown_operation())
    }
}

impl IntoResponse<AwsJson11> for aws_json::router::Error {
    fn into_response(self) -> Answer {
        AwsJson11::fail(Names::PLAIN, &unknown_operation())
    }
}
