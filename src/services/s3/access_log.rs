//! Server access logs: a line a request, gathered until they are delivered to the target bucket.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html>. As on AWS delivery is by best
//! effort: lines wait in memory, within a bound, and end with the process.

use super::model::Bucket;
use super::names::url_encoded;
use super::xml::Element;
use crate::base::{Ids, Millis};
use std::collections::BTreeMap;

/// How long lines wait for others before they are delivered.
const WAIT_SECONDS: i64 = 60;
/// Bytes of lines that wait at the most; more are dropped.
const WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Characters of the part of a log's key that makes it unique.
const UNIQUE_CHARS: usize = 16;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Where a bucket's logs go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The target bucket.
    pub bucket: String,
    prefix: String,
    partitioned: bool,
    /// Account, region and name of the bucket that is logged.
    source: [String; 3],
}

impl Target {
    /// As the bucket's configuration says, if it says so.
    pub fn of(bucket: &Bucket) -> Option<Target> {
        let document = bucket.settings.documents.get("logging")?;
        let document = Element::parse(document.as_bytes(), "BucketLoggingStatus").ok()?;
        let enabled = document.child("LoggingEnabled")?;
        let format = enabled.child("TargetObjectKeyFormat");
        Some(Target {
            bucket: enabled.value("TargetBucket")?.to_owned(),
            prefix: enabled.value("TargetPrefix").unwrap_or_default().to_owned(),
            partitioned: format.is_some_and(|f| f.child("PartitionedPrefix").is_some()),
            source: [bucket.account.clone(), bucket.region.clone(), bucket.name.clone()],
        })
    }

    /// The key of a log that is delivered now.
    pub fn key(&self, now: Millis, ids: &mut Ids) -> String {
        let (year, month, day, hour, minute, second, _) = now.civil();
        let mut unique = ids.alphanumeric(UNIQUE_CHARS);
        unique.make_ascii_uppercase();
        let name =
            format!("{year:04}-{month:02}-{day:02}-{hour:02}-{minute:02}-{second:02}-{unique}");
        let prefix = &self.prefix;
        if !self.partitioned {
            return format!("{prefix}{name}");
        }
        let [account, region, bucket] = &self.source;
        format!("{prefix}{account}/{region}/{bucket}/{year:04}/{month:02}/{day:02}/{name}")
    }
}

/// What a line says.
#[derive(Debug, Clone, Default)]
pub struct Line<'a> {
    /// Canonical id of the bucket's owner.
    pub owner: String,
    /// The bucket.
    pub bucket: &'a str,
    /// When the request came.
    pub at: Millis,
    /// Canonical id of who asks; `None` for the anonymous.
    pub requester: Option<String>,
    /// The request's id as S3 shows it.
    pub request: String,
    /// `REST.GET.OBJECT`.
    pub operation: String,
    /// The key.
    pub key: &'a str,
    /// `GET /bucket/key HTTP/1.1`.
    pub uri: String,
    /// HTTP status.
    pub status: u16,
    /// S3's error code.
    pub error: Option<String>,
    /// Bytes of the answer.
    pub sent: Option<u64>,
    /// Bytes of the object.
    pub size: Option<u64>,
    /// Milliseconds until the answer began.
    pub millis: u128,
    /// `Referer`.
    pub referer: Option<&'a str>,
    /// `User-Agent`.
    pub agent: Option<&'a str>,
    /// `versionId` of the request.
    pub version: Option<&'a str>,
    /// `x-amz-id-2`.
    pub host_id: String,
    /// `AuthHeader` or `QueryString`.
    pub authentication: Option<&'static str>,
    /// `Host`.
    pub host: Option<&'a str>,
}

/// `-` for nothing; spaces, quotes and control characters cannot stand in a field as they are.
fn field(text: Option<&str>) -> String {
    match text {
        None | Some("") => "-".to_owned(),
        Some(text) => text.chars().map(safe).collect(),
    }
}

fn quoted(text: Option<&str>) -> String {
    let plain = |c: char| if c == ' ' { c } else { safe(c) };
    let text: String = text.unwrap_or("-").chars().map(plain).collect();
    format!("\"{text}\"")
}

fn safe(c: char) -> char {
    if c == ' ' || c == '"' || c.is_control() { '_' } else { c }
}

fn number(n: Option<u64>) -> String {
    n.filter(|n| *n > 0).map_or_else(|| "-".to_owned(), |n| n.to_string())
}

