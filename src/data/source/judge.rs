//! Asks Postgres what SQL says of rows that lie in files: of conditions, expressions, hashes of keys.
//!
//! A session in a throw-away database that has the source's tables, without rows. Rows are handed over as
//! parameters of a statement, some at a time, and are in no table. Invariants: no row of a source lies in a
//! file of the server: it logs nothing of this session, writes nothing, and may not swap out what it works
//! with (a temporary file is an error); and no error tells what the server said of a row. SQL that would read
//! tables, which are empty there, is refused before a row is handed over.

use crate::base::Problem;
use crate::data::catalog::{Table, ident};
use crate::data::copy;
use crate::data::postgres::{Link, connect, failed, words};
use crate::data::scratch::Scratch;
use std::borrow::Cow;
use std::collections::BTreeSet;
use tokio::sync::OnceCell;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

/// Of the session: as a source is read (`Snapshot`), and nothing of what passes is logged or written. Plans
/// are made once, without the rows.
const SETTINGS: &str = "
    SET client_encoding = 'UTF8'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC';
    SET extra_float_digits = 1; SET bytea_output = 'hex'; SET search_path = 'pg_catalog'; SET statement_timeout = 0;
    SET log_statement = 'none'; SET log_min_messages = 'panic'; SET log_min_error_statement = 'panic';
    SET log_duration = off; SET log_min_duration_statement = -1; SET log_min_duration_sample = -1;
    SET log_transaction_sample_rate = 0; SET log_parameter_max_length = 0; SET log_parameter_max_length_on_error = 0;
    SET temp_file_limit = 0; SET work_mem = '512MB'; SET max_parallel_workers_per_gather = 0; SET jit = off;
    SET plan_cache_mode = force_generic_plan; SET client_min_messages = 'error'";

/// Is made of SQL to see what it reads.
const VIEW: &str = "pg_temp.devenv_asked";

/// The number of a row in its table, for expressions of devenv's own.
pub(crate) const ROW_NUMBER: &str = "\"devenv row\"";

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Any value, as COPY writes it.
    Text,
    /// A truth; what is not known is none.
    Truth,
    /// A number of 64 bits.
    Number,
}

/// What is asked of each row of a table.
pub(crate) struct Question {
    statement: Statement,
    /// Of the columns that are pulled, those that it needs.
    columns: Vec<usize>,
}

/// The session.
pub(crate) struct Judge {
    link: Link,
    begun: OnceCell<()>,
}

/// `rows` as Postgres says it of the table, with what is asked of it.
fn statement(table: &Table, columns: &[usize], asked: &[(String, Answer)], rows: &str) -> String {
    let described: Vec<_> = table.pulled().collect();
    let typed = columns.iter().map(|n| {
        let column = described[*n];
        format!(", r.c{n}::{} AS {}", column.written, ident(&column.name))
    });
    let inner: Vec<String> =
        asked.iter().enumerate().map(|(n, (sql, _))| format!("{sql} AS a{n}")).collect();
    let outer = asked.iter().enumerate().map(|(n, (_, answer))| match answer {
        // As the type itself writes it: a cast to text may not.
        Answer::Text => {
            format!("CASE WHEN a{n} IS DISTINCT FROM NULL THEN concat(a{n}) END AS a{n}")
        }
        Answer::Truth => format!("coalesce(a{n}, false) AS a{n}"),
        Answer::Number => format!("a{n}"),
    });
    format!(
        "SELECT {} FROM (SELECT {} FROM (SELECT r.nr AS {ROW_NUMBER}{} FROM {rows}) AS {} OFFSET 0) AS asked",
        outer.collect::<Vec<_>>().join(", "),
        inner.join(", "),
        typed.collect::<String>(),
        ident(&table.name),
    )
}

