//! The service specification: what a service is, whatever runs it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Beside, Blocked, ContainerOptions, DEVELOPMENT, HealthCheck, ImageBuild, Limits, RegistryAccount, Replica, Repository, RestartPolicy,
    Rollout, RuntimeKind, ServiceId, Target, TemplateRef,
};

/// What a service is, independent of the runtime that runs it. Each runtime renders it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServiceSpec {
    /// Where its code comes from.
    pub source: Source,
    /// What runs it.
    pub runtime: RuntimeKind,
    /// The user of the system that it runs as; none is the one that Pilothouse runs as. Only with a folder or a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The command, when it is set and not found by reading the folder.
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// The port it shall listen on; none lets Pilothouse read or assign one.
    #[serde(default)]
    pub port: Option<u16>,
    /// The port of 127.0.0.1 that a proxy of Pilothouse listens on for it, and sends what comes to its own port; none has no proxy in front of it. With
    /// one, two releases can run side by side, and who asks waits while the service is restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_port: Option<u16>,
    /// How many copies of it run behind its proxy, 1 to 20, itself among them. More than one takes a `proxy_port`; only copies that are well get requests.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub replicas: u8,
    /// How it goes from one release to the next.
    #[serde(default, skip_serializing_if = "Rollout::is_default")]
    pub rollout: Rollout,
    /// Variables set for it, over those of its `.env`.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Names of files of its folder with more variables, over those of its `.env` and below the ones set for it; of two the later counts.
    #[serde(default)]
    pub environment_files: Vec<String>,
    /// Services that it is declared to need. One that has been deleted stays here until it is taken out.
    #[serde(default)]
    pub depends_on: Vec<ServiceId>,
    /// How its health is found out.
    #[serde(default)]
    pub health: HealthCheck,
    /// The path of its Prometheus metrics.
    #[serde(default = "default_metrics_path")]
    pub metrics_path: String,
    /// The path of its OpenAPI document.
    #[serde(default = "default_openapi_path")]
    pub openapi_path: String,
    /// Seconds that `stop` waits after SIGTERM before SIGKILL, 0 to 600.
    #[serde(default = "default_stop_grace")]
    pub stop_grace_seconds: u32,
    /// Whether it is started again when it ends by itself.
    #[serde(default = "default_restart")]
    pub restart: RestartPolicy,
    /// Whether it is restarted without a break. Pilothouse opens the listening socket on its port and hands it to the service as systemd does
    /// to what it activates: as descriptor 3, with `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES`. At a restart the new copy gets the same
    /// socket, and the one before ends when the new one listens. Only with a folder or a command.
    #[serde(default, skip_serializing_if = "crate::bulk::is_false")]
    pub handover: bool,
    /// What it may use at most.
    #[serde(default)]
    pub limits: Limits,
    /// What it is grouped by, at most 20.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The service that it is in an environment, when it was set up for one: it runs nothing but what is deployed there, and shares no data with
    /// others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The service that it is a copy of, when a deployment has made it to run the next release beside that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
    /// Which of the replicas of another service it is, when Pilothouse has made it as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica: Option<Replica>,
    /// The template that it was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<TemplateRef>,
}

/// The number of replicas of services that have none set.
pub(crate) const fn one() -> u8 {
    1
}

/// Whether there is nothing but the service itself.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub(crate) const fn is_one(replicas: &u8) -> bool {
    *replicas == 1
}

/// The policy of services that have none set.
pub(crate) const fn default_restart() -> RestartPolicy {
    RestartPolicy::OnFailure
}

fn default_metrics_path() -> String {
    "/metrics".into()
}

fn default_openapi_path() -> String {
    "/openapi.json".into()
}

const fn default_stop_grace() -> u32 {
    10
}

impl ServiceSpec {
    /// The specification of `source` with the defaults.
    pub fn new(source: Source) -> Self {
        // Docker has a policy of its own for containers that others have made.
        let restart = if matches!(source, Source::Container { .. }) { RestartPolicy::Never } else { default_restart() };
        Self {
            runtime: source.runtime(),
            source,
            user: None,
            command: None,
            port: None,
            proxy_port: None,
            replicas: 1,
            rollout: Rollout::default(),
            environment: BTreeMap::new(),
            environment_files: Vec::new(),
            depends_on: Vec::new(),
            health: HealthCheck::default(),
            metrics_path: default_metrics_path(),
            openapi_path: default_openapi_path(),
            stop_grace_seconds: default_stop_grace(),
            restart,
            handover: false,
            limits: Limits::default(),
            labels: BTreeMap::new(),
            target: None,
            beside: None,
            replica: None,
            template: None,
        }
    }

