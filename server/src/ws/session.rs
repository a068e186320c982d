//! One open WebSocket: one task that reads what the client says, sends what its feeds have, and watches its session.
//!
//! What happens seldom is boxed, so that a task that waits is small.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use api::{Caller, ClientMessage, Error, ErrorCode, Resume, Secret, ServerMessage, Topic};
use axum::extract::ws::{Message, WebSocket};
use engine::bus::Packet;
use futures::stream::{self, AbortHandle, SelectAll, SplitStream};
use futures::{Stream, StreamExt};
use serde::Deserialize;
use tokio::time::{Instant, interval_at, timeout};

use super::admission::Admission;
use super::outbox::{Gone, Outbox};
use crate::extract::parse;
use crate::middleware::OwnLimit;
use crate::state::Server;
use crate::watch::Watch;

/// Feeds at a time on one socket.
const MOST_FEEDS: usize = 64;

/// Frames taken from a feed at a time.
const MOST_FRAMES: usize = 256;

/// How long a client has to show its ticket.
const TICKET_WAIT: Duration = Duration::from_secs(10);

/// How often a client that says nothing is asked whether it is there; gone when it didn't answer by the next time.
const PING_EVERY: Duration = Duration::from_secs(30);

/// The frames of one feed, until it is left.
type Feed = Pin<Box<dyn Stream<Item = Vec<Packet>> + Send>>;

/// The first message of a client that shows a ticket.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FirstMessage {
    /// `{"type": "ticket", "ticket": ".."}`.
    Ticket { ticket: Secret },
}

/// Serves a socket whose client says which feeds it wants.
pub async fn many(server: Arc<Server>, socket: WebSocket, admission: Admission) {
    let (sink, stream) = socket.split();
    Session::new(server, Outbox::new(sink, false), stream, false).run(admission, None).await;
}

/// Serves a socket that carries one feed.
pub async fn one(server: Arc<Server>, socket: WebSocket, admission: Admission, topic: Topic, resume: Resume, is_batched: bool) {
    let (sink, stream) = socket.split();
    Session::new(server, Outbox::new(sink, is_batched), stream, true).run(admission, Some((topic, resume))).await;
}

struct Session {
    server: Arc<Server>,
    outbox: Outbox,
    stream: SplitStream<WebSocket>,
    feeds: SelectAll<Feed>,
    topics: Vec<(Topic, AbortHandle)>,
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
    fn new(server: Arc<Server>, outbox: Outbox, stream: SplitStream<WebSocket>, is_single: bool) -> Self {
        let limit = server.limit.own(Instant::now().into_std());
        Self { server, outbox, stream, feeds: SelectAll::new(), topics: Vec::new(), is_single, limit }
    }

    async fn run(mut self, admission: Admission, first: Option<(Topic, Resume)>) {
        let server = self.server.clone();
        let _counted = server.figures.socket();
        let ended = match Box::pin(self.admitted(admission)).await {
            Ok(caller) => {
                // Raced from the outside, so that a client that takes nothing can't outlive its session either.
                let watch = Watch::new(server.clone(), caller.clone());
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
            if let Ok(Ok(())) = timeout(Duration::from_millis(500), told).await {
                let _ = timeout(Duration::from_millis(500), Box::pin(self.outbox.close(code, error.code.as_str()))).await;
            }
        }
    }

    async fn admitted(&mut self, admission: Admission) -> Result<Caller, End> {
        if let Admission::Caller(caller) = admission {
            return Ok(caller);
        }
        let refused = || Error::new(ErrorCode::NotSignedIn, "send {\"type\":\"ticket\",\"ticket\":\"..\"} first, from POST /api/ws/ticket");
        loop {
            match timeout(TICKET_WAIT, self.stream.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => {
                    let FirstMessage::Ticket { ticket } = parse(text.as_bytes()).map_err(|_| End::Refused(refused()))?;
                    return self.server.tickets.take(&ticket).map_err(End::Refused);
                }
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                Ok(Some(Ok(_))) | Err(_) => return Err(End::Refused(refused())),
                Ok(Some(Err(_)) | None) => return Err(End::Gone),
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
                said = self.stream.next() => {
                    is_heard = true;
                    match said {
                        Some(Ok(Message::Text(text))) => Box::pin(self.answer(caller, text.as_bytes())).await?,
                        Some(Ok(Message::Binary(bytes))) => Box::pin(self.answer(caller, &bytes)).await?,
                        // The library answers pings and closes; reading on until the end flushes the answer to a close.
                        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_))) => {}
                        Some(Err(_)) | None => return Err(End::Gone),
                    }
                }
                Some(packets) = self.feeds.next() => self.outbox.frames(packets).await?,
                _ = ping.tick() => {
                    if !is_heard {
                        return Err(End::Gone);
                    }
                    is_heard = false;
                    self.outbox.ping().await?;
                }
            }
        }
    }

    /// Does what a message asks for. A client that says more than may be asked over REST is sent away.
    async fn answer(&mut self, caller: &Caller, said: &[u8]) -> Result<(), End> {
        self.limit.take(Instant::now().into_std()).map_err(End::Refused)?;
        let result = match parse::<ClientMessage>(said) {
            Ok(ClientMessage::Ping) => return Ok(self.outbox.message(&ServerMessage::Pong).await?),
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
        if self.topics.len() >= MOST_FEEDS {
            return Err(Error::conflict(format!("one socket carries at most {MOST_FEEDS} feeds; unsubscribe from one first")));
        }
        if self.topics.iter().any(|(one, _)| *one == topic) {
            return Err(Error::conflict("this socket carries that feed already; unsubscribe first to begin it again"));
        }
        self.subscribe(caller, topic, resume).await
    }

    async fn subscribe(&mut self, caller: &Caller, topic: Topic, resume: &Resume) -> api::Result<()> {
        let reader = self.server.feeds.subscribe(caller, topic, resume).await?;
        let packets = stream::unfold(reader, |mut reader| async move { Some((reader.next(MOST_FRAMES).await, reader)) });
        let (packets, handle) = stream::abortable(packets);
        self.feeds.push(Box::pin(packets));
        self.topics.push((topic, handle));
        Ok(())
    }

    fn leave(&mut self, name: &str) -> api::Result<()> {
        let topic: Topic = name.parse()?;
        for (_, handle) in self.topics.extract_if(.., |(one, _)| *one == topic) {
            handle.abort();
        }
        Ok(())
    }

    async fn refuse(&mut self, topic: Option<String>, error: Error) -> Result<(), Gone> {
        let topic = topic.map(|topic| topic.chars().take(80).collect());
        let id = self.server.core.clock.new_uuid().to_string();
        let data = error.into_body(self.server.core.clock.now(), id);
        self.outbox.message(&ServerMessage::Error { topic, data }).await
    }
}
