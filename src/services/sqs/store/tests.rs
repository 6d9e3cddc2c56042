//! Rows on disk: those of the time when positions were counted by queue, and those of today.

use super::super::message::{Attributes, Content, Delivery, md5_of};
use super::super::positions::Row;
use super::super::state::{Change, State};
use crate::base::Millis;
use crate::services::Domain;
use crate::storage::Transaction;
use crate::storage::rusqlite::Connection;

fn content(body: &str) -> Content {
    Content {
        message_id: 1,
        body: body.into(),
        md5: md5_of(body),
        attributes: Attributes::new(),
        trace: None,
        sender: "000000000000".into(),
        sent: Millis(1),
        group: None,
        deduplication: None,
        sequence: 1,
        source: None,
    }
}

fn write(connection: &Connection, changes: &[Change]) {
    let (transaction, _) = Transaction::open(connection).unwrap();
    changes.iter().try_for_each(|change| State::write(change, &transaction)).unwrap();
    transaction.commit().unwrap();
}

fn bodies(state: &State, queue: u64) -> Vec<String> {
    let queue = state.queue(queue).unwrap();
    queue.messages_after(0).map(|(_, message)| message.content.body.to_string()).collect()
}

/// Two queues with messages as they were kept before, the second one with a FIFO queue's memory.
fn before(connection: &Connection) {
    State::SCHEMA.scripts[..2].iter().for_each(|script| connection.execute_batch(script).unwrap());
    let settings = serde_json::to_string(&super::super::Settings::new(false)).unwrap();
    for queue in [1_i32, 2] {
        let sql = "INSERT INTO sqs_queue VALUES (?1,'000000000000','us-east-1','q'||?1,1,1,?2,'{}',NULL,4098)";
        connection.execute(sql, (queue, &settings)).unwrap();
        for position in [5, 6] {
            let sql = "INSERT INTO sqs_message VALUES (?1,zeroblob(16),?2,NULL,NULL,'s',1,1,NULL,NULL,?3,NULL)";
            let row = i64::from(queue) << 40 | position;
            connection.execute(sql, (row, format!("{queue}-{position}"), position)).unwrap();
        }
    }
    let sql = "INSERT INTO sqs_deduplication VALUES (?1,NULL,'d',1,zeroblob(16),5)";
    connection.execute(sql, [2_i64 << 40 | 5]).unwrap();
    State::SCHEMA.scripts[2..].iter().for_each(|script| connection.execute_batch(script).unwrap());
}

#[test]
fn queues_of_before_keep_their_messages_and_later_ones_come_behind() {
    let connection = Connection::open_in_memory().unwrap();
    before(&connection);
    let mut state = State::load(&connection).unwrap();
    assert_eq!(bodies(&state, 1), ["1-5", "1-6"]);
    assert_eq!(bodies(&state, 2), ["2-5", "2-6"]);
    let remembered = &state.queue(2).unwrap().deduplication;
    assert!(remembered.find(None, "d", Millis(2)).is_some());
    let mut changes = Vec::new();
    for queue in [2, 1] {
        let row = Row { queue, position: state.positions.next(&mut changes) };
        let content = content(&format!("{queue}-new")).into();
        changes.push(Change::Sent { row, content, available: Millis(1) });
    }
    write(&connection, &changes);
    let mut state = State::load(&connection).unwrap();
    assert_eq!(bodies(&state, 1), ["1-5", "1-6", "1-new"]);
    assert_eq!(bodies(&state, 2), ["2-5", "2-6", "2-new"]);
    let last = state.queue(1).unwrap().messages_after(0).last().unwrap().0;
    assert!(state.positions.next(&mut Vec::new()) > last);
}

#[test]
fn a_queue_that_is_purged_or_deleted_takes_only_its_own_messages() {
    let connection = Connection::open_in_memory().unwrap();
    before(&connection);
    let sent = |queue, position: u64| Change::Sent {
        row: Row { queue, position },
        content: content(&format!("{queue}-{position}")).into(),
        available: Millis(1),
    };
    let first = 3 << 40;
    let row = Row { queue: 1, position: first };
    let delivery = Delivery { until: Millis(9), ..Delivery::default() };
    write(
        &connection,
        &[
            sent(1, first),
            sent(2, first + 1),
            sent(1, first + 2),
            Change::Delivered { row, delivery },
        ],
    );
    let state = State::load(&connection).unwrap();
    write(&connection, &[Change::Purged { messages: state.queue(1).unwrap().positions() }]);
    let state = State::load(&connection).unwrap();
    assert_eq!(bodies(&state, 1), Vec::<String>::new());
    let second = state.queue(2).unwrap();
    assert_eq!(bodies(&state, 2), ["2-5".to_owned(), "2-6".to_owned(), format!("2-{}", first + 1)]);
    let (messages, remembered) = (second.positions(), second.deduplication.positions());
    write(&connection, &[Change::QueueDeleted { queue: 2, kept: None, messages, remembered }]);
    let left = "SELECT (SELECT count(*) FROM sqs_message) + (SELECT count(*) FROM sqs_delivery)
                     + (SELECT count(*) FROM sqs_deduplication)";
    assert_eq!(connection.query_row(left, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}
