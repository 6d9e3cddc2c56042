//! Whole rows: foreign keys first, then the other columns; refused and made again while a unique key is
//! taken. The same seed makes the same rows, in whatever batches.

use super::plan::{Plan, ReferencePlan, TablePlan};
use super::texts::Person;
use super::values::{Place, value};
use crate::base::{Exit, Problem};
use crate::data::dice::Dice;
use crate::data::mask::{Kind, Locale};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// How often a row is made again.
pub(super) const ATTEMPTS_MAX: u32 = 250;
/// How often a column that may be null is.
const NULL_SHARE: f64 = 0.08;
/// How often a foreign key that may be null is.
const NULL_REFERENCE_SHARE: f64 = 0.15;

/// A row's fields.
pub(super) type Fields = Vec<Option<String>>;

/// A row on its way.
pub(super) struct Row {
    pub(super) number: u64,
    pub(super) attempt: u32,
    pub(super) fields: Fields,
    /// What it holds of the table's unique keys.
    taken: Vec<(usize, u64)>,
}

/// Values of a column that others refer to.
enum Keys {
    /// The row's number, counted from one.
    Serial,
    Texts(Vec<Option<Box<str>>>),
}

/// Makes rows.
pub(super) struct Maker<'a> {
    plan: &'a Plan,
    locale: Locale,
    keys: HashMap<(usize, usize), Keys>,
    /// Rows of a table by the values that a foreign key shares with another.
    groups: HashMap<(usize, usize), HashMap<Vec<String>, Vec<u64>>>,
    /// Of the table that is being made.
    taken: HashSet<(usize, u64)>,
}

/// Cells of a row: not set, or set to a value that may be null.
type Cells = Vec<Option<Option<String>>>;

