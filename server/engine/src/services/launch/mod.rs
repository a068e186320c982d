//! From what a service is to what its runtime runs: folder, interpreter, preparation, port, environment.

mod environment;
mod marker;
mod port;
mod python;
mod uv_lock;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::{ContainerOptions, Error, Result, ServiceId, ServiceSpec, Source};

pub use environment::Inherited;
pub use port::{Holder, holder};
use python::Python;

use super::discovery::{Found, read_folder};
use super::image;
use super::pinned::Pinned;
use super::told::Told;
use crate::configuration::secrets_among;
use crate::proxy;
use crate::runtime::process::Aside;
use crate::runtime::{Launch, NewContainer, Prepare, ProcessLaunch};
use crate::secrets::{Mask, Vault};
use crate::store::secret_values::SecretVersions;
use crate::user::{SystemUser, not_as};

/// What a launch is planned from.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The service's name.
    pub name: &'a str,
    /// What it is.
    pub spec: &'a ServiceSpec,
    /// What it is told, when its configuration has been saved.
    pub told: Option<&'a Told>,
    /// The release that it runs, when it has been deployed.
    pub pinned: Option<&'a Pinned>,
    /// The port that it had at its last run, to be had again when nothing else is said.
    pub last_port: Option<u16>,
    /// Ports that other services have or are about to have, with their names.
    pub reserved: &'a BTreeMap<u16, String>,
    /// The port that it has now and may keep, because its listening socket is handed on.
    pub held: Option<u16>,
}

/// A launch, ready for the runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// For the runtime.
    pub launch: Launch,
    /// The port of this machine that it is told to listen on, or that leads to its container; none when the container says.
    pub port: Option<u16>,
    /// Why that isn't the port that it says, when it isn't.
    pub note: Option<String>,
    /// What reading its folder has found now.
    pub found: Option<Found>,
    /// The version of its configuration that is in it, when that has been saved.
    pub version: Option<u64>,
}

/// What must be made before something runs.
#[derive(Debug)]
pub(crate) struct Preparing {
    /// A virtual environment; none when it needs none.
    pub prepare: Option<Prepare>,
    /// Where that is made from.
    pub working_dir: PathBuf,
    /// As whom; none is the user that Pilothouse runs as.
    pub user: Option<SystemUser>,
}

/// Plans launches.
pub struct Planner {
    inherited: Inherited,
    python: Python,
    data_dir: PathBuf,
    program: PathBuf,
    secrets: Option<Vault>,
    mask: Arc<Mask>,
}

impl Planner {
    /// One for services of this data folder; `program` is Pilothouse itself.
    pub fn new(inherited: Inherited, data_dir: &Path, program: &Path) -> Self {
        let python = Python::new(inherited.clone(), data_dir.join("venvs"));
        Self { inherited, python, data_dir: data_dir.to_owned(), program: program.to_owned(), secrets: None, mask: Arc::default() }
    }

    /// The same, which lets `mask` know what it tells services that looks like a secret.
    pub fn with_mask(self, mask: Arc<Mask>) -> Self {
        Self { mask, ..self }
    }

    /// The same, with the secrets that variables may refer to.
    pub fn with_secrets(self, secrets: Vault) -> Self {
        Self { secrets: Some(secrets), ..self }
    }

