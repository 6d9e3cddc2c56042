//! What is measured: requests as SDKs send them, to a gateway that takes any credentials.

use crate::client::{Request, Wire};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;

/// 64 MiB.
pub(crate) const LARGE_BYTES: usize = 64 * 1024 * 1024;
/// Objects that small reads go round in.
const KEYS: u64 = 1000;

/// A measure.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// For transfers: megabytes (10⁶) of one request.
    pub(crate) megabytes: Option<f64>,
    /// Where the number differs from the others'.
    pub(crate) connections: Option<u32>,
    pub(crate) baseline: Baseline,
    pub(crate) request: Arc<dyn Fn(u64) -> Request + Send + Sync>,
}

/// What a measure is held against.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Baseline {
    /// The same request to the bare hyper server.
    Hyper,
    /// The same bytes written to the same disk with their checksums.
    Disk,
}

fn small(name: &'static str, request: impl Fn(u64) -> Request + Send + Sync + 'static) -> Case {
    let baseline = Baseline::Hyper;
    Case { name, megabytes: None, connections: None, baseline, request: Arc::new(request) }
}

fn large(
    name: &'static str,
    baseline: Baseline,
    request: impl Fn(u64) -> Request + Send + Sync + 'static,
) -> Case {
    let megabytes = Some(LARGE_BYTES as f64 / 1e6);
    Case { name, megabytes, connections: Some(2), baseline, request: Arc::new(request) }
}

/// All measures in the order of the table.
pub(crate) fn all() -> Vec<Case> {
    let kib = Bytes::from(vec![b'x'; 1024]);
    let big = Bytes::from(vec![b'x'; LARGE_BYTES]);
    vec![
        small("SQS SendMessage", |_| {
            let text = "m".repeat(256);
            let body = format!(r#"{{"QueueUrl":"{QUEUE_URL}","MessageBody":"{text}"}}"#);
            json("sqs", "AmazonSQS.SendMessage", "1.0", &body)
        }),
        small("S3 PutObject 1 KiB", move |n| {
            object("PUT", &format!("/bench/new-{n}"), kib.clone())
        }),
        small("S3 GetObject 1 KiB", |n| object("GET", &key(n % KEYS), Bytes::new())),
        large("S3 PutObject 64 MiB", Baseline::Disk, move |n| {
            object("PUT", &format!("/bench/large-{}", n % 2), big.clone())
        }),
        large("S3 GetObject 64 MiB", Baseline::Hyper, |_| {
            object("GET", "/bench/large", Bytes::new())
        }),
        small("GetSecretValue", |_| {
            json(
                "secretsmanager",
                "secretsmanager.GetSecretValue",
                "1.1",
                r#"{"SecretId":"bench"}"#,
            )
        }),
        small("SES SendEmail", |_| form("email", MAIL)),
        small("SES v2 SendEmail", |_| rest("email", "/v2/email/outbound-emails", MAIL_V2)),
    ]
}

const QUEUE_URL: &str = "http://127.0.0.1/000000000000/bench";
const MAIL: &str = "Action=SendEmail&Version=2010-12-01&Source=a%40example.com\
    &Destination.ToAddresses.member.1=b%40example.com&Message.Subject.Data=Hello\
    &Message.Body.Text.Data=Good+morning";

const MAIL_V2: &str = r#"{"FromEmailAddress":"a@example.com","Destination":{"ToAddresses":["b@example.com"]},"Content":{"Simple":{"Subject":{"Data":"Hello"},"Body":{"Text":{"Data":"Good morning"}}}}}"#;

fn key(n: u64) -> String {
    format!("/bench/key-{n}")
}

/// Makes what the measures use; fails loudly, for nothing measured afterwards would mean anything.
pub(crate) async fn prepare(gateway: SocketAddr) {
    let kib = Bytes::from(vec![b'x'; 1024]);
    let mut requests = vec![
        json("sqs", "AmazonSQS.CreateQueue", "1.0", r#"{"QueueName":"bench"}"#),
        object("PUT", "/bench", Bytes::new()),
        json(
            "secretsmanager",
            "secretsmanager.CreateSecret",
            "1.1",
            r#"{"Name":"bench","SecretString":"hunter2","ClientRequestToken":"00000000-0000-4000-8000-000000000000"}"#,
        ),
        form("email", "Action=VerifyEmailIdentity&Version=2010-12-01&EmailAddress=a%40example.com"),
        object("PUT", "/bench/large", Bytes::from(vec![b'x'; LARGE_BYTES])),
    ];
    requests.extend((0..KEYS).map(|n| object("PUT", &key(n), kib.clone())));
    let mut wire = Wire::open(gateway).await;
    for request in requests {
        let answer = wire.exchange(&request).await.expect("an answer");
        let line = request.head.lines().next().unwrap_or_default();
        assert!(answer.status < 300, "{line}: {} {}", answer.status, answer.beginning);
    }
}

fn request(first: &str, service: &str, headers: &str, body: Bytes) -> Request {
    let head = format!(
        "{first} HTTP/1.1\r\nhost: 127.0.0.1:4566\r\nuser-agent: bench\r\nx-amz-date: 20261121T120000Z\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/{service}/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={}\r\n{headers}content-length: {}\r\n\r\n",
        "0".repeat(64),
        body.len()
    );
    Request { head, body }
}

pub(crate) fn json(service: &str, target: &str, version: &str, body: &str) -> Request {
    let headers =
        format!("content-type: application/x-amz-json-{version}\r\nx-amz-target: {target}\r\n");
    request("POST /", service, &headers, Bytes::copy_from_slice(body.as_bytes()))
}

fn form(service: &str, body: &'static str) -> Request {
    let headers = "content-type: application/x-www-form-urlencoded; charset=utf-8\r\n";
    request("POST /", service, headers, Bytes::from_static(body.as_bytes()))
}

fn rest(service: &str, path: &str, body: &'static str) -> Request {
    let headers = "content-type: application/json\r\n";
    request(&format!("POST {path}"), service, headers, Bytes::from_static(body.as_bytes()))
}

pub(crate) fn object(method: &str, path: &str, body: Bytes) -> Request {
    let headers = "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n";
    request(&format!("{method} {path}"), "s3", headers, body)
}
