//! The virtual clock that all services share: the machine's time moved by an offset, or standing still.
//!
//! Invariant: a change is on disk before it holds, so a restart goes on with the time that was answered.
//! Each change is a row, kept so that an instant of the machine's clock can be read as the virtual one of
//! that moment: clients sign by their own clock, which may be the machine's or follow this one.

use crate::base::{Exit, Millis, Problem};
use crate::storage::rusqlite::{self, Connection, params};
use crate::storage::{Schema, Storage};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, watch};

/// The table of the clock's changes.
pub(super) const SCHEMA: Schema = Schema {
    name: "clock",
    scripts: &["CREATE TABLE clock_change(
        id INTEGER PRIMARY KEY, real INTEGER NOT NULL, offset INTEGER NOT NULL, frozen INTEGER)"],
};

/// Instants that the clock can be set to: the year 1970 up to 9999, what every AWS timestamp can write.
const RANGE: std::ops::RangeInclusive<i64> = 0..=253_402_300_799_999;
/// Changes that are remembered for reading old instants.
const CHANGES_MAX: usize = 256;
/// What the clock of a seeded environment shows first: 2025-01-01T00:00:00Z.
const ORIGIN: Millis = Millis(1_735_689_600_000);
/// The value of `frozen_ms` while the clock runs.
const RUNS: i64 = i64::MIN;

/// The virtual clock. Cheap to clone.
#[derive(Clone, Default)]
pub struct Clock {
    inner: Arc<Inner>,
}

struct Inner {
    offset_ms: AtomicI64,
    frozen_ms: AtomicI64,
    moved: Notify,
    calls: watch::Sender<()>,
    /// Oldest first.
    changes: Mutex<Vec<Change>>,
    /// One change at a time.
    turn: tokio::sync::Mutex<()>,
    storage: Option<Storage>,
    /// Told of each move.
    follower: OnceLock<Follower>,
    /// Where it stands still at the beginning of a seeded environment.
    origin: Option<Millis>,
}

/// From `real` on the clock stood so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Change {
    real: Millis,
    offset_ms: i64,
    frozen: Option<Millis>,
}

impl Change {
    const NONE: Change = Change { real: Millis(i64::MIN), offset_ms: 0, frozen: None };

    fn shows(&self, real: Millis) -> Millis {
        self.frozen.unwrap_or(Millis(real.0.saturating_add(self.offset_ms)))
    }
}

/// What can be done with the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum ClockOrder {
    /// Move it.
    Advance {
        /// Milliseconds, also back.
        by_ms: i64,
    },
    /// Show this instant from now on; a frozen clock stays frozen.
    Set {
        /// Milliseconds since the epoch.
        to_ms: i64,
    },
    /// Stand still.
    Freeze,
    /// Go on from where it stood still.
    Resume,
    /// The machine's own time again.
    Reset,
}

/// How the clock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockView {
    /// The virtual instant.
    pub now: Millis,
    /// The machine's instant.
    pub real: Millis,
    /// Milliseconds by which the virtual one is ahead.
    pub offset_ms: i64,
    /// Whether it stands still.
    pub frozen: bool,
}

impl ClockView {
    /// As the commands and pages show it.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "schema": 1,
            "now": self.now.iso8601(),
            "real": self.real.iso8601(),
            "offset_ms": self.offset_ms,
            "frozen": self.frozen,
        })
    }
}

/// A move of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// How it stands since.
    pub view: ClockView,
    /// Milliseconds that it went on, or back, in that moment.
    pub by_ms: i64,
}

/// Told of each move; the order is answered when it is through.
pub type Follower = Box<dyn Fn(Moved) -> super::Pending<'static, ()> + Send + Sync>;

impl Default for Inner {
    fn default() -> Self {
        Inner {
            offset_ms: AtomicI64::new(0),
            frozen_ms: AtomicI64::new(RUNS),
            moved: Notify::new(),
            calls: watch::Sender::new(()),
            changes: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            storage: None,
            follower: OnceLock::new(),
            origin: None,
        }
    }
}

