//! What of a `uv.lock` is installed.
//!
//! The lock is walked as `uv sync --no-dev --no-install-project` does it: from the project over the dependencies whose markers hold for the
//! interpreter that installs, and the extras that are asked for on the way. Markers are asked here, not handed on to pip: a package is wanted when
//! all markers on one way to it hold, and those of all ways together would grow without bound, while asked for one interpreter each is yes or no and
//! each package is looked at once. The marker language is small (`marker.rs`); the crates that have it bring a resolver's data structures along.
//!
//! Installed is each by the index that pip is told to use, so mirrors work, and only when it is one of the files whose hashes are in the lock. What
//! has no hash (git, an index that told none) is installed by its version or commit. Source of the format: `crates/uv-resolver/src/lock` of uv.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;

use super::marker::{Asked, fits};

/// The version of the format that is understood; later revisions of it can be read as well.
const VERSION: i64 = 1;
/// Bytes of all that pip is told; it is handed on as arguments of a program, which have a limit.
const TOLD_BYTES: usize = 1 << 20;
/// Bytes of what is told of one package, for the same reason.
const LINE_BYTES: usize = 100 << 10;
/// What may be done instead.
const INSTEAD: &str = "or write a requirements.txt of it (uv export --no-dev --no-emit-project -o requirements.txt), which counts more";

/// What pip is told to install.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pins {
    /// Lines of a requirements file, each with the hashes of the files that it may be.
    pub hashed: Vec<String>,
    /// Requirements that the lock has no hashes of.
    pub unhashed: Vec<String>,
}

/// For whom it is installed.
#[derive(Clone, Copy, Debug)]
pub(super) struct For<'a> {
    /// The variables of the interpreter, as markers name them.
    pub interpreter: &'a BTreeMap<String, String>,
    /// The text of the `pyproject.toml` beside the lock.
    pub project: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Lock {
    version: i64,
    requires_python: Option<String>,
    #[serde(default)]
    package: Vec<Package>,
}

