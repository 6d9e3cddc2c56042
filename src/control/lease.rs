//! Slices of a running environment for tests that run side by side: an AWS account, a database, a
//! Redis database and a mail domain for each lease, and nothing of them left when it ends.
//!
//! A lease ends when it is given back, when its time is up, when the process that holds it ends, and
//! with the environment. Invariant: what a lease has is written down before it is made, and struck
//! out when it is gone; what a former daemon left is removed when the environment is ready again, and at
//! the latest before the next lease is given.

use super::boot::{POSTGRES, REDIS};
use crate::base::{Exit, Problem};
use crate::edge::Lender;
use crate::profile::Profile;
use crate::runtime::{Dirs, postgres, process, redis};
use crate::services::{Pending, Services};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Leases at a time.
const LEASES_MAX: usize = 200;
/// The first Redis database that is given away: those before are the application's.
const REDIS_FIRST: u32 = 16;
/// The longest time, and the usual one.
const TTL_MAX: Duration = Duration::from_secs(7 * 86_400);
const TTL: Duration = Duration::from_secs(3600);
/// How often a lease's time and holder are looked at.
const PACE: Duration = Duration::from_millis(250);
/// What is written down, in the state directory.
const BOOK: &str = "leases";
/// Begins the names of leases' databases.
const DATABASE: &str = "lease_";

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LeaseAsk {
    /// How many; one if it is not said.
    pub count: Option<usize>,
    /// For how long (`10m`); an hour if it is not said.
    pub ttl: Option<String>,
    /// The process whose end ends them.
    pub pid: Option<u32>,
    /// The database that theirs are copies of; the profile's first if it is not said.
    pub template: Option<String>,
}

/// What a lease has, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Slice {
    id: String,
    account: String,
    database: Option<String>,
    redis: Option<u32>,
}

struct Lease {
    slice: Slice,
    ends: Instant,
    expires: String,
    /// Process id and start.
    holder: Option<(u32, String)>,
    /// Everything is there; before, it neither ends by itself nor is shown.
    is_made: bool,
}

#[derive(Default)]
struct State {
    leases: BTreeMap<String, Lease>,
    /// Redis databases whose lease is being removed, too.
    redis: Vec<u32>,
    book: Option<File>,
    /// Slices in the book that are not struck out.
    unremoved: usize,
    watched: bool,
}