impl Clock {
    /// The clock as the state file has it.
    pub fn open(storage: &Storage) -> Result<Clock, Problem> {
        let changes = storage.read(load).map_err(|e| {
            Problem::failed("state-unreadable", format!("clock: {}", e.for_people()))
        })?;
        let last = changes.last().copied().unwrap_or(Change::NONE);
        let inner = Inner {
            changes: Mutex::new(changes),
            storage: Some(storage.clone()),
            origin: storage.draws().is_seeded().then_some(ORIGIN),
            ..Inner::default()
        };
        let clock = Clock { inner: Arc::new(inner) };
        clock.take(last);
        Ok(clock)
    }

    /// The virtual instant.
    pub fn now(&self) -> Millis {
        match self.inner.frozen_ms.load(Ordering::Acquire) {
            RUNS => Millis(self.real().0 + self.inner.offset_ms.load(Ordering::Relaxed)),
            frozen => Millis(frozen),
        }
    }

    /// The machine's own instant.
    pub fn real(&self) -> Millis {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(real.as_millis() as i64)
    }

    /// The present as the client sees it who wrote `stamp` lately: the virtual instant for one who
    /// follows this clock, and for one with the machine's clock `stamp` plus the virtual time that has
    /// passed since. Of both the one that leaves `stamp` younger: so an advance makes what was signed
    /// before it older, and nothing that is signed after it.
    pub fn now_of(&self, stamp: Millis) -> Millis {
        let now = self.now();
        let then = self.at_real(stamp);
        let by_machine = Millis(stamp.0.saturating_add(now.0.saturating_sub(then.0)));
        let is_possible = by_machine >= stamp;
        if is_possible && by_machine < now || now < stamp { by_machine } else { now }
    }

    /// What this clock showed at an instant of the machine's clock.
    fn at_real(&self, real: Millis) -> Millis {
        let changes = self.changes();
        let last = changes.iter().rev().find(|change| change.real <= real);
        last.unwrap_or(&Change::NONE).shows(real)
    }

    /// Moves the clock in this process alone, for tests that have no state file.
    pub fn advance(&self, by_ms: i64) {
        let real = self.real();
        let changed = self.after(ClockOrder::Advance { by_ms }, real);
        self.changes().push(changed);
        self.take(changed);
    }

    /// Carries out an order; it holds, and is durable, when this returns.
    pub async fn order(&self, order: ClockOrder) -> Result<ClockView, Problem> {
        let _turn = self.inner.turn.lock().await;
        let real = self.real();
        let change = self.after(order, real);
        let shown = change.shows(real);
        let before = self.standing(real).shows(real);
        if !RANGE.contains(&shown.0) {
            let message = "the clock shows years from 1970 to 9999";
            return Err(Problem::new(Exit::Usage, "clock-range", message));
        }
        self.write(change, order == ClockOrder::Reset).await?;
        self.remember(change, order == ClockOrder::Reset);
        self.take(change);
        let view = self.view();
        if let Some(follower) = self.inner.follower.get() {
            follower(Moved { view, by_ms: shown.0 - before.0 }).await;
        }
        Ok(view)
    }

    fn remember(&self, change: Change, alone: bool) {
        let mut changes = self.changes();
        if alone {
            return changes.clear();
        }
        changes.push(change);
        let surplus = changes.len().saturating_sub(CHANGES_MAX);
        changes.drain(..surplus);
    }

    /// Has `follower` told of every move from now on; there is one at the most.
    pub fn follow(&self, follower: Follower) {
        let is_first = self.inner.follower.set(follower).is_ok();
        debug_assert!(is_first, "a clock has one follower");
    }

    /// As in a fresh environment: the machine's own time or, under a seed, standing still at an instant
    /// that is always the same.
    pub async fn start_over(&self) -> Result<ClockView, Problem> {
        let Some(Millis(to_ms)) = self.inner.origin else {
            return self.order(ClockOrder::Reset).await;
        };
        self.order(ClockOrder::Freeze).await?;
        self.order(ClockOrder::Set { to_ms }).await
    }

    /// How it stands.
    pub fn view(&self) -> ClockView {
        let (now, real) = (self.now(), self.real());
        let frozen = self.inner.frozen_ms.load(Ordering::Acquire) != RUNS;
        let offset_ms = match frozen {
            true => now.0 - real.0,
            false => self.inner.offset_ms.load(Ordering::Relaxed),
        };
        ClockView { now, real, offset_ms, frozen }
    }

    /// How it stands, unless it is the machine's own time.
    pub fn unreal(&self) -> Option<ClockView> {
        Some(self.view()).filter(|view| view.frozen || view.offset_ms != 0)
    }

