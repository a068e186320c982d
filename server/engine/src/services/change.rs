//! Making and changing services.

use std::collections::BTreeMap;
use std::path::Path;

use api::{
    Caller, Desired, Detail, Error, EventKind, MASK, NewService, RestartPolicy, Result, ServiceDetail, ServiceId, ServicePatch,
    ServiceSpec, Source, TemplateRef, pointer_part,
};

use super::discovery::Found;
use super::{Services, check, entry, image, lock, taken, validate};
use crate::events::NewEvent;
use crate::store::services::{ServiceRow, service_put};
use crate::user::SystemUser;

impl Services {
    pub(super) async fn create_service(&self, caller: &Caller, new: NewService) -> Result<ServiceDetail> {
        self.may_act()?;
        let _declaring = self.wires.declaring.lock().await;
        let row = self.drawn_up(caller, new, None).await?;
        let event = NewEvent::new(EventKind::ServiceCreated, format!("{} made {}", caller.name, row.name)).on(row.id, &row.name).by(caller);
        self.add_service(row, event).await
    }

    /// Keeps a new service.
    pub(super) async fn add_service(&self, row: ServiceRow, event: NewEvent) -> Result<ServiceDetail> {
        // What is made anew in the folder of a deleted service is told what is said now.
        self.untell(row.id).await;
        self.put(row.clone(), event).await?;
        let shown = entry::entry(&row);
        let detail = shown.detail();
        self.core.catalog.insert(shown);
        self.forget_look().await;
        Ok(detail)
    }

    /// What a new service would be, when there is nothing against it. It isn't kept. One of a template is drawn up of a folder that shall be at another place.
    pub(super) async fn drawn_up(&self, caller: &Caller, new: NewService, template: Option<(&Path, TemplateRef)>) -> Result<ServiceRow> {
        validate::new_service(&new)?;
        let mut spec = spec_of(&new);
        validate::rollout(&spec)?;
        let user = self.may_run(caller, &spec, None)?;
        let found = self.look_at(caller, &mut spec, user.as_ref()).await?;
        if let Some((place, made)) = template {
            spec.source = Source::Folder { folder: place.display().to_string() };
            spec.template = Some(made);
        }

        let folder = found.as_ref().and_then(|_| spec.source.folder().map(String::from));
        let before = lock(&self.rows).values().find(|row| row.folder.is_some() && row.folder == folder).cloned();
        if let Some(row) = before.as_ref().filter(|row| !row.is_deleted) {
            return Err(Error::conflict(format!("that folder is the service '{}' already", row.name)));
        }
        if self.is_name_taken(&new.name, None) {
            return Err(taken(&new.name));
        }
        let now = self.core.clock.now();
        spec.depends_on = self.declared(before.as_ref().map(|row| row.id), &new.depends_on, &[])?;
        self.ports_are_free(before.as_ref().map(|row| row.id), &spec)?;
        if let Some(runtime) = new.runtime.filter(|runtime| *runtime != spec.runtime) {
            let message = format!("such a source is run by {}, not by {}", spec.runtime.label(), runtime.label());
            return Err(Error::invalid("/runtime", message));
        }
        Ok(ServiceRow {
            // A folder keeps its id, also when it was deleted.
            id: before.as_ref().map_or_else(|| ServiceId(self.core.clock.new_uuid()), |row| row.id),
            name: new.name,
            description: new.description.filter(|text| !text.trim().is_empty()),
            folder,
            is_discovered: false,
            is_missing: false,
            is_deleted: false,
            deletion: None,
            spec,
            unopened: None,
            found,
            desired: Desired::Stopped,
            desired_at: now,
            port: None,
            boot_id: None,
            last_exit: None,
            created_at: before.map_or(now, |row| row.created_at),
            last_updated: now,
        })
    }

    /// Makes the paths of a new service's source plain, when the caller may have it run from there; answers what reading its folder has found.
    pub(super) async fn look_at(&self, caller: &Caller, spec: &mut ServiceSpec, user: Option<&SystemUser>) -> Result<Option<Found>> {
        spec.source = validate::source(spec.source.clone(), user).await?;
        image::may_open(caller, &spec.source, None)?;
        self.may_run_from(caller, spec, None).await?;
        validate::found(&spec.source, user).await
    }