/// The leases of an environment.
pub(super) struct Leases {
    profile: Arc<Profile>,
    ports: BTreeMap<String, u16>,
    variables: BTreeMap<String, String>,
    dirs: Dirs,
    services: Mutex<Option<Services>>,
    state: Mutex<State>,
    databases: postgres::Spares,
    /// Left-overs are removed once.
    swept: tokio::sync::OnceCell<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change of what is behind is made in one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Leases {
    pub(super) fn new(
        profile: Arc<Profile>,
        ports: BTreeMap<String, u16>,
        variables: BTreeMap<String, String>,
        dirs: Dirs,
    ) -> Arc<Leases> {
        let (services, state) = (Mutex::default(), Mutex::default());
        let swept = tokio::sync::OnceCell::new();
        let databases = postgres::Spares::default();
        Arc::new(Leases { profile, ports, variables, dirs, services, state, databases, swept })
    }

    /// The services whose accounts are given away.
    pub(super) fn serve(&self, services: Option<Services>) {
        *lock(&self.services) = services;
    }

    /// Gives leases, all or none.
    pub(super) async fn take(self: &Arc<Self>, ask: &LeaseAsk) -> Result<Vec<Value>, Problem> {
        self.swept.get_or_try_init(|| self.remove_left_overs()).await?;
        let count = ask.count.unwrap_or(1);
        let ttl = ask.ttl.as_deref().map(crate::base::duration::parse).transpose();
        let ttl = ttl.map_err(|why| Problem::new(Exit::Usage, "lease-ttl", why))?.unwrap_or(TTL);
        if count == 0 || ttl > TTL_MAX || ttl.is_zero() {
            let message = "a lease lasts up to seven days, and at least one is asked for";
            return Err(Problem::new(Exit::Usage, "lease-ask", message));
        }
        let known = |pid| process::started(pid).map(|start| (pid, start)).ok_or_else(|| gone(pid));
        let holder = ask.pid.map(known).transpose()?;
        let slices = self.write_down(count, ttl, holder.as_ref())?;
        self.watch();
        let made = slices.iter().map(|slice| self.make(slice, ask.template.as_deref()));
        let made: Result<Vec<()>, Problem> =
            futures_util::future::join_all(made).await.into_iter().collect();
        if let Err(problem) = made {
            for slice in &slices {
                // What cannot be removed stays written down, and is removed later.
                let _ = self.release(&slice.id).await;
            }
            return Err(problem);
        }
        let mut state = lock(&self.state);
        for slice in &slices {
            state.leases.entry(slice.id.clone()).and_modify(|lease| lease.is_made = true);
        }
        Ok(slices.iter().filter_map(|slice| self.shown(&state, &slice.id)).collect())
    }

    /// Removes in the background what a former daemon's leases had; all parts answer.
    pub(super) fn sweep(self: Arc<Self>) {
        tokio::spawn(async move {
            let swept = self.swept.get_or_try_init(|| self.remove_left_overs()).await;
            if let Err(problem) = swept {
                tracing::warn!(
                    "former leases are removed before the next one: {}",
                    problem.message
                );
            }
        });
    }

    /// All leases.
    pub(super) fn list(&self) -> Vec<Value> {
        let state = lock(&self.state);
        state.leases.keys().filter_map(|id| self.shown(&state, id)).collect()
    }

    /// Ends a lease; what it had is gone when this returns.
    pub(super) async fn release(&self, id: &str) -> Result<(), Problem> {
        let lease = lock(&self.state).leases.remove(id);
        let lease = lease.ok_or_else(|| {
            Problem::new(Exit::Usage, "unknown-lease", format!("there is no lease `{id}`")).hint(
                "`devenv lease list` shows those there are; one ends by itself when its time is up",
            )
        })?;
        let removed = self.remove(&lease.slice).await;
        let mut state = lock(&self.state);
        if let Err(problem) = removed {
            // It ends again a little later.
            state.leases.insert(id.to_owned(), Lease { ends: Instant::now() + PACE, ..lease });
            return Err(problem);
        }
        state.redis.retain(|number| Some(*number) != lease.slice.redis);
        write(&mut state, "-", &lease.slice);
        Ok(())
    }

    /// Chooses what `count` leases have and writes it down.
    fn write_down(
        &self,
        count: usize,
        ttl: Duration,
        holder: Option<&(u32, String)>,
    ) -> Result<Vec<Slice>, Problem> {
        let mut state = lock(&self.state);
        if state.leases.len() + count > LEASES_MAX {
            let message =
                format!("{LEASES_MAX} leases at a time are given; {} are out", state.leases.len());
            return Err(Problem::failed("too-many-leases", message)
                .hint("give some back: `devenv lease release ID`")
                .retryable());
        }
        let expires =
            jiff::Timestamp::now() + jiff::SignedDuration::try_from(ttl).unwrap_or_default();
        let expires = expires.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let mut slices = Vec::new();
        for _ in 0..count {
            let slice = self.choose(&mut state)?;
            write(&mut state, "+", &slice);
            let lease = Lease {
                slice: slice.clone(),
                ends: Instant::now() + ttl,
                expires: expires.clone(),
                holder: holder.cloned(),
                is_made: false,
            };
            state.leases.insert(slice.id.clone(), lease);
            slices.push(slice);
        }
        Ok(slices)
    }

    fn choose(&self, state: &mut State) -> Result<Slice, Problem> {
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|e| Problem::failed("randomness", format!("the kernel gave none: {e}")))?;
        let number = u64::from_le_bytes(random) % 100_000_000_000;
        let id = format!("{number:011}");
        let has = |part: &str| self.ports.contains_key(part);
        let redis = match has(REDIS) {
            true => Some(free_redis(state)?),
            false => None,
        };
        state.redis.extend(redis);
        Ok(Slice {
            // Twelve digits are an account of their own.
            account: format!("9{id}"),
            database: has(POSTGRES).then(|| format!("{DATABASE}{id}")),
            id,
            redis,
        })
    }

    async fn make(&self, slice: &Slice, template: Option<&str>) -> Result<(), Problem> {
        if let (Some(database), Some(server)) = (&slice.database, self.postgres()) {
            let usual = server.settings.databases.first().map_or("postgres", String::as_str);
            let template = template.unwrap_or(usual);
            self.databases.clone_database(&server, template, database).await?;
        }
        Ok(())
    }

    async fn remove(&self, slice: &Slice) -> Result<(), Problem> {
        if let (Some(database), Some(server)) = (&slice.database, self.postgres()) {
            self.databases.drop_database(&server, database).await?;
        }
        if let (Some(number), Some(port)) = (slice.redis, self.ports.get(REDIS).copied()) {
            let emptied =
                tokio::task::spawn_blocking(move || redis::Talk::with(port)?.empty(number));
            emptied.await.unwrap_or_else(|e| Err(Problem::failed("redis", e.to_string())))?;
        }
        let services = lock(&self.services).clone();
        for service in services.iter().flat_map(Services::all) {
            service.forget(&slice.account).await?;
        }
        Ok(())
    }

    fn postgres(&self) -> Option<postgres::Server> {
        let settings = self.profile.postgres.clone()?;
        Some(postgres::Server { settings, port: *self.ports.get(POSTGRES)? })
    }

