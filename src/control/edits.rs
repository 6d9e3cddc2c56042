//! `devenv up --watch` and the files that the environment is planned from: the profile and what it extends,
//! the Compose files and all that they name. After an edit another plan is made, told and carried out as
//! by a second `devenv up`; a mistake is told, and changes nothing.

use super::boot::Plan;
use super::changes::{Changes, observe};
use super::message::{EnvState, Update};
use super::replan::{Wish, replan, source};
use super::server::Access;
use super::{containers, hub::Hub};
use crate::profile;
use notify::RecommendedWatcher;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Follows edits for as long as the daemon lives.
pub(super) async fn follow(access: Access, named: String) {
    let up = |state: EnvState| matches!(state, EnvState::Ready | EnvState::Degraded);
    if !access.hub.until(|status| status.as_ref().is_some_and(|s| up(s.state))).await {
        return;
    }
    let mut watching: Option<(RecommendedWatcher, Changes)> = None;
    let (mut known, mut failed) = (BTreeSet::new(), false);
    loop {
        let Some(plan) = access.plan.get() else { return };
        let mut files = files(&plan, &named).await;
        if failed {
            // Where reading stopped at a mistake, the files behind it are still meant.
            files.extend(known.iter().cloned());
        }
        if files == known {
            let Some((_, changes)) = &mut watching else { return };
            let Some(changed) = changes.next().await else { return };
            if changed.is_disjoint(&known) {
                continue;
            }
        } else {
            // What is edited may name other files. Edits before they are watched are seen by planning anew.
            watching = observe(&files, |text| tell(&access.hub, &text));
            known = files;
        }
        if Path::new(&named).metadata().is_ok_and(|file| file.is_file() && file.len() == 0) {
            // Somebody is about to write it: nothing in it would be an order to take all containers away.
            continue;
        }
        let Some(plan) = access.plan.get() else { return };
        let planned = replan(Wish::Profile(named.clone()), &access, plan).await;
        failed = planned.is_err();
        match planned {
            Ok(Update::Planned { lines, .. }) => {
                lines.iter().for_each(|line| tell(&access.hub, line));
            }
            Ok(_) => {}
            Err(problem) => {
                tell(&access.hub, &format!("the edit is not taken over: {}", problem.message));
            }
        }
    }
}

fn tell(hub: &Hub, text: &str) {
    tracing::info!("{text}");
    hub.tell(Update::Note(format!("watch: {text}")));
}

/// All files that the plan follows from, by their real names.
async fn files(plan: &Arc<Plan>, named: &str) -> BTreeSet<PathBuf> {
    let (plan, named) = (plan.clone(), named.to_owned());
    let read = tokio::task::spawn_blocking(move || {
        let source = source(named, &plan);
        let own = profile::files(&source);
        // A profile with mistakes says nothing of Compose files: those of before are followed.
        let profile = profile::load(&source).ok();
        let profile = profile.as_ref().unwrap_or(&plan.profile);
        let all = own.into_iter().chain(containers::files(profile));
        // What is not there yet may come to its directory.
        let real = |path: PathBuf| match (path.parent().map(|p| p.canonicalize()), path.file_name())
        {
            (Some(Ok(parent)), Some(name)) => Some(parent.join(name)),
            _ => None,
        };
        all.filter_map(real).filter(|path| !path.is_dir()).collect()
    });
    read.await.unwrap_or_default()
}