    pub(super) async fn change_service(&self, caller: &Caller, id: ServiceId, mut patch: ServicePatch) -> Result<ServiceDetail> {
        self.may_act()?;
        let _gate = self.gate(id).await;
        let before = self.row(id)?;
        self.is_no_part(&before)?;
        if let Some(environment) = &mut patch.environment {
            if before.unopened.as_ref().is_some_and(|unopened| !unopened.problem.can_be_set) {
                before.has_variables()?;
            }
            keep_masked(environment, &before.spec.environment)?;
        }
        validate::patch(&patch, &before.spec.source)?;
        let is_foreign = matches!(before.spec.source, Source::Container { .. });
        if is_foreign && patch.environment.as_ref().is_some_and(|variables| !variables.is_empty()) {
            return Err(Error::invalid("/environment", "the variables of a container that others have made are set where it is made"));
        }
        if self.is_configured(id) {
            let moved = "its variables are in its configuration, which has been saved; change them there";
            if patch.environment.as_ref().is_some_and(|variables| !variables.is_empty()) {
                return Err(Error::invalid("/environment", moved));
            }
            if patch.environment_files.as_ref().is_some_and(|files| !files.is_empty()) {
                return Err(Error::invalid("/environment_files", moved));
            }
        }
        if is_foreign && patch.limits.is_some_and(|limits| !limits.is_empty()) {
            return Err(Error::invalid("/limits", "the limits of a container that others have made are set where it is made"));
        }
        if let Some(health) = &patch.health {
            check::possible(health, before.spec.runtime, "/health")?;
        }
        let mut row = before.clone();
        // Of two changes at a time none takes what the other has just been given.
        let _declaring = self.wires.declaring.lock().await;
        if let Some(wanted) = &patch.depends_on {
            row.spec.depends_on = self.declared(Some(id), wanted, &before.spec.depends_on)?;
        }
        if let Some(wanted) = &patch.source {
            row.spec.source = image::changed(&before.spec.source, wanted)?;
            image::may_open(caller, &row.spec.source, Some(&before.spec.source))?;
        }
        if let Some(repository) = patch.repository {
            if before.spec.source.repository().is_none() {
                let message = "only a service that is made of a Git repository has one; make another service of it";
                return Err(Error::invalid("/repository", message));
            }
            Error::invalid_fields(repository.faults("/repository"))?;
            row.spec.source = row.spec.source.with_repository(repository);
        }
        if let Some(name) = patch.name {
            if self.is_name_taken(&name, Some(id)) {
                return Err(taken(&name));
            }
            row.name = name;
        }
        if let Some(text) = patch.description {
            row.description = Some(text).filter(|text| !text.trim().is_empty());
        }
        if let Some(port) = patch.port {
            row.spec.port = Some(port).filter(|port| *port > 0);
        }
        if let Some(port) = patch.proxy_port {
            row.spec.proxy_port = Some(port).filter(|port| *port > 0);
        }
        row.spec.replicas = patch.replicas.unwrap_or(row.spec.replicas);
        validate::replicas(row.spec.replicas, row.spec.proxy_port)?;
        row.spec.rollout = patch.rollout.unwrap_or(row.spec.rollout);
        let ports = |row: &ServiceRow| (row.spec.port, row.spec.proxy_port);
        if ports(&row) != ports(&before) || row.spec.source != before.spec.source {
            self.ports_are_free(Some(id), &row.spec)?;
        }
        if let Some(user) = patch.user {
            row.spec.user = Some(user).filter(|user| !user.is_empty());
        }
        if let Some(environment) = patch.environment {
            (row.spec.environment, row.unopened) = (environment, None);
        }
        row.spec.environment_files = patch.environment_files.unwrap_or(row.spec.environment_files);
        row.spec.health = patch.health.unwrap_or(row.spec.health);
        row.spec.metrics_path = patch.metrics_path.unwrap_or(row.spec.metrics_path);
        row.spec.stop_grace_seconds = patch.stop_grace_seconds.unwrap_or(row.spec.stop_grace_seconds);
        row.spec.restart = patch.restart.unwrap_or(row.spec.restart);
        row.spec.handover = patch.handover.unwrap_or(row.spec.handover);
        // A release that was gone back to may have made it impossible; that keeps nobody from changing something else.
        if patch.rollout.is_some() || validate::rollout(&before.spec).is_ok() {
            validate::rollout(&row.spec)?;
        }
        row.spec.limits = patch.limits.unwrap_or(row.spec.limits);
        row.spec.labels = patch.labels.unwrap_or(row.spec.labels);
        self.may_run(caller, &row.spec, Some(&before.spec))?;
        self.may_run_from(caller, &row.spec, Some(&before.spec)).await?;
        let changed = changed(&before, &row);
        if !changed.is_empty() {
            row.last_updated = self.core.clock.now();
            let message = format!("{} changed {} of {}", caller.name, changed.join(", "), row.name);
            let data = serde_json::json!({ "fields": changed });
            let event = NewEvent::new(EventKind::ServiceChanged, message).on(id, &row.name).by(caller).with(data);
            self.put(row.clone(), event).await?;
        }
        let now = self.core.clock.now();
        let shown = self.core.catalog.update(id, |entry| {
            entry::refresh(entry, &row);
            if row.spec.restart == RestartPolicy::Never {
                entry.service.restarts.next_at = None;
            }
            if !changed.is_empty() {
                entry.service.last_updated = now;
            }
        });
        self.forget_look().await;
        shown.map(|entry| entry.detail()).ok_or_else(|| Error::not_found("service", id))
    }

