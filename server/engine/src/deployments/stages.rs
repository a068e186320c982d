//! What each stage of a deployment does. Each can be done twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Artifact, Commit, DeploymentKind, ErrorCode, ReleaseId, Repository, Result, ServiceSpec, Source, Stage};

use super::Manager;
use super::files::{Origin, take, unpack};
use super::kept::{Content, Record, content, release_context, seal};
use super::live::Live;
use super::push::registry_failure;
use super::run::{Done, Failure, Stop};
use crate::runtime::NewContainer;
use crate::runtime::process::prepared;
use crate::secrets::keyring::require_key;
use crate::services::{blocking, blocking_as};
use crate::store::releases::{ReleaseRow, release_add, release_find};

impl Manager {
    /// Does one stage.
    pub(super) async fn stage(&self, live: &Arc<Live>, stage: Stage) -> Result<Done, Stop> {
        let done = self.work(live, stage).await?;
        #[cfg(test)]
        self.faults.fail(stage).await?;
        Ok(done)
    }

    async fn work(&self, live: &Arc<Live>, stage: Stage) -> Result<Done, Stop> {
        match stage {
            Stage::Validate => self.validate(live).await,
            Stage::Prepare => self.prepare(live).await,
            Stage::Build => self.build(live).await,
            Stage::Push => self.push(live).await,
            Stage::Deploy => Box::pin(self.switch_over(live)).await,
            Stage::HealthCheck => Box::pin(self.check_health(live)).await,
            Stage::Finalise => self.finalise(live).await,
        }
    }

    async fn validate(&self, live: &Live) -> Result<Done, Stop> {
        let record = live.record();
        let id = record.shown.service_id;
        let row = self.services.row_of(id)?;
        if record.shown.deployment_type.is_side_by_side() && row.desired == api::Desired::Running {
            self.front_answers(id).await?;
        }
        match record.shown.kind {
            DeploymentKind::Deploy => {
                // What was right when it was asked for may not be any more.
                self.configurations.released(id, &record.order.new.configuration.values).await?;
                if let Some(hold) = self.placement(id).await?.and_then(|placement| placement.hold) {
                    return Err(Failure::new(super::ask::held(&row.name, &hold)).into());
                }
                if let Some(release) = record.order.new.release_id {
                    self.release_is_kept(release).await?;
                    return Ok(Done::with("the release is kept"));
                }
                if let Some(repository) = row.spec.source.repository() {
                    self.find_commit(live, repository).await?;
                }
                if let Source::Folder { folder } = &row.spec.source {
                    let (path, user) = (std::path::PathBuf::from(folder), Self::user(&row.spec)?);
                    let read = blocking_as(user.as_ref(), move || crate::services::discovery::read_folder(&path)).await?;
                    match read {
                        Ok(Some(found)) => live.line(&self.core, Stage::Validate, format!("'{folder}' is {}", found.template_type), false),
                        Ok(None) if row.spec.command.is_some() => {}
                        Ok(None) => {
                            let why = format!("nothing in '{folder}' says how to run it: it has neither main.py nor app.py");
                            return Err(Failure::new(why).into());
                        }
                        Err(why) => return Err(Failure::new(format!("'{folder}' can't be run from: {why}")).into()),
                    }
                }
            }
            DeploymentKind::Rollback => {
                if let Some(content) = &record.order.content {
                    self.files_are_kept(&content.artifact).await?;
                }
            }
        }
        Ok(Done::with("all that it needs is there"))
    }

    /// What the files with variables in its folder say. They are of development: what is in another environment was given a configuration of its own.
    async fn said_in(&self, spec: &ServiceSpec, folder: &str) -> Result<BTreeMap<String, String>, Stop> {
        if spec.target.is_some() {
            return Ok(BTreeMap::new());
        }
        let user = Self::user(spec)?;
        Ok(self.services.said_by_files(spec, std::path::Path::new(folder), user.as_ref()).await?)
    }

    /// Fails when a release that shall be deployed elsewhere has gone meanwhile; answers what is in it.
    async fn release_is_kept(&self, release: ReleaseId) -> Result<Content, Stop> {
        let row = release_find(&mut self.core.store.main.read().await?, release).await.map_err(api::Error::from)?;
        let row = row.ok_or_else(|| Failure::new("that release isn't kept any more"))?;
        self.files_are_kept(&row.artifact).await?;
        Ok(content(&self.core, &row).await?)
    }

    async fn files_are_kept(&self, artifact: &Artifact) -> Result<(), Stop> {
        let Artifact::Files { digest, .. } = artifact else { return Ok(()) };
        let (archives, digest) = (self.archives.clone(), digest.clone());
        match blocking(move || archives.manifest(&digest)).await? {
            Ok(Some(_)) => Ok(()),
            _ => Err(Failure::new("the files of that release aren't kept any more").into()),
        }
    }

