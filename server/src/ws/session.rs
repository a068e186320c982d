//! One open WebSocket: one task that reads what the client says, sends what its feeds have, and watches its session.
//!
//! What happens seldom is boxed, so that a task that waits is small.

use std::sync::Arc;
use std::time::Duration;

use api::{Caller, ClientMessage, Error, ErrorCode, Resume, Secret, ServerMessage, Topic};
use axum::extract::ws::{Message, WebSocket};
use serde::Deserialize;
use tokio::time::{Instant, interval_at, timeout};

use super::admission::Admission;
use super::feeds::Feeds;
use super::line::{Gone, Line};
use crate::extract::parse;
use crate::middleware::OwnLimit;
use crate::state::Server;

/// Feeds at a time on one socket.
const MOST_FEEDS: usize = 64;

/// How long a client has to show its ticket.
const TICKET_WAIT: Duration = Duration::from_secs(10);

/// How long each step of a goodbye may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// How often a client that says nothing is asked whether it is there; gone when it didn't answer by the next time.
const PING_EVERY: Duration = Duration::from_secs(30);

/// The first message of a client that shows a ticket.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FirstMessage {
    /// `{"type": "ticket", "ticket": ".."}`.
    Ticket { ticket: Secret },
}

/// Serves a socket whose client says which feeds it wants.
pub async fn many(server: Arc<Server>, socket: WebSocket, admission: Admission) {
    Session::new(server, Line::new(socket, false), false).run(admission, None).await;
}

/// Serves a socket that carries one feed.
pub async fn one(server: Arc<Server>, socket: WebSocket, admission: Admission, topic: Topic, resume: Resume, is_batched: bool) {
    Session::new(server, Line::new(socket, is_batched), true).run(admission, Some((topic, resume))).await;
}

struct Session {
    server: Arc<Server>,
    line: Line,
    feeds: Feeds,
    is_single: bool,
    limit: OwnLimit,
}

