//! The health checks of services: which they may have, and the running of their commands.

use std::sync::Arc;
use std::time::Duration;

use api::{Caller, CheckKind, Error, EventKind, HealthCheck, HealthTest, Result, RuntimeKind, ServiceId, Status};

use super::Services;
use crate::events::NewEvent;
use crate::monitoring::{CheckCommand, RunCommand, check_once};
use crate::runtime::process::Ran;

/// The most checks that are tried out at a time.
pub(super) const TESTS: usize = 4;

impl Services {
    /// Runs the command of a health check as if it were a part of the service, for at most `limit`.
    pub(crate) async fn run_check(&self, asked: CheckCommand, limit: Duration) -> Ran {
        let CheckCommand { id, user, command } = asked;
        let Ok(row) = self.row(id) else { return Ran::not("there is no such service any more") };
        if row.spec.user != user {
            return Ran::not("it can't be run: the service was given another user meanwhile");
        }
        let port = self.core.catalog.find(id).and_then(|entry| entry.service.port);
        let told = match self.told(id) {
            Ok(told) => told,
            Err(error) => return Ran::not(format!("it can't be run: {}", error.message)),
        };
        let pinned = match self.pinned(id) {
            Ok(pinned) => pinned,
            Err(error) => return Ran::not(format!("it can't be run: {}", error.message)),
        };
        match self.planner.beside(&row.spec, told.as_deref(), pinned.as_deref(), row.found.as_ref(), port, command).await {
            Ok(aside) => self.without_secrets(aside.run(limit).await),
            Err(error) => Ran::not(format!("it can't be run: {}", error.message)),
        }
    }

    /// Checks a running service once, and leaves what is known of it as it is.
    pub(super) async fn test_check(&self, caller: &Caller, id: ServiceId, check: HealthCheck) -> Result<HealthTest> {
        let entry = self.core.catalog.get(id)?;
        Error::invalid_fields(check.faults(""))?;
        let saved = &entry.spec.health;
        possible(&check, entry.spec.runtime, "")?;
        self.may_check(caller, &entry.spec, &check, Some(saved))?;
        let asks_port = match check.kind {
            CheckKind::None => return Err(Error::invalid("/kind", "there is nothing to test: its health isn't to be checked")),
            CheckKind::Http | CheckKind::Tcp => true,
            CheckKind::Command => false,
        };
        let name = &entry.service.name;
        if entry.service.status != Status::Running {
            return Err(Error::conflict(format!("'{name}' doesn't run; start it, then test its health check")));
        }
        if asks_port && entry.service.port.is_none() {
            return Err(Error::conflict(format!("'{name}' has no port to ask; set its port, or check it by a command")));
        }
        let busy = |_| Error::unavailable("other health checks are being tested now; try again in a moment").retry_after(2);
        let _place = self.tests.try_acquire().map_err(busy)?;
        if check.kind == CheckKind::Command && !check.asks_like(saved) {
            self.tell_test(caller, id, name, &check).await?;
        }
        let asked = check.asked(entry.service.port);
        let found = check_once(&entry, check, &self.run_command()).await.ok_or_else(Error::internal)?;
        Ok(HealthTest { ok: found.ok, latency_ms: found.latency_ms, asked, message: found.message, output: found.output })
    }

    /// What a command has written, without the secrets that it may have been given.
    fn without_secrets(&self, mut ran: Ran) -> Ran {
        ran.output = ran.output.into_iter().map(|line| self.core.mask.hide_text(line)).collect();
        ran
    }

    /// Records that somebody runs a command that isn't saved with the service: its change would be recorded too.
    async fn tell_test(&self, caller: &Caller, id: ServiceId, name: &str, check: &HealthCheck) -> Result<()> {
        let message = format!("{} tried out a health check of {name}: {}", caller.name, check.command_name());
        self.core.events.record(NewEvent::new(EventKind::HealthTested, message).on(id, name).by(caller)).await
    }

    /// Runs commands of checks for as long as these services are there.
    pub(crate) fn run_command(&self) -> RunCommand {
        let me = self.me.clone();
        Arc::new(move |asked, limit| {
            let services = me.upgrade();
            Box::pin(async move {
                match services {
                    Some(services) => services.run_check(asked, limit).await,
                    None => Ran::not("Pilothouse is ending"),
                }
            })
        })
    }
}

/// Fails when `check`, whose fields are right, can't be had by a service of that runtime. `at` is the JSON Pointer of the check.
pub(super) fn possible(check: &HealthCheck, runtime: RuntimeKind, at: &str) -> Result<()> {
    if check.kind != CheckKind::Command {
        return Ok(());
    }
    runtime.can_run_checks().map_err(|blocked| Error::invalid(format!("{at}/kind"), blocked.0))
}
