//! Connections to one target.
//!
//! The pool is our own, of connections of hyper, and not the client of hyper-util: whether a connection can be made has to be known before a
//! body that can't be had twice is given away, so that another target can be tried, and hyper gives back a request that was never written
//! (`try_send_request`). What is left to do for a pool is then a list.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::program::{BUFFER, say};
use super::sent::Sent;
use super::stats::Counters;
use super::wire::{Wire, is_quiet};
use crate::Clock;

/// How long a connection is kept while it isn't used. Servers close those that are idle, gunicorn after 2 s, uvicorn and Node after 5 s, and what
/// is sent in that moment is lost; so they are never kept that long.
const KEPT: Duration = Duration::from_secs(1);
/// How many connections are kept.
const MOST_KEPT: usize = 256;

/// A connection that requests are sent on.
pub struct Sender {
    /// Sends them.
    pub requests: http1::SendRequest<Sent>,
    /// Where it sends them.
    stream: Arc<TcpStream>,
}

/// A target with its connections.
pub struct Upstream {
    /// What it is counted by.
    pub id: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// What has come of its requests.
    pub counters: Arc<Counters>,
    idle: Mutex<Idle>,
    /// Since when it can't be reached, in microseconds; 0 when it can.
    unreachable_since: AtomicI64,
}

#[derive(Default)]
struct Idle {
    /// The one that was used last is the last.
    connections: Vec<(Sender, Instant)>,
    /// Whether somebody closes those that aren't used.
    is_swept: bool,
    /// Whether it has left the routes, so that none is kept.
    is_retired: bool,
}

impl Upstream {
    /// One without connections.
    pub fn new(id: String, address: SocketAddr, counters: Arc<Counters>) -> Arc<Self> {
        let (idle, unreachable_since) = Default::default();
        Arc::new(Self { id, address, counters, idle, unreachable_since })
    }

    /// A connection that is open as far as is known; none when there is none.
    pub fn kept(&self) -> Option<Sender> {
        let mut idle = self.idle();
        let now = Instant::now();
        while let Some((sender, since)) = idle.connections.pop() {
            if now - since > KEPT {
                // Those below are older.
                idle.connections.clear();
            } else if sender.requests.is_ready() && is_quiet(&sender.stream) {
                return Some(sender);
            }
        }
        None
    }

    /// Makes a connection; says once that there is none, and once that there is one again.
    ///
    /// # Errors
    /// When it is refused, or isn't there after `limit`.
    pub async fn connect(&self, limit: Duration) -> io::Result<Sender> {
        let connect = async {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            let stream = Arc::new(stream);
            let io = TokioIo::new(Wire(stream.clone()));
            let (requests, connection) = http1::Builder::new().max_buf_size(BUFFER).handshake(io).await.map_err(io::Error::other)?;
            Ok((Sender { requests, stream }, connection))
        };
        let made = tokio::time::timeout(limit, connect).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        match made {
            Ok((sender, connection)) => {
                // How it ends is told to who sends on it.
                tokio::spawn(connection.with_upgrades());
                if self.unreachable_since.swap(0, Ordering::Relaxed) != 0 {
                    say(&format!("{} is reached again", self.address));
                }
                Ok(sender)
            }
            Err(error) => {
                let now = Clock::System.now().micros();
                if self.unreachable_since.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                    say(&format!("{} can't be reached: {error}", self.address));
                }
                Err(error)
            }
        }
    }

    /// Since when it can't be reached, in microseconds; none when it can.
    pub fn unreachable_since(&self) -> Option<i64> {
        Some(self.unreachable_since.load(Ordering::Relaxed)).filter(|since| *since != 0)
    }

    /// Keeps a connection for the next request, as soon as the answer to this one has come whole.
    pub fn keep(self: &Arc<Self>, mut sender: Sender) {
        if sender.requests.is_ready() {
            return self.put(sender);
        }
        let own = self.clone();
        tokio::spawn(async move {
            if sender.requests.ready().await.is_ok() {
                own.put(sender);
            }
        });
    }

    /// Closes what isn't used, now and from now on: it has left the routes.
    pub fn retire(&self) {
        let mut idle = self.idle();
        idle.is_retired = true;
        idle.connections.clear();
    }

    fn put(self: &Arc<Self>, sender: Sender) {
        let mut idle = self.idle();
        if idle.is_retired || idle.connections.len() >= MOST_KEPT {
            return;
        }
        idle.connections.push((sender, Instant::now()));
        if !std::mem::replace(&mut idle.is_swept, true) {
            tokio::spawn(self.clone().sweep());
        }
    }

    /// Closes what isn't used any more, until nothing is left: a proxy that nobody uses does nothing.
    async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(KEPT).await;
            let mut idle = self.idle();
            let now = Instant::now();
            idle.connections.retain(|(sender, since)| now - *since <= KEPT && !sender.requests.is_closed());
            if idle.connections.is_empty() {
                idle.connections.shrink_to_fit();
                idle.is_swept = false;
                return;
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
