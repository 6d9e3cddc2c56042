//! A part of what lies in files: they are read once to note the keys of their rows, and once more by the pull,
//! which lets the chosen rows through. Rows are known by their number in their table, in the order of reading.
//!
//! Conditions are judged by Postgres (`Judge`); what is kept between both readings are hashes and numbers.

use super::closure::{Begin, Numbers, Way, closed};
use super::keys::{Hashed, Hashes, Side, sides};
use super::notes::Noted;
use super::{ROWS_MAX, Wish, condition, conditions, hash, too_many};
use crate::base::Problem;
use crate::data::catalog::Table;
use crate::data::copy;
use crate::data::rules::Root;
use crate::data::source::{Answer, Files, Judge, Piece, Question, ROW_NUMBER};
use foldhash::fast::RandomState;
use std::collections::{BTreeSet, BinaryHeap};
use std::hash::BuildHasher;
use tokio_postgres::Row;

/// The rows that are pulled.
pub(crate) struct Chosen {
    rows: Vec<Numbers>,
    /// How many there are.
    seen: Vec<u64>,
    content: Content,
}

/// Tells whether the files gave the same twice.
#[derive(Clone, Default)]
struct Content {
    state: RandomState,
    hash: u64,
}

impl Content {
    fn add(&mut self, table: usize, rows: &[u8]) {
        self.hash = self.state.hash_one((self.hash, table, rows));
    }
}

/// What is asked of the rows of a table, as it is put together.
#[derive(Default)]
struct Asked {
    reads: BTreeSet<usize>,
    all: Vec<(String, Answer)>,
}

impl Asked {
    fn add(
        &mut self,
        sql: String,
        answer: Answer,
        reads: impl IntoIterator<Item = usize>,
    ) -> usize {
        self.reads.extend(reads);
        self.all.push((sql, answer));
        self.all.len() - 1
    }
}

/// A key, and which answers it needs.
struct Key {
    side: Side,
    when: Option<usize>,
    judged: Option<usize>,
}

impl Key {
    fn of(&self, hashes: &Hashes, fields: &[copy::Field<'_>], answers: Option<&Row>) -> u64 {
        let holds = |n: usize| answers.is_some_and(|row| row.get(n));
        match &self.side.hashed {
            _ if self.when.is_some_and(|n| !holds(n)) => hashes.judged(None),
            Hashed::Here(forms) => hashes.here(fields, &self.side.columns, forms),
            Hashed::Judged(_) => {
                hashes.judged(answers.zip(self.judged).and_then(|(row, n)| row.get(n)))
            }
        }
    }
}

/// Rows to begin with, as they are picked.
struct Picked {
    condition: Option<usize>,
    hash: Option<usize>,
    /// At the most, those with the least hashes.
    most: Option<u64>,
    least: BinaryHeap<(i64, u64)>,
    numbers: Numbers,
}

impl Picked {
    fn see(&mut self, number: u64, answers: Option<&Row>) -> Result<(), Problem> {
        let holds = |n: usize| answers.is_some_and(|row| row.get(n));
        if self.condition.is_some_and(|n| !holds(n)) {
            return Ok(());
        }
        let Some(most) = self.most else {
            self.numbers.add(number);
            return Ok(());
        };
        let hash = answers.zip(self.hash).and_then(|(row, n)| row.get::<_, Option<i64>>(n));
        self.least.push((hash.unwrap_or(i64::MAX), number));
        if self.least.len() as u64 > most {
            self.least.pop();
        }
        if self.least.len() > ROWS_MAX { Err(too_many()) } else { Ok(()) }
    }
}

/// What is done with the rows of a table.
#[derive(Default)]
struct OfTable {
    label: String,
    keys: Vec<Key>,
    picked: Vec<Picked>,
    begin: Begin,
    asked: Asked,
    question: Option<Question>,
}

impl OfTable {
    /// The place of a key among those that are noted.
    fn place(&mut self, side: Side) -> usize {
        let known = self.keys.iter().position(|key| key.side == side);
        known.unwrap_or_else(|| {
            self.keys.push(Key { side, when: None, judged: None });
            self.keys.len() - 1
        })
    }

    /// With which rows it begins.
    fn begun(mut self) -> Begin {
        for picked in self.picked {
            for (_, number) in picked.least {
                self.begin.roots.add(number);
            }
            self.begin.roots.extend(&picked.numbers);
        }
        self.begin
    }

    fn matters(&self) -> bool {
        !self.keys.is_empty() || !self.picked.is_empty() || self.begin.all || self.begin.whole
    }
}

/// What is to be known before the files are read.
struct Plan<'a> {
    wish: &'a Wish<'a>,
    /// `None`: nothing is asked.
    judge: Option<&'a Judge>,
    tables: Vec<OfTable>,
    ways: Vec<Way>,
}

