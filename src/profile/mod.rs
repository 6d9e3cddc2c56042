//! devenv.toml as typed, and the resolved profile.
//!
//! The way of a profile, in the order of the files: `extends` reads it and what it extends into one
//! `document` that remembers where everything stood; `structure` checks it against the `schema` of
//! the types in `raw`; `resolve` checks what the schema cannot say and fills in the defaults. No step
//! stops at a mistake: `mistakes` has them all.

mod document;
mod extends;
mod limits;
mod mistakes;
mod raw;
mod resolve;
mod resolved;
mod schema;
mod shipped;
mod show;
mod structure;
mod words;

pub use mistakes::{Mistake, Mistakes};
pub use resolved::*;
pub use schema::schema;
pub use shipped::{Shipped, shipped, template};
pub(crate) use show::gateway_toml;
pub use show::{show_json, show_toml};
pub(crate) use words::nearest;

use document::Files;
use std::path::{Path, PathBuf};

/// Where a profile comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file; the project is its directory.
    File(PathBuf),
    /// A shipped profile, for the project in this directory.
    Shipped {
        /// Its name.
        name: String,
        /// The project's directory.
        project_dir: PathBuf,
    },
    /// A text, as if it were a file of that name in the project's directory.
    Text {
        /// The name mistakes are reported under.
        file: String,
        /// The TOML.
        text: String,
        /// The project's directory.
        project_dir: PathBuf,
    },
}

impl Source {
    /// What `--profile ARGUMENT` means: with a `/` or the ending `.toml` a file, else a shipped name.
    pub fn named(argument: &str, project_dir: &Path) -> Source {
        match extends::is_path(argument) {
            true => Source::File(project_dir.join(argument)),
            false => {
                Source::Shipped { name: argument.to_owned(), project_dir: project_dir.to_owned() }
            }
        }
    }
}

/// The files that a profile is read from: it and those that it extends, shipped ones aside.
pub fn files(source: &Source) -> Vec<PathBuf> {
    let mut files = Files::default();
    let _ = extends::gather(source, &mut files);
    files.names().into_iter().map(PathBuf::from).filter(|path| path.is_absolute()).collect()
}

/// Reads, checks and resolves a profile; every mistake in it at once.
pub fn load(source: &Source) -> Result<Profile, Mistakes> {
    let mut files = Files::default();
    let Some(mut document) = extends::gather(source, &mut files) else {
        return Err(Mistakes::new(&files.names(), files.mistakes));
    };
    if files.swallowed {
        return Err(Mistakes::new(&files.names(), files.mistakes));
    }
    let declared = resolve::Declared::of(&document);
    let broken = structure::check(&mut document, &mut files);
    let raw = match serde_json::from_value(document.to_json()) {
        Ok(raw) => raw,
        Err(error) => {
            // The schema and the types are one; this line is the net below them.
            files.mistake(document.at, format!("cannot be read as a profile: {error}"));
            raw::RawProfile::default()
        }
    };
    let (name, project_dir) = extends::identity(source);
    let mut checks = resolve::Checks { document: &document, files: &mut files, declared, broken };
    let profile = resolve::profile(name, project_dir, &raw, &mut checks);
    match files.mistakes.is_empty() {
        true => Ok(profile),
        false => Err(Mistakes::new(&files.names(), files.mistakes)),
    }
}
