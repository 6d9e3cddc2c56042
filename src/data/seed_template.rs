//! Templates of `devenv seed --fresh`: a database that was filled from certain files is kept as a copy, and
//! the next time that the same files are wanted, it is copied instead of being filled.
//!
//! Invariants: a template is named by a hash of what went into it, in its order; nobody can enter one, so it
//! stays what it was; the newest few are kept. A copy is made only where it would be the same: no session in
//! the database, no settings of its own, the same extensions before.

use super::archive::Reader;
use super::catalog::ident;
use super::postgres::{Link, connect, failed};
use super::seed_database::{self, extensions, file};
use crate::base::Problem;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use tokio_postgres::{Client, Config};

/// Begins the name of every template.
const PREFIX: &str = "devenv_seed_";
/// Templates that are kept.
const TEMPLATES_MAX: i64 = 2;

/// A file that goes into a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A seed archive.
    Archive(PathBuf),
    /// SQL.
    Sql(PathBuf),
    /// Fixtures in JSON, YAML or CSV.
    Fixtures(PathBuf),
}

/// What is to be kept when a database has been filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    inputs: Vec<Input>,
    name: String,
    extensions: Vec<String>,
}

/// What a template says of itself, as the database's comment.
#[derive(Serialize, Deserialize)]
struct Note {
    about: String,
    /// Extensions that were there before anything was put in, and in the end.
    before: Vec<String>,
    behind: Vec<String>,
}

/// Makes the database anew: as a copy of a template if there is one of these inputs, else empty. Answers what
/// to keep when it has been filled; `None`: it is filled already.
pub(crate) async fn fresh(config: &Config, inputs: &[Input]) -> Result<Option<Template>, Problem> {
    let link = connect(config).await?;
    let before = extensions(&link.client).await?;
    drop(link);
    let outside = outside(config).await?;
    let name = named(&outside.client, inputs).await?;
    if !inputs.is_empty() && fits(&outside.client, &name, &before).await? {
        copied(&outside.client, config, &name).await?;
        return Ok(None);
    }
    seed_database::fresh(config).await?;
    Ok(Some(Template { inputs: inputs.to_vec(), name, extensions: before }))
}

/// Keeps a database that has been filled. Answers whether a template is there; that there is none is no
/// failure, the next one is filled again.
pub(crate) async fn keep(config: &Config, wanted: &Template) -> Result<bool, Problem> {
    let link = connect(config).await?;
    let behind = extensions(&link.client).await?;
    drop(link);
    let outside = outside(config).await?;
    let client = &outside.client;
    // A file that changed while it was read makes no template.
    if wanted.inputs.is_empty() || named(client, &wanted.inputs).await? != wanted.name {
        return Ok(false);
    }
    let of = database(config);
    let plain = "SELECT datacl IS NULL AND NOT EXISTS (SELECT FROM pg_db_role_setting s WHERE s.setdatabase = d.oid)
                        AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid AND a.application_name <> $2
                                           AND a.backend_type = 'client backend')
                   FROM pg_database d WHERE datname = $1";
    let own = config.get_application_name().unwrap_or_default();
    let row = client.query_one(plain, &[&of, &own]).await.map_err(|e| wrong(&e))?;
    if !row.get::<_, bool>(0) {
        return Ok(false);
    }
    let old = "SELECT datname::text FROM pg_database
                WHERE starts_with(datname, $1) AND datistemplate AND NOT datallowconn AND datname <> $2
                ORDER BY oid DESC OFFSET $3";
    let old = client.query(old, &[&PREFIX, &wanted.name, &(TEMPLATES_MAX - 1)]).await;
    for row in old.map_err(|e| wrong(&e))? {
        remove(client, row.get(0)).await?;
    }
    // One of the same inputs that did not fit.
    remove(client, &wanted.name).await?;
    let name = ident(&wanted.name);
    let create = format!(
        "CREATE DATABASE {name} TEMPLATE {} STRATEGY file_copy ALLOW_CONNECTIONS false IS_TEMPLATE true",
        ident(&of)
    );
    // Somebody may have entered meanwhile, or there is no room; both are no matter of this seed.
    if client.batch_execute(&create).await.is_err() {
        return Ok(false);
    }
    let about = "a template of `devenv seed --fresh`; it is made anew when it is gone".to_owned();
    let note = Note { about, before: wanted.extensions.clone(), behind };
    let note = serde_json::to_string(&note).unwrap_or_default().replace('\'', "''");
    let comment = format!("COMMENT ON DATABASE {name} IS '{note}'");
    client.batch_execute(&comment).await.map(|()| true).map_err(|e| wrong(&e))
}

fn wrong(error: &tokio_postgres::Error) -> Problem {
    failed("cannot use a template of the database", error)
}

