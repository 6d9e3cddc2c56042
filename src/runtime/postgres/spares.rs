//! Copies of a database made in advance: the server has each file of a copy on the disk before it calls
//! it made, and who asks for a lease need not wait for that.
//!
//! Invariant: a spare is given away only if nobody was connected to its template since before it was
//! begun, by Postgres' own count of sessions
//! (<https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-DATABASE-VIEW>),
//! asked in one session that was open the whole time: a server that ends or fails forgets the count, and
//! ends the session. A session leaves `pg_stat_activity` only after it was counted.

use super::initialise::{Sessions, connect, quoted, sql};
use crate::base::Problem;
use crate::profile;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// Begins the names of spares.
const PREFIX: &str = "lease_spare_";
/// Spares of a template at the most, and their bytes; a template that is larger than these has none.
const COUNT_MAX: u64 = 8;
const BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Spares that are made side by side.
const MAKERS_MAX: usize = 2;
/// After so long without a lease they go.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// Whether somebody is connected to a template, or Postgres does not count.
const BUSY: &str = "select exists (
         select from pg_stat_activity where datname = $1 and backend_type = 'client backend')
     or current_setting('track_counts') <> 'on' or current_setting('track_activities') <> 'on'";
/// Who a template is, and how many sessions there were.
const COUNTED: &str = "select d.oid, s.sessions, s.stats_reset::text
    from pg_database d join pg_stat_database s on s.datid = d.oid where d.datname = $1";

/// The state of a template, as far as the content of a copy depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    /// Which session was asked.
    witness: u64,
    oid: u32,
    sessions: i64,
    reset: Option<String>,
}

struct Spare {
    name: String,
    mark: Mark,
}

#[derive(Default)]
struct State {
    shelf: Vec<Spare>,
    makers: usize,
    /// Being made, by all makers.
    under_way: u64,
    used: Option<Instant>,
    names: u64,
}

/// The session that is asked.
#[derive(Default)]
struct Witness {
    client: Option<Client>,
    number: u64,
}

/// The spares of a server. Cheap to clone.
#[derive(Clone, Default)]
pub struct Spares(Arc<Inner>);

#[derive(Default)]
struct Inner {
    sessions: Sessions,
    state: Mutex<State>,
    witness: tokio::sync::Mutex<Witness>,
}

/// Where the server is.
#[derive(Clone)]
pub struct Server {
    /// Its part of the profile.
    pub settings: profile::Postgres,
    /// Its port.
    pub port: u16,
}

impl Spares {
    /// Makes `name` a copy of the database `template`, to which nobody is connected: a spare one where
    /// there is one.
    pub async fn clone_database(
        &self,
        server: &Server,
        template: &str,
        name: &str,
    ) -> Result<(), Problem> {
        self.state().used = Some(Instant::now());
        if !self.give(server, template, name).await {
            self.0.sessions.clone_database(server, template, name).await?;
        }
        self.refill(server, template);
        Ok(())
    }

    /// Removes a database and ends its sessions; nothing happens if it is not there.
    pub async fn drop_database(&self, server: &Server, name: &str) -> Result<(), Problem> {
        self.0.sessions.drop_database(server, name).await
    }

    /// Removes the spares that a former daemon left. No session stays: perhaps nobody wants a lease.
    pub async fn sweep(&self, server: &Server) -> Result<(), Problem> {
        let swept = self.mark(server, "").await.map(drop);
        self.0.witness.lock().await.client = None;
        swept
    }

    /// Whether there are spares for which nobody has asked for long.
    pub fn are_idle(&self) -> bool {
        let state = self.state();
        !state.shelf.is_empty() && state.used.is_some_and(|used| used.elapsed() > IDLE_MAX)
    }

