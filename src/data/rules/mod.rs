//! devenv.data.toml: one rule a column, committed beside the code. Read with the line of each rule, so
//! that whatever is missing or wrong is told with its place.

mod check;
mod files;
mod read;
mod subset;
mod write;

pub(crate) use check::{check, patch};
pub(crate) use files::{Content, FileRules};
pub(crate) use read::read;
pub(crate) use subset::{Root, SubsetRules, VirtualKey};
pub(crate) use write::{Written, write, written_spec};

use super::mask::{Locale, Spec};
use std::collections::BTreeMap;

/// The file's name beside devenv.toml.
pub(crate) const FILE: &str = "devenv.data.toml";

/// The rules of one source.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// The file as people call it.
    pub(crate) file: String,
    pub(crate) locale: Locale,
    /// By `schema.table`.
    pub(crate) tables: BTreeMap<String, TableRules>,
    /// What becomes of files, by their names.
    pub(crate) files: Vec<FileRules>,
    /// Which rows are pulled; all of them without it.
    pub(crate) subset: Option<SubsetRules>,
    /// The file's bytes, which the archive's manifest has a hash of.
    pub(crate) text: String,
}

impl Rules {
    /// The sections beside tables as they are written; plans leave them as they are.
    pub(crate) fn other_sections(&self) -> String {
        let mut kept = String::new();
        let mut within = false;
        for line in self.text.lines() {
            if line.starts_with('[') {
                within = ["[subset", "[[subset", "[files"].iter().any(|own| line.starts_with(own));
                kept.push_str(if within { "\n" } else { "" });
            }
            if within && !line.trim().is_empty() {
                kept.push_str(line);
                kept.push('\n');
            }
        }
        kept
    }
}

/// The rules of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableRules {
    /// Where the table begins in the file.
    pub(crate) line: usize,
    /// The column that says whose row it is.
    pub(crate) subject: Option<String>,
    /// How many rows `synth` makes.
    pub(crate) rows: Option<u64>,
    /// No row of it is pulled.
    pub(crate) skip: bool,
    /// By column.
    pub(crate) columns: BTreeMap<String, ColumnRule>,
}

/// The rule of a column.
#[derive(Debug, Clone)]
pub(crate) struct ColumnRule {
    pub(crate) line: usize,
    pub(crate) spec: Spec,
}
