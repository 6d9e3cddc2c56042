//! SQS on disk: what rows each change becomes, and the state from the rows.
//!
//! A message's content and its delivery are two rows, so that a receive rewrites a few integers and
//! never a body. Both are kept by the message's position, so what is sent is appended, in however many
//! queues it is; a queue's messages go by the runs of their positions.

#[cfg(test)]
mod tests;

use super::dedup::Remembered;
use super::limits::COOLDOWN_SECONDS;
use super::message::{Attributes, Content, Delivery, Message, Place, md5_of};
use super::positions::{Row, Runs};
use super::queue::{Queue, QueueRecord};
use super::state::{Change, KeptName, State};
use crate::base::Millis;
use crate::services::{Domain, Fate};
use crate::storage::Schema;
use crate::storage::Transaction;
use crate::storage::rusqlite::{self, Connection, params};
use std::collections::HashMap;
use std::sync::Arc;

const TABLES: &str = "
    CREATE TABLE sqs_queue(
      id INTEGER PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL,
      created INTEGER NOT NULL, modified INTEGER NOT NULL, settings TEXT NOT NULL,
      tags TEXT NOT NULL, purged INTEGER, positions INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE sqs_message(
      row INTEGER PRIMARY KEY, message_id BLOB NOT NULL, body TEXT NOT NULL, attributes TEXT,
      trace TEXT, sender TEXT NOT NULL, sent INTEGER NOT NULL, available INTEGER NOT NULL,
      message_group TEXT, deduplication TEXT, sequence INTEGER NOT NULL, source TEXT);
    CREATE TABLE sqs_delivery(
      row INTEGER PRIMARY KEY, receives INTEGER NOT NULL, first_received INTEGER NOT NULL,
      received INTEGER NOT NULL, until INTEGER NOT NULL, nonce INTEGER NOT NULL,
      released INTEGER NOT NULL);
    CREATE TABLE sqs_deduplication(
      row INTEGER PRIMARY KEY, message_group TEXT, id TEXT NOT NULL, sent INTEGER NOT NULL,
      message_id BLOB NOT NULL, sequence INTEGER NOT NULL);";

/// Move tasks and the names of deleted queues came later.
const MOVE_TASKS: &str = "
    CREATE TABLE sqs_kept_name(
      account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL,
      PRIMARY KEY(account, region, name)) WITHOUT ROWID;
    CREATE TABLE sqs_move_task(
      id INTEGER PRIMARY KEY, source INTEGER NOT NULL, record TEXT NOT NULL);";

/// Positions were counted by queue before, with the queue's number in the upper bits of the row. Those rows
/// stay; what comes is counted on behind them all.
const POSITIONS: &str = "
    ALTER TABLE sqs_message ADD COLUMN queue INTEGER NOT NULL DEFAULT 0;
    UPDATE sqs_message SET queue = row >> 40;
    ALTER TABLE sqs_deduplication ADD COLUMN queue INTEGER NOT NULL DEFAULT 0;
    UPDATE sqs_deduplication SET queue = row >> 40;
    ALTER TABLE sqs_queue DROP COLUMN positions;
    CREATE TABLE sqs_positions(id INTEGER PRIMARY KEY CHECK (id=1), reserved INTEGER NOT NULL);
    INSERT INTO sqs_positions SELECT 1, (max(id)+1) << 40 FROM sqs_queue HAVING count(*)>0;";

impl Domain for State {
    type Change = Change;
    const SCHEMA: Schema = Schema { name: "sqs", scripts: &[TABLES, MOVE_TASKS, POSITIONS] };

    fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut queues = load_queues(connection)?;
        load_messages(connection, &mut queues)?;
        load_deduplication(connection, &mut queues)?;
        let mut state = State::default();
        queues.into_values().for_each(|queue| state.insert(queue));
        load_positions(connection, &mut state)?;
        load_tasks(connection, &mut state)?;
        load_names(connection, &mut state)?;
        Ok(state)
    }

    fn record(changes: &[Change], into: &mut Vec<u8>) -> bool {
        super::record::record(changes, into)
    }

    fn recorded(record: &[u8]) -> Result<Vec<Change>, String> {
        super::record::changes(record)
    }

    fn fate(change: &Change) -> Fate {
        match change {
            Change::Sent { row, .. } => Fate::Made(row.position),
            Change::Delivered { row, .. } => Fate::Written(row.position),
            Change::Deleted { row, .. } => Fate::Deleted(row.position),
            _ => Fate::Other,
        }
    }

    fn carry_over(&self, next: &mut Self) {
        next.cooldowns = self.cooldowns;
    }

    fn write(change: &Change, to: &Transaction<'_>) -> rusqlite::Result<()> {
        match change {
            Change::QueuePut { record } => put_queue(record, to),
            Change::QueueDeleted { queue, kept, messages, remembered } => {
                if let Some(KeptName { account, region, name, at }) = kept.as_deref() {
                    to.execute(
                        "DELETE FROM sqs_kept_name WHERE at<=?1",
                        [at.plus_seconds(-COOLDOWN_SECONDS).0],
                    )?;
                    let put = "INSERT OR REPLACE INTO sqs_kept_name VALUES (?1,?2,?3,?4)";
                    to.execute(put, params![account, region, name, at.0])?;
                }
                delete_messages(messages, to)?;
                delete_runs("sqs_deduplication", remembered, to)?;
                to.execute("DELETE FROM sqs_move_task WHERE source=?1", [*queue as i64])?;
                to.execute("DELETE FROM sqs_queue WHERE id=?1", [*queue as i64]).map(drop)
            }
            Change::Purged { messages } => delete_messages(messages, to),
            Change::Reserved { positions } => to
                .prepare_cached("INSERT OR REPLACE INTO sqs_positions VALUES (1,?1)")?
                .execute([*positions as i64])
                .map(drop),
            Change::Sent { row, content, available } => put_message(*row, content, *available, to),
            Change::Delivered { row, delivery } => put_delivery(row.position, delivery, to),
            Change::Deleted { row, frees: _ } => {
                let row = row.position as i64;
                to.prepare_cached("DELETE FROM sqs_message WHERE row=?1")?.execute([row])?;
                to.prepare_cached("DELETE FROM sqs_delivery WHERE row=?1")?.execute([row]).map(drop)
            }
            Change::TaskPut { task } => to
                .prepare_cached("INSERT OR REPLACE INTO sqs_move_task VALUES (?1,?2,?3)")?
                .execute(params![task.id as i64, task.source as i64, json(task)?])
                .map(drop),
            Change::TaskForgotten { task } => to
                .prepare_cached("DELETE FROM sqs_move_task WHERE id=?1")?
                .execute([*task as i64])
                .map(drop),
            Change::Remembered { sent } => put_deduplication(sent, to),
            Change::Forgotten { position } => to
                .prepare_cached("DELETE FROM sqs_deduplication WHERE row=?1")?
                .execute([*position as i64])
                .map(drop),
        }
    }

    fn forget(account: &str, to: &Transaction<'_>) -> rusqlite::Result<()> {
        const QUEUES: &str = "(SELECT id FROM sqs_queue WHERE account=?1)";
        let has_queues = to
            .prepare_cached(&format!("SELECT EXISTS {QUEUES}"))?
            .query_row([account], |row| row.get::<_, bool>(0))?;
        if !has_queues {
            return Ok(());
        }
        // The whole state is read anew after this, so looking through the messages costs no more.
        for gone in [
            format!(
                "sqs_delivery WHERE row IN (SELECT row FROM sqs_message WHERE queue IN {QUEUES})"
            ),
            format!("sqs_message WHERE queue IN {QUEUES}"),
            format!("sqs_deduplication WHERE queue IN {QUEUES}"),
            format!("sqs_move_task WHERE source IN {QUEUES}"),
        ] {
            to.execute(&format!("DELETE FROM {gone}"), [account])?;
        }
        Ok(())
    }

    fn wipe(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction.execute_batch(
            "DELETE FROM sqs_queue; DELETE FROM sqs_message; DELETE FROM sqs_delivery;
             DELETE FROM sqs_deduplication; DELETE FROM sqs_move_task; DELETE FROM sqs_kept_name;
             DELETE FROM sqs_positions;",
        )
    }
}

