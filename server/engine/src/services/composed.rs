//! Services made from a Compose file: first a plan of all of it, then one after the other.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use api::{
    COMPOSE_BYTES, Caller, ComposeItem, ComposeOutcome, ComposeReport, ComposeRequest, Error, NewService, Permission, Result, ServiceId,
    ServiceSpec, Source, is_service_name,
};

use super::compose::{self, Given};
use super::discovery::environment::variables;
use super::discovery::{is_only_ours, read_below};
use super::launch::blocking;
use super::{Services, image, lock, taken, validate};

/// What Compose files are called, the first that is there counts.
const FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
/// Names the project of a service.
const PROJECT_LABEL: &str = "compose";
/// Profiles of a request.
const PROFILES: usize = 50;

impl Services {
    /// What becomes of a Compose file; unless it is only a plan, what can be made is made, at rest.
    pub(super) async fn compose_services(&self, caller: &Caller, request: ComposeRequest) -> Result<ComposeReport> {
        self.may_act()?;
        let dry_run = request.dry_run;
        let folder = self.compose_folder(caller, &request).await?;
        let mut report = blocking(move || read(&request, folder)).await??;
        report.dry_run = dry_run;
        let (mut missing, mut planned): (Vec<String>, Vec<NewService>) = (Vec::new(), Vec::new());
        for item in &mut report.services {
            let needed = item.needs.iter().find(|need| missing.contains(*need)).cloned();
            self.judge(caller, &report.project, item, needed, &planned).await;
            if item.outcome == ComposeOutcome::Planned {
                planned.extend(item.service.clone());
            }
            if item.outcome == ComposeOutcome::Impossible {
                missing.push(item.key.clone());
            }
        }
        if !dry_run {
            self.make_composed(caller, &mut report).await;
        }
        Ok(report)
    }

    /// The folder that is asked for, when the caller may have what is in it.
    async fn compose_folder(&self, caller: &Caller, request: &ComposeRequest) -> Result<Option<PathBuf>> {
        let fits = request.compose.len() <= COMPOSE_BYTES && request.variables.len() <= COMPOSE_BYTES && request.profiles.len() <= PROFILES;
        if !fits {
            return Err(Error::invalid("/compose", "a Compose file and its variables have at most 512 KiB each, and at most 50 profiles"));
        }
        match &request.folder {
            None if request.compose.trim().is_empty() => {
                Err(Error::invalid("/compose", "give a Compose file, or the folder that it is in"))
            }
            None => Ok(None),
            Some(_) if !request.compose.trim().is_empty() => {
                Err(Error::invalid("/folder", "give the Compose file or its folder, not both: leave one of them empty"))
            }
            Some(folder) => {
                let path = validate::folder_at("/folder", folder, None).await?;
                if caller.may(Permission::ServicesCommand) {
                    return Ok(Some(path));
                }
                let Some(root) = self.root.clone().filter(|root| path.starts_with(root)) else {
                    caller.require(Permission::ServicesCommand)?;
                    return Ok(None);
                };
                // Whoever could lead it elsewhere would be shown what isn't theirs.
                let below = path.clone();
                let ours = blocking(move || is_only_ours(&root, &below, false)).await?;
                ours.map_err(|why| {
                    Error::forbidden(format!("'{folder}' takes an Admin, for others could change what is read there: {why}"))
                })?;
                Ok(Some(path))
            }
        }
    }

    /// Says of a planned service what is in its way: `missing` is one that it needs and that can't be made, `planned` are those before it.
    async fn judge(&self, caller: &Caller, project: &str, item: &mut ComposeItem, missing: Option<String>, planned: &[NewService]) {
        let (ComposeOutcome::Planned, Some(new)) = (item.outcome, &item.service) else { return };
        let same = lock(&self.rows).values().find(|row| !row.is_deleted && row.name.eq_ignore_ascii_case(&new.name)).cloned();
        let is_of_project = same.as_ref().is_some_and(|row| row.spec.labels.get(PROJECT_LABEL).is_some_and(|label| label == project));
        if let Some(row) = same.as_ref().filter(|_| is_of_project) {
            (item.outcome, item.service_id) = (ComposeOutcome::Present, Some(row.id));
            return;
        }
        let needs = missing.map_or(Ok(()), |need| Err(without(&need)));
        let is_free = if same.is_some() { Err(taken(&new.name)) } else { Ok(()) };
        let clash = planned.iter().find_map(|other| image::clash(new, other)).map_or(Ok(()), |why| Err(Error::conflict(why)));
        let (port, environment, health) = (new.port, new.environment.clone(), new.health.clone());
        let mut spec = ServiceSpec { port, environment, health, ..ServiceSpec::new(new.source.clone()) };
        let ports = self.ports_are_free(None, &spec);
        let allowed = validate::new_service(new).and_then(|()| image::may_open(caller, &new.source, None));
        let allowed = allowed.and_then(|()| self.may_run(caller, &spec, None)).map(drop);
        let allowed = match allowed.and(is_free).and(needs).and(ports).and(clash) {
            // Whether it can be built shows only in its folder.
            Ok(()) if matches!(new.source, Source::Build { .. }) => self.look_at(caller, &mut spec, None).await.map(drop),
            allowed => allowed,
        };
        if let Err(error) = allowed {
            refuse(item, &error);
        }
    }

