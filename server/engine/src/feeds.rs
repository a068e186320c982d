//! Subscribing to live data: permission, existence, then the reader of the right source.

use std::sync::Arc;

use api::{Caller, Resume, Topic};

use crate::Core;
use crate::bus::{Packet, Reader};
use crate::deployments::{FrameReader, Frames};
use crate::logs::{self, LogReader};

/// Hands out readers of every feed.
pub struct Feeds {
    core: Arc<Core>,
    logs: Arc<logs::Manager>,
    deployments: Arc<Frames>,
}

/// One reader of one feed.
pub enum FeedReader {
    /// Of the bus.
    Bus(Reader),
    /// Of the log of a service.
    Log(LogReader),
    /// Of a deployment.
    Deployment(FrameReader),
}

impl Feeds {
    /// Feeds of the bus, of the logs and of deployments.
    pub(crate) fn new(core: Arc<Core>, logs: Arc<logs::Manager>, deployments: Arc<Frames>) -> Self {
        Self { core, logs, deployments }
    }

    /// Whether `caller` may read `topic` and what it is about exists.
    pub fn check(&self, caller: &Caller, topic: Topic) -> api::Result<()> {
        match topic {
            Topic::Service(id) | Topic::Logs(id) => {
                caller.require_on(topic.permission(), id)?;
                self.core.catalog.get(id).map(drop)
            }
            Topic::Deployment(_) | Topic::Dashboard | Topic::Metrics | Topic::Events => caller.require(topic.permission()),
        }
    }

    /// Reads `topic` from now on, or from where `resume` says. Fails with `forbidden` or `not_found`.
    pub async fn subscribe(&self, caller: &Caller, topic: Topic, resume: &Resume) -> api::Result<FeedReader> {
        self.check(caller, topic)?;
        match topic {
            Topic::Logs(id) => self.logs.follow(id, resume).await.map(FeedReader::Log),
            Topic::Deployment(id) => FrameReader::new(self.core.clone(), &self.deployments, id, resume).await.map(FeedReader::Deployment),
            _ => Ok(FeedReader::Bus(self.core.bus.subscribe(topic, resume))),
        }
    }
}

impl FeedReader {
    /// Waits for frames and answers at most about `most` of them. Dropping the future loses nothing.
    pub async fn next(&mut self, most: usize) -> Vec<Packet> {
        match self {
            Self::Bus(reader) => reader.next(most).await,
            Self::Log(reader) => reader.next(most).await,
            Self::Deployment(reader) => reader.next(most).await,
        }
    }
}
