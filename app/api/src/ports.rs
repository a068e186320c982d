//! The ports: what Pilothouse can do, one trait for each manager.
//!
//! A REST handler, a server function and a test call the same method. Every method takes the caller first, and the engine
//! behind it checks the permission, validates, acts, and records the event, once.

mod api_tokens;
mod backups;
mod templates;

use std::sync::Arc;

use async_trait::async_trait;

pub use api_tokens::ApiTokens;
pub use backups::{Backup, Backups, Pieces};
pub use templates::Templates;

use crate::{
    BulkReport, BulkRequest, Caller, ComposeReport, ComposeRequest, Configuration, ConfigurationCheck, ConfigurationDifference,
    ConfigurationDraft, ConfigurationFormat, ConfigurationImport, ConfigurationImported, ConfigurationInherit, ConfigurationReading,
    ConfigurationReset, ConfigurationRestore, ConfigurationReveal, ConfigurationSnapshot, ConfigurationSummary, ConfigurationText,
    ConfigurationTextQuery, ConfigurationVerdict, ConfigurationVersion, ConfigurationsApply, ConfigurationsChange, ConfigurationsChanged,
    ConfigurationsImport, ConfigurationsQuery, Credentials, DeletedService, DependencyGraph, DependencyQuery, DeployHook, DeployHookId,
    Deployment, DeploymentAccepted, DeploymentId, DeploymentLine, DeploymentLinesQuery, DeploymentPlan, DeploymentQuery, DeploymentRules,
    DifferenceQuery, DiscoveryReport, Environment, Error, Event, EventQuery, Freeze, FreezeId, HealthCheck, HealthReport, HealthTest,
    HookAnswer, HookCall, Incident, IncidentId, IncidentSummary, KeyRotation, LogLine, LogQuery, MadeDeployHook, Me, MetricsQuery,
    MetricsSeries, NamedSecret, NewConfiguration, NewDeployHook, NewDeployment, NewEnvironment, NewFreeze, NewRollback, NewSchema,
    NewSecret, NewService, NewSource, NewTarget, NewUser, Origin, Page, Places, PlacesQuery, ReleaseDifference, ReleaseDifferenceQuery,
    Releases, Restoration, Result, Secret, SecretImport, SecretImportReport, SecretName, SecretReveal, SecretValue, Service, ServiceDetail,
    ServiceId, ServicePatch, ServicePlan, ServiceQuery, Session, SessionId, Setup, SystemReport, SystemSeries, Tokens, User, UserId,
    UserPatch, Verdict,
};

/// All ports together: what pages and handlers take from their context.
#[derive(Clone)]
pub struct Backend {
    /// Services and their life cycle.
    pub services: Arc<dyn Services>,
    /// What services can be made of.
    pub templates: Arc<dyn Templates>,
    /// What services are told.
    pub configurations: Arc<dyn Configurations>,
    /// Backups of configurations and secrets.
    pub backups: Arc<dyn Backups>,
    /// Releases, and taking them to where they run.
    pub deployments: Arc<dyn Deployments>,
    /// Webhooks that deploy services.
    pub deploy_hooks: Arc<dyn DeployHooks>,
    /// Where services run besides development.
    pub environments: Arc<dyn Environments>,
    /// Figures over time.
    pub monitoring: Arc<dyn Monitoring>,
    /// Log lines.
    pub logs: Arc<dyn Logs>,
    /// What happened.
    pub activity: Arc<dyn Activity>,
    /// Sign-in and sessions.
    pub auth: Arc<dyn Auth>,
    /// API tokens.
    pub api_tokens: Arc<dyn ApiTokens>,
    /// Accounts.
    pub users: Arc<dyn Users>,
    /// Named secrets.
    pub secrets: Arc<dyn Secrets>,
    /// The health of Pilothouse.
    pub system: Arc<dyn System>,
}