    /// Plans the launch of one service. Reads its folder anew; fails with `service_failed` or `conflict`, saying what is in the way:
    /// a folder that is gone or that others may write, no Python, a port that is taken.
    pub async fn plan(&self, plan: Plan<'_>) -> Result<Planned> {
        if plan.pinned.is_none()
            && let Some(target) = &plan.spec.target
        {
            return Err(Error::service(format!("it was never deployed to {}: deploy it there first", target.environment)));
        }
        let (source, user) = match &plan.spec.source {
            Source::Container { .. } => {
                let port = plan.spec.port.or(plan.last_port);
                return Ok(Planned { launch: Launch::Container, port, note: None, found: None, version: None });
            }
            source @ Source::Image { image, container_port, options, .. } => {
                let pinned = plan.pinned.filter(|pinned| pinned.image.is_some());
                let image = pinned.and_then(|pinned| pinned.image.as_ref()).unwrap_or(image).clone();
                let (registry, release) = (source.registry_for(&image).cloned(), pinned.map(|pinned| pinned.release));
                let container = NewContainer { image, registry, release, ..NewContainer::default() };
                return self.container(&plan, container, *container_port, options).await;
            }
            source @ Source::Build { build, container_port, options } => {
                let container = match plan.pinned.and_then(|pinned| Some((pinned.image.clone()?, pinned.release))) {
                    Some((image, release)) => {
                        let (registry, release) = (source.registry_for(&image).cloned(), Some(release));
                        NewContainer { image, registry, release, ..NewContainer::default() }
                    }
                    None => match &build.repository {
                        Some(repository) => return Err(never_deployed(repository)),
                        None => NewContainer { build: Some((**build).clone()), ..NewContainer::default() },
                    },
                };
                return self.container(&plan, container, *container_port, options).await;
            }
            source => (source, self.user(plan.spec)?),
        };
        let user = user.as_ref();
        let released = plan.pinned.and_then(|pinned| pinned.folder.as_deref());
        let (working_dir, found) = self.folder(source, released, user).await?;
        let (port, note) = port::choose(
            plan.spec.port.or(plan.told.filter(|_| plan.spec.part_of().is_none()).and_then(Told::port)),
            found.as_ref().and_then(|found| found.port),
            plan.last_port,
            plan.reserved,
            plan.held,
        )
        .await?;
        let mut environment = self.environment(plan.spec, plan.told, plan.pinned, user, &working_dir, Some(port)).await?;
        let passed_over = match plan.spec.source.folder() {
            Some(_) if plan.told.is_none() && plan.pinned.is_none() => environment::passed_over(&working_dir, user).await,
            _ => None,
        };
        let (mut command, prepare) = self.command(plan.spec, user, found.as_ref(), &working_dir, &mut environment).await?;
        fill_in(&mut command, port);
        let (name, user, limits) = (plan.name.to_owned(), plan.spec.user.clone(), plan.spec.limits);
        let socket = plan.spec.handover.then_some(port);
        let launch = ProcessLaunch { name, user, prepare, command, working_dir, environment, limits, socket };
        let notes: Vec<String> = note.into_iter().chain(passed_over).collect();
        let note = (!notes.is_empty()).then(|| notes.join("; "));
        Ok(Planned { launch: Launch::Process(launch), port: Some(port), note, found, version: plan.told.map(|told| told.version) })
    }

    /// A command that is run beside a service: in its folder, with its environment, its Python and the port that it has. Fails with
    /// `service_failed`, saying what is in the way.
    pub async fn beside(
        &self,
        spec: &ServiceSpec,
        told: Option<&Told>,
        pinned: Option<&Pinned>,
        found: Option<&Found>,
        port: Option<u16>,
        mut command: Vec<String>,
    ) -> Result<Aside> {
        let released = pinned.and_then(|pinned| pinned.folder.clone());
        let working_dir = released.or_else(|| spec.source.folder().map(PathBuf::from)).unwrap_or_else(|| self.data_dir.clone());
        let user = self.user(spec)?;
        let mut environment = self.environment(spec, told, pinned, user.as_ref(), &working_dir, port).await?;
        self.command(spec, user.as_ref(), found, &working_dir, &mut environment).await?;
        if is_python(&command)
            && let Some(program) = command.first_mut()
        {
            let requirements = found.and_then(|found| found.requirements.as_ref());
            let home = home(spec, requirements.is_some(), &working_dir);
            *program = self.python.choose(home, requirements, user.as_ref()).await?.interpreter.display().to_string();
        }
        if let Some(port) = port {
            fill_in(&mut command, port);
        }
        Ok(Aside { user, command, working_dir, environment })
    }

