//! The secrets' tables. Values lie sealed under the environment's master key, each for its own version.

use super::replication::{Primary, Replica};
use super::rotation::Rotation;
use super::sealed::Value;
use super::state::{Change, Deletion, Key, Meta, Secret, State, Version};
use crate::base::Millis;
use crate::services::Domain;
use crate::storage::Transaction;
use crate::storage::rusqlite::{self, Connection, Row, params};
use crate::storage::{Schema, Sealer};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const TABLES: &str = "
CREATE TABLE secretsmanager_secret(
  account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL,
  arn TEXT NOT NULL, description TEXT, kms_key_id TEXT, tags TEXT, policy TEXT,
  created INTEGER NOT NULL, changed INTEGER NOT NULL, accessed INTEGER,
  deletion_requested INTEGER, deletion_due INTEGER, provisioned TEXT,
  PRIMARY KEY(account, region, name)) WITHOUT ROWID;
CREATE TABLE secretsmanager_version(
  account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL,
  seq INTEGER NOT NULL, text TEXT, bytes BLOB, created INTEGER NOT NULL, accessed INTEGER,
  stages TEXT NOT NULL,
  PRIMARY KEY(account, region, name, id));";

/// Rotation and replication, as JSON of [`More`].
const MORE: &str = "ALTER TABLE secretsmanager_secret ADD COLUMN more TEXT;";

/// Values, sealed; `text` and `bytes` are of versions before there was a master key.
const SEALED: &str = "ALTER TABLE secretsmanager_version ADD COLUMN sealed BLOB;";

/// What a sealed value begins with: its kind.
const TEXT: u8 = b't';
const BYTES: u8 = b'b';

/// The sealers of the state files that this process has open, by their directory.
static SEALERS: Mutex<BTreeMap<PathBuf, Sealer>> = Mutex::new(BTreeMap::new());

/// The sealer of the directory in which the state file lies.
fn sealer(connection: &Connection) -> rusqlite::Result<Sealer> {
    let file = connection.path().filter(|path| !path.is_empty());
    let Some(directory) = file.and_then(|path| Path::new(path).parent()) else {
        // A database in memory goes with the process: its key hides nothing.
        return Sealer::new(&[0; 32]).ok_or_else(|| damaged("no sealer"));
    };
    let mut known = SEALERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(sealer) = known.get(directory) {
        return Ok(sealer.clone());
    }
    let sealer = Sealer::open(directory).map_err(|problem| damaged(&problem.message))?;
    known.insert(directory.to_owned(), sealer.clone());
    Ok(sealer)
}

/// The place for which a value is sealed: no other version's opens there.
fn place(key: &Key, id: &str) -> Vec<u8> {
    [key.account.as_str(), &key.region, &key.name, id].join("\0").into_bytes()
}

fn seal(sealer: &Sealer, key: &Key, id: &str, value: &Value) -> rusqlite::Result<Vec<u8>> {
    let (kind, bytes) = match value {
        Value::Text(text) => (TEXT, text.as_bytes()),
        Value::Bytes(bytes) => (BYTES, bytes.as_ref()),
    };
    let clear = [&[kind], bytes].concat();
    sealer.seal(&place(key, id), &clear).ok_or_else(|| damaged("a value cannot be sealed"))
}

fn unseal(sealer: &Sealer, key: &Key, id: &str, sealed: &[u8]) -> rusqlite::Result<Value> {
    let clear = sealer.unseal(&place(key, id), sealed);
    let value = clear.and_then(|clear| match clear.split_first()? {
        (&TEXT, text) => Some(Value::Text(std::str::from_utf8(text).ok()?.into())),
        (&BYTES, bytes) => Some(Value::Bytes(bytes.into())),
        _ => None,
    });
    value.ok_or_else(|| damaged("a secret does not open with the master key (master.key)"))
}

fn damaged(what: &str) -> rusqlite::Error {
    let error = std::io::Error::other(what.to_owned());
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, Box::new(error))
}

/// What few secrets have.
#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct More {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation: Option<Box<Rotation>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replicas: Vec<Replica>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary: Option<Primary>,
}

impl More {
    fn of(meta: &Meta) -> Option<More> {
        let more = More {
            kind: meta.kind.clone(),
            rotation: meta.rotation.clone(),
            replicas: meta.replicas.clone(),
            primary: meta.primary.clone(),
        };
        (more != More::default()).then_some(more)
    }
}

