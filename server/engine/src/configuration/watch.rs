//! A configuration that reverts by itself: what was saved to be watched is taken back when its service isn't well with it.
//!
//! The watch is kept with the version that it is for, in the same commit, so that it outlives a crash: the next Pilothouse goes on with it.

use std::sync::Arc;
use std::time::Duration;

use api::{Caller, CheckKind, Desired, Error, EventKind, Health, Result, ServiceId, Status, Timestamp, VersionKind};

use super::inherit::Inherits;
use super::save::Draft;
use super::{Kept, Manager, lock};
use crate::Entry;
use crate::events::NewEvent;
use crate::store::configurations::{Watch, watch_forget};

/// How often a watched service is looked at, besides at each change of it.
const LOOK: Duration = Duration::from_secs(1);
/// How often a verdict that couldn't be carried out is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Seconds in which what runs is found again after a start of Pilothouse.
const FOUND: i64 = 10;

/// What is to be thought of a watched service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It can't be said yet.
    Open,
    /// It is well with it.
    Good,
    /// It isn't, for that reason.
    Bad(String),
    /// There is nothing to be said any more, for that reason.
    Over(&'static str),
}

/// What is to be thought of a service at `now` that is watched with version `version` while `applied` is what it was started with.
pub(super) fn verdict(entry: &Entry, watch: &Watch, version: u64, applied: Option<u64>, now: Timestamp) -> Verdict {
    let service = &entry.service;
    let is_over = now >= watch.until;
    let reason = || service.status_reason.clone();
    if service.desired == Desired::Stopped {
        return Verdict::Over("somebody has stopped it meanwhile");
    }
    if applied != Some(version) {
        if service.status == Status::Error {
            // Its start failed before it was told anything: a secret that isn't there, a port that is taken.
            return Verdict::Bad(reason().unwrap_or_else(|| "it couldn't be started with it".into()));
        }
        let why = || {
            format!("it wasn't restarted with it within the time: {}", reason().unwrap_or_else(|| "it still runs with what it had".into()))
        };
        return if is_over { Verdict::Bad(why()) } else { Verdict::Open };
    }
    let has_ended = service.restarts.in_a_row > 0 || service.restarts.next_at.is_some();
    match service.status {
        Status::Error => Verdict::Bad(reason().unwrap_or_else(|| "it isn't well".into())),
        _ if has_ended => Verdict::Bad(reason().unwrap_or_else(|| "it has ended by itself".into())),
        Status::Stopped => Verdict::Bad(reason().unwrap_or_else(|| "it has ended by itself".into())),
        Status::Running if service.health_status == Health::Unhealthy => {
            let said = entry.checks.last().map(|check| check.message.clone());
            Verdict::Bad(said.unwrap_or_else(|| "its health check fails".into()))
        }
        Status::Running if !is_over => Verdict::Open,
        Status::Running if service.health_status == Health::Healthy || entry.spec.health.kind == CheckKind::None => Verdict::Good,
        Status::Running => Verdict::Bad("it runs, but no health check has succeeded within the time".into()),
        Status::Starting | Status::Stopping | Status::Unknown if is_over => Verdict::Bad("it didn't run within the time".into()),
        Status::Starting | Status::Stopping | Status::Unknown => Verdict::Open,
    }
}

/// How long it takes to know how a service is: until it is found, and then until enough checks have succeeded or failed.
fn seconds_to_know(entry: &Entry) -> i64 {
    let health = &entry.spec.health;
    let checks = match health.kind {
        CheckKind::None => 0,
        _ => i64::from(health.healthy_threshold.max(health.unhealthy_threshold)),
    };
    FOUND + checks * i64::from(health.interval_seconds + health.timeout_seconds)
}

impl Manager {
    /// Goes on with the watches that were begun before, and learns what is to be hidden in the lines of before.
    pub fn spawn(&self) {
        if let Some(manager) = self.me.upgrade() {
            let shutdown = self.core.shutdown.clone();
            self.core.tasks.spawn(async move { shutdown.run_until_cancelled(manager.learn_all()).await });
        }
        let all: Vec<_> = lock(&self.watches).iter().map(|(id, watch)| (*id, watch.version)).collect();
        all.into_iter().for_each(|(id, version)| self.follow_further(id, version, true));
    }