    /// Resolves when the clock is moved after this call: whoever sleeps until a virtual instant
    /// looks again.
    pub fn moved(&self) -> Notified<'_> {
        self.inner.moved.notified()
    }

    /// Tells the background workers that there may be something to do earlier than they said.
    /// Call it when the change that is the reason is committed.
    pub fn call(&self) {
        self.inner.calls.send_replace(());
    }

    /// Where calls are heard.
    pub(super) fn calls(&self) -> watch::Receiver<()> {
        self.inner.calls.subscribe()
    }

    /// How long a sleeper may sleep until a virtual instant: not at all when it is there, for ever
    /// (`None`) while the clock stands still. Whoever sleeps also waits for [`Clock::moved`].
    pub fn until(&self, due: Millis) -> Option<std::time::Duration> {
        let left = due.since(self.now());
        if left > 0 && self.inner.frozen_ms.load(Ordering::Acquire) != RUNS {
            return None;
        }
        Some(std::time::Duration::from_millis(left as u64))
    }

    fn changes(&self) -> std::sync::MutexGuard<'_, Vec<Change>> {
        self.inner.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the clock stands, as a change made at `real` would say it.
    fn standing(&self, real: Millis) -> Change {
        let frozen = self.inner.frozen_ms.load(Ordering::Acquire);
        let frozen = (frozen != RUNS).then_some(Millis(frozen));
        Change { real, offset_ms: self.inner.offset_ms.load(Ordering::Relaxed), frozen }
    }

    /// How the clock stands after an order given at `real`.
    fn after(&self, order: ClockOrder, real: Millis) -> Change {
        let now = self.standing(real);
        let showing = |at: i64| match now.frozen {
            Some(_) => Change { frozen: Some(Millis(at)), ..now },
            None => Change { offset_ms: at.saturating_sub(real.0), ..now },
        };
        match order {
            ClockOrder::Advance { by_ms } => showing(now.shows(real).0.saturating_add(by_ms)),
            ClockOrder::Set { to_ms } => showing(to_ms),
            ClockOrder::Freeze => Change { frozen: Some(now.shows(real)), ..now },
            ClockOrder::Resume => {
                Change { offset_ms: now.shows(real).0 - real.0, frozen: None, real }
            }
            ClockOrder::Reset => Change { real, ..Change::NONE },
        }
    }

    async fn write(&self, change: Change, alone: bool) -> Result<(), Problem> {
        let Some(storage) = &self.inner.storage else { return Ok(()) };
        let done = storage.transact(move |transaction| {
            if alone {
                return transaction.execute("DELETE FROM clock_change", []).map(drop);
            }
            let frozen = change.frozen.map(|at| at.0);
            transaction.execute(
                "INSERT INTO clock_change(real, offset, frozen) VALUES (?1, ?2, ?3)",
                params![change.real.0, change.offset_ms, frozen],
            )?;
            let oldest =
                "DELETE FROM clock_change WHERE id <= (SELECT max(id) FROM clock_change) - ?1";
            transaction.execute(oldest, [CHANGES_MAX as i64]).map(drop)
        });
        done.await.map_err(|e| {
            Problem::failed("clock", format!("the clock cannot be kept: {}", e.for_people()))
        })
    }

    fn take(&self, change: Change) {
        // The offset first: who sees the clock run sees the offset that it runs with.
        self.inner.offset_ms.store(change.offset_ms, Ordering::Relaxed);
        let frozen = change.frozen.map_or(RUNS, |at| at.0);
        self.inner.frozen_ms.store(frozen, Ordering::Release);
        self.inner.moved.notify_waiters();
    }
}

fn load(connection: &Connection) -> rusqlite::Result<Vec<Change>> {
    let mut rows =
        connection.prepare("SELECT real, offset, frozen FROM clock_change ORDER BY id")?;
    let rows = rows.query_map([], |row| {
        let frozen: Option<i64> = row.get(2)?;
        let real = Millis(row.get(0)?);
        Ok(Change { real, offset_ms: row.get(1)?, frozen: frozen.map(Millis) })
    })?;
    rows.collect()
}