impl<'a> Plan<'a> {
    async fn of(files: &'a Files, wish: &'a Wish<'a>) -> Result<Plan<'a>, Problem> {
        let of_table = |table: &Table| OfTable { label: table.label(), ..OfTable::default() };
        let tables = wish.catalog.tables.iter().map(of_table).collect();
        let mut plan = Plan { wish, judge: files.judge().ok(), tables, ways: Vec::new() };
        plan.edges()?;
        for (number, root) in &wish.roots {
            plan.root(*number, root).await?;
        }
        for number in &wish.whole {
            plan.tables[*number].begin.whole = true;
        }
        for number in 0..plan.tables.len() {
            plan.question(number).await?;
        }
        Ok(plan)
    }

    /// The keys of tables that a root can lead to.
    fn edges(&mut self) -> Result<(), Problem> {
        let wish = self.wish;
        let mut near: BTreeSet<usize> = wish.roots.iter().map(|(table, _)| *table).collect();
        near.extend(&wish.whole);
        let mut count = 0;
        while std::mem::replace(&mut count, near.len()) < near.len() {
            for edge in &wish.edges {
                if near.contains(&edge.from) || near.contains(&edge.to) {
                    near.extend([edge.from, edge.to]);
                }
            }
        }
        let mut seed = [0; 8];
        getrandom::fill(&mut seed)
            .map_err(|e| Problem::failed("random", format!("no random bytes: {e}")))?;
        for edge in wish.edges.iter().filter(|edge| near.contains(&edge.from)) {
            let sides = sides(&wish.catalog.tables, edge, i64::from_le_bytes(seed));
            let (from, to) = sides.map_err(|why| wish.wrong(edge.line, &why))?;
            let from = (edge.from, self.tables[edge.from].place(from));
            let to = (edge.to, self.tables[edge.to].place(to));
            self.ways.push(Way { from, to });
        }
        Ok(())
    }

    async fn root(&mut self, number: usize, root: &Root) -> Result<(), Problem> {
        let table = &self.wish.catalog.tables[number];
        if !root.says_sql() {
            self.tables[number].begin.all = true;
            return Ok(());
        }
        let mut reads = match &root.filter {
            Some(sql) => self.reads(table, sql, root.line).await?,
            None => BTreeSet::new(),
        };
        if root.percent.is_some() || root.rows.is_some() {
            for name in &table.primary {
                let found = table.pulled().position(|c| c.name == *name);
                let why = format!("the server computes `{name}`, by which rows are picked");
                reads.insert(found.ok_or_else(|| self.wish.wrong(root.line, &why))?);
            }
        }
        let hash = hash(table, ROW_NUMBER);
        let conditions = conditions(root, &hash);
        let asked = &mut self.tables[number].asked;
        let condition = (!conditions.is_empty())
            .then(|| asked.add(conditions.join(" AND "), Answer::Truth, reads.iter().copied()));
        let hash = root.rows.map(|_| asked.add(hash, Answer::Number, reads));
        let (least, numbers) = (BinaryHeap::new(), Numbers::default());
        let picked = Picked { condition, hash, most: root.rows, least, numbers };
        self.tables[number].picked.push(picked);
        Ok(())
    }

    /// The columns that a condition of the rules reads, if it can be judged.
    async fn reads(
        &self,
        table: &Table,
        sql: &str,
        line: usize,
    ) -> Result<BTreeSet<usize>, Problem> {
        let reads = self.judge()?.reads(table, &format!("{} IS TRUE", condition(sql))).await;
        let wrong = |why| {
            let message =
                format!("a condition on {} cannot be judged over files: {why}", table.label());
            self.wish.wrong(line, &message)
        };
        reads.map_err(wrong)
    }

    fn judge(&self) -> Result<&'a Judge, Problem> {
        let nobody = || Problem::failed("data-subset", "nobody can judge the rows of the files");
        self.judge.ok_or_else(nobody)
    }

    /// Puts together what is asked of the rows of a table.
    async fn question(&mut self, number: usize) -> Result<(), Problem> {
        let table = &self.wish.catalog.tables[number];
        for nth in 0..self.tables[number].keys.len() {
            let side = self.tables[number].keys[nth].side.clone();
            if let Some((line, sql)) = &side.when {
                let reads = self.reads(table, sql, *line).await?;
                let of_table = &mut self.tables[number];
                let when = of_table.asked.add(condition(sql), Answer::Truth, reads);
                of_table.keys[nth].when = Some(when);
            }
            if let Hashed::Judged(sql) = side.hashed {
                let of_table = &mut self.tables[number];
                let judged = of_table.asked.add(sql, Answer::Number, side.columns);
                of_table.keys[nth].judged = Some(judged);
            }
        }
        let Asked { reads, all } = std::mem::take(&mut self.tables[number].asked);
        if !all.is_empty() {
            let question = self.judge()?.question(table, reads, &all).await;
            let wrong = |why| {
                let message = format!("rows of {} cannot be judged: {why}", table.label());
                self.wish.wrong(self.wish.wanted.line, &message)
            };
            self.tables[number].question = Some(question.map_err(wrong)?);
        }
        Ok(())
    }
}

