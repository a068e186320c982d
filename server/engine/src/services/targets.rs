//! Services that are others in an environment: rows of their own, each with the service that it is and the environment.

use api::{
    Caller, ContainerOptions, Detail, Error, EventKind, NewTarget, Result, Service, ServiceDetail, ServiceId, ServiceSpec, Source, Target,
    is_image_name, is_reference,
};

use super::validate::Faults;
use super::{Services, entry, lock, taken};
use crate::events::NewEvent;
use crate::store::services::{ServiceRow, service_delete};

/// The most characters of the name of a service, a volume or a network.
const NAME: usize = 63;

impl Services {
    /// The service that one is in development; itself when it isn't of an environment.
    pub(crate) fn root_of(&self, id: ServiceId) -> Result<ServiceId> {
        Ok(self.row(id)?.spec.target.map_or(id, |target| target.service_id))
    }

    /// What a service is in an environment.
    pub(crate) fn find_target(&self, root: ServiceId, environment: &str) -> Option<ServiceId> {
        if environment == api::DEVELOPMENT {
            return self.row(root).ok().map(|row| row.id);
        }
        let is_it = |row: &&ServiceRow| {
            let target = row.spec.target.as_ref();
            !row.is_deleted
                && row.spec.part_of().is_none()
                && target.is_some_and(|target| target.service_id == root && target.environment == environment)
        };
        lock(&self.rows).values().find(is_it).map(|row| row.id)
    }

    /// What a service inherits from: the same one in the nearest environment before its own in which it is set up. `order` has all of them, development first.
    pub(crate) fn base_of(&self, row: &ServiceRow, order: &[String]) -> Option<ServiceRow> {
        let target = row.spec.target.as_ref().filter(|_| row.spec.part_of().is_none())?;
        self.base_in(target.service_id, &target.environment, order)
    }

    /// What a service in an environment would inherit from.
    pub(crate) fn base_in(&self, root: ServiceId, environment: &str, order: &[String]) -> Option<ServiceRow> {
        let own = order.iter().position(|one| one == environment).unwrap_or(order.len());
        let found = order[..own].iter().rev().find_map(|earlier| self.find_target(root, earlier));
        found.and_then(|id| self.row(id).ok())
    }

    /// How many services are in each environment, those that can be put back among them.
    pub(crate) fn count_targets(&self) -> std::collections::HashMap<String, u64> {
        let mut counts = std::collections::HashMap::new();
        for row in lock(&self.rows).values().filter(|row| row.spec.part_of().is_none() && (!row.is_deleted || row.deletion.is_some())) {
            *counts.entry(row.spec.in_environment().to_owned()).or_default() += 1;
        }
        counts
    }

    /// The environments besides development that a service is set up in, with what it is called there.
    pub(super) fn targets_of(&self, root: ServiceId) -> Vec<(String, String)> {
        let rows = lock(&self.rows);
        let of = rows
            .values()
            .filter(|row| !row.is_deleted && row.spec.part_of().is_none())
            .filter_map(|row| Some((row.spec.target.as_ref()?, &row.name)));
        let mut all: Vec<_> = of.filter(|(of, _)| of.service_id == root).map(|(of, name)| (of.environment.clone(), name.clone())).collect();
        all.sort();
        all
    }

    /// What a service would be in an environment, when there is nothing against it. It isn't kept. Whoever calls keeps the environment from being removed.
    pub(crate) async fn drawn_target(&self, caller: &Caller, id: ServiceId, new: &NewTarget) -> Result<ServiceRow> {
        self.may_act()?;
        self.is_no_part(&self.row(id)?)?;
        let root = self.row(self.root_of(id)?)?;
        let environment = new.environment.clone();
        let refused = |why: &str| Error::conflict(format!("'{}' can't be set up in another environment: {why}", root.name));
        root.spec.source.can_have_environments().map_err(|blocked| refused(blocked.0))?;
        if let Some(there) = self.find_target(root.id, &environment).and_then(|there| self.row(there).ok()) {
            return Err(Error::conflict(format!("'{}' is in {environment} already: it is '{}' there", root.name, there.name)));
        }
        let name = new.name.clone().unwrap_or_else(|| named(&root.name, &environment));
        let mut faults = Faults::of(self.faults(new));
        faults.name(&name);
        faults.check("/port", new.port != Some(0), "a port is 1 to 65535; leave it out to let Pilothouse choose");
        faults.check("/proxy_port", new.proxy_port != Some(0), "a port is 1 to 65535; leave it out to have no proxy");
        faults.proxy(new.proxy_port, &root.spec.source);
        faults.replicas(new.replicas.unwrap_or(1), new.proxy_port);
        if let Some(limits) = &new.limits {
            faults.limits(limits);
        }
        faults.refuse()?;
        if self.is_name_taken(&name, None) {
            return Err(taken(&name));
        }
        let mut spec = ServiceSpec {
            source: self.source_in(&root.spec.source, new)?,
            port: new.port,
            proxy_port: new.proxy_port,
            replicas: new.replicas.unwrap_or(1),
            rollout: new.rollout.unwrap_or(root.spec.rollout),
            environment: Default::default(),
            environment_files: Vec::new(),
            depends_on: root.spec.depends_on.iter().map(|other| self.find_target(*other, &environment).unwrap_or(*other)).collect(),
            limits: new.limits.unwrap_or(root.spec.limits),
            target: Some(Target { service_id: root.id, environment }),
            ..root.spec.clone()
        };
        if new.rollout.is_none() && spec.rollout.strategy.is_some_and(|strategy| strategy.possible(&spec).is_err()) {
            // What takes a proxy or replicas in development isn't asked of one that has none.
            spec.rollout.strategy = None;
        }
        super::validate::rollout(&spec)?;
        super::image::may_open(caller, &spec.source, Some(&root.spec.source))?;
        self.may_run(caller, &spec, Some(&root.spec))?;
        self.may_run_from(caller, &spec, Some(&root.spec)).await?;
        self.ports_are_free(None, &spec)?;
        let (id, now) = (ServiceId(self.core.clock.new_uuid()), self.core.clock.now());
        // It isn't found by its folder: that is the one of development.
        Ok(ServiceRow { description: root.description, ..ServiceRow::new(id, name, spec, now) })
    }

