//! Text in XML documents, as AWS writes it.

/// Text as XML content. Control characters that XML 1.0 cannot carry are written as references, as
/// AWS does; a carriage return too, or a parser would read it as a line feed.
pub fn xml_text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len() + 16);
    for c in raw.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if (c as u32) < 0x20 => out.push_str(&format!("&#x{:x};", c as u32)),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_control_characters_become_references() {
        assert_eq!(xml_text("a<b>&\"c\"\r\u{1}\n"), "a&lt;b&gt;&amp;&quot;c&quot;&#xd;&#x1;\n");
    }
}