    /// The data folder.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// What must be made before a release of a folder can run. Fails with `service_failed`, saying what is in the way.
    pub async fn preparing(&self, spec: &ServiceSpec, folder: &Path) -> Result<Preparing> {
        let user = self.user(spec)?;
        let (working_dir, found) = self.folder(&spec.source, Some(folder), user.as_ref()).await?;
        let mut environment = BTreeMap::new();
        let (_, prepare) = self.command(spec, user.as_ref(), found.as_ref(), &working_dir, &mut environment).await?;
        Ok(Preparing { prepare, working_dir, user })
    }

    /// What the files with variables in `folder` say. Fails with `service_failed` when one can't be read.
    pub async fn said_by_files(&self, spec: &ServiceSpec, folder: &Path, user: Option<&SystemUser>) -> Result<BTreeMap<String, String>> {
        let said = environment::of_folder(folder, &spec.environment_files, user).await?;
        Ok(said.into_iter().collect())
    }

    /// What a service is told by its files with variables and its settings, the later over the earlier. A file that can't be read is left out.
    pub async fn said(&self, spec: &ServiceSpec) -> Result<BTreeMap<String, String>> {
        let user = self.user(spec)?;
        let mut all = BTreeMap::new();
        // Those files are of development.
        if let Some(folder) = spec.source.folder().filter(|_| spec.target.is_none()) {
            for name in std::iter::once(".env").chain(spec.environment_files.iter().map(String::as_str)) {
                all.extend(environment::of_file(Path::new(folder), name, user.as_ref()).await.unwrap_or_default());
            }
        }
        all.extend(spec.environment.clone());
        Ok(all)
    }

    /// Whether a variable of that name comes from Pilothouse, whatever the service is.
    pub fn is_usual(&self, name: &str) -> bool {
        ["HOME", "LOGNAME", "PATH", "PYTHONUNBUFFERED", "SHELL", "USER", "VIRTUAL_ENV"].contains(&name)
            || self.inherited.for_services().contains_key(name)
    }

    /// The environment of a service, before its Python is known.
    async fn environment(
        &self,
        spec: &ServiceSpec,
        told: Option<&Told>,
        pinned: Option<&Pinned>,
        user: Option<&SystemUser>,
        working_dir: &Path,
        port: Option<u16>,
    ) -> Result<BTreeMap<String, String>> {
        let mut environment = user.map_or_else(|| self.inherited.for_services().clone(), |user| self.inherited.for_user(user));
        let has_files = spec.source.folder().is_some() || matches!(spec.source, Source::Repository { .. });
        if has_files && told.is_none() {
            let of_files = match pinned.filter(|pinned| pinned.folder.is_some()) {
                Some(pinned) => pinned.of_files.clone().into_iter().collect(),
                None => environment::of_folder(working_dir, &spec.environment_files, user).await?,
            };
            self.mask.learn(secrets_among(of_files.iter().map(|(name, text)| (name, text))));
            environment.extend(of_files);
        }
        environment.insert("PYTHONUNBUFFERED".into(), "1".into());
        environment.extend(self.variables(&spec.environment, told, pinned).await?);
        environment.extend(port.map(|port| ("PORT".to_owned(), port.to_string())));
        Ok(environment)
    }

    /// The variables that people have set, with the values of secrets in the place of what refers to them.
    async fn variables(
        &self,
        set: &BTreeMap<String, String>,
        told: Option<&Told>,
        pinned: Option<&Pinned>,
    ) -> Result<BTreeMap<String, String>> {
        let set = told.map_or(set, |told| &told.variables);
        if told.is_none() {
            // What is in a saved configuration is known.
            self.mask.learn(secrets_among(set));
        }
        match &self.secrets {
            Some(secrets) => {
                let present = SecretVersions::new();
                secrets.environment(set, pinned.map_or(&present, |pinned| &pinned.secrets)).await
            }
            None => Ok(set.clone()),
        }
    }

