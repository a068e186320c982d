//! Puts the managers together.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::Bus;
use crate::events::Events;
use crate::pending::Pending;
use crate::store::Store;
use crate::{Catalog, Clock, Core, EngineConfig, Feeds};

/// All of Pilothouse behind the doors.
pub struct Engine {
    core: Arc<Core>,
    backend: api::Backend,
    feeds: Arc<Feeds>,
}

impl Engine {
    /// Opens the store and makes the managers; nothing runs in the background before [`Engine::spawn`].
    ///
    /// Fails with `unavailable`, saying what to do, when the data folder or the database can't be used.
    pub async fn open(config: EngineConfig, clock: Clock) -> api::Result<Self> {
        let bus = Arc::new(Bus::new(clock.clone()));
        let catalog = Arc::new(Catalog::new(bus.clone(), clock.clone()));
        let store = Arc::new(Store::open(&config).await?);
        let events = Arc::new(Events::new(store.clone(), bus.clone(), clock.clone()));
        let core = Core { config, clock, bus, catalog, store, events, tasks: TaskTracker::new(), shutdown: CancellationToken::new() };
        let core = Arc::new(core);
        let pending = Arc::new(Pending);
        let backend = api::Backend {
            services: pending.clone(),
            monitoring: pending.clone(),
            logs: pending.clone(),
            activity: core.events.clone(),
            auth: pending.clone(),
            users: pending.clone(),
            system: pending,
        };
        let feeds = Arc::new(Feeds::new(core.clone()));
        Ok(Self { core, backend, feeds })
    }

    /// What all managers share.
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// All ports.
    pub fn backend(&self) -> api::Backend {
        self.backend.clone()
    }

    /// Sign-in and sessions.
    pub fn auth(&self) -> Arc<dyn api::ports::Auth> {
        self.backend.auth.clone()
    }

    /// Live data.
    pub fn feeds(&self) -> Arc<Feeds> {
        self.feeds.clone()
    }

    /// Begins the work in the background.
    pub fn spawn(&self) {}

    /// Ends the work in the background and closes the store. Services live on.
    pub async fn shutdown(&self) {
        self.core.shutdown.cancel();
        self.core.tasks.close();
        self.core.tasks.wait().await;
        self.core.store.close().await;
    }
}