    /// Writes down what the release is made of, and takes its files.
    async fn prepare(&self, live: &Live) -> Result<Done, Stop> {
        let record = live.record();
        if record.shown.kind == DeploymentKind::Rollback {
            return Ok(Done::skipped("the release is kept"));
        }
        let (id, new, release) = (record.shown.service_id, &record.order.new, record.order.release);
        let row = self.services.row_of(id)?;
        let mut spec = row.spec.clone();
        if let Some(image) = &new.configuration.image {
            spec.source = super::ask::with_image(&spec.source, image)?;
        }
        if let Some(reference) = &new.configuration.reference {
            spec.source = super::ask::with_reference(&spec.source, reference)?;
        }
        if !new.resources.is_empty() {
            spec.limits = new.resources;
        }
        let configuration = self.configurations.released(id, &new.configuration.values).await?;
        let (mut of_files, mut artifact, mut folder) = (Default::default(), Artifact::Command, None);
        let mut note = "settings and configuration are written down".to_owned();
        if let Some(release) = new.release_id {
            let from = self.release_is_kept(release).await?;
            if let (Source::Image { .. }, Artifact::Image { image, .. }) = (&spec.source, &from.artifact) {
                spec.source = super::ask::with_image(&spec.source, image)?;
            }
            if matches!(from.artifact, Artifact::Files { .. }) {
                folder = Some(self.versions(id, Self::user(&spec)?.as_ref()).await?.join(record.order.release.to_string()));
            }
            let of_files = match &spec.source {
                Source::Folder { folder } => self.said_in(&spec, folder).await?,
                _ => from.of_files,
            };
            let content = Content { spec, of_files, configuration, artifact: from.artifact, folder };
            self.save(live, move |record| record.order.content = Some(content), Vec::new(), None).await?;
            return Ok(Done::with("it is made of the release; settings and configuration are written down"));
        }
        let (path, origin, commit) = match &spec.source {
            Source::Folder { folder } => (Some(std::path::PathBuf::from(folder)), Origin::Folder, None),
            Source::Repository { repository } => {
                let (path, commit) = self.fetch_commit(live, repository).await?;
                (Some(path), Origin::Commit, Some(Box::new(commit)))
            }
            _ => (None, Origin::Folder, None),
        };
        if let Some(path) = path {
            live.doing(&self.core, format!("taking the files of {}", path.display()));
            // What Pilothouse has fetched is its own, whoever runs it then.
            let user = Self::user(&spec)?;
            let reader = if origin == Origin::Folder { user.clone() } else { None };
            of_files = match &spec.source {
                Source::Folder { folder } => self.said_in(&spec, folder).await?,
                _ => self.services.said_by_files(&spec, &path, reader.as_ref()).await?,
            };
            let (archives, left_out) = (self.archives.clone(), spec.environment_files.clone());
            let begun = blocking(move || archives.begin(release)).await?;
            let (written, file) = begun.map_err(|error| Failure::new(format!("its files can't be kept: {error}")))?;
            let taken = blocking_as(reader.as_ref(), move || take(&path, origin, &left_out, file)).await?;
            let manifest = taken.map_err(Failure::new)?;
            let (archives, kept) = (self.archives.clone(), manifest.clone());
            let digest = blocking(move || archives.keep(&written, &kept)).await?;
            let digest = digest.map_err(|error| Failure::new(format!("its files can't be kept: {error}")))?;
            let (files, bytes) = manifest.size();
            if !manifest.linked().is_empty() {
                let names = manifest.linked().iter().take(10).cloned().collect::<Vec<_>>().join(", ");
                let line = format!("not a part of the release, and left where services write: {names}");
                live.line(&self.core, Stage::Prepare, line, false);
            }
            let (what, are) = if files == 1 { ("1 file".to_owned(), "is") } else { (format!("{files} files"), "are") };
            let size = if bytes < 100_000 { format!("{:.1} kB", bytes as f64 / 1e3) } else { format!("{:.1} MB", bytes as f64 / 1e6) };
            note = format!("{what} of {size} {are} kept as {}", &digest[..12]);
            artifact = Artifact::Files { digest, files, bytes, commit };
            folder = Some(self.versions(id, user.as_ref()).await?.join(release.to_string()));
            self.git.remove(release).await;
        }
        let content = Content { spec, of_files, configuration, artifact, folder };
        self.save(live, move |record| record.order.content = Some(content), Vec::new(), None).await?;
        Ok(Done::with(note))
    }

