//! Who may let services run what: the one rule about free commands and users of the system.
//!
//! What runs as Pilothouse's user may be a service of the services folder; anything else takes an Admin. What runs as one of the
//! `service_users` may be anything: that user is what it can reach.

use std::path::PathBuf;

use api::{Caller, CheckKind, Error, HealthCheck, Permission, Result, ServiceSpec, Source};

use super::Services;
use super::discovery::is_only_ours;
use super::launch::blocking;
use super::validate::runs_code;
use crate::user::{SystemUser, may_change};

impl Services {
    /// Fails unless the caller may have what `spec` runs, before its folder is looked at; answers the user that it runs as, when that isn't
    /// Pilothouse's. What is as it was `before` stays, whoever has set it, for as long as it runs as the same user.
    pub(super) fn may_run(&self, caller: &Caller, spec: &ServiceSpec, before: Option<&ServiceSpec>) -> Result<Option<SystemUser>> {
        let user = match before {
            Some(before) if before.user == spec.user => spec.user.as_deref().and_then(|name| SystemUser::choose(name).ok()),
            _ => self.may_choose(caller, spec, before.and_then(|before| before.user.as_deref()))?,
        };
        if self.runs_freely(caller, spec) {
            return Ok(user);
        }
        let same = before.filter(|before| before.user == spec.user);
        let is_new = |name: &str, value: &String| same.is_none_or(|before| before.environment.get(name) != Some(value));
        if let Some((name, _)) = spec.environment.iter().find(|(name, value)| runs_code(name) && is_new(name, value)) {
            return Err(self.refused(caller, &format!("the variable {name} can make the service run any program, and ")));
        }
        self.may_check(caller, spec, &spec.health, same.map(|before| &before.health))?;
        if matches!(spec.source, Source::Command { .. }) && same.is_none() {
            return Err(self.refused(caller, ""));
        }
        let repository = spec.source.repository();
        if repository.is_some() && same.is_none_or(|before| before.source.repository() != repository) {
            return Err(self.refused(caller, "whatever is in the repository is run, and "));
        }
        let sent = spec.source.sent();
        if sent.is_some() && same.is_none_or(|before| before.source.sent() != sent) {
            let what = match spec.source.push() {
                Some(_) => "whoever has the registry gets the image that is pushed there, and ",
                None => "whoever has the registry is told the secret, and ",
            };
            return Err(self.refused(caller, what));
        }
        Ok(user)
    }

    /// Fails unless the caller may have `check` for a service like that: a command that isn't the one `before` is a free one.
    pub(super) fn may_check(&self, caller: &Caller, spec: &ServiceSpec, check: &HealthCheck, before: Option<&HealthCheck>) -> Result<()> {
        let is_same = before.is_some_and(|before| before.asks_like(check));
        if check.kind != CheckKind::Command || is_same || self.runs_freely(caller, spec) {
            return Ok(());
        }
        Err(self.refused(caller, "a health check by a command runs that command, and "))
    }

    /// Fails unless the caller may have a service run from its folder: when it runs as Pilothouse's user it must be one of the services
    /// folder that nobody else can change.
    pub(super) async fn may_run_from(&self, caller: &Caller, spec: &ServiceSpec, before: Option<&ServiceSpec>) -> Result<()> {
        let Some(folder) = runs_from(&spec.source) else { return Ok(()) };
        let is_same = before.is_some_and(|before| before.user == spec.user && runs_from(&before.source) == Some(folder));
        if is_same || self.runs_freely(caller, spec) {
            return Ok(());
        }
        let path = PathBuf::from(folder);
        let Some(root) = self.root.clone().filter(|root| path.starts_with(root) && path != *root) else {
            return Err(self.refused(caller, ""));
        };
        let is_suspect = before.is_some_and(|before| before.user.is_some());
        let ours = blocking(move || is_only_ours(&root, &path, is_suspect)).await?;
        ours.map_err(|why| {
            self.refused(caller, &format!("others could change what runs from '{folder}' ({why}), so it is a free command, and "))
        })
    }

    /// Whether a service like that may run anything, as far as the caller is concerned.
    fn runs_freely(&self, caller: &Caller, spec: &ServiceSpec) -> bool {
        caller.may(Permission::ServicesCommand) || spec.user.as_deref().is_some_and(|user| self.is_open(user))
    }

    /// Whether a Developer may let services run as that user.
    fn is_open(&self, user: &str) -> bool {
        self.core.config.service_users.iter().any(|open| open == user)
    }

    /// The user of a service that had another one, or none, before.
    fn may_choose(&self, caller: &Caller, spec: &ServiceSpec, before: Option<&str>) -> Result<Option<SystemUser>> {
        if let Some(closed) = before.filter(|before| !caller.may(Permission::ServicesCommand) && !self.is_open(before)) {
            return Err(self.refused(caller, &format!("an Admin has chosen that it runs as the user '{closed}', and ")));
        }
        let Some(name) = &spec.user else { return Ok(None) };
        spec.source.can_run_as().map_err(|blocked| Error::invalid("/user", blocked.0))?;
        may_change().map_err(|why| Error::invalid("/user", why))?;
        if !caller.may(Permission::ServicesCommand) && !self.is_open(name) {
            return Err(self.refused(caller, "a service runs as a user that an Admin has chosen, and "));
        }
        SystemUser::choose(name).map(Some).map_err(|why| Error::invalid("/user", why))
    }

    /// Why the caller may not, after `what` it is about, and what they may instead.
    fn refused(&self, caller: &Caller, what: &str) -> Error {
        let Err(error) = caller.require(Permission::ServicesCommand) else { return Error::internal() };
        let open = &self.core.config.service_users;
        let instead = match open.is_empty() {
            true => String::new(),
            false => format!(". As one of these users of the system it may run anything: {}", open.join(", ")),
        };
        Error::forbidden(format!("{what}{}{instead}", error.message))
    }
}

#[cfg(test)]
#[path = "rights_tests.rs"]
mod tests;

/// The folder that a service is read from: what is in it says what runs.
fn runs_from(source: &Source) -> Option<&str> {
    match source {
        Source::Folder { folder } => Some(folder),
        Source::Build { build, .. } => Some(build.folder.as_str()).filter(|folder| !folder.is_empty()),
        Source::Command { .. } | Source::Image { .. } | Source::Container { .. } => None,
        Source::Repository { .. } | Source::Demonstration { .. } | Source::Proxy { .. } => None,
    }
}
