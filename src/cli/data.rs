//! `devenv data`: production-shaped data without one real person in it.

use super::choose;
use super::env::variables;
use super::exec;
use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use super::progress::Shown;
use super::seed::runtime;
use crate::base::{Exit, Problem};
use crate::control::Home;
use crate::data;
use crate::runtime::Dirs;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Pull data that was anonymised on its way, and prove it
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  devenv data plan --source postgres://readonly@db.internal/app\n  devenv data pull --source postgres://readonly@db.internal/app --out app.devseed\n  devenv seed app.devseed"
)]
pub(super) struct Data {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Write devenv.data.toml: a rule for every column
    #[command(
        after_help = "Example:\n  devenv data plan --source postgres://readonly@db.internal/app"
    )]
    Plan {
        /// `postgres://user:password@host:port/database`, a dump of pg_dump, or CSV files
        #[arg(long, value_name = "URL|DUMP")]
        source: String,
        /// Where the rules are
        #[arg(long, value_name = "FILE", default_value = data::RULES_FILE)]
        out: PathBuf,
        /// Only compare the rules with the source; exit 2 when a column has none
        #[arg(long)]
        check: bool,
        /// Where made-up names sound as if they came from: en, de, fr, es
        #[arg(long, default_value = "en")]
        locale: String,
    },
    /// Read a source in one snapshot, mask every row in the stream, write an archive
    #[command(
        after_help = "Example:\n  devenv data pull --source postgres://readonly@db.internal/app --out app.devseed"
    )]
    Pull {
        /// `postgres://user:password@host:port/database`, a dump of pg_dump, or CSV files
        #[arg(long, value_name = "URL|DUMP")]
        source: String,
        /// The archive
        #[arg(long, value_name = "FILE.devseed", required_unless_present = "estimate")]
        out: Option<PathBuf>,
        /// The rules
        #[arg(long, value_name = "FILE", default_value = data::RULES_FILE)]
        rules: PathBuf,
        /// Only tell how many rows of each table it would be
        #[arg(long)]
        estimate: bool,
        /// Go on with a pull that broke off; what it brought stays as far as the source is unchanged
        #[arg(long, conflicts_with = "estimate")]
        resume: bool,
    },
    /// How like its source an archive is: nulls, lengths, different values, skew
    #[command(
        after_help = "Example:\n  devenv data fidelity app.devseed --source postgres://readonly@db.internal/app"
    )]
    Fidelity {
        /// The archive
        #[arg(value_name = "FILE.devseed")]
        archive: PathBuf,
        /// `postgres://user:password@host:port/database`, a dump of pg_dump, or CSV files
        #[arg(long, value_name = "URL|DUMP")]
        source: String,
    },
    /// Mask the files of a folder: objects, messages, mails, fixtures
    #[command(after_help = "Example:\n  devenv data mask raw/uploads --out seed/uploads")]
    Mask {
        /// The folder
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// The folder that is made
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
        /// The rules, with [files]
        #[arg(long, value_name = "FILE", default_value = data::RULES_FILE)]
        rules: PathBuf,
    },
    /// Make rows up from a schema and rules, into an archive
    #[command(
        after_help = "Examples:\n  devenv data synth --rows 1000 --out app.devseed              # for the running environment's own schema\n  devenv data synth --source schema.sql --rows 100 --rows users=5000 --seed 7 --out app.devseed"
    )]
    Synth {
        /// A database's address, or a file of SQL that makes the schema; the environment's own database
        /// if absent
        #[arg(long, value_name = "URL|FILE.sql")]
        source: Option<String>,
        /// The archive
        #[arg(long, value_name = "FILE.devseed")]
        out: PathBuf,
        /// The rules, if there are any
        #[arg(long, value_name = "FILE", default_value = data::RULES_FILE)]
        rules: PathBuf,
        /// Rows of each table, or of one (table=N); 100 if nothing is said
        #[arg(long, value_name = "N|TABLE=N")]
        rows: Vec<String>,
        /// The same seed makes the same rows
        #[arg(long, value_name = "TEXT", default_value = "1")]
        seed: String,
    },
    /// What is known of a column: its rule, the evidence, its keys, what goes its way
    #[command(
        after_help = "Example:\n  devenv data why users.email --source postgres://readonly@db.internal/app"
    )]
    Why {
        /// table.column, or schema.table.column
        #[arg(value_name = "COLUMN")]
        column: String,
        /// `postgres://user:password@host:port/database`, a dump of pg_dump, or CSV files
        #[arg(long, value_name = "URL|DUMP")]
        source: String,
        /// The rules
        #[arg(long, value_name = "FILE", default_value = data::RULES_FILE)]
        rules: PathBuf,
    },
    /// Some rows of a table as they will be
    #[command(
        after_help = "Example:\n  devenv data preview users --source postgres://readonly@db.internal/app"
    )]
    Preview {
        /// table, or schema.table
        #[arg(value_name = "TABLE")]
        table: String,
        /// `postgres://user:password@host:port/database`, a dump of pg_dump, or CSV files
        #[arg(long, value_name = "URL|DUMP")]
        source: String,
        /// The rules
        #[arg(long, value_name = "FILE", default_value = data::RULES_FILE)]
        rules: PathBuf,
        /// How many rows
        #[arg(long, value_name = "N", default_value_t = 5)]
        rows: u64,
        /// Show the source's own values beside them
        #[arg(long)]
        unsafe_show: bool,
    },
    /// Look for the source's values in an archive and, with --loaded, in the environment's database; or in a
    /// folder that `data mask` made
    #[command(
        after_help = "Examples:\n  devenv data verify app.devseed --loaded\n  devenv data verify seed/files"
    )]
    Verify {
        /// The archive, or the folder
        #[arg(value_name = "FILE.devseed|FOLDER")]
        archive: PathBuf,
        /// Also the running environment's default database, with statistics and data files
        #[arg(long)]
        loaded: bool,
        /// Where the signed certificate goes
        #[arg(long, value_name = "FILE.json")]
        certificate: Option<PathBuf>,
    },
}

