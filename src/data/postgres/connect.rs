//! Connections to Postgres. No error holds a password, a statement or a row.

use super::tap::{Tap, Tapped};
use super::tls::{Tls, UnderTap};
use crate::base::Problem;
use rustix::net::sockopt;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection};

/// How long a server may take to let somebody in.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// Where Postgres listens when an address names no port.
const POSTGRES_PORT: u16 = 5432;

/// A connection and the task that drives it, which ends with it.
pub(crate) struct Link {
    pub(crate) client: Client,
    driver: JoinHandle<()>,
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
    let entered = config.connect(tls(config)?).await;
    let (client, connection) = entered.map_err(|e| not_entered(config, &words(&e)))?;
    Ok(Link { client, driver: driven(connection) })
}

/// Enters a database of which much will be read: with a tap, if its address names one host.
pub(super) async fn connect_tapped(config: &Config) -> Result<(Link, Option<Tap>), Problem> {
    let Some((host, wire)) = wire(config).await? else {
        // Whatever is wrong with the wire is told by this.
        return Ok((connect(config).await?, None));
    };
    let tap = Tap::default();
    let wire = Tapped::new(wire, tap.clone());
    let made = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls(config)?, &host);
    let to_host = made.map_err(|why| no_tls(&why.to_string()))?;
    let entered = config.connect_raw(wire, UnderTap(to_host)).await;
    let (client, connection) = entered.map_err(|e| not_entered(config, &words(&e)))?;
    tap.begin();
    Ok((Link { client, driver: driven(connection) }, Some(tap)))
}

/// A wire to the one host that an address names, as tokio-postgres would make it; `None`: it names others,
/// or the host refuses.
async fn wire(config: &Config) -> Result<Option<(String, TcpStream)>, Problem> {
    let ([Host::Tcp(host)], []) = (config.get_hosts(), config.get_hostaddrs()) else {
        return Ok(None);
    };
    if config.get_target_session_attrs() != TargetSessionAttrs::Any {
        return Ok(None);
    }
    let port = config.get_ports().first().copied().unwrap_or(POSTGRES_PORT);
    let Ok(addresses) = lookup_host((host.as_str(), port)).await else { return Ok(None) };
    let mut late = false;
    for address in addresses {
        match timeout(CONNECT_WAIT, TcpStream::connect(address)).await {
            Ok(Ok(wire)) => return Ok(set(config, &wire).ok().map(|()| (host.clone(), wire))),
            Ok(Err(_)) => {}
            Err(_) => late = true,
        }
    }
    // Nobody waits for them twice.
    if late { Err(not_entered(config, "nobody answered in time")) } else { Ok(None) }
}

/// Sets what an address says of the wire.
fn set(config: &Config, wire: &TcpStream) -> std::io::Result<()> {
    wire.set_nodelay(true)?;
    if config.get_keepalives() {
        sockopt::set_socket_keepalive(wire, true)?;
        sockopt::set_tcp_keepidle(wire, config.get_keepalives_idle())?;
    }
    if let Some(interval) = config.get_keepalives_interval() {
        sockopt::set_tcp_keepintvl(wire, interval)?;
    }
    if let Some(retries) = config.get_keepalives_retries() {
        sockopt::set_tcp_keepcnt(wire, retries)?;
    }
    if let Some(wait) = config.get_tcp_user_timeout() {
        let millis = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        sockopt::set_tcp_user_timeout(wire, millis)?;
    }
    Ok(())
}

fn tls(config: &Config) -> Result<Tls, Problem> {
    Tls::new(verified(config)).map_err(|why| no_tls(&why))
}

fn no_tls(why: &str) -> Problem {
    Problem::failed("data-source", format!("TLS cannot be used here: {why}"))
}

/// Runs a connection; its end is seen by the client's next query.
fn driven<S, T>(connection: Connection<S, T>) -> JoinHandle<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        let _ = connection.await;
    })
}

fn not_entered(config: &Config, why: &str) -> Problem {
    let name = |host: &Host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    };
    let at = config.get_hosts().iter().map(name).collect::<Vec<_>>().join(", ");
    let message = format!("cannot enter the database at {at}: {why}");
    Problem::failed("data-source", message)
        .hint("is it there, and may this machine reach it? `?sslmode=` says how TLS is spoken: disable, prefer, require or verify-full")
        .retryable()
}

/// A failure in Postgres' own words. Its detail may quote a row, so only the message is told.
pub(crate) fn words(error: &tokio_postgres::Error) -> String {
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
