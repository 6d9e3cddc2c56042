//! Databases and extensions of the profile, made in a running server. Idempotent.

use super::HOST;
use super::spares::Server;
use crate::base::Problem;
use crate::profile;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

/// Longest wait for one session.
const CONNECT_WAIT_S: u64 = 10;
/// Sessions that wait for the next lease.
const IDLE_MAX: usize = 4;
/// Names shown when an extension is not there.
const SUGGESTIONS_MAX: usize = 3;

/// Makes what is missing of the profile's databases and their extensions.
pub async fn initialise(settings: &profile::Postgres, port: u16) -> Result<(), Problem> {
    databases(settings, port).await?;
    let each = settings.databases.iter().map(|database| extensions(settings, port, database));
    futures_util::future::try_join_all(each).await?;
    if settings.follow_clock {
        super::clock::prepare(settings, port).await?;
    }
    Ok(())
}

async fn databases(settings: &profile::Postgres, port: u16) -> Result<(), Problem> {
    let client = connect(settings, port, "postgres").await?;
    let rows = client
        .query("select datname from pg_database", &[])
        .await
        .map_err(|error| sql("list databases", &error))?;
    let there: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    for name in settings.databases.iter().filter(|name| !there.contains(name)) {
        match client.batch_execute(&format!("create database {}", quoted(name))).await {
            Ok(()) => {}
            Err(error) if error.code() == Some(&SqlState::DUPLICATE_DATABASE) => {}
            Err(error) => return Err(sql(&format!("create database `{name}`"), &error)),
        }
    }
    Ok(())
}

async fn extensions(
    settings: &profile::Postgres,
    port: u16,
    database: &str,
) -> Result<(), Problem> {
    if settings.extensions.is_empty() {
        return Ok(());
    }
    let client = connect(settings, port, database).await?;
    let rows = client
        .query("select extname from pg_extension", &[])
        .await
        .map_err(|error| sql("list extensions", &error))?;
    let there: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    for name in settings.extensions.iter().filter(|name| !there.contains(name)) {
        let statement = format!("create extension if not exists {} cascade", quoted(name));
        if let Err(error) = client.batch_execute(&statement).await {
            return Err(extension_problem(&client, name, database, &error).await);
        }
    }
    Ok(())
}

async fn extension_problem(
    client: &Client,
    name: &str,
    database: &str,
    error: &tokio_postgres::Error,
) -> Problem {
    let problem = sql(&format!("create extension `{name}` in database `{database}`"), error);
    let known = client
        .query("select name from pg_available_extensions order by name", &[])
        .await
        .unwrap_or_default();
    let mut known: Vec<String> = known.iter().map(|row| row.get(0)).collect();
    if known.is_empty() || known.iter().any(|there| there == name) {
        return problem;
    }
    known.sort_by(|a, b| strsim::jaro_winkler(b, name).total_cmp(&strsim::jaro_winkler(a, name)));
    let similar: Vec<String> =
        known.iter().take(SUGGESTIONS_MAX).map(|name| format!("`{name}`")).collect();
    Problem { code: "extension-missing", exit: crate::base::Exit::InTheWay, ..problem }.hint(format!(
        "this Postgres has no extension `{name}`; similar ones: {}; a Postgres of your own that has it can be named in DEVENV_POSTGRES_BIN",
        similar.join(", ")
    ))
}

pub(super) async fn connect(
    settings: &profile::Postgres,
    port: u16,
    database: &str,
) -> Result<Client, Problem> {
    let mut config = tokio_postgres::Config::new();
    config
        .host(HOST)
        .port(port)
        .user(&settings.user)
        .password(&settings.password)
        .dbname(database)
        .application_name("devenv")
        // What a crash takes back is made again at the next start; applications' own sessions wait
        // for the disk.
        .options("-c synchronous_commit=off")
        .connect_timeout(Duration::from_secs(CONNECT_WAIT_S));
    let (client, connection) = config
        .connect(NoTls)
        .await
        .map_err(|error| sql(&format!("open database `{database}`"), &error))?;
    tokio::spawn(async move {
        // Its end is seen by the client's next query.
        let _ = connection.await;
    });
    Ok(client)
}

