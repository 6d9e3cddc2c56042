//! Proposes a rule for every column of a source: by its name, its type and sampled values. Whatever is
//! not recognised is masked all the same: only what cannot tell who somebody is stays as it is.

mod documents;
pub(crate) mod names;
mod values;

pub(crate) use documents::Documents;

use super::catalog::{Catalog, Column, Table};
use super::mask::{Certainty, Kind, Spec, hstore_document};
use super::rules::Written;
use std::collections::{BTreeMap, BTreeSet};

/// Values that are the same in so many rows are categories.
const CATEGORY_VALUES_MAX: usize = 12;
/// Fewer values than this tell nothing of categories.
const CATEGORY_SAMPLE_MIN: usize = 40;
/// Longer values are no categories.
const CATEGORY_CHARS_MAX: usize = 32;
/// The share of values that must look like it.
const SHARE_MIN: f64 = 0.5;

/// Sampled values of one column, without nulls.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    pub(crate) values: Vec<String>,
}

/// The rules proposed for a table.
pub(crate) struct Proposal {
    pub(crate) table: String,
    pub(crate) subject: Option<String>,
    pub(crate) columns: Vec<Written>,
}

/// Proposes rules for all tables. `samples` are by table and column.
pub(crate) fn propose(
    catalog: &Catalog,
    samples: &BTreeMap<(String, String), Sample>,
    documents: &BTreeMap<(String, String), Documents>,
) -> Vec<Proposal> {
    let empty = Sample::default();
    let mut found: BTreeMap<(String, String), (Spec, String)> = BTreeMap::new();
    for table in &catalog.tables {
        for column in table.pulled() {
            let at = (table.label(), column.name.clone());
            let sample = samples.get(&at).unwrap_or(&empty);
            let key = table.is_key(&column.name)
                || catalog.root(&at.0, &at.1).is_some()
                || !catalog.referring(&at.0, &at.1).is_empty();
            let proposed = column_rule(table, column, sample, documents.get(&at), key);
            found.insert(at, proposed);
        }
    }
    // A foreign key goes the way of what it refers to.
    let all: Vec<(String, String)> = found.keys().cloned().collect();
    for at in all {
        if let Some(root) = catalog.root(&at.0, &at.1)
            && let Some((spec, _)) = found.get(&root).cloned()
        {
            found.insert(at, (spec, format!("refers to {}.{}", root.0, root.1)));
        }
    }
    let people = people(catalog, &found);
    let of_table = |table: &Table| {
        let label = table.label();
        let columns = table.pulled().filter_map(|c| {
            let (spec, because) = found.get(&(label.clone(), c.name.clone()))?.clone();
            Some(Written { column: c.name.clone(), spec, because })
        });
        Proposal {
            subject: subject(catalog, table, &people),
            columns: columns.collect(),
            table: label,
        }
    };
    catalog.tables.iter().map(of_table).collect()
}

/// Tables of people: those with an address or a name of a person in them.
fn people(
    catalog: &Catalog,
    found: &BTreeMap<(String, String), (Spec, String)>,
) -> BTreeSet<String> {
    let personal = |kind: Kind| {
        matches!(kind, Kind::Email | Kind::Name | Kind::FirstName | Kind::LastName | Kind::Phone)
    };
    let has = |t: &&Table| {
        t.columns
            .iter()
            .any(|c| found.get(&(t.label(), c.name.clone())).is_some_and(|(s, _)| personal(s.kind)))
    };
    catalog.tables.iter().filter(has).map(Table::label).collect()
}

/// The column that says whose row it is: the key of a table of people, or what refers to one.
fn subject(catalog: &Catalog, table: &Table, people: &BTreeSet<String>) -> Option<String> {
    let label = table.label();
    let refers = catalog.references.iter().find(|r| {
        r.from == label && r.to != label && people.contains(&r.to) && r.from_columns.len() == 1
    });
    if people.contains(&label) && table.primary.len() == 1 {
        return table.primary.first().cloned();
    }
    refers.and_then(|r| r.from_columns.first().cloned())
}

/// A column's rule and the evidence for it.
fn column_rule(
    table: &Table,
    column: &Column,
    sample: &Sample,
    documents: Option<&Documents>,
    key: bool,
) -> (Spec, String) {
    if column.kind.array {
        let element = Column {
            kind: super::catalog::Type { array: false, ..column.kind.clone() },
            ..column.clone()
        };
        let elements = Sample { values: values::elements(&sample.values) };
        let (of, because) = scalar(table, &element, &elements, None, false);
        if of.kind == Kind::Keep || of.kind == Kind::Null {
            return (of, because);
        }
        return (Spec { of: Some(Box::new(of)), ..Spec::of(Kind::Array) }, because);
    }
    let (mut spec, mut because) = scalar(table, column, sample, documents, key);
    if key && spec.certainty() == Certainty::Lossy {
        because = format!("{because}; part of a key, so `text` instead of `{}`", spec.kind.name());
        spec = Spec::of(Kind::Text);
    }
    if spec.kind == Kind::Null && column.not_null {
        spec = Spec { value: Some(String::new()), ..Spec::of(Kind::Constant) };
    }
    if takes_max(spec.kind) {
        spec.max = column.kind.max;
    }
    (spec, because)
}

