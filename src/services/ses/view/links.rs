//! The addresses that a mail leads to: those of its HTML's `href`s and those in its plain text, each once
//! and in their order.

/// Links that are listed at the most.
const LINKS_MAX: usize = 1000;
/// What a link may begin with.
const SCHEMES: [&str; 3] = ["http://", "https://", "mailto:"];

/// Links of the HTML and of the text.
pub(super) fn links(html: Option<&str>, text: Option<&str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let texts = text.into_iter().flat_map(in_text);
    for link in html.into_iter().flat_map(in_html).chain(texts) {
        if found.len() == LINKS_MAX {
            break;
        }
        if !found.contains(&link) {
            found.push(link);
        }
    }
    found
}

fn in_html(html: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut rest = html;
    while let Some(at) = find_ignoring_case(rest, "href") {
        let is_name = rest[..at].ends_with(|c: char| c.is_ascii_whitespace() || "\"'/".contains(c));
        rest = &rest[at + "href".len()..];
        let Some(value) = rest.trim_start().strip_prefix('=').filter(|_| is_name) else { continue };
        let value = value.trim_start();
        let value = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split(quote).next(),
            _ => value.split(|c: char| c.is_ascii_whitespace() || c == '>').next(),
        };
        let link = unescaped(value.unwrap_or_default().trim());
        if SCHEMES.iter().any(|scheme| starts_ignoring_case(&link, scheme)) {
            links.push(link);
        }
    }
    links
}

fn in_text(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c.is_whitespace() || "<>\"".contains(c));
    let links = words.filter_map(|word| {
        let at = SCHEMES.iter().filter_map(|scheme| find_ignoring_case(word, scheme)).min()?;
        let mut link = word[at..].trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*']);
        // A bracket that opened before the address closes behind it.
        while link.ends_with(')') && link.matches(')').count() > link.matches('(').count() {
            link = link[..link.len() - 1].trim_end_matches(['.', ',']);
        }
        Some(link.to_owned())
    });
    links.filter(|link| !SCHEMES.contains(&link.as_str())).collect()
}

fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    let wanted = wanted.as_bytes();
    text.as_bytes().windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted))
}

fn starts_ignoring_case(text: &str, wanted: &str) -> bool {
    find_ignoring_case(text.get(..wanted.len()).unwrap_or_default(), wanted).is_some()
}

/// Without the entities that stand in addresses.
pub fn unescaped(text: &str) -> String {
    let mut text = text.to_owned();
    for (entity, character) in [
        ("&#38;", "&"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ] {
        if text.contains(entity) {
            text = text.replace(entity, character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_where_people_see_them() {
        let html = "<a href=\"https://x.org/reset?a=1&amp;b=2\">Reset</a> <A HREF='http://y.org'>y</A>\
            <a title='href' href = https://z.org/q>z</a><a href=\"#top\">top</a><a data-href=\"https://no.org\">\
            <a href=\"https://x.org/reset?a=1&amp;b=2\">again</a><a href=\"mailto:a@x.org\">mail</a>";
        let text = "See https://x.org/reset?a=1&b=2, (or HTTP://text.org/a_(b)) <https://angle.org>. https:// no";
        assert_eq!(
            links(Some(html), Some(text)),
            [
                "https://x.org/reset?a=1&b=2",
                "http://y.org",
                "https://z.org/q",
                "mailto:a@x.org",
                "HTTP://text.org/a_(b)",
                "https://angle.org"
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(html in "(<a href ?= ?[\"']?|https?://|[ -~é>]){0,30}", text in ".{0,60}") {
            links(Some(&html), Some(&text));
            links(Some(&text), Some(&html));
        }
    }
}