/// Services and their life cycle.
#[async_trait]
pub trait Services: Send + Sync {
    /// One page of services. Needs `services:read`. `total` counts all that match.
    async fn list(&self, caller: &Caller, query: ServiceQuery) -> Result<Page<Service>>;

    /// [`Services::list`] as JSON, for those who only pass it on: what hasn't changed isn't written anew.
    async fn list_json(&self, caller: &Caller, query: ServiceQuery) -> Result<String> {
        let page = self.list(caller, query).await?;
        serde_json::to_string(&page).map_err(|_| Error::internal())
    }

    /// One service with all that its page shows. Needs `services:read`.
    async fn get(&self, caller: &Caller, id: ServiceId) -> Result<ServiceDetail>;

    /// Makes a service; it is stopped. Needs `services:create`, and `services:command` for a command or a folder outside the services folder
    /// that doesn't run as one of the users of the system that are open to Developers, and for any other user than these.
    async fn create(&self, caller: &Caller, new: NewService) -> Result<ServiceDetail>;

    /// What the first start of a new service would do; makes nothing. Needs what making it needs, and fails as that would.
    async fn plan(&self, caller: &Caller, new: NewService) -> Result<ServicePlan>;

    /// [`Services::create`], also of a template: its files are made in the services folder, in a folder named as the service, which has to be none yet
    /// (`conflict`). Nothing of that is there when it fails. What is wrong with variables is at `/source/variables/..`.
    async fn create_from(&self, caller: &Caller, new: NewService<NewSource>) -> Result<ServiceDetail>;

    /// [`Services::plan`], also of a template. Needs what making it needs, and fails as that would.
    async fn plan_from(&self, caller: &Caller, new: NewService<NewSource>) -> Result<ServicePlan>;

    /// Makes the services of a Compose file, at rest; `dry_run` only says what would become of each. Needs `services:create`, and
    /// `services:command` for a folder outside the services folder. One that can't be made doesn't hold up the others.
    async fn compose(&self, caller: &Caller, request: ComposeRequest) -> Result<ComposeReport>;

    /// Changes a service; takes effect at its next start. Needs `services:change`, and `services:command` for what only that may make.
    async fn change(&self, caller: &Caller, id: ServiceId, patch: ServicePatch) -> Result<ServiceDetail>;

    /// Deletes a stopped service; its folder stays. Needs `services:delete`. It can be put back for [`DeletedService::DAYS`] days, unless it
    /// is a container that others have made. A discovered one is not found again until it is put back or its folder is given to `create`.
    async fn delete(&self, caller: &Caller, id: ServiceId) -> Result<()>;

    /// The deleted services that can be put back, the last deleted first. Needs `services:delete`.
    async fn deleted(&self, caller: &Caller) -> Result<Page<DeletedService>>;

    /// Puts a deleted service back, at rest, with its id, settings, logs and figures. Needs `services:delete`. Fails with `conflict` when its
    /// name is taken.
    async fn restore(&self, caller: &Caller, id: ServiceId, how: Restoration) -> Result<ServiceDetail>;

    /// Removes a deleted service for good before its time, with its logs and figures. Needs `services:delete`.
    async fn purge(&self, caller: &Caller, id: ServiceId) -> Result<()>;

    /// Asks for a start and answers at once. Needs `services:operate`. Fails with `conflict` when it runs.
    async fn start(&self, caller: &Caller, id: ServiceId) -> Result<Service>;

    /// Asks for a stop and answers at once. Needs `services:operate`. Fails with `conflict` when it is stopped.
    async fn stop(&self, caller: &Caller, id: ServiceId) -> Result<Service>;

    /// Asks for a stop and a start and answers at once. Needs `services:operate`. Fails with `conflict` when it is stopped.
    async fn restart(&self, caller: &Caller, id: ServiceId) -> Result<Service>;

    /// Asks for one action on many services and answers at once with what becomes of each. Needs `services:operate`. One that can't be
    /// moved doesn't hold up the others; `dry_run` only says what would be done.
    async fn act(&self, caller: &Caller, request: BulkRequest) -> Result<BulkReport>;

