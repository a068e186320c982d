//! Environments: making them, setting services up in them, what runs where, and taking a release from one to another.
//!
//! A service in an environment is a service of its own, with the service that it is in its specification. So everything that a service has, it has there
//! too: settings, configuration, secrets, data, releases, rules, webhooks, figures and logs; and none of it is shared with development.

use std::collections::{BTreeMap, HashMap};

use api::{
    Artifact, Caller, DEVELOPMENT, DeploymentRules, Environment, Error, EventKind, NewDeployment, NewEnvironment, NewTarget, Permission,
    Place, Places, PlacesQuery, Release, ReleaseId, Result, ServiceDetail, ServiceId, ServicePlaces, ServiceSpec, VersionKind,
};
use async_trait::async_trait;

use super::Manager;
use super::kept::{Content, content};
use crate::events::NewEvent;
use crate::store::environments::{environment_list, environment_put};
use crate::store::releases::{placement_list, release_find, release_placed};

impl Manager {
    /// All environments, development first.
    async fn all_environments(&self) -> Result<Vec<Environment>> {
        let counts = self.services.count_targets();
        let of_development = Environment { name: DEVELOPMENT.into(), description: "The services themselves.".into(), services: 0 };
        let mut all = vec![of_development];
        all.extend(environment_list(&mut self.core.store.main.read().await?).await?);
        for environment in &mut all {
            environment.services = counts.get(&environment.name).copied().unwrap_or_default();
        }
        Ok(all)
    }

