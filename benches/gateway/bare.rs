//! The baseline: hyper alone. Reads the body and answers with bytes at hand.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use tokio::net::TcpListener;

/// Serves for ever.
pub(crate) async fn serve(listener: TcpListener) {
    let answers = Answers {
        // As long as SQS's answer to SendMessage.
        short: Bytes::from(vec![b'x'; 300]),
        kib: Bytes::from(vec![b'x'; 1024]),
        large: Bytes::from(vec![b'x'; 64 * 1024 * 1024]),
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
    large: Bytes,
}

async fn answer(
    answers: Answers,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let bytes = match (request.method(), request.uri().path()) {
        (&Method::GET, "/bench/large") => answers.large,
        (&Method::GET, _) => answers.kib,
        _ => answers.short,
    };
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    Ok(Response::new(Full::new(bytes)))
}