    /// Which services need which: declared, from Compose, named by variables, and seen in open connections. Looking at connections costs
    /// something, so an answer may be two seconds old. Needs `services:read`.
    async fn dependencies(&self, caller: &Caller, query: DependencyQuery) -> Result<DependencyGraph>;

    /// Its health and what its last checks found. Needs `services:read`.
    async fn health(&self, caller: &Caller, id: ServiceId) -> Result<HealthReport>;

    /// Checks a running service once with these settings, saved or not; it changes nothing of what it counts as. Needs
    /// `services:change`, and `services:command` for a command that isn't the saved one, unless it runs as a user that is open to Developers. Fails with `conflict` unless it runs.
    async fn test_health(&self, caller: &Caller, id: ServiceId, check: HealthCheck) -> Result<HealthTest>;

    /// The runs of a service that ended by themselves, newest first; the last 20 are kept. Needs `services:read`.
    async fn incidents(&self, caller: &Caller, id: ServiceId) -> Result<Page<IncidentSummary>>;

    /// One of them with what was known then. Needs `logs:read`.
    async fn incident(&self, caller: &Caller, id: IncidentId) -> Result<Incident>;

    /// Looks through the services folder now. Needs `services:create`.
    async fn discover(&self, caller: &Caller) -> Result<DiscoveryReport>;
}

/// What services are told: values, their schema, and every version of them. Secrets leave by [`Configurations::reveal`] alone.
#[async_trait]
pub trait Configurations: Send + Sync {
    /// The newest values with their schema. Needs `config:read`.
    async fn get(&self, caller: &Caller, id: ServiceId) -> Result<Configuration>;

    /// Saves all values as a new version. Needs `config:change`, `services:command` for a variable that lets the service run any program, and
    /// `services:operate` to restart it at once. Fails with `validation_failed` at each value that the schema refuses, and with `conflict` when
    /// they weren't made from the newest version. With the first save, the variables of its settings move into its configuration.
    async fn save(&self, caller: &Caller, id: ServiceId, new: NewConfiguration) -> Result<Configuration>;

    /// What is wrong with values; saves nothing. Needs `config:read`.
    async fn validate(&self, caller: &Caller, id: ServiceId, check: ConfigurationCheck) -> Result<ConfigurationVerdict>;

    /// All versions that are kept, newest first. Needs `config:read`.
    async fn versions(&self, caller: &Caller, id: ServiceId) -> Result<Page<ConfigurationVersion>>;

    /// One version whole. Needs `config:read`.
    async fn version(&self, caller: &Caller, id: ServiceId, version: u64) -> Result<ConfigurationSnapshot>;

    /// What is different between two versions. Needs `config:read`.
    async fn difference(&self, caller: &Caller, id: ServiceId, query: DifferenceQuery) -> Result<ConfigurationDifference>;

    /// Saves the values of an earlier version as a new one. Needs what saving needs, and fails as it does.
    async fn restore(&self, caller: &Caller, id: ServiceId, restore: ConfigurationRestore) -> Result<Configuration>;

    /// Saves values with some, or all, back at their defaults. Needs what saving needs, and fails as it does.
    async fn reset(&self, caller: &Caller, id: ServiceId, reset: ConfigurationReset) -> Result<Configuration>;

    /// Saves what the environment before has in place of values that are inherited from it, or shall be: as a new version, of which `message` says from
    /// where. Needs what saving needs, and `config:read` of the base. Fails as saving does, with `conflict` also when the base has been saved since or has
    /// nothing else, and with `validation_failed` at `/names/N` for what can't be inherited.
    async fn inherit(&self, caller: &Caller, id: ServiceId, inherit: ConfigurationInherit) -> Result<Configuration>;