impl Chosen {
    /// Finds the rows that the rules ask for.
    pub(super) async fn find(files: &Files, wish: &Wish<'_>) -> Result<Chosen, Problem> {
        let Plan { judge, mut tables, ways, .. } = Plan::of(files, wish).await?;
        let widths: Vec<usize> = tables.iter().map(|table| table.keys.len()).collect();
        let (hashes, mut noted) = (Hashes::new(), Noted::new(&widths));
        let (mut seen, mut content) = (vec![0; tables.len()], Content::default());
        let mut keys = Vec::new();
        let sink = async |piece: Piece| {
            let Piece::Rows(number, rows) = piece else { return Ok(()) };
            content.add(number, &rows);
            let of_table = &mut tables[number];
            let answers = match judge.zip(of_table.question.as_ref()) {
                Some((judge, question)) => {
                    let rows = (seen[number], rows.as_slice());
                    judge.answers(question, &of_table.label, rows).await?
                }
                None => Vec::new(),
            };
            let mut fields = Vec::new();
            for (nth, line) in copy::lines(&rows).enumerate() {
                let row = seen[number];
                seen[number] += 1;
                if !of_table.matters() {
                    continue;
                }
                copy::split(line, &mut fields);
                keys.clear();
                let answers = answers.get(nth);
                keys.extend(of_table.keys.iter().map(|key| key.of(&hashes, &fields, answers)));
                noted.put(number, &keys)?;
                of_table.picked.iter_mut().try_for_each(|picked| picked.see(row, answers))?;
            }
            Ok(())
        };
        files.read(sink).await?;
        let begin = tables.into_iter().map(OfTable::begun).collect();
        let rows = closed(&mut noted, &widths, &ways, (begin, wish.wanted.children))?;
        Ok(Chosen { rows, seen, content })
    }

    /// Leaves a table without rows.
    pub(super) fn clear(&mut self, table: usize) {
        self.rows[table] = Numbers::default();
    }

    /// How many rows of a table.
    pub(crate) fn count(&self, table: usize) -> u64 {
        self.rows[table].count()
    }

    /// How many rows of a table there are.
    pub(crate) fn there(&self, table: usize) -> u64 {
        self.seen[table]
    }

    /// Lets them through when the files are read once more.
    pub(crate) fn sieve(&self) -> Sieve<'_> {
        let content = Content { hash: 0, ..self.content.clone() };
        Sieve { chosen: self, seen: vec![0; self.seen.len()], content }
    }
}

/// Lets the chosen rows through.
pub(crate) struct Sieve<'a> {
    chosen: &'a Chosen,
    seen: Vec<u64>,
    content: Content,
}

impl Sieve<'_> {
    /// Appends those of some rows of a table that are chosen.
    pub(crate) fn rows(&mut self, table: usize, rows: &[u8], out: &mut Vec<u8>) {
        self.content.add(table, rows);
        let (seen, chosen) = (&mut self.seen[table], &self.chosen.rows[table]);
        for line in copy::lines(rows) {
            if chosen.has(*seen) {
                out.extend_from_slice(line);
                out.push(b'\n');
            }
            *seen += 1;
        }
    }

    /// All rows went by: they must be those among which was chosen.
    pub(crate) fn end(self) -> Result<(), Problem> {
        let same = self.seen == self.chosen.seen && self.content.hash == self.chosen.content.hash;
        if same {
            return Ok(());
        }
        let message =
            "the source changed while it was read: its rows were read twice for the subset";
        Err(Problem::failed("data-source", message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_rows_go_through_if_the_files_are_the_same() {
        let mut content = Content::default();
        content.add(0, b"a\nb\nc\n");
        content.add(1, b"x\n");
        let mut rows = vec![Numbers::default(); 2];
        rows[0].add(0);
        rows[0].add(2);
        let chosen = Chosen { rows, seen: vec![3, 1], content };
        for (last, same) in [(&b"x\n"[..], true), (b"y\n", false), (b"", false), (b"x\ny\n", false)]
        {
            let (mut sieve, mut out) = (chosen.sieve(), Vec::new());
            sieve.rows(0, b"a\nb\nc\n", &mut out);
            sieve.rows(1, last, &mut out);
            assert_eq!((out.as_slice(), sieve.end().is_ok()), (&b"a\nc\n"[..], same));
        }
    }
}
