//! `GetSecretValue`, which applications call far more often than all else: the same operation, read and
//! written without the router's detours. Whatever is not a plain success goes the way of the others.

use super::{SecretsManager, purge};
use crate::base::Caller;
use crate::protocol::{Answer, body};
use crate::services::secretsmanager::ops::{GetSecretValue, SecretValue, Tended};
use base64::Engine;
use bytes::Bytes;
use http::HeaderValue;
use std::sync::Arc;

/// The target of the operation.
const TARGET: &[u8] = b"secretsmanager.GetSecretValue";
/// Bytes of an answer beside its texts.
const FRAME_BYTES: usize = 192;

/// The answer to `request`, if it is this operation and succeeds.
pub(super) async fn answer(
    service: &SecretsManager,
    request: &http::Request<Bytes>,
) -> Option<Answer> {
    let target = request.headers().get("x-amz-target")?;
    if target.as_bytes() != TARGET || request.method() != http::Method::POST {
        return None;
    }
    let caller = request.extensions().get::<Arc<Caller>>()?;
    let read: GetSecretValue = serde_json::from_slice(request.body()).ok()?;
    purge(&service.host, caller).await.ok()?;
    let (value, ticket) = service.host.apply(Tended(read), caller).ok()?;
    if let Some(ticket) = ticket {
        ticket.committed().await.ok()?;
    }
    if value.key.is_some() {
        // Whether the key may be used now is asked on the way of the others.
        return None;
    }
    let mut answer = Answer::new(body(json(&value)));
    let kind = HeaderValue::from_static("application/x-amz-json-1.1");
    answer.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    Some(answer)
}

/// The answer's text, member by member in the order of the type.
fn json(value: &SecretValue) -> Vec<u8> {
    let length = value.secret_string.as_ref().map_or(0, |text| text.0.len())
        + value.secret_binary.as_ref().map_or(0, |bytes| bytes.0.len() * 4 / 3 + 4);
    let mut out = Vec::with_capacity(FRAME_BYTES + value.arn.len() + value.name.len() + length);
    out.extend_from_slice(b"{\"ARN\":");
    text(&mut out, &value.arn);
    out.extend_from_slice(b",\"Name\":");
    text(&mut out, &value.name);
    out.extend_from_slice(b",\"VersionId\":");
    text(&mut out, &value.version_id);
    if let Some(secret) = &value.secret_string {
        out.extend_from_slice(b",\"SecretString\":");
        text(&mut out, &secret.0);
    }
    if let Some(secret) = &value.secret_binary {
        out.extend_from_slice(b",\"SecretBinary\":");
        text(&mut out, &base64::engine::general_purpose::STANDARD.encode(&secret.0));
    }
    out.extend_from_slice(b",\"VersionStages\":[");
    for (n, stage) in value.version_stages.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        text(&mut out, stage);
    }
    out.extend_from_slice(b"],\"CreatedDate\":");
    scalar(&mut out, &value.created_date);
    out.push(b'}');
    out
}

/// A text; nearly none has anything to escape.
fn text(out: &mut Vec<u8>, text: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    // Without leaving early: so it takes many bytes at a time.
    if !text.bytes().fold(true, |all, byte| all & plain(byte)) {
        return scalar(out, &text);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn scalar<T: serde::Serialize>(out: &mut Vec<u8>, value: &T) {
    // Texts and numbers into memory: nothing can fail.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::secretsmanager::sealed::{Blob, Text};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_what_the_type_itself_would_write(
            texts in prop::collection::vec(any::<String>(), 4),
            bytes in prop::option::of(prop::collection::vec(any::<u8>(), 0..9)),
            created in 0..4_102_444_800_000i64,
        ) {
            let value = SecretValue {
                arn: texts[0].clone(),
                name: texts[1].clone(),
                version_id: "0".repeat(32),
                secret_string: bytes.is_none().then(|| Text(texts[2].as_str().into())),
                secret_binary: bytes.map(|bytes| Blob(bytes.into())),
                version_stages: [texts[3].clone(), "AWSCURRENT".to_owned()].into(),
                key: None,
                created_date: crate::base::Millis(created).as_seconds_f64(),
            };
            prop_assert_eq!(json(&value), serde_json::to_vec(&value).unwrap());
        }
    }
}
