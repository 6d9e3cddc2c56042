//! `devenv devcontainer`: the environment as a dev container.

use super::choose;
use super::export::{IMAGE, project_name, write, write_files};
use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use crate::base::Problem;
use crate::control::{exported_variables, stack};
use crate::export::{self, Wishes, to_yaml};
use serde_json::json;

/// Where tools look for it.
const DIRECTORY: &str = ".devcontainer";

/// A dev container with this environment in it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv devcontainer init")]
pub(super) struct Devcontainer {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Write .devcontainer/; never over one that is there
    #[command(
        after_help = "Example:\n  devenv devcontainer init && devcontainer up --workspace-folder ."
    )]
    Init {
        /// A shipped profile's name, or a file
        #[arg(long, value_name = "NAME|FILE")]
        profile: Option<String>,
        /// devenv's own image, built from its Dockerfile
        #[arg(long, value_name = "IMAGE", default_value = IMAGE)]
        image: String,
        /// The image of the container that is worked in
        #[arg(long, value_name = "IMAGE", default_value = "buildpack-deps:bookworm")]
        base: String,
    },
}

impl Devcontainer {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let What::Init { profile, image, base } = self.what;
        let choice = choose::profile(profile.as_deref(), printer)?;
        let dir = choice.home.project.join(DIRECTORY);
        if dir.exists() {
            let message = format!("{} is there already; nothing was written", dir.display());
            return Err(Problem::failed("file-exists", message).hint("edit it, or remove it first"));
        }
        let mut profile = choice.profile;
        if !profile.containers.compose.is_empty() {
            printer
                .say("the project's own Compose services are not in it: they run in the workspace");
            profile.containers.compose.clear();
        }
        let wishes = Wishes {
            project: project_name(&profile.project_dir),
            image,
            registry: None,
            variables: exported_variables(&profile),
        };
        let (file, compose) = export::devcontainer(&profile, stack(&profile)?, &wishes, &base)?;
        compose.notes.iter().for_each(|note| printer.warn(note));
        write_files(&dir.join("files"), &compose.files)?;
        write(&dir.join("compose.yaml"), &to_yaml(&compose.document), 0o644)?;
        let text = serde_json::to_string_pretty(&file).unwrap_or_default();
        write(&dir.join("devcontainer.json"), &format!("{text}\n"), 0o644)?;
        match printer.json {
            true => printer.object(&json!({"schema": SCHEMA, "directory": dir})),
            false => printer.out(format!("wrote {}", dir.display())),
        }
        if !profile.secrets.is_empty() {
            printer.warn("its files hold the values of the profile's secrets");
        }
        Ok(Outcome::Done)
    }
}
