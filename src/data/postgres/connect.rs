//! Connections to Postgres. No error holds a password, a statement or a row.

use super::tls::Tls;
use crate::base::Problem;
use std::time::Duration;
use tokio_postgres::{Client, Config};

/// How long a server may take to let somebody in.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// A connection and the task that drives it, which ends with it.
pub(crate) struct Link {
    pub(crate) client: Client,
    driver: tokio::task::JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Marks a connection that looks at the server's certificate: Postgres shows it as the session's name.
const VERIFIED: &str = "devenv data (verified)";

/// The parts of `postgres://…` or `host=… dbname=…`.
pub(crate) fn config(url: &str) -> Result<Config, Problem> {
    // tokio-postgres knows no `verify-full`; it is `require` and a look at the certificate.
    let verified = url.contains("sslmode=verify-full");
    let url = url.replace("sslmode=verify-full", "sslmode=require");
    // The parser's own words may quote the password.
    let parsed = url.parse::<Config>().map_err(|_| {
        Problem::failed("data-source", "the address of the database cannot be read").hint(
            "it looks like postgres://user:password@host:5432/database, with ?sslmode=disable, prefer, require or verify-full",
        )
    });
    let mut config = parsed?;
    config.application_name(if verified { VERIFIED } else { "devenv data" });
    config.connect_timeout(CONNECT_WAIT);
    Ok(config)
}

/// Whether the server's certificate is looked at.
pub(crate) fn verified(config: &Config) -> bool {
    config.get_application_name() == Some(VERIFIED)
}

/// Enters a database.
pub(crate) async fn connect(config: &Config) -> Result<Link, Problem> {
    let verify = verified(config);
    let tls = Tls::new(verify)
        .map_err(|why| Problem::failed("data-source", format!("TLS cannot be used here: {why}")))?;
    let (client, connection) = config.connect(tls).await.map_err(|error| {
        let hosts: Vec<String> = config
            .get_hosts()
            .iter()
            .map(|host| match host {
                tokio_postgres::config::Host::Tcp(name) => name.clone(),
                tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
            })
            .collect();
        let at = hosts.join(", ");
        Problem::failed(
            "data-source",
            format!("cannot enter the database at {at}: {}", words(&error)),
        )
        .hint("is it there, and may this machine reach it? `?sslmode=` says how TLS is spoken: disable, prefer, require or verify-full")
        .retryable()
    })?;
    let driver = tokio::spawn(async move {
        // Its end is seen by the client's next query.
        let _ = connection.await;
    });
    Ok(Link { client, driver })
}

/// A failure in Postgres' own words. Its detail may quote a row, so only the message is told.
fn words(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(answer) => format!("{} ({})", answer.message(), answer.code().code()),
        None => {
            let cause = std::error::Error::source(error).map(|c| format!(": {c}"));
            format!("{error}{}", cause.unwrap_or_default())
        }
    }
}

/// A server's version, as it says it and as a number.
pub(crate) async fn version(client: &Client) -> Result<(String, u32), Problem> {
    let row = client.query_one("SHOW server_version", &[]).await;
    let said: String = row.map_err(|e| failed("cannot ask for the version", &e))?.get(0);
    let major = said.split(['.', ' ']).next().and_then(|v| v.parse().ok()).unwrap_or(0);
    Ok((said, major))
}

/// A statement that failed, for people.
pub(crate) fn failed(what: &str, error: &tokio_postgres::Error) -> Problem {
    let problem = Problem::failed("data-postgres", format!("{what}: {}", words(error)));
    if error.is_closed() { problem.retryable() } else { problem }
}
