//! Where rows come from: a Postgres database in one snapshot, a dump of one, CSV files. Each has a catalog, a
//! schema, and rows in COPY's text format that pass through memory and lie nowhere.

mod by_sql;
mod dump;
mod judge;
mod tables;
mod text;

use super::Server;
use super::catalog::{Catalog, Table};
use super::commands::server_config;
use super::copy;
use super::mask::Kind;
use super::postgres::{Snapshot, catalog, config, version};
use super::rules::Rules;
use super::scratch::Scratch;
use super::subset;
use super::tools::{self, Asked, Schema};
use crate::base::{Exit, Problem};
use crate::runtime::Progress;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use tokio_postgres::Config;

pub(crate) use by_sql::BySql;
pub(crate) use judge::{Answer, Judge, Question, ROW_NUMBER};

/// Batches that wait to be taken.
const BATCHES_WAITING: usize = 2;

/// Finds the running environment's server, which lends a throw-away database for a dump's schema.
pub type Lend<'a> = &'a dyn Fn() -> Result<Server, Problem>;

/// What comes out of a file.
pub(crate) enum Piece {
    /// Whole rows of a table, by its number in the catalog.
    Rows(usize, Vec<u8>),
    /// How far a sequence had come.
    Sequence(String, i64),
}

enum Input {
    Dump(dump::Dump, dump::Lanes),
    Tables(Vec<PathBuf>),
}

/// Files that hold tables.
pub(crate) struct Files {
    catalog: Catalog,
    schema: Schema,
    server: String,
    input: Input,
    /// Says what SQL makes of its rows, if the rules say something in SQL.
    judge: Option<Judge>,
}

/// A database that stands still.
pub(crate) struct Live {
    pub(crate) snapshot: Snapshot,
    config: Config,
}

/// A source.
pub(crate) enum Source {
    Live(Box<Live>),
    Files(Box<Files>),
}

impl Source {
    /// Opens `postgres://…`, or the dump or CSV files at a path.
    pub(crate) async fn open(
        written: &str,
        lend: Lend<'_>,
        progress: &dyn Progress,
    ) -> Result<Source, Problem> {
        let path = Path::new(written);
        if written.contains("://") || !path.exists() && written.contains('=') {
            let config = config(written)?;
            let snapshot = Snapshot::open(&config).await?;
            return Ok(Source::Live(Box::new(Live { snapshot, config })));
        }
        if !path.exists() {
            let message = format!("there is no {written}");
            return Err(Problem::new(Exit::Usage, "data-source", message).hint(
                "a source is postgres://user:password@host:5432/database, a dump of pg_dump, a .csv file, or a directory of either",
            ));
        }
        let tables = tables::files(path)?;
        if !tables.is_empty() {
            return Ok(Source::Files(Box::new(tables::open(tables)?)));
        }
        match dump::Dump::at(path, progress)? {
            Some(dump) => {
                let server = server_config(&lend()?);
                dump::open(dump, &server, progress)
                    .await
                    .map(|files| Source::Files(Box::new(files)))
            }
            None => {
                let message = format!("{written} is a directory without a dump or CSV files");
                Err(Problem::new(Exit::Usage, "data-source", message))
            }
        }
    }

    /// Does something with it; where rules say something of files in SQL, a judge stands by meanwhile.
    pub(crate) async fn judged<T>(
        mut self,
        rules: &Rules,
        lend: Lend<'_>,
        what: impl AsyncFnOnce(&Source) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let before = match &self {
            Source::Files(files) if files.asks(rules) => files.schema.before.clone(),
            _ => return what(&self).await,
        };
        let server = server_config(&lend()?);
        Scratch::with(&server, async |scratch| {
            scratch.run("the schema of the files", &before).await?;
            if let Source::Files(files) = &mut self {
                files.judge = Some(Judge::open(scratch).await?);
            }
            what(&self).await
        })
        .await
    }

    /// Its tables.
    pub(crate) async fn catalog(&self) -> Result<Catalog, Problem> {
        match self {
            Source::Live(live) => catalog(live.snapshot.client()).await,
            Source::Files(files) => Ok(files.catalog.clone()),
        }
    }

