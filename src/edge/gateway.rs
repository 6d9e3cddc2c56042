//! The gateway as one thing to start and stop: state file, services, listeners.

use super::auth::{Auth, Gate};
use super::dispatch::{Dispatch, guarded};
use super::faults::Faults;
use super::lending::{self, Lending};
use super::proxy::{Proxies, Proxy};
use super::request_ids::RequestIds;
use super::upstream::Upstreams;
use super::{pages, serve};
use crate::base::Problem;
use crate::profile::Upstream;
use crate::protocol::{Answer, streaming};
use crate::services::{Background, Clock, Pending, Services, registry};
use crate::storage::{Layout, Storage};
use axum::Router;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower::ServiceExt;

/// Connections that the kernel keeps for us while we are busy.
const BACKLOG: u32 = 1024;

/// What a gateway needs.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The directory of `state.db` and `blobs/`, made if it is missing (mode 0700).
    pub state_dir: PathBuf,
    /// How far requests are authenticated.
    pub auth: Auth,
    /// Who gives leases of the environment around it.
    pub lending: Lending,
    /// Who answers for services that devenv does not serve.
    pub upstreams: BTreeMap<String, Upstream>,
    /// Where relative paths in them begin.
    pub project: PathBuf,
    /// The faults in force from the beginning, as `POST /_devenv/faults` takes them.
    pub faults: Vec<serde_json::Value>,
    /// Ways to other servers on which faults can be done.
    pub proxies: Vec<Proxy>,
    /// What ids and the clock of a fresh state follow from.
    pub seed: Option<u64>,
}

impl GatewayConfig {
    /// A gateway at `listen` with its state in `state_dir` and the defaults for all else.
    pub fn new(listen: SocketAddr, state_dir: PathBuf) -> Self {
        GatewayConfig {
            listen,
            auth: Auth::default(),
            lending: Lending::default(),
            upstreams: BTreeMap::new(),
            project: state_dir.clone(),
            faults: Vec::new(),
            proxies: Vec::new(),
            seed: None,
            state_dir,
        }
    }
}

/// A running gateway.
pub struct Gateway {
    address: SocketAddr,
    services: Services,
    storage: Storage,
    background: Background,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    _proxies: Proxies,
}

impl Gateway {
    /// Opens the state, binds the port and serves. When this returns, requests are answered.
    pub async fn start(config: GatewayConfig) -> Result<Gateway, Problem> {
        let listener = listen(config.listen)?;
        let address =
            listener.local_addr().map_err(|e| Problem::failed("listen", e.to_string()))?;
        make_private_dir(&config.state_dir)?;
        let (schemas, replays) = (registry::schemas(), registry::replays());
        let layout = Layout {
            schemas: &schemas,
            replays: &replays,
            blank: registry::BLANK,
            seed: config.seed,
        };
        let storage = Storage::open_with(&config.state_dir.join("state.db"), &layout)?;
        let clock = Clock::open(&storage)?;
        if storage.draws().is_seeded_anew() {
            clock.start_over().await?;
        }
        let services = Services::open(&storage, &clock, &config.state_dir)?;
        let background = Background::start(services.workers(), &clock);
        let dispatch = Dispatch::new(
            services.all(),
            Gate::new(config.auth, services.sts.credentials(), services.sts.judge(), clock),
            Upstreams::open(&config.upstreams, &config.project)?,
            Faults::new(&config.proxies, &config.faults)?,
            RequestIds::new(&storage),
        );
        let edge = Arc::new(Edge::new(dispatch, &config.lending));
        let proxies = Proxies::open(&config.proxies, &edge.dispatch).await?;
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve::serve(listener, edge, stopped));
        Ok(Gateway { address, services, storage, background, stop, serving, _proxies: proxies })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The services behind it.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Stops accepting, lets requests under way finish for a moment, and closes the state file.
    pub async fn shutdown(self) {
        self.services.all().iter().for_each(|service| service.stopping());
        let _ = self.stop.send(true);
        let _ = self.serving.await;
        self.background.stop().await;
        let storage = self.storage;
        let _ = tokio::task::spawn_blocking(move || storage.close()).await;
    }
}

/// What stands behind every connection: the guard, then devenv's own pages or a service.
pub(super) struct Edge {
    dispatch: Arc<Dispatch>,
    pages: Router,
}

impl Edge {
    fn new(dispatch: Dispatch, lending: &Lending) -> Edge {
        let dispatch = Arc::new(dispatch);
        let aws = dispatch.clone();
        let routes = pages::routes().merge(lending::routes(lending));
        let pages =
            routes.with_state(dispatch.clone()).fallback(move |request: axum::extract::Request| {
                let aws = aws.clone();
                async move { aws.answer(request).await }
            });
        Edge { dispatch, pages }
    }

    /// Answers a request. The guard stands before every address, devenv's own pages included. The
    /// future is in a box of its own: hyper moves what it is given several times.
    pub(super) fn answer(
        self: Arc<Self>,
        request: http::Request<hyper::body::Incoming>,
    ) -> Pending<'static, Answer> {
        let (parts, body) = request.into_parts();
        if let Err(refused) = guarded(&parts) {
            return Box::pin(std::future::ready(refused));
        }
        let request = http::Request::from_parts(parts, body);
        if !request.uri().path().starts_with("/_") {
            return Box::pin(async move { self.dispatch.answer(request).await });
        }
        Box::pin(async move {
            match self.pages.clone().oneshot(request).await {
                Ok(answer) => answer.map(streaming),
                Err(never) => match never {},
            }
        })
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, Problem> {
    let bind = || -> std::io::Result<TcpListener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    bind().map_err(|error| {
        Problem::in_the_way(
            "port-taken",
            format!("the gateway cannot listen on {address}: {error}"),
        )
        .hint("stop what listens there, or set `port = \"auto\"` in devenv.toml")
    })
}

fn make_private_dir(dir: &std::path::Path) -> Result<(), Problem> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| {
        Problem::in_the_way(
            "state-unwritable",
            format!("the state directory {} cannot be made: {error}", dir.display()),
        )
        .hint("check the owner and mode of the directory above it")
    })
}