    /// Changes the list of environments in one commit.
    async fn set_environments(
        &self,
        change: impl FnOnce(&mut Vec<Environment>) -> Result<NewEvent> + Send + 'static,
    ) -> Result<Vec<Environment>> {
        self.services.may_change()?;
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                let mut all = environment_list(db).await?;
                let event = change(&mut all)?;
                environment_put(db, &all).await?;
                Ok((all, vec![event]))
            })
        });
        write.await?;
        self.all_environments().await
    }

    async fn make_environment(&self, caller: &Caller, new: NewEnvironment) -> Result<Environment> {
        Error::invalid_fields(new.faults())?;
        let _changing = self.environments.lock().await;
        let NewEnvironment { name, description, before } = new;
        let made = name.clone();
        let event = NewEvent::new(EventKind::EnvironmentMade, format!("{} made the environment {name}", caller.name)).by(caller);
        let all = self.set_environments(move |all| {
            if all.iter().any(|other| other.name == name) {
                return Err(Error::conflict(format!("there is an environment '{name}' already")));
            }
            if all.len() >= Environment::MOST {
                return Err(Error::conflict(format!("there are {} environments; remove one first", Environment::MOST)));
            }
            put_before(all, Environment { name, description: description.trim().to_owned(), services: 0 }, before)?;
            Ok(event)
        });
        one_of(all.await?, &made)
    }

    async fn change_environment(&self, caller: &Caller, name: String, mut new: NewEnvironment) -> Result<Environment> {
        if new.name.is_empty() {
            new.name.clone_from(&name);
        }
        if new.name != name {
            return Err(Error::invalid("/name", "an environment keeps its name; make another one"));
        }
        Error::invalid_fields(new.faults())?;
        let _changing = self.environments.lock().await;
        let changed = name.clone();
        let event = NewEvent::new(EventKind::EnvironmentChanged, format!("{} changed the environment {name}", caller.name)).by(caller);
        let all = self.set_environments(move |all| {
            let place = all.iter().position(|other| other.name == name).ok_or_else(|| Error::not_found("environment", &name))?;
            let mut environment = all.remove(place);
            environment.description = new.description.trim().to_owned();
            put_before(all, environment, new.before)?;
            Ok(event)
        });
        one_of(all.await?, &changed)
    }

    async fn remove_environment(&self, caller: &Caller, name: String) -> Result<()> {
        let _changing = self.environments.lock().await;
        let services = self.services.count_targets().get(&name).copied().unwrap_or_default();
        let event = NewEvent::new(EventKind::EnvironmentRemoved, format!("{} removed the environment {name}", caller.name)).by(caller);
        let removed = self.set_environments(move |all| {
            if name == DEVELOPMENT {
                return Err(Error::conflict("development is the services themselves; it can't be removed"));
            }
            let place = all.iter().position(|other| other.name == name).ok_or_else(|| Error::not_found("environment", &name))?;
            if services > 0 {
                let are = if services == 1 { "a service is".to_owned() } else { format!("{services} services are") };
                return Err(Error::conflict(format!(
                    "{are} set up in {name}, or deleted there and still to be put back: delete and remove them first"
                )));
            }
            all.remove(place);
            Ok(event)
        });
        removed.await.map(drop)
    }

    async fn set_up_service(&self, caller: &Caller, id: ServiceId, new: NewTarget) -> Result<ServiceDetail> {
        let root = self.services.root_of(id)?;
        if !new.variables.is_empty() {
            caller.require_on(Permission::ConfigChange, id)?;
        }
        if new.needs_approval {
            caller.require(Permission::DeploymentsRules)?;
        }
        let _changing = self.environments.lock().await;
        let names = environment_list(&mut self.core.store.main.read().await?).await?;
        if !names.iter().any(|environment| environment.name == new.environment) {
            return Err(self.no_environment("/environment", &new.environment, names.iter().map(|one| one.name.as_str())));
        }
        let row = self.services.drawn_target(caller, root, &new).await?;
        let order: Vec<_> = std::iter::once(DEVELOPMENT.to_owned()).chain(names.into_iter().map(|one| one.name)).collect();
        let base = self.services.base_in(root, &new.environment, &order).ok_or_else(Error::internal)?;
        let released = self.configurations.for_target(caller, root, base.id, &new.variables).await?;
        let (made, environment) = (row.id, new.environment);
        let detail = self.services.add_target(caller, row).await?;
        let why = format!("as it was in {} when it was set up in {environment}", base.spec.in_environment());
        let rules = DeploymentRules { needs_approval: new.needs_approval, ..DeploymentRules::default() };
        let rest = async {
            self.configurations.put_released(&caller.name, made, &released, VersionKind::Saved, why).await?;
            if !rules.is_empty() {
                self.put_rules(caller, made, rules).await?;
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = rest.await {
            self.services.drop_target(made, &error.message).await;
            return Err(error);
        }
        Ok(detail)
    }

    fn no_environment<'n>(&self, field: &str, name: &str, all: impl Iterator<Item = &'n str>) -> Error {
        let cut: String = name.chars().take(80).collect();
        let names: Vec<&str> = std::iter::once(DEVELOPMENT).chain(all).collect();
        Error::invalid(field, format!("there is no environment '{cut}'; there are {}", names.join(", ")))
    }

    /// The service that a deployment of `id` goes to.
    ///
    /// # Errors
    /// `validation_failed` at `/target_environment` when there is no such environment, or the service isn't set up in it.
    pub(super) async fn destination(&self, id: ServiceId, new: &NewDeployment) -> Result<ServiceId> {
        let row = self.services.row_of(id)?;
        let Some(environment) = new.target_environment.as_deref().filter(|name| *name != row.spec.in_environment()) else { return Ok(id) };
        let root = self.services.root_of(id)?;
        if let Some(there) = self.services.find_target(root, environment) {
            return Ok(there);
        }
        let names = environment_list(&mut self.core.store.main.read().await?).await?;
        if environment != DEVELOPMENT && !names.iter().any(|one| one.name == environment) {
            return Err(self.no_environment("/target_environment", environment, names.iter().map(|one| one.name.as_str())));
        }
        let name = self.services.row_of(root).map_or(row.name, |root| root.name);
        Err(Error::invalid("/target_environment", format!("'{name}' isn't set up in {environment}; set it up there first, then deploy it")))
    }

    /// The release of another environment whose files or image a deployment takes, with what is in it; none when it makes its own.
    ///
    /// # Errors
    /// `validation_failed` at `/release_id` unless it is kept and of the same service, `forbidden` when it would run as a user that the caller may not
    /// choose for it.
    pub(super) async fn promoted(&self, caller: &Caller, id: ServiceId, spec: &ServiceSpec, release: ReleaseId) -> Result<Content> {
        let refused = |why: &str| Error::invalid("/release_id", why);
        let gone = "there is no such release, or it isn't kept any more";
        let row = release_find(&mut self.core.store.main.read().await?, release).await?.ok_or_else(|| refused(gone))?;
        caller.require_on(Permission::DeploymentsRead, row.service_id)?;
        let is_kept = row.is_good || self.is_current(row.service_id, row.id);
        if self.services.root_of(row.service_id).ok() != Some(self.services.root_of(id)?) || !is_kept {
            return Err(refused(gone));
        }
        if matches!(row.artifact, Artifact::Command) {
            return Err(refused("the files of a command aren't kept, so they can't be deployed elsewhere"));
        }
        let content = content(&self.core, &row).await?;
        // What one user could have changed isn't run by another without an Admin's word.
        if content.spec.user != spec.user && !caller.may(Permission::ServicesCommand) {
            let runs = |user: &Option<String>| user.clone().map_or_else(|| "the user of Pilothouse".to_owned(), |name| format!("'{name}'"));
            return Err(Error::forbidden(format!(
                "that release was made to run as {}, and would run as {} here: that takes an Admin",
                runs(&content.spec.user),
                runs(&spec.user)
            )));
        }
        Ok(content)
    }

    async fn all_places(&self, query: PlacesQuery) -> Result<Places> {
        let environments = self.all_environments().await?;
        let order: HashMap<&str, usize> = environments.iter().enumerate().map(|(n, environment)| (environment.name.as_str(), n)).collect();
        let wanted = query.service_id.map(|id| self.services.root_of(id)).transpose()?;
        let mut families: BTreeMap<ServiceId, Vec<_>> = BTreeMap::new();
        for row in self.services.all_rows().into_iter().filter(|row| row.spec.part_of().is_none()) {
            let root = row.spec.target.as_ref().map_or(row.id, |target| target.service_id);
            if wanted.is_none_or(|wanted| wanted == root) {
                families.entry(root).or_default().push(row);
            }
        }
        let mut rows: Vec<_> = families.into_values().collect();
        for row in &mut rows {
            row.sort_by_key(|row| order.get(row.spec.in_environment()).copied().unwrap_or(usize::MAX));
        }
        let name = |row: &Vec<crate::store::services::ServiceRow>| row[0].name.to_ascii_lowercase();
        rows.retain(|row| query.q.as_ref().is_none_or(|q| name(row).contains(&q.trim().to_ascii_lowercase())));
        rows.sort_by_key(name);
        rows.retain(|row| query.cursor.as_ref().is_none_or(|cursor| name(row) > *cursor));
        let limit = query.limit.get();
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(name);
        let (placed, holds) = {
            let mut db = self.core.store.main.read().await?;
            let placed = release_placed(&mut db).await?;
            (placed, placement_list(&mut db).await?)
        };
        let mut placed: HashMap<ServiceId, Release> = placed.into_iter().map(|row| (row.service_id, self.shown_release(row))).collect();
        let held = |id| holds.iter().any(|placement| placement.service_id == id && placement.hold.is_some());
        let items = rows.into_iter().map(|row| {
            let mut places: Vec<Place> = Vec::new();
            for one in &row {
                let Some(shown) = self.services.shown(one.id) else { continue };
                let release = placed.remove(&one.id);
                let before = places.last().and_then(|place| place.release.as_ref());
                let is_same = release.as_ref().zip(before).map(|(now, before)| is_same(&now.artifact, &before.artifact));
                places.push(Place {
                    environment: one.spec.in_environment().to_owned(),
                    service_id: one.id,
                    name: shown.name,
                    status: shown.status,
                    health_status: shown.health_status,
                    release,
                    is_held: held(one.id),
                    is_same,
                });
            }
            let obstacle = row[0].spec.source.can_have_environments().err().map(|blocked| blocked.0.to_owned());
            ServicePlaces { service_id: row[0].id, name: row[0].name.clone(), obstacle, places }
        });
        let items = items.collect();
        Ok(Places { environments, items, next_cursor })
    }
}