    /// Finds out which commit is deployed, once: what is pushed meanwhile is another deployment's.
    async fn find_commit(&self, live: &Live, repository: &Repository) -> Result<(), Stop> {
        let record = live.record();
        if record.order.commit.is_some() {
            return Ok(());
        }
        let mut repository = repository.clone();
        if let Some(reference) = &record.order.new.configuration.reference {
            repository.reference = Some(reference.trim().to_owned());
        }
        live.doing(&self.core, format!("asking {}", repository.url));
        let (commit, reference) = self.git.find(&repository).await?;
        let is = reference.as_deref().map_or_else(String::new, |name| format!("{name} is "));
        live.line(&self.core, Stage::Validate, format!("{is}commit {commit} of {}", repository.url), false);
        self.save(live, move |record| record.order.commit = Some((commit, reference)), Vec::new(), None).await?;
        Ok(())
    }

    /// Fetches the files of the commit; answers where those of the service are.
    async fn fetch_commit(&self, live: &Live, repository: &Repository) -> Result<(std::path::PathBuf, Commit), Stop> {
        let record = live.record();
        let (stage, order) = (record.shown.stage, record.order);
        let (id, reference) = order.commit.ok_or_else(api::Error::internal)?;
        let mut told = |line: String| {
            // So much of it is there; the last of these lines says all.
            let is_progress = line.contains("% (") && !line.ends_with("done.");
            live.doing(&self.core, line.clone());
            if !is_progress {
                live.line(&self.core, stage, line, false);
            }
        };
        let commit = self.git.fetch(repository, &id, reference.as_deref(), order.release, &mut told).await?;
        live.line(&self.core, stage, format!("{} {} by {}", commit.short(), commit.subject, commit.author), false);
        let mut path = self.git.tree(order.release);
        if let Some(folder) = &repository.folder {
            path.push(folder);
            let looked = path.clone();
            // Nothing in a repository leads out of it.
            let tree = self.git.tree(order.release);
            let is_in = blocking(move || {
                looked.is_dir() && looked.canonicalize().is_ok_and(|plain| tree.canonicalize().is_ok_and(|tree| plain.starts_with(tree)))
            })
            .await?;
            if !is_in {
                return Err(Failure::new(format!("{} has no folder '{folder}' in the commit {}", repository.url, commit.short())).into());
            }
        }
        Ok((path, commit))
    }

    /// Unpacks the files and makes their environment, or makes sure that the image is there; then the release is there.
    async fn build(&self, live: &Arc<Live>) -> Result<Done, Stop> {
        let record = live.record();
        let (id, release) = (record.shown.service_id, record.order.release);
        let mut content = record.order.content.clone().ok_or_else(api::Error::internal)?;
        let done = match (&content.artifact, &content.spec.source) {
            (Artifact::Files { .. }, _) => self.unpack(live, &content).await?,
            (Artifact::Image { digest, .. }, Source::Image { .. } | Source::Build { .. }) => {
                let (registry, digest) = (content.spec.source.registry_for(digest).cloned(), digest.clone());
                let image = NewContainer { image: digest.clone(), registry, ..NewContainer::default() };
                let tell = live.tell(&self.core, Stage::Build);
                let here = self.runtimes.release_image(id, &image, release, &tell).await;
                here.map_err(|error| match error.code {
                    ErrorCode::Unavailable => Stop::from(error),
                    _ => {
                        let failure = registry_failure(&content.spec.source, error.message);
                        let error = format!("the image {digest} isn't here any more, and can't be had: {}", failure.error);
                        Failure { error, ..failure }.into()
                    }
                })?;
                Done::with("the image is here")
            }
            (_, source @ (Source::Image { .. } | Source::Build { .. })) => {
                let mut commit = None;
                let (new, name) = match source {
                    Source::Build { build, .. } => {
                        let mut build = (**build).clone();
                        let name = build.origin();
                        if let Some(repository) = build.repository.take() {
                            let (path, of) = self.fetch_commit(live, &repository).await?;
                            build.folder = path.display().to_string();
                            commit = Some(Box::new(of));
                        }
                        (NewContainer { build: Some(build), ..NewContainer::default() }, name)
                    }
                    Source::Image { image, .. } => {
                        let registry = source.registry().cloned();
                        (NewContainer { image: image.clone(), registry, ..NewContainer::default() }, image.clone())
                    }
                    _ => return Err(api::Error::internal().into()),
                };
                let tell = live.tell(&self.core, Stage::Build);
                let made = self.runtimes.release_image(id, &new, release, &tell).await;
                let made = made.map_err(|error| match (error.code, new.build.is_some()) {
                    (ErrorCode::ServiceFailed, false) => registry_failure(source, error.message).into(),
                    _ => Stop::from(error),
                })?;
                let digest = made.ok_or_else(api::Error::internal)?;
                let note = format!("the image is {digest}");
                content.artifact = Artifact::Image { image: name, commit, digest };
                self.git.remove(release).await;
                Done::with(note)
            }
            (Artifact::Command | Artifact::Image { .. }, _) => Done::skipped("the files of a command aren't kept: it runs what is there"),
        };
        if record.release_id.is_none() {
            self.add_release(live, content).await?;
        }
        Ok(done)
    }

