//! Services that are made of a template: its files are made in the services folder, and the service is the one of that folder.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::{
    Caller, Error, EventKind, FromTemplate, NewService, NewSource, Result, ServiceDetail, ServicePlan, Source, TemplateFile, TemplateRef,
};

use super::draft::Draft;
use super::launch::blocking;
use super::{Services, change, taken, validate};
use crate::events::NewEvent;
use crate::store::services::ServiceRow;
use crate::templates::{self, BuiltIn};

/// A service of a template, drawn up of files that aren't in their place yet.
struct Drawn {
    template: &'static BuiltIn,
    draft: Arc<Draft>,
    /// Where its files shall be.
    place: PathBuf,
    files: Vec<TemplateFile>,
    row: ServiceRow,
}

impl Services {
    pub(super) async fn create_service_from(&self, caller: &Caller, new: NewService<NewSource>) -> Result<ServiceDetail> {
        let (from, new) = match new.source.clone() {
            NewSource::There(source) => return self.create_service(caller, new.with_source(source)).await,
            NewSource::Template(from) => (from, new),
        };
        self.may_act()?;
        let _declaring = self.wires.declaring.lock().await;
        let Drawn { template, draft, place, row, .. } = self.drawn_up_from(caller, from, new).await?;
        // Between the two it would be found as a folder that nobody has made a service of.
        let _discovery = self.discovery.lock().await;
        let (putting, putting_to) = (draft.clone(), place.clone());
        let put = blocking(move || putting.put(&putting_to)).await?;
        put.map_err(
            |error| if error.kind() == io::ErrorKind::AlreadyExists { there_already(&place) } else { not_written(&place, &error) },
        )?;
        let text = format!("{} made {} of the template {}", caller.name, row.name, template.name);
        let data = serde_json::json!({ "template": template.id, "version": template.version });
        let event = NewEvent::new(EventKind::ServiceCreated, text).on(row.id, &row.name).by(caller).with(data);
        let added = self.add_service(row, event).await;
        if added.is_err() {
            let back = blocking(move || {
                draft.take_back(&place).inspect_err(|error| {
                    tracing::error!(%error, folder = %place.display(), "folder_of_template_left_behind");
                })
            });
            let _ = back.await?;
        }
        added
    }

    pub(super) async fn plan_service_from(&self, caller: &Caller, new: NewService<NewSource>) -> Result<ServicePlan> {
        let (from, new) = match new.source.clone() {
            NewSource::There(source) => return self.plan_service(caller, new.with_source(source)).await,
            NewSource::Template(from) => (from, new),
        };
        self.may_act()?;
        let _declaring = self.wires.declaring.lock().await;
        let Drawn { draft, place, files, row, .. } = self.drawn_up_from(caller, from, new).await?;
        let mut spec = row.spec.clone();
        spec.source = folder(draft.path())?;
        // What it says of the draft is what it would say of its place.
        let (drafted, meant) = (draft.path().display().to_string(), place.display().to_string());
        let placed = |text: String| text.replace(&drafted, &meant);
        let plan = self.planned(&row, &spec).await;
        blocking(move || drop(draft)).await?;
        let plan = plan?;
        Ok(ServicePlan {
            working_dir: plan.working_dir.map(placed),
            files: files.iter().map(|file| place.join(&file.name).display().to_string()).collect(),
            command: plan.command.into_iter().map(placed).collect(),
            preparation: plan.preparation.into_iter().map(placed).collect(),
            notes: plan.notes.into_iter().map(placed).collect(),
            obstacle: plan.obstacle.map(placed),
            ..plan
        })
    }

    /// Draws up a service of a template, when there is nothing against it, of a draft of its files. Whoever calls lets nobody else make one meanwhile.
    async fn drawn_up_from(&self, caller: &Caller, from: FromTemplate, new: NewService<NewSource>) -> Result<Drawn> {
        let template = templates::find(&from.template).ok_or_else(|| {
            let there: Vec<_> = templates::built_in::all().iter().map(|template| template.id).collect();
            let id: String = from.template.chars().take(80).collect();
            Error::invalid("/source/template", format!("there is no template '{id}'; there are {}", there.join(", ")))
        })?;
        let Some(root) = self.root.clone() else {
            let message = "what is made of a template gets a folder in the services folder, and Pilothouse has none: set 'services_dir'";
            return Err(Error::conflict(message));
        };
        if new.user.as_ref().is_some_and(|user| !user.is_empty()) {
            let message = "the files of a template are made for the user that Pilothouse runs as: leave the user out; when the folder is made, chown it and set \
                           the user in the settings of the service";
            return Err(Error::invalid("/user", message));
        }
        let place = root.join(&new.name);
        // All that can be said without its files is said before there are any.
        let new = new.with_source(folder(&place)?);
        validate::new_service(&new)?;
        self.may_run(caller, &change::spec_of(&new), None)?;
        if self.is_name_taken(&new.name, None) {
            return Err(taken(&new.name));
        }
        let files = blocking(move || template.files_with(&from.variables)).await??;
        let (number, writing, writing_to, wanted) = (self.core.clock.new_uuid().to_string(), files.clone(), root, place.clone());
        let written = blocking(move || match wanted.symlink_metadata() {
            Ok(_) => Err(io::Error::from(io::ErrorKind::AlreadyExists)),
            Err(_) => Draft::write(&writing_to, &number, &writing),
        });
        let draft = written.await?.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => there_already(&place),
            _ => not_written(&place, &error),
        })?;
        let made = TemplateRef { id: template.id.into(), version: template.version };
        let of_draft = new.with_source(folder(draft.path())?);
        let row = self.drawn_up(caller, of_draft, Some((&place, made))).await?;
        Ok(Drawn { template, draft: Arc::new(draft), place, files, row })
    }
}

fn folder(path: &Path) -> Result<Source> {
    let folder = path.to_str().map(String::from);
    let folder = folder.ok_or_else(|| Error::conflict("the path of the services folder isn't UTF-8, which that of a service has to be"))?;
    Ok(Source::Folder { folder })
}

fn there_already(place: &Path) -> Error {
    Error::conflict(format!(
        "there is something at '{}' already, and a template is made into a new folder: choose another name, or make a service of that folder",
        place.display()
    ))
}

fn not_written(place: &Path, error: &io::Error) -> Error {
    tracing::warn!(%error, folder = %place.display(), "template_not_written");
    let root = place.parent().unwrap_or(place).display();
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return Error::storage_full("the disk of the services folder");
    }
    Error::unavailable(format!(
        "nothing can be made in '{root}' ({error}): the services folder has to be there, and Pilothouse has to be allowed to write to it"
    ))
}
