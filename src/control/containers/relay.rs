//! The ways from containers to devenv's own servers: on the bridge's gateway address, at each server's
//! usual port, a connection is passed on to where the server listens on loopback. A rootless engine has its
//! bridges in a network of its own: there the listeners are made inside of it ([`Doors`]).
//!
//! Invariant: bound to the gateway addresses of the environment's own networks and to nothing else, and
//! only while the part `network` runs. Loopback alone cannot be reached from a container.

use super::super::environment::USUAL;
use crate::runtime::engine::doors::{Opened, Way};
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections at once through one relay; more wait.
const CONNECTIONS_MAX: usize = 1024;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Relays that end when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Relays {
    tasks: JoinSet<()>,
}

impl Relays {
    /// Opens the ways on `address`; `Ok(false)` where that is no address of this machine (the engine
    /// runs in a virtual machine, whose own forwarding then has to do). With `is_late` it will be one.
    pub(super) fn open(
        &mut self,
        address: IpAddr,
        is_late: bool,
        ports: &BTreeMap<String, u16>,
    ) -> Result<bool, String> {
        for (at, to) in ways(address, ports) {
            let listener = match listen(at, is_late) {
                Ok(listener) => listener,
                Err(error) if is_elsewhere(&error) => return Ok(false),
                Err(error) => return Err(format!("{at} cannot be opened for {to}: {error}")),
            };
            self.tasks.spawn(pass(listener, to));
        }
        Ok(true)
    }
}

/// From which addresses of a network to which servers.
pub(super) fn ways(
    gateway: IpAddr,
    ports: &BTreeMap<String, u16>,
) -> impl Iterator<Item = (SocketAddr, SocketAddr)> + '_ {
    USUAL.into_iter().filter_map(move |(part, usual)| {
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, *ports.get(part)?));
        Some((SocketAddr::from((gateway, usual)), to))
    })
}

/// The same ways inside the network of a rootless engine, until this is dropped.
#[derive(Debug)]
pub(super) struct Doors {
    way: Way,
    ways: Vec<(SocketAddr, SocketAddr)>,
    /// By their place in `ways`.
    passing: tokio::sync::Mutex<BTreeMap<usize, JoinSet<()>>>,
    /// Keeps the engine's network until the first container does.
    _first: Opened,
}

impl Doors {
    pub(super) async fn open(
        way: Way,
        ways: Vec<(SocketAddr, SocketAddr)>,
    ) -> Result<Doors, String> {
        let mut first = enter(&way, &ways).await?;
        let mut passing = BTreeMap::new();
        take(&mut first, &ways, &mut passing)?;
        Ok(Doors { way, ways, passing: passing.into(), _first: first })
    }

    /// Opens what is not open: a container that started may be the first of another network of the engine.
    pub(super) async fn again(&self) -> Result<(), String> {
        let mut passing = self.passing.lock().await;
        let mut opened = enter(&self.way, &self.ways).await?;
        take(&mut opened, &self.ways, &mut passing)?;
        opened.close().await;
        Ok(())
    }
}

async fn enter(way: &Way, ways: &[(SocketAddr, SocketAddr)]) -> Result<Opened, String> {
    let helper = std::env::current_exe().map_err(|error| format!("devenv itself: {error}"))?;
    way.open(&helper, ways.iter().map(|(at, _)| *at).collect()).await
}

/// Passes on what comes to new listeners; those that they replace lead nowhere.
fn take(
    opened: &mut Opened,
    ways: &[(SocketAddr, SocketAddr)],
    passing: &mut BTreeMap<usize, JoinSet<()>>,
) -> Result<(), String> {
    let listeners = std::mem::take(&mut opened.listeners).into_iter().zip(ways).enumerate();
    for (n, (listener, (_, to))) in listeners {
        let Some(listener) = listener else { continue };
        let listener = TcpListener::from_std(listener).map_err(|error| error.to_string())?;
        let mut task = JoinSet::new();
        task.spawn(pass(listener, *to));
        passing.insert(n, task);
    }
    Ok(())
}

fn listen(address: SocketAddr, is_late: bool) -> Result<TcpListener, Error> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    #[cfg(target_os = "linux")]
    if is_late && address.is_ipv4() {
        // Podman's bridge has its address from the first container on.
        rustix::net::sockopt::set_ip_freebind(&socket, true)?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = is_late;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn is_elsewhere(error: &Error) -> bool {
    error.kind() == ErrorKind::AddrNotAvailable
}

async fn pass(listener: TcpListener, to: SocketAddr) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        while connections.try_join_next().is_some() {}
        let Ok((mut from, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            continue;
        };
        connections.spawn(async move {
            let _place = place;
            let Ok(mut to) = TcpStream::connect(to).await else { return };
            let _ = (from.set_nodelay(true), to.set_nodelay(true));
            // Either side's end is the end; there is nobody to tell of it.
            let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
        });
    }
}