impl Line<'_> {
    /// The line, with its end. Remote addresses are always the machine's own.
    pub fn text(&self) -> String {
        let (year, month, day, hour, minute, second, _) = self.at.civil();
        let month = MONTHS[month as usize - 1];
        // Twice: as AWS does for keys that a URI encodes already.
        let key = url_encoded(self.key).replace('+', "%20").replace('%', "%25");
        [
            self.owner.clone(),
            self.bucket.to_owned(),
            format!("[{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000]"),
            "127.0.0.1".to_owned(),
            field(self.requester.as_deref()),
            self.request.clone(),
            self.operation.clone(),
            field(Some(&key)),
            quoted(Some(&self.uri)),
            self.status.to_string(),
            field(self.error.as_deref()),
            number(self.sent),
            number(self.size),
            self.millis.to_string(),
            self.millis.to_string(),
            quoted(self.referer),
            quoted(self.agent),
            field(self.version),
            self.host_id.clone(),
            field(self.authentication.map(|_| "SigV4")),
            "-".to_owned(),
            field(self.authentication),
            field(self.host),
            "-".to_owned(),
            "-".to_owned(),
            "-\n".to_owned(),
        ]
        .join(" ")
    }
}

/// What a request is about, as logs name it: by the parameter that makes another resource of it.
const RESOURCES: &[(&str, &str)] = &[
    ("accelerate", "ACCELERATE"),
    ("acl", "ACL"),
    ("analytics", "ANALYTICS"),
    ("attributes", "OBJECT_ATTRIBUTES"),
    ("cors", "CORS"),
    ("delete", "MULTI_OBJECT_DELETE"),
    ("encryption", "ENCRYPTION"),
    ("intelligent-tiering", "INTELLIGENT_TIERING"),
    ("inventory", "INVENTORY"),
    ("legal-hold", "OBJECT_LOCK_LEGALHOLD"),
    ("lifecycle", "LIFECYCLE"),
    ("location", "LOCATION"),
    ("logging", "LOGGING_STATUS"),
    ("metrics", "METRICS"),
    ("notification", "NOTIFICATION"),
    ("object-lock", "OBJECT_LOCK_CONFIGURATION"),
    ("ownershipControls", "OWNERSHIP_CONTROLS"),
    ("policy", "BUCKETPOLICY"),
    ("policyStatus", "POLICY_STATUS"),
    ("publicAccessBlock", "PUBLIC_ACCESS_BLOCK"),
    ("replication", "REPLICATION"),
    ("requestPayment", "REQUEST_PAYMENT"),
    ("restore", "RESTORE"),
    ("retention", "OBJECT_LOCK_RETENTION"),
    ("uploads", "UPLOADS"),
    ("versioning", "VERSIONING"),
    ("versions", "BUCKETVERSIONS"),
    ("website", "WEBSITE"),
];

/// `REST.GET.OBJECT`. `has` says which query parameters there are.
pub fn operation(
    method: &str,
    of_object: bool,
    is_copy: bool,
    website: bool,
    has: impl Fn(&str) -> bool,
) -> String {
    let style = if website { "WEBSITE" } else { "REST" };
    let method = if is_copy { "COPY" } else { method };
    let plain = if of_object { "OBJECT" } else { "BUCKET" };
    let resource = match () {
        () if has("tagging") => {
            if of_object {
                "OBJECT_TAGGING"
            } else {
                "BUCKETTAGGING"
            }
        }
        () if has("partNumber") && has("uploadId") => "PART",
        () if has("uploadId") => "UPLOAD",
        () if method == "OPTIONS" => "PREFLIGHT",
        () => RESOURCES.iter().find(|(name, _)| has(name)).map_or(plain, |(_, named)| named),
    };
    format!("{style}.{method}.{resource}")
}

/// Lines of one bucket that wait.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Where they go.
    pub target: Target,
    /// When they are delivered.
    pub due: Millis,
    /// The lines.
    pub text: String,
}

/// All lines that wait, by the bucket that they are of.
#[derive(Debug, Default)]
pub struct AccessLogs {
    waiting: BTreeMap<String, Waiting>,
    bytes: usize,
}

impl AccessLogs {
    /// Takes a line in; says whether it is the first of its bucket, so that somebody must look when
    /// it is due. A line for which there is no room is dropped.
    pub fn add(&mut self, target: Target, line: &Line<'_>) -> bool {
        let text = line.text();
        if self.bytes + text.len() > WAITING_BYTES_MAX {
            return false;
        }
        self.bytes += text.len();
        let first = !self.waiting.contains_key(line.bucket);
        let due = line.at.plus_seconds(WAIT_SECONDS);
        let waiting = self.waiting.entry(line.bucket.to_owned());
        let waiting =
            waiting.or_insert_with(|| Waiting { target: target.clone(), due, text: String::new() });
        // As the configuration is now.
        waiting.target = target;
        waiting.text.push_str(&text);
        first
    }

