//! The baseline: hyper alone. Reads the body and answers with bytes at hand; a large one it streams from
//! a file as fast as we know how to: a blocking thread reads 256 KiB at a time ahead of the connection.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use std::io::Read;
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;

/// Bytes of the large answer.
const LARGE_BYTES: usize = 64 * 1024 * 1024;
/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;
/// Reads that wait for the connection.
const READS_WAITING: usize = 3;

/// Serves for ever; its file lies in `dir`.
pub(crate) async fn serve(listener: TcpListener, dir: &Path) {
    std::fs::create_dir_all(dir).expect("a directory for the file");
    let large = dir.join("large");
    std::fs::write(&large, vec![b'x'; LARGE_BYTES]).expect("a file to stream");
    let answers = Answers {
        // As long as SQS's answer to SendMessage.
        short: Bytes::from(vec![b'x'; 300]),
        kib: Bytes::from(vec![b'x'; 1024]),
        large,
    };
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // Without it the measurement would be one of delayed acknowledgements; if it fails, that shows.
        let _ = stream.set_nodelay(true);
        let answers = answers.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(answers.clone(), request));
            let connection = hyper::server::conn::http1::Builder::new();
            // A client that leaves is no error of the baseline.
            let _ = connection.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

#[derive(Clone)]
struct Answers {
    short: Bytes,
    kib: Bytes,
    large: PathBuf,
}

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

async fn answer(answers: Answers, request: Request<Incoming>) -> std::io::Result<Response<Body>> {
    let bytes = match (request.method(), request.uri().path()) {
        (&Method::GET, "/bench/large") => return file(&answers.large),
        (&Method::GET, _) => answers.kib,
        _ => answers.short,
    };
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    Ok(Response::new(Full::new(bytes).map_err(|never| match never {}).boxed_unsync()))
}

fn file(path: &Path) -> std::io::Result<Response<Body>> {
    let mut file = std::fs::File::open(path)?;
    let (reads, arriving) = tokio::sync::mpsc::channel(READS_WAITING);
    tokio::task::spawn_blocking(move || {
        loop {
            let mut chunk = vec![0; READ_BYTES];
            match file.read(&mut chunk) {
                Ok(0) => return,
                Ok(n) => chunk.truncate(n),
                // The connection ends early; the client counts that as a failure.
                Err(_) => return,
            }
            if reads.blocking_send(Bytes::from(chunk)).is_err() {
                return;
            }
        }
    });
    let frames = futures_util::stream::unfold(arriving, |mut arriving| async move {
        let chunk: Bytes = arriving.recv().await?;
        Some((Ok(Frame::data(chunk)), arriving))
    });
    Response::builder()
        .header("content-length", LARGE_BYTES)
        .body(StreamBody::new(frames).boxed_unsync())
        .map_err(std::io::Error::other)
}
