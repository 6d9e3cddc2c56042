//! A bucket as a website: its index and error documents, and its redirects.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteHosting.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-page-redirect.html>

use super::xml::Element;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in the path of an address.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A website.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Website {
    /// Where every request goes, if all go elsewhere.
    everywhere: Option<Redirect>,
    suffix: String,
    /// The key of the error document.
    pub error: Option<String>,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Rule {
    prefix: Option<String>,
    code: Option<u16>,
    redirect: Redirect,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Redirect {
    protocol: Option<String>,
    host: Option<String>,
    /// In place of the condition's prefix.
    prefix: Option<String>,
    /// In place of the key.
    key: Option<String>,
    status: Option<u16>,
}

/// Where to send the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// HTTP status.
    pub status: u16,
    /// `Location`.
    pub location: String,
}

impl Redirect {
    fn read(element: &Element) -> Redirect {
        let text = |name: &str| element.value(name).filter(|t| !t.is_empty()).map(str::to_owned);
        Redirect {
            protocol: text("Protocol"),
            host: text("HostName"),
            prefix: element.value("ReplaceKeyPrefixWith").map(str::to_owned),
            key: text("ReplaceKeyWith"),
            status: text("HttpRedirectCode").and_then(|code| code.parse().ok()),
        }
    }

    fn of(&self, key: &str, matched: &str, host: &str) -> Elsewhere {
        let key = match (&self.key, &self.prefix) {
            (Some(key), _) => key.clone(),
            (None, Some(prefix)) => {
                format!("{prefix}{}", key.strip_prefix(matched).unwrap_or(key))
            }
            (None, None) => key.to_owned(),
        };
        let protocol = self.protocol.as_deref().unwrap_or("http");
        let host = self.host.as_deref().unwrap_or(host);
        let location = format!("{protocol}://{host}/{}", utf8_percent_encode(&key, PATH));
        Elsewhere { status: self.status.unwrap_or(301), location }
    }
}

impl Website {
    /// Reads a `WebsiteConfiguration`.
    pub fn read(document: &Element) -> Website {
        let rules = document.child("RoutingRules").into_iter().flat_map(|r| r.all("RoutingRule"));
        let rule = |element: &Element| {
            let condition = element.child("Condition");
            let of = |name: &str| condition.and_then(|c| c.value(name));
            Rule {
                prefix: of("KeyPrefixEquals").map(str::to_owned),
                code: of("HttpErrorCodeReturnedEquals").and_then(|code| code.parse().ok()),
                redirect: element.child("Redirect").map(Redirect::read).unwrap_or_default(),
            }
        };
        let child = |name: &str, of: &str| document.child(name)?.value(of).map(str::to_owned);
        Website {
            everywhere: document.child("RedirectAllRequestsTo").map(Redirect::read),
            suffix: child("IndexDocument", "Suffix").unwrap_or_default(),
            error: child("ErrorDocument", "Key"),
            rules: rules.map(rule).collect(),
        }
    }

    /// Where a request goes before anything is looked up.
    pub fn before(&self, key: &str, host: &str) -> Option<Elsewhere> {
        if let Some(everywhere) = &self.everywhere {
            return Some(everywhere.of(key, "", host));
        }
        self.rules.iter().filter(|rule| rule.code.is_none()).find_map(|rule| rule.fits(key, host))
    }

    /// Where a request goes that would end in an error.
    pub fn after(&self, key: &str, status: u16, host: &str) -> Option<Elsewhere> {
        let of_status = self.rules.iter().filter(|rule| rule.code == Some(status));
        of_status.into_iter().find_map(|rule| rule.fits(key, host))
    }

    /// The object behind a key: a directory's index document, or the key itself.
    pub fn object(&self, key: &str) -> String {
        if key.is_empty() || key.ends_with('/') {
            format!("{key}{}", self.suffix)
        } else {
            key.to_owned()
        }
    }

    /// The index document that would be there if `key` were a directory.
    pub fn index_below(&self, key: &str) -> Option<String> {
        let file = !key.is_empty() && !key.ends_with('/');
        file.then(|| format!("{key}/{}", self.suffix))
    }
}

impl Rule {
    fn fits(&self, key: &str, host: &str) -> Option<Elsewhere> {
        let prefix = self.prefix.as_deref().unwrap_or_default();
        key.starts_with(prefix).then(|| self.redirect.of(key, prefix, host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(text: &str) -> Website {
        let text = format!("<WebsiteConfiguration>{text}</WebsiteConfiguration>");
        Website::read(&Element::parse(text.as_bytes(), "WebsiteConfiguration").unwrap())
    }

    #[test]
    fn directories_have_an_index() {
        let site = site(
            "<IndexDocument><Suffix>i.html</Suffix></IndexDocument><ErrorDocument><Key>e</Key></ErrorDocument>",
        );
        assert_eq!(
            (site.object(""), site.object("a/"), site.object("a")),
            ("i.html".into(), "a/i.html".into(), "a".into())
        );
        assert_eq!(site.index_below("a").as_deref(), Some("a/i.html"));
        assert_eq!((site.index_below("a/"), site.error.as_deref()), (None, Some("e")));
        assert_eq!(site.before("a", "h"), None);
    }

    #[test]
    fn redirects_replace_what_they_name() {
        let all = site(
            "<RedirectAllRequestsTo><HostName>a.b</HostName><Protocol>https</Protocol></RedirectAllRequestsTo>",
        );
        let found = all.before("x y", "h").unwrap();
        assert_eq!((found.status, found.location.as_str()), (301, "https://a.b/x%20y"));
        let rules = site(
            "<RoutingRules>\
             <RoutingRule><Condition><KeyPrefixEquals>docs/</KeyPrefixEquals></Condition><Redirect><ReplaceKeyPrefixWith>documents/</ReplaceKeyPrefixWith></Redirect></RoutingRule>\
             <RoutingRule><Condition><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition><Redirect><HostName>c</HostName><ReplaceKeyWith>report</ReplaceKeyWith><HttpRedirectCode>302</HttpRedirectCode></Redirect></RoutingRule>\
             </RoutingRules>",
        );
        assert_eq!(rules.before("docs/a", "h:1").unwrap().location, "http://h:1/documents/a");
        assert_eq!(rules.before("other", "h"), None);
        let missed = rules.after("other", 404, "h").unwrap();
        assert_eq!((missed.status, missed.location.as_str()), (302, "http://c/report"));
        assert_eq!(rules.after("other", 403, "h"), None);
    }
}