    /// Some rows of a table.
    pub(crate) async fn sample(&self, table: &Table, limit: u64) -> Result<Vec<u8>, Problem> {
        let files = match self {
            Source::Live(live) => return live.snapshot.sample(table, limit).await,
            Source::Files(files) => files,
        };
        let label = table.label();
        let wanted = files.catalog.tables.iter().position(|t| t.label() == label);
        let (mut rows, mut count) = (Vec::new(), 0);
        let sink = async |piece: Piece| {
            let Piece::Rows(number, bytes) = piece else { return Ok(()) };
            for line in copy::lines(&bytes).filter(|_| Some(number) == wanted) {
                if count < limit {
                    rows.extend_from_slice(&[line, b"\n"].concat());
                    count += 1;
                }
            }
            Ok(())
        };
        files.read(sink).await?;
        // As a database hands them out.
        match files.by_sql(table).await? {
            Some((judge, by_sql)) => by_sql.rows(judge, (0, &rows)).await,
            None => Ok(rows),
        }
    }

    /// Asks for its schema; and the version of its server.
    pub(crate) async fn schema(&self, progress: &dyn Progress) -> Result<(Asked, String), Problem> {
        match self {
            Source::Live(live) => {
                let (server, major) = version(live.snapshot.client()).await?;
                let id = Some(live.snapshot.id.as_str());
                Ok((tools::ask(&live.config, id, major, progress)?, server))
            }
            Source::Files(files) => Ok((Asked::Known(files.schema.clone()), files.server.clone())),
        }
    }
}

impl Files {
    /// Whether rules say something of it in SQL.
    fn asks(&self, rules: &Rules) -> bool {
        let masks = |label: &String| {
            let of_table = rules.tables.get(label).filter(|t| !t.skip);
            of_table.is_some_and(|t| t.columns.values().any(|rule| rule.spec.kind == Kind::Sql))
        };
        self.catalog.tables.iter().any(|table| masks(&table.label()))
            || subset::asks(&self.catalog, rules)
    }

    /// Who says what SQL makes of its rows.
    pub(crate) fn judge(&self) -> Result<&Judge, Problem> {
        let nobody = || Problem::failed("data-source", "nobody can say what SQL makes of its rows");
        self.judge.as_ref().ok_or_else(nobody)
    }

    /// What rules say of columns of a table in SQL, and who evaluates it.
    pub(crate) async fn by_sql(&self, table: &Table) -> Result<Option<(&Judge, BySql)>, Problem> {
        if table.columns.iter().all(|c| c.by_sql.is_none()) {
            return Ok(None);
        }
        let judge = self.judge()?;
        Ok(BySql::of(judge, table).await?.map(|by_sql| (judge, by_sql)))
    }

    /// Reads everything once, on a thread of its own; `sink` takes it piece by piece.
    pub(crate) async fn read(
        &self,
        mut sink: impl AsyncFnMut(Piece) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let (send, mut receive) = mpsc::channel(BATCHES_WAITING);
        let put = move |piece: Piece| {
            // Nobody takes it any more: the reason is told there.
            send.blocking_send(piece).map_err(|_| "not wanted any more".to_owned())
        };
        let thread = std::thread::Builder::new().name("source".to_owned());
        let reading = match &self.input {
            Input::Dump(dump, lanes) => {
                let (dump, lanes, mut put) = (dump.clone(), lanes.clone(), put);
                thread.spawn(move || dump.rows(&lanes, &mut put))
            }
            Input::Tables(files) => {
                let (files, mut put) = (files.clone(), put);
                thread.spawn(move || tables::read(&files, &mut put))
            }
        };
        let reading = reading
            .map_err(|e| Problem::failed("threads", format!("cannot start a thread: {e}")))?;
        let mut taken = Ok(());
        while let Some(piece) = receive.recv().await {
            taken = sink(piece).await;
            if taken.is_err() {
                break;
            }
        }
        drop(receive);
        let read = reading.join().unwrap_or_else(|_| Err("reading broke off".to_owned()));
        taken?;
        read.map_err(|why| {
            Problem::failed("data-source", format!("the source cannot be used: {why}"))
        })
    }
}