fn takes_max(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Email
            | Kind::Name
            | Kind::FirstName
            | Kind::LastName
            | Kind::Company
            | Kind::Street
            | Kind::City
            | Kind::Address
            | Kind::Prose
    )
}

fn scalar(
    table: &Table,
    column: &Column,
    sample: &Sample,
    documents: Option<&Documents>,
    key: bool,
) -> (Spec, String) {
    let plain = |kind: Kind, because: &str| (Spec::of(kind), because.to_owned());
    let partition = table.partition_key.contains(&column.name);
    match (column.kind.name.as_str(), column.kind.category) {
        ("json" | "jsonb", _) => {
            let spec = documents.map_or_else(|| Documents::default().rule(), Documents::rule);
            let because = documents.map(Documents::evidence).unwrap_or_default();
            (spec, because)
        }
        ("uuid", _) => plain(Kind::Uuid, ""),
        ("bool", _) | (_, 'B') => plain(Kind::Keep, "boolean"),
        (_, 'E') => plain(Kind::Keep, "enum"),
        ("inet" | "cidr", _) => plain(Kind::Ip, "by type"),
        ("macaddr" | "macaddr8", _) => plain(Kind::Hex, "by type"),
        ("bytea", _) => plain(Kind::Bytes, "by type"),
        ("vector" | "halfvec", _) => {
            plain(Kind::Vector, "an embedding can tell its text: compare the rule of the text")
        }
        ("date" | "timestamp" | "timestamptz", _) => match partition {
            true => plain(Kind::Keep, "says in which partition a row lies"),
            false => plain(Kind::Date, ""),
        },
        ("time" | "timetz" | "interval", _) => plain(Kind::Keep, "a time of day or a span"),
        ("int2" | "int4" | "int8" | "oid", _) => integer(column, sample, key || partition),
        ("float4" | "float8" | "numeric", _) => amount(column, key || partition),
        ("money", _) => plain(Kind::Keep, "money"),
        ("point" | "box" | "circle" | "polygon" | "path" | "lseg", _) => {
            plain(Kind::Geo, "by type")
        }
        ("hstore", _) => hstore(sample),
        ("xml", _) => xml(sample),
        ("tsvector", _) => plain(Kind::Tsvector, "its words do not follow the masked text"),
        ("geometry" | "geography", _) => plain(Kind::Geometry, "heights and measures stay"),
        (_, 'R') => plain(Kind::Keep, "a range"),
        (_, 'S') | ("citext" | "name", _) => text(table, column, sample, partition),
        _ => plain(Kind::Null, "this type has no mask of its own"),
    }
}

/// Each key by what its values look like; keys that the sample does not show are masked too.
fn hstore(sample: &Sample) -> (Spec, String) {
    let mut documents = Documents::default();
    sample.values.iter().filter_map(|v| hstore_document(v)).for_each(|d| documents.add(&d));
    let rest = Some(Box::new(Spec::of(Kind::Text)));
    let spec = Spec { kind: Kind::Hstore, rest, ..documents.rule() };
    (spec, documents.evidence())
}

/// Texts and attributes; where addresses stand in them, words instead, that nobody takes for an address.
fn xml(sample: &Sample) -> (Spec, String) {
    let addresses = sample.values.iter().any(|value| value.contains('@'));
    let of = addresses.then(|| Box::new(Spec::of(Kind::Prose)));
    (Spec { of, ..Spec::of(Kind::Xml) }, "texts and attributes are masked".to_owned())
}

fn integer(column: &Column, sample: &Sample, key: bool) -> (Spec, String) {
    let id = names::tokens(&column.name).last().is_some_and(|t| t == "id");
    if key || id {
        return (Spec::of(Kind::Id), String::new());
    }
    if let Some((Kind::Phone | Kind::Card | Kind::Geo, because)) = names::by_name(&column.name) {
        // A number of another type than text: digits stay as many.
        return (Spec::of(Kind::Id), because);
    }
    let distinct: BTreeSet<&String> = sample.values.iter().collect();
    let category =
        distinct.len() <= CATEGORY_VALUES_MAX && sample.values.len() >= CATEGORY_SAMPLE_MIN;
    if category || column.checked {
        let because = if column.checked { "a CHECK bounds it" } else { "few different values" };
        return (Spec::of(Kind::Keep), because.to_owned());
    }
    number(column, "an amount")
}