    /// The values of a version as text, with the comments that it was saved with when it was saved in that format. Needs `config:read`. Fails with
    /// `validation_failed` for what a format can't hold.
    async fn text(&self, caller: &Caller, id: ServiceId, query: ConfigurationTextQuery) -> Result<ConfigurationText>;

    /// Values that aren't saved as text. Needs `config:read`. Fails with `validation_failed` for what a format can't hold.
    async fn write(&self, caller: &Caller, id: ServiceId, draft: ConfigurationDraft) -> Result<ConfigurationText>;

    /// What a text says, and what is wrong with that; saves nothing. Needs `config:read`.
    async fn read(&self, caller: &Caller, id: ServiceId, text: ConfigurationText) -> Result<ConfigurationReading>;

    /// Saves what a text says as a new version, with its comments, unless nothing is different. Needs what saving needs, and fails as it does; what
    /// can't be read is at `/text`.
    async fn import(&self, caller: &Caller, id: ServiceId, import: ConfigurationImport) -> Result<ConfigurationImported>;

    /// The values of all services in one text, by their names; containers that others have made aren't in it. Needs `config:read`.
    async fn export_all(&self, caller: &Caller, format: ConfigurationFormat) -> Result<ConfigurationText>;

    /// Saves what a text has for each of its services, in the order of their names. All of it is checked before anything is saved; when one can't be saved after that,
    /// its notes say why and the others are. Needs what saving needs.
    async fn import_all(&self, caller: &Caller, import: ConfigurationsImport) -> Result<Page<ConfigurationImported>>;

    /// The configurations of all services by name; containers that others have made aren't there. Needs `config:read`. Without `check` no folder is
    /// read.
    async fn list(&self, caller: &Caller, query: ConfigurationsQuery) -> Result<Page<ConfigurationSummary>>;

    /// Sets and takes out values of many services, in the order of their names. All of it is checked before anything is saved: what is wrong is at
    /// `/services/N` and the value's pointer, in a dry run with each service. When one can't be saved after that, its notes say why and the others
    /// are. Needs what saving needs.
    async fn change(&self, caller: &Caller, change: ConfigurationsChange) -> Result<ConfigurationsChanged>;

    /// Restarts what runs with another version than the newest, in the order of dependencies, as [`Services::act`] does. Needs `services:operate`.
    async fn apply(&self, caller: &Caller, apply: ConfigurationsApply) -> Result<BulkReport>;

    /// A secret of a configuration as its service is given it, for who says their own password again; it is in the audit. Needs `secrets:reveal`. Fails with
    /// `validation_failed` when that isn't the password or the value no secret, `not_found` when there is none, or `rate_limited`.
    async fn reveal(&self, caller: &Caller, id: ServiceId, asked: ConfigurationReveal) -> Result<SecretValue>;

    /// Sets the schema, or goes back to the one that is found. Needs `config:change`. Values that it refuses stay until they are saved.
    async fn set_schema(&self, caller: &Caller, id: ServiceId, new: NewSchema) -> Result<Configuration>;
}

/// Releases, and taking them to where they run.
#[async_trait]
pub trait Deployments: Send + Sync {
    /// One page of deployments, newest first. Needs `deployments:read`.
    async fn list(&self, caller: &Caller, query: DeploymentQuery) -> Result<Page<Deployment>>;

    /// [`Deployments::list`] as JSON, for those who only pass it on: what hasn't changed isn't written anew.
    async fn list_json(&self, caller: &Caller, query: DeploymentQuery) -> Result<Arc<str>> {
        let page = self.list(caller, query).await?;
        serde_json::to_string(&page).map(Arc::from).map_err(|_| Error::internal())
    }

    /// One deployment. Needs `deployments:read`.
    async fn get(&self, caller: &Caller, id: DeploymentId) -> Result<Deployment>;

    /// What was told while it was made, oldest first. Needs `deployments:read`.
    async fn lines(&self, caller: &Caller, id: DeploymentId, query: DeploymentLinesQuery) -> Result<Page<DeploymentLine>>;

