//! Which Python a service runs with, and how its virtual environment is made.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use api::{Error, Result};
use sha2::{Digest, Sha256};
use tokio::process::Command;
use tokio::sync::Mutex;

use super::uv_lock::{For, Pins};
use super::{Inherited, blocking_as};
use crate::runtime::{Prepare, PrepareStep};
use crate::services::discovery::{Requirements, read_lock, read_text};
use crate::user::SystemUser;

/// How long the interpreter may take to say its version.
const PATIENCE: Duration = Duration::from_secs(20);
/// Files that a `requirements.txt` may include, itself included.
const INCLUDES: usize = 20;
/// A lock says all that is needed.
const NO_DEPS: &str = "--no-deps";
/// Asks an interpreter for its version, for the variables of its markers, and whether it can make environments; a line each.
const QUESTION: &str = "\
import json, os, platform, sys
print('%d.%d.%d' % sys.version_info[:3], flush=True)
print(json.dumps({
    'implementation_name': sys.implementation.name,
    'implementation_version': '%d.%d.%d' % sys.implementation.version[:3],
    'os_name': os.name,
    'platform_machine': platform.machine(),
    'platform_python_implementation': platform.python_implementation(),
    'platform_release': platform.release(),
    'platform_system': platform.system(),
    'platform_version': platform.version(),
    'python_full_version': '%d.%d.%d' % sys.version_info[:3],
    'python_version': '%d.%d' % sys.version_info[:2],
    'sys_platform': sys.platform,
}), flush=True)
import venv, ensurepip
print('venv')";
/// Writes the lines that follow into the file that comes first. pip takes hashes from a file only.
const WRITE: &str = "import sys; open(sys.argv[1], 'w').write(''.join(line + '\\n' for line in sys.argv[2:]))";

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
    /// Its variables, as markers name them.
    variables: BTreeMap<String, String>,
    has_venv: bool,
}

/// What is to be installed.
enum Needs {
    File { count: usize },
    List(Vec<String>),
    Pins(Pins),
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
        let plain = Chosen { interpreter: path.clone(), venv: None, prepare: None };
        let Some(requirements) = requirements else { return Ok(plain) };
        let needs = match requirements {
            Requirements::File { count } => Needs::File { count: *count },
            Requirements::List(all) => Needs::List(all.clone()),
            Requirements::Lock => {
                let (own, variables) = (folder.to_owned(), interpreter.variables.clone());
                let pins = blocking_as(user, move || pins(&own, &variables)).await?.map_err(Error::service)?;
                if pins.count() == 0 {
                    return Ok(plain);
                }
                Needs::Pins(pins)
            }
        };
        if !interpreter.has_venv {
            let minor = interpreter.version.rsplit_once('.').map_or(interpreter.version.as_str(), |(minor, _)| minor);
            return Err(Error::service(format!(
                "Python {} has no module venv, which its requirements need; install it (Debian, Ubuntu: apt install python3-venv or \
                 python{minor}-venv), or make an environment in its folder: .venv",
                interpreter.version
            )));
        }
        let own = folder.to_owned();
        let (key, needs) = blocking_as(user, move || (key(&own, &needs, &interpreter.version), needs)).await?;
        let (venvs, environment) = match user {
            None => (self.venvs.clone(), self.environment.for_preparation().clone()),
            Some(user) => (home_of(user).await?, self.environment.for_user(user)),
        };
        let venv = venvs.join(&key);
        let python = venv.join("bin/python");
        let make = vec![path.display().to_string(), "-m".into(), "venv".into(), "--clear".into(), venv.display().to_string()];
        let prepare = Prepare {
            lock: venvs.join(format!("{key}.lock")),
            marker: venv.join("pilothouse-complete"),
            steps: std::iter::once(PrepareStep { label: "making a virtual environment".into(), command: make })
                .chain(install(folder, &needs, &venv))
                .collect(),
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
        let mut command = Command::new(path);
        command
            .args(["-I", "-c", QUESTION])
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
        let variables = lines.next().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
        Ok(Interpreter { version, variables, has_venv: text.lines().any(|line| line == "venv") })
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

/// What the lock of `folder` pins for an interpreter with these `variables`. Fails with why that can't be installed.
fn pins(folder: &Path, variables: &BTreeMap<String, String>) -> std::result::Result<Pins, String> {
    let project = read_text(&folder.join("pyproject.toml")).unwrap_or_default();
    Pins::of(&read_lock(folder)?, For { interpreter: variables, project: &project })
}

fn install(folder: &Path, needs: &Needs, venv: &Path) -> Vec<PrepareStep> {
    let python = venv.join("bin/python").display().to_string();
    let pip = |count: usize, more: &str, arguments: Vec<String>| {
        let words = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"].map(String::from);
        let command = std::iter::once(python.clone()).chain(words).chain(arguments).collect();
        PrepareStep { label: format!("installing {count} requirement{}{more}", if count == 1 { "" } else { "s" }), command }
    };
    let named = |all: &[String]| std::iter::once("--".to_owned()).chain(all.iter().cloned()).collect::<Vec<_>>();
    match needs {
        Needs::File { count } => vec![pip(*count, "", vec!["-r".into(), folder.join("requirements.txt").display().to_string()])],
        Needs::List(all) => vec![pip(all.len(), "", named(all))],
        Needs::Pins(Pins { hashed, unhashed }) => {
            let mut steps = Vec::new();
            if !hashed.is_empty() {
                // In the environment: made by who installs, and gone with it.
                let file = venv.join("pilothouse-requirements.txt").display().to_string();
                let write = [python.clone(), "-I".into(), "-c".into(), WRITE.into(), file.clone()];
                let command = write.into_iter().chain(hashed.iter().cloned()).collect();
                steps.push(PrepareStep { label: "writing down what its uv.lock pins".into(), command });
                steps.push(pip(hashed.len(), "", [NO_DEPS, "--require-hashes", "-r", &file].map(String::from).into()));
            }
            if !unhashed.is_empty() {
                let arguments = std::iter::once(NO_DEPS.to_owned()).chain(named(unhashed)).collect();
                steps.push(pip(unhashed.len(), " that its uv.lock has no hash of", arguments));
            }
            steps
        }
    }
}

/// Names the environment: the same for the same requirements, whatever service has them.
fn key(folder: &Path, needs: &Needs, version: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("python {version}\n"));
    match needs {
        Needs::List(all) => hash.update(all.join("\n")),
        Needs::Pins(Pins { hashed, unhashed }) => {
            hash.update(format!("uv.lock {NO_DEPS}\n{}\nno hash\n{}", hashed.join("\n"), unhashed.join("\n")));
        }
        Needs::File { .. } => {
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