    /// Removes the spares; the next lease has others made.
    pub async fn clear(&self, server: &Server) {
        let shelf = std::mem::take(&mut self.state().shelf);
        for spare in shelf {
            self.throw_away(server, &spare.name).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is made in one step.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a spare the name, if there is one that is as its template is.
    async fn give(&self, server: &Server, template: &str, name: &str) -> bool {
        if self.state().shelf.is_empty() {
            return false;
        }
        let Ok(Some(mark)) = self.mark(server, template).await else { return false };
        let (spare, stale) = self.state().pick(&mark);
        for stale in stale {
            let (spares, server) = (self.clone(), server.clone());
            tokio::spawn(async move { spares.throw_away(&server, &stale.name).await });
        }
        let Some(spare) = spare else { return false };
        let statement =
            format!("alter database {} rename to {}", quoted(&spare.name), quoted(name));
        let given = matches!(self.0.sessions.execute(server, &statement).await, Ok(Ok(())));
        if !given {
            self.throw_away(server, &spare.name).await;
        }
        given
    }

    async fn throw_away(&self, server: &Server, name: &str) {
        if let Err(problem) = self.drop_database(server, name).await {
            // The next start removes it.
            tracing::debug!(name, "a spare database stays: {}", problem.message);
        }
    }

    /// The template's state; none while somebody is connected to it, or where Postgres does not count.
    async fn mark(&self, server: &Server, template: &str) -> Result<Option<Mark>, Problem> {
        let mut witness = self.0.witness.lock().await;
        if witness.client.as_ref().is_none_or(Client::is_closed) {
            let client = connect(&server.settings, server.port, "postgres").await?;
            witness.number += 1;
            witness.client = Some(client);
            self.forget_all(&witness, server).await?;
        }
        let number = witness.number;
        let Some(client) = &witness.client else { return Ok(None) };
        let failed = |error: tokio_postgres::Error| sql("tell its sessions", &error);
        // In this order: whoever is not connected any more has been counted.
        let busy = client.query_one(BUSY, &[&template]).await.map_err(failed)?;
        if busy.get(0) {
            return Ok(None);
        }
        let counted = client.query_opt(COUNTED, &[&template]).await.map_err(failed)?;
        Ok(counted.map(|row| Mark {
            witness: number,
            oid: row.get(0),
            sessions: row.get(1),
            reset: row.get(2),
        }))
    }

    /// Removes all spares there are: nothing is known of them.
    async fn forget_all(&self, witness: &Witness, server: &Server) -> Result<(), Problem> {
        self.state().shelf.clear();
        let Some(client) = &witness.client else { return Ok(()) };
        let there = client
            .query("select datname from pg_database where starts_with(datname, $1)", &[&PREFIX])
            .await
            .map_err(|error| sql("list databases", &error))?;
        for row in there {
            self.drop_database(server, row.get(0)).await?;
        }
        Ok(())
    }

    /// Has spares of the template made beside everything else.
    fn refill(&self, server: &Server, template: &str) {
        loop {
            {
                let mut state = self.state();
                if state.makers >= MAKERS_MAX {
                    return;
                }
                state.makers += 1;
            }
            let (spares, server, template) = (self.clone(), server.clone(), template.to_owned());
            tokio::spawn(async move {
                while spares.make_one(&server, &template).await {}
                spares.state().makers -= 1;
            });
        }
    }

    /// Makes one more, if one is missing; whether another may be.
    async fn make_one(&self, server: &Server, template: &str) -> bool {
        let Ok(Some(mark)) = self.mark(server, template).await else { return false };
        let Ok(wanted) = self.wanted(mark.oid).await else { return false };
        let Some(name) = self.state().begin(&mark, wanted) else { return false };
        let made = self.0.sessions.clone_database(server, template, &name).await.is_ok();
        let after = self.mark(server, template).await;
        let is_good = made && after.is_ok_and(|after| after.as_ref() == Some(&mark));
        {
            let mut state = self.state();
            state.under_way -= 1;
            if is_good {
                state.shelf.push(Spare { name, mark });
                return true;
            }
        }
        if made {
            self.throw_away(server, &name).await;
        }
        false
    }

    /// How many spares of a template of this size are kept.
    async fn wanted(&self, oid: u32) -> Result<u64, Problem> {
        let witness = self.0.witness.lock().await;
        let Some(client) = &witness.client else { return Ok(0) };
        let size = client.query_one("select pg_database_size($1::oid)", &[&oid]).await;
        let size: i64 = size.map_err(|error| sql("tell a database's size", &error))?.get(0);
        Ok((BYTES_MAX / u64::try_from(size).unwrap_or(0).max(1)).min(COUNT_MAX))
    }
}

impl State {
    /// One that fits, and those that never will.
    fn pick(&mut self, mark: &Mark) -> (Option<Spare>, Vec<Spare>) {
        let is_stale = |spare: &Spare| spare.mark.oid == mark.oid && spare.mark != *mark;
        let (stale, kept) = std::mem::take(&mut self.shelf).into_iter().partition(is_stale);
        self.shelf = kept;
        let at = self.shelf.iter().position(|spare| spare.mark == *mark);
        (at.map(|at| self.shelf.swap_remove(at)), stale)
    }

    /// The name of one more, if one is missing.
    fn begin(&mut self, mark: &Mark, wanted: u64) -> Option<String> {
        let there = self.shelf.iter().filter(|spare| spare.mark == *mark).count() as u64;
        if there + self.under_way >= wanted {
            return None;
        }
        self.under_way += 1;
        self.names += 1;
        Some(format!("{PREFIX}{}", self.names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(oid: u32, sessions: i64) -> Mark {
        Mark { witness: 1, oid, sessions, reset: None }
    }

    #[test]
    fn only_a_spare_of_the_template_as_it_is_now_is_given() {
        let mut state = State::default();
        for (name, mark) in [("a", mark(1, 3)), ("b", mark(1, 4)), ("other", mark(2, 3))] {
            state.shelf.push(Spare { name: name.into(), mark });
        }
        let (given, stale) = state.pick(&mark(1, 4));
        assert_eq!(given.map(|s| s.name).as_deref(), Some("b"));
        assert_eq!(stale.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["a"]);
        assert_eq!(state.shelf.len(), 1, "another template's stays");
        assert!(state.pick(&mark(1, 4)).0.is_none());
    }

    #[test]
    fn what_is_under_way_counts() {
        let mut state = State::default();
        let names: Vec<_> = (0..3).map(|_| state.begin(&mark(1, 1), 2)).collect();
        assert_eq!(names, [Some("lease_spare_1".into()), Some("lease_spare_2".into()), None]);
    }
}
