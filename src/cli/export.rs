//! `devenv export`: the environment for an engine or a cluster where no devenv daemon runs.

use super::choose;
use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use crate::base::{Exit, Problem};
use crate::compose::Stack;
use crate::control::{exported_variables, stack};
use crate::export::{self, Dialect, Wishes, to_yaml};
use crate::runtime::Dirs;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The environment as a Compose file or as Kubernetes objects, for a shared engine or cluster
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv export kubernetes | kubectl apply -f -")]
pub(super) struct Export {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// A Compose file
    #[command(
        after_help = "Example:\n  devenv export compose --out preview\n  devenv export compose --swarm --out preview && docker stack deploy -c preview/compose.yaml preview"
    )]
    Compose {
        #[command(flatten)]
        common: Common,
        /// In the form that `docker stack deploy` takes
        #[arg(long)]
        swarm: bool,
    },
    /// Kubernetes objects
    #[command(
        after_help = "Example:\n  devenv export kubernetes --namespace preview | kubectl apply -f -"
    )]
    Kubernetes {
        #[command(flatten)]
        common: Common,
        /// The namespace of all objects
        #[arg(long, value_name = "NAME")]
        namespace: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Common {
    /// A shipped profile's name, or a file
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
    /// Write into this directory instead of stdout
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// devenv's own image, built from its Dockerfile
    #[arg(long, value_name = "IMAGE", default_value = IMAGE)]
    image: String,
    /// In front of the names of images that the project builds
    #[arg(long, value_name = "PREFIX")]
    registry: Option<String>,
}

impl Export {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        match self.what {
            What::Compose { common, swarm } => {
                let source = common.source(printer)?;
                let dialect = if swarm { Dialect::Swarm } else { Dialect::Compose };
                let place = common.place(&source.home)?;
                let made = export::compose(&source.stack, dialect, &place);
                write_files(&place, &made.files)?;
                common.give(printer, "compose.yaml", &[made.document], &made.notes)
            }
            What::Kubernetes { common, namespace } => {
                let source = common.source(printer)?;
                let (objects, notes) =
                    export::kubernetes(&source.stack, &source.project, namespace.as_deref());
                common.give(printer, "kubernetes.yaml", &objects, &notes)
            }
        }
    }
}

/// What is exported.
struct Source {
    stack: Stack,
    project: String,
    home: PathBuf,
}

impl Common {
    fn source(&self, printer: &Printer) -> Result<Source, Problem> {
        let choice = choose::profile(self.profile.as_deref(), printer)?;
        let profile = choice.profile;
        let stack = stack(&profile)?;
        stack.notes.iter().for_each(|note| printer.warn(note.to_string()));
        let name =
            profile.project_dir.file_name().map(|name| name.to_string_lossy().to_lowercase());
        let name: String = name
            .unwrap_or_default()
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            .collect();
        let project = if name.is_empty() { "project".to_owned() } else { name };
        let wishes = Wishes {
            project: project.clone(),
            image: self.image.clone(),
            registry: self.registry.clone(),
            variables: exported_variables(&profile),
        };
        let stack = export::platform(&profile, stack, &wishes)?;
        Ok(Source { stack, project, home: choice.home.project })
    }

    /// Where files beside the document lie, absolute.
    fn place(&self, project: &Path) -> Result<PathBuf, Problem> {
        let place = match &self.out {
            Some(out) => out.join("files"),
            None => Dirs::create(project)?.state.join("export"),
        };
        Ok(choose::here()?.join(place))
    }

    fn give(
        &self,
        printer: &Printer,
        name: &str,
        documents: &[Value],
        notes: &[String],
    ) -> Result<Outcome, Problem> {
        notes.iter().for_each(|note| printer.warn(note));
        let texts: Vec<String> = documents.iter().map(to_yaml).collect();
        let text = texts.join("---\n");
        match &self.out {
            Some(dir) => {
                let path = dir.join(name);
                write(&path, &text, 0o600)?;
                match printer.json {
                    true => {
                        printer.object(&json!({"schema": SCHEMA, "file": path, "notes": notes}))
                    }
                    false => printer.out(format!("wrote {}", path.display())),
                }
            }
            None if printer.json => {
                printer.object(&json!({"schema": SCHEMA, "documents": documents, "notes": notes}));
            }
            None => printer.out(text.trim_end()),
        }
        Ok(Outcome::Done)
    }
}

/// The project's directory as images and folders are called.
pub(super) fn project_name(dir: &Path) -> String {
    let name = dir.file_name().map(|name| name.to_string_lossy().to_lowercase());
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name: String = name.unwrap_or_default().chars().filter(is_plain).collect();
    if name.is_empty() { "project".to_owned() } else { name }
}

/// devenv's own image, where none is named.
pub(super) const IMAGE: &str = concat!("devenv:", env!("CARGO_PKG_VERSION"));

/// Files for containers: readable by whoever runs in them, in a directory that is nobody else's.
pub(super) fn write_files(place: &Path, files: &BTreeMap<String, String>) -> Result<(), Problem> {
    files.iter().try_for_each(|(name, text)| write(&place.join(name), text, 0o644))
}

pub(super) fn write(path: &Path, text: &str, mode: u32) -> Result<(), Problem> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let make = || -> std::io::Result<()> {
        if !dir.as_os_str().is_empty() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(mode);
        options.open(path)?.write_all(text.as_bytes())
    };
    make().map_err(|error| {
        let message = format!("cannot write {}: {error}", path.display());
        Problem::new(Exit::InTheWay, "not-writable", message)
    })
}