/// Rows out of parameters: the number before the first, how many, and an array for each column.
fn handed(columns: &[usize], value: impl Fn(usize) -> String) -> String {
    let arrays = (0..columns.len()).map(|n| format!(", unnest({}::text[])", value(n + 3)));
    let names = columns.iter().map(|n| format!(", c{n}"));
    format!(
        "ROWS FROM (generate_series({first}::int8 + 1, {first}::int8 + {count}::int8){}) AS r(nr{})",
        arrays.collect::<String>(),
        names.collect::<String>(),
        first = value(1),
        count = value(2),
    )
}

impl Judge {
    /// Opens the session in a database that has the source's tables.
    pub(crate) async fn open(scratch: &Scratch) -> Result<Judge, Problem> {
        let link = connect(&scratch.config).await?;
        let set = link.client.batch_execute(SETTINGS).await;
        set.map_err(|e| {
            failed("the environment's Postgres cannot judge rows of files", &e)
                .hint("it must be of version 14 or newer, and its user a superuser")
        })?;
        Ok(Judge { link, begun: OnceCell::new() })
    }

    /// The columns of `table` that an expression of the rules reads; why it cannot be judged if it cannot.
    pub(crate) async fn reads(&self, table: &Table, sql: &str) -> Result<BTreeSet<usize>, String> {
        let only = if table.partitioned { "" } else { "ONLY " };
        // In a WHERE there is one answer a row: no aggregates, windows or sets.
        let over = format!("SELECT 1 AS one FROM {only}{} WHERE ({sql}) IS NULL", table.sql());
        let columns = self.viewed(&over, async || self.columns(table).await).await?;
        let list: Vec<usize> = columns.iter().copied().collect();
        let none = handed(&list, |_| "NULL".to_owned());
        let asked = [(sql.to_owned(), Answer::Text)];
        let over = statement(table, &list, &asked, &none);
        self.viewed(&over, async || self.alone().await).await?;
        Ok(columns)
    }

    /// Makes a view, looks at it, and takes it away.
    async fn viewed<T>(
        &self,
        select: &str,
        look: impl AsyncFnOnce() -> Result<T, String>,
    ) -> Result<T, String> {
        let client = &self.link.client;
        let create = format!("CREATE VIEW {VIEW} AS {select}");
        client.execute(&create, &[]).await.map_err(|e| words(&e))?;
        let seen = look().await;
        let dropped = client.execute(&format!("DROP VIEW {VIEW}"), &[]).await;
        dropped.map_err(|e| words(&e))?;
        seen
    }

    /// Columns that the view names.
    async fn columns(&self, table: &Table) -> Result<BTreeSet<usize>, String> {
        let query = format!(
            "SELECT DISTINCT a.attname::text FROM pg_depend d
               JOIN pg_rewrite w ON w.oid = d.objid AND w.ev_class = '{VIEW}'::regclass
               JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
              WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
                AND d.refobjid = to_regclass($1) AND d.refobjsubid > 0"
        );
        let rows = self.link.client.query(&query, &[&table.sql()]).await;
        let mut names: BTreeSet<String> =
            rows.map_err(|e| words(&e))?.iter().map(|row| row.get(0)).collect();
        let written =
            self.link.client.query_one("SELECT pg_get_viewdef($1::text::regclass)", &[&VIEW]);
        let written: String = written.await.map_err(|e| words(&e))?.get(0);
        // A row as a whole.
        if written.contains(".*") {
            names.extend(table.columns.iter().map(|c| c.name.clone()));
        }
        let generated = table.columns.iter().find(|c| c.generated && names.contains(&c.name));
        if let Some(column) = generated {
            return Err(format!(
                "it reads `{}`, which the server computes and files do not hold",
                column.name
            ));
        }
        let pulled = table.pulled().enumerate();
        Ok(pulled.filter(|(_, c)| names.contains(&c.name)).map(|(n, _)| n).collect())
    }

