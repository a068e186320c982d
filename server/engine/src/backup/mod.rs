//! Backups of all configurations with all their versions, and of the named secrets: one file, sealed with a passphrase (`sealed.rs`).
//!
//! Nothing of it is in clear anywhere: what is made, and what somebody sends, is in a file without a name while it is worked with (`spool.rs`), and that
//! has sealed bytes only.

mod record;
mod sealed;
mod spool;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use api::ports::{Backup, Pieces};
use api::{
    Caller, Detail, Error, EventKind, NewBackup, NewRestore, PASSPHRASE_MIN, PASSWORD_MAX, Permission, RestoreReport, RestoredService,
    Result, Secret, ServiceId,
};
use async_trait::async_trait;
use serde_json::json;

use crate::events::NewEvent;
use crate::{Core, auth, configuration, secrets};
use record::{BackedService, Part, Parts, Record, SERVICES};
use sealed::{Reader, Writer};
use spool::Content;

/// How a backup is restored.
#[derive(Clone, Debug)]
pub struct How {
    /// What the file was sealed with.
    pub passphrase: Secret,
    /// Whether the newest of each service in it is saved as the newest here.
    pub newest: bool,
    /// Whether secrets that have another value here get that of the backup.
    pub replace_secrets: bool,
    /// Only says what would be done.
    pub dry_run: bool,
}

/// A backup, and what is in it.
pub struct Made {
    /// The file.
    pub backup: Backup,
    /// How many secrets.
    pub secrets: usize,
    /// How many services.
    pub services: usize,
    /// How many versions of their configurations.
    pub versions: usize,
}

/// The services of a backup.
#[derive(Default)]
struct InBackup {
    ids: HashSet<ServiceId>,
    /// The first of each name, in small letters.
    by_name: HashMap<String, ServiceId>,
}

/// Who is told how it goes on: how many services were seen to, and of how many.
pub type Progress<'p> = &'p (dyn Fn(usize, usize) + Send + Sync);

/// Makes backups and restores them.
pub struct Manager {
    core: Arc<Core>,
    accounts: Arc<auth::Manager>,
    configurations: Arc<configuration::Manager>,
    secrets: Arc<secrets::Manager>,
    /// One at a time: each takes 64 MiB for its key, and a file in the data folder.
    turn: tokio::sync::Mutex<()>,
}

impl Manager {
    /// Backups of these.
    pub fn new(
        core: Arc<Core>,
        accounts: Arc<auth::Manager>,
        configurations: Arc<configuration::Manager>,
        secrets: Arc<secrets::Manager>,
    ) -> Self {
        Self { core, accounts, configurations, secrets, turn: tokio::sync::Mutex::default() }
    }