impl Data {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        match self.what {
            What::Plan { source, out, check: true, .. } => check(&source, &out, printer)?,
            What::Plan { source, out, locale, .. } => plan(&source, &out, &locale, printer)?,
            What::Pull { source, rules, estimate: true, .. } => {
                estimate(&source, &rules, printer)?;
            }
            What::Pull { source, out, rules, resume, .. } => {
                pull(&source, &rules, (&out.unwrap_or_default(), resume), printer)?;
            }
            What::Fidelity { archive, source } => {
                let shown = Shown::new(printer);
                let from: (&str, data::Lend<'_>) = (&source, &server);
                fidelity(&runtime()?.block_on(data::fidelity(from, &archive, &shown))?, printer);
            }
            What::Mask { folder, out, rules } => {
                masked(&data::mask_folder(&rules, &key()?, &folder, &out)?, &out, printer);
            }
            What::Synth { source, out, rules, rows, seed } => {
                let server = server()?;
                let shown = Shown::new(printer);
                let at = (&server, out.as_path());
                let made = data::synth(source.as_deref(), &rules, &rows, &seed, at, &shown);
                synthesised(&runtime()?.block_on(made)?, &out, printer);
            }
            What::Why { column, source, rules } => why(&source, &rules, &column, printer)?,
            What::Preview { table, source, rules, rows, unsafe_show } => {
                let key = key()?;
                let wanted = (table.as_str(), rows);
                let shown = Shown::new(printer);
                let from: (&str, data::Lend<'_>) = (&source, &server);
                let done = data::preview(from, &rules, &key, wanted, unsafe_show, &shown);
                preview(&runtime()?.block_on(done)?, printer);
            }
            What::Verify { archive, loaded, certificate } => {
                verify(&archive, loaded, certificate.as_deref(), printer)?;
            }
        }
        Ok(Outcome::Done)
    }
}

fn check(source: &str, file: &Path, printer: &Printer) -> Result<(), Problem> {
    let columns = {
        let shown = Shown::new(printer);
        runtime()?.block_on(data::check((source, &server), file, &shown))?
    };
    match printer.json {
        true => printer.object(&json!({"schema": SCHEMA, "columns": columns, "missing": []})),
        false => printer.out(format!("all {columns} columns have a rule that fits")),
    }
    Ok(())
}

fn plan(source: &str, file: &Path, locale: &str, printer: &Printer) -> Result<(), Problem> {
    if !["en", "de", "fr", "es"].contains(&locale) {
        let message = format!("there are no names for the locale `{locale}`");
        return Err(Problem::new(Exit::Usage, "usage", message).hint("en, de, fr, es"));
    }
    let shown = Shown::new(printer);
    let planned = runtime()?.block_on(data::plan((source, &server), file, locale, &shown))?;
    std::fs::write(file, &planned.text).map_err(|e| {
        Problem::failed("cannot-write", format!("cannot write {}: {e}", file.display()))
    })?;
    let (tables, columns, masked) = (planned.tables, planned.columns, planned.masked);
    match printer.json {
        true => printer.object(&json!({
            "schema": SCHEMA, "file": file, "tables": tables, "columns": columns, "masked": masked,
        })),
        false => printer.out(format!(
            "{}: {columns} columns of {tables} tables, {masked} of them masked; look it over and commit it",
            file.display()
        )),
    }
    Ok(())
}

fn pull(
    source: &str,
    rules: &Path,
    (out, resume): (&Path, bool),
    printer: &Printer,
) -> Result<(), Problem> {
    let key = key()?;
    let shown = Shown::new(printer);
    let from: (&str, data::Lend<'_>) = (source, &server);
    let pulled = data::pull_into(from, rules, &key, (out, resume), &shown);
    let pulled = runtime()?.block_on(pulled)?;
    match printer.json {
        true => printer.object(&json!({
            "schema": SCHEMA, "archive": out, "tables": pulled.tables, "rows": pulled.rows,
            "bytes": pulled.bytes, "fingerprints": pulled.fingerprints, "resumed": pulled.resumed,
        })),
        false => {
            let there = match pulled.resumed {
                0 => String::new(),
                rows => format!(" ({rows} of them were there)"),
            };
            printer.out(format!(
                "{}: {} rows{there} of {} tables, masked; `devenv data verify` proves it, `devenv seed` loads it",
                out.display(),
                pulled.rows,
                pulled.tables
            ));
        }
    }
    Ok(())
}

fn fidelity(columns: &[data::Fidelity], printer: &Printer) {
    if printer.json {
        return printer.object(&json!({"schema": SCHEMA, "columns": columns}));
    }
    let said = |m: &data::Measures| {
        format!(
            "{} rows, {:.1} % null, {:.1} characters, {} different, the most usual {:.1} %",
            m.rows,
            m.nulls * 100.0,
            m.length,
            m.distinct,
            m.most_usual * 100.0
        )
    };
    for column in columns {
        printer.out(&column.column);
        printer.out(format!("  source:  {}", said(&column.source)));
        printer.out(format!("  archive: {}", said(&column.archive)));
    }
}

fn masked(made: &data::MaskedFolder, out: &Path, printer: &Printer) {
    match printer.json {
        true => printer.object(&json!({
            "schema": SCHEMA, "folder": out, "files": made.files, "fingerprints": made.fingerprints,
            "left_out": made.left_out,
        })),
        false => {
            printer.out(format!(
                "{}: {} files, masked; `devenv data verify {0}` proves it",
                out.display(),
                made.files
            ));
            if made.left_out > 0 {
                printer.out(format!("{} attachments without a rule were left out", made.left_out));
            }
        }
    }
}

fn estimate(source: &str, rules: &Path, printer: &Printer) -> Result<(), Problem> {
    let shown = Shown::new(printer);
    let tables = runtime()?.block_on(data::estimate((source, &server), rules, &shown))?;
    let rows: u64 = tables.iter().map(|(_, rows, _)| rows).sum();
    if printer.json {
        let of = |(table, rows, there): &(String, u64, u64)| json!({"table": table, "rows": rows, "there": there});
        let tables: Vec<_> = tables.iter().map(of).collect();
        printer.object(&json!({"schema": SCHEMA, "rows": rows, "tables": tables}));
        return Ok(());
    }
    for (table, rows, there) in &tables {
        printer.out(format!("{table}: {rows} rows of about {there}"));
    }
    printer.out(format!("{rows} rows would be pulled"));
    Ok(())
}

fn synthesised(made: &data::Synthesised, out: &Path, printer: &Printer) {
    let rows: u64 = made.tables.iter().map(|(_, rows)| rows).sum();
    match printer.json {
        true => {
            let tables = made.tables.iter().map(|(name, rows)| (name.clone(), json!(rows)));
            let tables: serde_json::Map<_, _> = tables.collect();
            printer.object(&json!({
                "schema": SCHEMA, "archive": out, "rows": rows, "tables": tables, "content": made.content,
            }));
        }
        false => printer.out(format!(
            "{}: {rows} rows of {} tables, made up and tried; `devenv seed` loads it",
            out.display(),
            made.tables.len()
        )),
    }
}

fn why(source: &str, rules: &Path, column: &str, printer: &Printer) -> Result<(), Problem> {
    let shown = Shown::new(printer);
    let why = runtime()?.block_on(data::why((source, &server), rules, column, &shown))?;
    if printer.json {
        printer.object(&json!({"schema": SCHEMA, "why": why}));
        return Ok(());
    }
    let (values, distinct) = why.sampled;
    let lines = [
        ("column", format!("{} {}", why.column, why.written)),
        ("rule", format!("{}  {}", why.rule, why.place)),
        ("does", why.does),
        ("different values stay different", why.certainty),
        ("proposed", why.proposed),
        ("key", if why.key { "part of a unique key" } else { "no" }.to_owned()),
        ("refers to", why.refers_to.unwrap_or_else(|| "nothing".to_owned())),
        ("goes its way", why.downstream.join(", ")),
        ("sampled", format!("{values} values, {distinct} of them different")),
    ];
    for (name, text) in lines.iter().filter(|(_, text)| !text.is_empty()) {
        printer.out(format!("{name}: {text}"));
    }
    Ok(())
}

fn preview(preview: &data::Preview, printer: &Printer) {
    if printer.json {
        let rows = |rows: &[Vec<Option<String>>]| json!(rows);
        let mut object = json!({
            "schema": SCHEMA, "columns": preview.columns, "after": rows(&preview.after),
        });
        if !preview.before.is_empty() {
            object["before"] = rows(&preview.before);
        }
        return printer.object(&object);
    }
    for (nth, row) in preview.after.iter().enumerate() {
        printer.out(format!("row {}", nth + 1));
        for (column, name) in preview.columns.iter().enumerate() {
            let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
            let after = row.get(column).map(shown).unwrap_or_default();
            match preview.before.get(nth).and_then(|row| row.get(column)) {
                Some(before) => printer.out(format!("  {name}: {} -> {after}", shown(before))),
                None => printer.out(format!("  {name}: {after}")),
            }
        }
    }
}

fn verify(
    archive: &Path,
    loaded: bool,
    certificate: Option<&Path>,
    printer: &Printer,
) -> Result<(), Problem> {
    let server = if loaded { Some(server()?) } else { None };
    let key = key()?;
    let verified = runtime()?.block_on(data::verify(archive, &key, server.as_ref()))?;
    if let Some(path) = certificate {
        let text = format!("{}\n", verified.certificate);
        std::fs::write(path, text).map_err(|e| {
            Problem::failed("cannot-write", format!("cannot write {}: {e}", path.display()))
        })?;
    }
    if verified.hits > 0 {
        let places = verified.places.iter().map(|(place, count)| format!("\n  {place}: {count}"));
        let message = format!(
            "{} values of the source were found{}",
            verified.hits,
            places.collect::<String>()
        );
        return Err(Problem::failed("data-leak", message)
            .hint("do not use it: mend the rules, pull again, and load into a fresh database"));
    }
    match printer.json {
        true => printer.object(&verified.certificate),
        false => {
            let number = |name: &str| verified.certificate[name].to_string();
            printer.out(format!(
                "no value of the source was found: {} fingerprints, {} values, {} looks; by chance {:.1e} hits were to be expected",
                number("fingerprints"),
                number("values"),
                number("looks"),
                verified.certificate["false_positives_expected"].as_f64().unwrap_or_default(),
            ));
        }
    }
    Ok(())
}

/// The running environment's database server.
pub(super) fn server() -> Result<data::Server, Problem> {
    server_of(&choose::home()?)
}

/// The same of another environment.
pub(super) fn server_of(home: &Home) -> Result<data::Server, Problem> {
    let all = variables(home)?;
    let url = all.get("DATABASE_URL").ok_or_else(|| exec::without("postgres"))?;
    data::server(url)
}

/// The secret of the masks, from the environment or the state directory.
pub(super) fn key() -> Result<data::DataKey, Problem> {
    if let Some(text) = std::env::var_os(data::KEY_VARIABLE) {
        return data::key(Some(&text.to_string_lossy()), Path::new(""));
    }
    let here = choose::here()?;
    let home = Home::find(&here).unwrap_or_else(|_| Home::of(&here));
    let dirs = Dirs::create(&home.project)?;
    data::key(None, &dirs.state)
}