    /// What a deployment would do; does nothing. Needs `deployments:run`. Fails as [`Deployments::deploy`] does when that is refused at once.
    async fn plan(&self, caller: &Caller, id: ServiceId, new: NewDeployment) -> Result<DeploymentPlan>;

    /// Takes on a deployment and answers at once. Needs `deployments:run`, `config:change` for values, `services:change` for an image and limits. Fails
    /// with `validation_failed` for what can't be, and with `conflict` while the service is held at a release, or when too many wait.
    async fn deploy(&self, caller: &Caller, id: ServiceId, new: NewDeployment) -> Result<DeploymentAccepted>;

    /// Asks for an end of a deployment: what it has done is undone. Needs `deployments:run`. Fails with `conflict` when it is over.
    async fn cancel(&self, caller: &Caller, id: DeploymentId) -> Result<Deployment>;

    /// Takes on a deployment of the release that this one deployed, with its settings and configuration, and answers at once. The service is held
    /// at it then. Needs `deployments:run`. Fails with `conflict` unless that had succeeded and its release is still kept.
    async fn rollback(&self, caller: &Caller, id: DeploymentId, new: NewRollback) -> Result<DeploymentAccepted>;

    /// The releases of a service. Needs `deployments:read`.
    async fn releases(&self, caller: &Caller, id: ServiceId) -> Result<Releases>;

    /// What is different between two releases, or between one and what a deployment would make now. Needs `deployments:read`.
    async fn difference(&self, caller: &Caller, id: ServiceId, query: ReleaseDifferenceQuery) -> Result<ReleaseDifference>;

    /// Lets a service that is held at a release be deployed again, and be given the present values of its secrets at its next start. Needs
    /// `deployments:run`. Fails with `conflict` when it isn't held and is given no earlier value of a secret.
    async fn let_go(&self, caller: &Caller, id: ServiceId) -> Result<Releases>;

    /// When a service may be deployed. Needs `deployments:read`.
    async fn rules(&self, caller: &Caller, id: ServiceId) -> Result<DeploymentRules>;

    /// Says when a service may be deployed, in place of what was said before. Needs `deployments:rules`.
    async fn set_rules(&self, caller: &Caller, id: ServiceId, rules: DeploymentRules) -> Result<DeploymentRules>;

    /// The freezes that aren't over, by their beginning. Needs `deployments:read`.
    async fn freezes(&self, caller: &Caller) -> Result<Vec<Freeze>>;

    /// Sets a freeze. Needs `deployments:rules`. Fails with `conflict` when there are 100.
    async fn freeze(&self, caller: &Caller, new: NewFreeze) -> Result<Freeze>;

    /// Ends a freeze. Needs `deployments:rules`.
    async fn end_freeze(&self, caller: &Caller, id: FreezeId) -> Result<()>;

    /// Agrees to a deployment that waits for that. Needs `deployments:approve`. Fails with `conflict` when it doesn't wait for that, or the caller has asked
    /// for it.
    async fn approve(&self, caller: &Caller, id: DeploymentId, verdict: Verdict) -> Result<Deployment>;

    /// Ends a deployment that waits for somebody to agree. Needs `deployments:approve`. Fails with `conflict` when it doesn't wait for that.
    async fn reject(&self, caller: &Caller, id: DeploymentId, verdict: Verdict) -> Result<Deployment>;
}

/// Environments: where services run besides development, and what runs where.
#[async_trait]
pub trait Environments: Send + Sync {
    /// All of them in their order, `development` first. Needs `deployments:read`.
    async fn all(&self, caller: &Caller) -> Result<Vec<Environment>>;

    /// Makes one. Needs `deployments:rules`. Fails with `conflict` when there is one of that name, or [`Environment::MOST`].
    async fn create(&self, caller: &Caller, new: NewEnvironment) -> Result<Environment>;

    /// Says what one is for and which one comes after it; its name stays. Needs `deployments:rules`.
    async fn change(&self, caller: &Caller, name: String, new: NewEnvironment) -> Result<Environment>;

