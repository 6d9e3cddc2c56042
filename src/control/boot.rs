//! From a resolved profile to what will run: directories, ports, variables, parts. All that can go
//! wrong before anything starts goes wrong here.

use super::containers::{self, Units, trace};
use super::environment;
use super::home::Home;
use super::hub::Hub;
use super::lease::Leases;
use super::message::ServiceNote;
use super::reserve::Reservations;
use super::snapshot;
use crate::base::{Exit, Problem};
use crate::data::snapshot::Store;
use crate::edge::{Proxy, ProxyKind, check_faults};
use crate::profile::{Port, Profile, Provider, nearest};
use crate::runtime::{Dirs, StopSignal, process};
use crate::supervisor::{Need, PartSpec, Policy};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The part that serves every AWS service.
pub(super) const GATEWAY: &str = "gateway";
/// The database server.
pub(super) const POSTGRES: &str = "postgres";
/// The cache server.
pub(super) const REDIS: &str = "redis";
/// The mail listener.
pub(super) const SMTP: &str = "smtp";
/// Its second port, for clients that begin with TLS.
pub(super) const SMTPS: &str = "smtps";
/// Where faults can be done on the way to Postgres and Redis: the part, its port's name, and the first
/// port that is tried.
pub(super) const PROXIES: [(&str, &str, u16); 2] =
    [(POSTGRES, "postgres-proxy", 15_432), (REDIS, "redis-proxy", 16_379)];
/// Native parts that a killed daemon may have left behind.
pub(super) const NATIVE: [(&str, StopSignal); 2] =
    [(POSTGRES, StopSignal::Interrupt), (REDIS, StopSignal::Shutdown)];

/// Postgres writes a checkpoint at its end; this is longer than its own grace.
const POSTGRES_STOP_GRACE_MS: u64 = 20_000;
/// How long left-overs of an ephemeral environment may take to stop.
const CLEAN_UP_GRACE: Duration = Duration::from_secs(5);

/// What `devenv up` was asked for.
#[derive(Debug, Clone)]
pub struct Boot {
    /// The environment.
    pub profile: Profile,
    /// Where it lives.
    pub home: Home,
    /// Only these parts, and what they need; all when empty.
    pub only: Vec<String>,
    /// State in a temporary directory, removed at the end.
    pub ephemeral: bool,
    /// Ports from here on instead of the profile's.
    pub port_base: Option<u16>,
    /// Files are watched for the rules of `develop.watch`.
    pub watch: bool,
    /// The profile whose edits are taken over at once: a shipped name, or a file's absolute path.
    pub followed: Option<String>,
    /// Where the gateway and SMTP listen: loopback, unless asked for.
    pub listen: IpAddr,
    /// State to begin with; for an ephemeral environment.
    pub snapshot: Option<String>,
    /// Whose snapshots and programs are used: the home's project, unless this one is made for a test.
    pub project: PathBuf,
    /// Nothing of it is kept: what would be written at the end is not.
    pub throwaway: bool,
    /// What ids and the clock of a fresh state follow from.
    pub seed: Option<u64>,
}

/// What will run, and where.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) profile: Arc<Profile>,
    pub(super) home: Home,
    /// Whose snapshots and programs are used.
    pub(super) project: PathBuf,
    /// Nothing of it is kept.
    pub(super) throwaway: bool,
    /// What ids and the clock of a fresh state follow from.
    pub(super) seed: Option<u64>,
    /// Files are watched.
    pub(super) watch: bool,
    /// Where the gateway and SMTP listen.
    pub(super) listen: IpAddr,
    pub(super) dirs: Dirs,
    pub(super) ports: BTreeMap<String, u16>,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) specs: Vec<PartSpec>,
    /// Containers, where there are any.
    pub(super) units: Option<Units>,
    /// What people should know of what is not there.
    pub(super) notes: Vec<ServiceNote>,
    pub(super) leases: Arc<Leases>,
    /// Only these parts, and what they need.
    only: Vec<String>,
    /// Containers of services, where another number than their file's is wished.
    pub(super) scale: BTreeMap<String, u32>,
    /// Held, not read: ports stay reserved and a temporary directory exists for as long as these live.
    _reservations: Arc<Reservations>,
    temporary: Option<Arc<tempfile::TempDir>>,
}

