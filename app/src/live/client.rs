//! The socket: connecting, going on after a break, noticing silence, and polling when WebSockets don't get through.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use api::{ClientMessage, ErrorCode, Frame, Resume, ServerMessage, Topic};
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::future::{Either, poll_fn, select};
use futures::{FutureExt, Sink, SinkExt, StreamExt};
use gloo_net::websocket::{Message, State, futures::WebSocket};
use leptos::leptos_dom::helpers::{IntervalHandle, WindowListenerHandle};
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde_json::value::RawValue;

use super::refresh::{Session, check_session, keep_signed_in, leave, note_fresh};
use super::table::{Listener, Table};
use super::{Connection, Incoming, timer};

/// Milliseconds of silence after which the server is asked for a sign of life.
const PING_AFTER: f64 = 8_000.0;
/// Milliseconds of silence after which the page says so.
const STALE_AFTER: f64 = 15_000.0;
/// Milliseconds of silence after which the connection counts as broken.
const BROKEN_AFTER: f64 = 35_000.0;
/// Milliseconds that a connection may take to open.
const OPEN_WITHIN: u64 = 10_000;
/// Failures in a row, while Pilothouse answers otherwise, after which WebSockets count as blocked.
const BLOCKED_AFTER: u32 = 3;
/// Milliseconds between two rounds of polling.
const POLL_EVERY: f64 = 5_000.0;
/// Milliseconds between two tries of a WebSocket while polling.
const RETRY_BLOCKED: f64 = 60_000.0;

/// The one connection of a tab.
#[derive(Clone)]
pub struct Client(Rc<Shared>);

struct Shared {
    table: RefCell<Table>,
    connection: RwSignal<Connection>,
    wishes: RefCell<Option<UnboundedSender<Wish>>>,
    upkeep: RefCell<Option<Upkeep>>,
    users: Cell<u32>,
}

/// What ticks and listens while the client runs.
struct Upkeep {
    clock: Option<IntervalHandle>,
    listeners: Vec<WindowListenerHandle>,
}

enum Wish {
    Say(ClientMessage),
    Tick,
    Wake,
    Stop,
}

/// Why a connection is over.
#[derive(PartialEq)]
enum End {
    /// It never opened.
    Refused,
    /// It opened and broke.
    Broken,
    /// The access token has run out.
    Expired,
    /// The session has ended.
    SessionEnded,
    /// Nobody needs it any more.
    Stopped,
}

impl Client {
    /// A client that isn't connected.
    pub fn new(connection: RwSignal<Connection>) -> Self {
        let (wishes, upkeep) = (RefCell::default(), RefCell::default());
        Self(Rc::new(Shared { table: RefCell::default(), connection, wishes, upkeep, users: Cell::new(0) }))
    }

    /// Connects, and stays connected until [`Client::stop`] was called as often.
    pub fn start(&self) {
        self.0.users.set(self.0.users.get() + 1);
        if self.0.wishes.borrow().is_some() {
            return;
        }
        let (sender, receiver) = unbounded();
        *self.0.wishes.borrow_mut() = Some(sender);
        note_fresh();
        self.keep_up();
        spawn_local(self.clone().run(receiver));
    }

    /// Closes the connection when nobody else has started it.
    pub fn stop(&self) {
        self.0.users.set(self.0.users.get().saturating_sub(1));
        if self.0.users.get() > 0 {
            return;
        }
        self.wish(Wish::Stop);
        self.0.wishes.borrow_mut().take();
        if let Some(upkeep) = self.0.upkeep.borrow_mut().take() {
            upkeep.clock.inspect(IntervalHandle::clear);
            upkeep.listeners.into_iter().for_each(WindowListenerHandle::remove);
        }
        self.show(Connection::Waiting);
    }

    /// Tries again at once, or asks for a sign of life.
    pub fn wake(&self) {
        self.wish(Wish::Wake);
    }

    /// Adds a listener; answers its number.
    pub fn subscribe(&self, topic: Topic, resume: Resume, listener: Listener) -> u32 {
        let is_late = self.0.table.borrow().is_greeted(topic) && resume.since.is_none();
        let (id, message) = self.0.table.borrow_mut().add(topic, resume, listener.clone());
        if let Some(message) = message {
            self.wish(Wish::Say(message));
        } else if is_late {
            listener(&Incoming::Reload);
        }
        id
    }