    /// When something is due.
    pub fn next_due(&self) -> Option<Millis> {
        self.waiting.values().map(|waiting| waiting.due).min()
    }

    /// Takes out what is due.
    pub fn take(&mut self, now: Millis) -> Vec<Waiting> {
        let due: Vec<String> = self
            .waiting
            .iter()
            .filter(|(_, w)| w.due <= now)
            .map(|(name, _)| name.clone())
            .collect();
        let taken: Vec<Waiting> = due.iter().filter_map(|name| self.waiting.remove(name)).collect();
        self.bytes -= taken.iter().map(|waiting| waiting.text.len()).sum::<usize>();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(partitioned: bool) -> Target {
        let source = ["1".repeat(12), "eu-west-1".into(), "b".into()];
        Target { bucket: "logs".into(), prefix: "p/".into(), partitioned, source }
    }

    #[test]
    fn a_line_has_awss_fields() {
        let line = Line {
            owner: "owner".into(),
            bucket: "b",
            at: Millis(1_549_411_238_000),
            operation: "REST.GET.OBJECT".into(),
            request: "3E57427F3EXAMPLE".into(),
            key: "a b/\"c",
            uri: "GET /b/a%20b HTTP/1.1".into(),
            status: 404,
            error: Some("NoSuchKey".into()),
            sent: Some(297),
            millis: 7,
            agent: Some("evil\" \n agent"),
            host_id: "id2".into(),
            authentication: Some("AuthHeader"),
            host: Some("localhost"),
            ..Line::default()
        };
        assert_eq!(
            line.text(),
            "owner b [06/Feb/2019:00:00:38 +0000] 127.0.0.1 - 3E57427F3EXAMPLE REST.GET.OBJECT a%2520b/%2522c \
             \"GET /b/a%20b HTTP/1.1\" 404 NoSuchKey 297 - 7 7 \"-\" \"evil_ _ agent\" - id2 SigV4 - AuthHeader \
             localhost - - -\n"
        );
    }

    #[test]
    fn operations_have_awss_names() {
        let of = |method, object, copy, parameters: &[&str]| {
            operation(method, object, copy, false, |name| parameters.contains(&name))
        };
        assert_eq!(of("GET", true, false, &[]), "REST.GET.OBJECT");
        assert_eq!(of("GET", false, false, &["versioning"]), "REST.GET.VERSIONING");
        assert_eq!(of("PUT", true, true, &[]), "REST.COPY.OBJECT");
        assert_eq!(of("PUT", true, false, &["partNumber", "uploadId"]), "REST.PUT.PART");
        assert_eq!(of("POST", true, false, &["uploadId"]), "REST.POST.UPLOAD");
        assert_eq!(of("POST", false, false, &["delete"]), "REST.POST.MULTI_OBJECT_DELETE");
        assert_eq!(of("GET", false, false, &["logging"]), "REST.GET.LOGGING_STATUS");
    }

    #[test]
    fn logs_are_named_by_time_and_wait_within_a_bound() {
        let mut ids = Ids::seeded(1);
        let now = Millis(1_549_411_238_000);
        let key = target(false).key(now, &mut ids);
        assert!(key.starts_with("p/2019-02-06-00-00-38-") && key.len() == 22 + UNIQUE_CHARS);
        let key = target(true).key(now, &mut ids);
        assert!(key.starts_with("p/111111111111/eu-west-1/b/2019/02/06/2019-02-06-00-00-38-"));
        let mut logs = AccessLogs::default();
        let line = Line { bucket: "b", at: now, ..Line::default() };
        assert!(logs.add(target(false), &line));
        assert!(!logs.add(target(false), &line));
        let due = now.plus_seconds(WAIT_SECONDS);
        assert_eq!((logs.next_due(), logs.take(now).len()), (Some(due), 0));
        let taken = logs.take(due);
        assert_eq!((taken.len(), taken[0].text.lines().count(), logs.bytes), (1, 2, 0));
        let length = line.text().len();
        for _ in 0..WAITING_BYTES_MAX / length + 10 {
            logs.add(target(false), &line);
        }
        assert!(logs.bytes <= WAITING_BYTES_MAX && logs.bytes > WAITING_BYTES_MAX - length);
    }
}
