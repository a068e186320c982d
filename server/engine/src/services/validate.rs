//! What may be asked for a service: every field, with where it is wrong.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use api::{
    Detail, Error, HealthCheck, ImageBuild, Limits, NewService, Result, ServicePatch, ServiceSpec, Source, is_file_name, is_http_path,
    is_service_name, is_user_name, is_variable_name, label_faults,
};

use super::discovery::{Found, read_below, read_folder};
use super::launch::{blocking, blocking_as};
use super::{check, image};
use crate::user::SystemUser;

/// Characters of a description.
const DESCRIPTION: usize = 500;
/// Variables of a service.
const VARIABLES: usize = 200;
/// Bytes of the value of a variable, and of an argument.
const VALUE: usize = 32 << 10;
/// Files with variables of a service.
const FILES: usize = 10;
/// Words of a command.
const WORDS: usize = 200;

/// What is wrong with the fields that a new service and a change have in common.
pub(super) struct Faults(Vec<Detail>);

impl Faults {
    pub fn none() -> Self {
        Self(Vec::new())
    }

    pub fn of(faults: Vec<Detail>) -> Self {
        Self(faults)
    }

    pub fn and(mut self, mut more: Self) -> Self {
        self.0.append(&mut more.0);
        self
    }

    pub fn check(&mut self, field: &str, right: bool, message: &str) {
        if !right {
            self.0.push(Detail { field: field.into(), message: message.into() });
        }
    }

    pub fn name(&mut self, name: &str) {
        self.check("/name", is_service_name(name), "a name has 1 to 63 of a-z A-Z 0-9 . _ - and starts with a letter or digit");
    }

    pub fn description(&mut self, text: &str) {
        let message = "a description has at most 500 characters and no zero byte";
        self.check("/description", text.chars().count() <= DESCRIPTION && !text.contains('\0'), message);
    }

    pub fn health(&mut self, health: &HealthCheck) {
        self.0.extend(health.faults("/health"));
    }

    pub fn environment_files(&mut self, names: &[String], source: &Source) {
        self.check("/environment_files", names.len() <= FILES, "a service has at most 10 files with variables");
        self.check(
            "/environment_files",
            names.is_empty() || source.folder().is_some() || matches!(source, Source::Repository { .. }),
            "only a service with a folder has files with variables",
        );
        let are_names = names.iter().all(|name| is_file_name(name));
        self.check("/environment_files", are_names, "a file with variables is named as it is in the folder of the service, without a path");
    }

    /// An empty name is the user of Pilothouse.
    pub fn user(&mut self, name: &str, source: &Source) {
        if let (false, Err(blocked)) = (name.is_empty(), source.can_run_as()) {
            return self.check("/user", false, blocked.0);
        }
        let right = "the name of a user has 1 to 32 of a-z A-Z 0-9 . _ - and starts with a letter or '_'";
        self.check("/user", name.is_empty() || is_user_name(name), right);
    }

    pub fn handover(&mut self, is_wanted: bool, source: &Source) {
        if let (true, Err(blocked)) = (is_wanted, source.can_hand_over()) {
            self.check("/handover", false, blocked.0);
        }
    }

    /// `wanted` 0 is none.
    pub fn proxy(&mut self, wanted: Option<u16>, source: &Source) {
        if let (true, Err(blocked)) = (wanted.is_some_and(|port| port > 0), source.can_have_proxy()) {
            self.check("/proxy_port", false, &format!("it can't have a proxy in front of it: {}", blocked.0));
        }
    }

    pub fn replicas(&mut self, wanted: u8, proxy_port: Option<u16>) {
        self.check("/replicas", (1..=ServiceSpec::REPLICAS).contains(&wanted), "a service has 1 to 20 replicas, itself among them");
        let has_proxy = wanted <= 1 || proxy_port.is_some_and(|port| port > 0);
        self.check("/replicas", has_proxy, "more than one replica takes a proxy in front of them: set 'proxy_port', or 'replicas' to 1");
    }

    pub fn labels(&mut self, labels: &BTreeMap<String, String>) {
        self.0.extend(label_faults(labels, "/labels"));
    }

    pub fn limits(&mut self, limits: &Limits) {
        self.0.extend(limits.faults("/limits"));
    }

    pub fn environment(&mut self, variables: &BTreeMap<String, String>) {
        self.check("/environment", variables.len() <= VARIABLES, "a service has at most 200 variables");
        for (name, value) in variables.iter().take(VARIABLES) {
            let field = format!("/environment/{}", name.chars().take(80).collect::<String>().replace('~', "~0").replace('/', "~1"));
            let named = "a variable's name has letters, digits and '_', doesn't start with a digit and isn't one of Pilothouse's own";
            self.check(&field, is_variable_name(name), named);
            self.check(&field, name != "PORT", "PORT is set by Pilothouse; set the field 'port' instead");
            let fits = value.len() <= VALUE && !value.contains('\0');
            self.check(&field, fits, "the value of a variable has at most 32 KiB and no zero byte");
            if let Some(fault) = api::secret_reference_fault(value) {
                self.check(&field, false, fault);
            }
        }
    }

