//! The accept loop: one task a connection, HTTP/1.1 and HTTP/2 by the first bytes.

use super::dispatch::Cut;
use super::gateway::Edge;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// Connections at once at the most; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 8192;
/// A head that does not arrive within this time ends its connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// What requests under way get to finish when the gateway stops; long polls are cut off.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);
/// Bytes that an HTTP/1 connection reads ahead or gathers at the most: with hyper's own 400 KiB sixteen
/// large uploads would not stay below 60 MB. A size of the allocator's own: at 256 KiB each took 320.
const BUFFER_BYTES: usize = 224 * 1024;
/// HTTP/2 flow-control window of a stream, in bytes.
const WINDOW_BYTES: u32 = 1024 * 1024;

/// A fault wants this connection to end without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut by devenv faults")]
struct CutError;

/// Serves until `stop` says so.
pub(super) async fn serve(listener: TcpListener, edge: Arc<Edge>, mut stop: watch::Receiver<bool>) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(BUFFER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(4 * WINDOW_BYTES);
    let builder = Arc::new(builder);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, mostly: wait for some to be given back.
                tracing::warn!(%error, "gateway: accept failed");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        // Without it small answers wait for the peer's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let edge = edge.clone();
        let service = service_fn(move |request| {
            let answering = edge.clone().answer(request);
            async move {
                let answer = answering.await;
                match answer.extensions().get::<Cut>() {
                    None => Ok(answer),
                    Some(_) => Err(CutError),
                }
            }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "gateway: a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await;
}
