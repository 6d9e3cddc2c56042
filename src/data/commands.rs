//! What the command line asks for, each as one call.

use super::Server;
use super::explain;
use super::load::load;
use super::mask::Key;
use super::plan::{by_sql, checked, look, written};
use super::postgres::config;
use super::pull;
use super::rules::{self, Rules};
use super::seed_database;
use super::seed_template;
use super::source::{Lend, Source};
use super::synth::{Counts, Origin, Wanted};
use crate::base::{Exit, Problem};
use crate::runtime::Progress;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub use super::explain::{Preview, Why};
pub use super::fidelity::{Fidelity, Measures};
pub use super::folder::MaskedFolder;
pub use super::load::Loaded;
pub use super::pull::Pulled;
pub use super::synth::Synthesised;

/// The variable that holds the key.
pub const KEY_VARIABLE: &str = "DEVENV_DATA_KEY";
/// The file in the state directory that holds the key when the variable does not.
const KEY_FILE: &str = "data.key";
/// Random bytes of a key that is made.
const KEY_BYTES: usize = 32;

/// The rules' file beside devenv.toml.
pub const RULES_FILE: &str = rules::FILE;

/// What a plan came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Tables found.
    pub tables: usize,
    /// Columns that have a rule now.
    pub columns: usize,
    /// Of them, those that change their values.
    pub masked: usize,
    /// devenv.data.toml.
    pub text: String,
}

/// The secret of the masks: the variable's, else the state directory's, which is made at the first call.
pub fn key(variable: Option<&str>, state: &Path) -> Result<DataKey, Problem> {
    if let Some(text) = variable {
        return Key::from_text(text).map(DataKey);
    }
    let path = state.join(KEY_FILE);
    let wrong = |e: &dyn std::fmt::Display| {
        Problem::failed("data-key", format!("cannot use {}: {e}", path.display()))
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => Key::from_text(&text).map(DataKey),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let mut bytes = [0; KEY_BYTES];
            getrandom::fill(&mut bytes).map_err(|e| wrong(&e))?;
            let text = hex::encode(bytes);
            let mut options = std::fs::OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o600).open(&path);
            let mut file = file.map_err(|e| wrong(&e))?;
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
                .map_err(|e| wrong(&e))?;
            Key::from_text(&text).map(DataKey)
        }
        Err(e) => Err(wrong(&e)),
    }
}

/// The secret of the masks, which is never shown.
#[derive(Debug, Clone)]
pub struct DataKey(pub(crate) Key);

