//! Who may speak to the gateway: programs on this machine and pages that they serve; not a web page
//! from elsewhere, and not a name that was rebound to this address.
//!
//! A browser cannot forge `Host`, `Origin`, `Sec-Fetch-Site` or `Referer`; programs may send what they like,
//! and run with the user's rights anyway.

use http::request::Parts;
use http::{HeaderName, Method, header};

/// What browsers say of a page's relation to us.
static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Names that only ever mean this machine, or a container's way to it.
const LOCAL_NAMES: &[&str] = &["localhost", "host.docker.internal", "host.containers.internal"];
/// Domains whose every name resolves to loopback: RFC 6761's, and LocalStack's public one.
const LOCAL_DOMAINS: &[&str] = &[".localhost", ".localhost.localstack.cloud"];

/// Why a request is turned away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) String);

/// Checks a request before anything else looks at it.
pub(super) fn check(parts: &Parts) -> Result<(), Refusal> {
    let host = host_of(parts).ok_or_else(|| Refusal("the request names no host".into()))?;
    if !is_local_name(&host) {
        return Err(Refusal(format!(
            "the host {host} is not this machine's; devenv answers to 127.0.0.1, localhost and names below localhost"
        )));
    }
    let origin = header_text(parts, &header::ORIGIN);
    if let Some(origin) = origin {
        return if is_local_origin(origin) {
            Ok(())
        } else {
            Err(Refusal(format!("the origin {origin} may not call devenv from a browser")))
        };
    }
    let site = header_text(parts, &SEC_FETCH_SITE);
    let by_page = site.is_some_and(|s| s.eq_ignore_ascii_case("cross-site"));
    if by_page && !header_text(parts, &header::REFERER).is_some_and(is_local_origin) {
        return Err(Refusal("a page of another site may not call devenv".into()));
    }
    // Old browsers send no Origin with a form, but they do send where it stands.
    let referer = header_text(parts, &header::REFERER);
    if parts.method == Method::POST && referer.is_some_and(|r| !is_local_origin(r)) {
        return Err(Refusal("a form of another site may not call devenv".into()));
    }
    Ok(())
}

/// The host without its port, in lower case: the URI's authority (HTTP/2), else the `Host` header.
pub(super) fn host_of(parts: &Parts) -> Option<String> {
    let text = match parts.uri.authority() {
        Some(authority) => authority.as_str(),
        None => header_text(parts, &header::HOST)?,
    };
    Some(without_port(text).to_ascii_lowercase())
}

fn header_text<'a>(parts: &'a Parts, name: &HeaderName) -> Option<&'a str> {
    parts.headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

fn without_port(authority: &str) -> &str {
    let host = authority.rsplit('@').next().unwrap_or(authority);
    if let Some(end) = host.find(']') {
        return &host[..=end];
    }
    host.split(':').next().unwrap_or(host)
}

fn is_local_name(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    if let Ok(address) = bare.parse::<std::net::IpAddr>() {
        // An address cannot be rebound; which addresses are listened on is the listener's matter.
        return is_own_address(address);
    }
    // A name without a dot (a container's alias) cannot belong to a stranger's domain.
    !bare.contains('.') && !bare.is_empty()
        || LOCAL_NAMES.contains(&bare)
        || LOCAL_DOMAINS.iter().any(|domain| bare.ends_with(domain))
        || bare == "localhost.localstack.cloud"
}

fn is_own_address(address: std::net::IpAddr) -> bool {
    match address {
        std::net::IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        std::net::IpAddr::V6(v6) => v6.is_loopback() || (v6.segments()[0] & 0xfe00) == 0xfc00,
    }
}

/// `http://localhost:3000`, also with a path behind it.
fn is_local_origin(origin: &str) -> bool {
    let Some((scheme, rest)) = origin.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    matches!(scheme, "http" | "https")
        && !authority.is_empty()
        && is_local_name(&without_port(authority).to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(method: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = http::Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap().into_parts().0).is_ok()
    }

    #[test]
    fn programs_on_this_machine_may() {
        for host in [
            "127.0.0.1:4566",
            "localhost:4566",
            "[::1]:4566",
            "b.s3.localhost:4566",
            "sqs.us-east-1.localhost.localstack.cloud:4566",
            "host.docker.internal:4566",
            "172.17.0.1:4566",
            "localstack:4566",
            "LOCALHOST",
        ] {
            assert!(verdict("POST", &[("host", host)]), "{host}");
        }
    }

    #[test]
    fn rebound_names_may_not() {
        for host in
            ["evil.example:4566", "127.0.0.1.evil.example", "localhost.evil.example", "8.8.8.8", ""]
        {
            assert!(!verdict("GET", &[("host", host)]), "{host}");
        }
        assert!(!verdict("GET", &[]));
    }

    #[test]
    fn pages_of_other_sites_may_not() {
        let host = ("host", "127.0.0.1:4566");
        assert!(!verdict("POST", &[host, ("origin", "https://evil.example")]));
        assert!(!verdict("POST", &[host, ("origin", "null")]));
        assert!(!verdict("GET", &[host, ("sec-fetch-site", "cross-site")]));
        assert!(!verdict("POST", &[host, ("referer", "https://evil.example/form")]));
        assert!(!verdict("GET", &[host, ("origin", "http://localhost.evil.example")]));
    }

    #[test]
    fn the_developers_own_pages_may() {
        let host = ("host", "127.0.0.1:4566");
        assert!(verdict(
            "PUT",
            &[host, ("origin", "http://localhost:3000"), ("sec-fetch-site", "cross-site")]
        ));
        assert!(verdict(
            "GET",
            &[host, ("sec-fetch-site", "cross-site"), ("referer", "http://localhost:3000/")]
        ));
        assert!(verdict("GET", &[host, ("sec-fetch-site", "none")]));
    }
}
