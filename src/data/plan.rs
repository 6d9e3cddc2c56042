//! `devenv data plan`: reads a source's tables and samples, and proposes a rule for every column.

use super::catalog::{Catalog, Table};
use super::copy;
use super::detect::{Documents, Proposal, Sample, propose};
use super::dice::Dice;
use super::mask::Kind;
use super::postgres::{Snapshot, failed};
use super::rules::{self, Rules, Written};
use super::source::{Files, Piece, Source};
use crate::base::{Exit, Problem};
use std::collections::BTreeMap;

/// Rows of a table that are looked at.
const SAMPLE_ROWS: u64 = 1_000;
/// Values of a column that are looked at.
const SAMPLE_VALUES: usize = 1_000;
/// Documents of a column whose paths are read.
const DOCUMENTS_MAX: u64 = 50_000;

/// Sampled values by table and column.
type Samples = BTreeMap<(String, String), Sample>;

/// What is known of a source.
pub(crate) struct Looked {
    pub(crate) catalog: Catalog,
    pub(crate) samples: BTreeMap<(String, String), Sample>,
    pub(crate) proposals: Vec<Proposal>,
}

/// Documents of a column, by table and column.
type AllDocuments = BTreeMap<(String, String), Documents>;

/// Reads the catalog and samples of a source.
pub(crate) async fn look(source: &Source) -> Result<Looked, Problem> {
    let catalog = source.catalog().await?;
    let mut samples = BTreeMap::new();
    let documents = match source {
        Source::Live(live) => look_live(&live.snapshot, &catalog, &mut samples).await?,
        Source::Files(files) => look_through(files, &catalog, &mut samples).await?,
    };
    let proposals = propose(&catalog, &samples, &documents);
    Ok(Looked { catalog, samples, proposals })
}

/// Columns whose documents are read.
fn documented(table: &Table) -> impl Iterator<Item = (usize, &String)> {
    let columns = table.pulled().enumerate();
    columns
        .filter(|(_, c)| matches!(c.kind.name.as_str(), "json" | "jsonb") && !c.kind.array)
        .map(|(nth, c)| (nth, &c.name))
}

async fn look_live(
    snapshot: &Snapshot,
    catalog: &Catalog,
    samples: &mut Samples,
) -> Result<AllDocuments, Problem> {
    let mut documents = BTreeMap::new();
    for table in &catalog.tables {
        let rows = snapshot.sample(table, SAMPLE_ROWS).await?;
        take(table, &rows, samples);
        for (_, column) in documented(table) {
            let mut found = Documents::default();
            read_documents(snapshot, table, column, &mut found).await?;
            documents.insert((table.label(), column.clone()), found);
        }
    }
    Ok(documents)
}

/// Looks through files once; of each table rows from all over it are kept as its sample.
async fn look_through(
    files: &Files,
    catalog: &Catalog,
    samples: &mut Samples,
) -> Result<AllDocuments, Problem> {
    let mut documents: AllDocuments = BTreeMap::new();
    let mut kept: Vec<Vec<Vec<u8>>> = vec![Vec::new(); catalog.tables.len()];
    let mut seen = vec![0u64; catalog.tables.len()];
    let mut dice = Dice::of(1);
    let sink = async |piece: Piece| {
        let Piece::Rows(number, bytes) = piece else { return Ok(()) };
        let table = &catalog.tables[number];
        let mut fields = Vec::new();
        for line in copy::lines(&bytes) {
            seen[number] += 1;
            let room = (kept[number].len() as u64) < SAMPLE_ROWS;
            let place = if room { seen[number] - 1 } else { dice.below(seen[number]) };
            match usize::try_from(place).ok().filter(|_| place < SAMPLE_ROWS) {
                Some(_) if room => kept[number].push([line, b"\n"].concat()),
                Some(place) => kept[number][place] = [line, b"\n"].concat(),
                None => {}
            }
            for (nth, column) in documented(table).filter(|_| seen[number] <= DOCUMENTS_MAX) {
                copy::split(line, &mut fields);
                let text = fields.get(nth).copied().flatten().and_then(|f| copy::text(f).ok());
                let found = documents.entry((table.label(), column.clone())).or_default();
                if let Some(text) = text {
                    found.add(&text);
                }
            }
        }
        Ok(())
    };
    files.read(sink).await?;
    for (table, rows) in catalog.tables.iter().zip(kept) {
        take(table, &rows.concat(), samples);
    }
    Ok(documents)
}

/// Puts sampled rows into columns.
fn take(table: &Table, rows: &[u8], samples: &mut Samples) {
    let names: Vec<&String> = table.pulled().map(|c| &c.name).collect();
    let mut columns: Vec<Sample> = names.iter().map(|_| Sample::default()).collect();
    let mut fields = Vec::new();
    for line in copy::lines(rows) {
        copy::split(line, &mut fields);
        for (field, column) in fields.iter().zip(&mut columns) {
            let text = field.and_then(|f| copy::text(f).ok());
            if let Some(text) = text.filter(|_| column.values.len() < SAMPLE_VALUES) {
                column.values.push(text.into_owned());
            }
        }
    }
    for (name, column) in names.into_iter().zip(columns) {
        samples.insert((table.label(), name.clone()), column);
    }
}

