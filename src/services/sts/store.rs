//! The sessions' table. Secrets lie in the state file in clear, guarded by its mode 0600.

use super::state::{Change, Facts, Session, State};
use crate::base::Millis;
use crate::services::Domain;
use crate::storage::Schema;
use crate::storage::Transaction;
use crate::storage::rusqlite::{self, Connection, params};

const TABLES: &str = "
CREATE TABLE sts_session(
  access_key TEXT PRIMARY KEY, secret TEXT NOT NULL, token TEXT NOT NULL, account TEXT NOT NULL,
  arn TEXT NOT NULL, user_id TEXT NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;";

/// What a session may.
const FACTS: &str = "ALTER TABLE sts_session ADD COLUMN facts TEXT NOT NULL DEFAULT '{}';";

impl Domain for State {
    type Change = Change;
    const SCHEMA: Schema = Schema { name: "sts", scripts: &[TABLES, FACTS] };

    fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut rows = connection.prepare(
            "SELECT access_key, secret, token, account, arn, user_id, expires, facts FROM sts_session",
        )?;
        let sessions = rows.query_map([], |row| {
            Ok(Session {
                access_key: row.get(0)?,
                secret: row.get(1)?,
                token: row.get(2)?,
                account: row.get(3)?,
                arn: row.get(4)?,
                user_id: row.get(5)?,
                expires: Millis(row.get(6)?),
                facts: read_facts(row.get_ref(7)?.as_str()?)?,
            })
        })?;
        let mut state = State::default();
        for session in sessions {
            let session = session?;
            state.sessions.insert(session.access_key.clone(), session);
        }
        Ok(state)
    }

    fn write(change: &Change, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        match change {
            Change::Opened(session) => transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO sts_session VALUES (?1,?2,?3,?4,?5,?6,?7,?8)",
                )?
                .execute(params![
                    session.access_key,
                    session.secret,
                    session.token,
                    session.account,
                    session.arn,
                    session.user_id,
                    session.expires.0,
                    // Texts and lists of them: there is nothing that JSON could not hold.
                    serde_json::to_string(&session.facts).unwrap_or_default()
                ])
                .map(drop),
            Change::Expired(before) => transaction
                .execute("DELETE FROM sts_session WHERE expires <= ?1", [before.0])
                .map(drop),
        }
    }

    fn wipe(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction.execute("DELETE FROM sts_session", []).map(drop)
    }
}

fn read_facts(text: &str) -> rusqlite::Result<Facts> {
    serde_json::from_str(text).map_err(|error| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(7, kind, Box::new(error))
    })
}
