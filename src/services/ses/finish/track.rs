//! Opens and clicks: the HTML of a mail gets a pixel at its end, and its links lead through the gateway.
//!
//! The mail's parts are found by a parser; each HTML part is decoded, rewritten and encoded again, and all
//! else keeps its bytes. Attributes `ses:no-track` and `ses:tags` of links are SES's, and are taken out.
//!
//! <https://docs.aws.amazon.com/ses/latest/dg/faqs-metrics.html>

use crate::services::ses::view::unescaped;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Encoding, Message, MessageParser, MessagePart, MimeHeaders};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

/// Links of one mail that are tracked at the most.
const LINKS_MAX: usize = 250;
/// Characters of a line of base64 (RFC 2045).
const BASE64_LINE: usize = 76;
/// Where a mail wants its pixel, if not at its end.
const PLACE: &[u8] = b"{{ses:openTracker}}";

/// A link that is tracked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it leads.
    pub url: String,
    /// `ses:tags`.
    pub tags: BTreeMap<String, Vec<String>>,
}

/// What goes into the HTML.
#[derive(Debug, Clone)]
pub struct Tracker {
    /// The pixel's address.
    pub pixel: Option<String>,
    /// What the addresses of links begin with; their numbers and `behind` follow.
    pub link: Option<String>,
    /// What they end with.
    pub behind: String,
}

impl Tracker {
    /// The mail with its links and pixel; as it was where it has no HTML.
    pub fn rewrite<'a>(&self, raw: &'a [u8]) -> Cow<'a, [u8]> {
        let Some(parsed) = MessageParser::default().parse(raw) else { return raw.into() };
        let (mut out, mut from, mut count) = (Vec::with_capacity(raw.len() + 1024), 0, 0);
        for part in html_parts(&parsed) {
            let range = part.offset_body as usize..part.offset_end as usize;
            let Some(html) = raw.get(range.clone()).and_then(|coded| decoded(part, coded)) else {
                continue;
            };
            let html = self.rewritten(&html, &mut count);
            out.extend_from_slice(&raw[from..range.start]);
            out.extend_from_slice(&encoded(part, &html));
            from = range.end;
        }
        if from == 0 {
            return raw.into();
        }
        out.extend_from_slice(&raw[from..]);
        out.into()
    }

    /// HTML with links and pixel; `count` links came before it in this mail.
    fn rewritten(&self, html: &[u8], count: &mut usize) -> Vec<u8> {
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        for anchor in anchors(html) {
            if let (Some(link), Some((at, _)), true) = (&self.link, anchor.href, *count < LINKS_MAX)
            {
                edits.push((at, format!("\"{link}/{count}/{}\"", self.behind)));
                *count += 1;
            }
            edits.extend(anchor.own.into_iter().map(|range| (range, String::new())));
        }
        if let Some(pixel) = &self.pixel {
            let image = format!(
                "<img alt=\"\" src=\"{pixel}\" style=\"display: none; width: 1px; height: 1px;\">"
            );
            let place = memchr::memmem::find(html, PLACE).map(|at| at..at + PLACE.len());
            let end = || html.windows(6).rposition(|w| w.eq_ignore_ascii_case(b"</body"));
            let place = place.unwrap_or_else(|| {
                let end = end().unwrap_or(html.len());
                end..end
            });
            edits.push((place, image));
        }
        edits.sort_by_key(|(range, _)| range.start);
        let (mut out, mut from) = (Vec::with_capacity(html.len() + 512), 0);
        for (range, text) in edits.into_iter().filter(|(range, _)| range.start <= range.end) {
            // A mail may want its pixel in the midst of an address.
            if range.start < from {
                continue;
            }
            out.extend_from_slice(&html[from..range.start]);
            out.extend_from_slice(text.as_bytes());
            from = range.end;
        }
        out.extend_from_slice(&html[from..]);
        out
    }
}

/// The links of a mail in the order of their numbers.
pub fn links(raw: &[u8]) -> Vec<Link> {
    let Some(parsed) = MessageParser::default().parse(raw) else { return Vec::new() };
    let mut links = Vec::new();
    for part in html_parts(&parsed) {
        let range = part.offset_body as usize..part.offset_end as usize;
        let html = raw.get(range).and_then(|coded| decoded(part, coded)).unwrap_or_default();
        let tracked = anchors(&html).into_iter().filter_map(|anchor| anchor.href);
        links.extend(tracked.map(|(_, link)| link));
    }
    links.truncate(LINKS_MAX);
    links
}