/// Why a session ends.
enum End {
    /// The client has left.
    Gone,
    /// Pilothouse ends it.
    Refused(Error),
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl Session {
    fn new(server: Arc<Server>, line: Line, is_single: bool) -> Self {
        let limit = server.limit.own(Instant::now().into_std());
        Self { server, line, feeds: Feeds::default(), is_single, limit }
    }

    async fn run(mut self, admission: Admission, first: Option<(Topic, Resume)>) {
        let server = self.server.clone();
        let _counted = server.figures.socket();
        let ended = match Box::pin(self.admitted(admission)).await {
            Ok(caller) => {
                // Raced from the outside, so that a client that takes nothing can't outlive its session either.
                let watch = server.watches.begin(caller.clone());
                tokio::select! {
                    error = watch.ended() => End::Refused(error),
                    ended = self.serve(&caller, first) => ended,
                }
            }
            Err(ended) => ended,
        };
        if let End::Refused(error) = ended {
            let code = if error.code == ErrorCode::Unavailable { 1001 } else { 1008 };
            let told = Box::pin(self.refuse(None, error.clone()));
            // A client that takes nothing isn't waited for.
            if let Ok(Ok(())) = timeout(FAREWELL, told).await {
                let _ = timeout(FAREWELL, Box::pin(self.line.close(code, error.code.as_str()))).await;
                // A connection that is dropped with words of the client unread takes along what it hasn't read yet.
                let left = async { while self.line.heard().await.is_some() {} };
                let _ = timeout(FAREWELL, Box::pin(left)).await;
            }
        }
    }

    async fn admitted(&mut self, admission: Admission) -> Result<Caller, End> {
        if let Admission::Caller(caller) = admission {
            return Ok(caller);
        }
        let refused = || Error::new(ErrorCode::NotSignedIn, "send {\"type\":\"ticket\",\"ticket\":\"..\"} first, from POST /api/ws/ticket");
        loop {
            match timeout(TICKET_WAIT, self.line.heard()).await {
                Ok(Some(Message::Text(text))) => {
                    let FirstMessage::Ticket { ticket } = parse(text.as_bytes()).map_err(|_| End::Refused(refused()))?;
                    return self.server.tickets.take(&ticket).map_err(End::Refused);
                }
                Ok(Some(Message::Ping(_) | Message::Pong(_))) => {}
                Ok(Some(_)) | Err(_) => return Err(End::Refused(refused())),
                Ok(None) => return Err(End::Gone),
            }
        }
    }

    async fn serve(&mut self, caller: &Caller, first: Option<(Topic, Resume)>) -> End {
        if let Some((topic, resume)) = first
            && let Err(error) = Box::pin(self.subscribe(caller, topic, &resume)).await
        {
            return End::Refused(error);
        }
        match self.pump(caller).await {
            Ok(never) => match never {},
            Err(ended) => ended,
        }
    }

    async fn pump(&mut self, caller: &Caller) -> Result<std::convert::Infallible, End> {
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        let mut is_heard = true;
        loop {
            tokio::select! {
                said = self.line.heard() => {
                    is_heard = true;
                    match said {
                        Some(Message::Text(text)) => Box::pin(self.answer(caller, text.as_bytes())).await?,
                        Some(Message::Binary(bytes)) => Box::pin(self.answer(caller, &bytes)).await?,
                        // The library answers pings and closes; reading on until the end flushes the answer to a close.
                        Some(Message::Ping(_) | Message::Pong(_) | Message::Close(_)) => {}
                        None => return Err(End::Gone),
                    }
                }
                packets = self.feeds.next() => self.line.frames(packets).await?,
                _ = ping.tick() => {
                    if !is_heard {
                        return Err(End::Gone);
                    }
                    is_heard = false;
                    self.line.ping().await?;
                }
            }
        }
    }

    /// Does what a message asks for. A client that says more than may be asked over REST is sent away.
    async fn answer(&mut self, caller: &Caller, said: &[u8]) -> Result<(), End> {
        self.limit.take(Instant::now().into_std()).map_err(End::Refused)?;
        let result = match parse::<ClientMessage>(said) {
            Ok(ClientMessage::Ping) => return Ok(self.line.message(&ServerMessage::Pong).await?),
            Ok(_) if self.is_single => Err((None, Error::conflict("this address carries one feed; use /ws for more"))),
            Ok(ClientMessage::Subscribe { topic: name, resume }) => {
                self.begin(caller, &name, &resume).await.map_err(|error| (Some(name), error))
            }
            Ok(ClientMessage::Unsubscribe { topic: name }) => self.leave(&name).map_err(|error| (Some(name), error)),
            Err(error) => Err((None, error)),
        };
        match result {
            Ok(()) => Ok(()),
            Err((topic, error)) => Ok(self.refuse(topic, error).await?),
        }
    }

    async fn begin(&mut self, caller: &Caller, name: &str, resume: &Resume) -> api::Result<()> {
        let topic: Topic = name.parse()?;
        if self.feeds.len() >= MOST_FEEDS {
            return Err(Error::conflict(format!("one socket carries at most {MOST_FEEDS} feeds; unsubscribe from one first")));
        }
        if self.feeds.has(topic) {
            return Err(Error::conflict("this socket carries that feed already; unsubscribe first to begin it again"));
        }
        self.subscribe(caller, topic, resume).await
    }

    async fn subscribe(&mut self, caller: &Caller, topic: Topic, resume: &Resume) -> api::Result<()> {
        let reader = self.server.feeds.subscribe(caller, topic, resume).await?;
        self.feeds.add(topic, reader);
        Ok(())
    }

    fn leave(&mut self, name: &str) -> api::Result<()> {
        self.feeds.leave(name.parse()?);
        Ok(())
    }

    async fn refuse(&mut self, topic: Option<String>, error: Error) -> Result<(), Gone> {
        let topic = topic.map(|topic| topic.chars().take(80).collect());
        let id = self.server.core.clock.new_uuid().to_string();
        let data = error.into_body(self.server.core.clock.now(), id);
        self.line.message(&ServerMessage::Error { topic, data }).await
    }
}