    /// The service that Pilothouse has made it for, and which it goes with: what it is a copy or a replica of, or is the proxy of.
    pub fn part_of(&self) -> Option<ServiceId> {
        match self.source {
            Source::Proxy { proxy_of } => Some(proxy_of),
            _ => self.beside.map(|beside| beside.of).or(self.replica.map(|replica| replica.of)),
        }
    }

    /// The most replicas.
    pub const REPLICAS: u8 = 20;

    /// The environment that it is in.
    pub fn in_environment(&self) -> &str {
        self.target.as_ref().map_or(DEVELOPMENT, |target| &target.environment)
    }
}

/// Where the code of a service comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(
    untagged,
    expecting = "a source is {\"folder\": path}, {\"command\": [program, ..], \"working_dir\": path}, {\"image\": name}, {\"build\": {\"folder\": path}} or {\"repository\": {\"url\": address}}"
)]
pub enum Source {
    /// A folder; how it is run is found by reading it.
    Folder {
        /// Absolute path.
        folder: String,
    },
    /// A command.
    Command {
        /// Program and arguments; no shell reads them.
        command: Vec<String>,
        /// Absolute path that it runs in.
        working_dir: String,
    },
    /// An image, of which a container is made at each start.
    Image {
        /// Its name as `docker run` takes it: `nginx:1.27`, `registry.example/shop/orders@sha256:..`. Pulled when it isn't there.
        image: String,
        /// The TCP port that it listens on in its container; none takes the one that the image exposes, when it is one.
        #[serde(default)]
        container_port: Option<u16>,
        /// How it is run otherwise than the image says.
        #[serde(default, skip_serializing_if = "ContainerOptions::is_empty")]
        options: Box<ContainerOptions>,
        /// Who pulls it, when its registry doesn't give it to everybody.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        registry: Option<Box<RegistryAccount>>,
    },
    /// A folder with a Dockerfile, of which an image is built, and of that a container is made at each start. It is built again when
    /// something in the folder has changed.
    Build {
        /// What it is built of.
        build: Box<ImageBuild>,
        /// The TCP port that it listens on in its container; none takes the one that the image exposes, when it is one.
        #[serde(default)]
        container_port: Option<u16>,
        /// How it is run otherwise than the image says.
        #[serde(default, skip_serializing_if = "ContainerOptions::is_empty")]
        options: Box<ContainerOptions>,
    },
    /// A Git repository, of which each deployment takes a commit; how that is run is found by reading it. It isn't run before it is deployed.
    Repository {
        /// Which, and what of it.
        repository: Box<Repository>,
    },
    /// A container that was there before Pilothouse knew of it. It is found; it can't be made.
    Container {
        /// Its name, which it keeps when Compose makes it anew.
        container: String,
    },
    /// The demonstration service that Pilothouse brings along.
    Demonstration {
        /// Always true.
        demonstration: bool,
    },
    /// The proxy in front of a service. Pilothouse makes it when that gets a `proxy_port`.
    Proxy {
        /// The service.
        proxy_of: ServiceId,
    },
}

impl Source {
    /// The folder it runs in, when it has one.
    pub fn folder(&self) -> Option<&str> {
        match self {
            Source::Folder { folder } => Some(folder),
            Source::Command { working_dir, .. } => Some(working_dir),
            Source::Image { .. } | Source::Build { .. } | Source::Container { .. } => None,
            Source::Repository { .. } | Source::Demonstration { .. } | Source::Proxy { .. } => None,
        }
    }

    /// The Git repository that its releases are made of, when they are of one.
    pub fn repository(&self) -> Option<&Repository> {
        match self {
            Source::Repository { repository } => Some(repository),
            Source::Build { build, .. } => build.repository.as_deref(),
            _ => None,
        }
    }

    /// The same with another repository; as it is when it is of none.
    pub fn with_repository(mut self, other: Repository) -> Self {
        match &mut self {
            Source::Repository { repository } => **repository = other,
            Source::Build { build, .. } if build.repository.is_some() => build.repository = Some(Box::new(other)),
            _ => {}
        }
        self
    }

    /// The same with another branch, tag or commit of its repository. Fails with why when it is of none.
    ///
    /// # Errors
    /// With a sentence.
    pub fn with_reference(&self, reference: &str) -> Result<Self, String> {
        let Some(repository) = self.repository() else {
            return Err("only a service that is made of a Git repository has branches, tags and commits".into());
        };
        let other = Repository { reference: Some(reference.to_owned()), ..repository.clone() };
        Ok(self.clone().with_repository(other))
    }