    /// Removes one. Needs `deployments:rules`. Fails with `conflict` while a service is set up in it.
    async fn remove(&self, caller: &Caller, name: String) -> Result<()>;

    /// Which release each service runs in each environment. Needs `deployments:read`.
    async fn places(&self, caller: &Caller, query: PlacesQuery) -> Result<Places>;

    /// Sets a service up in an environment: as a service of its own, at rest until it is deployed there. Needs `services:create`, and `config:change`
    /// for variables. Fails with `conflict` when it is set up there already, or its name is taken.
    async fn set_up(&self, caller: &Caller, id: ServiceId, new: NewTarget) -> Result<ServiceDetail>;
}

/// Webhooks: how others say that there is something new to deploy.
#[async_trait]
pub trait DeployHooks: Send + Sync {
    /// Those of a service, oldest first. Needs `deployments:read`.
    async fn list(&self, caller: &Caller, id: ServiceId) -> Result<Page<DeployHook>>;

    /// Makes one, and answers its secret, which is told nobody again. Needs `deployments:hooks`. Fails with `conflict` when the service has
    /// [`DeployHook::MOST`] or one of that name.
    async fn create(&self, caller: &Caller, id: ServiceId, new: NewDeployHook) -> Result<MadeDeployHook>;

    /// Removes one: who calls it is refused from now on. Needs `deployments:hooks`.
    async fn remove(&self, caller: &Caller, id: ServiceId, hook: DeployHookId) -> Result<()>;

    /// Takes a call of one. Who has its secret may run deployments of its service, and nothing else. Fails with `not_signed_in`, the same for a wrong
    /// signature and a webhook that there isn't, with `malformed_request` for what can't be read, and with `conflict` when the service isn't
    /// deployed, saying why.
    async fn receive(&self, hook: DeployHookId, call: HookCall) -> Result<HookAnswer>;
}

/// Figures over time.
#[async_trait]
pub trait Monitoring: Send + Sync {
    /// Figures of one service. Needs `metrics:read`.
    async fn service(&self, caller: &Caller, id: ServiceId, query: MetricsQuery) -> Result<MetricsSeries>;

    /// Figures of the machine and of Pilothouse. Needs `metrics:read`.
    async fn system(&self, caller: &Caller, query: MetricsQuery) -> Result<SystemSeries>;
}

/// Log lines.
#[async_trait]
pub trait Logs: Send + Sync {
    /// One page of lines, oldest first within it; the newest page unless the query says otherwise. Needs `logs:read`.
    async fn page(&self, caller: &Caller, id: ServiceId, query: LogQuery) -> Result<Page<LogLine>>;
}

/// What happened.
#[async_trait]
pub trait Activity: Send + Sync {
    /// One page of events, newest first. Needs `activity:read`; events of accounts are only there with `audit:read`.
    async fn list(&self, caller: &Caller, query: EventQuery) -> Result<Page<Event>>;
}

/// Sign-in and sessions. What comes before there is a caller takes none.
#[async_trait]
pub trait Auth: Send + Sync {
    /// Whether there is a user at all; without one the set-up page is shown.
    async fn is_set_up(&self) -> Result<bool>;

    /// Makes the first user with the one-time link, and signs them in. Of two racing set-ups one wins.
    async fn set_up(&self, setup: Setup, origin: Origin) -> Result<Tokens>;

    /// Signs in. Fails with `bad_credentials`, the same for unknown users and wrong passwords, or `rate_limited`.
    async fn sign_in(&self, credentials: Credentials, origin: Origin) -> Result<Tokens>;

    /// Exchanges a refresh token. The previous one gets the same answer for 30 s; later use ends the session.
    async fn refresh(&self, refresh_token: Secret, origin: Origin) -> Result<Tokens>;

    /// Ends the session that a refresh token belongs to; succeeds when it has ended already.
    async fn sign_out(&self, refresh_token: Secret) -> Result<()>;

