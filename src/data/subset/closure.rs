//! Which rows of files belong to a part of them: the same as `walk` finds in a database, found in what was
//! noted of the rows' keys. Pure but for the reading of the notes.
//!
//! Each round reads the notes of a table once, for all keys that were newly wanted of it. A key is wanted once:
//! so the rounds end, and what is found hangs on no order but that of the rows.

use super::{ROWS_MAX, too_many};
use crate::base::Problem;
use foldhash::fast::FixedState;
use std::collections::{HashMap, HashSet};

/// Stands for a key that a row does not have: one of its columns is null.
pub(super) const NO_KEY: u64 = 0;

/// Hashes as keys; they are random already, by a key of this run.
type Keys = HashSet<u64, FixedState>;

/// Numbers of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    words: Vec<u64>,
    count: u64,
}

impl Numbers {
    /// Adds one; whether it was not there.
    pub(super) fn add(&mut self, number: u64) -> bool {
        let (word, bit) = (usize::try_from(number / 64).unwrap_or(usize::MAX), 1 << (number % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.count += u64::from(new);
        new
    }

    pub(super) fn has(&self, number: u64) -> bool {
        let word = usize::try_from(number / 64).ok().and_then(|word| self.words.get(word));
        word.is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    /// Adds all of others.
    pub(super) fn extend(&mut self, others: &Numbers) {
        let all = (0..others.words.len() as u64 * 64).filter(|number| others.has(*number));
        all.for_each(|number| _ = self.add(number));
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

/// Along which rows are followed: places of keys in what is noted of the rows of two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) from: (usize, usize),
    pub(super) to: (usize, usize),
}

/// With which rows of a table it begins.
#[derive(Debug, Clone, Default)]
pub(super) struct Begin {
    /// Everything, and what refers to it.
    pub(super) all: bool,
    /// Everything, and nothing more.
    pub(super) whole: bool,
    /// Some, and what refers to them.
    pub(super) roots: Numbers,
}

/// Takes the number and the keys of a row.
pub(super) type Each<'a> = dyn FnMut(u64, &[u64]) -> Result<(), Problem> + 'a;

/// What is noted of rows.
pub(super) trait Notes {
    /// The keys of all rows of a table, in the order of reading.
    fn read(&mut self, table: usize, each: &mut Each<'_>) -> Result<(), Problem>;
}

/// Keys that are wanted, and those of them that were not looked for yet.
#[derive(Default)]
struct Wanted {
    known: Keys,
    new: Vec<u64>,
}

impl Wanted {
    fn want(&mut self, key: u64) {
        if key != NO_KEY && self.known.insert(key) {
            self.new.push(key);
        }
    }
}

/// The rows of a table that were reached, and those of them whose referrers come along.
#[derive(Default, Clone)]
struct Reached {
    rows: Numbers,
    down: Numbers,
}

struct Closure<'a> {
    ways: &'a [Way],
    children: u64,
    reached: Vec<Reached>,
    count: usize,
    /// Keys of rows that others refer to, by table and place.
    up: Vec<Vec<Wanted>>,
    /// Keys of rows whose referrers are wanted, by way.
    down: Vec<Wanted>,
}

/// The rows of each table; `places` is how many keys are noted of each row of a table.
pub(super) fn closed(
    notes: &mut impl Notes,
    places: &[usize],
    ways: &[Way],
    (begin, children): (Vec<Begin>, u64),
) -> Result<Vec<Numbers>, Problem> {
    let wanted = |places: &usize| (0..*places).map(|_| Wanted::default()).collect();
    let mut closure = Closure {
        ways,
        children,
        reached: vec![Reached::default(); places.len()],
        count: 0,
        up: places.iter().map(wanted).collect(),
        down: ways.iter().map(|_| Wanted::default()).collect(),
    };
    for (table, begin) in begin.iter().enumerate() {
        if begin.all || begin.whole || begin.roots.count() > 0 {
            closure.round(notes, table, begin)?;
        }
    }
    let (nothing, mut moved) = (Begin::default(), true);
    while std::mem::take(&mut moved) {
        for table in 0..places.len() {
            if closure.wanted(table) {
                closure.round(notes, table, &nothing)?;
                moved = true;
            }
        }
    }
    Ok(closure.reached.into_iter().map(|reached| reached.rows).collect())
}

impl Closure<'_> {
    fn wanted(&self, table: usize) -> bool {
        let up = self.up[table].iter().any(|wanted| !wanted.new.is_empty());
        let ways = self.ways.iter().zip(&self.down);
        up || ways.into_iter().any(|(way, down)| way.from.0 == table && !down.new.is_empty())
    }

    /// Reads the notes of a table once.
    fn round(
        &mut self,
        notes: &mut impl Notes,
        table: usize,
        begin: &Begin,
    ) -> Result<(), Problem> {
        let up = self.up[table].iter_mut().map(|wanted| std::mem::take(&mut wanted.new));
        let up: Vec<Keys> = up.map(|new| new.into_iter().collect()).collect();
        let mut down: Vec<(usize, HashMap<u64, u64, FixedState>)> = Vec::new();
        for (way, wanted) in self.ways.iter().zip(&mut self.down) {
            if way.from.0 == table && !wanted.new.is_empty() {
                let new = std::mem::take(&mut wanted.new);
                down.push((way.from.1, new.into_iter().map(|key| (key, 0)).collect()));
            }
        }
        let children = self.children;
        notes.read(table, &mut |number, keys| {
            let mut below = begin.all || begin.roots.has(number);
            for (place, wanted) in &mut down {
                if let Some(count) = wanted.get_mut(&keys[*place]).filter(|n| **n < children) {
                    *count += 1;
                    below = true;
                }
            }
            let above = || keys.iter().zip(&up).any(|(key, wanted)| wanted.contains(key));
            match below || begin.whole || above() {
                true => self.reach(table, number, keys, below),
                false => Ok(()),
            }
        })
    }

    fn reach(
        &mut self,
        table: usize,
        number: u64,
        keys: &[u64],
        down: bool,
    ) -> Result<(), Problem> {
        let reached = &mut self.reached[table];
        if reached.rows.add(number) {
            self.count += 1;
            if self.count > ROWS_MAX {
                return Err(too_many());
            }
            for way in self.ways.iter().filter(|way| way.from.0 == table) {
                self.up[way.to.0][way.to.1].want(keys[way.from.1]);
            }
        }
        if down && reached.down.add(number) && self.children > 0 {
            let ways = self.ways.iter().zip(&mut self.down);
            for (way, wanted) in ways.filter(|(way, _)| way.to.0 == table) {
                wanted.want(keys[way.to.1]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use std::collections::BTreeSet;

    /// Tables of rows of keys.
    type Tables = Vec<Vec<Vec<u64>>>;

    impl Notes for Tables {
        fn read(&mut self, table: usize, each: &mut Each<'_>) -> Result<(), Problem> {
            (0..).zip(&self[table]).try_for_each(|(number, keys)| each(number, keys))
        }
    }

    /// Row by row, as the documentation has it.
    fn naive(
        tables: &Tables,
        ways: &[Way],
        begin: &[Begin],
        children: usize,
    ) -> Vec<BTreeSet<u64>> {
        let mut waiting = Vec::new();
        for (table, rows) in tables.iter().enumerate() {
            for number in 0..rows.len() as u64 {
                let begin = &begin[table];
                if begin.all || begin.roots.has(number) {
                    waiting.push((table, number, true));
                } else if begin.whole {
                    waiting.push((table, number, false));
                }
            }
        }
        let mut seen = BTreeSet::new();
        while let Some((table, number, down)) = waiting.pop() {
            if !seen.insert((table, number, down)) {
                continue;
            }
            let keys = &tables[table][usize::try_from(number).expect("few")];
            for way in ways {
                let alike = |other: usize, place: usize, key: u64| {
                    let rows = (0u64..).zip(&tables[other]);
                    rows.filter(move |(_, keys)| key != NO_KEY && keys[place] == key)
                        .map(|(n, _)| n)
                };
                if way.from.0 == table {
                    let rows = alike(way.to.0, way.to.1, keys[way.from.1]);
                    waiting.extend(rows.map(|n| (way.to.0, n, false)));
                }
                if down && way.to.0 == table {
                    let rows = alike(way.from.0, way.from.1, keys[way.to.1]).take(children);
                    waiting.extend(rows.map(|n| (way.from.0, n, true)));
                }
            }
        }
        let of =
            |table| seen.iter().filter(move |(t, ..)| *t == table).map(|(_, n, _)| *n).collect();
        (0..tables.len()).map(of).collect()
    }

    proptest::proptest! {
        #[test]
        fn it_is_what_row_by_row_gives(
            tables in vec(vec(vec(0u64..7, 2), 0..12), 3),
            ways in vec((0usize..3, 0usize..2, 0usize..3, 0usize..2), 0..6),
            roots in vec(vec(0u64..12, 0..3), 3),
            (all, whole) in (0usize..6, 0usize..6),
            children in 0usize..4,
        ) {
            let ways: Vec<Way> =
                ways.into_iter().map(|(a, b, c, d)| Way { from: (a, b), to: (c, d) }).collect();
            let begin: Vec<Begin> = roots.iter().enumerate().map(|(table, some)| {
                let mut roots = Numbers::default();
                some.iter().for_each(|number| _ = roots.add(*number));
                Begin { all: all == table, whole: whole == table, roots }
            }).collect();
            let expected = naive(&tables, &ways, &begin, children);
            let found = closed(&mut tables.clone(), &[2; 3], &ways, (begin, children as u64));
            let found: Vec<BTreeSet<u64>> = found.expect("no problem").iter()
                .map(|numbers| (0..12).filter(|n| numbers.has(*n)).collect()).collect();
            proptest::prop_assert_eq!(found, expected);
        }
    }
}