    /// The command of a service, with what must be made before; its Python comes into the environment.
    async fn command(
        &self,
        spec: &ServiceSpec,
        user: Option<&SystemUser>,
        found: Option<&Found>,
        working_dir: &Path,
        environment: &mut BTreeMap<String, String>,
    ) -> Result<(Vec<String>, Option<Prepare>)> {
        match (&spec.source, &spec.command, found) {
            (Source::Proxy { proxy_of }, ..) => Ok((self.proxy(*proxy_of), None)),
            (Source::Demonstration { .. } | Source::Image { .. } | Source::Build { .. } | Source::Container { .. }, ..) => {
                Ok((self.demonstration(), None))
            }
            (Source::Command { command, .. }, None, _) => Ok((command.clone(), None)),
            (_, Some(command), found) => self.with_python(spec, command, user, found, working_dir, environment).await,
            (_, None, Some(found)) => self.with_python(spec, &derived(spec, found), user, Some(found), working_dir, environment).await,
            (Source::Repository { repository }, None, None) => {
                let label = repository.label();
                Err(Error::service(format!("nothing in {label} says how to run it: it has neither main.py nor app.py")))
            }
            (Source::Folder { folder }, None, None) => {
                Err(Error::service(format!("nothing in '{folder}' says how to run it: it has neither main.py nor app.py")))
            }
        }
    }

    /// The user that a service runs as, looked up anew: it may be gone since, and then nobody takes its place.
    fn user(&self, spec: &ServiceSpec) -> Result<Option<SystemUser>> {
        let found = spec.user.as_deref().map(|name| SystemUser::choose(name).map_err(|why| Error::service(not_as(name, &why))));
        found.transpose()
    }

    /// The rest of a container whose image is known.
    async fn container(
        &self,
        plan: &Plan<'_>,
        container: NewContainer,
        container_port: Option<u16>,
        options: &ContainerOptions,
    ) -> Result<Planned> {
        port::further(&options.ports, plan.reserved).await?;
        let mut reserved = plan.reserved.clone();
        reserved.extend(image::further_tcp(&plan.spec.source).map(|port| (port, plan.name.to_owned())));
        let (port, note) = port::choose(plan.spec.port, None, plan.last_port, &reserved, None).await?;
        let container = NewContainer {
            name: plan.name.to_owned(),
            command: plan.spec.command.clone().unwrap_or_default(),
            environment: self.variables(&plan.spec.environment, plan.told, plan.pinned).await?,
            port: Some(port),
            container_port,
            limits: plan.spec.limits,
            options: options.clone(),
            ..container
        };
        Ok(Planned {
            launch: Launch::NewContainer(Box::new(container)),
            port: Some(port),
            note,
            found: None,
            version: plan.told.map(|told| told.version),
        })
    }

    /// The folder that a service runs in, with what reading it has found: that of its release when it has one.
    async fn folder(&self, source: &Source, released: Option<&Path>, user: Option<&SystemUser>) -> Result<(PathBuf, Option<Found>)> {
        let (path, is_read) = match source {
            Source::Demonstration { .. }
            | Source::Proxy { .. }
            | Source::Image { .. }
            | Source::Build { .. }
            | Source::Container { .. } => {
                return Ok((self.data_dir.clone(), None));
            }
            Source::Folder { folder } => (released.map_or_else(|| PathBuf::from(folder), Path::to_owned), true),
            Source::Command { working_dir, .. } => (PathBuf::from(working_dir), false),
            Source::Repository { repository } => match released {
                Some(released) => (released.to_owned(), true),
                None => return Err(never_deployed(repository)),
            },
        };
        let looked = path.clone();
        if let Some(why) = user.and_then(|user| user.hindrance(&path)).filter(|_| path.is_dir()) {
            return Err(Error::service(why));
        }
        let found = blocking_as(user, move || match is_read {
            true => read_folder(&looked),
            false if looked.is_dir() => Ok(None),
            false => Err("the folder isn't there".into()),
        })
        .await?
        .map_err(|reason| Error::service(format!("'{}' can't be run from: {reason}", path.display())))?;
        Ok((path, found))
    }