/// Whether two releases run the same files, or the same image.
fn is_same(one: &Artifact, other: &Artifact) -> bool {
    match (one, other) {
        (Artifact::Files { digest: one, .. }, Artifact::Files { digest: other, .. }) => one == other,
        (Artifact::Image { digest: one, .. }, Artifact::Image { digest: other, .. }) => one == other,
        _ => false,
    }
}

/// Puts an environment before the one of that name, or last.
fn put_before(all: &mut Vec<Environment>, environment: Environment, before: Option<String>) -> Result<()> {
    let place = match before.filter(|before| !before.is_empty()) {
        None => all.len(),
        Some(before) => {
            let place = all.iter().position(|other| other.name == before);
            place.ok_or_else(|| Error::invalid("/before", "there is no such environment for it to come before"))?
        }
    };
    all.insert(place, environment);
    Ok(())
}

fn one_of(all: Vec<Environment>, name: &str) -> Result<Environment> {
    all.into_iter().find(|environment| environment.name == name).ok_or_else(Error::internal)
}

#[async_trait]
impl api::ports::Environments for Manager {
    async fn all(&self, caller: &Caller) -> Result<Vec<Environment>> {
        caller.require(Permission::DeploymentsRead)?;
        self.all_environments().await
    }

    async fn create(&self, caller: &Caller, new: NewEnvironment) -> Result<Environment> {
        caller.require(Permission::DeploymentsRules)?;
        self.make_environment(caller, new).await
    }

    async fn change(&self, caller: &Caller, name: String, new: NewEnvironment) -> Result<Environment> {
        caller.require(Permission::DeploymentsRules)?;
        self.change_environment(caller, name, new).await
    }

    async fn remove(&self, caller: &Caller, name: String) -> Result<()> {
        caller.require(Permission::DeploymentsRules)?;
        self.remove_environment(caller, name).await
    }

    async fn places(&self, caller: &Caller, query: PlacesQuery) -> Result<Places> {
        caller.require(Permission::DeploymentsRead)?;
        self.all_places(query).await
    }

    async fn set_up(&self, caller: &Caller, id: ServiceId, new: NewTarget) -> Result<ServiceDetail> {
        caller.require(Permission::ServicesCreate)?;
        self.set_up_service(caller, id, new).await
    }
}