/// A failed statement in Postgres' own words.
pub(super) fn sql(what: &str, error: &tokio_postgres::Error) -> Problem {
    let why = match error.as_db_error() {
        Some(answer) => answer.message().to_owned(),
        None => error.to_string(),
    };
    let problem = Problem::failed("postgres-refused", format!("Postgres cannot {what}: {why}"));
    match error.code() {
        Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => problem.hint(
            "the data directory was made with another user or password; restore them in devenv.toml, or start anew with `devenv down --volumes`",
        ),
        _ => problem,
    }
}

/// Sessions that are idle in a transaction, as `application (database), since`.
pub async fn idle_in_transaction(
    settings: &profile::Postgres,
    port: u16,
) -> Result<Vec<String>, Problem> {
    let client = connect(settings, port, "postgres").await?;
    let rows = client
        .query(
            "select coalesce(nullif(application_name, ''), 'a session'), coalesce(datname, '')
               from pg_stat_activity where state like 'idle in transaction%'
              order by 1, 2",
            &[],
        )
        .await
        .map_err(|error| sql("list sessions", &error))?;
    let told = |row: &tokio_postgres::Row| -> String {
        format!("{} ({})", row.get::<_, String>(0), row.get::<_, String>(1))
    };
    Ok(rows.iter().map(told).collect())
}

/// Sessions of devenv's own that wait for the next lease: opening one takes longer than many a copy.
#[derive(Default)]
pub(super) struct Sessions {
    idle: Mutex<Vec<Client>>,
}

impl Sessions {
    /// Makes `name` a copy of the database `template`, to which nobody is connected.
    pub(super) async fn clone_database(
        &self,
        server: &Server,
        template: &str,
        name: &str,
    ) -> Result<(), Problem> {
        // Files are copied as they are, and shared where the file system can.
        let statement = format!(
            "create database {} template {} strategy file_copy",
            quoted(name),
            quoted(template)
        );
        let done = self.execute(server, &statement).await?;
        let Err(error) = done else { return Ok(()) };
        let problem = sql(&format!("copy database `{template}`"), &error);
        Err(match error.code() {
            Some(&SqlState::OBJECT_IN_USE) => problem.retryable().hint(format!(
                "Postgres copies only databases that nobody is connected to: close the sessions, or keep one that nobody uses: `create database {template}_template template {template}`, then `devenv lease --template {template}_template`"
            )),
            _ => problem,
        })
    }

    /// Removes a database and ends its sessions; nothing happens if it is not there.
    pub(super) async fn drop_database(&self, server: &Server, name: &str) -> Result<(), Problem> {
        let statement = format!("drop database if exists {} with (force)", quoted(name));
        let done = self.execute(server, &statement).await?;
        done.map_err(|error| sql(&format!("remove database `{name}`"), &error))
    }

    /// Runs a statement in a session that waits, or in a new one; the server's refusal is a value.
    pub(super) async fn execute(
        &self,
        server: &Server,
        statement: &str,
    ) -> Result<Result<(), tokio_postgres::Error>, Problem> {
        let waiting = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let idle = waiting().pop().filter(|client| !client.is_closed());
            let (client, is_new) = match idle {
                Some(client) => (client, false),
                None => (connect(&server.settings, server.port, "postgres").await?, true),
            };
            let done = client.batch_execute(statement).await;
            // The server may have ended meanwhile, and another be there by now.
            if !is_new && done.is_err() && client.is_closed() {
                continue;
            }
            let mut idle = waiting();
            if !client.is_closed() && idle.len() < IDLE_MAX {
                idle.push(client);
            }
            return Ok(done);
        }
    }
}

/// An SQL identifier.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_quoted_whatever_they_hold() {
        assert_eq!(quoted("uuid-ossp"), "\"uuid-ossp\"");
        assert_eq!(quoted("a\"; drop database b; --"), "\"a\"\"; drop database b; --\"");
    }
}
