//! Which AWS service a request is for, from what every SDK sends: `X-Amz-Target`, the credential
//! scope, the form's `Action`, the host, the path; what remains is S3's.

use crate::protocol::{Credential, Form};
use http::HeaderName;
use http::request::Parts;
use std::borrow::Cow;

/// What a request says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Signing name of the service (`sqs`).
    pub(super) service: Cow<'static, str>,
    /// Whether the body is an awsQuery form.
    pub(super) query: bool,
}

/// Where the JSON protocols name the operation.
pub(super) static TARGET: HeaderName = HeaderName::from_static("x-amz-target");
/// Targets' prefixes and the signing names behind them.
const TARGETS: &[(&str, &str)] = &[
    ("AmazonSQS", "sqs"),
    ("secretsmanager", "secretsmanager"),
    ("TrentService", "kms"),
    ("AmazonSSM", "ssm"),
    ("DynamoDB_20120810", "dynamodb"),
    ("AWSEvents", "events"),
    ("Logs_20140328", "logs"),
];

/// Versions of awsQuery interfaces and the signing names behind them.
const VERSIONS: &[(&str, &str)] = &[
    ("2012-11-05", "sqs"),
    ("2010-12-01", "ses"),
    ("2011-06-15", "sts"),
    ("2010-05-08", "iam"),
    ("2010-03-31", "sns"),
];

/// Signing names that differ from the service's name here.
fn service_of(signing_name: &str) -> &str {
    match signing_name {
        "email" => "ses",
        "s3express" | "s3-object-lambda" => "s3",
        other => other,
    }
}

/// A service's name, without a copy where it is one that we know.
fn named(service: &str) -> Cow<'static, str> {
    let mut known = TARGETS.iter().chain(VERSIONS).map(|(_, known)| *known).chain(["s3"]);
    known.find(|known| *known == service).map_or_else(|| service.to_owned().into(), Cow::Borrowed)
}

/// Reads what can be known before the body: `Err` says that the body's form decides.
pub(super) fn by_head(parts: &Parts, credential: Option<&Credential>) -> Option<Target> {
    let found = |service: &str, query| Some(Target { service: named(service), query });
    let is_form = is_form(parts);
    if let Some(target) = parts.headers.get(&TARGET).and_then(|t| t.to_str().ok()) {
        let prefix = target.split('.').next().unwrap_or_default();
        let known = TARGETS.iter().find(|(name, _)| *name == prefix).map(|(_, service)| *service);
        let signed = credential.map(|c| service_of(&c.service));
        return found(known.or(signed).unwrap_or(prefix), false);
    }
    let path = parts.uri.path();
    if let Some(credential) = credential {
        let service = service_of(&credential.service);
        let query =
            service != "s3" && !path.starts_with("/v2/email/") && (is_form || has_action(parts));
        return found(service, query);
    }
    if path.starts_with("/v2/email/") {
        return found("ses", false);
    }
    if let Some(service) = by_host(parts) {
        return found(service, service != "s3" && (is_form || has_action(parts)));
    }
    if has_action(parts) {
        let query = Form::parse(parts.uri.query().unwrap_or_default().as_bytes()).ok()?;
        return found(by_form(&query).unwrap_or("sqs"), true);
    }
    if is_form && parts.method == http::Method::POST {
        return None;
    }
    found("s3", false)
}

/// Which service a form's `Version` names.
pub(super) fn by_form(form: &Form) -> Option<&'static str> {
    form.get("Action")?;
    let version = form.get("Version").unwrap_or_default();
    VERSIONS.iter().find(|(known, _)| *known == version).map(|(_, service)| *service)
}

fn is_form(parts: &Parts) -> bool {
    let content_type = parts.headers.get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    content_type.is_some_and(|t| t.starts_with("application/x-www-form-urlencoded"))
}

fn has_action(parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    query.split('&').any(|pair| pair.starts_with("Action="))
}

/// `sqs.us-east-1.localhost…`, `bucket.s3.localhost…`, `email.…`.
fn by_host(parts: &Parts) -> Option<&'static str> {
    let host = super::guard::host_of(parts)?;
    let labels: Vec<&str> = host.split('.').collect();
    let known = [
        ("sqs", "sqs"),
        ("secretsmanager", "secretsmanager"),
        ("email", "ses"),
        ("sts", "sts"),
        ("kms", "kms"),
    ];
    let first = labels.first().copied().unwrap_or_default();
    if labels.contains(&"s3") {
        return Some("s3");
    }
    // Only with something behind it: a bucket may be called `sqs` and stand before `localhost`.
    (labels.len() > 2).then(|| known.iter().find(|(l, _)| *l == first).map(|(_, s)| *s))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(method: &str, uri: &str, headers: &[(&str, &str)]) -> Option<Target> {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let credential = headers
            .iter()
            .find(|(n, _)| *n == "authorization")
            .and_then(|(_, v)| Credential::from_authorization(v));
        by_head(&parts, credential.as_ref())
    }

    fn service(method: &str, uri: &str, headers: &[(&str, &str)]) -> String {
        head(method, uri, headers).map_or_else(|| "by form".into(), |t| t.service.into_owned())
    }

    const SES: &str = "AWS4-HMAC-SHA256 Credential=a/20261121/us-east-1/ses/aws4_request, SignedHeaders=host, Signature=0";
    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");

    #[test]
    fn each_way_of_saying_it_is_understood() {
        assert_eq!(service("POST", "/", &[("x-amz-target", "AmazonSQS.SendMessage")]), "sqs");
        assert_eq!(service("POST", "/", &[("authorization", SES), FORM]), "ses");
        assert_eq!(service("POST", "/v2/email/outbound-emails", &[]), "ses");
        assert_eq!(service("POST", "/", &[FORM]), "by form");
        assert_eq!(service("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", &[]), "sts");
        assert_eq!(service("PUT", "/bucket/key", &[]), "s3");
        assert_eq!(
            service("POST", "/0/q", &[("host", "sqs.us-east-1.localhost:4566"), FORM]),
            "sqs"
        );
        assert_eq!(service("GET", "/k", &[("host", "b.s3.localhost:4566")]), "s3");
        assert_eq!(service("GET", "/k", &[("host", "sqs.localhost:4566")]), "s3");
    }

    #[test]
    fn a_signed_form_is_a_query_and_an_s3_upload_never_is() {
        let ses = head("POST", "/", &[("authorization", SES), FORM]).unwrap();
        assert!(ses.query);
        let s3 = SES.replace("/ses/", "/s3/");
        let put = head("PUT", "/b/k", &[("authorization", &s3), FORM]).unwrap();
        assert_eq!((put.service.as_ref(), put.query), ("s3", false));
    }
}
