//! A small HTTP client for health checks and scrapes: one connection to a port of this machine, used for a check and the scrape that
//! is due with it, then closed. Servers such as uvicorn close what is idle for 5 s, so keeping it from one round to the next gains nothing.

use std::net::Ipv4Addr;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The most of a body that is read.
pub(super) const BODY_BYTES: usize = 4 * 1024 * 1024;

/// The most of a head that is read.
const HEAD_BYTES: usize = 32 * 1024;

/// Why there is no answer, in words that follow what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// Nothing listens there.
    #[error("connection refused")]
    Refused,
    /// No answer in time.
    #[error("no answer within {0} s")]
    TimedOut(u64),
    /// The connection was closed before the answer was complete.
    #[error("the connection was closed without an answer")]
    Closed,
    /// What came isn't HTTP.
    #[error("the answer is not HTTP")]
    NotHttp,
    /// The body is larger than what is read.
    #[error("the answer is larger than {} MiB", BODY_BYTES >> 20)]
    TooLarge,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// A connection to a service.
pub(super) struct Connection {
    port: u16,
    sender: http1::SendRequest<Empty<Bytes>>,
    driver: Pin<Box<http1::Connection<TokioIo<TcpStream>, Empty<Bytes>>>>,
    is_closed: bool,
}

impl Connection {
    /// Connects to that port of the loopback address.
    pub async fn open(port: u16, limit: Duration) -> Result<Self, Failure> {
        let connect = async {
            let stream = dial(port).await?;
            let made = http1::Builder::new().max_buf_size(HEAD_BYTES).handshake(TokioIo::new(stream)).await;
            let (sender, driver) = made.map_err(std::io::Error::other)?;
            Ok(Self { port, sender, driver: Box::pin(driver), is_closed: false })
        };
        match tokio::time::timeout(limit, connect).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(explain_io(&error)),
            Err(_) => Err(Failure::TimedOut(whole_seconds(limit))),
        }
    }

    /// Asks for `path` and gives the body, piece by piece, to `take` when the status is 200. Redirects are not followed.
    pub async fn get(&mut self, path: &str, limit: Duration, take: impl FnMut(&[u8]) + Send) -> Result<StatusCode, Failure> {
        tokio::time::timeout(limit, self.exchange(path, take)).await.unwrap_or(Err(Failure::TimedOut(whole_seconds(limit))))
    }

    async fn exchange(&mut self, path: &str, mut take: impl FnMut(&[u8]) + Send) -> Result<StatusCode, Failure> {
        let (sender, driver, is_closed) = (&mut self.sender, &mut self.driver, &mut self.is_closed);
        let port = self.port;
        let request = async move {
            sender.ready().await?;
            let request = Request::get(path)
                .header(HOST, format!("127.0.0.1:{port}"))
                .header(USER_AGENT, concat!("Pilothouse/", env!("CARGO_PKG_VERSION")))
                .header(ACCEPT, "*/*")
                .body(Empty::new());
            let request = match request {
                Ok(request) => request,
                Err(error) => return Ok(Err(Failure::Other(error.to_string()))),
            };
            let response = sender.send_request(request).await?;
            let (status, mut body) = (response.status(), response.into_body());
            let mut length = 0;
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame?.into_data() else { continue };
                length += data.len();
                if length > BODY_BYTES {
                    return Ok(Err(Failure::TooLarge));
                }
                if status == StatusCode::OK {
                    take(&data);
                }
            }
            Ok(Ok(status))
        };
        tokio::pin!(request);
        let done: Result<_, hyper::Error> = if *is_closed {
            request.await
        } else {
            tokio::select! {
                biased;
                done = &mut request => done,
                ended = driver => {
                    *is_closed = true;
                    match ended {
                        Err(error) => Err(error),
                        Ok(()) => request.await,
                    }
                }
            }
        };
        done.unwrap_or_else(|error| Err(explain(&error)))
    }

    /// Whether another request can't be sent: the service closes connections after each answer.
    pub fn is_closed(&self) -> bool {
        self.is_closed || self.sender.is_closed()
    }
}

/// Connects to that port of the loopback address, and closes the connection. With `stays` it must stay open for so long, unless
/// something is said on it: what forwards a port takes connections although nobody is behind it.
pub(super) async fn connect(port: u16, limit: Duration, stays: Option<Duration>) -> Result<(), Failure> {
    let dialled = tokio::time::timeout(limit, dial(port)).await.map_err(|_| Failure::TimedOut(whole_seconds(limit)))?;
    let stream = dialled.map_err(|error| explain_io(&error))?;
    let Some(stays) = stays else { return Ok(()) };
    match tokio::time::timeout(stays, stream.peek(&mut [0])).await {
        Ok(Ok(0)) => Err(Failure::Closed),
        Ok(Err(error)) => Err(explain_io(&error)),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

async fn dial(port: u16) -> std::io::Result<TcpStream> {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await
}

fn whole_seconds(limit: Duration) -> u64 {
    limit.as_millis().div_ceil(1000) as u64
}

fn explain(error: &hyper::Error) -> Failure {
    if error.is_parse() {
        return Failure::NotHttp;
    }
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    match cause {
        Some(cause) => explain_io(cause),
        None if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => Failure::Closed,
        None => Failure::Other(error.to_string()),
    }
}

fn explain_io(error: &std::io::Error) -> Failure {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, UnexpectedEof};
    match error.kind() {
        ConnectionRefused => Failure::Refused,
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => Failure::Closed,
        _ => Failure::Other(error.to_string()),
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
pub(super) mod tests;
