//! The plain text that `pg_dump` writes and `pg_restore` gives back, read line by line: statements by the
//! kind of thing that they make, and rows as they stand between `COPY … FROM stdin;` and `\.`.
//!
//! Invariant: rows are seen as rows only where the dump's own heading says that rows follow, so that the text
//! of a function is never taken for data; and rows written as INSERT are refused.

use std::io::BufRead;

/// A line of a dump at the most: a row with a large document in it.
const LINE_BYTES_MAX: usize = 1 << 30;

/// What was read.
pub(super) enum Event<'a> {
    /// A line of a statement of an item of this type (`TABLE`, `CONSTRAINT`).
    Line { item: &'a str, line: &'a str },
    /// Rows of a table follow, with these columns.
    Copy { table: String, columns: Vec<String> },
    /// A row, with the end of its line.
    Row(&'a [u8]),
    /// How far a sequence has come.
    Sequence { name: String, value: i64 },
}

/// Why a dump cannot be read.
pub(super) type Wrong = String;

/// Reads a dump to its end.
pub(super) fn read(
    mut input: impl BufRead,
    sink: &mut dyn FnMut(Event<'_>) -> Result<(), Wrong>,
) -> Result<(), Wrong> {
    let (mut line, mut item, mut rows) = (Vec::new(), String::new(), false);
    let mut known = false;
    loop {
        line.clear();
        let got =
            std::io::Read::take(&mut input, LINE_BYTES_MAX as u64).read_until(b'\n', &mut line);
        if got.map_err(|e| format!("it cannot be read: {e}"))? == 0 {
            break;
        }
        if rows {
            if line.starts_with(b"\\.") && line.trim_ascii_end() == b"\\." {
                rows = false;
            } else if line.ends_with(b"\n") {
                sink(Event::Row(&line))?;
            } else {
                return Err("it ends in the middle of a row".into());
            }
            continue;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        known |= text == "-- PostgreSQL database dump";
        if let Some(heading) = heading(text) {
            heading.clone_into(&mut item);
            continue;
        }
        match item.as_str() {
            "TABLE DATA" if text.starts_with("COPY ") => {
                let (table, columns) = copied(text).ok_or("a COPY of it cannot be read")?;
                sink(Event::Copy { table, columns })?;
                rows = true;
            }
            "TABLE DATA" if text.starts_with("INSERT INTO ") => {
                return Err("it holds rows as INSERT; make it without --inserts".into());
            }
            "SEQUENCE SET" => {
                if let Some((name, value)) = sequence(text) {
                    sink(Event::Sequence { name, value })?;
                }
            }
            _ => sink(Event::Line { item: &item, line: text })?,
        }
    }
    match (rows, known) {
        (true, _) => Err("it ends in the middle of a table".into()),
        (_, false) => Err("it is no dump that pg_dump made".into()),
        _ => Ok(()),
    }
}

/// The type of the item that a comment of `pg_dump` announces.
fn heading(line: &str) -> Option<&str> {
    let rest =
        line.strip_prefix("-- Name: ").or_else(|| line.strip_prefix("-- Data for Name: "))?;
    let kind = rest.rsplit_once("; Type: ")?.1;
    Some(kind.split(';').next().unwrap_or(kind))
}

/// `COPY public."two words" (id, "select") FROM stdin;`: table and columns.
fn copied(line: &str) -> Option<(String, Vec<String>)> {
    let rest = line.strip_prefix("COPY ")?;
    let (schema, rest) = name(rest)?;
    let (table, rest) = name(rest.strip_prefix('.')?)?;
    let mut columns = Vec::new();
    let mut rest = rest.trim_start();
    if let Some(list) = rest.strip_prefix('(') {
        rest = list;
        while !rest.starts_with(')') {
            let (column, behind) = name(rest.trim_start_matches([',', ' ']))?;
            columns.push(column);
            rest = behind;
        }
    }
    Some((format!("{schema}.{table}"), columns))
}

/// A name at the beginning of `text`, quoted or not, and what follows it.
fn name(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))?;
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match (c, chars.peek()) {
            ('"', Some((_, '"'))) => {
                chars.next();
                name.push('"');
            }
            ('"', _) => return Some((name, &quoted[at + 1..])),
            (c, _) => name.push(c),
        }
    }
    None
}

