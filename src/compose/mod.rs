//! Compose files: read, and resolved into a [`Stack`].
//!
//! In the order of the files' way: `yaml` (text → [`node`] tree with places) → `interpolate` and
//! `dotenv` (variables) → `load` (include, extends, several files) with `merge` → `service`, `ports`,
//! `mounts`, `values` (typed) → `check` (what names what). Nothing stops at a mistake: [`load`] has
//! them all, each with file and line; keys that are understood and not served are notes of the stack.
//! Source: the Compose Specification. Pure but for the reader of files that it is given.

mod check;
mod develop;
mod dotenv;
mod extension;
mod interpolate;
mod limits;
mod load;
mod merge;
mod model;
mod mounts;
mod node;
mod ports;
mod schedule;
mod service;
#[cfg(test)]
mod tests;
mod top;
mod values;
mod yaml;

pub use model::*;
pub use node::Mistake;
pub use schedule::Schedule;

use crate::base::{Exit, Problem};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What is read, and with what.
pub struct Request<'a> {
    /// The files, each over those before it; absolute.
    pub files: Vec<PathBuf>,
    /// Where `.env` lies and what the files' paths are relative to.
    pub project: PathBuf,
    /// The surroundings' variables; they win over `.env`.
    pub variables: BTreeMap<String, String>,
    /// Services that something else stands for: they are left out, and may be waited for.
    pub replaced: BTreeSet<String>,
    /// Reads a file.
    pub read: &'a dyn Fn(&Path) -> std::io::Result<String>,
}

/// Reads the files of `request` as one stack, or tells all that is wrong in them.
pub fn load(request: &Request<'_>) -> Result<Stack, Vec<Mistake>> {
    let mut loader = load::Loader {
        read: request.read,
        surroundings: request.variables.clone(),
        project: request.project.clone(),
        findings: node::Findings {
            home: request.variables.get("HOME").cloned().unwrap_or_default(),
            ..node::Findings::default()
        },
    };
    let mut variables = BTreeMap::new();
    loader.variables_of(&request.project.join(".env"), None, &mut variables);
    variables.extend(request.variables.clone());
    let files: Vec<_> = request.files.iter().map(|file| (file.clone(), None)).collect();
    let document = loader.files(&files, &request.project, &variables, &[]);
    let mut findings = loader.findings;
    let stack = document.map(|document| {
        let reading = top::Reading { read: request.read, variables: &variables };
        let mut stack = top::stack(&document, &reading, &request.replaced, &mut findings);
        check::check(&document, &mut stack, &request.replaced, &mut findings);
        stack
    });
    findings.mistakes.sort();
    match stack {
        Some(mut stack) if findings.mistakes.is_empty() => {
            stack.notes = findings.notes;
            Ok(stack)
        }
        _ => Err(findings.mistakes),
    }
}

/// The mistakes as people are told: exit 2, one a line.
pub fn problem(mistakes: &[Mistake]) -> Problem {
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    let message = match lines.as_slice() {
        [one] => one.clone(),
        many => format!("{} mistakes in the Compose files\n  {}", many.len(), many.join("\n  ")),
    };
    Problem::new(Exit::Usage, "compose-mistakes", message)
}