    /// Keeps a service that was drawn up for an environment.
    pub(crate) async fn add_target(&self, caller: &Caller, row: ServiceRow) -> Result<ServiceDetail> {
        let root = row.spec.target.as_ref().and_then(|target| self.row(target.service_id).ok()).ok_or_else(Error::internal)?;
        let environment = row.spec.in_environment();
        let text = format!("{} set {} up in {environment}, as {}", caller.name, root.name, row.name);
        let data = serde_json::json!({ "environment": environment, "of": root.id });
        let event = NewEvent::new(EventKind::ServiceCreated, text).on(row.id, &row.name).by(caller).with(data);
        let _declaring = self.wires.declaring.lock().await;
        if self.is_name_taken(&row.name, None) {
            return Err(taken(&row.name));
        }
        self.put(row.clone(), event).await?;
        let shown = entry::entry(&row);
        let detail = shown.detail();
        self.core.catalog.insert(shown);
        self.forget_look().await;
        Ok(detail)
    }

    /// Removes what couldn't be set up whole, and says why.
    pub(crate) async fn drop_target(&self, id: ServiceId, why: &str) {
        self.core.catalog.remove(id);
        let name = self.row(id).map(|row| row.name).unwrap_or_default();
        let event = NewEvent::new(EventKind::ServicePurged, format!("{name} couldn't be set up whole, and was removed: {why}"));
        let event = event.on(id, name);
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                service_delete(db, id).await?;
                Ok(((), vec![event]))
            })
        });
        if let Err(error) = write.await {
            tracing::error!(%error, service = %id, "target_not_removed");
        }
        lock(&self.rows).remove(&id);
    }

    /// A service as lists show it.
    pub(crate) fn shown(&self, id: ServiceId) -> Option<Service> {
        self.core.catalog.find(id).map(|entry| entry.service.clone())
    }

    /// Every service that is shown, with what it is.
    pub(crate) fn all_rows(&self) -> Vec<ServiceRow> {
        lock(&self.rows).values().filter(|row| !row.is_deleted).cloned().collect()
    }

    fn faults(&self, new: &NewTarget) -> Vec<Detail> {
        let mut faults = Vec::new();
        let mut check = |field: &str, is_right: bool, message: &str| {
            if !is_right {
                faults.push(Detail { field: field.into(), message: message.into() });
            }
        };
        let image = new.image.as_deref().map(str::trim);
        check("/image", image.is_none_or(is_image_name), "an image is a name as docker run takes it, like nginx:1.27");
        let reference = new.reference.as_deref().map(str::trim);
        let named = "a branch or a tag is named as Git names it, and a commit by all of its 40 digits";
        check("/reference", reference.is_none_or(is_reference), named);
        faults
    }

    /// Where the code comes from there. What a container shares with others by name, it shares with those of its environment; its further ports are
    /// assigned by Docker, because those of development have theirs.
    fn source_in(&self, source: &Source, new: &NewTarget) -> Result<Source> {
        let mut source = source.clone();
        if let Some(reference) = &new.reference {
            source = source.with_reference(reference.trim()).map_err(|why| Error::invalid("/reference", why))?;
        }
        if let Some(other) = &new.image {
            source = source.with_image(other.trim()).map_err(|why| Error::invalid("/image", why))?;
        }
        if let Source::Image { options, .. } | Source::Build { options, .. } = &mut source {
            let ContainerOptions { ports, volumes, network, .. } = &mut **options;
            ports.iter_mut().for_each(|port| port.host_port = None);
            volumes.iter_mut().for_each(|mount| mount.volume = named(&mount.volume, &new.environment));
            if let Some(network) = network {
                network.name = named(&network.name, &new.environment);
            }
        }
        Ok(source)
    }
}

/// `NAME-ENVIRONMENT`, cut where it would be too long.
fn named(name: &str, environment: &str) -> String {
    let room = NAME - environment.len() - 1;
    format!("{}-{environment}", name.get(..name.len().min(room)).unwrap_or(name))
}