impl<'a> Maker<'a> {
    pub(super) fn new(plan: &'a Plan, locale: Locale) -> Maker<'a> {
        let (keys, groups) = (HashMap::new(), HashMap::new());
        Maker { plan, locale, keys, groups, taken: HashSet::new() }
    }

    /// Begins a table: keys that it or earlier tables ask for before they are made are made now.
    pub(super) fn begin(&mut self, table: usize) -> Result<(), Problem> {
        self.taken.clear();
        let wanted: Vec<(usize, usize)> = self.plan.tables[table]
            .references
            .iter()
            .flat_map(|r| r.columns.iter().map(|(_, there)| (r.to, *there)))
            .collect();
        for (to, column) in wanted {
            if !self.keys.contains_key(&(to, column)) {
                let made = self.beforehand(to, column)?;
                self.keys.insert((to, column), made);
            }
        }
        for (nth, reference) in self.plan.tables[table].references.iter().enumerate() {
            if !reference.shared.is_empty() {
                let groups = self.grouped(reference);
                self.groups.insert((table, nth), groups);
            }
        }
        Ok(())
    }

    /// The keys of a table that is not made yet.
    fn beforehand(&self, table: usize, column: usize) -> Result<Keys, Problem> {
        let plan = &self.plan.tables[table];
        let described = &plan.columns[column];
        let refers = plan.references.iter().any(|r| r.columns.iter().any(|(c, _)| *c == column));
        if refers {
            let message = format!(
                "{}.{} is asked for in a ring of foreign keys before it can be made up",
                plan.label, described.name
            );
            return Err(Problem::failed("synth-ring", message));
        }
        if self.serial(table, column) {
            return Ok(Keys::Serial);
        }
        let one = |row: u64| {
            let mut described = described.clone();
            described.unique = true;
            let person = Person::of(self.locale, plan.base, row);
            let place = Place { row, attempt: 0, person: &person, locale: self.locale, moments: 0 };
            value(&described, &place, &mut Dice::at(described.base, row, 0))
                .map(String::into_boxed_str)
        };
        Ok(Keys::Texts((0..plan.rows).map(one).collect()))
    }

    fn serial(&self, table: usize, column: usize) -> bool {
        let described = &self.plan.tables[table].columns[column];
        described.unique
            && !described.kind.array
            && described.spec.kind != Kind::Constant
            && matches!(described.kind.name.as_str(), "int2" | "int4" | "int8" | "oid")
            && described.shape.hints.numbers.is_empty()
    }

    fn key(&self, table: usize, column: usize, row: u64) -> Option<String> {
        match self.keys.get(&(table, column))? {
            Keys::Serial => Some((row + 1).to_string()),
            Keys::Texts(all) => all.get(usize::try_from(row).ok()?)?.as_deref().map(str::to_owned),
        }
    }

    /// The rows that a key refers to, by what is set already when it chooses.
    fn grouped(&self, reference: &ReferencePlan) -> HashMap<Vec<String>, Vec<u64>> {
        let mut groups: HashMap<Vec<String>, Vec<u64>> = HashMap::new();
        for row in 0..self.plan.tables[reference.to].rows {
            let shared =
                reference.shared.iter().map(|(_, there)| self.key(reference.to, *there, row));
            if let Some(shared) = shared.collect::<Option<Vec<String>>>() {
                groups.entry(shared).or_default().push(row);
            }
        }
        groups
    }

    /// A row that no unique key refuses.
    pub(super) fn row(&mut self, table: usize, number: u64, first: u32) -> Result<Row, Problem> {
        let plan = &self.plan.tables[table];
        for attempt in first..ATTEMPTS_MAX {
            let Some(fields) = self.fields(table, number, attempt)? else { continue };
            let taken = keys_of(plan, &fields);
            if taken.iter().any(|key| self.taken.contains(key)) {
                continue;
            }
            self.taken.extend(taken.iter().copied());
            return Ok(Row { number, attempt, fields, taken });
        }
        let message = format!(
            "{} cannot have {} rows: behind {number} no further one was found that its unique and foreign keys allow",
            plan.label, plan.rows
        );
        Err(Problem::new(Exit::Usage, "synth-rows", message)
            .hint(format!("ask for fewer: --rows {}=N, or `rows = N` in its rules", plan.label)))
    }

    /// Gives back what a refused row had taken.
    pub(super) fn refuse(&mut self, row: &Row) {
        for key in &row.taken {
            self.taken.remove(key);
        }
    }

    /// Remembers the keys of rows that stand.
    pub(super) fn keep(&mut self, table: usize, rows: &[Row]) {
        let plan = &self.plan.tables[table];
        let keys = plan.columns.iter().enumerate().filter(|(_, c)| c.key);
        for (nth, _) in keys {
            if self.serial(table, nth) {
                self.keys.insert((table, nth), Keys::Serial);
                continue;
            }
            let made = rows.iter().map(|row| row.fields[nth].as_deref().map(Box::from));
            match self.keys.entry((table, nth)).or_insert_with(|| Keys::Texts(Vec::new())) {
                // Those that were made beforehand are there already.
                Keys::Texts(all) if all.len() as u64 == rows.first().map_or(0, |r| r.number) => {
                    all.extend(made);
                }
                _ => {}
            }
        }
    }

    fn fields(&self, table: usize, row: u64, attempt: u32) -> Result<Option<Fields>, Problem> {
        let plan = &self.plan.tables[table];
        let mut cells: Cells = vec![None; plan.columns.len()];
        for (nth, reference) in plan.references.iter().enumerate() {
            if !self.refer(table, nth, reference, (row, attempt), &mut cells) {
                return Ok(None);
            }
        }
        let person = Person::of(self.locale, plan.base, row);
        let mut moments = 0;
        for (nth, column) in plan.columns.iter().enumerate() {
            let timed = matches!(column.kind.name.as_str(), "date" | "timestamp" | "timestamptz");
            if cells[nth].is_some() {
                continue;
            }
            if self.keys.contains_key(&(table, nth)) {
                // Made beforehand, because something refers to it.
                if let Some(key) = self.key(table, nth, row) {
                    cells[nth] = Some(Some(key));
                    continue;
                }
            }
            let mut dice = Dice::at(column.base, row, attempt);
            let empty = column.spec.kind == Kind::Null || dice.happens(NULL_SHARE);
            if empty && !column.not_null {
                cells[nth] = Some(None);
                continue;
            }
            let place = Place { row, attempt, person: &person, locale: self.locale, moments };
            let made = value(column, &place, &mut dice);
            if made.is_none() && column.not_null {
                let message = format!(
                    "{}.{} is {}, of which devenv cannot make values up",
                    plan.label, column.name, column.shape.base
                );
                return Err(Problem::new(Exit::Usage, "synth-type", message).hint(
                    "give it one in devenv.data.toml: { mask = \"constant\", value = \"…\" }",
                ));
            }
            cells[nth] = Some(made);
            moments += u32::from(timed);
        }
        Ok(Some(cells.into_iter().map(Option::flatten).collect()))
    }

    /// Chooses the row that a foreign key refers to; false: none fits what is set already.
    fn refer(
        &self,
        table: usize,
        nth: usize,
        reference: &ReferencePlan,
        (row, attempt): (u64, u32),
        cells: &mut Cells,
    ) -> bool {
        let rows = self.plan.tables[reference.to].rows;
        let own = reference.to == table;
        let mut dice = Dice::at(reference.base, row, attempt);
        // Trees grow from a root.
        let none = rows == 0 || (own && row == 0) || dice.happens(NULL_REFERENCE_SHARE);
        let shared: Option<Vec<String>> =
            reference.shared.iter().map(|(from, _)| cells[*from].clone().flatten()).collect();
        let chosen = match shared {
            _ if none && reference.nullable => None,
            Some(shared) if !shared.is_empty() => {
                match self.groups.get(&(table, nth)).and_then(|g| g.get(&shared)) {
                    Some(group) => Some(group[place_in(group.len() as u64, &mut dice)]),
                    None if reference.nullable => None,
                    None => return false,
                }
            }
            _ if rows == 0 => return false,
            _ if reference.once => Some(scattered(row, rows, reference.base)),
            _ if own => Some(dice.below(row.max(1)).min(rows - 1)),
            _ => Some(scattered(place_in(rows, &mut dice) as u64, rows, reference.base)),
        };
        for (from, there) in &reference.columns {
            if cells[*from].is_none() {
                cells[*from] = Some(chosen.and_then(|to| self.key(reference.to, *there, to)));
            }
        }
        true
    }
}

/// A place among `n`, the first ones more often.
fn place_in(n: u64, dice: &mut Dice) -> usize {
    let last = i64::try_from(n).unwrap_or(i64::MAX) - 1;
    let (one, other) = (dice.amount(0, last), dice.between(0, last));
    // Half of all goes to few, the other half to all alike.
    usize::try_from(if dice.happens(0.5) { one } else { other }).unwrap_or(0)
}

/// Another place for each place, so that not the first rows are the popular ones.
fn scattered(place: u64, n: u64, seed: u64) -> u64 {
    let mut step = (seed % n.max(1)).max(1);
    while gcd(step, n) != 1 {
        step += 1;
    }
    let moved = (u128::from(place) * u128::from(step) + u128::from(seed % n)) % u128::from(n);
    u64::try_from(moved).unwrap_or(0)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// What a row takes of each unique key; letters are the same in both cases, as `lower(…)` has them.
fn keys_of(plan: &TablePlan, fields: &Fields) -> Vec<(usize, u64)> {
    let mut all = Vec::new();
    for (nth, key) in plan.uniques.iter().enumerate() {
        let mut hash = DefaultHasher::new();
        let mut whole = true;
        for column in key {
            match &fields[*column] {
                Some(text) => text.to_lowercase().hash(&mut hash),
                None => whole = false,
            }
        }
        if whole {
            all.push((nth, hash.finish()));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_scattered_to_another_one() {
        for n in [1u64, 2, 10, 97, 360] {
            let mut seen: Vec<u64> = (0..n).map(|place| scattered(place, n, 0x1234_5678)).collect();
            seen.sort_unstable();
            assert!(seen.iter().copied().eq(0..n), "{n}");
        }
    }
}
