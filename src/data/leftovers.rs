//! What is left in the services' state: messages, mails, uploads; a line each, for people.

use crate::base::Problem;
use crate::storage::Storage;

/// Lines of one kind at the most.
const LINES_MAX: i64 = 20;

/// Queues that hold messages.
pub fn messages(storage: &Storage) -> Result<Vec<String>, Problem> {
    lines(
        storage,
        "SELECT format('%d messages in queue %s', count(*), q.name)
           FROM sqs_message m JOIN sqs_queue q ON q.id = m.queue
          GROUP BY q.id ORDER BY q.name LIMIT ?1",
    )
}

/// Mails.
pub fn mails(storage: &Storage) -> Result<Vec<String>, Problem> {
    lines(
        storage,
        "SELECT format('mail \"%s\" from %s', subject, source) FROM ses_mail ORDER BY seq LIMIT ?1",
    )
}

/// Uploads that are open.
pub fn uploads(storage: &Storage) -> Result<Vec<String>, Problem> {
    lines(
        storage,
        "SELECT format('upload of s3://%s/%s is open', b.name, u.key)
           FROM s3_uploads u JOIN s3_buckets b ON b.id = u.bucket
          ORDER BY 1 LIMIT ?1",
    )
}

fn lines(storage: &Storage, query: &str) -> Result<Vec<String>, Problem> {
    let unreadable = |e: crate::storage::StorageError| {
        Problem::failed("state-unreadable", format!("the state cannot be read: {}", e.for_people()))
    };
    // What the journal holds is read too.
    storage.settle().map_err(unreadable)?;
    let read = storage.read(|connection| {
        let mut rows = connection.prepare(query)?;
        let rows = rows.query_map([LINES_MAX], |row| row.get::<_, String>(0))?;
        rows.collect::<Result<Vec<_>, _>>()
    });
    read.map_err(unreadable)
}