fn put_queue(record: &QueueRecord, to: &Transaction<'_>) -> rusqlite::Result<()> {
    let QueueRecord { id, account, region, name, created, modified, settings, tags, purged } =
        record;
    to.prepare_cached(
        "INSERT INTO sqs_queue(id,account,region,name,created,modified,settings,tags,purged)
         VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)
         ON CONFLICT(id) DO UPDATE SET modified=?6, settings=?7, tags=?8, purged=?9",
    )?
    .execute(params![
        *id as i64,
        account,
        region,
        name,
        created.0,
        modified.0,
        json(settings)?,
        json(tags)?,
        purged.map(|p| p.0)
    ])
    .map(drop)
}

fn put_message(
    row: Row,
    content: &Content,
    available: Millis,
    to: &Transaction<'_>,
) -> rusqlite::Result<()> {
    let mut put = to.prepare_cached(
        "INSERT INTO sqs_message VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)",
    )?;
    put.raw_bind_parameter(1, row.position as i64)?;
    put.raw_bind_parameter(2, content.message_id.to_be_bytes())?;
    put.raw_bind_parameter(3, &content.body)?;
    put.raw_bind_parameter(6, &content.sender)?;
    put.raw_bind_parameter(7, content.sent.0)?;
    put.raw_bind_parameter(8, available.0)?;
    put.raw_bind_parameter(11, content.sequence as i64)?;
    put.raw_bind_parameter(13, row.queue as i64)?;
    // What is not bound is null, and most messages have none of these.
    if !content.attributes.is_empty() {
        put.raw_bind_parameter(4, json(&content.attributes)?)?;
    }
    let texts = [
        (5, content.trace.as_deref()),
        (9, content.group.as_deref()),
        (10, content.deduplication.as_deref()),
        (12, content.source.as_deref()),
    ];
    for (at, text) in texts {
        text.map_or(Ok(()), |text| put.raw_bind_parameter(at, text))?;
    }
    put.raw_execute().map(drop)
}