impl Domain for State {
    type Change = Change;
    const SCHEMA: Schema = Schema { name: "secretsmanager", scripts: &[TABLES, MORE, SEALED] };

    fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut versions: HashMap<Key, Vec<Version>> = HashMap::new();
        let mut rows = connection.prepare(
            "SELECT account, region, name, id, seq, text, bytes, created, accessed, stages, sealed
             FROM secretsmanager_version ORDER BY seq",
        )?;
        for row in rows.query_map([], |row| Ok((key(row)?, version(row, connection)?)))? {
            let (key, version) = row?;
            versions.entry(key).or_default().push(version);
        }
        let mut state = State::default();
        let mut rows = connection.prepare(
            "SELECT account, region, name, arn, description, kms_key_id, tags, policy, created,
                    changed, accessed, deletion_requested, deletion_due, provisioned, more
             FROM secretsmanager_secret",
        )?;
        for row in rows.query_map([], |row| Ok((key(row)?, meta(row)?)))? {
            let (key, meta) = row?;
            let versions = versions.remove(&key).unwrap_or_default();
            state.insert(key, Secret { meta, versions });
        }
        Ok(state)
    }

    fn write(change: &Change, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        match change {
            Change::Meta(key, meta) => write_meta(key, meta, transaction),
            Change::Version(key, version) => write_version(key, version, transaction),
            Change::Marks { key, id, stages, accessed } => transaction
                .prepare_cached(
                    "UPDATE secretsmanager_version SET stages=?5, accessed=?6
                     WHERE account=?1 AND region=?2 AND name=?3 AND id=?4",
                )?
                .execute(params![
                    key.account,
                    key.region,
                    key.name,
                    id,
                    json(stages),
                    accessed.map(|at| at.0)
                ])
                .map(drop),
            Change::VersionGone(key, id) => transaction
                .prepare_cached(
                    "DELETE FROM secretsmanager_version
                     WHERE account=?1 AND region=?2 AND name=?3 AND id=?4",
                )?
                .execute(params![key.account, key.region, key.name, id])
                .map(drop),
            Change::SecretGone(key) => {
                for table in ["secretsmanager_version", "secretsmanager_secret"] {
                    transaction.execute(
                        &format!("DELETE FROM {table} WHERE account=?1 AND region=?2 AND name=?3"),
                        params![key.account, key.region, key.name],
                    )?;
                }
                Ok(())
            }
        }
    }

    fn carry_over(&self, next: &mut Self) {
        next.functions.clone_from(&self.functions);
    }

    fn wipe(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction
            .execute_batch("DELETE FROM secretsmanager_version; DELETE FROM secretsmanager_secret;")
    }
}

fn write_meta(key: &Key, meta: &Meta, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO secretsmanager_secret
             VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)",
        )?
        .execute(params![
            key.account,
            key.region,
            key.name,
            meta.arn,
            meta.description,
            meta.kms_key_id,
            meta.tags.as_ref().map(json),
            meta.policy,
            meta.created.0,
            meta.changed.0,
            meta.accessed.map(|at| at.0),
            meta.deletion.map(|d| d.requested.0),
            meta.deletion.map(|d| d.due.0),
            meta.provisioned,
            More::of(meta).as_ref().map(json)
        ])
        .map(drop)
}

fn write_version(
    key: &Key,
    version: &Version,
    transaction: &Transaction<'_>,
) -> rusqlite::Result<()> {
    let sealed = match &version.value {
        Some(value) => Some(seal(&sealer(transaction)?, key, &version.id, value)?),
        None => None,
    };
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO secretsmanager_version
             VALUES (?1,?2,?3,?4,?5,NULL,NULL,?6,?7,?8,?9)",
        )?
        .execute(params![
            key.account,
            key.region,
            key.name,
            version.id,
            version.seq,
            version.created.0,
            version.accessed.map(|at| at.0),
            json(&version.stages),
            sealed
        ])
        .map(drop)
}

fn key(row: &Row<'_>) -> rusqlite::Result<Key> {
    Ok(Key { account: row.get(0)?, region: row.get(1)?, name: row.get(2)? })
}

