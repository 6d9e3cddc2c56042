//! `[files."…"]` of devenv.data.toml: what becomes of the files of a folder, by their names.

use super::read::Reader;
use crate::data::mask::Spec;
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// The rules of files whose names fit a glob.
#[derive(Debug, Clone)]
pub(crate) struct FileRules {
    pub(crate) line: usize,
    /// `invoices/*.json`: `*` is anything but a slash, `**` anything.
    pub(crate) glob: String,
    /// What a name is put together of: `invoices/{email}/{id}.json`.
    pub(crate) name: Option<String>,
    pub(crate) content: Content,
}

/// What a file holds.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// One value.
    Body(Spec),
    /// A value a line.
    Lines(Spec),
    /// CSV: a rule for each column of its heading.
    Csv(BTreeMap<String, Spec>),
    /// A mail as RFC 5322 has it, with the rules of its attachments by their names.
    Mail(Vec<FileRules>),
}

impl Reader<'_> {
    /// Reads the rules of all files.
    pub(super) fn files(&mut self, sections: &DeTable<'_>) -> Vec<FileRules> {
        let mut all = Vec::new();
        for (glob, value) in sections {
            let at = glob.span().start;
            let DeValue::Table(members) = value.get_ref() else {
                self.mistake(at, "files have a table of rules");
                continue;
            };
            let (mut name, mut attachments) = (None, None);
            let mut contents = Vec::new();
            for (key, value) in members {
                match (key.get_ref().as_ref(), value.get_ref()) {
                    ("name", DeValue::String(template)) => name = Some(template.to_string()),
                    ("body", _) => contents.extend(self.spec(value).map(Content::Body)),
                    ("lines", _) => contents.extend(self.spec(value).map(Content::Lines)),
                    ("mail", DeValue::Boolean(true)) => contents.push(Content::Mail(Vec::new())),
                    ("attachments", DeValue::Table(rules)) => attachments = Some(self.files(rules)),
                    ("csv", DeValue::Table(columns)) => {
                        let rules = columns
                            .iter()
                            .filter_map(|(c, v)| Some((c.get_ref().to_string(), self.spec(v)?)));
                        contents.push(Content::Csv(rules.collect()));
                    }
                    (other, _) => {
                        let message = format!(
                            "`{other}` does not fit: files have `name`, and `body`, `lines`, `csv` or `mail`; mails have `attachments`"
                        );
                        self.mistake(key.span().start, message);
                    }
                }
            }
            match (contents.last_mut(), attachments) {
                (Some(Content::Mail(of_mail)), Some(rules)) => *of_mail = rules,
                (_, Some(_)) => self.mistake(at, "`attachments` are of a file with `mail = true`"),
                (_, None) => {}
            }
            match (contents.pop(), contents.is_empty()) {
                (Some(content), true) => all.push(FileRules {
                    line: self.line(at),
                    glob: glob.get_ref().to_string(),
                    name,
                    content,
                }),
                _ => self.mistake(at, "files have one of `body`, `lines`, `csv`, `mail`"),
            }
        }
        all
    }
}