async fn read_documents(
    snapshot: &Snapshot,
    table: &Table,
    column: &str,
    found: &mut Documents,
) -> Result<(), Problem> {
    let only = if table.partitioned { "" } else { "ONLY " };
    let name = super::catalog::ident(column);
    let select = format!(
        "SELECT {name} FROM {only}{} WHERE {name} IS NOT NULL LIMIT {DOCUMENTS_MAX}",
        table.sql()
    );
    let sink = async |batch: Vec<u8>| {
        for line in copy::lines(&batch) {
            if let Ok(document) = copy::text(line) {
                found.add(&document);
            }
        }
        Ok(())
    };
    snapshot.copy_out(&select, 1 << 20, sink).await
}

/// devenv.data.toml with a rule for each column; rules that `old` has stay.
pub(crate) fn written(looked: &Looked, old: Option<&Rules>, locale: &str) -> String {
    let mut text = String::from(
        "# One rule for every column: what `devenv data pull` makes of its values.\n\
         # Written by `devenv data plan`, which keeps what it finds here; look it over and commit it.\n\
         version = 1\n",
    );
    text.push_str(&format!("locale = \"{locale}\"\n"));
    text.push_str(&old.map(Rules::other_sections).unwrap_or_default());
    for proposal in &looked.proposals {
        let kept = old.and_then(|rules| rules.tables.get(&proposal.table));
        let columns: Vec<Written> = proposal
            .columns
            .iter()
            .map(|w| match kept.and_then(|t| t.columns.get(&w.column)) {
                Some(rule) if rule.spec != w.spec => Written {
                    column: w.column.clone(),
                    spec: rule.spec.clone(),
                    because: "kept".to_owned(),
                },
                _ => Written {
                    column: w.column.clone(),
                    spec: w.spec.clone(),
                    because: w.because.clone(),
                },
            })
            .collect();
        let subject = kept.map_or(proposal.subject.as_ref(), |t| t.subject.as_ref());
        rules::write(&proposal.table, subject.map(String::as_str), &columns, &mut text);
        if kept.is_some_and(|t| t.skip) {
            text.push_str("skip = true\n");
        }
        if let Some(rows) = kept.and_then(|t| t.rows) {
            text.push_str(&format!("rows = {rows}\n"));
        }
    }
    text
}

/// Every finding against the rules, as the problem that stops a pull.
pub(crate) fn checked(looked: &Looked, rules: &Rules) -> Result<(), Problem> {
    let wrong = rules::check(rules, &looked.catalog);
    if wrong.is_empty() {
        return Ok(());
    }
    let proposed: Vec<(String, Vec<Written>)> = looked
        .proposals
        .iter()
        .map(|p| {
            let columns = p.columns.iter().map(|w| Written {
                column: w.column.clone(),
                spec: w.spec.clone(),
                because: w.because.clone(),
            });
            (p.table.clone(), columns.collect())
        })
        .collect();
    Err(rules::patch(rules, &wrong, &proposed))
}

/// The source's tables, if every column has a rule that fits; the source is looked at only for a patch.
pub(crate) async fn ruled(source: &Source, rules: &Rules) -> Result<Catalog, Problem> {
    let mut catalog = source.catalog().await?;
    if !rules::check(rules, &catalog).is_empty() {
        checked(&look(source).await?, rules)?;
    }
    by_sql(source, rules, &mut catalog).await?;
    Ok(catalog)
}

/// Lets the source itself, or its judge, evaluate what rules say in SQL, after it has said that it can.
pub(crate) async fn by_sql(
    source: &Source,
    rules: &Rules,
    catalog: &mut Catalog,
) -> Result<(), Problem> {
    for table in &mut catalog.tables {
        let (label, sql) = (table.label(), table.sql());
        let Some(of_table) = rules.tables.get(&label).filter(|t| !t.skip) else { continue };
        let described = table.clone();
        for column in &mut table.columns {
            let rule = of_table.columns.get(&column.name);
            let Some(rule) = rule.filter(|rule| rule.spec.kind == Kind::Sql) else { continue };
            let wrong = |why: String| {
                let message =
                    format!("{}:{}: {label}.{} {why}", rules.file, rule.line, column.name);
                Problem::new(Exit::Usage, "data-rules", message)
            };
            column.by_sql = rule.spec.value.clone();
            let computed = column.computed().unwrap_or_default();
            // No row is read: what Postgres says of it holds nobody's value.
            match source {
                Source::Live(live) => {
                    let tried = format!("SELECT {computed} FROM {sql} LIMIT 0");
                    let tried = live.snapshot.client().prepare(&tried).await;
                    tried.map_err(|e| {
                        wrong(failed("has an expression that the source refuses", &e).message)
                    })?;
                }
                Source::Files(files) => {
                    let reads = files.judge()?.reads(&described, &computed).await;
                    let refused = |why| {
                        format!("has an expression that cannot be evaluated over files: {why}")
                    };
                    reads.map_err(|why| wrong(refused(why)))?;
                }
            }
        }
    }
    Ok(())
}
