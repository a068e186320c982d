//! Puts the managers together.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth;
use crate::bus::Bus;
use crate::events::Events;
use crate::logs;
use crate::monitoring;
use crate::runtime::Runtimes;
use crate::runtime::docker::DockerRuntime;
use crate::runtime::process::{ProcessRuntime, log_folder};
use crate::secrets::{self, Keyring};
use crate::services::{Inherited, Services, last_lines};
use crate::store::Store;
use crate::{Catalog, Clock, Core, EngineConfig, Feeds, backup, configuration, deployments, system, templates};

/// All of Pilothouse behind the doors.
pub struct Engine {
    core: Arc<Core>,
    backend: api::Backend,
    feeds: Arc<Feeds>,
    runtimes: Arc<Runtimes>,
    services: Arc<Services>,
    configurations: Arc<configuration::Manager>,
    deployments: Arc<deployments::Manager>,
    monitoring: Arc<monitoring::Manager>,
    accounts: Arc<auth::Manager>,
    secrets: Arc<secrets::Manager>,
    backups: Arc<backup::Manager>,
}

impl Engine {
    /// Opens the store and makes the managers; nothing runs in the background before [`Engine::spawn`].
    ///
    /// Fails with `unavailable`, saying what to do, when the data folder or the database can't be used, and with `validation_failed` when
    /// services can't run as one of the `service_users`, or the key of secrets is none. One that is the wrong one is no failure: only what
    /// needs secrets fails then.
    pub async fn open(config: EngineConfig, clock: Clock) -> api::Result<Self> {
        crate::user::check_configured(
            &config.service_users,
            [config.data_dir.as_path()].into_iter().chain(config.services_dir.as_deref()),
        )?;
        let bus = Arc::new(Bus::new(clock.clone()));
        let catalog = Arc::new(Catalog::new(bus.clone(), clock.clone()));
        let store = Arc::new(Store::open(&config).await?);
        let events = Arc::new(Events::new(store.clone(), bus.clone(), clock.clone()));
        let keyring = Arc::new(Keyring::open(store.clone(), &config.secrets_key, clock.clone()).await?);
        let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
        let core = Arc::new(Core { config, clock, bus, catalog, store, events, keyring, mask: Arc::default(), tasks, shutdown });
        let runtimes = Runtimes::new(vec![Arc::new(ProcessRuntime::new(core.clone())), Arc::new(DockerRuntime::new(core.clone()))]);
        let logged = core.clone();
        let lines = Arc::new(move |id, since, most| last_lines(&log_folder(&logged, id), since, most, &logged.mask));
        let services = Services::open(core.clone(), runtimes.clone(), Inherited::of_process(), lines).await?;
        let monitoring = monitoring::Manager::new(core.clone(), runtimes.clone());
        let system = system::Manager::new(core.clone(), runtimes.clone());
        let accounts = auth::Manager::new(core.clone());
        let secrets = secrets::Manager::open(core.clone(), accounts.clone()).await?;
        let logs = Arc::new(logs::Manager::new(core.clone()));
        let measured = monitoring.clone();
        services.read_figures(move |id, from, to| {
            let monitoring = measured.clone();
            Box::pin(async move {
                let query = api::MetricsQuery { from: Some(from), to: Some(to), step: Some(15), ..Default::default() };
                let series = api::ports::Monitoring::service(&*monitoring, &api::Caller::system(), id, query).await;
                series.map(|series| series.points).unwrap_or_default()
            })
        });
        let (explaining, tasks) = (Arc::downgrade(&services), core.tasks.clone());
        monitoring.on_unhealthy(move |id| {
            if let Some(services) = explaining.upgrade() {
                tasks.spawn(async move { services.explain(id).await });
            }
        });
        monitoring.run_commands(services.run_command());
        let configurations = configuration::Manager::open(core.clone(), services.clone(), accounts.clone()).await?;
        let using = Arc::downgrade(&configurations);
        secrets.on_uses(move || using.upgrade().map(|configurations| configurations.uses()).unwrap_or_default());
        let frames = Arc::new(deployments::Frames::default());
        let deployments = deployments::Manager::new(
            core.clone(),
            services.clone(),
            configurations.clone(),
            runtimes.clone(),
            monitoring.clone(),
            frames.clone(),
        );
        let (figures, releases) = (monitoring.clone(), Arc::downgrade(&deployments));
        services.on_delete(move |id| {
            figures.forget(id);
            if let Some(deployments) = releases.upgrade() {
                deployments.forget(id);
            }
        });
        let backups = Arc::new(backup::Manager::new(core.clone(), accounts.clone(), configurations.clone(), secrets.clone()));
        let backend = api::Backend {
            services: services.clone(),
            templates: templates::Manager::new(core.clone()),
            configurations: configurations.clone(),
            backups: backups.clone(),
            deployments: deployments.clone(),
            deploy_hooks: deployments.clone(),
            environments: deployments.clone(),
            monitoring: monitoring.clone(),
            logs: logs.clone(),
            activity: core.events.clone(),
            auth: accounts.clone(),
            api_tokens: accounts.clone(),
            users: accounts.clone(),
            secrets: secrets.clone(),
            system,
        };
        let feeds = Arc::new(Feeds::new(core.clone(), logs, frames));
        Ok(Self { core, backend, feeds, runtimes, services, configurations, deployments, monitoring, accounts, secrets, backups })
    }

    /// What all managers share.
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// All ports.
    pub fn backend(&self) -> api::Backend {
        self.backend.clone()
    }

    /// Sign-in and sessions.
    pub fn auth(&self) -> Arc<dyn api::ports::Auth> {
        self.backend.auth.clone()
    }

    /// Accounts beyond their ports: who is current, and the link of the first start.
    pub fn accounts(&self) -> Arc<auth::Manager> {
        self.accounts.clone()
    }

    /// Secrets beyond their port: what refers to them, and the key that wraps their keys.
    pub fn secrets(&self) -> Arc<secrets::Manager> {
        self.secrets.clone()
    }

    /// Backups beyond their port: for who has the data folder.
    pub fn backups(&self) -> Arc<backup::Manager> {
        self.backups.clone()
    }

    /// Live data.
    pub fn feeds(&self) -> Arc<Feeds> {
        self.feeds.clone()
    }

    /// Takes the lease, or begins to wait for it, and begins the work in the background.
    ///
    /// Fails with `conflict` when another instance has the lease of a SQLite database.
    pub async fn spawn(&self) -> api::Result<()> {
        self.core.store.lease.acquire(&self.core.tasks, &self.core.shutdown).await?;
        self.accounts.prepare().await?;
        self.accounts.spawn();
        self.secrets.spawn();
        self.runtimes.spawn();
        self.services.spawn();
        self.configurations.spawn();
        self.deployments.spawn();
        self.monitoring.spawn();
        Ok(())
    }

    /// Takes the lease and begins nothing in the background: for what the command line does alone.
    ///
    /// Fails with `conflict` when another instance has the lease.
    pub async fn act_alone(&self) -> api::Result<()> {
        let core = &self.core;
        core.store.lease.acquire(&core.tasks, &core.shutdown).await?;
        match core.store.lease.is_held() {
            true => Ok(()),
            false => Err(api::Error::conflict("another Pilothouse uses this database; stop it first")),
        }
    }

    /// Ends the work in the background and closes the store. Services live on.
    pub async fn shutdown(&self) {
        self.core.shutdown.cancel();
        self.core.tasks.close();
        self.core.tasks.wait().await;
        self.core.store.close().await;
    }
}