impl Plan {
    /// Claims everything that the environment needs.
    pub(super) fn make(boot: Boot, hub: &Hub) -> Result<Plan, Problem> {
        let proxied: Vec<&str> = match boot.profile.faults.proxy {
            true => PROXIES.iter().map(|(part, _, _)| *part).collect(),
            false => Vec::new(),
        };
        check_faults(&boot.profile.faults.rules, &proxied)?;
        clean_ephemeral(&boot.home)?;
        let (dirs, temporary) = directories(&boot)?;
        snapshot::settle_restore(&dirs)?;
        if let Some(name) = &boot.snapshot {
            let kept = Store::of(&boot.project).find(name)?;
            snapshot::put(&kept, &dirs, Some(&boot.profile))?;
        }
        let (mut units, notes) = units(&boot.profile, &dirs, &BTreeMap::new())?;
        notes.iter().for_each(|note| hub.tell(super::Update::Note(note.to_string())));
        let unwatched = units.as_ref().map(containers::unwatched).unwrap_or_default();
        if !boot.watch && !unwatched.is_empty() {
            let parts = unwatched.join(", ");
            let text = format!("`devenv up --watch` follows the changes of files for {parts}");
            hub.tell(super::Update::Note(text));
        }
        let specs = choose(specs(&boot.profile, units.as_ref()), &boot.only)?;
        let chosen: BTreeSet<String> = specs.iter().map(|spec| spec.name.clone()).collect();
        if let Some(units) = &mut units {
            units.keep(&chosen);
        }
        let in_container = |name: &str| units.as_ref().is_some_and(|units| units.has(name));
        for (name, stop) in NATIVE {
            if !chosen.contains(name) || in_container(name) {
                process::clean_up(name, &dirs, stop, CLEAN_UP_GRACE)?;
            }
        }
        let (ports, reservations) = claim(&boot, &chosen, units.as_ref(), &dirs, hub)?;
        if let Some(units) = &mut units {
            units.publish(&ports);
        }
        let variables = environment::variables(&boot.profile, &ports, &dirs, environment::HOST);
        let throwaway = boot.throwaway || temporary.is_some();
        let profile = Arc::new(boot.profile);
        let leases = Leases::new(profile.clone(), ports.clone(), variables.clone(), dirs.clone());
        Ok(Plan {
            profile,
            leases,
            home: boot.home,
            project: boot.project,
            throwaway,
            seed: boot.seed,
            watch: boot.watch,
            listen: boot.listen,
            dirs,
            ports,
            variables,
            specs,
            units,
            notes,
            only: boot.only,
            scale: BTreeMap::new(),
            _reservations: Arc::new(reservations),
            temporary: temporary.map(Arc::new),
        })
    }

    /// The plan of another profile and other numbers of containers, for the same environment: its own
    /// servers, ports and directories are as they were.
    pub(super) fn again(
        &self,
        mut profile: Profile,
        scale: BTreeMap<String, u32>,
    ) -> Result<Plan, Problem> {
        // A server that comes, goes or moves into a container does so at the next start.
        let old = &self.profile;
        if !same(&old.postgres, &profile.postgres, |p| p.provider) {
            profile.postgres.clone_from(&old.postgres);
        }
        if !same(&old.redis, &profile.redis, |r| r.provider) {
            profile.redis.clone_from(&old.redis);
        }
        let (mut units, notes) = units(&profile, &self.dirs, &scale)?;
        let containers = &profile.containers;
        let wants = !(containers.compose.is_empty() && containers.catalog.is_empty());
        if wants && units.is_none() && self.units.is_some() {
            // Containers that cannot be seen just now are not to go for that.
            let why = notes.last().map(ToString::to_string).unwrap_or_default();
            return Err(Problem::in_the_way("no-engine", why).retryable());
        }
        let specs = choose(specs(&profile, units.as_ref()), &self.only)?;
        let chosen: BTreeSet<String> = specs.iter().map(|spec| spec.name.clone()).collect();
        if let Some(units) = &mut units {
            units.keep(&chosen);
            units.publish(&self.ports);
            if let Some(old) = &self.units {
                units.stand_on(old);
            }
        }
        Ok(Plan { profile: Arc::new(profile), units, notes, specs, scale, ..self.clone() })
    }

    /// Whether this part is a container, or what containers stand on.
    pub(super) fn is_container(&self, part: &str) -> bool {
        self.units.as_ref().is_some_and(|units| units.has(part))
    }

    /// Whether the state goes with the daemon.
    pub(super) fn is_ephemeral(&self) -> bool {
        self.temporary.is_some()
    }