fn amount(column: &Column, key: bool) -> (Spec, String) {
    if key {
        return (Spec::of(Kind::Keep), "a number that is a key".to_owned());
    }
    if let Some((Kind::Geo, because)) = names::by_name(&column.name) {
        return (Spec::of(Kind::Geo), because);
    }
    if column.checked {
        return (Spec::of(Kind::Keep), "a CHECK bounds it".to_owned());
    }
    number(column, "an amount")
}

/// An amount within what its type holds.
fn number(column: &Column, because: &str) -> (Spec, String) {
    let most = match (column.kind.name.as_str(), column.kind.digits) {
        ("int2", _) => Some(32_767.0),
        ("int4", _) => Some(2_147_483_647.0),
        ("int8", _) => Some(9.2e18),
        ("numeric", Some((before, scale))) => {
            let step = 10f64.powi(-scale.cast_signed());
            Some(10f64.powi(before.cast_signed()) - step)
        }
        _ => None,
    };
    let most = most.filter(|m| *m < 1e15);
    let bounds = (most.map(|m| -m), most);
    (Spec { bounds, ..Spec::of(Kind::Number) }, because.to_owned())
}

fn text(table: &Table, column: &Column, sample: &Sample, partition: bool) -> (Spec, String) {
    let by_value = values::by_values(&sample.values, SHARE_MIN);
    // A bare `name` is a person's only in a table of persons.
    let persons = names::tokens(&column.name) != ["name"] || names::of_persons(&table.name);
    let by_name = names::by_name(&column.name).filter(|(kind, _)| match kind {
        Kind::Geo => false,
        Kind::Name => persons,
        _ => true,
    });
    match (by_value, by_name) {
        _ if partition => (Spec::of(Kind::Keep), "says in which partition a row lies".to_owned()),
        // What values say is sure; a name says what they mean.
        (Some((kind, because)), named) => match named {
            Some((kind, named)) if kind == Kind::Card || kind == Kind::Token => {
                (Spec::of(kind), format!("{named}; {because}"))
            }
            _ => (Spec::of(kind), because),
        },
        (None, Some((kind, because))) => {
            let free = kind == Kind::Prose || values::shortest_fits(kind, &sample.values);
            let kind = if free { kind } else { Kind::Text };
            (Spec::of(kind), because)
        }
        (None, None) => undetected(column, sample),
    }
}

fn undetected(column: &Column, sample: &Sample) -> (Spec, String) {
    let distinct: BTreeSet<&String> = sample.values.iter().collect();
    let short = distinct.iter().all(|v| v.chars().count() <= CATEGORY_CHARS_MAX);
    let few = distinct.len() <= CATEGORY_VALUES_MAX && sample.values.len() >= CATEGORY_SAMPLE_MIN;
    if few && short {
        return (Spec::of(Kind::Keep), "few different values".to_owned());
    }
    if column.checked && distinct.len() <= CATEGORY_VALUES_MAX && short {
        return (Spec::of(Kind::Keep), "a CHECK lists its values".to_owned());
    }
    match values::is_prose(&sample.values) {
        true => (Spec::of(Kind::Prose), "free text".to_owned()),
        false => (Spec::of(Kind::Text), "not recognised".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalog::Type;
    use super::*;

    /// The rule of a column of this type.
    fn proposed(name: &str, category: char) -> Spec {
        let kind = Type { name: name.to_owned(), category, array: false, max: None, digits: None };
        let column = Column {
            name: "value".to_owned(),
            kind,
            written: name.to_owned(),
            not_null: false,
            generated: false,
            checked: false,
            by_sql: None,
        };
        let table = Table {
            schema: "public".to_owned(),
            name: "places".to_owned(),
            partitioned: false,
            rows: 0,
            columns: vec![column.clone()],
            primary: Vec::new(),
            uniques: Vec::new(),
            partition_key: BTreeSet::new(),
        };
        column_rule(&table, &column, &Sample::default(), None, false).0
    }

    #[test]
    fn types_of_extensions_have_masks_of_their_own_and_unknown_ones_become_null() {
        for (name, category, kind) in [
            ("geometry", 'U', Kind::Geometry),
            ("geography", 'U', Kind::Geometry),
            ("tsvector", 'U', Kind::Tsvector),
            ("raster", 'U', Kind::Null),
        ] {
            assert_eq!(proposed(name, category), Spec::of(kind), "{name}");
        }
    }
}
