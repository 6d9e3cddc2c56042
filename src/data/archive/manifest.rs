//! What an archive says of itself.

use crate::data::catalog::Catalog;
use serde::{Deserialize, Serialize};

/// Stands for the key of an archive whose rows are nobody's.
pub(crate) const SYNTHETIC: &str = "made up";

/// The manifest, as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Of the layout.
    pub(crate) format: u32,
    /// devenv's version that wrote it.
    pub(crate) devenv: String,
    /// Tells by which key it was masked.
    pub(crate) key_id: String,
    /// SHA-256 of devenv.data.toml.
    pub(crate) rules_hash: String,
    /// SHA-256 of the SQL of the schema.
    pub(crate) schema_hash: String,
    /// The source's server.
    pub(crate) server: String,
    /// By the numbers that frames have.
    pub(crate) tables: Vec<TableEntry>,
    /// How many fingerprints of the source's values it holds.
    pub(crate) fingerprints: u64,
    /// SHA-256 of all checksums of frames before this one: names the content.
    pub(crate) content_hash: String,
}

/// One table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TableEntry {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) columns: Vec<ColumnEntry>,
    pub(crate) rows: u64,
    /// Unpacked.
    pub(crate) bytes: u64,
}

/// One column of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ColumnEntry {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) written: String,
    /// The mask's name.
    pub(crate) mask: String,
}

impl TableEntry {
    /// `public.users`.
    pub(crate) fn label(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// The tables of a catalog; `mask` names a column's mask.
    pub(crate) fn all(catalog: &Catalog, mask: impl Fn(&str, &str) -> String) -> Vec<TableEntry> {
        let of = |table: &crate::data::catalog::Table| TableEntry {
            schema: table.schema.clone(),
            name: table.name.clone(),
            columns: table
                .pulled()
                .map(|c| ColumnEntry {
                    name: c.name.clone(),
                    written: c.written.clone(),
                    mask: mask(&table.label(), &c.name),
                })
                .collect(),
            rows: 0,
            bytes: 0,
        };
        catalog.tables.iter().map(of).collect()
    }
}