/// The HTML that is shown, in the mail's order: no attachments.
fn html_parts<'a>(mail: &'a Message<'_>) -> Vec<&'a MessagePart<'a>> {
    let shown = |part: &&MessagePart<'_>| {
        part.is_text_html() && !part.content_disposition().is_some_and(|d| d.is_attachment())
    };
    let mut parts: Vec<_> = mail.parts.iter().filter(shown).collect();
    parts.sort_by_key(|part| part.offset_body);
    parts
}

fn decoded(part: &MessagePart<'_>, coded: &[u8]) -> Option<Vec<u8>> {
    match part.encoding {
        Encoding::None => Some(coded.to_vec()),
        Encoding::QuotedPrintable => quoted_printable_decode(coded),
        Encoding::Base64 => base64_decode(coded),
    }
}

fn encoded(part: &MessagePart<'_>, html: &[u8]) -> Vec<u8> {
    match part.encoding {
        Encoding::None => html.to_vec(),
        Encoding::QuotedPrintable => quoted_printable::encode(html),
        Encoding::Base64 => {
            let text = STANDARD.encode(html);
            let lines = text.as_bytes().chunks(BASE64_LINE).flat_map(|line| [line, b"\r\n"]);
            lines.collect::<Vec<_>>().concat()
        }
    }
}

/// An `<a>` of the HTML.
#[derive(Debug, Default)]
struct Anchor {
    /// Where its address stands, quotes included, and where it leads; for links that are tracked.
    href: Option<(Range<usize>, Link)>,
    /// SES's own attributes with the space before them.
    own: Vec<Range<usize>>,
}

fn anchors(html: &[u8]) -> Vec<Anchor> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(next) = memchr::memchr(b'<', &html[at..]) {
        at += next;
        let rest = &html[at..];
        if rest.starts_with(b"<!--") {
            at += memchr::memmem::find(rest, b"-->").map_or(rest.len(), |end| end + 3);
        } else if rest.len() > 2
            && rest[1].eq_ignore_ascii_case(&b'a')
            && rest[2].is_ascii_whitespace()
        {
            let (anchor, end) = anchor(html, at + 2);
            found.push(anchor);
            at = end;
        } else {
            at += 1;
        }
    }
    found
}

/// Reads the attributes from `at` on; says where they end.
fn anchor(html: &[u8], mut at: usize) -> (Anchor, usize) {
    let skip = |from: usize, of: &dyn Fn(u8) -> bool| {
        from + html[from..].iter().position(|b| !of(*b)).unwrap_or(html.len() - from)
    };
    let space = |b: u8| b.is_ascii_whitespace();
    let (mut anchor, mut tags, mut untracked) = (Anchor::default(), BTreeMap::new(), false);
    loop {
        let before = at;
        let name_at = skip(at, &|b| space(b) || b == b'/');
        let name_end = skip(name_at, &|b| !space(b) && !b"=>/".contains(&b));
        if name_end == name_at {
            at = if html.get(name_at) == Some(&b'=') { name_at + 1 } else { name_at };
            if at == name_at {
                break;
            }
            continue;
        }
        let name = &html[name_at..name_end];
        let equals = skip(name_end, &space);
        let value = match html.get(equals) {
            Some(b'=') => value(html, skip(equals + 1, &space)),
            _ => name_end..name_end,
        };
        at = value.end.max(name_end);
        if name.eq_ignore_ascii_case(b"ses:no-track") {
            untracked = true;
            anchor.own.push(before..at);
        } else if name.eq_ignore_ascii_case(b"ses:tags") {
            tags = tags_of(&text(&html[value]));
            anchor.own.push(before..at);
        } else if name.eq_ignore_ascii_case(b"href") && anchor.href.is_none() {
            let url = text(&html[value.clone()]);
            let lower = url.get(..8).unwrap_or(&url).to_ascii_lowercase();
            if lower.starts_with("http://") || lower.starts_with("https://") {
                anchor.href = Some((value, Link { url, tags: BTreeMap::new() }));
            }
        }
    }
    match &mut anchor.href {
        Some(_) if untracked => anchor.href = None,
        Some((_, link)) => link.tags = tags,
        None => {}
    }
    (anchor, at)
}

/// An attribute's value with its quotes.
fn value(html: &[u8], at: usize) -> Range<usize> {
    let rest = &html[at..];
    let length = match rest.first() {
        Some(quote @ (b'"' | b'\'')) => {
            memchr::memchr(*quote, &rest[1..]).map_or(rest.len(), |end| end + 2)
        }
        _ => {
            let end = rest.iter().position(|b| b.is_ascii_whitespace() || *b == b'>');
            end.unwrap_or(rest.len())
        }
    };
    at..at + length
}

/// A value without quotes and entities.
fn text(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    unescaped(text.trim_matches(['"', '\'']).trim())
}

