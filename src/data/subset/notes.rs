//! What is noted of the rows of files: of each its keys, as hashes under a key of this run alone. They lie in
//! memory while they are few, and then in a file without a name that goes with the process.

use super::closure::{Each, Notes};
use crate::base::Problem;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use tempfile::SpooledTempFile;

/// Bytes that are kept in memory.
const MEMORY_BYTES: usize = 8 << 20;
/// Bytes that are written and read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Rows of a table that lie one behind the other.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    at: u64,
    rows: u64,
}

/// What is noted of one table.
struct OfTable {
    /// Keys of a row.
    width: usize,
    stretches: Vec<Stretch>,
}

/// Notes that are being taken, and read.
pub(super) struct Noted {
    file: BufWriter<SpooledTempFile>,
    end: u64,
    tables: Vec<OfTable>,
    /// Of which the last row was.
    last: Option<usize>,
}

fn wrong(error: &std::io::Error) -> Problem {
    Problem::failed("data-subset", format!("cannot note the keys of the rows: {error}"))
        .hint("is there room in the directory for temporary files (TMPDIR)?")
}

impl Noted {
    /// With so many keys of each row of each table.
    pub(super) fn new(widths: &[usize]) -> Noted {
        let table = |width: &usize| OfTable { width: *width, stretches: Vec::new() };
        let file = SpooledTempFile::new(MEMORY_BYTES);
        Noted {
            file: BufWriter::with_capacity(CHUNK_BYTES, file),
            end: 0,
            tables: widths.iter().map(table).collect(),
            last: None,
        }
    }

    /// Notes the next row of a table.
    pub(super) fn put(&mut self, table: usize, keys: &[u64]) -> Result<(), Problem> {
        let of_table = &mut self.tables[table];
        if self.last.replace(table) != Some(table) || of_table.stretches.is_empty() {
            of_table.stretches.push(Stretch { at: self.end, rows: 0 });
        }
        if let Some(stretch) = of_table.stretches.last_mut() {
            stretch.rows += 1;
        }
        for key in keys {
            self.file.write_all(&key.to_le_bytes()).map_err(|e| wrong(&e))?;
        }
        self.end += size_of_val(keys) as u64;
        Ok(())
    }
}

impl Notes for Noted {
    fn read(&mut self, table: usize, each: &mut Each<'_>) -> Result<(), Problem> {
        self.file.flush().map_err(|e| wrong(&e))?;
        let file = self.file.get_mut();
        let OfTable { width, stretches } = &self.tables[table];
        let row = width * size_of::<u64>();
        let at_a_time = (CHUNK_BYTES / row.max(1)).max(1);
        let (mut bytes, mut keys, mut number) = (Vec::new(), vec![0; *width], 0);
        for stretch in stretches {
            file.seek(SeekFrom::Start(stretch.at)).map_err(|e| wrong(&e))?;
            let mut left = stretch.rows;
            while left > 0 {
                let rows = left.min(at_a_time as u64);
                bytes.resize(row * usize::try_from(rows).unwrap_or(at_a_time), 0);
                file.read_exact(&mut bytes).map_err(|e| wrong(&e))?;
                let mut all = bytes.as_chunks().0.iter().map(|key| u64::from_le_bytes(*key));
                for _ in 0..rows {
                    keys.iter_mut().zip(&mut all).for_each(|(key, noted)| *key = noted);
                    each(number, &keys)?;
                    number += 1;
                }
                left -= rows;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_read_again_by_table() {
        let mut noted = Noted::new(&[2, 0, 1]);
        let many = 2 * MEMORY_BYTES as u64 / 16;
        for n in 0..many {
            noted.put(0, &[n, n + 1]).expect("noted");
        }
        for n in 0..3 {
            noted.put(1, &[]).expect("noted");
            noted.put(2, &[n]).expect("noted");
        }
        noted.put(0, &[7, 8]).expect("noted");
        for _ in 0..2 {
            let (mut count, mut last) = (0, (0, 0));
            let each = &mut |number, keys: &[u64]| {
                assert!(number == many || keys == [number, number + 1]);
                (count, last) = (count + 1, (number, keys[0]));
                Ok(())
            };
            noted.read(0, each).expect("read");
            assert_eq!((count, last), (many + 1, (many, 7)));
        }
        let mut seen = Vec::new();
        for table in [1, 2] {
            let each = &mut |number, keys: &[u64]| {
                seen.push((number, keys.to_vec()));
                Ok(())
            };
            noted.read(table, each).expect("read");
        }
        let expected: [(u64, Vec<u64>); 6] =
            [(0, vec![]), (1, vec![]), (2, vec![]), (0, vec![0]), (1, vec![1]), (2, vec![2])];
        assert_eq!(seen, expected);
    }
}
