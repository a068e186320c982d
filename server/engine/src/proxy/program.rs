//! The program: it listens, serves connections, and lets them end when it is asked to.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::FromRawFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, Rlimit, getpid, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::control;
use super::forward::{Client, forward};
use super::routing::Router;
use crate::mapped;

/// The most bytes of a head, and of a body that are in memory on one side of one request.
pub const BUFFER: usize = 64 << 10;
/// How many connections wait at most until they are accepted; the kernel may allow fewer.
const BACKLOG: u32 = 4096;
/// The descriptor that a handed over socket is at (see `sd_listen_fds(3)`).
const PLACE: i32 = 3;
/// When it lets go of the code that only the start needed.
const SETTLED: Duration = Duration::from_secs(30);
/// How often the routes are read while it ends: another proxy is the one that is told of changes then.
const LOOK: Duration = Duration::from_millis(250);

/// How long things may take, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The head of a request, and the pause before it on a connection that is kept.
    pub head: Duration,
    /// A connection to a target.
    pub connect: Duration,
    /// All attempts to make one for a request.
    pub wait: Duration,
    /// How long connections without a request are kept while it ends, so that a request that is on its way is answered.
    pub linger: Duration,
    /// What is under way when it is asked to end.
    pub drain: Duration,
    /// Connections at a time; more wait to be accepted.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { head: seconds(30), connect: seconds(2), wait: seconds(10), linger: seconds(2), drain: seconds(30), connections: 10_000 }
    }
}

/// What all of its parts share.
pub struct Proxy {
    /// Where its routes are.
    pub folder: PathBuf,
    /// How long things may take.
    pub limits: Limits,
    /// Where requests go.
    pub router: Router,
    /// Connections that speak another protocol by now.
    pub tunnels: TaskTracker,
    connections: TaskTracker,
    draining: CancellationToken,
    ending: CancellationToken,
}

/// Stands in front of a service until SIGTERM or SIGINT. The arguments, after the name of the command: `--folder DIR --port PORT`.
///
/// It listens on the socket that it is handed as systemd hands one over, so that another can take its place without a break, and otherwise on
/// that port of 127.0.0.1. Must be called before threads are started.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Some((folder, port)) = parse(args) else {
        complain("usage: proxy --folder DIR --port PORT (Pilothouse calls this; it is of no use by hand)");
        return ExitCode::from(2);
    };
    // One thread: what a request needs is a few microseconds, and nothing here waits but for the network. It is as fast as a core, which is more
    // than most services are, takes no memory for others, and no request is handed from one processor to another.
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = built.and_then(|runtime| runtime.block_on(run(folder, port)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn parse(args: impl IntoIterator<Item = OsString>) -> Option<(PathBuf, u16)> {
    let mut args = args.into_iter();
    let (mut folder, mut port) = (None, None);
    while let Some(flag) = args.next() {
        let value = args.next()?;
        match flag.to_str()? {
            "--folder" => folder = Some(PathBuf::from(value)),
            "--port" => port = Some(value.to_str()?.parse().ok()?),
            _ => return None,
        }
    }
    Some((folder?, port?))
}

async fn run(folder: PathBuf, port: u16) -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut limits = Limits::default();
    // Each connection may need another one to a target.
    limits.connections = limits.connections.min(descriptors() / 2);
    let listener = handed_over().unwrap_or_else(|| bind(port)).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("its port {port} can't be listened on: {error}; free that port, or give the service another one"),
        )
    })?;
    let proxy = Proxy::new(folder, limits);
    if let Err(why) = proxy.router.reload(&proxy.folder) {
        complain(&format!("{why}; until there are routes, nothing answers"));
    }
    let socket = control::listen(&proxy.folder)
        .map_err(|error| io::Error::new(error.kind(), format!("Pilothouse can't be listened to in {}: {error}", proxy.folder.display())))?;
    tokio::spawn(control::serve(proxy.clone(), socket));
    say(&format!("listens on http://{}", listener.local_addr()?));
    tokio::spawn(async {
        tokio::time::sleep(SETTLED).await;
        mapped::let_go();
    });
    tokio::select! {
        () = proxy.accept(&listener) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    drop(listener);
    say("is to end: what is under way is answered");
    let cut = proxy.drain().await;
    say(&if cut == 0 { "has ended".to_owned() } else { format!("has ended; {cut} connections were cut") });
    Ok(())
}