/// `ses:tags="a:1;b:2"`.
fn tags_of(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut tags: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in text.split(';').filter_map(|pair| pair.split_once(':')) {
        tags.entry(name.trim().to_owned()).or_default().push(value.trim().to_owned());
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracker() -> Tracker {
        Tracker {
            pixel: Some("http://h/I0/m/s".into()),
            link: Some("http://h/L0".into()),
            behind: "m/s".into(),
        }
    }

    fn html(text: &str) -> String {
        String::from_utf8(tracker().rewritten(text.as_bytes(), &mut 0)).unwrap()
    }

    const IMAGE: &str =
        "<img alt=\"\" src=\"http://h/I0/m/s\" style=\"display: none; width: 1px; height: 1px;\">";

    #[test]
    fn links_lead_through_the_gateway_and_the_pixel_stands_at_the_end() {
        let page = "<body><a class='x' HREF=\"https://x.org/?a=1&amp;b=2\" title=\"a > b\">x</a> \
            <A href=http://y.org/q>y</A><a href=\"mailto:a@x.org\">m</a><a name=here>\
            <!-- <a href=\"http://no.org\"> --><a ses:no-track href=\"http://z.org\">z</a>\
            <a href='http://w.org' ses:tags=\"kind:button;n:1;\">w</a><abbr href=\"http://no.org\"></body>";
        assert_eq!(
            html(page),
            format!(
                "<body><a class='x' HREF=\"http://h/L0/0/m/s\" title=\"a > b\">x</a> \
                 <A href=\"http://h/L0/1/m/s\">y</A><a href=\"mailto:a@x.org\">m</a><a name=here>\
                 <!-- <a href=\"http://no.org\"> --><a href=\"http://z.org\">z</a>\
                 <a href=\"http://h/L0/2/m/s\">w</a><abbr href=\"http://no.org\">{IMAGE}</body>"
            )
        );
        let mail = format!("Content-Type: text/html\r\n\r\n{page}");
        let found = links(mail.as_bytes());
        let urls: Vec<&str> = found.iter().map(|link| link.url.as_str()).collect();
        assert_eq!(urls, ["https://x.org/?a=1&b=2", "http://y.org/q", "http://w.org"]);
        assert_eq!(found[2].tags["kind"], ["button"]);
        assert_eq!(html("no end"), format!("no end{IMAGE}"));
        assert_eq!(html("a{{ses:openTracker}}b</body>"), format!("a{IMAGE}b</body>"));
    }

    #[test]
    fn each_encoding_is_written_as_it_was_read() {
        let page = "<p>Grüße = <a href=\"http://x.org/\">x</a></p>\r\n";
        let base64 = STANDARD.encode(page);
        let quoted = String::from_utf8(quoted_printable::encode(page)).unwrap();
        for (encoding, coded) in
            [("8bit", page), ("base64", &base64), ("quoted-printable", &quoted)]
        {
            let mail = format!(
                "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n\
                 http://x.org/\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\
                 Content-Transfer-Encoding: {encoding}\r\n\r\n{coded}\r\n--b--\r\n"
            );
            let done = tracker().rewrite(mail.as_bytes());
            let parsed = MessageParser::default().parse(&done[..]).unwrap();
            let shown = parsed.body_html(0).unwrap();
            assert!(shown.contains("Grüße = <a href=\"http://h/L0/0/m/s\">x</a>"), "{shown}");
            assert!(shown.contains(IMAGE), "{encoding}: {shown}");
            assert_eq!(parsed.body_text(0).unwrap().trim(), "http://x.org/");
        }
        let plain = b"Subject: s\r\n\r\nhttp://x.org/\r\n";
        assert_eq!(&tracker().rewrite(plain)[..], plain);
    }

    #[test]
    fn only_so_many_links_are_tracked() {
        let page = "<a href=\"http://x.org/\">x</a>".repeat(LINKS_MAX + 5);
        assert_eq!(html(&page).matches("http://h/L0/").count(), LINKS_MAX);
        let mail = format!("Content-Type: text/html\r\n\r\n{page}");
        assert_eq!(links(mail.as_bytes()).len(), LINKS_MAX);
    }

    proptest::proptest! {
        #[test]
        fn no_html_panics(page in "(<a ?| href ?= ?[\"']?|https?://| ses:no-track| ses:tags=|>|<!--|-->|[ -~é]){0,30}") {
            html(&page);
            links(format!("Content-Type: text/html\r\n\r\n{page}").as_bytes());
        }

        #[test]
        fn no_mail_panics(raw in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            tracker().rewrite(&raw);
            links(&raw);
        }
    }
}
