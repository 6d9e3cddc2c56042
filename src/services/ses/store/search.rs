//! Searching mails: an index of three-letter pieces (FTS5's trigrams) names candidates newest first, and
//! [`Filter`] decides. The index is filled when somebody searches, so that sending does not pay for it;
//! a search is answered only when every mail that was committed before is in it.
//!
//! <https://www.sqlite.org/fts5.html#the_trigram_tokenizer>

use super::mails::{COLUMNS, mail_of};
use crate::services::ses::mail::Mail;
use crate::services::ses::query::{Filter, searchable};
use crate::storage::Transaction;
use crate::storage::rusqlite::{self, Connection, Rows, params};
use crate::storage::{Storage, StorageError};

/// Mails that are put into the index in one transaction; others' commits wait as long.
const BATCH_MAX: i64 = 1000;
/// Candidates that are looked at for one page; the next page goes on behind them.
const EXAMINED_MAX: usize = 20_000;
/// Pieces that the index is asked for; the more, the fewer candidates.
const PIECES_MAX: usize = 12;
/// Characters of a piece.
const PIECE: usize = 3;

/// A page of what was found, newest first.
pub(in crate::services::ses) struct Page {
    /// The mails; there may be fewer than asked for, and none, although `next` leads on.
    pub(in crate::services::ses) mails: Vec<Mail>,
    /// The number before which the next page begins.
    pub(in crate::services::ses) next: Option<i64>,
}

/// Up to which mail the index reaches.
pub(super) fn mark(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT seq FROM ses_mail_indexed", [], |row| row.get(0))
}

/// Brings the index up to the newest committed mail, if `filter` would ask it.
pub(in crate::services::ses) async fn catch_up(
    storage: &Storage,
    filter: &Filter,
) -> Result<(), StorageError> {
    if pieces(filter).is_empty() {
        return Ok(());
    }
    loop {
        let behind = storage.read_latest(|connection| {
            let newest: Option<i64> =
                connection.query_row("SELECT max(seq) FROM ses_mail", [], |row| row.get(0))?;
            Ok(newest.unwrap_or(0) - mark(connection)?)
        })?;
        if behind <= 0 {
            return Ok(());
        }
        storage.transact(index_batch).await?;
    }
}

fn index_batch(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let from = mark(transaction)?;
    let mut last = from;
    let sql = format!("SELECT {COLUMNS} FROM ses_mail WHERE seq > ?1 ORDER BY seq LIMIT ?2");
    let mut rows = transaction.prepare_cached(&sql)?;
    let mut insert =
        transaction.prepare_cached("INSERT INTO ses_mail_text(rowid, words) VALUES (?1, ?2)")?;
    for mail in rows.query_map(params![from, BATCH_MAX], mail_of)? {
        let mail = mail?;
        last = mail.seq;
        insert.execute(params![mail.seq, searchable(&mail)])?;
    }
    transaction.execute("UPDATE ses_mail_indexed SET seq=?1", [last]).map(drop)
}

