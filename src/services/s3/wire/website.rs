//! Websites: `bucket.s3-website.localhost`. Every visitor is anonymous; errors are pages.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteEndpoints.html>; the pages are those
//! that S3 sends.

use super::S3;
use super::answer::{empty, refusal, set};
use super::head::Head;
use super::headers::Headers;
use super::routes::Operation;
use crate::base::xml_text;
use crate::protocol::{Answer, body};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Look, existing};
use crate::services::s3::names::{host_id, short_id};
use crate::services::s3::website::{Elsewhere, Website};
use crate::services::s3::xml::Element;
use http::{Method, StatusCode, header};
use std::fmt::Write;

/// Whether a label of a host name says that a website is meant.
pub(super) fn is_website(label: &str) -> bool {
    label == "s3-website" || label.starts_with("s3-website-")
}

impl S3 {
    /// Answers a visitor.
    pub(super) async fn website(&self, head: &Head) -> Answer {
        if head.method != Method::GET && head.method != Method::HEAD {
            let error = Error::method_not_allowed(head.method.as_str(), "OBJECT");
            return page(head, &error, None);
        }
        let site = match self.site(head) {
            Ok(site) => site,
            Err(error) => return page(head, &error, None),
        };
        let host = head.caller.endpoint.trim_start_matches("http://");
        if let Some(elsewhere) = site.before(&head.key, host) {
            return sent(&elsewhere);
        }
        let error = match self.visit(head, &site.object(&head.key)).await {
            Ok(answer) => return redirected(answer),
            // Not an error: the browser has it already.
            Err(error) if error.status == 304 => return refusal(&error, Some(head), ""),
            Err(error) => error,
        };
        if let Some(index) = site.index_below(&head.key)
            && self.visit(head, &index).await.is_ok()
        {
            let path = format!("/{}/", super::answer::url_encoded(&head.key).replace('+', "%20"));
            return sent(&Elsewhere { status: 302, location: path });
        }
        if let Some(elsewhere) = site.after(&head.key, error.status, host) {
            return sent(&elsewhere);
        }
        let Some(key) = &site.error else { return page(head, &error, None) };
        let plain = Head { headers: Headers::default(), ..head.clone() };
        match self.visit(&plain, key).await {
            Ok(mut answer) => {
                let status = StatusCode::from_u16(error.status);
                *answer.status_mut() = status.unwrap_or(StatusCode::NOT_FOUND);
                with_error(&mut answer, &error);
                answer
            }
            Err(second) => page(head, &error, Some(&second)),
        }
    }

    fn site(&self, head: &Head) -> Result<Website> {
        let bucket = self.look(|index| existing(index, &head.bucket))?;
        let document = bucket.settings.documents.get("website").ok_or_else(|| {
            Error::new(
                404,
                "NoSuchWebsiteConfiguration",
                "The specified bucket does not have a website configuration",
            )
            .with("BucketName", head.bucket.as_str())
        })?;
        Element::parse(document.as_bytes(), "WebsiteConfiguration").map(|d| Website::read(&d))
    }

    /// The object as an anonymous visitor gets it.
    async fn visit(&self, head: &Head, key: &str) -> Result<Answer> {
        let (key, query) = (key.to_owned(), Vec::new());
        let asked = Head { key, query, anonymous: true, ..head.clone() };
        self.check_access(&asked, Operation::Named("GetObject"))
            .map_err(|error| self.missing_or(&asked, error))?;
        self.get_object(&asked).await.map_err(|error| self.veiled(&asked, error))
    }

    /// Who may list a bucket learns that a key is missing, whether or not the object could be read.
    fn missing_or(&self, asked: &Head, error: Error) -> Error {
        let missing = Error::no_such_key(&asked.key);
        let there = self.look(|index| {
            let bucket = existing(index, &asked.bucket)?;
            Ok(index.newest(bucket.id, &asked.key)?.is_some_and(|v| !v.marker))
        });
        if there.unwrap_or(true) { error } else { self.veiled(asked, missing) }
    }
}

/// An object may say that it is elsewhere.
fn redirected(answer: Answer) -> Answer {
    let location = answer.headers().get("x-amz-website-redirect-location");
    match location.and_then(|l| l.to_str().ok()) {
        Some(location) => sent(&Elsewhere { status: 301, location: location.to_owned() }),
        None => answer,
    }
}

fn sent(elsewhere: &Elsewhere) -> Answer {
    let status = StatusCode::from_u16(elsewhere.status).unwrap_or(StatusCode::MOVED_PERMANENTLY);
    let mut answer = empty(status);
    set(answer.headers_mut(), "location", &elsewhere.location);
    answer
}

fn with_error(answer: &mut Answer, error: &Error) {
    set(answer.headers_mut(), "x-amz-error-code", &error.code);
    set(answer.headers_mut(), "x-amz-error-message", &error.message);
}

fn items(html: &mut String, error: &Error) {
    let mut item = |name: &str, value: &str| {
        let _ = writeln!(html, "<li>{name}: {}</li>", xml_text(value));
    };
    item("Code", &error.code);
    item("Message", &error.message);
    error.members.iter().for_each(|(name, value)| item(name, value));
}

/// The page of an error, and of the one that fetching the error document met.
fn page(head: &Head, error: &Error, second: Option<&Error>) -> Answer {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let title = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
    let mut html =
        format!("<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<ul>\n");
    items(&mut html, error);
    let id = &head.caller.request_id;
    let _ = writeln!(
        html,
        "<li>RequestId: {}</li>\n<li>HostId: {}</li>\n</ul>",
        short_id(id),
        host_id(id)
    );
    if let Some(second) = second {
        html.push_str("<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n<ul>\n");
        items(&mut html, second);
        html.push_str("</ul>\n");
    }
    html.push_str("<hr/>\n</body>\n</html>\n");
    let bodiless = head.method == Method::HEAD;
    let mut answer = http::Response::new(body(if bodiless { String::new() } else { html }));
    *answer.status_mut() = status;
    set(answer.headers_mut(), header::CONTENT_TYPE.as_str(), "text/html; charset=utf-8");
    with_error(&mut answer, error);
    answer
}
