//! Files into buckets, messages into queues and mails into the inbox, through the services' own operations.
//! What is there already is not put again: objects and mails by their content, messages by their body and
//! number.

use super::seed_database::file;
use crate::base::{Caller, Problem};
use crate::services::sqs::inspect::{Filter, messages};
use crate::services::sqs::ops::SendMessage;
use crate::services::{Service, Services};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a seeded object at the most: it is read whole.
const OBJECT_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Bytes of a seeded mail at the most: what SES takes (<https://docs.aws.amazon.com/ses/latest/dg/quotas.html>).
const MAIL_BYTES_MAX: u64 = 40 * 1024 * 1024;
/// Messages of a queue that are compared.
const MESSAGES_MAX: usize = 120_000;
/// What stays as it is in a key's path.
const KEY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Carries out one step: `{"objects": {"bucket", "path", "prefix"?}}` `{"messages": {"queue", "body" | "file"}}`
/// or `{"mails": "a file or a folder"}`.
/// Answers how many were put.
pub async fn seed_services(
    step: &Value,
    project: &Path,
    services: &Services,
    caller: &Caller,
) -> Result<u64, Problem> {
    let text = |step: &Value, name: &str| step[name].as_str().unwrap_or_default().to_owned();
    if let Some(objects) = step.get("objects") {
        let bucket = text(objects, "bucket");
        let root = project.join(text(objects, "path"));
        let mut put = 0;
        for (path, name) in files(&root)? {
            let key = format!("{}{name}", text(objects, "prefix"));
            put += u64::from(object(services, caller, &bucket, &key, &path).await?);
        }
        return Ok(put);
    }
    if let Some(step) = step.get("messages") {
        let bodies = match step["file"].as_str() {
            Some(name) => file(&project.join(name))?
                .lines()
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect(),
            None => vec![text(step, "body")],
        };
        return send(services, caller, &text(step, "queue"), bodies).await;
    }
    if let Some(path) = step["mails"].as_str() {
        let mut put = 0;
        for (path, _) in files(&project.join(path))? {
            put += u64::from(mail(services, caller, &path).await?);
        }
        return Ok(put);
    }
    Err(Problem::failed("seed-step", "this step is for no service"))
}

/// Puts a mail into the inbox, unless one with this content was put before. Answers whether it did.
async fn mail(services: &Services, caller: &Caller, path: &Path) -> Result<bool, Problem> {
    let wrong = |why: String| Problem::failed("seed-mail", format!("{}: {why}", path.display()));
    let size = std::fs::metadata(path).map_err(|e| wrong(e.to_string()))?.len();
    if size > MAIL_BYTES_MAX {
        return Err(wrong(format!("it has more than {MAIL_BYTES_MAX} bytes")));
    }
    let bytes = std::fs::read(path).map_err(|e| wrong(e.to_string()))?;
    let hash = hex::encode(Sha256::digest(&bytes));
    let put = services.ses.accept_once(caller, Bytes::from(bytes), hash).await;
    put.map_err(|failure| wrong(failure.message))
}

/// A file, or all files below a directory, with their names from there; in the order of names.
pub(crate) fn files(root: &Path) -> Result<Vec<(PathBuf, String)>, Problem> {
    let wrong = |path: &Path, e: &dyn std::fmt::Display| {
        Problem::failed("seed-file", format!("{} cannot be read: {e}", path.display()))
    };
    if root.is_file() {
        let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Ok(vec![(root.to_owned(), name)]);
    }
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(&dir).map_err(|e| wrong(&dir, &e))? {
            let path = entry.map_err(|e| wrong(&dir, &e))?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if let Ok(name) = path.strip_prefix(root) {
                found.push((path.clone(), name.to_string_lossy().into_owned()));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Puts an object, unless it is there with this content. Answers whether it did.
async fn object(
    services: &Services,
    caller: &Caller,
    bucket: &str,
    key: &str,
    path: &Path,
) -> Result<bool, Problem> {
    let what = format!("s3://{bucket}/{key}");
    let wrong = |why: String| Problem::failed("seed-object", format!("{what}: {why}"));
    let size = std::fs::metadata(path).map_err(|e| wrong(e.to_string()))?.len();
    if size > OBJECT_BYTES_MAX {
        return Err(wrong(format!("{} has more than {OBJECT_BYTES_MAX} bytes", path.display())));
    }
    let bytes = std::fs::read(path).map_err(|e| wrong(e.to_string()))?;
    let digest = hex::encode(Sha256::digest(&bytes));
    let uri = format!("/{bucket}/{}", utf8_percent_encode(key, KEY));
    // The content's hash lies beside it, whatever ETag encryption or parts give.
    let mark = "x-amz-meta-devenv-seed";
    let head = request(caller, "HEAD", &uri, &[], Bytes::new()).map_err(wrong)?;
    let there = services.s3.call(head).await;
    if there.status().is_success()
        && there.headers().get(mark).is_some_and(|v| v == digest.as_str())
    {
        return Ok(false);
    }
    let length = bytes.len().to_string();
    let kind = content_type(key);
    let headers = [(mark, digest.as_str()), ("content-length", &length), ("content-type", kind)];
    let put = request(caller, "PUT", &uri, &headers, Bytes::from(bytes)).map_err(wrong)?;
    let answer = services.s3.call(put).await;
    match answer.status().is_success() {
        true => Ok(true),
        false => {
            let status = answer.status();
            let body = answer.into_body().collect().await.map(|b| b.to_bytes()).unwrap_or_default();
            Err(wrong(format!("{status} {}", String::from_utf8_lossy(&body))))
        }
    }
}

fn request(
    caller: &Caller,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Result<crate::protocol::Request, String> {
    let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
    let mut request = http::Request::builder().method(method).uri(uri).header("host", "127.0.0.1");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(body).map_err(|e| e.to_string())?;
    request.extensions_mut().insert(Arc::new(caller.clone()));
    Ok(request)
}

fn content_type(key: &str) -> &'static str {
    let ending = key.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match ending.as_str() {
        "json" => "application/json",
        "txt" | "md" | "log" => "text/plain",
        "html" | "htm" => "text/html",
        "csv" => "text/csv",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "svg" => "image/svg+xml",
        "xml" => "application/xml",
        _ => "binary/octet-stream",
    }
}

/// Sends the messages that are not in the queue as often as they should be.
async fn send(
    services: &Services,
    caller: &Caller,
    queue: &str,
    bodies: Vec<String>,
) -> Result<u64, Problem> {
    let now = services.clock.view().now;
    let looked = services.sqs.look(|state, _| {
        let id = state.find(&caller.account, &caller.region, queue)?;
        let all = Filter { stand: None, after: 0, limit: MESSAGES_MAX };
        let queue = state.queue(id)?;
        let mut there: HashMap<String, usize> = HashMap::new();
        for (_, message) in messages(queue, now, all).0 {
            *there.entry(message.content.body.to_string()).or_default() += 1;
        }
        Some((there, queue.is_fifo()))
    });
    let looked = looked.map_err(|failure| Problem::failed("seed-queue", failure.message))?;
    let Some((mut there, fifo)) = looked else {
        return Err(Problem::failed("seed-queue", format!("there is no queue {queue}")));
    };
    let mut sent = 0;
    for body in bodies {
        if let Some(left) = there.get_mut(&body).filter(|left| **left > 0) {
            *left -= 1;
            continue;
        }
        let message = SendMessage {
            queue_url: format!("{}/{}/{queue}", caller.endpoint, caller.account),
            message_deduplication_id: fifo.then(|| hex::encode(Sha256::digest(body.as_bytes()))),
            message_group_id: fifo.then(|| "seed".to_owned()),
            message_body: body.as_str().into(),
            ..SendMessage::default()
        };
        services.sqs.run(message, caller).await.map_err(|failure| {
            let why = failure.message;
            Problem::failed("seed-queue", format!("cannot send to {queue}: {why}"))
        })?;
        sent += 1;
    }
    Ok(sent)
}
