//! Following a deployment: what was told of it is in the store, so a reader begins wherever it likes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::{DeploymentId, Error, Gap, GapReason, Hello, Result, Resume, Timestamp, Topic};
use tokio::sync::watch;

use super::live::lock;
use crate::Core;
use crate::bus::Packet;
use crate::store::deployments::{deployment_find, frame_list, frame_newest};

/// How often it is looked for what another instance has told.
const LOOK: Duration = Duration::from_secs(2);

/// Who is to be told that there is more.
#[derive(Default)]
pub(crate) struct Frames {
    newest: Mutex<HashMap<DeploymentId, watch::Sender<u64>>>,
}

impl Frames {
    /// Tells readers of a deployment that there is something up to this number.
    pub fn told(&self, id: DeploymentId, seq: u64) {
        let mut newest = lock(&self.newest);
        if let Some(sender) = newest.get(&id) {
            if sender.receiver_count() == 0 {
                newest.remove(&id);
            } else {
                sender.send_replace(seq);
            }
        }
    }

    fn listen(&self, id: DeploymentId) -> watch::Receiver<u64> {
        let mut newest = lock(&self.newest);
        newest.retain(|_, sender| sender.receiver_count() > 0);
        newest.entry(id).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }
}

/// Reads what is told of one deployment.
pub struct FrameReader {
    core: Arc<Core>,
    id: DeploymentId,
    first: VecDeque<Packet>,
    position: u64,
    newest: watch::Receiver<u64>,
}

impl FrameReader {
    /// From now on, or from where `resume` says; 0 is the beginning. Permission is asked before.
    ///
    /// # Errors
    /// `not_found` when there is no such deployment.
    pub(crate) async fn new(core: Arc<Core>, frames: &Frames, id: DeploymentId, resume: &Resume) -> Result<Self> {
        let newest = frames.listen(id);
        let (told, is_there) = {
            let mut db = core.store.main.read().await?;
            (frame_newest(&mut db, id).await?.0, deployment_find(&mut db, id).await?.is_some())
        };
        if !is_there {
            return Err(Error::not_found("deployment", id));
        }
        let (topic, epoch) = (Topic::Deployment(id), id.to_string());
        let (position, gap) = match resume.since {
            None => (told, None),
            Some(since) if since > told || resume.epoch.as_deref().is_some_and(|known| known != epoch) => {
                (0, Some(Gap { reason: GapReason::NewEpoch, missed: None }))
            }
            Some(since) => (since, None),
        };
        let hello = Hello { epoch, seq: told };
        let now = core.clock.now();
        let mut first = VecDeque::from([Packet::control(topic, told, now, "hello", &hello)]);
        first.extend(gap.map(|gap| Packet::control(topic, position, now, "gap", &gap)));
        Ok(Self { core, id, first, position, newest })
    }

    /// Waits for frames and answers at most `most` of them. Dropping the future loses nothing.
    pub async fn next(&mut self, most: usize) -> Vec<Packet> {
        if !self.first.is_empty() {
            return self.first.drain(..).collect();
        }
        loop {
            self.newest.borrow_and_update();
            match self.read(most).await {
                Ok(packets) if !packets.is_empty() => {
                    self.position = packets.last().map_or(self.position, |packet| packet.seq);
                    return packets;
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, deployment = %self.id, "deployment_not_followed"),
            }
            // Another instance may be the one that tells.
            let _ = tokio::time::timeout(LOOK, self.newest.changed()).await;
        }
    }

    async fn read(&self, most: usize) -> Result<Vec<Packet>> {
        let most = i64::try_from(most.clamp(1, 1000)).unwrap_or(1000);
        let rows = frame_list(&mut self.core.store.main.read().await?, self.id, self.position, None, most).await?;
        let packets = rows.into_iter().map(|row| {
            // A secret that was set since is hidden too.
            let data = self.core.mask.hide_text(row.data);
            let data: serde_json::Value = serde_json::from_str(&data).unwrap_or_default();
            let kind = if row.kind == "line" { "line" } else { "deployment" };
            Packet::new(Topic::Deployment(self.id), row.seq.unsigned_abs(), Timestamp::from_micros(row.at), kind, &data)
        });
        Ok(packets.collect())
    }
}
