//! What a release is compared with that takes the place of another one: what that did until the switch, as the proxy in front of the service has counted it,
//! or as the service's own metrics say.
//!
//! It is written with the switch, because it can't be had afterwards: whoever goes on with the deployment judges by the same numbers.

use api::{DeploymentId, Result, ServiceId, Stage, StageStatus, Timestamp};
use serde::{Deserialize, Serialize};

use super::Manager;
use super::beside::Counted;
use super::live::Live;
use crate::monitoring::Answered;
use crate::proxy::judge::Timed;
use crate::proxy::{BUCKETS, TargetStatus, latency_bucket};
use crate::store::deployments::{DeploymentFilter, deployment_list};

/// Seconds before the switch that are looked at.
const WINDOW: i64 = 3600;
/// How many deployments are looked through for the last one that has changed what the service runs.
const LOOKED_THROUGH: i64 = 100;

/// What the release before did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Baseline {
    /// Whose figures these are, and those of the new release.
    pub by: By,
    /// From when on it was counted.
    pub since: Timestamp,
    /// When that ended.
    pub until: Timestamp,
    /// What came to it.
    pub old: TargetStatus,
}

/// Who counts the requests of both releases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum By {
    /// The proxy; what it had counted when the watch began.
    Proxy(Option<Counted>),
    /// The service, between two scrapes of its metrics.
    Metrics {
        /// Whether its metrics say how long 95 of 100 requests took; otherwise only the mean is known.
        has_p95: bool,
        /// Whether they say which requests failed.
        has_errors: bool,
    },
}

impl Baseline {
    /// What its latency counts.
    pub fn timed(&self) -> Timed {
        match self.by {
            By::Proxy(_) => Timed::Requests,
            By::Metrics { has_p95: true, .. } => Timed::Scrapes,
            By::Metrics { has_p95: false, .. } => Timed::Means,
        }
    }

    /// How long that was and who has counted, as the end of a sentence with the numbers; `has_errors` says whether both releases tell what has failed.
    pub fn text(&self, has_errors: bool) -> String {
        let seconds = self.until.seconds_since(self.since).round().max(1.0) as u64;
        let span = if seconds < 120 { format!("{seconds} s") } else { format!("{} min", seconds / 60) };
        let by = match (&self.by, has_errors) {
            (By::Proxy(_), _) => "as the proxy has counted",
            (By::Metrics { .. }, true) => "as its metrics say",
            (By::Metrics { .. }, false) => "as its metrics say, but for what has failed",
        };
        format!("compared with the {span} before the switch, {by}")
    }
}

impl Manager {
    /// What the release that a service runs has done lately, when a deployment is to be compared with it.
    pub(super) async fn baseline(&self, live: &Live) -> Result<Option<Baseline>> {
        let order = live.record().order;
        let is_watched = order.new.watch_seconds.is_some_and(|seconds| seconds > 0);
        let ran = order.before.as_ref().is_some_and(|before| before.ran);
        if !is_watched || !ran || order.beside.is_some() {
            return Ok(None);
        }
        let id = live.record().shown.service_id;
        let least = u64::from(order.new.canary.clone().unwrap_or_default().min_requests);
        let by_proxy = self.by_proxy(id).await;
        if by_proxy.as_ref().is_some_and(|it| it.old.requests >= least) {
            return Ok(by_proxy);
        }
        let by_metrics = self.by_metrics(live.id(), id).await?;
        Ok(match (by_proxy, by_metrics) {
            // After a start of Pilothouse the proxy's figures are short, and the others are kept.
            (Some(one), Some(other)) if other.old.requests < least => Some(one),
            (one, other) => other.or(one),
        })
    }

    async fn by_proxy(&self, id: ServiceId) -> Option<Baseline> {
        let lately = self.services.counted_lately(id).await?;
        let own = self.services.instances(id);
        let old = Counted::of(&lately.now, &own, &[]).since(Some(&Counted::of(&lately.then, &own, &[]))).0;
        Some(Baseline { by: By::Proxy(None), since: lately.since, until: self.core.clock.now(), old })
    }