    /// Unpacks the files of a release into their folder, unless they are there; answers whether it had to.
    pub(super) async fn put_files(&self, content: &Content) -> Result<bool, Failure> {
        let said = |error: api::Error| Failure::new(error.message);
        let Some((folder, Artifact::Files { digest, .. })) = content.folder.clone().map(|folder| (folder, &content.artifact)) else {
            return Ok(false);
        };
        let user = Self::user(&content.spec).map_err(said)?;
        // Only in development it writes where its source is.
        let own = content.spec.source.folder().filter(|_| content.spec.target.is_none());
        let origin = own.map_or_else(|| super::shared(&folder), std::path::PathBuf::from);
        let is_shared = own.is_none();
        let (archives, named) = (self.archives.clone(), digest.clone());
        let opened = blocking(move || Ok::<_, std::io::Error>((archives.manifest(&named)?, archives.open(&named)?))).await.map_err(said)?;
        let (manifest, packed) = match opened {
            Ok((Some(manifest), packed)) if is_shared => (manifest.with_data(), packed),
            Ok((Some(manifest), packed)) => (manifest, packed),
            Ok((None, _)) => return Err(Failure::new("the files of that release aren't kept any more")),
            Err(error) => return Err(Failure::new(format!("the files of that release can't be read: {error}"))),
        };
        let to = folder.clone();
        let unpacked = blocking_as(user.as_ref(), move || {
            if is_shared {
                manifest.make_shared(&origin)?;
            }
            if to.is_dir() { Ok(false) } else { unpack(packed, &manifest, &origin, &to).map(|()| true) }
        });
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Failure::new(format!(
                "the disk with {} is full, so its files can't be unpacked: free some space there, then deploy it again",
                folder.display()
            )),
            _ => Failure::new(format!("its files can't be unpacked into {}: {error}", folder.display())),
        };
        unpacked.await.map_err(said)?.map_err(failed)
    }

    async fn unpack(&self, live: &Arc<Live>, content: &Content) -> Result<Done, Stop> {
        let user = Self::user(&content.spec)?;
        let folder = content.folder.clone().ok_or_else(api::Error::internal)?;
        live.doing(&self.core, "unpacking its files");
        self.versions(live.record().shown.service_id, user.as_ref()).await?;
        let already = if self.put_files(content).await? { "" } else { " already" };
        live.line(&self.core, Stage::Build, format!("its files are in {}{already}", folder.display()), false);
        let preparing = self.services.preparing(&content.spec, &folder).await?;
        let Some(prepare) = preparing.prepare else { return Ok(Done::with("its files are unpacked; it needs no environment of its own")) };
        let (told, core) = (live.clone(), self.core.clone());
        let mut tell = move |line: String| {
            told.doing(&core, line.clone());
            told.line(&core, Stage::Build, line, false);
        };
        let made = prepared::make(&prepare, &preparing.working_dir, preparing.user.as_ref(), &mut tell).await;
        made.map_err(|why| {
            let suggestion = why.contains("requirement").then(|| {
                "look at the lines above for the package that can't be installed, and at the requirements of the service".to_owned()
            });
            Failure { error: why, suggestion, lines: Vec::new() }
        })?;
        Ok(Done::with("its files are unpacked and its environment is made"))
    }

    /// Keeps the release, once it is known what it runs.
    async fn add_release(&self, live: &Live, content: Content) -> Result<()> {
        let record = live.record();
        let (id, release) = (record.shown.service_id, record.order.release);
        let row = ReleaseRow {
            id: release,
            service_id: id,
            number: 0,
            deployment_id: record.shown.id,
            artifact: content.artifact.clone(),
            configuration_version: content.configuration.version,
            created_at: self.core.clock.now(),
            created_by: record.shown.created_by.clone(),
            is_good: false,
            sealed: seal(&self.core, &release_context(release), &content)?,
        };
        let secrets = content.configuration.named.clone();
        // First the release, then what says that it is there: the number is known only then.
        let write = self.core.store.main.write(move |db| {
            Box::pin(async move {
                let key = require_key(db, &row.sealed).await?;
                release_add(db, &row, key, &secrets).await
            })
        });
        write.await?;
        let change = move |record: &mut Record| (record.release_id, record.order.content) = (Some(release), Some(content));
        self.save(live, change, Vec::new(), None).await
    }
}