    /// The ways to Postgres and Redis that faults can be done on.
    pub(super) fn proxies(&self) -> Vec<Proxy> {
        let kind =
            |part: &str| if part == POSTGRES { ProxyKind::Postgres } else { ProxyKind::Redis };
        let proxy = |(part, name, _): (&str, &str, u16)| {
            let (listen, server) = (*self.ports.get(name)?, *self.ports.get(part)?);
            Some(Proxy { kind: kind(part), listen, server })
        };
        PROXIES.into_iter().filter_map(proxy).collect()
    }

    /// The gateway's address, if there is one.
    pub(super) fn endpoint(&self) -> Option<String> {
        self.ports.get(GATEWAY).map(|port| environment::endpoint(*port))
    }
}

/// Both there and by the same provider, or neither.
pub(super) fn same<T>(old: &Option<T>, new: &Option<T>, provider: fn(&T) -> Provider) -> bool {
    old.as_ref().map(provider) == new.as_ref().map(provider)
}

/// Parts with their ports, in the order in which `--port-base` counts.
fn wishes(profile: &Profile) -> Vec<(&'static str, Port)> {
    let ports = &profile.ports;
    let mut all = vec![
        (GATEWAY, ports.gateway),
        (POSTGRES, ports.postgres),
        (REDIS, ports.redis),
        (SMTP, ports.smtp),
    ];
    all.extend(profile.ses.smtps.map(|port| (SMTPS, port)));
    if profile.faults.proxy {
        all.extend(PROXIES.map(|(_, name, port)| (name, Port::Auto(port))));
    }
    all
}

/// The part that a port belongs to.
fn owner(port: &str) -> &str {
    let proxied = PROXIES.iter().find(|(_, name, _)| *name == port);
    match (port, proxied) {
        (SMTPS, _) => SMTP,
        (_, Some((part, _, _))) => part,
        _ => port,
    }
}

/// The parts that are processes, or live in this one.
fn natives(profile: &Profile) -> Vec<&'static str> {
    let mut parts = declared(profile);
    parts.retain(|part| *part != SMTPS);
    parts
}

/// The parts of this profile, its containers aside.
fn declared(profile: &Profile) -> Vec<&'static str> {
    let mut parts = vec![GATEWAY, SMTP];
    parts.extend(profile.postgres.as_ref().map(|_| POSTGRES));
    parts.extend(profile.redis.as_ref().map(|_| REDIS));
    parts
}

/// The containers of a profile. Without an engine those that can be left out are, and are named.
fn units(
    profile: &Profile,
    dirs: &Dirs,
    scale: &BTreeMap<String, u32>,
) -> Result<(Option<Units>, Vec<ServiceNote>), Problem> {
    let Some(units) = containers::plan(profile, dirs, &natives(profile), scale)? else {
        return Ok((None, vec![]));
    };
    let note = |service: &str, text: String| ServiceNote { service: service.to_owned(), text };
    let mut notes: Vec<ServiceNote> =
        units.notes.iter().map(|text| note("compose", text.clone())).collect();
    match crate::runtime::engine::look() {
        Ok(_) => Ok((Some(units), notes)),
        Err(problem) if units.serves() => {
            let message = format!("{}; needed for {}", problem.message, units.parts().join(", "));
            Err(Problem { message, ..problem })
        }
        Err(problem) => {
            let parts = units.without_engine().join(", ");
            notes.push(note("containers", format!("not started: {parts}; {}", problem.message)));
            Ok((None, notes))
        }
    }
}

/// Everything that could run, and what it needs.
fn specs(profile: &Profile, units: Option<&Units>) -> Vec<PartSpec> {
    let mut all: Vec<PartSpec> = declared(profile)
        .into_iter()
        .filter(|name| !units.is_some_and(|u| u.has(name)))
        .map(spec)
        .collect();
    all.extend(units.map(Units::specs).unwrap_or_default());
    all
}

/// Those that are asked for, with all that they need; all of them when none is named.
fn choose(specs: Vec<PartSpec>, only: &[String]) -> Result<Vec<PartSpec>, Problem> {
    if only.is_empty() {
        return Ok(specs);
    }
    let mut chosen: BTreeSet<String> = BTreeSet::new();
    let mut left: Vec<String> = only.to_vec();
    while let Some(name) = left.pop() {
        let Some(spec) = specs.iter().find(|spec| spec.name == name) else {
            let known: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
            return Err(unknown_part(&name, &known));
        };
        if chosen.insert(name) {
            left.extend(spec.needs.iter().map(|need| need.part.clone()));
        }
    }
    Ok(specs.into_iter().filter(|spec| chosen.contains(&spec.name)).collect())
}