/// A format that isn't understood has its version at the same place.
#[derive(Deserialize)]
struct Head {
    version: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package {
    name: String,
    version: Option<String>,
    #[serde(default)]
    source: Origin,
    #[serde(default)]
    dependencies: Vec<Edge>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<Edge>>,
    #[serde(default)]
    metadata: Metadata,
    sdist: Option<Artifact>,
    #[serde(default)]
    wheels: Vec<Artifact>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Origin {
    registry: Option<String>,
    git: Option<String>,
    url: Option<String>,
    subdirectory: Option<String>,
    path: Option<String>,
    directory: Option<String>,
    editable: Option<String>,
    r#virtual: Option<String>,
}

#[derive(Deserialize)]
struct Edge {
    name: String,
    version: Option<String>,
    source: Option<Origin>,
    #[serde(default)]
    extra: Vec<String>,
    marker: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Metadata {
    requires_dist: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Artifact {
    url: Option<String>,
    filename: Option<String>,
    hash: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Project {
    project: ProjectTable,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ProjectTable {
    name: String,
    dependencies: Vec<String>,
}

impl Pins {
    /// What the lock `text` wants installed. Fails, with words for people, when it can't be honoured: it isn't a lock of version 1, is of another
    /// project, of other Pythons or older than the list in the `pyproject.toml`, needs a folder or file of the machine that it was made on, or pins
    /// more than can be told to pip (1 MiB with the hashes of what fits this system).
    pub fn of(text: &str, whom: For<'_>) -> Result<Self, String> {
        let lock = read(text)?;
        let project = toml::from_str::<Project>(whom.project).unwrap_or_default().project;
        let root = lock.root(&project.name)?;
        root.covers(&project.dependencies)?;
        let version = whom.interpreter.get("python_full_version").map_or("", String::as_str);
        if let Some(wanted) = lock.requires_python.as_deref().filter(|wanted| fits(version, wanted) == Some(false)) {
            return Err(format!(
                "its uv.lock is for Python {wanted}, and the one of this machine is {version}; install such a Python, or make an environment with \
                 one in its folder: .venv"
            ));
        }
        let mut pins = Self::default();
        let reached = lock.reached(root, Asked { interpreter: whom.interpreter, project: &root.name });
        for package in reached.map_err(|why| format!("its uv.lock can't be followed: {why}; make it anew (uv lock), {INSTEAD}"))? {
            let Some(requirement) = package.requirement()? else { continue };
            let hashes = if package.source.git.is_some() { Vec::new() } else { package.hashes(whom.interpreter) };
            match hashes.is_empty() {
                true => pins.unhashed.push(requirement),
                false => pins.hashed.push(format!("{requirement} --hash={}", hashes.join(" --hash="))),
            }
        }
        pins.hashed.sort();
        pins.unhashed.sort();
        let all = || pins.hashed.iter().chain(&pins.unhashed).map(|line| line.len() + 1);
        if all().sum::<usize>() > TOLD_BYTES || all().any(|length| length > LINE_BYTES) {
            return Err(format!("its uv.lock pins more files than pip can be told; make an environment in its folder (.venv), {INSTEAD}"));
        }
        Ok(pins)
    }

    /// How many packages there are.
    pub fn count(&self) -> usize {
        self.hashed.len() + self.unhashed.len()
    }
}

fn read(text: &str) -> Result<Lock, String> {
    let unknown =
        |version| format!("its uv.lock is of version {version}, and only version {VERSION} is known; update Pilothouse, {INSTEAD}");
    match toml::from_str::<Lock>(text) {
        Ok(lock) if lock.version == VERSION => Ok(lock),
        Ok(lock) => Err(unknown(lock.version)),
        Err(error) => match toml::from_str::<Head>(text) {
            Ok(Head { version }) if version != VERSION => Err(unknown(version)),
            _ => {
                let line = error.span().and_then(|span| text.get(..span.start)).map_or(0, |before| before.matches('\n').count()) + 1;
                Err(format!("its uv.lock can't be understood (line {line}: {}); make it anew: uv lock", error.message()))
            }
        },
    }
}

impl Lock {
    /// The project itself: what is in the folder of the lock, else the one of that name among what is beside it.
    fn root(&self, name: &str) -> Result<&Package, String> {
        let is_at = |origin: &Origin, place: &dyn Fn(&str) -> bool| {
            [&origin.r#virtual, &origin.editable].into_iter().any(|path| path.as_deref().is_some_and(place))
        };
        let in_it = self.package.iter().find(|package| is_at(&package.source, &|path| path == "."));
        let named = || self.package.iter().find(|package| is_at(&package.source, &|_| true) && package.name == normal(name));
        in_it.or_else(named).ok_or_else(|| {
            "its uv.lock has no project in this folder; give its pyproject.toml a [project] with a name, and make the lock anew: uv lock".into()
        })
    }

    /// All packages that `root` needs where `asked` runs, without itself.
    fn reached<'a>(&'a self, root: &'a Package, asked: Asked<'_>) -> Result<Vec<&'a Package>, String> {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, package) in self.package.iter().enumerate() {
            by_name.entry(&package.name).or_default().push(place);
        }
        let (mut seen, mut reached, mut places) = (HashSet::new(), Vec::new(), HashSet::new());
        let mut waiting: Vec<&Edge> = root.dependencies.iter().collect();
        while let Some(edge) = waiting.pop() {
            if !edge.marker.as_deref().map_or(Ok(true), |marker| asked.holds(marker))? {
                continue;
            }
            let mut fitting =
                by_name.get(&*edge.name).into_iter().flatten().copied().filter(|place| self.package[*place].is_meant_by(edge));
            let (Some(place), None) = (fitting.next(), fitting.next()) else {
                return Err(format!("which '{}' is meant can't be told", edge.name));
            };
            let package = &self.package[place];
            if places.insert(place) && !std::ptr::eq(package, root) {
                reached.push(package);
            }
            // The project's own dependencies are the first that wait.
            if seen.insert((place, None)) {
                waiting.extend(&package.dependencies);
            }
            for extra in &edge.extra {
                if seen.insert((place, Some(extra.as_str()))) {
                    waiting.extend(package.optional_dependencies.get(extra).into_iter().flatten());
                }
            }
        }
        Ok(reached)
    }
}

impl Package {
    fn is_meant_by(&self, edge: &Edge) -> bool {
        (edge.version.is_none() || edge.version == self.version) && edge.source.as_ref().is_none_or(|source| *source == self.source)
    }

    /// Whether the lock knows each of `dependencies`, by name; its versions are not compared. Fails with what it lacks.
    fn covers(&self, dependencies: &[String]) -> Result<(), String> {
        let known: HashSet<&str> =
            self.dependencies.iter().map(|edge| &*edge.name).chain(self.metadata.requires_dist.iter().map(|one| &*one.name)).collect();
        let names = dependencies.iter().map(|one| normal(one.split(|c: char| !is_of_name(c)).next().unwrap_or_default()));
        match names.into_iter().find(|name| !name.is_empty() && !known.contains(&**name)) {
            None => Ok(()),
            Some(name) => {
                Err(format!("its uv.lock is older than its pyproject.toml, which asks for '{name}' as well; make it anew: uv lock"))
            }
        }
    }

    /// How pip is asked for it; none when nothing of it is installed, because only what it depends on counts.
    fn requirement(&self) -> Result<Option<String>, String> {
        let (name, origin) = (&self.name, &self.source);
        let wrong = || format!("its uv.lock says of '{}' what no lock says; make it anew: uv lock", name.escape_debug());
        if name.is_empty() || !name.chars().all(is_of_name) || name.starts_with('-') {
            return Err(wrong());
        }
        if origin.r#virtual.is_some() {
            return Ok(None);
        }
        let is_local_index =
            origin.registry.as_deref().is_some_and(|index| !index.starts_with("https://") && !index.starts_with("http://"));
        let local_index = origin.registry.as_ref().filter(|_| is_local_index);
        if let Some(path) = [&origin.path, &origin.directory, &origin.editable].into_iter().flatten().next().or(local_index) {
            return Err(format!(
                "its uv.lock needs '{name}' from '{path}' of the machine that it was made on, which isn't installed from there; publish it to an \
                 index or a git repository and name that in pyproject.toml, or make an environment in its folder: .venv"
            ));
        }
        let fragment = |text: &str| if text.is_empty() { String::new() } else { format!("#subdirectory={text}") };
        if let Some(git) = &origin.git {
            let (place, commit) = git.split_once('#').ok_or_else(wrong)?;
            let (place, query) = place.split_once('?').unwrap_or((place, ""));
            let subdirectory = query.split('&').find_map(|pair| pair.strip_prefix("subdirectory=")).unwrap_or_default();
            let is_right = is_address(place) && commit.chars().all(|c| c.is_ascii_hexdigit()) && commit.len() >= 40;
            let requirement = format!("{name} @ git+{place}@{commit}{}", fragment(subdirectory));
            return if is_right && is_plain(subdirectory) { Ok(Some(requirement)) } else { Err(wrong()) };
        }
        if let Some(url) = origin.url.as_deref().and_then(|url| url.split('#').next()) {
            let subdirectory = origin.subdirectory.as_deref().unwrap_or_default();
            let requirement = format!("{name} @ {url}{}", fragment(subdirectory));
            return if is_address(url) && is_plain(subdirectory) { Ok(Some(requirement)) } else { Err(wrong()) };
        }
        let version =
            self.version.as_deref().filter(|version| version.chars().all(|c| is_of_name(c) || "+!".contains(c))).ok_or_else(wrong)?;
        Ok(Some(format!("{name}=={version}")))
    }

    /// The hashes of its files, without those that pip takes on no system like the interpreter's; of all when that leaves none.
    fn hashes(&self, interpreter: &BTreeMap<String, String>) -> Vec<&str> {
        let all = |fits: &dyn Fn(&Artifact) -> bool| {
            let files = self.sdist.iter().chain(self.wheels.iter().filter(|wheel| fits(wheel)));
            files.filter_map(|file| file.hash.as_deref()).filter(|hash| is_hash(hash)).collect::<Vec<_>>()
        };
        let fitting = all(&|wheel| wheel.may_fit(interpreter));
        if fitting.is_empty() { all(&|_| true) } else { fitting }
    }
}

impl Artifact {
    /// Whether a wheel may be for the interpreter, by its name: its system and its CPython are looked at; what can't be told may be.
    fn may_fit(&self, interpreter: &BTreeMap<String, String>) -> bool {
        let value = |name: &str| interpreter.get(name).map_or("", String::as_str);
        let name = self.filename.as_deref().or_else(|| self.url.as_deref()?.rsplit('/').next()).unwrap_or_default();
        let mut tags = name.trim_end_matches(".whl").rsplit('-');
        let (Some(platform), Some(abi), Some(python)) = (tags.next(), tags.next(), tags.next()) else { return true };
        let is_system = value("sys_platform") != "linux" || platform.split('.').any(|tag| tag == "any" || tag.contains("linux"));
        let own = format!("cp{}", value("python_version").replace('.', ""));
        let is_python = value("implementation_name") != "cpython"
            || abi.contains("abi3")
            || python.split('.').any(|tag| tag == own || !(tag.starts_with("cp") || tag.starts_with("pp")));
        is_system && is_python
    }
}

/// A name as indexes compare it: `My_Package` is `my-package`.
fn normal(name: &str) -> String {
    let parts: Vec<_> = name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    parts.join("-").to_ascii_lowercase()
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-".contains(c)
}

/// Whether it can stand in a line for pip without meaning something else there.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_graphic() && !"\"'\\<>{}$`#;".contains(c))
}

fn is_address(text: &str) -> bool {
    ["https://", "http://", "ssh://", "git://"].into_iter().any(|scheme| text.starts_with(scheme)) && is_plain(text)
}

/// Whether pip knows it.
fn is_hash(hash: &str) -> bool {
    let lengths = [("sha256", 64), ("sha384", 96), ("sha512", 128)];
    hash.split_once(':')
        .is_some_and(|(kind, digits)| lengths.contains(&(kind, digits.len())) && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}