    fn take_turn(&self) -> Result<tokio::sync::MutexGuard<'_, ()>> {
        let busy = |_| Error::conflict("a backup is made or restored at this moment; try again when that is done").retry_after(10);
        self.turn.try_lock().map_err(busy)
    }

    /// Makes a backup for who is asked for no password: on the command line, where the data folder is theirs.
    ///
    /// # Errors
    /// As [`Backups::back_up`](api::ports::Backups::back_up), but for what is said of the password.
    pub async fn make(&self, caller: &Caller, passphrase: &Secret, progress: Progress<'_>) -> Result<Made> {
        caller.require(Permission::ConfigBackup)?;
        check_passphrase(passphrase)?;
        let _turn = self.take_turn()?;
        let (file, bytes, [secrets, services, versions]) = self.write(caller, passphrase, progress).await?;
        let message = format!(
            "{} made a backup of {versions} versions of the configurations of {services} services, and of {secrets} secrets, sealed with a passphrase",
            caller.name
        );
        let data = json!({ "services": services, "versions": versions, "secrets": secrets, "bytes": bytes });
        // Nobody gets what isn't in the audit.
        self.core.events.record(NewEvent::new(EventKind::ConfigBackedUp, message).by(caller).with(data)).await?;
        let day: String = self.core.clock.now().to_string().chars().take(10).collect();
        let backup = Backup { file_name: format!("pilothouse-{day}.backup"), bytes, content: Box::new(Content(file)) };
        Ok(Made { backup, secrets, services, versions })
    }

    /// Restores a backup for who is asked for no password: on the command line.
    ///
    /// # Errors
    /// As [`Backups::restore`](api::ports::Backups::restore), but for what is said of the password.
    pub async fn take_back(&self, caller: &Caller, how: &How, file: Box<dyn Pieces>, progress: Progress<'_>) -> Result<RestoreReport> {
        caller.require(Permission::ConfigBackup)?;
        if how.passphrase.reveal().chars().count() > PASSWORD_MAX {
            return Err(Error::invalid("/passphrase", "that is no passphrase of a backup"));
        }
        let _turn = self.take_turn()?;
        let file = spool::taken(&self.core, file).await?;
        let mut reader = Reader::begin(file, &how.passphrase).await?;
        let report = self.restore_all(caller, how, &mut reader, progress).await?;
        if !how.dry_run {
            let count = |is_so: fn(&RestoredService) -> bool| report.services.iter().filter(|one| is_so(one)).count();
            let (changed, failed) = (count(RestoredService::is_changed), count(RestoredService::is_left_out));
            let message = format!("{} restored the backup of {}: {changed} configurations, {failed} left out", caller.name, report.made_at);
            let data = json!({ "services": report.services.len(), "changed": changed, "left_out": failed });
            self.core.events.record(NewEvent::new(EventKind::ConfigBackupRestored, message).by(caller).with(data)).await?;
        }
        Ok(report)
    }

    async fn write(&self, caller: &Caller, passphrase: &Secret, progress: Progress<'_>) -> Result<(tokio::fs::File, u64, [usize; 3])> {
        let mut writer = Writer::begin(spool::made(&self.core)?, passphrase).await?;
        let [mut services, mut versions] = [0, 0];
        let made = Record::Made { at: self.core.clock.now(), by: caller.name.clone(), program: env!("CARGO_PKG_VERSION").into() };
        add(&mut writer, &made).await?;
        let secrets = self.secrets.backed().await?;
        let count = secrets.len();
        for secret in secrets {
            add(&mut writer, &Record::Secret(secret)).await?;
        }
        let all = self.all();
        let count_of_all = all.len();
        for (done, service) in all.into_iter().enumerate() {
            progress(done, count_of_all);
            let id = service.id;
            let numbers = self.configurations.backed_numbers(id).await?;
            if numbers.is_empty() {
                continue;
            }
            if services == SERVICES {
                return Err(Error::conflict(format!("a backup has at most {SERVICES} services; back up the database instead")));
            }
            let service = BackedService { schema: self.configurations.backed_schema(id), ..service };
            add(&mut writer, &Record::Service(service)).await?;
            services += 1;
            for number in numbers {
                // One that is older than what is kept may be gone meanwhile.
                if let Some(version) = self.configurations.backed(id, number).await? {
                    add(&mut writer, &Record::Version(version)).await?;
                    versions += 1;
                }
            }
        }
        progress(count_of_all, count_of_all);
        add(&mut writer, &Record::End { secrets: count, services, versions }).await?;
        let (file, bytes) = writer.end().await?;
        Ok((file, bytes, [count, services, versions]))
    }

    /// Every service that may have a configuration: by name, and behind them those that were deleted and can be put back, the last deleted first.
    fn all(&self) -> Vec<BackedService> {
        let entries = self.core.catalog.all();
        let there = entries.iter().filter(|entry| entry.spec.beside.is_none()).map(|entry| BackedService {
            id: entry.service.id,
            name: entry.service.name.clone(),
            environment: entry.spec.in_environment().to_owned(),
            schema: None,
            deleted_at: None,
        });
        let mut all: Vec<_> = there.collect();
        all.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
        let deleted = self.configurations.backed_deleted().into_iter().filter(|row| row.spec.beside.is_none());
        all.extend(deleted.map(|row| BackedService {
            id: row.id,
            environment: row.spec.in_environment().to_owned(),
            schema: None,
            deleted_at: row.deletion.map(|deletion| deletion.at),
            name: row.name,
        }));
        all
    }

    /// Reads all of a file, which shows that it is whole and as it was made; answers which services it has.
    async fn read_through(&self, reader: &mut Reader) -> Result<InBackup> {
        let (mut parts, mut found) = (Parts::begin(reader).await?, InBackup::default());
        while let Some(part) = parts.next().await? {
            if let Part::Service(service, _) = part {
                if !found.ids.insert(service.id) {
                    return Err(sealed::not_readable());
                }
                found.by_name.entry(service.name.to_ascii_lowercase()).or_insert(service.id);
            }
        }
        Ok(found)
    }

    /// The service here that one of a backup is, and whether it was found by its name; or why there is none.
    fn here(&self, service: &BackedService, in_backup: &InBackup) -> std::result::Result<(ServiceId, String, bool), String> {
        if let Some(entry) = self.core.catalog.find(service.id) {
            return Ok((service.id, entry.service.name.clone(), false));
        }
        if self.configurations.backed_deleted().iter().any(|row| row.id == service.id) {
            return Err("it is deleted here: put it back, and restore again".into());
        }
        // Of several that had its name, one was there, or was deleted last.
        if service.deleted_at.is_some() && in_backup.by_name.get(&service.name.to_ascii_lowercase()) != Some(&service.id) {
            return Err("it was deleted, and another service of this backup has had its name since".into());
        }
        let all = self.core.catalog.all();
        let Some(entry) = all.iter().find(|entry| entry.service.name.eq_ignore_ascii_case(&service.name)) else {
            return Err("there is no service with its id or name: make it, or put it back, and restore again".into());
        };
        let environment = entry.spec.in_environment();
        if environment != service.environment {
            return Err(format!("the service of its name runs in {environment}, and this one ran in {}", service.environment));
        }
        if in_backup.ids.contains(&entry.service.id) {
            return Err("the service of its name is another one of this backup".into());
        }
        Ok((entry.service.id, entry.service.name.clone(), true))
    }

    async fn restore_all(&self, caller: &Caller, how: &How, reader: &mut Reader, progress: Progress<'_>) -> Result<RestoreReport> {
        if !how.dry_run {
            self.configurations.may_restore()?;
        }
        let in_backup = self.read_through(reader).await?;
        let mut parts = Parts::begin(reader).await?;
        let (made_at, made_by) = parts.made.clone();
        let mut report = RestoreReport { made_at, made_by, dry_run: how.dry_run, services: Vec::new(), secrets: Vec::new() };
        while let Some(part) = parts.next().await? {
            match part {
                Part::Secrets(secrets) => {
                    report.secrets = self.secrets.restore_backed(caller, secrets, how.replace_secrets, how.dry_run).await?;
                }
                Part::Service(service, versions) => {
                    let mut done = RestoredService {
                        name: service.name.clone(),
                        environment: service.environment.clone(),
                        deleted: service.deleted_at.is_some(),
                        ..Default::default()
                    };
                    match self.here(&service, &in_backup) {
                        Ok((id, name, by_name)) => {
                            (done.service_id, done.by_name) = (Some(id), by_name);
                            done.name_here = Some(name).filter(|name| *name != service.name);
                            let restored =
                                self.configurations.restore_backed(caller, id, made_at, versions, service.schema, how.newest, how.dry_run);
                            // What can't be done for one holds up no other.
                            match restored.await {
                                Ok(restored) => restored.say(&mut done),
                                Err(error) => done.problem = Some(shown(error)),
                            }
                        }
                        Err(why) => done.problem = Some(why),
                    }
                    report.services.push(done);
                    progress(report.services.len(), in_backup.ids.len());
                }
            }
        }
        Ok(report)
    }
}