    /// Writes a row with its event in one commit, and remembers it.
    pub(super) async fn put(&self, row: ServiceRow, event: NewEvent) -> Result<()> {
        let (put, spec) = (row.clone(), self.sealed_row(&row)?);
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                service_put(db, &put, &spec).await?;
                Ok(((), vec![event]))
            })
        });
        write.await?;
        if !row.is_deleted {
            self.runtimes.adopt(row.id, &row.spec);
        }
        lock(&self.rows).insert(row.id, row);
        self.look_at_fronts();
        Ok(())
    }
}

/// The specification of a new service, before its source is looked at.
pub(super) fn spec_of(new: &NewService) -> ServiceSpec {
    ServiceSpec {
        user: new.user.clone().filter(|user| !user.is_empty()),
        port: new.port,
        proxy_port: new.proxy_port,
        replicas: new.replicas,
        rollout: new.rollout,
        environment: new.environment.clone(),
        environment_files: new.environment_files.clone(),
        health: new.health.clone(),
        restart: new.restart,
        handover: new.handover,
        limits: new.limits,
        labels: new.labels.clone(),
        ..ServiceSpec::new(new.source.clone())
    }
}

/// Puts the values of before where variables are [`MASK`], as they are shown. Fails with each that has none.
fn keep_masked(variables: &mut BTreeMap<String, String>, before: &BTreeMap<String, String>) -> Result<()> {
    let mut faults = Vec::new();
    for (name, value) in variables.iter_mut().filter(|(_, value)| *value == MASK) {
        match before.get(name) {
            Some(kept) => value.clone_from(kept),
            None => faults.push(Detail {
                field: format!("/environment/{}", pointer_part(name)),
                message: format!("{name} is {MASK}, which keeps a secret, and there is none to keep: give the value"),
            }),
        }
    }
    Error::invalid_fields(faults)
}

/// The names of the fields that are different.
fn changed(before: &ServiceRow, after: &ServiceRow) -> Vec<&'static str> {
    let fields = [
        ("name", before.name != after.name),
        ("description", before.description != after.description),
        ("source", before.spec.source != after.spec.source),
        ("user", before.spec.user != after.spec.user),
        ("port", before.spec.port != after.spec.port),
        ("proxy_port", before.spec.proxy_port != after.spec.proxy_port),
        ("replicas", before.spec.replicas != after.spec.replicas),
        ("rollout", before.spec.rollout != after.spec.rollout),
        ("environment", before.spec.environment != after.spec.environment || before.unopened != after.unopened),
        ("depends_on", before.spec.depends_on != after.spec.depends_on),
        ("health", before.spec.health != after.spec.health),
        ("metrics_path", before.spec.metrics_path != after.spec.metrics_path),
        ("stop_grace_seconds", before.spec.stop_grace_seconds != after.spec.stop_grace_seconds),
        ("restart", before.spec.restart != after.spec.restart),
        ("handover", before.spec.handover != after.spec.handover),
        ("environment_files", before.spec.environment_files != after.spec.environment_files),
        ("limits", before.spec.limits != after.spec.limits),
        ("labels", before.spec.labels != after.spec.labels),
    ];
    fields.into_iter().filter_map(|(name, is_changed)| is_changed.then_some(name)).collect()
}
