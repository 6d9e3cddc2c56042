//! The tables of keys. Records are JSON; material lies sealed under the environment's master key.

use super::grants::Grant;
use super::key::{Key, KeyRef, Record};
use super::material::Material;
use super::state::{Alias, Change, State};
use crate::services::Domain;
use crate::storage::Schema;
use crate::storage::Transaction;
use crate::storage::rusqlite::{self, Connection, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

const TABLES: &str = "
CREATE TABLE kms_key(
  account TEXT NOT NULL, region TEXT NOT NULL, id TEXT NOT NULL, record TEXT NOT NULL,
  PRIMARY KEY(account, region, id)) WITHOUT ROWID;
CREATE TABLE kms_material(
  account TEXT NOT NULL, region TEXT NOT NULL, key TEXT NOT NULL, place INTEGER NOT NULL,
  record TEXT NOT NULL, sealed BLOB, public BLOB,
  PRIMARY KEY(account, region, key, place)) WITHOUT ROWID;
CREATE TABLE kms_grant(
  account TEXT NOT NULL, region TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL,
  record TEXT NOT NULL,
  PRIMARY KEY(account, region, key, id)) WITHOUT ROWID;
CREATE TABLE kms_alias(
  account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, target TEXT NOT NULL,
  record TEXT NOT NULL,
  PRIMARY KEY(account, region, name)) WITHOUT ROWID;";

impl Domain for State {
    type Change = Change;
    const SCHEMA: Schema = Schema { name: "kms", scripts: &[TABLES] };

    fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut materials: HashMap<KeyRef, Vec<Material>> = HashMap::new();
        let mut rows = connection.prepare(
            "SELECT account, region, key, record, sealed, public FROM kms_material ORDER BY place",
        )?;
        for row in rows.query_map([], |row| Ok((place(row)?, material(row)?)))? {
            let (at, material) = row?;
            materials.entry(at).or_default().push(material);
        }
        let mut grants: HashMap<KeyRef, BTreeMap<String, Grant>> = HashMap::new();
        let mut rows = connection.prepare("SELECT account, region, key, record FROM kms_grant")?;
        for row in rows.query_map([], |row| Ok((place(row)?, read::<Grant>(row)?)))? {
            let (at, grant) = row?;
            grants.entry(at).or_default().insert(grant.id.clone(), grant);
        }
        let mut state = State::default();
        let mut rows = connection.prepare("SELECT account, region, id, record FROM kms_key")?;
        for row in rows.query_map([], |row| Ok((place(row)?, read::<Record>(row)?)))? {
            let (at, record) = row?;
            let materials = materials.remove(&at).unwrap_or_default();
            let grants = grants.remove(&at).unwrap_or_default();
            state.insert(Key { at, record, materials, grants });
        }
        let mut rows = connection.prepare("SELECT account, region, name, record FROM kms_alias")?;
        for row in rows.query_map([], |row| Ok((place(row)?, read::<Alias>(row)?)))? {
            let (at, alias) = row?;
            state.set_alias(&at, Some(alias));
        }
        Ok(state)
    }

    fn write(change: &Change, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        match change {
            Change::Key(at, record) => transaction
                .prepare_cached("INSERT OR REPLACE INTO kms_key VALUES (?1,?2,?3,?4)")?
                .execute(params![at.account, at.region, at.id, json(record)])
                .map(drop),
            Change::Material(at, place, material) => transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO kms_material VALUES (?1,?2,?3,?4,?5,?6,?7)",
                )?
                .execute(params![
                    at.account,
                    at.region,
                    at.id,
                    *place as i64,
                    json(&material.record),
                    material.sealed.as_deref(),
                    material.public.as_deref()
                ])
                .map(drop),
            Change::Grant(at, grant) => transaction
                .prepare_cached("INSERT OR REPLACE INTO kms_grant VALUES (?1,?2,?3,?4,?5)")?
                .execute(params![at.account, at.region, at.id, grant.id, json(grant)])
                .map(drop),
            Change::GrantGone(at, id) => transaction
                .prepare_cached(
                    "DELETE FROM kms_grant WHERE account=?1 AND region=?2 AND key=?3 AND id=?4",
                )?
                .execute(params![at.account, at.region, at.id, id])
                .map(drop),
            Change::KeyGone(at) => key_gone(at, transaction),
            Change::Alias(at, alias) => transaction
                .prepare_cached("INSERT OR REPLACE INTO kms_alias VALUES (?1,?2,?3,?4,?5)")?
                .execute(params![at.account, at.region, at.id, alias.target, json(alias)])
                .map(drop),
            Change::AliasGone(at) => transaction
                .prepare_cached("DELETE FROM kms_alias WHERE account=?1 AND region=?2 AND name=?3")?
                .execute(params![at.account, at.region, at.id])
                .map(drop),
        }
    }

    fn wipe(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction.execute_batch(
            "DELETE FROM kms_key; DELETE FROM kms_material; DELETE FROM kms_grant;
             DELETE FROM kms_alias;",
        )
    }
}

fn key_gone(at: &KeyRef, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    for (table, column) in
        [("kms_key", "id"), ("kms_material", "key"), ("kms_grant", "key"), ("kms_alias", "target")]
    {
        transaction.execute(
            &format!("DELETE FROM {table} WHERE account=?1 AND region=?2 AND {column}=?3"),
            params![at.account, at.region, at.id],
        )?;
    }
    Ok(())
}

fn place(row: &Row<'_>) -> rusqlite::Result<KeyRef> {
    Ok(KeyRef { account: row.get(0)?, region: row.get(1)?, id: row.get(2)? })
}

fn material(row: &Row<'_>) -> rusqlite::Result<Material> {
    let bytes = |column| row.get::<_, Option<Vec<u8>>>(column).map(|b| b.map(Arc::from));
    Ok(Material { record: read(row)?, sealed: bytes("sealed")?, public: bytes("public")? })
}

fn json<T: Serialize>(record: &T) -> String {
    // Texts, numbers and lists of them: there is nothing in them that JSON could not hold.
    serde_json::to_string(record).unwrap_or_default()
}

fn read<T: DeserializeOwned>(row: &Row<'_>) -> rusqlite::Result<T> {
    let text: String = row.get("record")?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::tests::World;
    use super::*;

    /// What was recorded makes, on disk, the state that is in memory.
    pub(crate) fn disk_agrees(world: &World) {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(TABLES).unwrap();
        let (transaction, _) = crate::storage::Transaction::open(&connection).unwrap();
        for change in &world.changes {
            State::write(change, &transaction).unwrap();
        }
        transaction.commit().unwrap();
        let loaded = State::load(&connection).unwrap();
        assert_eq!(loaded.next_due(), world.state.next_due());
        for region in ["us-east-1", "eu-west-1"] {
            let shelf = |state: &State| {
                let mut shelf = state.shelf("000000000000", region).cloned().unwrap_or_default();
                // The last use is written down now and then only.
                shelf.keys.values_mut().for_each(|key| key.record.last_use = None);
                shelf
            };
            assert_eq!(shelf(&loaded), shelf(&world.state), "{region}");
        }
    }
}