fn put_delivery(row: u64, delivery: &Delivery, to: &Transaction<'_>) -> rusqlite::Result<()> {
    to.prepare_cached("INSERT OR REPLACE INTO sqs_delivery VALUES (?1,?2,?3,?4,?5,?6,?7)")?
        .execute(params![
            row as i64,
            delivery.receives,
            delivery.first_received.0,
            delivery.received.0,
            delivery.until.0,
            delivery.nonce as i64,
            delivery.released
        ])
        .map(drop)
}

fn put_deduplication(sent: &Remembered, to: &Transaction<'_>) -> rusqlite::Result<()> {
    to.prepare_cached("INSERT INTO sqs_deduplication VALUES (?1,?2,?3,?4,?5,?6,?7)")?
        .execute(params![
            sent.row.position as i64,
            sent.group,
            sent.id,
            sent.sent.0,
            sent.message_id.to_be_bytes(),
            sent.sequence as i64,
            sent.row.queue as i64
        ])
        .map(drop)
}

fn delete_messages(runs: &Runs, to: &Transaction<'_>) -> rusqlite::Result<()> {
    delete_runs("sqs_message", runs, to)?;
    delete_runs("sqs_delivery", runs, to)
}

fn delete_runs(table: &str, runs: &Runs, to: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut delete =
        to.prepare_cached(&format!("DELETE FROM {table} WHERE row BETWEEN ?1 AND ?2"))?;
    runs.iter()
        .try_for_each(|(first, last)| delete.execute([*first as i64, *last as i64]).map(drop))
}

fn load_queues(connection: &Connection) -> rusqlite::Result<HashMap<u64, Queue>> {
    let mut rows = connection.prepare(
        "SELECT id,account,region,name,created,modified,settings,tags,purged FROM sqs_queue",
    )?;
    let queues = rows.query_map([], |r| {
        let record = QueueRecord {
            id: number(r, 0)?,
            account: r.get(1)?,
            region: r.get(2)?,
            name: r.get(3)?,
            created: Millis(r.get(4)?),
            modified: Millis(r.get(5)?),
            settings: from_json(r, 6)?,
            tags: from_json(r, 7)?,
            purged: r.get::<_, Option<i64>>(8)?.map(Millis),
        };
        Ok((record.id, Queue::new(record)))
    })?;
    queues.collect()
}

fn load_messages(
    connection: &Connection,
    queues: &mut HashMap<u64, Queue>,
) -> rusqlite::Result<()> {
    let mut rows = connection.prepare(
        "SELECT m.row, m.message_id, m.body, m.attributes, m.trace, m.sender, m.sent, m.available,
                m.message_group, m.deduplication, m.sequence, m.source,
                d.receives, d.first_received, d.received, d.until, d.nonce, d.released, m.queue
         FROM sqs_message m LEFT JOIN sqs_delivery d ON d.row = m.row ORDER BY m.row",
    )?;
    let mut rows = rows.query([])?;
    // Senders are few and messages many: they share their text.
    let mut senders: HashMap<String, Arc<str>> = HashMap::new();
    while let Some(r) = rows.next()? {
        let (position, queue) = (number(r, 0)?, number(r, 18)?);
        let sender: String = r.get(5)?;
        let sender =
            senders.entry(sender).or_insert_with_key(|sender| sender.as_str().into()).clone();
        let message = read_message(r, sender)?;
        if let Some(queue) = queues.get_mut(&queue) {
            queue.insert(position, message);
        }
    }
    Ok(())
}