    /// Takes a listener out.
    pub fn unsubscribe(&self, topic: Topic, id: u32) {
        let message = self.0.table.borrow_mut().remove(topic, id);
        if let Some(message) = message {
            self.wish(Wish::Say(message));
        }
    }

    fn wish(&self, wish: Wish) {
        if let Some(wishes) = self.0.wishes.borrow().as_ref() {
            // The other end is gone only when the client has been stopped.
            let _ = wishes.unbounded_send(wish);
        }
    }

    fn show(&self, connection: Connection) {
        if self.0.connection.try_get_untracked().is_some_and(|shown| shown != connection) {
            self.0.connection.set(connection);
        }
    }

    /// Starts the clock, and wakes when the tab is shown again or the network comes back.
    fn keep_up(&self) {
        let client = self.clone();
        let clock = set_interval_with_handle(move || client.wish(Wish::Tick), Duration::from_secs(1)).ok();
        let listen = |event: &str| {
            let client = self.clone();
            window_event_listener_untyped(event, move |_| client.wake())
        };
        let listeners = ["online", "focus", "pageshow"].map(listen).into();
        *self.0.upkeep.borrow_mut() = Some(Upkeep { clock, listeners });
    }

    async fn run(self, mut wishes: UnboundedReceiver<Wish>) {
        let mut failures = 0;
        let mut since = None;
        self.show(Connection::Connecting);
        loop {
            let end = self.connect(&mut wishes, &mut failures, &mut since).await;
            if end == End::Stopped {
                return;
            }
            failures += 1;
            since = since.or_else(|| Some(timer::timestamp()));
            let session = if end == End::SessionEnded { Session::Ended } else { check_session().await };
            if session == Session::Ended {
                self.show(Connection::Ended);
                leave();
                return;
            }
            let is_blocked = end == End::Refused && session == Session::Good && failures > BLOCKED_AFTER;
            if !is_blocked && let (Some(since), true) = (since, failures > 1) {
                self.show(Connection::Offline(since));
            }
            let goes_on = if is_blocked { self.poll(&mut wishes).await } else { rest(&mut wishes, failures).await };
            if !goes_on {
                return;
            }
        }
    }

    /// One connection, from opening to its end.
    async fn connect(&self, wishes: &mut UnboundedReceiver<Wish>, failures: &mut u32, since: &mut Option<api::Timestamp>) -> End {
        let Some(mut socket) = open().await else { return End::Refused };
        // Every feed is asked for anew, so what was asked for before is done.
        while let Ok(wish) = wishes.try_recv() {
            if matches!(wish, Wish::Stop) {
                return End::Stopped;
            }
        }
        let hello = self.0.table.borrow_mut().resubscribe();
        for message in hello.into_iter().chain([ClientMessage::Ping]) {
            if say(&mut socket, &message).await.is_err() {
                return End::Refused;
            }
        }
        let (mut heard, mut asked) = (timer::now(), false);
        loop {
            let silence = match select(socket.next(), wishes.next()).await {
                Either::Left((Some(Ok(Message::Text(text))), _)) => {
                    (*failures, *since, heard, asked) = (0, None, timer::now(), false);
                    self.show(Connection::Live);
                    if let Some(end) = self.hear(&text) {
                        return end;
                    }
                    continue;
                }
                Either::Left((Some(Ok(Message::Bytes(_))), _)) => continue,
                Either::Left((Some(Err(_)) | None, _)) => return if *failures == 0 { End::Broken } else { End::Refused },
                Either::Right((Some(Wish::Say(message)), _)) => {
                    if say(&mut socket, &message).await.is_err() {
                        return End::Broken;
                    }
                    continue;
                }
                Either::Right((Some(Wish::Tick), _)) => timer::now() - heard,
                Either::Right((Some(Wish::Wake), _)) => {
                    // The tab may have slept: what it hasn't heard says nothing yet.
                    (heard, asked) = (heard.max(timer::now() - PING_AFTER), false);
                    PING_AFTER
                }
                Either::Right((Some(Wish::Stop) | None, _)) => return End::Stopped,
            };
            spawn_local(keep_signed_in());
            if document().hidden() {
                continue;
            }
            if silence >= PING_AFTER && !asked {
                asked = true;
                if say(&mut socket, &ClientMessage::Ping).await.is_err() {
                    return End::Broken;
                }
            }
            if silence >= STALE_AFTER {
                self.show(Connection::Stale((silence / 1000.0) as u32));
            }
            if silence >= BROKEN_AFTER {
                return End::Broken;
            }
        }
    }