/// Proposes rules for a source; those in `file` are kept.
pub async fn plan(
    (source, lend): (&str, Lend<'_>),
    file: &Path,
    locale: &str,
    progress: &dyn Progress,
) -> Result<Planned, Problem> {
    let looked = look(&Source::open(source, lend, progress).await?).await?;
    let old = match file.exists() {
        true => Some(read_rules(file)?),
        false => None,
    };
    let text = written(&looked, old.as_ref(), locale);
    let rules = rules::read(RULES_FILE, &text)?;
    // What is kept may stand against what is there now.
    checked(&looked, &rules)?;
    let columns: Vec<_> = rules.tables.values().flat_map(|t| t.columns.values()).collect();
    let masked = columns.iter().filter(|c| c.spec.kind.name() != "keep").count();
    Ok(Planned { tables: rules.tables.len(), columns: columns.len(), masked, text })
}

/// Whether the rules in `file` fit the source; answers how many columns were compared.
pub async fn check(
    (source, lend): (&str, Lend<'_>),
    file: &Path,
    progress: &dyn Progress,
) -> Result<usize, Problem> {
    let rules = read_rules(file)?;
    let source = Source::open(source, lend, progress).await?;
    let check = async |source: &Source| {
        let mut looked = look(source).await?;
        checked(&looked, &rules)?;
        by_sql(source, &rules, &mut looked.catalog).await?;
        Ok(looked.catalog.tables.iter().map(|t| t.pulled().count()).sum())
    };
    source.judged(&rules, lend, check).await
}

/// Pulls a source into an archive; with `resume`, what a pull that broke off brought stays as far as it is
/// still the same.
pub async fn pull_into(
    (source, lend): (&str, Lend<'_>),
    file: &Path,
    key: &DataKey,
    (out, resume): (&Path, bool),
    progress: &dyn Progress,
) -> Result<Pulled, Problem> {
    let rules = read_rules(file)?;
    let source = Source::open(source, lend, progress).await?;
    let pull =
        async |source: &Source| pull::pull(source, &rules, &key.0, (out, resume), progress).await;
    source.judged(&rules, lend, pull).await
}

/// Compares an archive with its source, column by column.
pub async fn fidelity(
    (source, lend): (&str, Lend<'_>),
    archive: &Path,
    progress: &dyn Progress,
) -> Result<Vec<Fidelity>, Problem> {
    super::fidelity::fidelity(&Source::open(source, lend, progress).await?, archive).await
}

/// Masks the files of a folder into another.
pub fn mask_folder(
    file: &Path,
    key: &DataKey,
    from: &Path,
    to: &Path,
) -> Result<MaskedFolder, Problem> {
    super::folder::mask(&read_rules(file)?, &key.0, from, to)
}

/// How many rows a pull would bring: table, rows, rows that are there as far as the server knows.
pub async fn estimate(
    (source, lend): (&str, Lend<'_>),
    file: &Path,
    progress: &dyn Progress,
) -> Result<Vec<(String, u64, u64)>, Problem> {
    let rules = read_rules(file)?;
    let source = Source::open(source, lend, progress).await?;
    source.judged(&rules, lend, async |source| pull::estimate(source, &rules).await).await
}

/// Makes rows up into an archive. `source` is a database's address or a SQL file, the database of `server`
/// itself when it is absent; `counts` are numbers, or tables with theirs.
pub async fn synth(
    source: Option<&str>,
    file: &Path,
    counts: &[String],
    seed: &str,
    (server, out): (&Server, &Path),
    progress: &dyn Progress,
) -> Result<Synthesised, Problem> {
    let rules = match file.exists() {
        true => Some(read_rules(file)?),
        false => None,
    };
    let origin = match source {
        Some(url) if url.contains("://") => Origin::Database(Box::new(config(url)?)),
        Some(path) => Origin::Script(seed_database::file(Path::new(path))?),
        None => Origin::Database(Box::new(server_config(server))),
    };
    let wanted = Wanted { origin, rules: rules.as_ref(), counts: counted(counts)?, seed };
    super::synth::synth(&wanted, &server_config(server), out, progress).await
}

/// Rows of a table when nothing is said.
const ROWS: u64 = 100;

/// `1000`, `users=50`, `sales.orders=10`.
fn counted(written: &[String]) -> Result<Counts, Problem> {
    let mut counts = Counts { each: ROWS, ..Counts::default() };
    for one in written {
        let (table, number) = one.rsplit_once('=').map_or(("", one.as_str()), |(t, n)| (t, n));
        let number: u64 = number.trim().parse().map_err(|_| {
            let message = format!("`{one}` is no number of rows");
            Problem::new(Exit::Usage, "usage", message).hint("--rows 1000, or --rows users=1000")
        })?;
        match table {
            "" => counts.each = number,
            table => {
                let label =
                    if table.contains('.') { table.into() } else { format!("public.{table}") };
                counts.named.insert(label, number);
            }
        }
    }
    Ok(counts)
}

/// What a loaded archive holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeded {
    /// How it was loaded.
    pub how: Loaded,
    /// Tables.
    pub tables: usize,
    /// Rows.
    pub rows: u64,
}

/// Loads an archive into a server's default database.
pub async fn seed_archive(
    path: &Path,
    server: &Server,
    progress: &dyn Progress,
) -> Result<Seeded, Problem> {
    let (how, manifest) = load(path, &server_config(server), progress).await?;
    let rows = manifest.tables.iter().map(|t| t.rows).sum();
    Ok(Seeded { how, tables: manifest.tables.len(), rows })
}

pub(super) fn server_config(server: &Server) -> tokio_postgres::Config {
    let mut config = tokio_postgres::Config::new();
    config.host(&server.host).port(server.port).user(&server.user).password(&server.password);
    config.dbname(&server.database).application_name("devenv seed");
    config
}

/// The server in a `postgres://…` address.
pub fn server(url: &str) -> Result<Server, Problem> {
    let config = config(url)?;
    let host = config.get_hosts().iter().find_map(|h| match h {
        tokio_postgres::config::Host::Tcp(name) => Some(name.clone()),
        tokio_postgres::config::Host::Unix(_) => None,
    });
    Ok(Server {
        host: host.unwrap_or_else(|| "127.0.0.1".to_owned()),
        port: config.get_ports().first().copied().unwrap_or(5432),
        user: config.get_user().unwrap_or("postgres").to_owned(),
        password: config
            .get_password()
            .map(|p| String::from_utf8_lossy(p).into_owned())
            .unwrap_or_default(),
        database: config.get_dbname().unwrap_or("postgres").to_owned(),
    })
}

fn read_rules(file: &Path) -> Result<Rules, Problem> {
    let text = std::fs::read_to_string(file).map_err(|e| {
        let message = format!("{} cannot be read: {e}", file.display());
        Problem::new(Exit::Usage, "data-rules", message)
            .hint("`devenv data plan --source …` writes it")
    })?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    rules::read(&name, &text)
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// Values of the source that were found; 0 is what is wanted.
    pub hits: u64,
    /// Where, and how many.
    pub places: Vec<(String, u64)>,
    /// The signed certificate.
    pub certificate: serde_json::Value,
}

/// Looks for the source's values in an archive and, if one is given, in a server's default database; or in
/// a folder that was masked, by the fingerprints beside it.
pub async fn verify(
    path: &Path,
    key: &DataKey,
    server: Option<&Server>,
) -> Result<Verified, Problem> {
    let config = server.map(server_config);
    let certificate = match path.is_dir() {
        true => super::verify::verify_folder(path, &key.0)?,
        false => super::verify::verify(path, &key.0, config.as_ref()).await?,
    };
    let places = certificate.report.hits.iter().map(|(place, count)| (place.clone(), *count));
    Ok(Verified {
        hits: certificate.hits(),
        places: places.collect(),
        certificate: certificate.json,
    })
}

/// Runs a SQL file in a server's default database, once for each content; answers whether it ran.
pub async fn seed_sql(path: &Path, server: &Server) -> Result<bool, Problem> {
    seed_database::sql(path, &server_config(server)).await
}

/// Puts fixtures into a server's default database; answers the number of rows.
pub async fn seed_fixtures(path: &Path, server: &Server) -> Result<usize, Problem> {
    seed_database::fixtures(path, &server_config(server)).await
}

/// Puts the keys of a file into the Redis on `port`; answers how many.
pub fn seed_redis(path: &Path, port: u16) -> Result<usize, Problem> {
    super::seed_redis::keys(path, port)
}

/// Makes a server's default database anew: as a copy of one that was filled from the same inputs, or empty.
/// Answers what [`keep_database`] is to keep when it has been filled; `None`: it is filled already.
pub async fn fresh_database(
    server: &Server,
    inputs: &[seed_template::Input],
) -> Result<Option<seed_template::Template>, Problem> {
    seed_template::fresh(&server_config(server), inputs).await
}

/// Keeps a server's default database, which has been filled, as the template of the next one.
pub async fn keep_database(
    server: &Server,
    wanted: &seed_template::Template,
) -> Result<bool, Problem> {
    seed_template::keep(&server_config(server), wanted).await
}

/// Explains the rule of a column.
pub async fn why(
    (source, lend): (&str, Lend<'_>),
    file: &Path,
    column: &str,
    progress: &dyn Progress,
) -> Result<Why, Problem> {
    let rules = read_rules(file)?;
    explain::why(&Source::open(source, lend, progress).await?, &rules, column).await
}

/// Masks some rows of a table, to be looked at.
pub async fn preview(
    (source, lend): (&str, Lend<'_>),
    file: &Path,
    key: &DataKey,
    wanted: (&str, u64),
    show_source: bool,
    progress: &dyn Progress,
) -> Result<Preview, Problem> {
    let rules = read_rules(file)?;
    let source = Source::open(source, lend, progress).await?;
    let preview =
        async |source: &Source| explain::preview(source, &rules, &key.0, wanted, show_source).await;
    source.judged(&rules, lend, preview).await
}
