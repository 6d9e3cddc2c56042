//! The XML documents of S3: a small tree for those that come in, and a writer for those that go out.

use super::error::{Error, Result};
use crate::base::xml_text;
use quick_xml::events::Event;

/// The namespace of S3's documents.
pub const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
/// Elements within elements at the most.
const DEPTH_MAX: usize = 16;
/// Elements of a document at the most (10,000 parts of eight members each).
const ELEMENTS_MAX: usize = 100_000;

/// An element of a document that came in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    /// Name without namespace prefix.
    pub name: String,
    /// `xsi:type`, the one attribute that S3 heeds.
    pub kind: Option<String>,
    /// Text directly inside.
    pub text: String,
    /// Elements inside.
    pub children: Vec<Element>,
}

impl Element {
    /// Reads a document whose root is called `root`.
    pub fn parse(document: &[u8], root: &str) -> Result<Element> {
        let text = std::str::from_utf8(document).map_err(|_| Error::malformed_xml())?;
        let found = read(text)?;
        if found.name == root { Ok(found) } else { Err(Error::malformed_xml()) }
    }

    /// An element without anything inside.
    pub fn named(name: &str) -> Element {
        Element { name: name.to_owned(), ..Element::default() }
    }

    /// With text inside.
    pub fn leaf(name: &str, text: impl Into<String>) -> Element {
        Element { text: text.into(), ..Element::named(name) }
    }

    /// With one more element inside.
    #[must_use]
    pub fn with(mut self, child: Element) -> Element {
        self.children.push(child);
        self
    }

    /// The first element inside that is called `name`.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name == name)
    }

    /// The text of the first element inside that is called `name`.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.child(name).map(|c| c.text.as_str())
    }

    /// All elements inside that are called `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |c| c.name == name)
    }

    /// The element as a document that S3 would answer with.
    pub fn document(&self) -> String {
        let mut out = Xml::document(&self.name);
        if self.children.is_empty() {
            out.raw(&xml_text(&self.text));
        }
        self.children.iter().for_each(|child| child.write(&mut out));
        out.finish()
    }

    /// Writes the element into a document.
    pub fn write(&self, out: &mut Xml) {
        match &self.kind {
            Some(kind) => out.open_typed(&self.name, kind),
            None => out.open(&self.name),
        }
        if self.children.is_empty() {
            out.raw(&xml_text(&self.text));
        }
        self.children.iter().for_each(|child| child.write(out));
        out.close();
    }
}

fn read(text: &str) -> Result<Element> {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Element> = Vec::new();
    let mut count = 0;
    loop {
        match reader.read_event().map_err(|_| Error::malformed_xml())? {
            Event::Start(start) => {
                count += 1;
                if open.len() == DEPTH_MAX || count > ELEMENTS_MAX {
                    return Err(Error::malformed_xml());
                }
                let mut element = Element::named(start.local_name().as_ref());
                for attribute in start.attributes().flatten() {
                    if attribute.key.local_name().as_ref() == "type" {
                        element.kind = Some(attribute.value.into_owned());
                    }
                }
                open.push(element);
            }
            Event::End(_) => {
                let Some(mut done) = open.pop() else { return Err(Error::malformed_xml()) };
                if !done.children.is_empty() {
                    done.text.clear();
                }
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => return Ok(done),
                }
            }
            Event::Text(piece) => {
                push_text(&mut open, &piece);
            }
            Event::CData(piece) => {
                push_text(&mut open, &piece);
            }
            Event::GeneralRef(reference) => {
                let text = resolve(&reference).ok_or_else(Error::malformed_xml)?;
                push_text(&mut open, &text);
            }
            // A document type could define entities; S3's documents have none.
            Event::DocType(_) | Event::Eof => return Err(Error::malformed_xml()),
            _ => {}
        }
    }
}

fn push_text(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> Option<String> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Some(character.to_string());
    }
    quick_xml::escape::resolve_predefined_entity(reference).map(str::to_owned)
}

/// A document that goes out.
#[derive(Debug)]
pub struct Xml {
    text: String,
    open: Vec<String>,
}

impl Xml {
    /// A document in S3's namespace whose root is called `root`.
    pub fn document(root: &str) -> Xml {
        let text =
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{NAMESPACE}\">");
        Xml { text, open: vec![root.to_owned()] }
    }

    /// A document without a namespace, as errors are.
    pub fn plain(root: &str) -> Xml {
        let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root}>");
        Xml { text, open: vec![root.to_owned()] }
    }

    /// Begins an element.
    pub fn open(&mut self, name: &str) {
        self.text.push('<');
        self.text.push_str(name);
        self.text.push('>');
        self.open.push(name.to_owned());
    }

    /// Begins an element with `xsi:type`.
    pub fn open_typed(&mut self, name: &str, kind: &str) {
        self.text.push_str(&format!(
            "<{name} xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"{}\">",
            xml_text(kind)
        ));
        self.open.push(name.to_owned());
    }

    /// Ends the innermost element.
    pub fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.text.push_str("</");
            self.text.push_str(&name);
            self.text.push('>');
        }
    }

    /// An element with text.
    pub fn leaf(&mut self, name: &str, text: &str) {
        self.open(name);
        self.raw(&xml_text(text));
        self.close();
    }

    /// An element with something that displays itself without XML's special characters.
    pub fn number(&mut self, name: &str, value: impl std::fmt::Display) {
        self.open(name);
        self.text.push_str(&value.to_string());
        self.close();
    }

    /// An element with text, if there is one.
    pub fn maybe(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    /// Text that is XML already.
    pub fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// The document.
    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read_with_and_without_namespace() {
        let text = b"<?xml version=\"1.0\"?><Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">
            <Object><Key>a&amp;b &#x41;<![CDATA[<c>]]></Key></Object><Quiet>true</Quiet><x:Empty/></Delete>";
        let element = Element::parse(text, "Delete").unwrap();
        assert_eq!(element.child("Object").unwrap().value("Key"), Some("a&b A<c>"));
        assert_eq!(element.value("Quiet"), Some("true"));
        assert_eq!(element.value("Empty"), Some(""));
    }

    #[test]
    fn nonsense_is_malformed() {
        for bad in [
            "",
            "no xml",
            "<A>",
            "<A></B>",
            "<B/>",
            "<A>&unknown;</A>",
            "<!DOCTYPE a [<!ENTITY x \"y\">]><A>&x;</A>",
            "\u{0}",
        ] {
            let error = Element::parse(bad.as_bytes(), "A").unwrap_err();
            assert_eq!(error.code, "MalformedXML", "{bad}");
        }
        let deep = format!("{}{}", "<A>".repeat(40), "</A>".repeat(40));
        assert!(Element::parse(deep.as_bytes(), "A").is_err());
        assert!(Element::parse(b"\xff\xfe", "A").is_err());
    }

    #[test]
    fn what_is_written_is_xml_text() {
        let mut xml = Xml::plain("Error");
        xml.leaf("Key", "a<b>&\"\r\u{1}");
        assert!(
            xml.finish().ends_with("<Error><Key>a&lt;b&gt;&amp;&quot;&#xd;&#x1;</Key></Error>")
        );
    }
}