    /// Hands a message to those who listen; answers why the connection has to end, if it has to.
    fn hear(&self, text: &str) -> Option<End> {
        let frames = match text.as_bytes().first() {
            Some(b'[') => serde_json::from_str::<Vec<Frame<Box<RawValue>>>>(text).ok(),
            _ => serde_json::from_str::<Frame<Box<RawValue>>>(text).ok().map(|frame| vec![frame]),
        };
        if let Some(frames) = frames {
            for frame in frames {
                // Let go of the table first: a listener may subscribe or unsubscribe.
                let delivered = self.0.table.borrow_mut().take(frame);
                if let Some((listeners, incoming)) = delivered {
                    listeners.iter().for_each(|listener| listener(&incoming));
                }
            }
            return None;
        }
        match serde_json::from_str(text).ok()? {
            ServerMessage::Error { data, .. } if data.error_code == ErrorCode::SessionEnded => Some(End::SessionEnded),
            ServerMessage::Error { data, .. } if data.error_code == ErrorCode::NotSignedIn => Some(End::Expired),
            ServerMessage::Pong | ServerMessage::Error { .. } => None,
        }
    }

    /// Asks instead of listening, until it is time to try a WebSocket again. Answers whether to go on.
    async fn poll(&self, wishes: &mut UnboundedReceiver<Wish>) -> bool {
        self.show(Connection::Polling);
        let (began, mut polled) = (timer::now(), 0.0);
        while timer::now() - began < RETRY_BLOCKED {
            match wishes.next().await {
                Some(Wish::Stop) | None => return false,
                Some(Wish::Wake) => return true,
                Some(Wish::Say(_)) => continue,
                Some(Wish::Tick) => spawn_local(keep_signed_in()),
            }
            if timer::now() - polled >= POLL_EVERY && !document().hidden() {
                polled = timer::now();
                let everybody = self.0.table.borrow().everybody();
                everybody.iter().for_each(|listener| listener(&Incoming::Reload));
            }
        }
        true
    }
}

/// Opens the socket of this site; none when it can't be opened in time.
async fn open() -> Option<WebSocket> {
    let location = window().location();
    let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
    let mut socket = WebSocket::open(&format!("{scheme}://{}/ws", location.host().ok()?)).ok()?;
    let opened = poll_fn(|cx| Pin::new(&mut socket).poll_ready(cx)).boxed_local();
    let limit = timer::sleep(Duration::from_millis(OPEN_WITHIN)).boxed_local();
    select(opened, limit).await;
    matches!(socket.state(), State::Open).then_some(socket)
}

async fn say(socket: &mut WebSocket, message: &ClientMessage) -> Result<(), ()> {
    let text = serde_json::to_string(message).map_err(|_| ())?;
    socket.send(Message::Text(text)).await.map_err(|_| ())
}

/// Waits before the next try: half a second, then twice as long each time up to 10 s, give or take a quarter. Answers whether
/// to go on; waking ends the wait.
async fn rest(wishes: &mut UnboundedReceiver<Wish>, failures: u32) -> bool {
    let milliseconds = 500.0 * f64::from(1_u32 << failures.saturating_sub(1).min(6));
    let until = timer::now() + milliseconds.min(10_000.0) * (0.75 + timer::jitter() / 2.0);
    let mut pause = timer::sleep(Duration::from_millis((until - timer::now()) as u64)).boxed_local();
    loop {
        match select(pause, wishes.next()).await {
            Either::Left(_) => return true,
            Either::Right((Some(Wish::Wake), _)) => return true,
            Either::Right((Some(Wish::Stop) | None, _)) => return false,
            Either::Right((Some(Wish::Tick | Wish::Say(_)), still)) => pause = still,
        }
    }
}
