//! `devenv data why` and `devenv data preview`: what a rule rests on, and what it does to some rows.

use super::catalog::Catalog;
use super::copy;
use super::engine::Engine;
use super::mask::Masks;
use super::plan::{Looked, by_sql, checked, look};
use super::prints::Prints;
use super::pull::silent;
use super::rules::{Rules, written_spec};
use super::source::Source;
use crate::base::{Exit, Problem};
use crate::data::mask::Key;
use std::collections::BTreeSet;

/// Rows that are shown at the most.
const ROWS_MAX: u64 = 1_000;

/// All that is known of one column.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Why {
    /// `public.users.email`.
    pub column: String,
    /// As Postgres writes it.
    #[serde(rename = "type")]
    pub written: String,
    /// The rule in devenv.data.toml, with its place.
    pub rule: String,
    /// Where it stands.
    pub place: String,
    /// What the mask does.
    pub does: String,
    /// Whether different values stay different.
    pub certainty: String,
    /// What `plan` would say of it, and why.
    pub proposed: String,
    /// Whether it is part of a key.
    pub key: bool,
    /// The column that it refers to in the end.
    pub refers_to: Option<String>,
    /// Columns that go its way.
    pub downstream: Vec<String>,
    /// How many of the sampled rows have a value, and how many of those are different.
    pub sampled: (usize, usize),
}

/// Explains the rule of `table.column` or `schema.table.column`.
pub(crate) async fn why(source: &Source, rules: &Rules, column: &str) -> Result<Why, Problem> {
    let looked = look(source).await?;
    let (table, name) = find(&looked.catalog, column)?;
    let described = looked.catalog.table(&table);
    let described = described.and_then(|t| t.columns.iter().find(|c| c.name == name));
    let rule = rules.tables.get(&table).and_then(|t| t.columns.get(&name));
    let proposal = looked.proposals.iter().find(|p| p.table == table);
    let proposed = proposal.and_then(|p| p.columns.iter().find(|c| c.column == name));
    let sample = looked.samples.get(&(table.clone(), name.clone()));
    let values = sample.map(|s| s.values.as_slice()).unwrap_or_default();
    let distinct: BTreeSet<&String> = values.iter().collect();
    let generated = described.is_some_and(|c| c.generated);
    Ok(Why {
        column: format!("{table}.{name}"),
        written: described.map(|c| c.written.clone()).unwrap_or_default(),
        rule: match rule {
            Some(rule) => written_spec(&rule.spec),
            None if generated => "none: the server computes it".to_owned(),
            None => "none: a pull stops here".to_owned(),
        },
        place: rule.map(|r| format!("{}:{}", rules.file, r.line)).unwrap_or_default(),
        does: rule.map(|r| r.spec.kind.about().to_owned()).unwrap_or_default(),
        certainty: rule.map(|r| r.spec.certainty().word().to_owned()).unwrap_or_default(),
        proposed: proposed
            .map(|w| match w.because.is_empty() {
                true => written_spec(&w.spec),
                false => format!("{} ({})", written_spec(&w.spec), w.because),
            })
            .unwrap_or_default(),
        key: looked.catalog.table(&table).is_some_and(|t| t.is_key(&name)),
        refers_to: looked.catalog.root(&table, &name).map(|(t, c)| format!("{t}.{c}")),
        downstream: downstream(&looked.catalog, &table, &name),
        sampled: (values.len(), distinct.len()),
    })
}

/// The table and column that `written` means.
fn find(catalog: &Catalog, written: &str) -> Result<(String, String), Problem> {
    let found: Vec<(String, String)> = catalog
        .tables
        .iter()
        .flat_map(|t| t.columns.iter().map(move |c| (t, c)))
        .filter(|(t, c)| {
            let short = format!("{}.{}", t.name, c.name);
            written == short || written == format!("{}.{short}", t.schema)
        })
        .map(|(t, c)| (t.label(), c.name.clone()))
        .collect();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Problem::new(
            Exit::Usage,
            "no-such-column",
            format!("the source has no column {written}"),
        )
        .hint("it is written table.column, or schema.table.column")),
        _ => Err(Problem::new(
            Exit::Usage,
            "no-such-column",
            format!("{written} is a column of several schemas"),
        )
        .hint("it is written schema.table.column")),
    }
}

/// Every column that refers to this one, directly or by others.
fn downstream(catalog: &Catalog, table: &str, column: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![(table.to_owned(), column.to_owned())];
    while let Some((table, column)) = waiting.pop() {
        for next in catalog.referring(&table, &column) {
            if seen.insert(next.clone()) {
                waiting.push(next);
            }
        }
    }
    seen.into_iter().map(|(t, c)| format!("{t}.{c}")).collect()
}

/// Some rows of a table, masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Source values by row; empty unless they were asked for.
    pub before: Vec<Vec<Option<String>>>,
    /// Masked values by row.
    pub after: Vec<Vec<Option<String>>>,
}

/// Masks some rows of a table; source values are handed out only when `show_source` says so.
pub(crate) async fn preview(
    source: &Source,
    rules: &Rules,
    key: &Key,
    (table, rows): (&str, u64),
    show_source: bool,
) -> Result<Preview, Problem> {
    let mut looked: Looked = look(source).await?;
    checked(&looked, rules)?;
    by_sql(source, rules, &mut looked.catalog).await?;
    let label = if table.contains('.') { table.to_owned() } else { format!("public.{table}") };
    let found = looked.catalog.table(&label).zip(rules.tables.get(&label));
    let (table, of_table) = found.ok_or_else(|| {
        Problem::new(Exit::Usage, "no-such-table", format!("the source has no table {label}"))
    })?;
    let stopped = |stop: super::engine::Stop| {
        let message =
            format!("{}:{}: {}.{} {}", rules.file, stop.line, stop.table, stop.column, stop.why);
        Problem::new(Exit::Usage, "data-rules", message)
    };
    let masks = Masks { key, locale: rules.locale };
    let engine = Engine::new(table, of_table, &masks).map_err(stopped)?;
    let sample = source.sample(table, rows.min(ROWS_MAX)).await;
    let sample = match table.columns.iter().any(|c| c.by_sql.is_some()) {
        true => sample.map_err(|problem| silent(&label, problem))?,
        false => sample?,
    };
    let masked = engine.rows(&sample, &Prints::new(key)).map_err(stopped)?;
    let read = |bytes: &[u8]| -> Vec<Vec<Option<String>>> {
        let mut fields = Vec::new();
        let row = |line| {
            copy::split(line, &mut fields);
            let text =
                |f: &copy::Field<'_>| f.and_then(|f| copy::text(f).ok().map(|t| t.into_owned()));
            fields.iter().map(text).collect()
        };
        copy::lines(bytes).map(row).collect()
    };
    Ok(Preview {
        columns: table.pulled().map(|c| c.name.clone()).collect(),
        before: if show_source { read(&sample) } else { Vec::new() },
        after: read(&masked.bytes),
    })
}
