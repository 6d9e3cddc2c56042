//! Which profile and which directory a command means.

use super::printer::Printer;
use crate::base::Problem;
use crate::control::Home;
use crate::control::home::PROFILE_FILE;
use crate::profile::{Profile, Source, load};
use std::path::{Path, PathBuf};

/// The profile of a project that names none.
const DEFAULT_PROFILE: &str = "default";

/// The working directory.
pub(super) fn here() -> Result<PathBuf, Problem> {
    std::env::current_dir().map_err(|e| {
        Problem::in_the_way("no-directory", format!("the working directory cannot be used: {e}"))
            .hint("change to a directory that exists")
    })
}

/// The environment that commands talk to: the nearest one at or above the working directory.
pub(super) fn home() -> Result<Home, Problem> {
    Home::find(&here()?)
}

/// A profile, and the directory where its environment lives.
pub(super) struct Choice {
    pub(super) profile: Profile,
    pub(super) home: Home,
    /// Where it comes from, for the daemon: a shipped name or a file's absolute path.
    pub(super) named: String,
}

/// `--profile`, else the nearest devenv.toml, else the shipped default; resolved.
pub(super) fn profile(named: Option<&str>, printer: &Printer) -> Result<Choice, Problem> {
    let here = here()?;
    let own = own_profile(&here);
    let root = own.as_deref().and_then(Path::parent).unwrap_or(&here).to_owned();
    let source = match (named, own) {
        (Some(name), _) if is_file(name) => Source::named(name, &here),
        (Some(name), _) => Source::Shipped { name: name.to_owned(), project_dir: root.clone() },
        (None, Some(file)) => Source::File(file),
        (None, None) => {
            printer.say(format!(
                "no {PROFILE_FILE} here or above: using the shipped profile `{DEFAULT_PROFILE}` (`devenv init` writes one of your own)"
            ));
            Source::Shipped { name: DEFAULT_PROFILE.to_owned(), project_dir: root.clone() }
        }
    };
    let profile = load(&source)?;
    let named = match source {
        Source::Shipped { name, .. } => name,
        Source::File(file) => here.join(file).to_string_lossy().into_owned(),
        Source::Text { file, .. } => file,
    };
    Ok(Choice { profile, home: Home::of(&root), named })
}

/// The shipped default in the directory that [`profile`] would choose.
pub(super) fn shipped_default() -> Result<Choice, Problem> {
    let here = here()?;
    let root = own_profile(&here).as_deref().and_then(Path::parent).unwrap_or(&here).to_owned();
    let source = Source::Shipped { name: DEFAULT_PROFILE.to_owned(), project_dir: root.clone() };
    let named = DEFAULT_PROFILE.to_owned();
    Ok(Choice { profile: load(&source)?, home: Home::of(&root), named })
}

/// The nearest devenv.toml at or above `from`.
pub(super) fn own_profile(from: &Path) -> Option<PathBuf> {
    from.ancestors().map(|dir| dir.join(PROFILE_FILE)).find(|file| file.is_file())
}

fn is_file(name: &str) -> bool {
    name.contains('/') || name.ends_with(".toml")
}