    /// Whether its services can be set up in further environments.
    pub const fn can_have_environments(&self) -> Result<(), Blocked> {
        match self {
            Source::Folder { .. } | Source::Image { .. } | Source::Build { .. } | Source::Repository { .. } => Ok(()),
            Source::Command { .. } => Err(Blocked(
                "the files of a command aren't Pilothouse's to keep, so it can't run another version of them elsewhere: make a service of a folder, \
                 a repository or an image",
            )),
            Source::Container { .. } => Err(Blocked("others have made its container: make a service of its image")),
            Source::Demonstration { .. } => Err(Blocked("the demonstration is a part of Pilothouse")),
            Source::Proxy { .. } => Err(Blocked("a proxy goes with the service that it is in front of")),
        }
    }

    /// Whether its services can run as a user of the system.
    pub const fn can_run_as(&self) -> Result<(), Blocked> {
        match self {
            Source::Folder { .. } | Source::Command { .. } | Source::Repository { .. } => Ok(()),
            Source::Image { .. } | Source::Build { .. } => Err(Blocked(
                "what runs in a container is no user of the system; 'options.user' of its source says what it runs as in there",
            )),
            Source::Container { .. } => Err(Blocked("what a container that others have made runs as is set where it is made")),
            Source::Demonstration { .. } | Source::Proxy { .. } => Err(Blocked("it is a part of Pilothouse and runs as the same user")),
        }
    }

    /// Whether its services can be handed a listening socket, and so be restarted without a break.
    pub const fn can_hand_over(&self) -> Result<(), Blocked> {
        match self {
            Source::Folder { .. } | Source::Command { .. } | Source::Repository { .. } => Ok(()),
            Source::Image { .. } | Source::Build { .. } => Err(Blocked(
                "Docker hands no listening socket to a container, so a second copy can't have its port; only a service of a folder or a \
                 command can be restarted without a break",
            )),
            Source::Container { .. } => Err(Blocked("how a container that others have made is restarted is set where it is made")),
            Source::Demonstration { .. } => Err(Blocked("the demonstration opens its socket itself")),
            Source::Proxy { .. } => Ok(()),
        }
    }

    /// What runs services of this source.
    pub const fn runtime(&self) -> RuntimeKind {
        match self {
            Source::Image { .. } | Source::Build { .. } | Source::Container { .. } => RuntimeKind::Docker,
            Source::Folder { .. }
            | Source::Command { .. }
            | Source::Repository { .. }
            | Source::Demonstration { .. }
            | Source::Proxy { .. } => RuntimeKind::Process,
        }
    }
}

/// Whether `path` can stand in a request line: visible ASCII, starting with one `/`.
pub fn is_http_path(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && path.len() <= 1024 && path.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether `name` can name a service: 1 to 63 of `a-z A-Z 0-9 . _ -`, starting with a letter or digit.
pub fn is_service_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Whether `image` can name an image: at most 512 visible ASCII characters without quotes, starting with a letter or digit.
pub fn is_image_name(image: &str) -> bool {
    (1..=512).contains(&image.len())
        && image.starts_with(|c: char| c.is_ascii_alphanumeric())
        && image.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte))
}

/// Whether `name` can name a file of a folder: no path, at most 255 bytes.
pub fn is_file_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && !name.contains(['/', '\0']) && name != "." && name != ".."
}

/// Whether `name` can name a user of the system: 1 to 32 of `a-z A-Z 0-9 . _ -`, starting with a letter or `_`.
pub fn is_user_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Whether `name` can name an environment variable that a user sets; Pilothouse's own (`PILOTHOUSE_`) can't be.
pub fn is_variable_name(name: &str) -> bool {
    (1..=256).contains(&name.len())
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with("PILOTHOUSE_")
}

#[cfg(test)]
mod tests {
    use super::{is_http_path, is_service_name, is_user_name, is_variable_name};

    #[test]
    fn names_and_paths_that_could_hurt_are_refused() {
        for name in ["", "-rf", "a/b", "a b", "..", "ünïcode", &"x".repeat(64)] {
            assert!(!is_service_name(name), "{name}");
        }
        assert!(is_service_name("orders-v2.eu"));
        for name in ["", "0", "1000", "-u", "a:b", "a b", "a/b", "..", "+", "ünïcode", "a\nroot", "a\0", &"x".repeat(33)] {
            assert!(!is_user_name(name), "{name}");
        }
        assert!(is_user_name("www-data") && is_user_name("_apt") && is_user_name("svc.orders_1"));
        for path in ["", "health", "//evil.example/", "/a b", "/a\r\nHost: x"] {
            assert!(!is_http_path(path), "{path}");
        }
        assert!(
            !is_variable_name("PILOTHOUSE_KEY") && !is_variable_name("1A") && !is_variable_name("A=B") && is_variable_name("DATABASE_URL")
        );
    }
}
