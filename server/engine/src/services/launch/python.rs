//! Which Python a service runs with, and how its virtual environment is made.

use std::collections::{BTreeSet, HashMap};
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use api::{Error, Result};
use sha2::{Digest, Sha256};
use tokio::process::Command;
use tokio::sync::Mutex;

use super::{Inherited, blocking_as};
use crate::runtime::{Prepare, PrepareStep};
use crate::services::discovery::{Requirements, read_text};
use crate::user::SystemUser;

/// How long the interpreter may take to say its version.
const PATIENCE: Duration = Duration::from_secs(20);
/// Files that a `requirements.txt` may include, itself included.
const INCLUDES: usize = 20;

/// The interpreters of this machine.
pub(super) struct Python {
    environment: Inherited,
    venvs: PathBuf,
    known: Mutex<HashMap<PathBuf, (SystemTime, Interpreter)>>,
}

/// What one interpreter is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Interpreter {
    version: String,
    has_venv: bool,
}

/// What a service runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub interpreter: PathBuf,
    pub venv: Option<PathBuf>,
    pub prepare: Option<Prepare>,
}

impl Python {
    pub fn new(environment: Inherited, venvs: PathBuf) -> Self {
        Self { environment, venvs, known: Mutex::default() }
    }

    /// The environment that is in `folder`; else one that has its requirements, shared with services that have the same; without
    /// requirements the system's interpreter.
    ///
    /// What another `user` shares is in its home: it can't reach the data folder, and nobody else shall run what it could change.
    pub async fn choose(&self, folder: &Path, requirements: Option<&Requirements>, user: Option<&SystemUser>) -> Result<Chosen> {
        let own = folder.to_owned();
        if let Some(venv) = blocking_as(user, move || existing(&own)).await?? {
            return Ok(Chosen { interpreter: venv.join("bin/python"), venv: Some(venv), prepare: None });
        }
        let (path, interpreter) = self.system(user).await?;
        let Some(requirements) = requirements else {
            return Ok(Chosen { interpreter: path, venv: None, prepare: None });
        };
        if !interpreter.has_venv {
            let minor = interpreter.version.rsplit_once('.').map_or(interpreter.version.as_str(), |(minor, _)| minor);
            return Err(Error::service(format!(
                "Python {} has no module venv, which its requirements need; install it (Debian, Ubuntu: apt install python3-venv or \
                 python{minor}-venv), or make an environment in its folder: .venv",
                interpreter.version
            )));
        }
        let (own, needs) = (folder.to_owned(), requirements.clone());
        let key = blocking_as(user, move || key(&own, &needs, &interpreter.version)).await?;
        let (venvs, environment) = match user {
            None => (self.venvs.clone(), self.environment.for_preparation().clone()),
            Some(user) => (home_of(user).await?, self.environment.for_user(user)),
        };
        let venv = venvs.join(&key);
        let python = venv.join("bin/python");
        let install = install(folder, requirements, &python);
        let make = vec![path.display().to_string(), "-m".into(), "venv".into(), "--clear".into(), venv.display().to_string()];
        let count = requirements.count();
        let label = format!("installing {count} requirement{}", if count == 1 { "" } else { "s" });
        let prepare = Prepare {
            lock: venvs.join(format!("{key}.lock")),
            marker: venv.join("pilothouse-complete"),
            steps: vec![
                PrepareStep { label: "making a virtual environment".into(), command: make },
                PrepareStep { label, command: install },
            ],
            environment,
        };
        Ok(Chosen { interpreter: python, venv: Some(venv), prepare: Some(prepare) })
    }

    /// The system's interpreter: the first that `user` can see, when there is one. It is asked as Pilothouse, on whose PATH it is.
    async fn system(&self, user: Option<&SystemUser>) -> Result<(PathBuf, Interpreter)> {
        let path = self.environment.for_preparation().get("PATH").map(String::as_str).unwrap_or("/usr/local/bin:/usr/bin:/bin").to_owned();
        let found = blocking_as(user, move || {
            let folders: Vec<_> = std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
            let candidates = ["python3", "python"].into_iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
            candidates.into_iter().find_map(|path| is_program(&path).map(|modified| (path, modified)))
        })
        .await?;
        let (path, modified) = found.ok_or_else(|| {
            Error::service("there is no python3 on this machine's PATH; install it (Debian, Ubuntu: apt install python3 python3-venv)")
        })?;
        let mut known = self.known.lock().await;
        if let Some((_, interpreter)) = known.get(&path).filter(|(then, _)| *then == modified) {
            return Ok((path, interpreter.clone()));
        }
        let interpreter = self.ask(&path).await?;
        known.insert(path.clone(), (modified, interpreter.clone()));
        Ok((path, interpreter))
    }

