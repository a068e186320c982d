//! What all managers share.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::Bus;
use crate::events::Events;
use crate::secrets::{Keyring, Mask};
use crate::store::Store;
use crate::{Catalog, Clock};

/// What an engine is told at its start; the server makes it from flags, environment and file.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Where everything is kept; created with mode 0700.
    pub data_dir: PathBuf,
    /// `sqlite:PATH` or `postgres://..`; none is SQLite in the data folder.
    pub database_url: Option<String>,
    /// The folder that is looked through for services; none finds none.
    pub services_dir: Option<PathBuf>,
    /// The users of the system that a Developer may let services run as.
    pub service_users: Vec<String>,
    /// The program that supervises services (`pilothouse`, called with `supervise`) and serves the demonstration (`demo-service`).
    pub program: PathBuf,
    /// Where the Docker Engine is.
    pub docker: DockerHost,
    /// How long a registry of images may not move while an image is pulled or pushed, in whole seconds.
    pub registry_limit: std::time::Duration,
    /// The most bytes that a commit of a repository may take on the disk while it is fetched, with what Git keeps beside its files.
    pub fetch_limit: u64,
    /// Whether the demonstration service is there when no other is.
    pub demonstration: bool,
    /// The password of the user `admin`, made when there is no user.
    pub admin_password: Option<api::Secret>,
    /// Sign-ins a minute for each address and account; none is no limit.
    pub login_limit: Option<u32>,
    /// Days that logs and figures of a minute are kept.
    pub retention_days: u32,
    /// What the keys of secrets are wrapped with.
    pub secrets_key: SecretsKey,
    /// The address that people and programs reach Pilothouse by, without a slash at its end, when it is known.
    pub site: Option<String>,
}

impl EngineConfig {
    /// How long a registry may not move, unless somebody says otherwise.
    pub const REGISTRY_LIMIT: std::time::Duration = std::time::Duration::from_secs(120);
    /// How much may be fetched of a repository, unless somebody says otherwise: 4 GiB.
    pub const FETCH_LIMIT: u64 = 4 << 30;
}

/// What the keys of secrets are wrapped with: 256 bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SecretsKey {
    /// A key that is made of this Pilothouse's own one: who has the data folder, or with PostgreSQL the database, has it.
    #[default]
    Derived,
    /// As 64 hexadecimal digits or base64.
    Text(api::Secret),
    /// A file with it, as bytes or as text.
    File(PathBuf),
}

/// Where the Docker Engine is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DockerHost {
    /// Nowhere: it isn't asked, even when there is one.
    Off,
    /// At the usual socket, when there is one.
    #[default]
    Usual,
    /// Where somebody has said.
    At {
        /// `unix://PATH` or `tcp://HOST:PORT`.
        address: String,
        /// The folder with `ca.pem`, `cert.pem` and `key.pem`, for mutual TLS.
        certificates: Option<PathBuf>,
    },
}

/// What all managers share. Cheap to clone as an `Arc`.
pub struct Core {
    /// What the engine was told.
    pub config: EngineConfig,
    /// The time.
    pub clock: Clock,
    /// Live data.
    pub bus: Arc<Bus>,
    /// Every service with its present state, in memory.
    pub catalog: Arc<Catalog>,
    /// What must outlive a restart.
    pub store: Arc<Store>,
    /// What happened.
    pub events: Arc<Events>,
    /// Seals what must not be read in the store.
    pub keyring: Arc<Keyring>,
    /// Takes the values of secrets out of what services write.
    pub mask: Arc<Mask>,
    /// Background tasks: spawned here, so that a shutdown can wait for them.
    pub tasks: TaskTracker,
    /// Cancelled at shutdown.
    pub shutdown: CancellationToken,
}
