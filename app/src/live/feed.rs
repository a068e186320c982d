//! Listening to feeds from components.

use api::{Resume, Topic};
use leptos::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::Connection;

/// A message of a feed.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What the data is, as the feed names it.
    pub kind: String,
    data: Box<RawValue>,
}

impl Frame {
    /// A message of this kind.
    #[cfg_attr(not(feature = "hydrate"), allow(dead_code, reason = "only the browser receives frames"))]
    pub(super) fn new(kind: String, data: Box<RawValue>) -> Self {
        Self { kind, data }
    }

    /// The data; none when this version of the page can't read it. The page catches up at its next reload then.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.data.get()).ok()
    }
}

/// What a listener is told.
#[derive(Clone, Debug)]
pub enum Incoming {
    /// A message of the feed.
    Frame(Frame),
    /// What is shown may be old: ask the server for all of it. Told at the first connection, after a break that
    /// couldn't be bridged, and every five seconds while WebSockets don't get through.
    Reload,
    /// Messages of a feed that loses none are missing: so many, when it is known.
    Missing(Option<u64>),
}

/// The live client of the page.
#[derive(Clone, Copy)]
pub struct Live {
    /// How the page is connected.
    pub connection: RwSignal<Connection>,
    #[cfg(feature = "hydrate")]
    client: StoredValue<super::client::Client, LocalStorage>,
}

/// Makes the live client of the page; call it once, at the root of the app. It connects when a [`super::ConnectionChip`] appears.
pub fn provide_live() {
    let connection = RwSignal::new(Connection::Waiting);
    provide_context(Live {
        connection,
        #[cfg(feature = "hydrate")]
        client: StoredValue::new_local(super::client::Client::new(connection)),
    });
}

/// Tells `listen` what arrives on the feed that `topic` names now, while the component lives. Nothing happens on the server.
pub fn use_feed(topic: impl Fn() -> Option<Topic> + 'static, listen: impl Fn(&Incoming) + 'static) {
    use_feed_from(topic, Resume::default, listen);
}

/// [`use_feed`], going on from where `resume` says: the server sends what came after it, or says what is missing.
#[cfg(feature = "hydrate")]
pub fn use_feed_from(
    topic: impl Fn() -> Option<Topic> + 'static,
    resume: impl Fn() -> Resume + 'static,
    listen: impl Fn(&Incoming) + 'static,
) {
    let Some(live) = use_context::<Live>() else { return };
    let listener: super::table::Listener = std::rc::Rc::new(listen);
    Effect::new(move |_| {
        let Some(topic) = topic() else { return };
        let id = live.client.with_value(|client| client.subscribe(topic, untrack(&resume), listener.clone()));
        on_cleanup(move || {
            live.client.try_with_value(|client| client.unsubscribe(topic, id));
        });
    });
}

/// [`use_feed`], going on from where `resume` says: the server sends what came after it, or says what is missing.
#[cfg(not(feature = "hydrate"))]
pub fn use_feed_from(_: impl Fn() -> Option<Topic> + 'static, _: impl Fn() -> Resume + 'static, _: impl Fn(&Incoming) + 'static) {}

#[cfg(feature = "hydrate")]
impl Live {
    /// Connects, until [`Live::stop`].
    pub(super) fn start(self) {
        self.client.with_value(super::client::Client::start);
    }

    /// Closes the connection.
    pub(super) fn stop(self) {
        self.client.try_with_value(super::client::Client::stop);
    }

    /// Tries again at once when there is no connection.
    pub(super) fn wake(self) {
        self.client.with_value(super::client::Client::wake);
    }
}

#[cfg(not(feature = "hydrate"))]
impl Live {
    /// There is nothing to wake on the server.
    pub(super) fn wake(self) {}
}