/// `SELECT pg_catalog.setval('public.order_id_seq', 987654, true);`
fn sequence(line: &str) -> Option<(String, i64)> {
    let rest = line.strip_prefix("SELECT pg_catalog.setval('")?;
    let (name, rest) = rest.split_once("', ")?;
    let value = rest.split(',').next()?.trim().parse().ok()?;
    Some((name.replace('"', ""), value))
}

/// Items that make no part of a schema: rows, comments (people write names into them), and what belongs to
/// one server only.
const LEFT_OUT: &[&str] = &[
    "TABLE DATA",
    "SEQUENCE SET",
    "MATERIALIZED VIEW DATA",
    "STATISTICS DATA",
    "BLOB",
    "BLOBS",
    "BLOB METADATA",
    "BLOB COMMENTS",
    "COMMENT",
    "ACL",
    "DEFAULT ACL",
    "DATABASE",
    "DATABASE PROPERTIES",
    "SECURITY LABEL",
    "PUBLICATION",
    "PUBLICATION TABLE",
    "PUBLICATION TABLES IN SCHEMA",
    "SUBSCRIPTION",
    "SUBSCRIPTION TABLE",
    "USER MAPPING",
    "",
];

/// Whether a line makes part of the schema.
pub(super) fn of_schema(item: &str, line: &str) -> bool {
    let owner = line.starts_with("ALTER ") && line.contains(" OWNER TO ") && line.ends_with(';');
    !LEFT_OUT.contains(&item) && !owner && !line.starts_with("--") && !line.starts_with("\\connect")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Result<Vec<String>, Wrong> {
        let mut seen = Vec::new();
        read(text.as_bytes(), &mut |event| {
            seen.push(match event {
                Event::Line { item, line } if of_schema(item, line) => format!("{item}|{line}"),
                Event::Line { .. } => return Ok(()),
                Event::Copy { table, columns } => format!("copy {table} {columns:?}"),
                Event::Row(row) => format!("row {:?}", String::from_utf8_lossy(row)),
                Event::Sequence { name, value } => format!("{name}={value}"),
            });
            Ok(())
        })?;
        Ok(seen)
    }

    const HEAD: &str = "--\n-- PostgreSQL database dump\n--\nSET a = b;\n";

    #[test]
    fn rows_and_statements_are_told_apart() {
        let text = format!(
            "{HEAD}-- Name: f(); Type: FUNCTION; Schema: public; Owner: -\nCOPY x (a) FROM stdin;\nALTER FUNCTION f() OWNER TO me;\n\
             -- Name: TABLE t; Type: COMMENT; Schema: public; Owner: -\nCOMMENT ON TABLE t IS 'anna';\n\
             -- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: -\nCOPY public.\"two \"\"w\" (id, \"select\") FROM stdin;\n1\t\\\\.\n\\.\n\n\
             -- Name: s; Type: SEQUENCE SET; Schema: public; Owner: -\nSELECT pg_catalog.setval('public.s', 42, true);\n"
        );
        let expected = [
            "FUNCTION|COPY x (a) FROM stdin;",
            "copy public.two \"w [\"id\", \"select\"]",
            "row \"1\\t\\\\\\\\.\\n\"",
            "public.s=42",
        ];
        assert_eq!(seen(&text).expect("read"), expected);
    }

    #[test]
    fn what_cannot_be_read_whole_is_refused() {
        let data = "-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: -\n";
        for (text, why) in [
            ("create table t ()\n".to_owned(), "no dump"),
            (format!("{HEAD}{data}INSERT INTO t VALUES (1);\n"), "--inserts"),
            (format!("{HEAD}{data}COPY public.t (a) FROM stdin;\n1\n"), "middle of a table"),
            (format!("{HEAD}{data}COPY public.t (a) FROM stdin;\n1"), "middle of a row"),
        ] {
            let problem = seen(&text).expect_err(why);
            assert!(problem.contains(why), "{problem}");
        }
    }
}