/// Ports for what is chosen.
fn claim(
    boot: &Boot,
    chosen: &BTreeSet<String>,
    units: Option<&Units>,
    dirs: &Dirs,
    hub: &Hub,
) -> Result<(BTreeMap<String, u16>, Reservations), Problem> {
    let mut reservations = Reservations::default();
    let mut ports = BTreeMap::new();
    for (i, (name, wished)) in wishes(&boot.profile).into_iter().enumerate() {
        // A proxy is the gateway's, and of use only beside its server.
        let is_proxy = owner(name) != name && name != SMTPS;
        if !chosen.contains(owner(name)) || is_proxy && !chosen.contains(GATEWAY) {
            continue;
        }
        let offset = u16::try_from(i).unwrap_or_default();
        let wished = boot.port_base.map_or(wished, |b| Port::Auto(b.saturating_add(offset)));
        let held = units.filter(|units| units.has(name)).and_then(|units| units.held(name, wished));
        let port = match held {
            Some(port) => port,
            None => reservations.claim(wished, name, dirs)?,
        };
        if let Port::Auto(first) = wished
            && first != port
            && !boot.throwaway
        {
            hub.tell(super::Update::Note(format!(
                "port {first} for {name} is taken; it listens on {port}"
            )));
        }
        ports.insert(name.to_owned(), port);
    }
    Ok((ports, reservations))
}

/// What must be healthy before a part starts: mails go into the store of SES, behind the gateway.
fn needs(part: &str) -> &'static [&'static str] {
    if part == SMTP { &[GATEWAY] } else { &[] }
}

/// `name` is none of `known`.
pub(super) fn unknown_part(name: &str, known: &[&str]) -> Problem {
    let message = format!("this environment has no part `{name}`");
    let near = nearest(name, known.iter().copied());
    let list: Vec<_> = known.iter().map(|k| format!("`{k}`")).collect();
    let hint = match near {
        Some(near) => format!("did you mean `{near}`? It has {}", list.join(", ")),
        None => format!("it has {}", list.join(", ")),
    };
    Problem::new(Exit::Usage, "unknown-part", message).hint(hint)
}

fn spec(name: &str) -> PartSpec {
    let mut policy = Policy::default();
    if name == POSTGRES {
        policy.stop_grace_ms = POSTGRES_STOP_GRACE_MS;
    }
    let needs = needs(name).iter().map(|need| Need::healthy(need)).collect();
    PartSpec { name: name.to_owned(), needs, policy }
}

fn directories(boot: &Boot) -> Result<(Dirs, Option<tempfile::TempDir>), Problem> {
    if !boot.ephemeral {
        return Ok((Dirs::create(&boot.home.project)?, None));
    }
    let failed = |e: std::io::Error| {
        Problem::in_the_way("not-writable", format!("cannot make a temporary directory: {e}"))
            .hint("set TMPDIR to a writable directory")
    };
    let temporary = tempfile::Builder::new().prefix("devenv-").tempdir().map_err(failed)?;
    let dirs = Dirs::create(temporary.path())?;
    let path = temporary.path().as_os_str().as_encoded_bytes();
    fs::write(boot.home.ephemeral_pointer(), path).map_err(failed)?;
    Ok((dirs, Some(temporary)))
}

/// Ends and removes what an ephemeral environment left when its daemon was killed.
pub(super) fn clean_ephemeral(home: &Home) -> Result<(), Problem> {
    let pointer = home.ephemeral_pointer();
    let Ok(left) = fs::read_to_string(&pointer) else { return Ok(()) };
    let left = std::path::PathBuf::from(left);
    // Only what this program made is removed, whatever the file says.
    let ours = left.file_name().is_some_and(|n| n.to_string_lossy().starts_with("devenv-"))
        && left.join(".devenv").is_dir();
    if ours {
        let dirs = Dirs::create(&left)?;
        for (name, stop) in NATIVE {
            process::clean_up(name, &dirs, stop, CLEAN_UP_GRACE)?;
        }
        // An engine that does not answer keeps nobody from going on; its labels stay.
        let _ = trace::clean(&dirs, true);
        dirs.remove_data()?;
        let _ = fs::remove_dir_all(&left);
    }
    let _ = fs::remove_file(&pointer);
    Ok(())
}