    /// Who an access token belongs to, with the rights they have now. Fails with `not_signed_in` or `session_ended`.
    async fn authenticate(&self, access_token: &Secret) -> Result<Caller>;

    /// Who a bearer token speaks for: an access token or an API token, which cookies can't be. Fails with `not_signed_in` or `session_ended`.
    async fn authenticate_bearer(&self, token: &Secret) -> Result<Caller>;

    /// Who is signed in. Needs `account:read`.
    async fn me(&self, caller: &Caller) -> Result<Me>;

    /// The caller's sessions, newest first. Needs `sessions:own`.
    async fn sessions(&self, caller: &Caller) -> Result<Vec<Session>>;

    /// Ends one of the caller's sessions; with `users:manage` anybody's. Needs `sessions:own`.
    async fn revoke(&self, caller: &Caller, id: SessionId) -> Result<()>;

    /// Changes the caller's password and ends their other sessions. Needs `sessions:own`.
    async fn change_password(&self, caller: &Caller, old: Secret, new: Secret) -> Result<()>;
}

/// Accounts.
#[async_trait]
pub trait Users: Send + Sync {
    /// Every user, by name. Needs `users:manage`.
    async fn list(&self, caller: &Caller) -> Result<Vec<User>>;

    /// Makes a user. Needs `users:manage`. Fails with `conflict` when the name is taken.
    async fn create(&self, caller: &Caller, new: NewUser) -> Result<User>;

    /// Changes a user, at once on all their sessions. Needs `users:manage`. The last active Admin can't be lost.
    async fn change(&self, caller: &Caller, id: UserId, patch: UserPatch) -> Result<User>;

    /// Deletes a user and ends their sessions. Needs `users:manage`. The last active Admin can't be lost.
    async fn delete(&self, caller: &Caller, id: UserId) -> Result<()>;
}

/// Named secrets. What needs a value fails with `unavailable`, saying what to do, while the key of secrets isn't the right one.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Every secret by name, without values, with what refers to it. Needs `secrets:read`.
    async fn list(&self, caller: &Caller) -> Result<Vec<NamedSecret>>;

    /// Makes or changes a secret. Needs `secrets:write`. Services that run keep the value that they were started with. Fails with `conflict`
    /// when the version isn't the one that the caller names.
    async fn put(&self, caller: &Caller, name: SecretName, new: NewSecret) -> Result<NamedSecret>;

    /// Deletes a secret. Needs `secrets:write`. Fails with `conflict` while something refers to it, unless `force`.
    async fn delete(&self, caller: &Caller, name: SecretName, force: bool) -> Result<()>;

    /// The value of a secret, for who says their own password again; it is in the audit. Needs `secrets:reveal`. Fails with
    /// `validation_failed` when that isn't the password, or `rate_limited`.
    async fn reveal(&self, caller: &Caller, name: SecretName, again: SecretReveal) -> Result<SecretValue>;

    /// Makes secrets of the variables of a `.env` text in one go, or says what would become of each (`dry_run`). Needs `secrets:write`. Fails
    /// with `validation_failed` at each line and name that is wrong, and writes nothing then.
    async fn import(&self, caller: &Caller, import: SecretImport) -> Result<SecretImportReport>;

    /// Makes a new data key, seals all values anew with it and removes the old one. Needs `secrets:rotate`. Fails with `conflict` while that
    /// is being done; what was interrupted is finished by the next one, or at the next start.
    async fn rotate(&self, caller: &Caller) -> Result<KeyRotation>;
}

/// The health of Pilothouse.
#[async_trait]
pub trait System: Send + Sync {
    /// Pilothouse and its parts. Needs `system:read`.
    async fn report(&self, caller: &Caller) -> Result<SystemReport>;

    /// Whether sign-in works; for `/readyz`. Fails with `unavailable`, saying which part is down.
    async fn ready(&self) -> Result<()>;
}