#[async_trait]
impl api::ports::Backups for Manager {
    async fn back_up(&self, caller: &Caller, new: NewBackup) -> Result<Backup> {
        caller.require(Permission::ConfigBackup)?;
        let NewBackup { password, passphrase } = new;
        check_passphrase(&passphrase)?;
        self.accounts.confirm(caller, password).await?;
        Ok(self.make(caller, &passphrase, &|_, _| ()).await?.backup)
    }

    async fn restore(&self, caller: &Caller, how: NewRestore, file: Box<dyn Pieces>) -> Result<RestoreReport> {
        caller.require(Permission::ConfigBackup)?;
        let NewRestore { password, passphrase, newest, replace_secrets, dry_run } = how;
        self.accounts.confirm(caller, password).await?;
        self.take_back(caller, &How { passphrase, newest, replace_secrets, dry_run }, file, &|_, _| ()).await
    }
}

fn check_passphrase(passphrase: &Secret) -> Result<()> {
    let length = passphrase.reveal().chars().count();
    if (PASSPHRASE_MIN..=PASSWORD_MAX).contains(&length) {
        return Ok(());
    }
    let message = format!("a passphrase has {PASSPHRASE_MIN} to {PASSWORD_MAX} characters; this one has {length}");
    Err(Error::invalid("/passphrase", message))
}

async fn add(writer: &mut Writer, record: &Record) -> Result<()> {
    let line = zeroize::Zeroizing::new(serde_json::to_vec(record).map_err(|_| Error::internal())?);
    writer.add(&line).await
}

/// An error in a line.
fn shown(error: Error) -> String {
    let details = error.details.iter().take(5).map(|Detail { field, message }| format!("{field}: {message}"));
    let details: Vec<_> = details.collect();
    if details.is_empty() { error.message } else { details.join("; ") }
}