    pub(super) async fn make_composed(&self, caller: &Caller, report: &mut ComposeReport) {
        let there = |item: &ComposeItem| Some((item.key.clone(), item.service_id?));
        let mut made: HashMap<String, ServiceId> = report.services.iter().filter_map(there).collect();
        for item in &mut report.services {
            let (ComposeOutcome::Planned, Some(mut new)) = (item.outcome, item.service.clone()) else { continue };
            let needed = item.needs.iter().map(|need| made.get(need).copied().ok_or_else(|| without(need))).collect::<Result<_>>();
            let created = match needed {
                Ok(needed) => {
                    new.depends_on = needed;
                    self.create_service(caller, new).await
                }
                Err(error) => Err(error),
            };
            match created {
                Ok(detail) => {
                    (item.outcome, item.service_id) = (ComposeOutcome::Made, Some(detail.service.id));
                    made.insert(item.key.clone(), detail.service.id);
                }
                // What was made stays, so the rest is told apart and can be sent again.
                Err(error) => {
                    refuse(item, &error);
                    item.outcome = ComposeOutcome::Failed;
                }
            }
        }
    }
}

fn without(need: &str) -> Error {
    Error::conflict(format!("it needs '{need}', which can't be made"))
}

fn refuse(item: &mut ComposeItem, error: &Error) {
    let why = error.details.first().map_or(&error.message, |detail| &detail.message);
    (item.outcome, item.message) = (ComposeOutcome::Impossible, Some(why.clone()));
}

/// Reads the file that was given, or that of the folder. May block.
fn read(request: &ComposeRequest, folder: Option<PathBuf>) -> Result<ComposeReport> {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let text = match &folder {
        None => request.compose.clone(),
        Some(folder) => {
            known.extend(variables(&read_below(folder, ".env").unwrap_or_default()));
            let mut why = String::new();
            let found = FILES.iter().find_map(|name| read_below(folder, name).map_err(|reason| why = reason).ok());
            found.ok_or_else(|| Error::invalid("/folder", format!("'{}' has no compose.yaml that can be read: {why}", folder.display())))?
        }
    };
    known.extend(variables(&request.variables));
    let env_file = |name: &str| match &folder {
        Some(folder) => read_below(folder, name).map(|text| variables(&text)),
        None => Err("the file was given without its folder".to_owned()),
    };
    // Compose calls a project like the folder that it is in.
    let of_folder = folder.as_ref().and_then(|folder| project_name(&folder.file_name()?.to_string_lossy()));
    let given = request.project.as_deref().map(str::trim).filter(|project| !project.is_empty());
    let read = |project| {
        compose::read(
            &text,
            &Given { project, variables: &known, profiles: &request.profiles, folder: folder.as_deref(), env_file: &env_file },
        )
    };
    match (given, of_folder) {
        (None, Some(name)) => read(None).or_else(|error| if is_nameless(&error) { read(Some(&name)) } else { Err(error) }),
        (given, _) => read(given),
    }
}

fn is_nameless(error: &Error) -> bool {
    error.details.iter().any(|detail| detail.field == "/project")
}

/// A name for a project that is like `name`, as Compose makes it.
fn project_name(name: &str) -> Option<String> {
    let kept: String = name.to_lowercase().chars().filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).take(40).collect();
    let name = kept.trim_start_matches(['_', '-']).to_owned();
    is_service_name(&name).then_some(name)
}
