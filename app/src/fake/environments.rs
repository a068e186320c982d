//! The environments of the fake: development, staging and production. The first service is set up in staging.

use api::ports::Environments;
use api::*;
use async_trait::async_trait;

use super::{Fake, release, service};

/// The environments, or only development.
fn environments(are_some: bool) -> Vec<Environment> {
    let environment =
        |name: &str, description: &str, services| Environment { name: name.into(), description: description.into(), services };
    let mut all = vec![environment(DEVELOPMENT, "The services themselves.", 2)];
    if are_some {
        all.push(environment("staging", "For <testers>", 1));
        all.push(environment("production", "", 0));
    }
    all
}

#[async_trait]
impl Environments for Fake {
    async fn all(&self, caller: &Caller) -> Result<Vec<Environment>> {
        caller.require(Permission::DeploymentsRead)?;
        Ok(environments(self.has_environments))
    }

    async fn create(&self, caller: &Caller, new: NewEnvironment) -> Result<Environment> {
        caller.require(Permission::DeploymentsRules)?;
        Error::invalid_fields(new.faults())?;
        Ok(Environment { name: new.name, description: new.description, services: 0 })
    }

    async fn change(&self, caller: &Caller, name: String, new: NewEnvironment) -> Result<Environment> {
        caller.require(Permission::DeploymentsRules)?;
        Ok(Environment { name, description: new.description, services: 0 })
    }

    async fn remove(&self, caller: &Caller, name: String) -> Result<()> {
        caller.require(Permission::DeploymentsRules)?;
        if name == "staging" { Err(Error::conflict("a service is set up in staging")) } else { Ok(()) }
    }

    async fn places(&self, caller: &Caller, query: PlacesQuery) -> Result<Places> {
        caller.require(Permission::DeploymentsRead)?;
        let place = |service: &Service, environment: &str, number, is_same| Place {
            environment: environment.into(),
            service_id: service.id,
            name: service.name.clone(),
            status: service.status,
            health_status: service.health_status,
            release: Some(release(number, true)),
            is_held: is_same == Some(false),
            is_same,
        };
        let wanted = |service: &&Service| {
            query.service_id.is_none_or(|id| id == service.id) && query.q.as_ref().is_none_or(|q| service.name.contains(q.as_str()))
        };
        let row = |service: &Service| {
            let mut places = vec![place(service, DEVELOPMENT, 3, None)];
            if self.has_environments && service.id.0.as_u128() == 1 {
                places.push(place(&super::service(9, "accounts-staging"), "staging", 2, Some(false)));
            }
            let obstacle = (service.id.0.as_u128() == 2).then(|| "others have made its container".to_owned());
            ServicePlaces { service_id: service.id, name: service.name.clone(), obstacle, places }
        };
        let items = self.services.iter().filter(wanted).map(row).collect();
        Ok(Places { environments: environments(self.has_environments), items, next_cursor: None })
    }

    async fn set_up(&self, caller: &Caller, id: ServiceId, new: NewTarget) -> Result<ServiceDetail> {
        caller.require(Permission::ServicesCreate)?;
        let of = self.find(id)?;
        if new.environment != "production" {
            return Err(Error::conflict(format!("'{}' is in {} already", of.name, new.environment)));
        }
        let detail = ports::Services::get(self, caller, id).await?;
        Ok(ServiceDetail { service: service(10, "accounts-production"), ..detail })
    }
}
