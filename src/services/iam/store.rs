//! The table of entities. Access keys' secrets lie in it in clear, guarded by the state file's mode
//! 0600: signatures cannot be verified without them.

use super::state::{Change, Entity, KINDS, State};
use crate::services::Domain;
use crate::storage::Schema;
use crate::storage::Transaction;
use crate::storage::rusqlite::{self, Connection, params};

const TABLES: &str = "
CREATE TABLE iam_entity(
  account TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, entity TEXT NOT NULL,
  PRIMARY KEY(account, kind, key)) WITHOUT ROWID;";

impl Domain for State {
    type Change = Change;
    const SCHEMA: Schema = Schema { name: "iam", scripts: &[TABLES] };

    fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut state = State::default();
        let mut rows = connection.prepare("SELECT account, kind, key, entity FROM iam_entity")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let kind = row.get_ref(1)?.as_str()?;
            let Some(kind) = KINDS.iter().find(|known| **known == kind) else { continue };
            let entity: Entity =
                serde_json::from_str(row.get_ref(3)?.as_str()?).map_err(|error| {
                    let text = rusqlite::types::Type::Text;
                    rusqlite::Error::FromSqlConversionFailure(3, text, Box::new(error))
                })?;
            state.absorb(&Change::Put((row.get(0)?, kind, row.get(2)?), entity));
        }
        Ok(state)
    }

    fn write(change: &Change, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        match change {
            Change::Put((account, kind, key), entity) => transaction
                .prepare_cached("INSERT OR REPLACE INTO iam_entity VALUES (?1,?2,?3,?4)")?
                .execute(params![
                    account,
                    kind,
                    key,
                    // Texts, numbers and lists of them: there is nothing that JSON could not hold.
                    serde_json::to_string(entity).unwrap_or_default()
                ])
                .map(drop),
            Change::Gone((account, kind, key)) => transaction
                .prepare_cached("DELETE FROM iam_entity WHERE account=?1 AND kind=?2 AND key=?3")?
                .execute(params![account, kind, key])
                .map(drop),
        }
    }

    fn wipe(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction.execute("DELETE FROM iam_entity", []).map(drop)
    }
}
