//! Environments: where services run besides development, and what runs where.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{DEVELOPMENT, Detail, Health, Limit, Limits, Release, Rollout, ServiceId, Status};

/// An environment, such as `staging`. Services are set up in it one by one, each with settings, a configuration, releases and rules of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Environment {
    /// Its name, which it keeps.
    pub name: String,
    /// What it is for, at most 200 characters.
    pub description: String,
    /// How many services are set up in it, those that can be put back among them; of `development` all that aren't of another.
    pub services: u64,
}

impl Environment {
    /// The most environments besides `development`.
    pub const MOST: usize = 20;
    /// The most characters of a description.
    pub const DESCRIPTION: usize = 200;
}

/// An environment to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct NewEnvironment {
    /// Its name: 1 to 24 of `a-z 0-9 -`, beginning with a letter and not ending with `-`.
    pub name: String,
    /// What it is for, at most 200 characters.
    pub description: String,
    /// The environment that comes after it; none makes it the last one. Releases go from the first to the last.
    pub before: Option<String>,
}

impl NewEnvironment {
    /// What is wrong with it by itself, field by field.
    pub fn faults(&self) -> Vec<Detail> {
        let mut faults = Vec::new();
        let mut check = |field: &str, is_right: bool, message: &str| {
            if !is_right {
                faults.push(Detail { field: field.into(), message: message.into() });
            }
        };
        let named = "an environment is named by 1 to 24 of a-z 0-9 -, and begins with a letter";
        check("/name", is_environment_name(&self.name), named);
        check("/name", self.name != DEVELOPMENT, "'development' is there from the start: it is the services themselves");
        let is_text = self.description.chars().count() <= Environment::DESCRIPTION && !self.description.contains(char::is_control);
        check("/description", is_text, "what it is for is said in at most 200 characters");
        faults
    }
}

/// Whether `name` can name an environment: 1 to 24 of `a-z 0-9 -`, beginning with a letter and not ending with `-`.
pub fn is_environment_name(name: &str) -> bool {
    (1..=24).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// That a service is another one, in an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Target {
    /// The service that it is, as that runs in development.
    pub service_id: ServiceId,
    /// The environment.
    pub environment: String,
}

/// How a service shall be in an environment: what isn't said is as it is in development. It is changed by its own settings then.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct NewTarget {
    /// The environment.
    pub environment: String,
    /// What it is called there; none is `SERVICE-ENVIRONMENT`.
    pub name: Option<String>,
    /// The port that it listens on; none lets Pilothouse choose.
    pub port: Option<u16>,
    /// Variables that are different there, or only there; `null` takes one out. At most 200.
    pub variables: BTreeMap<String, Option<String>>,
    /// Another image, of a service that is made of one.
    pub image: Option<String>,
    /// Another branch, tag or whole commit id, of a service that is made of a Git repository.
    pub reference: Option<String>,
    /// What it may use at most; none is what it may in development.
    pub limits: Option<Limits>,
    /// The port of 127.0.0.1 that a proxy listens on for it; none has no proxy in front of it.
    pub proxy_port: Option<u16>,
    /// How many copies of it run behind its proxy, 1 to 20, itself among them; none is one. More than one takes a `proxy_port`.
    pub replicas: Option<u8>,
    /// How it goes from one release to the next; none is as in development, where that is possible there.
    pub rollout: Option<Rollout>,
    /// Whether somebody else has to agree to each deployment. Needs `deployments:rules`.
    pub needs_approval: bool,
}

/// Which services to list by environments, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct PlacesQuery {
    /// Only this one, in all environments.
    pub service_id: Option<ServiceId>,
    /// Only those whose name in development contains this text, in any case.
    pub q: Option<String>,
    /// At most this many.
    #[cfg_attr(feature = "openapi", param(value_type = Option<u32>, minimum = 1, maximum = 1000))]
    pub limit: Limit,
    /// From here on.
    pub cursor: Option<String>,
}

/// What runs where: services by environments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Places {
    /// All environments in their order, `development` first.
    pub environments: Vec<Environment>,
    /// One row for each service.
    pub items: Vec<ServicePlaces>,
    /// Where the next page begins; none when this is the last.
    pub next_cursor: Option<String>,
}

/// Where one service runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServicePlaces {
    /// The service in development; of one whose development was deleted, the one in the first environment.
    pub service_id: ServiceId,
    /// Its name.
    pub name: String,
    /// Why it can't be set up in another environment, when it can't.
    pub obstacle: Option<String>,
    /// Where it is set up, in the order of environments.
    pub places: Vec<Place>,
}

impl ServicePlaces {
    /// Where it is in an environment.
    pub fn at(&self, environment: &str) -> Option<&Place> {
        self.places.iter().find(|place| place.environment == environment)
    }
}

/// A service in an environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Place {
    /// The environment.
    pub environment: String,
    /// The service that it is there.
    pub service_id: ServiceId,
    /// What that is called.
    pub name: String,
    /// What it is doing.
    pub status: Status,
    /// Whether it answers its health check.
    pub health_status: Health,
    /// What it runs; none when it was never deployed.
    pub release: Option<Release>,
    /// Whether it is held at that.
    pub is_held: bool,
    /// Whether it runs the same files or the same image as the environment before it; none when one of both was never deployed.
    pub is_same: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::{NewEnvironment, is_environment_name};

    #[test]
    fn names_that_could_hurt_are_refused() {
        for name in ["", "Staging", "1st", "-a", "a-", "a b", "a/b", "..", "a_b", "ünï", "a\n", &"x".repeat(25)] {
            assert!(!is_environment_name(name), "{name:?}");
        }
        assert!(is_environment_name("staging") && is_environment_name("eu-west-1") && is_environment_name("p"));
        let faults = |name: &str, description: String| NewEnvironment { name: name.into(), description, before: None }.faults().len();
        assert_eq!((faults("staging", String::new()), faults("development", String::new()), faults("x", "x".repeat(201))), (0, 1, 1));
    }
}
