//! The task that brings samples to the store every minute, rolls old ones up and removes what is past its time.

use std::sync::Arc;
use std::time::Duration;

use api::{Result, ServiceId, Uptime, uptime};
use tokio::time::{Instant, MissedTickBehavior};

use super::series::Samples;
use super::{Manager, chunk, rollup};
use crate::store::metrics::{self, ChunkRow, MINUTE, RAW};
use crate::store::uptime::{uptime_add, uptime_delete_before, uptime_delete_of};

/// Between writes: what a power cut can cost.
const FLUSH_EVERY: Duration = Duration::from_secs(60);

/// After how many writes old samples are looked at.
const TIDY_AFTER: u64 = 60;

/// Microseconds that samples are kept as they were taken: a little over the longest range that shows them.
const RAW_KEPT: i64 = 26 * HOUR;

/// Microseconds that a rolled-up chunk covers at most, and so any chunk.
const LONGEST_CHUNK: i64 = 3 * HOUR;

/// Chunks that are rolled up in one commit.
const ROLL_UP: i64 = 200;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
const SECOND: i64 = 1_000_000;

impl Manager {
    /// Stores until shutdown, and then once more.
    pub(super) async fn store_samples(self: Arc<Self>) {
        let mut ticks = tokio::time::interval_at(Instant::now() + FLUSH_EVERY, FLUSH_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for tick in 0_u64.. {
            let is_last = tokio::select! {
                () = self.core.shutdown.cancelled() => true,
                _ = ticks.tick() => false,
            };
            if let Err(error) = self.flush().await {
                tracing::warn!(%error, "metrics_not_stored");
            }
            if is_last {
                return;
            }
            if tick.is_multiple_of(TIDY_AFTER)
                && let Err(error) = self.tidy().await
            {
                tracing::warn!(%error, "metrics_not_tidied");
            }
        }
    }

    /// Stores what isn't. An instance that may not act has its figures from nobody and leaves none.
    pub(super) async fn flush(&self) -> Result<()> {
        let unstored = self.figures.unstored();
        if !unstored.is_empty() && self.core.store.lease.is_held() {
            let chunks: Vec<_> = unstored.iter().filter_map(|one| row(one.id, RAW, &one.samples)).collect();
            let write = self.core.store.telemetry.write(move |db| {
                Box::pin(async move {
                    for chunk in &chunks {
                        metrics::chunk_put(db, chunk).await?;
                    }
                    Ok(())
                })
            });
            write.await?;
        }
        self.figures.stored(&unstored);
        self.flush_uptimes().await
    }

    async fn flush_uptimes(&self) -> Result<()> {
        let unstored = self.uptimes.take();
        if unstored.is_empty() || !self.core.store.lease.is_held() {
            return Ok(());
        }
        let hours = unstored.clone();
        let write = self.core.store.telemetry.write(move |db| {
            Box::pin(async move {
                for (id, hour) in &hours {
                    uptime_add(db, *id, hour).await?;
                }
                Ok(())
            })
        });
        let written = write.await;
        if written.is_err() {
            self.uptimes.put_back(unstored);
        }
        written
    }

    /// Rolls up what is older than a day, removes what is older than it shall be kept, and forgets services that are gone.
    pub(super) async fn tidy(&self) -> Result<()> {
        self.figures.retain(|id| self.core.catalog.find(id).is_some());
        if !self.core.store.lease.is_held() {
            return Ok(());
        }
        let now = self.core.clock.now().micros();
        loop {
            let mut db = self.core.store.telemetry.read().await?;
            let old = metrics::chunk_list_ended(&mut db, RAW, now - RAW_KEPT, ROLL_UP).await?;
            drop(db);
            if old.is_empty() {
                break;
            }
            let rolled = roll_up(&old);
            let write = self.core.store.telemetry.write(move |db| {
                Box::pin(async move {
                    for chunk in &rolled {
                        metrics::chunk_put(db, chunk).await?;
                    }
                    for chunk in &old {
                        metrics::chunk_delete(db, chunk.service_id, RAW, chunk.started_at).await?;
                    }
                    Ok(())
                })
            });
            write.await?;
        }
        let end = now - i64::from(self.core.config.retention_days.max(1)) * DAY;
        self.core.store.telemetry.write(move |db| Box::pin(metrics::chunk_delete_ended(db, end))).await?;
        let first_hour = uptime::hour(self.core.clock.now()) - Uptime::HOURS;
        self.core.store.telemetry.write(move |db| Box::pin(uptime_delete_before(db, first_hour))).await?;
        Ok(())
    }

    /// Removes all figures of a service that is deleted: those in memory at once, those in the store in the background.
    pub fn forget(&self, id: ServiceId) {
        self.figures.forget(id);
        self.uptimes.forget(id);
        let store = self.core.store.clone();
        self.core.tasks.spawn(async move {
            let write = store.telemetry.write(move |db| {
                Box::pin(async move {
                    metrics::chunk_delete_of(db, id.0).await?;
                    uptime_delete_of(db, id).await
                })
            });
            let removed = write.await;
            if let Err(error) = removed {
                tracing::warn!(%error, service = %id, "metrics_not_removed");
            }
        });
    }

    /// All samples of a service in `from..to` seconds: stored ones, and from where memory has all, those in memory.
    pub(super) async fn samples(&self, id: ServiceId, from: u32, to: u32) -> Result<Vec<Samples>> {
        let (recent, memory_from) = self.figures.between(id, from, to);
        let mut parts = vec![recent];
        if from < memory_from {
            let mut db = self.core.store.telemetry.read().await?;
            let (start, end) = (i64::from(from) * SECOND, i64::from(to.min(memory_from)) * SECOND);
            for row in metrics::chunk_list(&mut db, id.0, start, end, LONGEST_CHUNK).await? {
                match chunk::unpack(&row.samples) {
                    Some(samples) => parts.push(samples.between(from, to.min(memory_from))),
                    None => tracing::warn!(service = %id, started_at = row.started_at, "metrics_chunk_unreadable"),
                }
            }
        }
        Ok(parts)
    }
}

fn row(id: ServiceId, resolution: i64, samples: &Samples) -> Option<ChunkRow> {
    let (started_at, ended_at) = (i64::from(samples.first()?) * SECOND, i64::from(samples.last()?) * SECOND);
    Some(ChunkRow { service_id: id.0, resolution, started_at, ended_at, samples: chunk::pack(samples) })
}

/// One chunk of minutes for about an hour of a service.
fn roll_up(old: &[ChunkRow]) -> Vec<ChunkRow> {
    let hours = old.chunk_by(|one, other| one.service_id == other.service_id && one.started_at / HOUR == other.started_at / HOUR);
    let rolled = hours.filter_map(|hour| {
        let mut samples = Samples::default();
        for part in hour.iter().filter_map(|row| chunk::unpack(&row.samples)) {
            samples.usage.extend(part.usage);
            samples.requests.extend(part.requests);
        }
        row(ServiceId(hour.first()?.service_id), MINUTE, &rollup::minutes(&samples))
    });
    rolled.collect()
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;