/// An instant as people type it: RFC 3339, a date or a time of UTC, or seconds since the epoch.
pub fn parse_instant(text: &str) -> Result<Millis, String> {
    let utc = |civil: jiff::civil::DateTime| {
        civil.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp()).ok()
    };
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(Millis(seconds.saturating_mul(1000)));
    }
    let at = text.parse::<jiff::Timestamp>().ok();
    let at = at.or_else(|| text.parse::<jiff::civil::DateTime>().ok().and_then(utc));
    at.map(|at| Millis(at.as_millisecond())).ok_or_else(|| {
        format!("`{text}` is no instant: write `2027-01-31T09:00:00Z`, `2027-01-31`, or seconds since 1970")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn near(a: Millis, b: Millis) -> bool {
        (a.0 - b.0).abs() < 2_000
    }

    #[tokio::test]
    async fn it_moves_stands_still_and_goes_on() {
        let clock = Clock::default();
        clock.order(ClockOrder::Advance { by_ms: HOUR_MS }).await.unwrap();
        assert!(near(clock.now(), Millis(clock.real().0 + HOUR_MS)));
        let frozen = clock.order(ClockOrder::Freeze).await.unwrap();
        assert!(frozen.frozen);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        assert_eq!(clock.now(), frozen.now);
        assert_eq!(clock.until(Millis(frozen.now.0 + 1)), None);
        assert_eq!(clock.until(frozen.now), Some(std::time::Duration::ZERO));
        clock.order(ClockOrder::Advance { by_ms: 5 }).await.unwrap();
        assert_eq!(clock.now(), Millis(frozen.now.0 + 5));
        clock.order(ClockOrder::Set { to_ms: 86_400_000 }).await.unwrap();
        assert_eq!(clock.now(), Millis(86_400_000));
        clock.order(ClockOrder::Resume).await.unwrap();
        assert!(near(clock.now(), Millis(86_400_000)) && !clock.view().frozen);
        assert!(clock.unreal().is_some());
        clock.order(ClockOrder::Reset).await.unwrap();
        assert_eq!(clock.unreal(), None);
    }

    #[tokio::test]
    async fn an_instant_that_no_timestamp_can_write_is_refused_and_changes_nothing() {
        let clock = Clock::default();
        for order in [
            ClockOrder::Set { to_ms: -1 },
            ClockOrder::Set { to_ms: i64::MAX },
            ClockOrder::Advance { by_ms: i64::MAX },
        ] {
            assert_eq!(clock.order(order).await.unwrap_err().code, "clock-range");
            assert_eq!(clock.unreal(), None);
        }
    }

    #[tokio::test]
    async fn what_was_answered_is_what_the_next_start_shows() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Storage::open(&dir.path().join("state.db"), &[SCHEMA]).unwrap();
        let storage = open();
        let clock = Clock::open(&storage).unwrap();
        for _ in 0..CHANGES_MAX + 5 {
            clock.order(ClockOrder::Advance { by_ms: 1000 }).await.unwrap();
        }
        clock.order(ClockOrder::Freeze).await.unwrap();
        let shown = clock.now();
        storage.close();
        let storage = open();
        let again = Clock::open(&storage).unwrap();
        assert_eq!(again.now(), shown);
        assert_eq!(*again.changes(), *clock.changes());
        again.order(ClockOrder::Reset).await.unwrap();
        storage.close();
        assert_eq!(Clock::open(&open()).unwrap().unreal(), None);
    }

    #[test]
    fn signers_by_either_clock_are_understood_and_old_stamps_age_with_the_clock() {
        let clock = Clock::default();
        let before = Millis(clock.real().0 - 1000);
        clock.advance(HOUR_MS);
        // Signed by the machine's clock a moment ago: an hour old, for the clock was moved since.
        assert!(near(clock.now_of(before), Millis(before.0 + HOUR_MS)));
        // Signed by the machine's clock now, and by the virtual one now: both fresh.
        std::thread::sleep(std::time::Duration::from_millis(2));
        let real = clock.real();
        assert!(near(clock.now_of(real), real));
        let moved = clock.now();
        assert!(near(clock.now_of(moved), moved));
    }

    #[test]
    fn instants_as_people_type_them() {
        let day = Millis(1_801_353_600_000);
        for text in ["2027-01-31", "2027-01-31T00:00", "2027-01-31T01:00:00+01:00", "1801353600"] {
            assert_eq!(parse_instant(text), Ok(day), "{text}");
        }
        assert!(parse_instant("tomorrow").is_err());
        assert!(parse_instant("2027-13-31").is_err());
    }
}
