//! The log of a container, taken into that of its service for as long as it runs.

use std::sync::Arc;
use std::time::Duration;

use api::ServiceId;

use super::{LOOK, Link, Observation, Shared, WHO, log_folder, logs};

/// Between tries to read a log that breaks off; doubled before each up to the longest.
const LOG_PAUSE: Duration = Duration::from_millis(500);
/// The longest of them.
const LONGEST_LOG_PAUSE: Duration = Duration::from_secs(60);

impl Shared {
    /// Takes the log of a service's container into its own until the container ends; once more, when that is being done.
    pub(super) fn take_log(self: &Arc<Self>, id: ServiceId) {
        let mut state = self.lock();
        if !state.of(id).is_some_and(|known| known.has_run) {
            return;
        }
        if let Some(again) = state.taking.get_mut(&id) {
            *again = true;
            return;
        }
        state.taking.insert(id, false);
        drop(state);
        let (shared, shutdown) = (self.clone(), self.core.shutdown.clone());
        self.core.tasks.spawn(async move { shutdown.run_until_cancelled(shared.keep_taking_log(id)).await });
    }

    pub(super) async fn keep_taking_log(&self, id: ServiceId) {
        let mut pause = LOG_PAUSE;
        loop {
            let place = {
                let state = self.lock();
                let is_up = matches!(state.link, Link::Up(_));
                state.docker.clone().zip(state.of(id).map(|known| known.container.id.clone())).filter(|_| is_up)
            };
            let taken = match place {
                Some((docker, container)) => logs::follow(&docker, &container, log_folder(&self.core, id)).await,
                None => Ok(()),
            };
            match taken {
                // It has ended, and its end is told in a moment.
                Ok(()) => {
                    let told = async {
                        while matches!(self.lock().observe(id), Observation::Running { .. }) {
                            tokio::time::sleep(LOOK).await;
                        }
                    };
                    // Else the log was broken off.
                    let _ = tokio::time::timeout(WHO, told).await;
                }
                Err(error) => {
                    tracing::warn!(error, service = %id, "container_log_broken_off");
                    pause = (pause * 2).min(LONGEST_LOG_PAUSE);
                    tokio::time::sleep(pause).await;
                }
            }
            let mut state = self.lock();
            let is_running = matches!(state.observe(id), Observation::Running { .. });
            let again = state.taking.get_mut(&id).is_some_and(std::mem::take);
            if !again && !is_running {
                state.taking.remove(&id);
                return;
            }
        }
    }
}