fn read_message(r: &rusqlite::Row<'_>, sender: Arc<str>) -> rusqlite::Result<Message> {
    let body: String = r.get(2)?;
    let has_attributes = r.get_ref(3)? != rusqlite::types::ValueRef::Null;
    let available = Millis(r.get(7)?);
    let content = Content {
        message_id: u128::from_be_bytes(r.get(1)?),
        md5: md5_of(&body),
        body: body.into(),
        attributes: if has_attributes { from_json(r, 3)? } else { Attributes::new() },
        trace: r.get(4)?,
        sender,
        sent: Millis(r.get(6)?),
        group: r.get(8)?,
        deduplication: r.get(9)?,
        sequence: number(r, 10)?,
        source: r.get(11)?,
    };
    let Some(receives) = r.get(12)? else {
        let delayed = available > content.sent;
        let place = if delayed { Place::Delayed(available) } else { Place::Ready };
        return Ok(Message { content: content.into(), delivery: Delivery::default(), place });
    };
    let delivery = Delivery {
        receives,
        first_received: Millis(r.get(13)?),
        received: Millis(r.get(14)?),
        until: Millis(r.get(15)?),
        nonce: number(r, 16)?,
        released: r.get(17)?,
    };
    let place = if delivery.released { Place::Ready } else { Place::InFlight };
    Ok(Message { content: content.into(), delivery, place })
}

fn load_deduplication(
    connection: &Connection,
    queues: &mut HashMap<u64, Queue>,
) -> rusqlite::Result<()> {
    let mut rows = connection.prepare(
        "SELECT row, message_group, id, sent, message_id, sequence, queue
         FROM sqs_deduplication ORDER BY sent, row",
    )?;
    let mut rows = rows.query([])?;
    while let Some(r) = rows.next()? {
        let sent = Remembered {
            row: Row { queue: number(r, 6)?, position: number(r, 0)? },
            group: r.get(1)?,
            id: r.get(2)?,
            sent: Millis(r.get(3)?),
            message_id: u128::from_be_bytes(r.get(4)?),
            sequence: number(r, 5)?,
        };
        if let Some(queue) = queues.get_mut(&sent.row.queue) {
            queue.deduplication.remember(sent);
        }
    }
    Ok(())
}

fn load_positions(connection: &Connection, state: &mut State) -> rusqlite::Result<()> {
    let mut rows = connection.prepare("SELECT reserved FROM sqs_positions")?;
    let mut rows = rows.query([])?;
    while let Some(r) = rows.next()? {
        state.positions.resume_at(number(r, 0)?);
    }
    Ok(())
}

fn load_names(connection: &Connection, state: &mut State) -> rusqlite::Result<()> {
    let mut rows = connection.prepare("SELECT account, region, name, at FROM sqs_kept_name")?;
    let mut rows = rows.query([])?;
    while let Some(r) = rows.next()? {
        let (account, region, name, at) = (r.get(0)?, r.get(1)?, r.get(2)?, Millis(r.get(3)?));
        state.keep_name(KeptName { account, region, name, at });
    }
    Ok(())
}

fn load_tasks(connection: &Connection, state: &mut State) -> rusqlite::Result<()> {
    let mut rows = connection.prepare("SELECT record FROM sqs_move_task ORDER BY id")?;
    let mut rows = rows.query([])?;
    while let Some(r) = rows.next()? {
        state.resume_task(from_json(r, 0)?);
    }
    Ok(())
}

/// SQLite's integers are signed; rows and nonces are stored as the same 64 bits.
fn number(r: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    r.get::<_, i64>(column).map(|n| n as u64)
}

fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
}

fn from_json<T: serde::de::DeserializeOwned>(
    r: &rusqlite::Row<'_>,
    column: usize,
) -> rusqlite::Result<T> {
    let text: String = r.get(column)?;
    let text_type = rusqlite::types::Type::Text;
    serde_json::from_str(&text)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, text_type, e.into()))
}