    async fn by_metrics(&self, deployment: DeploymentId, id: ServiceId) -> Result<Option<Baseline>> {
        let until = self.core.clock.now();
        let since = until.plus_seconds(-WINDOW).max(self.runs_since(deployment, id).await?.unwrap_or_default());
        let answered = self.monitoring.answered(&self.services.instances(id), since, until).await?;
        if answered.is_empty() {
            return Ok(None);
        }
        let has_p95 = answered.iter().any(|one| one.p95_ms.is_some());
        let has_errors = answered.iter().all(|one| one.failed.is_some());
        let old = sum(&answered, has_p95);
        Ok(Some(Baseline { by: By::Metrics { has_p95, has_errors }, since, until, old }))
    }

    /// When what the service runs was changed by a deployment last.
    async fn runs_since(&self, besides: DeploymentId, id: ServiceId) -> Result<Option<Timestamp>> {
        let filter = DeploymentFilter { service_id: Some(id), limit: LOOKED_THROUGH, ..DeploymentFilter::default() };
        let rows = deployment_list(&mut self.core.store.main.read().await?, &filter).await?;
        let has_switched = |one: &api::Deployment| {
            let is_done = |status| matches!(status, StageStatus::Succeeded | StageStatus::Undone);
            one.stages.iter().any(|stage| stage.name == Stage::Deploy && is_done(stage.status))
        };
        let last = rows.into_iter().map(|row| row.shown).find(|one| one.id != besides && one.finished_at.is_some() && has_switched(one));
        Ok(last.and_then(|one| one.finished_at))
    }

    /// What has come to the new release, and whether it is known which requests have failed; none when it can't be said now.
    pub(super) async fn done_since(
        &self,
        id: ServiceId,
        baseline: &Baseline,
        switched_at: Timestamp,
    ) -> Result<Option<(TargetStatus, bool)>> {
        let own = self.services.instances(id);
        Ok(match &baseline.by {
            By::Proxy(begun) => {
                let status = self.services.front_status(id).await;
                status.map(|status| (Counted::of(&status, &own, &[]).since(begun.as_ref()).0, true))
            }
            By::Metrics { has_p95, has_errors } => {
                let answered = self.monitoring.answered(&own, switched_at, self.core.clock.now()).await?;
                let is_known = *has_errors && answered.iter().all(|one| one.failed.is_some());
                Some((sum(&answered, *has_p95), is_known))
            }
        })
    }
}

/// All of it; each scrape with requests is counted once by how long those took.
fn sum(answered: &[Answered], by_p95: bool) -> TargetStatus {
    let mut all = TargetStatus { latency: vec![0; BUCKETS], ..TargetStatus::default() };
    for one in answered.iter().filter(|one| one.requests > 0) {
        all.requests += one.requests;
        all.errors += one.failed.unwrap_or_default();
        if let Some(took) = if by_p95 { one.p95_ms } else { one.mean_ms } {
            all.latency[latency_bucket(took)] += 1;
        }
    }
    all.latency.truncate(all.latency.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scrape_with_requests_is_counted_once() {
        let one = |requests, failed, p95_ms| Answered { requests, failed, mean_ms: Some(1.0), p95_ms };
        let answered = [one(10, Some(1), Some(20.0)), one(0, Some(0), None), one(300, Some(2), Some(20.0)), one(5, None, None)];
        let by_p95 = sum(&answered, true);
        assert_eq!((by_p95.requests, by_p95.errors, by_p95.latency.iter().sum::<u64>()), (315, 3, 2));
        assert_eq!(by_p95.latency[latency_bucket(20.0)], 2);
        assert_eq!(sum(&answered, false).latency[latency_bucket(1.0)], 3);
    }
}