/// Mails that `filter` takes, with numbers below `before`.
pub(in crate::services::ses) fn search(
    connection: &Connection,
    filter: &Filter,
    before: Option<i64>,
    limit: usize,
) -> rusqlite::Result<Page> {
    let before = before.unwrap_or(i64::MAX);
    let pieces = pieces(filter);
    if pieces.is_empty() {
        let sql = format!("SELECT {COLUMNS} FROM ses_mail WHERE seq < ?1 ORDER BY seq DESC");
        let mut statement = connection.prepare_cached(&sql)?;
        return pick(statement.query([before])?, filter, limit);
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM ses_mail_text t CROSS JOIN ses_mail m ON m.seq = t.rowid
         WHERE ses_mail_text MATCH ?1 AND t.rowid < ?2 ORDER BY t.rowid DESC"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    pick(statement.query(params![pieces.join(" AND "), before])?, filter, limit)
}

fn pick(mut rows: Rows<'_>, filter: &Filter, limit: usize) -> rusqlite::Result<Page> {
    let (mut mails, mut examined, mut last) = (Vec::new(), 0, 0);
    while let Some(row) = rows.next()? {
        if mails.len() == limit || examined == EXAMINED_MAX {
            return Ok(Page { mails, next: Some(last) });
        }
        let mail = mail_of(row)?;
        (last, examined) = (mail.seq, examined + 1);
        if filter.matches(&mail) {
            mails.push(mail);
        }
    }
    Ok(Page { mails, next: None })
}

/// The pieces of `filter`'s texts as the index's query language wants them; none if all are too short.
fn pieces(filter: &Filter) -> Vec<String> {
    let mut pieces = Vec::new();
    for needle in filter.needles() {
        let letters: Vec<char> = needle.chars().filter(|c| *c != '\0').collect();
        for piece in letters.windows(PIECE) {
            let piece: String = piece.iter().collect();
            let quoted = format!("\"{}\"", piece.replace('"', "\"\""));
            if !pieces.contains(&quoted) {
                pieces.push(quoted);
            }
        }
    }
    // Evenly from all of them: addresses of one domain differ at the front, subjects anywhere.
    let step = pieces.len().div_ceil(PIECES_MAX).max(1);
    pieces.into_iter().step_by(step).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{FORWARD_SCHEMA, SCHEMA, mails};
    use super::*;
    use crate::base::Millis;
    use crate::services::ses::mail::{Body, Via};
    use std::collections::BTreeSet;

    fn mail(seq: i64) -> Mail {
        Mail {
            seq,
            id: format!("id-{seq}"),
            received: Millis(seq * 1000),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            via: Via::SesV2,
            source: "praxis@example.com".into(),
            to: vec![format!("user{}@x.org", seq % 100)],
            cc: vec![],
            bcc: vec![],
            subject: format!("Rechnung \"Nr. {seq}\""),
            config_set: None,
            tags: vec![("kind".into(), if seq % 2 == 0 { "even" } else { "odd" }.into())],
            size: 10,
        }
    }

    async fn filled(dir: &tempfile::TempDir, count: i64) -> Storage {
        let storage =
            Storage::open(&dir.path().join("state.db"), &[SCHEMA, FORWARD_SCHEMA]).unwrap();
        let put = storage.transact(move |t| {
            (1..=count).try_for_each(|seq| {
                mails::put(t, &mail(seq), b"Subject: s\r\n\r\n", &Body::Held("x".into()), None)
            })
        });
        put.await.unwrap();
        storage
    }

    async fn found(storage: &Storage, filter: &Filter) -> Vec<i64> {
        catch_up(storage, filter).await.unwrap();
        let (mut all, mut before) = (Vec::new(), None);
        loop {
            let page = storage.read(|c| search(c, filter, before, 7)).unwrap();
            assert!(page.mails.len() <= 7);
            all.extend(page.mails.iter().map(|mail| mail.seq));
            before = page.next;
            if before.is_none() {
                return all;
            }
        }
    }

    #[tokio::test]
    async fn the_index_finds_what_a_look_at_every_mail_finds() {
        let dir = tempfile::tempdir().unwrap();
        let storage = filled(&dir, 2300).await;
        let text = |t: &str| Some(t.to_owned());
        let filters = [
            Filter { to: text("USER42@x.org"), ..Filter::default() },
            Filter { subject: text("\"nr. 230"), ..Filter::default() },
            Filter { subject: text("chnu"), to: text("9@"), ..Filter::default() },
            Filter { text: text("no such thing"), ..Filter::default() },
            Filter {
                tag: Some(("kind".into(), text("odd"))),
                to: text("r7@"),
                ..Filter::default()
            },
            Filter { since: Some(Millis(2_290_000)), ..Filter::default() },
        ];
        for filter in filters {
            let wanted: Vec<i64> =
                (1..=2300).rev().filter(|seq| filter.matches(&mail(*seq))).collect();
            assert_eq!(found(&storage, &filter).await, wanted, "{filter:?}");
        }
    }

    #[tokio::test]
    async fn what_is_thrown_away_is_found_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let storage = filled(&dir, 20).await;
        let filter = Filter { subject: Some("rechnung".into()), ..Filter::default() };
        assert_eq!(found(&storage, &filter).await.len(), 20);
        storage.transact(|t| mails::delete(t, "id-20")).await.unwrap();
        let left: BTreeSet<i64> = found(&storage, &filter).await.into_iter().collect();
        assert_eq!(left, (1..20).collect());
        assert_eq!(storage.read(mails::last).unwrap(), 20, "its number is not used again");
        storage.transact(mails::delete_all).await.unwrap();
        assert!(found(&storage, &filter).await.is_empty());
        storage
            .transact(|t| mails::put(t, &mail(1), b"\r\n", &Body::Held("x".into()), None))
            .await
            .unwrap();
        assert_eq!(found(&storage, &filter).await, [1]);
    }

    #[tokio::test]
    async fn mails_of_the_first_schema_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let first = crate::storage::Schema { name: "ses", scripts: &SCHEMA.scripts[..1] };
        let storage = Storage::open(&path, &[first]).unwrap();
        let put = storage.transact(|t| {
            t.execute_batch(
                "INSERT INTO ses_mail(seq, id, received, account, region, via, source, recipients, subject,
                   tags, size) VALUES (5, 'old', 1, '0', 'r', 'smtp', 'a@x', '[[\"b@x\"],[],[]]', 's', '[]', 3);
                 INSERT INTO ses_mail_content VALUES (5, CAST('S: s\r\n\r\n' AS BLOB), CAST('hi' AS BLOB));",
            )
        });
        put.await.unwrap();
        storage.close();
        let storage = Storage::open(&path, &[SCHEMA, FORWARD_SCHEMA]).unwrap();
        let old = storage.read(|c| mails::one(c, "old")).unwrap().unwrap();
        assert_eq!((old.seq, &old.to[..]), (5, &["b@x".to_owned()][..]));
        let content = storage.read(|c| mails::content(c, 5)).unwrap().unwrap();
        assert_eq!((content.file, &content.bytes[..]), (None, &b"S: s\r\n\r\nhi"[..]));
    }
}