    /// Fails with all that is wrong.
    pub fn refuse(self) -> Result<()> {
        Error::invalid_fields(self.0)
    }
}

/// What is wrong with a new service that shows without looking at its source.
pub(super) fn new_service(new: &NewService) -> Result<()> {
    let mut faults = Faults::none();
    faults.name(&new.name);
    faults.check("/port", new.port != Some(0), "a port is 1 to 65535; leave it out to let Pilothouse choose");
    faults.environment(&new.environment);
    faults.health(&new.health);
    faults.environment_files(&new.environment_files, &new.source);
    faults.limits(&new.limits);
    faults.labels(&new.labels);
    faults.description(new.description.as_deref().unwrap_or_default());
    faults.user(new.user.as_deref().unwrap_or_default(), &new.source);
    faults.handover(new.handover, &new.source);
    faults.proxy(new.proxy_port, &new.source);
    faults.check("/proxy_port", new.proxy_port != Some(0), "a port is 1 to 65535; leave it out to have no proxy");
    faults.replicas(new.replicas, new.proxy_port);
    faults.refuse()?;
    check::possible(&new.health, new.source.runtime(), "/health")
}

/// Fails when a service can't have so many replicas.
pub(super) fn replicas(wanted: u8, proxy_port: Option<u16>) -> Result<()> {
    let mut faults = Faults::none();
    faults.replicas(wanted, proxy_port);
    faults.refuse()
}

/// Fails when a service can't go from one release to the next so. A strategy that isn't possible is refused, because nobody would notice that it isn't taken.
pub(super) fn rollout(spec: &ServiceSpec) -> Result<()> {
    let mut faults = Faults::of(spec.rollout.faults("/rollout"));
    if let Some(Err(blocked)) = spec.rollout.strategy.map(|strategy| strategy.possible(spec)) {
        faults.check("/rollout/strategy", false, blocked.0);
    }
    faults.refuse()
}

/// What is wrong with a change.
pub(super) fn patch(patch: &ServicePatch, source: &Source) -> Result<()> {
    let mut faults = Faults::none();
    if let Some(names) = &patch.environment_files {
        faults.environment_files(names, source);
    }
    if let Some(name) = &patch.name {
        faults.name(name);
    }
    if let Some(user) = &patch.user {
        faults.user(user, source);
    }
    faults.handover(patch.handover.unwrap_or_default(), source);
    faults.proxy(patch.proxy_port, source);
    if let Some(description) = &patch.description {
        faults.description(description);
    }
    if let Some(environment) = &patch.environment {
        faults.environment(environment);
    }
    if let Some(health) = &patch.health {
        faults.health(health);
    }
    if let Some(labels) = &patch.labels {
        faults.labels(labels);
    }
    if let Some(limits) = &patch.limits {
        faults.limits(limits);
    }
    if let Some(path) = &patch.metrics_path {
        faults.check("/metrics_path", is_http_path(path), "the metrics path starts with '/', has no spaces and at most 1024 characters");
    }
    if let Some(seconds) = patch.stop_grace_seconds {
        faults.check("/stop_grace_seconds", seconds <= 600, "the grace of a stop is 0 to 600 seconds");
    }
    faults.refuse()
}

/// Whether programs run what this variable names.
pub(super) fn runs_code(name: &str) -> bool {
    let harmless =
        ["PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONHASHSEED", "PYTHONFAULTHANDLER"];
    let upper = name.to_ascii_uppercase();
    let starts = ["LD_", "DYLD_", "PYTHON", "GIT_", "BASH_FUNC", "GCONV_"].into_iter().any(|prefix| upper.starts_with(prefix));
    let listed = [
        "PATH",
        "HOME",
        "ENV",
        "BASH_ENV",
        "SHELL",
        "BROWSER",
        "EDITOR",
        "PAGER",
        "IFS",
        "NODE_OPTIONS",
        "NODE_PATH",
        "PERL5OPT",
        "PERL5LIB",
        "RUBYOPT",
        "RUBYLIB",
        "JAVA_TOOL_OPTIONS",
        "_JAVA_OPTIONS",
        "GUNICORN_CMD_ARGS",
        "VIRTUAL_ENV",
        "UVICORN_APP",
    ];
    (starts || listed.contains(&upper.as_str())) && !harmless.contains(&upper.as_str())
}