    async fn ask(&self, path: &Path) -> Result<Interpreter> {
        let question = "import sys; print('%d.%d.%d' % sys.version_info[:3], flush=True); import venv, ensurepip; print('venv')";
        let mut command = Command::new(path);
        command
            .args(["-I", "-c", question])
            .env_clear()
            .envs(self.environment.for_preparation())
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command.kill_on_drop(true);
        let refused = |why: String| Error::service(format!("'{}' can't be used as Python: {why}", path.display()));
        let output = match tokio::time::timeout(PATIENCE, command.output()).await {
            Ok(output) => output.map_err(|error| refused(error.to_string()))?,
            Err(_) => return Err(refused(format!("it hasn't answered within {} s", PATIENCE.as_secs()))),
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let mut lines = text.lines();
        let version = lines.next().filter(|version| version.starts_with('3'));
        let version = version.ok_or_else(|| refused("it doesn't say that it is Python 3".into()))?.to_owned();
        Ok(Interpreter { version, has_venv: lines.next() == Some("venv") })
    }
}

/// Where the virtual environments of another user are, made there as that user.
async fn home_of(user: &SystemUser) -> Result<PathBuf> {
    let venvs = user.home.join(".cache/pilothouse/venvs");
    let wanted = venvs.clone();
    let made = blocking_as(Some(user), move || match wanted.is_absolute() {
        true => DirBuilder::new().recursive(true).mode(0o700).create(&wanted),
        false => Err(std::io::ErrorKind::NotFound.into()),
    });
    made.await?.map_err(|error| {
        let (name, home) = (&user.name, user.home.display());
        Error::service(format!(
            "its requirements need a virtual environment, and the home of the user '{name}' ({home}) can't take one: {error}. Make that home, or an \
             environment in its folder: .venv"
        ))
    })?;
    Ok(venvs)
}

/// The virtual environment that somebody has made in `folder`.
fn existing(folder: &Path) -> Result<Option<PathBuf>> {
    for name in [".venv", "venv"] {
        let venv = folder.join(name);
        if is_program(&venv.join("bin/python")).is_none() {
            continue;
        }
        for part in [venv.clone(), venv.join("bin")] {
            if std::fs::metadata(&part).is_ok_and(|metadata| metadata.permissions().mode() & 0o022 != 0) {
                let part = part.display();
                return Err(Error::service(format!(
                    "others may write to '{part}', so they could change what runs; run: chmod go-w '{part}'"
                )));
            }
        }
        return Ok(Some(venv));
    }
    Ok(None)
}

/// When the program at `path` was changed last; none when there is no program.
fn is_program(path: &Path) -> Option<SystemTime> {
    let metadata = std::fs::metadata(path).ok()?;
    (metadata.is_file() && metadata.permissions().mode() & 0o111 != 0).then(|| metadata.modified().ok()).flatten()
}

fn install(folder: &Path, requirements: &Requirements, python: &Path) -> Vec<String> {
    let pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"];
    let mut command = vec![python.display().to_string()];
    command.extend(pip.map(String::from));
    match requirements {
        Requirements::File { .. } => command.extend(["-r".into(), folder.join("requirements.txt").display().to_string()]),
        Requirements::List(all) => {
            command.push("--".into());
            command.extend(all.iter().cloned());
        }
    }
    command
}

/// Names the environment: the same for the same requirements, whatever service has them.
fn key(folder: &Path, requirements: &Requirements, version: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("python {version}\n"));
    match requirements {
        Requirements::List(all) => hash.update(all.join("\n")),
        Requirements::File { .. } => {
            let mut waiting = vec![folder.join("requirements.txt")];
            let mut seen = BTreeSet::new();
            while let Some(path) = waiting.pop().filter(|_| seen.len() < INCLUDES) {
                let text = read_text(&path).unwrap_or_default();
                if !seen.insert(path.clone()) {
                    continue;
                }
                hash.update(&text);
                for line in text.lines().map(str::trim) {
                    let included = ["-r", "--requirement", "-c", "--constraint"].into_iter().find_map(|option| line.strip_prefix(option));
                    if let (Some(name), Some(beside)) = (included, path.parent()) {
                        waiting.push(beside.join(name.trim_start_matches(['=', ' ', '\t'])));
                    }
                    // Code of the folder itself is only right for this folder.
                    if line.starts_with(['.', '/']) || line.starts_with("-e") || line.contains("file:") {
                        hash.update(folder.as_os_str().as_encoded_bytes());
                    }
                }
            }
        }
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
