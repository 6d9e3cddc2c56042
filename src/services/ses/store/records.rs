//! The table of records; see [`super::super::records`].

use super::super::records::{Name, Record};
use super::super::state::{Home, State};
use super::{from_json, to_json};
use crate::storage::Transaction;
use crate::storage::rusqlite::{self, Connection, params};

/// The third script of the schema.
pub(super) const THIRD: &str = "
    ALTER TABLE ses_identity ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
    CREATE TABLE ses_record(
      account TEXT NOT NULL, region TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
      record TEXT NOT NULL, PRIMARY KEY(account, region, kind, key)) WITHOUT ROWID;";

/// Reads all of them.
pub(super) fn load(connection: &Connection, state: &mut State) -> rusqlite::Result<()> {
    let mut rows =
        connection.prepare("SELECT account, region, kind, key, record FROM ses_record")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let home: Home = (row.get(0)?, row.get(1)?);
        let name = (row.get(2)?, row.get(3)?);
        state.records.put(&home, name, from_json(row.get_ref(4)?.as_str()?)?);
    }
    Ok(())
}

/// Makes or alters one.
pub(super) fn put(
    transaction: &Transaction<'_>,
    home: &Home,
    name: &Name,
    record: &Record,
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO ses_record(account, region, kind, key, record)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    statement.execute(params![home.0, home.1, name.0, name.1, to_json(record)]).map(drop)
}

/// Deletes one.
pub(super) fn delete(
    transaction: &Transaction<'_>,
    home: &Home,
    name: &Name,
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "DELETE FROM ses_record WHERE account=?1 AND region=?2 AND kind=?3 AND key=?4",
    )?;
    statement.execute(params![home.0, home.1, name.0, name.1]).map(drop)
}