/// The source of a new service with its paths made plain, as far as `user` may see them when there is one.
pub(super) async fn source(source: Source, user: Option<&SystemUser>) -> Result<Source> {
    match source {
        Source::Demonstration { .. } => {
            Err(Error::invalid("/source", "the demonstration comes by itself; give a folder, a command or an image"))
        }
        Source::Container { .. } => {
            Err(Error::invalid("/source", "containers that are there are found by themselves; give an image to have one made"))
        }
        Source::Proxy { .. } => Err(Error::invalid("/source", "a proxy comes with the 'proxy_port' of the service that it is in front of")),
        Source::Repository { repository } => {
            Error::invalid_fields(repository.faults("/source/repository"))?;
            Ok(Source::Repository { repository })
        }
        Source::Image { image, container_port, options, registry } => {
            let image = image::checked(&image, container_port, &options, registry.as_deref())?;
            Ok(Source::Image { image, container_port, options, registry })
        }
        Source::Build { build, container_port, options } => {
            image::checked_build(&build, container_port, &options)?;
            if build.repository.is_some() {
                return Ok(Source::Build { build, container_port, options });
            }
            let path = folder_at("/source/build/folder", &build.folder, None).await?;
            let build = ImageBuild { folder: text(&path, "/source/build/folder")?, ..*build };
            Ok(Source::Build { build: Box::new(build), container_port, options })
        }
        Source::Folder { folder } => {
            let path = folder_at("/source/folder", &folder, user).await?;
            Ok(Source::Folder { folder: text(&path, "/source/folder")? })
        }
        Source::Command { command, working_dir } => {
            let mut faults = Faults::none();
            let is_named = command.first().is_some_and(|program| !program.trim().is_empty());
            faults.check("/source/command", is_named && command.len() <= WORDS, "a command has a program and at most 199 arguments");
            let fits = command.iter().all(|word| word.len() <= VALUE && !word.contains('\0'));
            faults.check("/source/command", fits, "an argument has at most 32 KiB and no zero byte");
            faults.refuse()?;
            let path = folder_at("/source/working_dir", &working_dir, user).await?;
            Ok(Source::Command { command, working_dir: text(&path, "/source/working_dir")? })
        }
    }
}

/// What reading the folder of a new service has found, with the rights of `user` when there is one; none when it has a command.
pub(super) async fn found(source: &Source, user: Option<&SystemUser>) -> Result<Option<Found>> {
    let folder = match source {
        Source::Folder { folder } => folder,
        Source::Build { build, .. } => return dockerfile(build).await.map(|()| None),
        Source::Command { .. } | Source::Image { .. } | Source::Container { .. } => return Ok(None),
        Source::Repository { .. } | Source::Demonstration { .. } | Source::Proxy { .. } => return Ok(None),
    };
    let path = PathBuf::from(folder);
    let found = blocking_as(user, move || read_folder(&path)).await?;
    let found = found.map_err(|reason| Error::invalid("/source/folder", format!("'{folder}' can't be taken: {reason}")))?;
    let message = || format!("'{folder}' has neither main.py nor app.py; give a command and its working directory instead");
    found.map(Some).ok_or_else(|| Error::invalid("/source/folder", message()))
}

/// Fails when the Dockerfile of a build can't be read.
async fn dockerfile(build: &ImageBuild) -> Result<()> {
    if build.repository.is_some() {
        // What is in it is seen when it is deployed.
        return Ok(());
    }
    let (folder, name) = (PathBuf::from(&build.folder), build.dockerfile().to_owned());
    let read = blocking(move || read_below(&folder, &name)).await?;
    read.map(drop).map_err(|reason| {
        let message = format!("'{}' can't be taken from '{}': {reason}", build.dockerfile(), build.folder);
        Error::invalid("/source/build/folder", message)
    })
}

/// The folder at an absolute path, without links on the way, as far as `user` may see it when there is one.
pub(super) async fn folder_at(field: &'static str, path: &str, user: Option<&SystemUser>) -> Result<PathBuf> {
    let shown: String = path.chars().take(200).collect();
    let fits = path.len() <= 4096 && !path.contains('\0') && Path::new(path).is_absolute();
    if !fits {
        return Err(Error::invalid(field, format!("'{shown}' isn't an absolute path")));
    }
    let path = PathBuf::from(path);
    let plain =
        blocking_as(user, move || path.canonicalize().and_then(|path| path.metadata().map(|metadata| (path, metadata.is_dir())))).await?;
    match plain {
        Ok((path, true)) => Ok(path),
        Ok((_, false)) => Err(Error::invalid(field, format!("'{shown}' isn't a folder"))),
        Err(error) => {
            tracing::debug!(%error, path = shown, "folder_not_found");
            let who = user.map_or_else(|| "the user that Pilothouse runs as".to_owned(), |user| format!("the user '{}'", user.name));
            Err(Error::invalid(field, format!("the folder '{shown}' isn't there, or {who} may not see it")))
        }
    }
}

fn text(path: &Path, field: &str) -> Result<String> {
    path.to_str().map(String::from).ok_or_else(|| Error::invalid(field, "the path isn't UTF-8; rename the folder"))
}
