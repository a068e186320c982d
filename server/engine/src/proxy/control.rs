//! The socket that the proxy answers Pilothouse on, and how Pilothouse asks.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::fs::{Mode, OFlags};
use rustix::process::{getpid, getuid};
use tokio::net::{UnixListener, UnixStream};

use super::program::Proxy;
use super::{CONTROL, Status};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most bytes of an answer: those of as many targets as are remembered.
const ANSWER_BYTES: usize = 8 << 20;

/// What Pilothouse asks a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// To follow the routes as they are in its folder now.
    Reload,
    /// What has come.
    Status,
}

/// Asks the proxy of that folder; with [`Ask::Reload`] it follows the new routes when this answers.
///
/// # Errors
/// When it doesn't run or doesn't answer within 2 seconds (`TimedOut`), or can't use its routes: in its own words then.
pub async fn ask(folder: &Path, what: Ask) -> io::Result<Status> {
    tokio::time::timeout(PATIENCE, exchange(folder, what)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn exchange(folder: &Path, what: Ask) -> io::Result<Status> {
    let directory = open(folder)?;
    let stream = UnixStream::connect(place(&directory, CONTROL)).await?;
    drop(directory);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let (method, path) = match what {
        Ask::Reload => (Method::POST, "/reload"),
        Ask::Status => (Method::GET, "/status"),
    };
    let request =
        Request::builder().method(method).uri(path).header(HOST, "proxy").body(Empty::<Bytes>::new()).map_err(io::Error::other)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await.map_err(io::Error::other)?.to_bytes();
        if status != StatusCode::OK {
            return Err(io::Error::other(String::from_utf8_lossy(&body).trim().to_owned()));
        }
        serde_json::from_slice(&body).map_err(io::Error::other)
    };
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // It is closed when all was said.
        _ = connection => answer.await,
    }
}

/// Listens in that folder, in the place of what has listened there before: a proxy that is still ending keeps its own, which nobody finds.
///
/// # Errors
/// When the socket can't be made.
pub fn listen(folder: &Path) -> io::Result<UnixListener> {
    let directory = open(folder)?;
    // Bound under another name first: nobody can connect before the mode is set.
    let draft = format!("{CONTROL}.{}", getpid());
    let _ = std::fs::remove_file(folder.join(&draft));
    let listener = UnixListener::bind(place(&directory, &draft))?;
    std::fs::set_permissions(folder.join(&draft), PermissionsExt::from_mode(0o600))?;
    std::fs::rename(folder.join(&draft), folder.join(CONTROL))?;
    Ok(listener)
}

/// Answers for ever. The socket is never removed: it may be that of another proxy by then.
pub async fn serve(proxy: Arc<Proxy>, listener: UnixListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) if is_trusted(&stream) => drop(tokio::spawn(connection(proxy.clone(), stream))),
            Ok(_) => {}
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn connection(proxy: Arc<Proxy>, stream: UnixStream) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = answer(&proxy, request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(response) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(8 << 10);
    // Who has asked and doesn't listen is told nothing.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

fn answer(proxy: &Proxy, method: &Method, path: &str) -> Response<Full<Bytes>> {
    let is_right = match (method, path) {
        (&Method::POST, "/reload") => proxy.router.reload(&proxy.folder),
        (&Method::GET, "/status") => Ok(()),
        (_, "/reload" | "/status") => return text(StatusCode::METHOD_NOT_ALLOWED, "POST /reload and GET /status are answered\n".into()),
        _ => return text(StatusCode::NOT_FOUND, "POST /reload and GET /status are answered\n".into()),
    };
    let json = is_right.and_then(|()| serde_json::to_vec(&proxy.router.status()).map_err(|error| error.to_string()));
    match json {
        Ok(json) => {
            let mut response = Response::new(Full::new(json.into()));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(why) => text(StatusCode::INTERNAL_SERVER_ERROR, why),
    }
}

fn text(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response
}

/// Whether it is this user, or root, that asks.
fn is_trusted(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == getuid().as_raw() || peer.uid() == 0)
}

fn open(folder: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// By way of a descriptor, because the path of a socket may have 108 bytes only.
fn place(directory: &OwnedFd, name: &str) -> String {
    format!("/proc/self/fd/{}/{name}", directory.as_raw_fd())
}
