//! The making of a container and its start, in a task of its own that tells how far it is.

use std::sync::Arc;

use api::{Result, ServiceId};
use bollard::Docker;

use super::build::{BuildLog, Told};
use super::{Ended, LIMIT, NewContainer, Observation, Shared, failed, make};

impl Shared {
    /// Starts a container that is there.
    pub(super) async fn run(self: &Arc<Self>, docker: &Docker, container: &str) -> Result<()> {
        let started = docker.start_container(container, None).await;
        self.look(docker, container).await;
        started.map_err(|error| failed("it can't be started", &error))
    }

    /// Makes a container and starts it, in a task of its own.
    pub(super) fn make(self: &Arc<Self>, docker: Docker, id: ServiceId, new: NewContainer) {
        self.lock().services.entry(id).or_insert_with(|| make::name(id));
        let looking = match &new.build {
            Some(build) => format!("looking at the folder {}", build.folder),
            None => format!("looking for the image {}", new.image),
        };
        let (shared, shutdown) = (self.clone(), self.core.shutdown.clone());
        let (allowed, go) = tokio::sync::oneshot::channel::<()>();
        let task = self.core.tasks.spawn(async move {
            let making = async {
                // What it tells comes after what is told here.
                if go.await.is_err() {
                    return;
                }
                let made = async {
                    let log = if new.build.is_some() { BuildLog::open(&shared, id).await } else { BuildLog::default() };
                    let mut told = Told { tell: &|label| shared.prepare(id, label, 1), log };
                    let made = make::make(&shared.core, &docker, id, new, &mut told).await;
                    told.log.close().await;
                    made?;
                    shared.look_by_name(&docker, id).await;
                    shared.prepare(id, "starting the container".into(), 2);
                    shared.run(&docker, &make::name(id)).await
                };
                let done = made.await;
                shared.made(id, done);
            };
            shutdown.run_until_cancelled(making).await;
        });
        let first = Observation::Preparing { label: looking, step: 1, steps: 2 };
        self.lock().making.insert(id, (first, task.abort_handle()));
        self.tell(id);
        let _ = allowed.send(());
    }

    /// Says what is being done to make the container of a service.
    pub(super) fn prepare(&self, id: ServiceId, label: String, step: u32) {
        if let Some((making @ Observation::Preparing { .. }, _)) = self.lock().making.get_mut(&id) {
            *making = Observation::Preparing { label, step, steps: 2 };
        }
        self.tell(id);
    }

    pub(super) fn made(self: &Arc<Self>, id: ServiceId, done: Result<()>) {
        let mut state = self.lock();
        match done {
            Ok(()) => drop(state.making.remove(&id)),
            Err(error) => {
                let failed = Ended { start_failure: Some(self.core.mask.hide_text(error.message)), ..self.ended() };
                if let Some((making, _)) = state.making.get_mut(&id) {
                    *making = Observation::Ended(failed);
                }
            }
        }
        drop(state);
        self.tell(id);
        self.take_log(id);
    }

    /// Ends the making of a container. Answers whether it was being made.
    pub(super) fn stop_making(&self, id: ServiceId) -> bool {
        let mut state = self.lock();
        let Some((making @ Observation::Preparing { .. }, task)) = state.making.get_mut(&id) else { return false };
        task.abort();
        *making = Observation::Ended(Ended { was_asked: true, ..self.ended() });
        drop(state);
        self.tell(id);
        true
    }

    /// Looks at the container that Pilothouse has made for a service, of which no event may have come yet.
    pub(super) async fn look_by_name(self: &Arc<Self>, docker: &Docker, id: ServiceId) {
        let there = tokio::time::timeout(LIMIT, docker.inspect_container(&make::name(id), None)).await;
        if let Ok(Ok(there)) = there
            && let Some(container) = there.id
        {
            self.look(docker, &container).await;
        }
    }
}
