//! The parameters' tables. Values of `SecureString`s lie in them as ciphertext, all others in clear,
//! guarded by the state file's mode 0600.

use super::state::{Change, Key, State, Version};
use crate::services::Domain;
use crate::storage::Schema;
use crate::storage::Transaction;
use crate::storage::rusqlite::{self, Connection, params};

const TABLES: &str = "
CREATE TABLE ssm_version(
  account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL,
  version TEXT NOT NULL, PRIMARY KEY(account, region, name, number)) WITHOUT ROWID;
CREATE TABLE ssm_tags(
  account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, tags TEXT NOT NULL,
  PRIMARY KEY(account, region, name)) WITHOUT ROWID;";

impl Domain for State {
    type Change = Change;
    const SCHEMA: Schema = Schema { name: "ssm", scripts: &[TABLES] };

    fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut state = State::default();
        let mut rows = connection.prepare(
            "SELECT account, region, name, version FROM ssm_version ORDER BY account, region, name, number",
        )?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let key: Key = ((row.get(0)?, row.get(1)?), row.get(2)?);
            let version: Version = from_json(row.get_ref(3)?.as_str()?)?;
            state.absorb(&Change::Version(key, Box::new(version)));
        }
        let mut rows = connection.prepare("SELECT account, region, name, tags FROM ssm_tags")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let key: Key = ((row.get(0)?, row.get(1)?), row.get(2)?);
            state.absorb(&Change::Tags(key, from_json(row.get_ref(3)?.as_str()?)?));
        }
        Ok(state)
    }

    fn write(change: &Change, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        match change {
            Change::Version(((account, region), name), version) => transaction
                .prepare_cached("INSERT OR REPLACE INTO ssm_version VALUES (?1,?2,?3,?4,?5)")?
                .execute(params![account, region, name, version.number, to_json(version)])
                .map(drop),
            Change::VersionGone(((account, region), name), number) => transaction
                .prepare_cached(
                    "DELETE FROM ssm_version WHERE account=?1 AND region=?2 AND name=?3 AND number=?4",
                )?
                .execute(params![account, region, name, number])
                .map(drop),
            Change::Tags(((account, region), name), tags) => transaction
                .prepare_cached("INSERT OR REPLACE INTO ssm_tags VALUES (?1,?2,?3,?4)")?
                .execute(params![account, region, name, to_json(tags)])
                .map(drop),
            Change::Gone(((account, region), name)) => {
                for table in ["ssm_version", "ssm_tags"] {
                    transaction
                        .prepare_cached(&format!(
                            "DELETE FROM {table} WHERE account=?1 AND region=?2 AND name=?3"
                        ))?
                        .execute(params![account, region, name])?;
                }
                Ok(())
            }
        }
    }

    fn wipe(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction.execute_batch("DELETE FROM ssm_version; DELETE FROM ssm_tags;")
    }
}

fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}
