//! The status as people and machines see it, out of the supervisor's view and what the runs told.

use super::boot::{GATEWAY, Plan};
use super::drive::Info;
use super::message::{ClockNote, EnvState, ServiceNote, ServiceStatus, Status};
use crate::runtime::logs;
use crate::supervisor::{PartView, Phase};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Version of the status' shape.
const SCHEMA: u32 = 1;

/// Everything that a status is made of.
pub(super) struct Sources<'a> {
    pub(super) plan: &'a Plan,
    pub(super) state: EnvState,
    pub(super) view: Vec<PartView>,
    pub(super) clock: Option<ClockNote>,
    pub(super) infos: &'a BTreeMap<String, Info>,
    /// The wall clock at the supervisor's zero.
    pub(super) epoch: Timestamp,
}

/// The status of now. The gateway is shown as the services that it serves.
pub(super) fn status(sources: &Sources<'_>) -> Status {
    let services = sources.view.iter().flat_map(|part| rows(sources, part)).collect();
    Status {
        schema: SCHEMA,
        profile: sources.plan.profile.name.clone(),
        state: sources.state,
        endpoint: sources.plan.endpoint(),
        services,
        notes: sources
            .infos
            .values()
            .flat_map(|info| info.notes.clone())
            .chain(sources.plan.notes.clone())
            .collect(),
        clock: sources.clock.clone(),
        project: sources.plan.home.project.to_string_lossy().into_owned(),
        state_dir: sources.plan.dirs.state.to_string_lossy().into_owned(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

fn rows(sources: &Sources<'_>, part: &PartView) -> Vec<ServiceStatus> {
    let nothing = Info::default();
    let info = sources.infos.get(&part.name).unwrap_or(&nothing);
    let emulated = part.name == GATEWAY || part.name == super::boot::SMTP;
    let kind = match (emulated, sources.plan.is_container(&part.name)) {
        (true, _) => "emulated",
        (_, true) => "container",
        _ => "native",
    };
    let planned = sources.plan.ports.get(&part.name).map(|port| format!("127.0.0.1:{port}"));
    let row = |name: &str| ServiceStatus {
        name: name.to_owned(),
        kind: kind.to_owned(),
        state: part.phase.word().to_owned(),
        address: info.address.clone().or_else(|| planned.clone()),
        pid: info.pid.filter(|_| part.phase.is_live()),
        since: since(sources.epoch, part.since),
        restarts: part.restarts,
        reason: part.reason.clone().filter(|_| part.phase != Phase::Healthy),
        version: info.version.clone(),
        note: note(name, &info.notes),
        part: part.name.clone(),
    };
    if info.emulated.is_empty() {
        return vec![row(&part.name)];
    }
    let forwarded = sources.plan.profile.upstreams.iter().map(|(name, upstream)| ServiceStatus {
        kind: "forwarded".to_owned(),
        address: Some(upstream.url.clone()),
        version: None,
        ..row(name)
    });
    info.emulated.iter().map(|name| row(name)).chain(forwarded).collect()
}

/// The notes about one service, in one line.
fn note(service: &str, all: &[ServiceNote]) -> Option<String> {
    let own: Vec<&str> =
        all.iter().filter(|n| n.service == service).map(|n| n.text.as_str()).collect();
    (!own.is_empty()).then(|| own.join("; "))
}

fn since(epoch: Timestamp, since_ms: u64) -> String {
    let ms = i64::try_from(since_ms).unwrap_or(i64::MAX);
    let at = epoch.checked_add(SignedDuration::from_millis(ms)).unwrap_or(epoch);
    logs::stamp(at)
}
