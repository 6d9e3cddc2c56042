//! Back to the seeded state, while the environment runs: emulated services forget and are declared
//! anew; Postgres and Redis go down, lose their data, and come up as on the first day.

use super::boot::{GATEWAY, POSTGRES, Plan, REDIS, unknown_part};
use super::containers;
use super::drive::Message;
use super::parts;
use super::server::{Access, settle};
use super::snapshot::{automatic_name, is_possible, save};
use crate::base::Problem;
use crate::data::snapshot::Reason;
use crate::edge::REQUESTS;
use crate::runtime;
use crate::supervisor::Event;
use std::sync::Arc;
use std::time::Duration;

/// What the virtual clock is called among the services.
const CLOCK: &str = "clock";
/// Longest wait for a part to go down or to come up again.
const PART_WAIT: Duration = Duration::from_secs(60);

/// Resets what is named; everything when nothing is. Unless told otherwise it makes a snapshot first.
pub(super) async fn reset(
    names: &[String],
    no_snapshot: bool,
    plan: &Arc<Plan>,
    access: &Access,
) -> Result<(), Problem> {
    let services = access.services.get();
    let all = services.as_ref().map(|s| s.all()).unwrap_or_default();
    let parts: Vec<&str> = plan.specs.iter().map(|s| s.name.as_str()).collect();
    let known: Vec<&str> =
        parts.iter().copied().chain(all.iter().map(|s| s.name())).chain([CLOCK]).collect();
    if let Some(name) = names.iter().find(|n| !known.contains(&n.as_str())) {
        return Err(unknown_part(name, &known));
    }
    if !is_possible(plan) {
        let note = "no snapshot was made before the reset: servers in containers have their data elsewhere";
        access.hub.tell(super::Update::Note(note.to_owned()));
    } else if !no_snapshot {
        let reason = Reason::BeforeReset;
        let saved = save(&automatic_name(reason), reason, false, plan, access).await;
        saved.map_err(|problem| Problem {
            hint: Some(match problem.hint {
                Some(hint) => {
                    format!("{hint}; or reset without a snapshot: `devenv reset --no-snapshot`")
                }
                None => "reset without a snapshot: `devenv reset --no-snapshot`".to_owned(),
            }),
            ..problem
        })?;
    }
    let named = |name: &str| names.is_empty() || names.iter().any(|n| n == name);
    if let Some(services) = services.as_ref().filter(|_| named(CLOCK)) {
        services.clock.start_over().await?;
    }
    if let Some(services) = services.as_ref().filter(|_| named(GATEWAY)) {
        services.storage.draws().begin_again(REQUESTS);
    }
    let mut declared_anew = false;
    for service in all.iter().filter(|s| named(GATEWAY) || named(s.name())) {
        service.reset().await?;
        declared_anew = true;
    }
    if let (true, Some(services)) = (declared_anew, &services) {
        parts::seed(plan, services).await?;
    }
    for part in [POSTGRES, REDIS] {
        if parts.contains(&part) && named(part) {
            reset_server(part, plan, access).await?;
        }
    }
    Ok(())
}

async fn reset_server(
    part: &'static str,
    plan: &Arc<Plan>,
    access: &Access,
) -> Result<(), Problem> {
    let parts = vec![part.to_owned()];
    // Those that need it go down with it, and come up with it.
    let running: Vec<String> = access.hub.status().map_or_else(Vec::new, |status| {
        let rows = status.services.into_iter();
        rows.filter(|row| row.state != "down" && row.state != "completed")
            .map(|row| row.part)
            .collect()
    });
    let _ = access.loop_.send(Message::Event(Event::Release { parts })).await;
    settle(access).await;
    until(part, "down", access).await?;
    let wiped = match plan.is_container(part) {
        true => containers::wipe(plan, part).await,
        false => wipe_native(part, plan).await,
    };
    // Up again in any case: a part that keeps its data is better than none.
    let _ = access.loop_.send(Message::Event(Event::Want { parts: running })).await;
    settle(access).await;
    wiped?;
    until(part, "healthy", access).await
}

async fn wipe_native(part: &'static str, plan: &Plan) -> Result<(), Problem> {
    let dirs = plan.dirs.clone();
    tokio::task::spawn_blocking(move || match part {
        POSTGRES => runtime::postgres::wipe(&dirs),
        _ => runtime::redis::wipe(&dirs),
    })
    .await
    .unwrap_or_else(|e| Err(Problem::failed("reset", format!("resetting {part} failed: {e}"))))
}

/// Waits until a part is in this state.
pub(super) async fn until(part: &str, state: &str, access: &Access) -> Result<(), Problem> {
    let mut last = String::new();
    let reached = access.hub.until(|status| {
        let row = status.iter().flat_map(|s| &s.services).find(|s| s.part == part);
        last = row.map(|r| r.state.clone()).unwrap_or_default();
        last == state || last == "failed"
    });
    let in_time = tokio::time::timeout(PART_WAIT, reached).await.is_ok();
    if in_time && last == state {
        return Ok(());
    }
    let message = format!("{part} is {last}, not {state}");
    Err(Problem::failed("not-ready", message).hint(format!("`devenv logs {part}` may say why")))
}
