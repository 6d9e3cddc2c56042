//! A throw-away database on the environment's server, in which a schema is made so that Postgres itself says
//! what its tables are. Invariant: no row of a source ever lies in it; only schemas, and rows that were made up.

use super::catalog::ident;
use super::postgres::{Link, connect, failed};
use super::tools::{Schema, cleaned};
use crate::base::Problem;
use tokio_postgres::Config;

/// Begins the name of every such database.
const PREFIX: &str = "devenv_scratch_";

/// A database that is gone afterwards.
pub(crate) struct Scratch {
    pub(crate) config: Config,
    name: String,
    /// Holds the lock by which others see that it is in use.
    outside: Link,
}

fn wrong(error: &tokio_postgres::Error) -> Problem {
    failed("cannot make a throw-away database", error)
}

impl Scratch {
    /// Makes one on the server of `server`, and takes away those that a killed devenv left.
    pub(crate) async fn create(server: &Config) -> Result<Scratch, Problem> {
        let mut config = server.clone();
        config.dbname("postgres");
        let outside = connect(&config).await?;
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|e| Problem::failed("random", format!("no random bytes: {e}")))?;
        let name = format!("{PREFIX}{}", hex::encode(random));
        let client = &outside.client;
        let lock = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
        client.query_one(lock, &[&name]).await.map_err(|e| wrong(&e))?;
        let left = "SELECT datname::text FROM pg_database WHERE starts_with(datname, $1)";
        for row in client.query(left, &[&PREFIX]).await.map_err(|e| wrong(&e))? {
            let old: String = row.get(0);
            // Whoever uses it holds its lock.
            let free = client.query_one(lock, &[&old]).await.map_err(|e| wrong(&e))?;
            if free.get(0) && old != name {
                drop_database(client, &old).await?;
            }
        }
        let create = format!("CREATE DATABASE {} TEMPLATE template0", ident(&name));
        client.batch_execute(&create).await.map_err(|e| wrong(&e))?;
        config.dbname(&name);
        Ok(Scratch { config, name, outside })
    }

    /// Runs SQL in it.
    pub(crate) async fn run(&self, what: &str, sql: &str) -> Result<(), Problem> {
        let link = connect(&self.config).await?;
        let settings = "SET client_min_messages = 'error'; SET check_function_bodies = off; SET client_encoding = 'UTF8'";
        link.client.batch_execute(settings).await.map_err(|e| wrong(&e))?;
        link.client.batch_execute(&cleaned(sql)).await.map_err(|e| {
            failed(&format!("cannot make {what} in a throw-away database"), &e)
                .hint("extensions that it names must be known to the environment's Postgres (`extensions` in [postgres])")
        })
    }

    /// Makes a schema in it, whole.
    pub(crate) async fn schema(&self, schema: &Schema) -> Result<(), Problem> {
        self.run("the schema", &schema.before).await?;
        self.run("indexes and constraints", &schema.behind).await
    }

    /// Takes it away.
    pub(crate) async fn remove(self) -> Result<(), Problem> {
        drop_database(&self.outside.client, &self.name).await
    }

    /// Does something in one, and takes it away whatever came of it.
    pub(crate) async fn with<T>(
        server: &Config,
        what: impl AsyncFnOnce(&Scratch) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let scratch = Scratch::create(server).await?;
        let done = what(&scratch).await;
        let gone = scratch.remove().await;
        let done = done?;
        gone.map(|()| done)
    }
}

async fn drop_database(client: &tokio_postgres::Client, name: &str) -> Result<(), Problem> {
    let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", ident(name));
    client.batch_execute(&drop).await.map_err(|e| failed("cannot drop a throw-away database", &e))
}