    /// Follows the watch of a version until there is a verdict, or another version is saved.
    pub(super) fn follow(&self, id: ServiceId, version: u64) {
        self.follow_further(id, version, false);
    }

    fn follow_further(&self, id: ServiceId, version: u64, is_old: bool) {
        let Some(manager) = self.me.upgrade() else { return };
        let shutdown = self.core.shutdown.clone();
        self.core.tasks.spawn(async move { shutdown.run_until_cancelled(manager.see_to(id, version, is_old)).await });
    }

    /// Nobody looked between the end of one Pilothouse and the start of the next: a watch that `is_old` lasts at least until it can be known how its service is.
    async fn see_to(self: Arc<Self>, id: ServiceId, version: u64, is_old: bool) {
        let mut not_before = None;
        loop {
            let Some(mut watch) = lock(&self.watches).get(&id).copied().filter(|watch| watch.version == version) else { return };
            if is_old && not_before.is_none() && self.services.may_change().is_ok() {
                not_before = self.core.catalog.find(id).map(|entry| self.core.clock.now().plus_seconds(seconds_to_know(&entry)));
            }
            watch.until = watch.until.max(not_before.unwrap_or(watch.until));
            let changed = self.core.catalog.changed();
            match self.look_at(id, &watch) {
                Verdict::Open => {
                    let _ = tokio::time::timeout(LOOK, changed).await;
                }
                verdict => match self.carry_out(id, &watch, &verdict).await {
                    Ok(()) => return,
                    Err(error) => {
                        tracing::error!(%error, service = %id, "watched_configuration_not_settled");
                        tokio::time::sleep(AGAIN).await;
                    }
                },
            }
        }
    }

    fn look_at(&self, id: ServiceId, watch: &Watch) -> Verdict {
        let told = self.services.told(id).ok().flatten();
        match (self.core.catalog.find(id), told) {
            (Some(entry), Some(told)) if self.services.may_change().is_ok() => {
                verdict(&entry, watch, watch.version, told.applied, self.core.clock.now())
            }
            (Some(_), Some(_)) => Verdict::Open,
            _ => Verdict::Over("it has been deleted meanwhile"),
        }
    }

    /// Ends a watch as its verdict says; one that somebody else has ended meanwhile, by saving another version, is left alone.
    async fn carry_out(&self, id: ServiceId, watch: &Watch, verdict: &Verdict) -> Result<()> {
        let version = watch.version;
        let name = self.services.row_of(id).map(|row| row.name).unwrap_or_default();
        let (kind, text) = match verdict {
            Verdict::Bad(why) => return self.take_back(id, watch, why).await,
            Verdict::Over(why) => {
                (EventKind::ConfigWatchEnded, format!("version {version} of the configuration of {name} is no longer watched: {why}"))
            }
            Verdict::Good | Verdict::Open => {
                (EventKind::ConfigHeld, format!("{name} is well with version {version} of its configuration, which stays"))
            }
        };
        let event = NewEvent::new(kind, text).on(id, name).with(serde_json::json!({ "version": version }));
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                let is_there = watch_forget(db, id, version).await?;
                Ok(((), if is_there { vec![event] } else { Vec::new() }))
            })
        });
        write.await?;
        self.unwatch(id, version);
        Ok(())
    }

    /// Saves what was before as a new version, and restarts the service with it.
    async fn take_back(&self, id: ServiceId, watch: &Watch, why: &str) -> Result<()> {
        let state = self.state(id).await?;
        let (_, Kept { values, secrets, source, heritage, .. }) = self.version_of(&state, watch.back_to).await?;
        let message = format!("version {} was taken back: {why}", watch.version);
        let message: String = message.chars().take(super::save::MESSAGE).collect();
        let draft = Draft {
            kind: VersionKind::Reverted,
            made_from: Some(watch.version),
            values,
            secrets,
            source,
            inherits: Inherits::As(heritage),
            message,
            restart: true,
            watch_seconds: None,
        };
        match self.save_draft(&Caller::system(), id, move |_| Ok(draft)).await {
            Err(error) if error.code == api::ErrorCode::Conflict => {
                self.unwatch(id, watch.version);
                Ok(())
            }
            result => result.map(|_| ()),
        }
    }

    fn unwatch(&self, id: ServiceId, version: u64) {
        let mut watches = lock(&self.watches);
        if watches.get(&id).is_some_and(|watch| watch.version == version) {
            watches.remove(&id);
        }
    }
}

