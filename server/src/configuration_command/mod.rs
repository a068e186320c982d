//! `pilothouse configuration`: a backup of all configurations and of the named secrets, and its restore, without signing in. It is what the REST API does,
//! on the database itself.

mod file;
mod say;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use api::ports::Pieces;
use api::{Caller, Error, Result, Secret};
use engine::backup::{How, Made};

use crate::accounts::with_engine;
use crate::ask;
use crate::config::{Given, Settings};
use file::{Content, Target};

/// The variable with the passphrase.
const PASSPHRASE: &str = "PILOTHOUSE_BACKUP_PASSPHRASE";

const BACKUP_HELP: &str = "It may be run while Pilothouse runs, as the user that Pilothouse runs as. Without the passphrase nobody can read the file, nor get it back.

Exit codes:
  0  the file is there
  1  there is no file: standard error says why
  2  wrong use
  130  interrupted: there is no file";

const RESTORE_HELP: &str =
    "All of the file is checked before anything is done. What is here stays: versions that are missing come back, with their authors and times. Each
service is one commit: after a break, do it again. With --dry-run it may be run while Pilothouse runs.

Exit codes:
  0  it is restored; with --dry-run, it would be
  1  refused, or broken off: standard error says why
  2  wrong use
  3  it is restored but for services that were left out, and why is said; with --dry-run, it would be
  130  interrupted: do it again";

/// What is to be done.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a file of every version of every configuration and of the named secrets, sealed with a passphrase
    #[command(after_help = BACKUP_HELP)]
    Backup {
        /// The file; one that is there stays, unless --overwrite is given
        file: PathBuf,
        /// Take the place of a file that is there
        #[arg(long)]
        overwrite: bool,
        #[command(flatten)]
        sealed: Sealed,
        #[command(flatten)]
        given: Given,
    },
    /// Restore such a file while Pilothouse is stopped, or say what that would do
    #[command(after_help = RESTORE_HELP)]
    Restore {
        /// The file
        file: PathBuf,
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
        /// Save the newest of each service as a new version here; without that only earlier versions come back
        #[arg(long)]
        newest: bool,
        /// Give secrets that have another value here that of the backup
        #[arg(long)]
        replace_secrets: bool,
        /// Print what was done as one JSON object
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        sealed: Sealed,
        #[command(flatten)]
        given: Given,
    },
}

/// Where the passphrase is.
#[derive(Debug, clap::Args)]
pub struct Sealed {
    /// A file with the passphrase; without it that is read from PILOTHOUSE_BACKUP_PASSPHRASE, else from standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Sealed {
    /// The passphrase; asked twice for a new file.
    fn passphrase(&self, is_new: bool) -> Result<Secret> {
        match &self.passphrase_file {
            Some(file) => ask::file(file),
            None => ask::secret(PASSPHRASE, "Passphrase", is_new),
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// As it should.
    Good = 0,
    /// It was refused, or broke off.
    Failed = 1,
    /// Services were left out.
    LeftOut = 3,
    /// Somebody pressed Ctrl-C.
    Interrupted = 130,
}

/// Runs it.
pub fn main(command: Command) -> ExitCode {
    let mut outcome = Outcome::Failed;
    let done = match command {
        Command::Backup { file, overwrite, sealed, given } => back_up(given, &file, overwrite, &sealed, &mut outcome),
        Command::Restore { file, dry_run, newest, replace_secrets, json, sealed, given } => sealed
            .passphrase(false)
            .and_then(|passphrase| restore(given, &file, &How { passphrase, newest, replace_secrets, dry_run }, json, &mut outcome)),
    };
    if let Err(error) = done {
        say::aside(&error.message);
    }
    ExitCode::from(outcome as u8)
}

fn back_up(given: Given, path: &Path, overwrite: bool, sealed: &Sealed, outcome: &mut Outcome) -> Result<()> {
    let settings = Settings::load(given)?;
    // What can't be written is said before anybody types a passphrase.
    let target = Target::begin(path, overwrite)?;
    let passphrase = sealed.passphrase(true)?;
    let folder = settings.data_dir.clone();
    let work = async |engine: &engine::Engine| {
        let progress = say::Progress::of("Backing up");
        let made = engine.backups().make(&Caller::command_line(), &passphrase, &|done, all| progress.show(done, all)).await?;
        drop(progress);
        let Made { backup, secrets, services, versions } = made;
        if versions == 0 && secrets == 0 {
            let message = format!(
                "there is nothing to back up: no configuration and no secret was ever saved in {}; if that is the wrong place, set --data-dir or --database-url",
                folder.display()
            );
            return Err(Error::conflict(message));
        }
        target.write(backup.content).await?;
        say::line(&format!(
            "Made {} of {} bytes: {versions} versions of the configurations of {services} services, and {secrets} secrets.",
            path.display(),
            backup.bytes
        ));
        Ok(Outcome::Good)
    };
    *outcome = run(settings, work)?;
    Ok(())
}

fn restore(given: Given, path: &Path, how: &How, is_json: bool, outcome: &mut Outcome) -> Result<()> {
    let settings = Settings::load(given)?;
    let content: Box<dyn Pieces> = Box::new(Content::open(path)?);
    let work = async |engine: &engine::Engine| {
        if !how.dry_run {
            let said = "; or restore it at the one that runs: on its page Configuration, or by POST /api/config/restore";
            engine.act_alone().await.map_err(|error| Error { message: format!("{}{said}", error.message), ..error })?;
        }
        let progress = say::Progress::of(if how.dry_run { "Looking at" } else { "Restoring" });
        let report = engine.backups().take_back(&Caller::command_line(), how, content, &|done, all| progress.show(done, all)).await?;
        drop(progress);
        match is_json {
            true => say::json(&report)?,
            false => say::report(&report),
        }
        let is_left_out = report.services.iter().any(api::RestoredService::is_left_out);
        Ok(if is_left_out { Outcome::LeftOut } else { Outcome::Good })
    };
    *outcome = run(settings, work)?;
    Ok(())
}

/// Does it on the database, until it is done or interrupted.
fn run(settings: Settings, work: impl AsyncFnOnce(&engine::Engine) -> Result<Outcome>) -> Result<Outcome> {
    let mut outcome = Outcome::Failed;
    with_engine(settings, async |engine| {
        outcome = tokio::select! {
            done = work(engine) => done?,
            _ = tokio::signal::ctrl_c() => Outcome::Interrupted,
        };
        Ok(())
    })?;
    if outcome == Outcome::Interrupted {
        say::aside("interrupted");
    }
    Ok(outcome)
}