fn database(config: &Config) -> String {
    config.get_dbname().unwrap_or("postgres").to_owned()
}

/// A session beside the database.
async fn outside(config: &Config) -> Result<Link, Problem> {
    let mut outside = config.clone();
    outside.dbname(if database(config) == "postgres" { "template1" } else { "postgres" });
    connect(&outside).await
}

/// The template's name: by everything that makes its content.
async fn named(client: &Client, inputs: &[Input]) -> Result<String, Problem> {
    let row = client.query_one("SELECT version()", &[]).await.map_err(|e| wrong(&e))?;
    Ok(name_of(row.get(0), &hashed(inputs)?))
}

fn name_of(server: &str, inputs: &[String]) -> String {
    let mut hash = Sha256::new();
    for part in [env!("CARGO_PKG_VERSION"), server].into_iter().chain(inputs.iter().map(|i| &**i)) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    format!("{PREFIX}{}", &hex::encode(hash.finalize())[..24])
}

/// What each input holds, as a hash.
fn hashed(inputs: &[Input]) -> Result<Vec<String>, Problem> {
    let of = |input: &Input| -> Result<String, Problem> {
        let text = |path: &PathBuf| file(path).map(|text| hex::encode(Sha256::digest(text)));
        Ok(match input {
            Input::Archive(path) => {
                let manifest = Reader::open(path)?.manifest;
                let tables = serde_json::to_vec(&manifest.tables).unwrap_or_default();
                let tables = hex::encode(Sha256::digest(tables));
                format!("archive {} {tables}", manifest.content_hash)
            }
            Input::Sql(path) => format!("sql {}", text(path)?),
            Input::Fixtures(path) => {
                // A CSV's name is its table's.
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                format!("fixtures {name} {}", text(path)?)
            }
        })
    };
    inputs.iter().map(of).collect()
}

/// Whether there is a template with this name, and the database would get the same extensions from it.
async fn fits(client: &Client, name: &str, there: &[String]) -> Result<bool, Problem> {
    let query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database
                  WHERE datname = $1 AND datistemplate AND NOT datallowconn";
    let row = client.query_opt(query, &[&name]).await.map_err(|e| wrong(&e))?;
    let note: Option<String> = row.and_then(|row| row.get(0));
    let note = note.and_then(|text| serde_json::from_str::<Note>(&text).ok());
    Ok(note.is_some_and(|note| note.before == there || note.behind == there))
}

/// Makes the database anew as a copy.
async fn copied(client: &Client, config: &Config, template: &str) -> Result<(), Problem> {
    let name = ident(&database(config));
    let wrong = |e: tokio_postgres::Error| failed(&format!("cannot make {name} anew"), &e);
    let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    client.batch_execute(&drop).await.map_err(wrong)?;
    let create = format!("CREATE DATABASE {name} TEMPLATE {} STRATEGY file_copy", ident(template));
    client.batch_execute(&create).await.map_err(wrong)
}

async fn remove(client: &Client, name: &str) -> Result<(), Problem> {
    let there = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
    let there = client.query_one(there, &[&name]).await.map_err(|e| wrong(&e))?;
    if !there.get::<_, bool>(0) {
        return Ok(());
    }
    for statement in ["ALTER DATABASE {} IS_TEMPLATE false", "DROP DATABASE {}"] {
        let statement = statement.replace("{}", &ident(name));
        client.batch_execute(&statement).await.map_err(|e| wrong(&e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_named_by_what_went_into_it() {
        let dir = tempfile::tempdir().expect("dir");
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        let (a, b) = (write("a.sql", "select 1"), write("pets.csv", "id\n1\n"));
        let name = |inputs: &[Input]| name_of("17", &hashed(inputs).expect("hashed"));
        let one = name(&[Input::Sql(a.clone()), Input::Fixtures(b.clone())]);
        assert!(one.starts_with(PREFIX) && one.len() < 63);
        assert_eq!(name(&[Input::Sql(a.clone()), Input::Fixtures(b.clone())]), one);
        assert_ne!(name(&[Input::Fixtures(b.clone()), Input::Sql(a.clone())]), one, "the order");
        assert_ne!(name(&[Input::Sql(a.clone())]), one);
        let renamed = write("cats.csv", "id\n1\n");
        assert_ne!(name(&[Input::Sql(a.clone()), Input::Fixtures(renamed)]), one, "the table");
        assert_eq!(
            name(&[Input::Sql(write("c.sql", "select 1")), Input::Fixtures(b.clone())]),
            one,
            "a file of SQL has no name"
        );
        write("a.sql", "select 2");
        assert_ne!(name(&[Input::Sql(a), Input::Fixtures(b)]), one, "the content");
        assert!(hashed(&[Input::Archive(dir.path().join("none.devseed"))]).is_err());
    }
}
