//! The ways to Postgres and Redis that faults can be done on: a port each, from which connections are
//! passed on to the server byte by byte.
//!
//! Invariant: a request that no fault hits passes unchanged and leaves no trace. What the client sends
//! from the moment the server has last spoken is one request, however it is cut into packets.

mod told;

pub(super) use told::Told;

use super::dispatch::Dispatch;
use super::faults::Strike;
use crate::base::Problem;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, tcp};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections at once through one proxy; more wait.
const CONNECTIONS_MAX: usize = 1024;
/// Bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;
/// Between tries where the machine has no room for another connection.
const FULL_PACE: Duration = Duration::from_millis(20);

/// Which protocol passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Postgres' frontend protocol.
    Postgres,
    /// Redis' RESP.
    Redis,
}

impl Kind {
    /// The name by which faults and the journal know it.
    pub const fn service(self) -> &'static str {
        match self {
            Kind::Postgres => "postgres",
            Kind::Redis => "redis",
        }
    }
}

/// A proxy: what passes, where it listens, where the server is; both on loopback.
#[derive(Debug, Clone, Copy)]
pub struct Proxy {
    /// Which protocol passes.
    pub kind: Kind,
    /// Where clients come.
    pub listen: u16,
    /// Where the server listens.
    pub server: u16,
}

/// Proxies that end when this is dropped.
#[derive(Default)]
pub(super) struct Proxies {
    _tasks: JoinSet<()>,
}

impl Proxies {
    /// Opens all of them.
    pub(super) async fn open(
        proxies: &[Proxy],
        dispatch: &Arc<Dispatch>,
    ) -> Result<Proxies, Problem> {
        let mut tasks = JoinSet::new();
        for proxy in proxies.iter().copied() {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, proxy.listen));
            let listener = TcpListener::bind(address).await.map_err(|error| {
                let of = proxy.kind.service();
                let message = format!("the proxy of {of} cannot listen on {address}: {error}");
                Problem::in_the_way("port-taken", message)
            })?;
            tasks.spawn(accept(listener, proxy, dispatch.clone()));
        }
        Ok(Proxies { _tasks: tasks })
    }
}

async fn accept(listener: TcpListener, proxy: Proxy, dispatch: Arc<Dispatch>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        while connections.try_join_next().is_some() {}
        let Ok((client, _)) = listener.accept().await else {
            tokio::time::sleep(FULL_PACE).await;
            continue;
        };
        let dispatch = dispatch.clone();
        connections.spawn(async move {
            let _place = place;
            // Either side's end is the end; there is nobody to tell of it.
            let _ = pass(client, proxy, dispatch).await;
        });
    }
}

/// Why a connection ends that neither side has ended.
fn cut() -> std::io::Error {
    std::io::Error::other("cut by devenv faults")
}

async fn pass(client: TcpStream, proxy: Proxy, dispatch: Arc<Dispatch>) -> std::io::Result<()> {
    let talk = Talk { kind: proxy.kind, dispatch, begins: true.into(), cut: Mutex::default() };
    talk.strike(&Told::connect()).await?;
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.server)).await?;
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // The error of one drops the other, and with it both connections.
    tokio::try_join!(talk.ask(from_client, to_server), talk.answer(from_server, to_client))?;
    Ok(())
}

/// One connection's two directions. Each is read and written by itself: a server that waits until its
/// answers are read must not keep us from reading them.
struct Talk {
    kind: Kind,
    dispatch: Arc<Dispatch>,
    /// The server has spoken since the client last did, so what comes is a new request.
    begins: AtomicBool,
    /// Bytes of the answer that still pass, where a fault counts them; nothing of it passes at `None`.
    cut: Mutex<Option<Option<u64>>>,
}

impl Talk {
    async fn ask(
        &self,
        mut from: tcp::OwnedReadHalf,
        mut to: tcp::OwnedWriteHalf,
    ) -> std::io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let length = from.read(&mut buffer).await?;
            if length == 0 {
                return to.shutdown().await;
            }
            let bytes = &buffer[..length];
            if self.begins.swap(false, Ordering::AcqRel)
                && let Some(told) = Told::read(self.kind, bytes)
            {
                self.strike(&told).await?;
            }
            to.write_all(bytes).await?;
        }
    }

    async fn answer(
        &self,
        mut from: tcp::OwnedReadHalf,
        mut to: tcp::OwnedWriteHalf,
    ) -> std::io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let length = from.read(&mut buffer).await?;
            if length == 0 {
                return to.shutdown().await;
            }
            self.begins.store(true, Ordering::Release);
            let passing = self.passing(length);
            to.write_all(&buffer[..passing]).await?;
            if passing < length {
                return Err(cut());
            }
        }
    }

    /// How many of `length` bytes of an answer pass.
    fn passing(&self, length: usize) -> usize {
        let mut cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(left) = cut.as_mut() else { return length };
        let passing = usize::try_from(left.unwrap_or(0)).unwrap_or(usize::MAX).min(length);
        *left = left.map(|left| left - passing as u64);
        passing
    }

    /// Does to a request what the faults say: waits, ends the connection by an error, or notes where the
    /// answer is to be cut.
    async fn strike(&self, told: &Told) -> std::io::Result<()> {
        let struck = self.dispatch.strike_wire(self.kind.service(), told);
        let Some((Strike { wait, drop_before, cut: at, .. }, note)) = struck else {
            return Ok(());
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        // Written here: the journal has how long it was kept waiting.
        drop(note);
        if drop_before {
            return Err(cut());
        }
        if at.is_some() {
            *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = at;
        }
        Ok(())
    }
}