/// Fails unless a watch can take so many seconds.
pub(super) fn allowed(seconds: u32) -> Result<()> {
    if (10..=3600).contains(&seconds) {
        return Ok(());
    }
    Err(Error::invalid("/watch_seconds", "a service is watched for 10 to 3,600 seconds"))
}

#[cfg(test)]
mod tests {
    use api::{Desired, Health, Restarts, Status, Timestamp};

    use super::{Verdict, verdict};
    use crate::Entry;
    use crate::monitoring::tests::entry;
    use crate::store::configurations::Watch;

    #[test]
    fn what_is_thought_of_a_service_is_what_it_does_with_the_new_version() {
        let watch = Watch { version: 3, back_to: 2, until: Timestamp::from_micros(1_000) };
        let at = |micros: i64| Timestamp::from_micros(micros);
        let of = |change: &dyn Fn(&mut Entry)| {
            let mut entry = entry(api::ServiceId(uuid::Uuid::nil()));
            (entry.service.desired, entry.service.status, entry.service.health_status) =
                (Desired::Running, Status::Running, Health::Healthy);
            change(&mut entry);
            entry
        };
        let think = |change: &dyn Fn(&mut Entry), applied: u64, now: i64| verdict(&of(change), &watch, 3, Some(applied), at(now));
        assert_eq!(think(&|_| {}, 3, 10), Verdict::Open);
        assert_eq!(think(&|_| {}, 3, 1_000), Verdict::Good);
        assert_eq!(think(&|entry| entry.service.health_status = Health::Unhealthy, 2, 10), Verdict::Open, "it isn't restarted yet");
        assert!(matches!(think(&|_| {}, 2, 1_000), Verdict::Bad(why) if why.contains("wasn't restarted")));
        assert!(matches!(think(&|entry| entry.service.health_status = Health::Unhealthy, 3, 10), Verdict::Bad(_)));
        assert!(
            matches!(think(&|entry| entry.service.health_status = Health::Unknown, 3, 1_000), Verdict::Bad(why) if why.contains("no health check"))
        );
        assert!(matches!(think(&|entry| entry.service.status = Status::Error, 2, 10), Verdict::Bad(_)), "it couldn't be started with it");
        let unchecked = |entry: &mut Entry| (entry.service.health_status, entry.spec.health.kind) = (Health::Unknown, api::CheckKind::None);
        assert_eq!(think(&unchecked, 3, 1_000), Verdict::Good);
        assert!(matches!(think(&|entry| entry.service.status = Status::Error, 3, 10), Verdict::Bad(_)));
        assert!(matches!(think(&|entry| entry.service.status = Status::Stopped, 3, 10), Verdict::Bad(_)));
        let crashed = |entry: &mut Entry| entry.service.restarts = Restarts { in_a_row: 1, next_at: None };
        assert!(matches!(think(&crashed, 3, 10), Verdict::Bad(_)), "also when it has been started again");
        assert_eq!(think(&|entry| entry.service.status = Status::Starting, 3, 10), Verdict::Open);
        assert!(matches!(think(&|entry| entry.service.status = Status::Starting, 3, 1_000), Verdict::Bad(_)));
        assert!(matches!(think(&|entry| entry.service.desired = Desired::Stopped, 3, 10), Verdict::Over(_)));
    }
}
