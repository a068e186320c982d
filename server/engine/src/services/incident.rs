//! What is kept of each run that ended by itself, to be looked at when it no longer shows.

use std::sync::Arc;

use api::{Incident, IncidentId, IncidentSummary, MetricsPoint, Page, Result, ServiceId, Timestamp};
use futures::future::BoxFuture;

use super::Services;
use crate::store::incidents::{incident_add, incident_find, incident_keep, incident_list};

/// Incidents that are kept of each service.
const KEPT: u32 = 20;
/// Bytes of lines that are kept of each incident.
const BYTES: usize = 256 * 1024;
/// Seconds of figures that are kept of each incident.
const FIGURES_SECONDS: i64 = 600;

/// The figures of a service between two times.
pub(super) type ReadFigures = Arc<dyn Fn(ServiceId, Timestamp, Timestamp) -> BoxFuture<'static, Vec<MetricsPoint>> + Send + Sync>;

impl Services {
    /// Lets incidents have the figures that `read` answers. Can be said once.
    pub fn read_figures(
        &self,
        read: impl Fn(ServiceId, Timestamp, Timestamp) -> BoxFuture<'static, Vec<MetricsPoint>> + Send + Sync + 'static,
    ) {
        if self.figures.set(Arc::new(read)).is_err() {
            tracing::error!("second_source_of_figures_ignored");
        }
    }

    /// Keeps an incident with the figures before it, in the background: nothing waits for it.
    pub(super) fn keep_incident(&self, mut incident: Incident) {
        incident.lines = newest(incident.lines, BYTES);
        let (core, figures) = (self.core.clone(), self.figures.get().cloned());
        self.core.tasks.spawn(async move {
            let IncidentSummary { service_id, at, .. } = incident.summary;
            if let Some(read) = figures {
                incident.figures = read(service_id, at.plus_seconds(-FIGURES_SECONDS), at).await;
            }
            if !core.store.lease.is_held() {
                return;
            }
            let write = core.store.main.write(move |db| {
                Box::pin(async move {
                    incident_add(db, &incident).await?;
                    incident_keep(db, service_id, KEPT).await
                })
            });
            if let Err(error) = write.await {
                tracing::error!(%error, service = %service_id, "incident_not_kept");
            }
        });
    }

    /// Forgets the incidents of a service that is deleted.
    pub(super) async fn forget_incidents(&self, id: ServiceId) {
        let write = self.core.store.main.write(move |db| Box::pin(incident_keep(db, id, 0)));
        if let Err(error) = write.await {
            tracing::error!(%error, service = %id, "incidents_not_forgotten");
        }
    }

    pub(super) async fn list_incidents(&self, id: ServiceId) -> Result<Page<IncidentSummary>> {
        self.core.catalog.get(id)?;
        Ok(Page::whole(incident_list(&mut self.core.store.main.read().await?, id).await?))
    }

    pub(super) async fn get_incident(&self, id: IncidentId) -> Result<Incident> {
        let found = incident_find(&mut self.core.store.main.read().await?, id).await?;
        let mut incident = found.ok_or_else(|| api::Error::not_found("incident", id))?;
        // It may be older than a secret.
        incident.lines = incident.lines.into_iter().map(|line| self.core.mask.hide_text(line)).collect();
        Ok(incident)
    }
}

/// The newest of `lines` that have so many bytes together.
fn newest(mut lines: Vec<String>, bytes: usize) -> Vec<String> {
    let mut left = bytes;
    let fits = lines.iter().rev().take_while(|line| left.checked_sub(line.len()).map(|rest| left = rest).is_some()).count();
    lines.split_off(lines.len() - fits)
}

#[cfg(test)]
mod tests {
    use super::newest;

    #[test]
    fn the_newest_lines_are_kept_as_far_as_they_fit() {
        let lines = || ["aaaa", "bb", "cc", ""].map(String::from).to_vec();
        assert_eq!(newest(lines(), 5), ["bb", "cc", ""]);
        assert_eq!(newest(lines(), 100), lines());
        assert_eq!(newest(lines(), 1), [""]);
    }
}
