//! The catalogue: Compose files of open source services, shipped in the program.

use std::path::{Path, PathBuf};

/// A service of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct CatalogEntry {
    /// Its name in `[containers] catalog`.
    pub name: &'static str,
    /// Its Compose file.
    pub text: &'static str,
}

macro_rules! entries {
    ($($name:literal),* $(,)?) => {
        &[$(CatalogEntry { name: $name, text: include_str!(concat!("../../../compose/", $name, ".yaml")) }),*]
    };
}

const ENTRIES: &[CatalogEntry] = entries!(
    "aws-emulator",
    "gremlin",
    "jaeger",
    "kafka",
    "localai",
    "mailpit",
    "memcached",
    "milvus",
    "minio",
    "ministack",
    "mongodb",
    "moto",
    "neo4j",
    "nginx",
    "observability",
    "ollama",
    "opensearch",
    "stripe-mock",
);

/// What files of the catalogue are called where they are read.
const SCHEME: &str = "devenv-catalog:";

/// All entries, by name.
pub fn catalog() -> &'static [CatalogEntry] {
    ENTRIES
}

/// The file of an entry.
pub(super) fn text(name: &str) -> Option<&'static str> {
    ENTRIES.iter().find(|entry| entry.name == name).map(|entry| entry.text)
}

/// The path that stands for an entry's file.
pub(super) fn path(name: &str) -> PathBuf {
    format!("{SCHEME}{name}").into()
}

/// The text behind such a path.
pub(super) fn at(path: &Path) -> Option<&'static str> {
    text(path.to_str()?.strip_prefix(SCHEME)?)
}
