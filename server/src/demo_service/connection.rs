//! One connection: requests are read, answered by the shop, and written to the log as uvicorn writes them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::shop::{Answer, Shop};

/// The most of a request body that is read.
const BODY_BYTES: usize = 64 * 1024;

/// How long the head of a request may take.
const HEAD_LIMIT: Duration = Duration::from_secs(30);

/// Serves a connection until its end or that of the service.
pub(super) async fn serve(shop: Arc<Shop>, stream: TcpStream, peer: SocketAddr) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(shop.clone(), request, peer));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT).max_buf_size(16 * 1024);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    // How a client breaks off is its own affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = shop.closing.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn answer(shop: Arc<Shop>, request: Request<Incoming>, peer: SocketAddr) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let answer = match Limited::new(body, BODY_BYTES).collect().await {
        Ok(body) => shop.answer(head.method.as_str(), head.uri.path(), &body.to_bytes(), peer).await,
        Err(_) => Answer::failure(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 64 KiB"),
    };
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    response.headers_mut().insert(CONTENT_TYPE, answer.content_type);
    Ok(response)
}