    /// A command that may begin with `python`, which is then the interpreter of its environment.
    async fn with_python(
        &self,
        spec: &ServiceSpec,
        command: &[String],
        user: Option<&SystemUser>,
        found: Option<&Found>,
        folder: &Path,
        environment: &mut BTreeMap<String, String>,
    ) -> Result<(Vec<String>, Option<Prepare>)> {
        let requirements = found.and_then(|found| found.requirements.as_ref());
        let is_python = is_python(command);
        if !is_python && requirements.is_none() {
            return Ok((command.to_vec(), None));
        }
        let chosen = self.python.choose(home(spec, requirements.is_some(), folder), requirements, user).await?;
        if let Some(venv) = &chosen.venv {
            let bin = venv.join("bin").display().to_string();
            let path = environment.get("PATH").map_or_else(|| bin.clone(), |path| format!("{bin}:{path}"));
            environment.insert("PATH".into(), path);
            environment.insert("VIRTUAL_ENV".into(), venv.display().to_string());
        }
        let mut command = command.to_vec();
        if is_python && let Some(program) = command.first_mut() {
            *program = chosen.interpreter.display().to_string();
        }
        Ok((command, chosen.prepare))
    }

    fn proxy(&self, of: ServiceId) -> Vec<String> {
        let folder = proxy::folder(&self.data_dir, of);
        vec![
            self.program.display().to_string(),
            "proxy".into(),
            "--folder".into(),
            folder.display().to_string(),
            "--port".into(),
            "$PORT".into(),
        ]
    }

    fn demonstration(&self) -> Vec<String> {
        vec![self.program.display().to_string(), "demo-service".into(), "--port".into(), "$PORT".into()]
    }
}

/// The command that reading its folder has found, as it runs a service: an application that uvicorn runs takes the socket that it is handed.
pub(super) fn derived(spec: &ServiceSpec, found: &Found) -> Vec<String> {
    let mut command = found.command.clone();
    let is_uvicorn = command.starts_with(&["python", "-m", "uvicorn"].map(String::from));
    if spec.handover && is_uvicorn && command.len() == 8 && command[4..] == ["--host", "127.0.0.1", "--port", "$PORT"] {
        command.truncate(4);
        command.extend(["--fd", "3"].map(String::from));
    }
    command
}

/// Where the Python of a service is looked for: a release has no virtual environment of its own, so without requirements it runs with the one
/// that is in the folder that it was made of.
fn home<'s>(spec: &'s ServiceSpec, has_requirements: bool, working_dir: &'s Path) -> &'s Path {
    spec.source.folder().filter(|_| !has_requirements).map_or(working_dir, Path::new)
}

fn is_python(command: &[String]) -> bool {
    matches!(command.first().map(String::as_str), Some("python" | "python3"))
}

fn fill_in(command: &mut [String], port: u16) {
    for word in command {
        *word = word.replace("${PORT}", &port.to_string()).replace("$PORT", &port.to_string());
    }
}

/// Runs what blocks off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "blocking_work_failed");
        Error::internal()
    })
}

/// [`blocking`] with the rights of `user`, when there is one: what it couldn't read isn't read for it.
pub(crate) async fn blocking_as<T: Send + 'static>(user: Option<&SystemUser>, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let Some(user) = user.cloned() else { return blocking(work).await };
    blocking(move || user.act(work).map_err(|error| Error::service(not_as(&user.name, &error.to_string())))).await?
}

/// Why a service of a repository isn't run before its first deployment.
fn never_deployed(repository: &api::Repository) -> Error {
    Error::service(format!("it was never deployed, so nothing of {} is here: deploy it", repository.url))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod uv_lock_tests;
