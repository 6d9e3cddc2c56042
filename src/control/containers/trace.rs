//! Which engine may hold something of this environment: written before anything is made there,
//! removed when nothing is left.

use crate::base::Problem;
use crate::runtime::Dirs;
use crate::runtime::engine::Engine;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn path(dirs: &Dirs) -> PathBuf {
    dirs.state.join("containers")
}

/// Notes that there may be something of `project` at this engine.
pub(super) fn write(dirs: &Dirs, project: &str, url: &str) -> Result<(), Problem> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let path = path(dirs);
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
    let written =
        file.and_then(|mut file| file.write_all(format!("{project}\n{url}\n").as_bytes()));
    written.map_err(|error| {
        Problem::in_the_way("not-writable", format!("cannot write {}: {error}", path.display()))
    })
}

/// The engine that holds containers of this environment, and their project there.
pub fn place(dirs: &Dirs) -> Option<(String, String)> {
    let text = fs::read_to_string(path(dirs)).ok()?;
    let mut lines = text.lines();
    Some((lines.next()?.to_owned(), lines.next()?.to_owned()))
}

/// Removes the containers and networks that are left, and with `volumes` those as well; the parts
/// whose containers were removed. An engine that is gone has nothing to say.
pub(in crate::control) fn clean(dirs: &Dirs, volumes: bool) -> Result<Vec<String>, Problem> {
    let path = path(dirs);
    let Some((project, url)) = place(dirs) else { return Ok(vec![]) };
    let (project, url) = (project.as_str(), url.as_str());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Problem::failed("runtime", error.to_string()))?;
    let swept = runtime.block_on(async {
        let engine = Engine::connect_again(url).await?;
        let swept = engine.sweep(project, &BTreeSet::new()).await?;
        engine.remove_networks(project).await?;
        if volumes {
            engine.remove_volumes(project).await?;
        }
        Ok::<_, Problem>(swept)
    })?;
    if volumes {
        let _ = fs::remove_file(&path);
    }
    Ok(swept)
}
