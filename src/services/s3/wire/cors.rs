//! Cross-origin requests: the preflight, and the headers that a bucket's rules add to answers.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html>

use super::S3;
use super::answer::{empty, set};
use super::head::Head;
use crate::protocol::Answer;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::Look;
use crate::services::s3::xml::Element;
use http::{HeaderMap, StatusCode};

/// A rule that fits, and what it grants.
struct Grant {
    origin: String,
    methods: String,
    headers: Vec<String>,
    exposed: Vec<String>,
    max_age: Option<String>,
}

/// Whether `pattern`, which may hold one `*`, fits.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, behind)) => {
            text.len() >= before.len() + behind.len()
                && text.starts_with(before)
                && text.ends_with(behind)
        }
    }
}

fn texts<'a>(rule: &'a Element, name: &'a str) -> impl Iterator<Item = &'a str> {
    rule.all(name).map(|e| e.text.as_str())
}

/// The first rule of a CORS document that allows the method from the origin with the headers.
fn granted(document: &str, origin: &str, method: &str, asked: &[String]) -> Option<Grant> {
    let rules = Element::parse(document.as_bytes(), "CORSConfiguration").ok()?;
    let rule = rules.children.iter().find(|rule| {
        let allowed = |header: &String| {
            texts(rule, "AllowedHeader").any(|p| fits(&p.to_ascii_lowercase(), header))
        };
        texts(rule, "AllowedOrigin").any(|p| fits(p, origin))
            && texts(rule, "AllowedMethod").any(|m| m == method)
            && asked.iter().all(allowed)
    })?;
    let any = texts(rule, "AllowedOrigin").any(|p| p == "*");
    Some(Grant {
        origin: if any { "*".into() } else { origin.to_owned() },
        methods: texts(rule, "AllowedMethod").collect::<Vec<_>>().join(", "),
        headers: asked.to_vec(),
        exposed: texts(rule, "ExposeHeader").map(str::to_owned).collect(),
        max_age: rule.value("MaxAgeSeconds").map(str::to_owned),
    })
}

fn show(headers: &mut HeaderMap, grant: &Grant) {
    set(headers, "access-control-allow-origin", &grant.origin);
    set(headers, "access-control-allow-methods", &grant.methods);
    if !grant.headers.is_empty() {
        set(headers, "access-control-allow-headers", &grant.headers.join(", "));
    }
    if !grant.exposed.is_empty() {
        set(headers, "access-control-expose-headers", &grant.exposed.join(", "));
    }
    if let Some(age) = &grant.max_age {
        set(headers, "access-control-max-age", age);
    }
    if grant.origin != "*" {
        set(headers, "access-control-allow-credentials", "true");
    }
    let vary = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
    set(headers, "vary", vary);
}

impl S3 {
    fn cors_document(&self, bucket: &str) -> Result<Option<Option<String>>> {
        let found = self.look(|index| index.bucket(bucket))?;
        Ok(found.map(|b| b.settings.documents.get("cors").cloned()))
    }

    /// `OPTIONS`.
    pub(super) fn preflight(&self, head: &Head) -> Result<Answer> {
        let Some(origin) = head.header("origin") else {
            return Err(Error::new(
                400,
                "BadRequest",
                "Insufficient information. Origin request header needed.",
            ));
        };
        let asked = head.header("access-control-request-method");
        let forbidden = |text: &'static str, resource: &'static str| {
            Error::new(403, "AccessForbidden", text)
                .with("Method", asked.unwrap_or("OPTIONS"))
                .with("ResourceType", resource)
        };
        let document = match self.cors_document(&head.bucket)? {
            None => return Err(forbidden("CORSResponse: Bucket not found", "BUCKET")),
            Some(None) => {
                let text = "CORSResponse: CORS is not enabled for this bucket.";
                return Err(forbidden(text, "BUCKET"));
            }
            Some(Some(document)) => document,
        };
        let Some(method) = asked else {
            return Err(Error::new(
                400,
                "BadRequest",
                "Invalid Access-Control-Request-Method: null",
            ));
        };
        let wanted = head.header("access-control-request-headers").unwrap_or_default();
        let headers: Vec<String> = wanted
            .split(',')
            .map(|h| h.trim().to_ascii_lowercase())
            .filter(|h| !h.is_empty())
            .collect();
        let Some(grant) = granted(&document, origin, method, &headers) else {
            let text = "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.";
            let resource = if head.key.is_empty() { "BUCKET" } else { "OBJECT" };
            return Err(forbidden(text, resource));
        };
        let mut answer = empty(StatusCode::OK);
        show(answer.headers_mut(), &grant);
        Ok(answer)
    }

    /// Adds what the bucket's rules grant the page that asked.
    pub(super) fn with_cors(&self, head: &Head, mut answer: Answer) -> Answer {
        let Some(origin) = head.header("origin") else { return answer };
        if head.method == http::Method::OPTIONS || head.bucket.is_empty() {
            return answer;
        }
        let document = self.cors_document(&head.bucket).ok().flatten().flatten();
        let grant = document.and_then(|d| granted(&d, origin, head.method.as_str(), &[]));
        if let Some(grant) = grant {
            show(answer.headers_mut(), &grant);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wildcard_fits_anything_between() {
        assert!(fits("*", "https://a"));
        assert!(fits("https://*.a.com", "https://x.a.com"));
        assert!(!fits("https://*.a.com", "https://a.com"));
        assert!(!fits("http://*", "https://a"));
        assert!(fits("x-amz-*", "x-amz-date"));
        assert!(!fits("ab*ba", "aba"));
    }
}
