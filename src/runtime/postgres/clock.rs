//! A `now()` that follows the virtual clock: functions in a schema that stands before `pg_catalog` in
//! the search path (`follow_clock` sets it), and one row that says how the clock stands.
//!
//! `CURRENT_TIMESTAMP`, `LOCALTIME` and the like are no functions and keep the machine's time
//! (<https://www.postgresql.org/docs/current/functions-datetime.html#FUNCTIONS-DATETIME-CURRENT>).

use super::initialise::{connect, sql};
use crate::base::Problem;
use crate::profile;

/// The search path of an environment whose Postgres follows the clock: new things still go into
/// `public`, and `pg_catalog` is found last instead of first.
pub(super) const SEARCH_PATH: &str = "\"$user\", public, devenv_clock, pg_catalog";

/// The functions that are found before `pg_catalog`'s, and how the clock stands.
const SCHEMA: &str = "
create schema if not exists devenv_clock;
create table if not exists devenv_clock.clock(
  is_row boolean primary key default true check (is_row),
  moved interval not null, stands timestamptz);
insert into devenv_clock.clock values (true, '0', null) on conflict do nothing;
create or replace function devenv_clock.now() returns timestamptz language sql stable parallel safe as
  'select coalesce(stands, pg_catalog.now() + moved) from devenv_clock.clock';
create or replace function devenv_clock.transaction_timestamp() returns timestamptz
  language sql stable parallel safe as
  'select coalesce(stands, pg_catalog.transaction_timestamp() + moved) from devenv_clock.clock';
create or replace function devenv_clock.statement_timestamp() returns timestamptz
  language sql stable parallel safe as
  'select coalesce(stands, pg_catalog.statement_timestamp() + moved) from devenv_clock.clock';
create or replace function devenv_clock.clock_timestamp() returns timestamptz
  language sql volatile parallel safe as
  'select coalesce(stands, pg_catalog.clock_timestamp() + moved) from devenv_clock.clock';
grant usage on schema devenv_clock to public;
grant select on devenv_clock.clock to public;";

/// Every database that has the functions: the profile's, and copies of them.
const FOLLOWING: &str =
    "select datname from pg_database where datallowconn and not datistemplate order by 1";

/// How the virtual clock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Milliseconds by which it is ahead of the machine's.
    pub ahead_ms: i64,
    /// Where it stands still, in milliseconds since 1970.
    pub frozen_ms: Option<i64>,
}

/// Makes the functions in the profile's databases.
pub(super) async fn prepare(settings: &profile::Postgres, port: u16) -> Result<(), Problem> {
    for database in &settings.databases {
        let client = connect(settings, port, database).await?;
        let made = client.batch_execute(SCHEMA).await;
        made.map_err(|error| sql(&format!("follow the clock in database `{database}`"), &error))?;
    }
    Ok(())
}

/// Has every database that has the functions show what the clock shows.
pub async fn set_clock(
    settings: &profile::Postgres,
    port: u16,
    standing: Standing,
) -> Result<(), Problem> {
    let failed = |error: tokio_postgres::Error| sql("follow the clock", &error);
    let rows = connect(settings, port, "postgres").await?.query(FOLLOWING, &[]).await;
    let databases: Vec<String> = rows.map_err(failed)?.iter().map(|row| row.get(0)).collect();
    let frozen = standing.frozen_ms.map_or("null".to_owned(), |at| {
        format!("timestamptz 'epoch' + {at} * interval '1 millisecond'")
    });
    // `moved` and `frozen` are numbers; there is nothing to quote.
    let set = format!(
        "update devenv_clock.clock set moved = {} * interval '1 millisecond', stands = {frozen}",
        standing.ahead_ms
    );
    for database in databases {
        let client = connect(settings, port, &database).await?;
        let there = "select from pg_namespace where nspname = 'devenv_clock'";
        if !client.query(there, &[]).await.map_err(failed)?.is_empty() {
            client.batch_execute(&set).await.map_err(failed)?;
        }
    }
    Ok(())
}