    /// A lease as people and programs see it.
    fn shown(&self, state: &State, id: &str) -> Option<Value> {
        let lease = state.leases.get(id).filter(|lease| lease.is_made)?;
        let slice = &lease.slice;
        let domain = format!("{id}.lease.test");
        let mut env = self.variables.clone();
        let mut set = |key: &str, value: String| {
            env.insert(key.to_owned(), value);
        };
        set("AWS_ACCESS_KEY_ID", slice.account.clone());
        set("DEVENV_LEASE", id.to_owned());
        set("DEVENV_MAIL_DOMAIN", domain.clone());
        if let Some(database) = &slice.database {
            set("PGDATABASE", database.clone());
        }
        if let (Some(database), Some(url)) = (&slice.database, env.get("DATABASE_URL").cloned()) {
            let server = url.rsplit_once('/').map_or(url.as_str(), |(server, _)| server);
            env.insert("DATABASE_URL".to_owned(), format!("{server}/{database}"));
        }
        if let (Some(number), Some(url)) = (slice.redis, env.get("REDIS_URL").cloned()) {
            env.insert("REDIS_URL".to_owned(), format!("{url}/{number}"));
        }
        Some(json!({"id": id, "account": slice.account, "database": slice.database,
            "redis": slice.redis, "mail_domain": domain, "expires": lease.expires, "env": env}))
    }

    /// Ends leases by time and by their holders' end, from the first lease on.
    fn watch(self: &Arc<Self>) {
        if !std::mem::replace(&mut lock(&self.state).watched, true) {
            tokio::spawn(watch(Arc::downgrade(self)));
        }
    }

    /// The leases that are over.
    fn over(&self) -> Vec<String> {
        let now = Instant::now();
        let is_over = |lease: &Lease| {
            let holder = lease.holder.as_ref();
            let is_gone =
                holder.is_some_and(|(pid, start)| process::started(*pid).as_ref() != Some(start));
            lease.is_made && (lease.ends <= now || is_gone)
        };
        let state = lock(&self.state);
        let over = state.leases.iter().filter(|(_, lease)| is_over(lease));
        over.map(|(id, _)| id.clone()).collect()
    }

    fn book(&self) -> PathBuf {
        self.dirs.state.join(BOOK)
    }

    /// Removes what a former daemon's leases had, and begins a new book.
    async fn remove_left_overs(&self) -> Result<(), Problem> {
        let path = self.book();
        let mut left: BTreeMap<String, Slice> = BTreeMap::new();
        for line in fs::read_to_string(&path).unwrap_or_default().lines() {
            let Some((sign, text)) = line.split_at_checked(1) else { continue };
            // A line that was not written to its end was not acted upon either.
            let Ok(slice) = serde_json::from_str::<Slice>(text) else { continue };
            match sign {
                "+" => left.insert(slice.id.clone(), slice),
                _ => left.remove(&slice.id),
            };
        }
        for slice in left.values() {
            self.remove(slice).await?;
        }
        if let Some(server) = self.postgres() {
            self.databases.sweep(&server).await?;
        }
        let mut options = File::options();
        let book = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        let book = book.map_err(|error| crate::runtime::dirs::unwritable(&path, &error))?;
        lock(&self.state).book = Some(book);
        Ok(())
    }
}

/// The leases as the gateway gives them.
pub(super) struct Lends(pub(super) Arc<Leases>);

impl Lender for Lends {
    fn lend(&self, asked: Value) -> Pending<'_, Result<Vec<Value>, Problem>> {
        Box::pin(async move {
            let ask: LeaseAsk = serde_json::from_value(asked).map_err(|e| {
                Problem::new(Exit::Usage, "lease-ask", format!("the body asks for no lease: {e}"))
            })?;
            self.0.take(&ask).await
        })
    }

    fn lent(&self) -> Vec<Value> {
        self.0.list()
    }

    fn take_back(&self, id: String) -> Pending<'_, Result<(), Problem>> {
        Box::pin(async move { self.0.release(&id).await })
    }
}

fn free_redis(state: &State) -> Result<u32, Problem> {
    (REDIS_FIRST..redis::DATABASES)
        .find(|number| !state.redis.contains(number))
        .ok_or_else(|| Problem::failed("too-many-leases", "no Redis database is free").retryable())
}

/// One line of the book. If the disk refuses it, a killed daemon's left-over is not found: no reason
/// to refuse the lease.
fn write(state: &mut State, sign: &str, slice: &Slice) {
    let text = serde_json::to_string(slice).unwrap_or_default();
    state.unremoved = match sign {
        "+" => state.unremoved + 1,
        _ => state.unremoved.saturating_sub(1),
    };
    let is_over = state.unremoved == 0;
    let done = state.book.as_mut().map(|book| match is_over {
        // Nothing is left to be removed: the book begins anew, so that it does not grow for ever.
        true => book.set_len(0).and_then(|()| book.rewind()),
        false => writeln!(book, "{sign}{text}"),
    });
    if let Some(Err(error)) = done {
        tracing::warn!(%error, "a lease is not written down");
    }
}

async fn watch(leases: Weak<Leases>) {
    loop {
        tokio::time::sleep(PACE).await;
        let Some(leases) = leases.upgrade() else { return };
        for id in leases.over() {
            if let Err(problem) = leases.release(&id).await {
                tracing::warn!(id, "a lease does not end yet: {}", problem.message);
            }
        }
        if leases.databases.are_idle()
            && let Some(server) = leases.postgres()
        {
            leases.databases.clear(&server).await;
        }
    }
}

fn gone(pid: u32) -> Problem {
    Problem::new(Exit::Usage, "lease-holder", format!("there is no process {pid}"))
}