fn version(row: &Row<'_>, connection: &Connection) -> rusqlite::Result<Version> {
    let id: String = row.get("id")?;
    let value = match row.get::<_, Option<Vec<u8>>>("sealed")? {
        Some(sealed) => Some(unseal(&sealer(connection)?, &key(row)?, &id, &sealed)?),
        None => match row.get::<_, Option<String>>("text")? {
            Some(text) => Some(Value::Text(text.into())),
            None => row.get::<_, Option<Vec<u8>>>("bytes")?.map(|bytes| Value::Bytes(bytes.into())),
        },
    };
    Ok(Version {
        id,
        seq: row.get("seq")?,
        value,
        created: Millis(row.get("created")?),
        accessed: row.get::<_, Option<i64>>("accessed")?.map(Millis),
        stages: read_json(row, "stages")?.unwrap_or_default(),
    })
}

fn meta(row: &Row<'_>) -> rusqlite::Result<Meta> {
    let requested: Option<i64> = row.get("deletion_requested")?;
    let due: Option<i64> = row.get("deletion_due")?;
    let deletion = requested
        .zip(due)
        .map(|(requested, due)| Deletion { requested: Millis(requested), due: Millis(due) });
    let more: More = read_json(row, "more")?.unwrap_or_default();
    Ok(Meta {
        arn: row.get("arn")?,
        description: row.get("description")?,
        kms_key_id: row.get("kms_key_id")?,
        tags: read_json(row, "tags")?,
        policy: row.get("policy")?,
        created: Millis(row.get("created")?),
        changed: Millis(row.get("changed")?),
        accessed: row.get::<_, Option<i64>>("accessed")?.map(Millis),
        deletion,
        provisioned: row.get("provisioned")?,
        kind: more.kind,
        rotation: more.rotation,
        replicas: more.replicas,
        primary: more.primary,
    })
}

fn json<T: serde::Serialize>(value: &T) -> String {
    // Lists of texts: there is nothing in them that JSON could not hold.
    serde_json::to_string(value).unwrap_or_default()
}

fn read_json<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    column: &str,
) -> rusqlite::Result<Option<T>> {
    let Some(text) = row.get::<_, Option<String>>(column)? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|error| {
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
        connection.execute_batch(&State::SCHEMA.scripts.concat()).unwrap();
        let (transaction, _) = crate::storage::Transaction::open(&connection).unwrap();
        for change in &world.changes {
            State::write(change, &transaction).unwrap();
        }
        transaction.commit().unwrap();
        let loaded = State::load(&connection).unwrap();
        let caller = world.caller();
        let (disk, memory) = (loaded.shelf(caller), world.state.shelf(caller));
        assert_eq!(disk.cloned().unwrap_or_default(), memory.cloned().unwrap_or_default());
        assert_eq!(loaded.next_due(Millis(i64::MAX)), world.state.next_due(Millis(i64::MAX)));
    }

    #[test]
    fn a_value_opens_for_its_own_version_alone() {
        let sealer = Sealer::new(&[7; 32]).unwrap();
        let key = |name: &str| Key { account: "a".into(), region: "r".into(), name: name.into() };
        for value in [Value::Text("hunter2".into()), Value::Bytes([0, 255].into())] {
            let sealed = seal(&sealer, &key("n"), "v", &value).unwrap();
            assert_eq!(unseal(&sealer, &key("n"), "v", &sealed).unwrap(), value);
            assert!(unseal(&sealer, &key("n"), "w", &sealed).is_err());
            assert!(unseal(&sealer, &key("m"), "v", &sealed).is_err());
            assert!(!sealed.windows(7).any(|w| w == b"hunter2"));
        }
    }

    #[test]
    fn binary_values_policies_and_tags_come_back() {
        use super::super::ops::{CreateSecret, PutResourcePolicy};
        let mut world = World::new();
        let token = "0".repeat(32);
        let create = serde_json::json!({"Name": "b", "ClientRequestToken": token,
            "SecretBinary": "AP8=", "Tags": [{"Key": "k", "Value": "v"}]});
        world.call::<CreateSecret>(create).unwrap();
        let policy =
            r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}"#;
        let put = serde_json::json!({"SecretId": "b", "ResourcePolicy": policy});
        world.call::<PutResourcePolicy>(put).unwrap();
        disk_agrees(&world);
    }
}
