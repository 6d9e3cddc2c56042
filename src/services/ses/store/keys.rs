//! Keys: those that sign for domains, and the one from which the links of tracked mails follow. A key is
//! made when it is first needed, and stays.

use super::super::state::Home;
use crate::storage::rusqlite::{self, Connection, OptionalExtension, params, params_from_iter};

/// A script of the schema.
pub(super) const FIFTH: &str = "
    ALTER TABLE ses_mail ADD COLUMN finish TEXT;
    CREATE TABLE ses_key(
      account TEXT NOT NULL, region TEXT NOT NULL, domain TEXT NOT NULL, selector TEXT NOT NULL,
      key BLOB NOT NULL, PRIMARY KEY(account, region, domain, selector)) WITHOUT ROWID;";

/// What a key is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::services::ses) struct Name([String; 4]);

impl Name {
    /// The key of a domain.
    pub(in crate::services::ses) fn of(home: &Home, domain: &str, selector: &str) -> Name {
        Name([home.0.clone(), home.1.clone(), domain.to_owned(), selector.to_owned()])
    }

    /// The key of this environment's links.
    pub(in crate::services::ses) fn of_links() -> Name {
        Name([String::new(), String::new(), String::new(), "links".to_owned()])
    }
}

/// The key, if there is one.
pub(in crate::services::ses) fn get(
    connection: &Connection,
    Name(name): &Name,
) -> rusqlite::Result<Option<Vec<u8>>> {
    let sql =
        "SELECT key FROM ses_key WHERE account=?1 AND region=?2 AND domain=?3 AND selector=?4";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row(params_from_iter(name), |row| row.get(0)).optional()
}

/// Puts a key in the place of the one that is there.
pub(super) fn put(connection: &Connection, name: &Name, key: &[u8]) -> rusqlite::Result<()> {
    write(connection, "REPLACE", name, key)
}

/// Puts a key where there is none.
pub(in crate::services::ses) fn add(
    connection: &Connection,
    name: &Name,
    key: &[u8],
) -> rusqlite::Result<()> {
    write(connection, "IGNORE", name, key)
}

fn write(
    connection: &Connection,
    otherwise: &str,
    Name([account, region, domain, selector]): &Name,
    key: &[u8],
) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT OR {otherwise} INTO ses_key(account, region, domain, selector, key)
         VALUES (?1, ?2, ?3, ?4, ?5)"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    statement.execute(params![account, region, domain, selector, key]).map(drop)
}