impl Proxy {
    /// One without routes.
    pub fn new(folder: PathBuf, limits: Limits) -> Arc<Self> {
        let (tunnels, connections) = (TaskTracker::new(), TaskTracker::new());
        let (draining, ending) = (CancellationToken::new(), CancellationToken::new());
        Arc::new(Self { folder, limits, router: Router::new(), tunnels, connections, draining, ending })
    }

    /// Whether it was asked to end.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Accepts connections and serves them.
    pub async fn accept(self: &Arc<Self>, listener: &TcpListener) {
        let room = Arc::new(Semaphore::new(self.limits.connections));
        let mut is_out = false;
        loop {
            let Ok(place) = room.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    is_out = false;
                    self.connections.spawn(self.clone().serve(stream, Client { peer: peer.ip(), _place: place }));
                }
                Err(error) => {
                    // Out of descriptors, most likely: wait for connections to end.
                    if !std::mem::replace(&mut is_out, true) {
                        complain(&format!("a connection can't be accepted: {error}"));
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, client: Client) {
        // It is only slower without.
        let _ = stream.set_nodelay(true);
        let client = Arc::new(client);
        let service = service_fn(|request| {
            let forwarded = forward(self.clone(), client.clone(), request);
            async move { Ok::<_, Infallible>(forwarded.await) }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.limits.head).max_buf_size(BUFFER).auto_date_header(false);
        let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
        // How a client breaks off is its own affair.
        tokio::select! {
            _ = connection.as_mut() => return,
            () = self.ending.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    /// Lets what is under way end; answers how many connections were still there when the time was over.
    ///
    /// From here on each answer says that its connection is closed after it. Those without a request are kept for a moment, because a client that
    /// sends one while it is closed gets an error; then they are closed.
    pub async fn drain(self: &Arc<Self>) -> usize {
        self.draining.cancel();
        self.connections.close();
        self.tunnels.close();
        let all = async {
            self.connections.wait().await;
            self.tunnels.wait().await;
        };
        let follow = async {
            loop {
                tokio::time::sleep(LOOK).await;
                // Whoever is asked says what is wrong with them.
                let _ = self.router.reload(&self.folder);
            }
        };
        let close = async {
            tokio::time::sleep(self.limits.linger).await;
            self.ending.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = all => {}
            () = follow => {}
            () = close => {}
            () = tokio::time::sleep(self.limits.drain) => {}
        }
        self.connections.len() + self.tunnels.len()
    }
}

/// The socket that was handed over; none when there is none.
fn handed_over() -> Option<io::Result<TcpListener>> {
    let is_own = std::env::var("LISTEN_PID").ok()?.parse() == Ok(getpid().as_raw_nonzero().get());
    if !is_own || std::env::var("LISTEN_FDS").ok()? != "1" {
        return None;
    }
    #[expect(unsafe_code, reason = "the number is all that says which descriptor it is")]
    // SAFETY: whoever started this process says that the descriptor is handed to it; nothing else here knows of it.
    let listener = unsafe { std::net::TcpListener::from_raw_fd(PLACE) };
    Some(listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)))
}

fn bind(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
}

/// Takes as many descriptors as the system allows; answers how many are left for connections.
fn descriptors() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let allowed = if raised.is_ok() { maximum } else { current };
    allowed.and_then(|allowed| usize::try_from(allowed).ok()).unwrap_or(usize::MAX).saturating_sub(64).max(2)
}

/// Writes to standard output, which is the log. Where that can't be, on a full disk above all, nothing may come of it.
pub fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Writes to standard error.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
#[path = "program_tests.rs"]
mod tests;
