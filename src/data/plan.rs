//! `devenv data plan`: reads a source's tables and samples, and proposes a rule for every column.

use super::catalog::{Catalog, Table};
use super::copy;
use super::detect::{Documents, Proposal, Sample, propose};
use super::postgres::{Snapshot, catalog, config};
use super::rules::{self, Rules, Written};
use crate::base::Problem;
use std::collections::BTreeMap;

/// Rows of a table that are looked at.
const SAMPLE_ROWS: u64 = 1_000;
/// Values of a column that are looked at.
const SAMPLE_VALUES: usize = 1_000;
/// Documents of a column whose paths are read.
const DOCUMENTS_MAX: u64 = 50_000;

/// What is known of a source.
pub(crate) struct Looked {
    pub(crate) catalog: Catalog,
    pub(crate) samples: BTreeMap<(String, String), Sample>,
    pub(crate) proposals: Vec<Proposal>,
}

/// Reads the catalog and samples of a snapshot.
pub(crate) async fn look(snapshot: &Snapshot) -> Result<Looked, Problem> {
    let catalog = catalog(snapshot.client()).await?;
    let mut samples = BTreeMap::new();
    let mut documents = BTreeMap::new();
    for table in &catalog.tables {
        let rows = snapshot.sample(table, SAMPLE_ROWS).await?;
        take(table, &rows, &mut samples);
        for column in table.pulled() {
            if matches!(column.kind.name.as_str(), "json" | "jsonb") && !column.kind.array {
                let mut found = Documents::default();
                read_documents(snapshot, table, &column.name, &mut found).await?;
                documents.insert((table.label(), column.name.clone()), found);
            }
        }
    }
    let proposals = propose(&catalog, &samples, &documents);
    Ok(Looked { catalog, samples, proposals })
}

/// Puts sampled rows into columns.
fn take(table: &Table, rows: &[u8], samples: &mut BTreeMap<(String, String), Sample>) {
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
pub(crate) async fn ruled(snapshot: &Snapshot, rules: &Rules) -> Result<Catalog, Problem> {
    let catalog = catalog(snapshot.client()).await?;
    if !rules::check(rules, &catalog).is_empty() {
        checked(&look(snapshot).await?, rules)?;
    }
    Ok(catalog)
}

/// Looks at the source at `url`.
pub(crate) async fn look_at(url: &str) -> Result<Looked, Problem> {
    let snapshot = Snapshot::open(&config(url)?).await?;
    look(&snapshot).await
}