    /// Refuses a view that reads tables, itself or by a function.
    async fn alone(&self) -> Result<(), String> {
        let query = format!(
            "SELECT CASE WHEN c.relkind = 'S' THEN 'the sequence ' ELSE 'the table ' END || c.oid::regclass::text,
                    f.oid::regprocedure::text
               FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid AND w.ev_class = '{VIEW}'::regclass
               LEFT JOIN pg_class c ON d.refclassid = 'pg_class'::regclass AND c.oid = d.refobjid AND c.oid <> w.ev_class
               LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
               LEFT JOIN pg_proc f ON f.oid = CASE d.refclassid WHEN 'pg_proc'::regclass THEN d.refobjid ELSE o.oprcode END
                     AND f.provolatile <> 'i' AND NOT EXISTS (
                         SELECT FROM pg_depend e
                          WHERE e.classid = 'pg_proc'::regclass AND e.objid = f.oid AND e.deptype = 'e')
              WHERE d.classid = 'pg_rewrite'::regclass AND (c.oid IS NOT NULL OR f.oid IS NOT NULL)
              ORDER BY 1, 2 LIMIT 1"
        );
        let found = self.link.client.query_opt(&query, &[]).await.map_err(|e| words(&e))?;
        let Some(row) = found else { return Ok(()) };
        let (relation, function): (Option<String>, Option<String>) = (row.get(0), row.get(1));
        let what = relation.unwrap_or_else(|| {
            format!("the function {}, which is not IMMUTABLE", function.unwrap_or_default())
        });
        Err(format!("it asks {what}; of files, SQL sees one row of its own table at a time"))
    }

    /// Makes a statement that asks each row of `table` for these expressions, which read these columns.
    pub(crate) async fn question(
        &self,
        table: &Table,
        columns: BTreeSet<usize>,
        asked: &[(String, Answer)],
    ) -> Result<Question, String> {
        let columns: Vec<usize> = columns.into_iter().collect();
        let rows = handed(&columns, |n| format!("${n}"));
        let statement = statement(table, &columns, asked, &rows);
        let statement = self.link.client.prepare(&statement).await.map_err(|e| words(&e))?;
        Ok(Question { statement, columns })
    }

    /// From here on nothing is written, and time stands still. All questions are made before.
    async fn begin(&self) -> Result<(), Problem> {
        let begin = async || {
            let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
            let begun = self.link.client.batch_execute(begin).await;
            begun.map_err(|e| failed("rows of files cannot be judged", &e))
        };
        self.begun.get_or_try_init(begin).await.copied()
    }

    /// The answers of whole rows of a table, before which so many came.
    pub(crate) async fn answers(
        &self,
        question: &Question,
        label: &str,
        (before, rows): (u64, &[u8]),
    ) -> Result<Vec<Row>, Problem> {
        let wrong = |why: &str| {
            let message = format!(
                "SQL of the rules cannot be evaluated over rows of {label}{why}; what the server said is not shown, because it may hold a value"
            );
            Problem::failed("data-postgres", message)
        };
        let mut columns: Vec<Vec<Option<Cow<'_, str>>>> = vec![Vec::new(); question.columns.len()];
        let (mut count, mut fields) = (0i64, Vec::new());
        for line in copy::lines(rows) {
            copy::split(line, &mut fields);
            for (column, number) in columns.iter_mut().zip(&question.columns) {
                let field = fields.get(*number).copied().flatten();
                let text = field.map(copy::text).transpose();
                column.push(text.map_err(|_| wrong(", of which one is not UTF-8"))?);
            }
            count += 1;
        }
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        let mut values: Vec<&(dyn ToSql + Sync)> = vec![&before, &count];
        values.extend(columns.iter().map(|column| column as &(dyn ToSql + Sync)));
        self.begin().await?;
        let answers = self.link.client.query(&question.statement, &values).await;
        let answers = answers.map_err(|e| {
            let code = e.code().map(|code| format!(" ({})", code.code()));
            wrong(&code.unwrap_or_default())
        })?;
        match i64::try_from(answers.len()) == Ok(count) {
            true => Ok(answers),
            false => Err(wrong(": it gave another number of answers than rows")),
        }
    }
}
