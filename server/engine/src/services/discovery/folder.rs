//! Reads one folder as a service: what it is, how it is run, on which port.

use serde::{Deserialize, Serialize};

use super::environment::variables;
use super::guarded::{Fingerprint, Guarded};
use super::port::{in_command_line, in_config, in_dockerfile, in_main, in_prose, in_variables};
use super::python::{Module, keyword, text_of};

/// The files that are read. A change of one of them makes the folder be read again.
pub(super) const FILES: [&str; 12] = [
    "main.py",
    "app.py",
    "config.py",
    "settings.py",
    ".env",
    "pyproject.toml",
    "requirements.txt",
    "uv.lock",
    "README.md",
    "readme.md",
    "Dockerfile",
    "README.rst",
];

/// Characters of a description; the rest is cut.
const DESCRIPTION: usize = 500;

/// What reading a folder has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Found {
    /// `fastapi` or `python`.
    pub template_type: String,
    /// The name that its `pyproject.toml` sets in `[tool.pilothouse]`.
    pub name: Option<String>,
    /// Program and arguments; `python` stands for the interpreter of its environment and `$PORT` for its port.
    pub command: Vec<String>,
    /// The port that it says.
    pub port: Option<u16>,
    /// What it is for.
    pub description: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// What it needs.
    pub requirements: Option<Requirements>,
}

/// What a Python service needs to be installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirements {
    /// The file `requirements.txt` of its folder.
    File {
        /// How many it names.
        count: usize,
    },
    /// The versions that the `uv.lock` beside its `pyproject.toml` pins. Which they are depends on the interpreter, so the lock is read when it is
    /// known, at a launch; what is wrong with it is said there.
    Lock,
    /// The dependencies in its `pyproject.toml`.
    List(Vec<String>),
}

impl Requirements {
    /// How many there are; none when a lock says it.
    pub fn count(&self) -> Option<usize> {
        match self {
            Self::File { count } => Some(*count),
            Self::Lock => None,
            Self::List(all) => Some(all.len()),
        }
    }
}

/// What of `folder` is looked at, to see whether it has changed.
pub(super) fn fingerprint(folder: &Guarded) -> Fingerprint {
    folder.fingerprint(&FILES)
}

/// Whether the folder holds a service: it has a `main.py` or an `app.py`.
pub(super) fn entry(folder: &Guarded) -> Option<&'static str> {
    ["main.py", "app.py"].into_iter().find(|name| folder.has_file(name))
}

/// Reads the service in `folder`, whose entry is `entry`. Fails with why it is not taken.
pub(super) fn read(folder: &Guarded, entry: &str) -> Result<Found, String> {
    if folder.stat(entry).is_some_and(|stat| stat.st_mode & 0o022 != 0) {
        return Err(super::guarded::others_may_write(&folder.path().join(entry)));
    }
    let main = Module::read(&folder.read(entry).ok_or_else(|| format!("its {entry} can't be read by the user that it would run as"))?);
    let config = folder.read("config.py").or_else(|| folder.read("settings.py")).map(|text| Module::read(&text));
    let project = folder.read("pyproject.toml").and_then(|text| text.parse::<toml::Table>().ok()).unwrap_or_default();
    let variables = folder.read(".env").map(|text| variables(&text)).unwrap_or_default();
    let readme = ["README.md", "readme.md", "README.rst"].into_iter().find_map(|name| folder.read(name));
    let dockerfile = folder.read("Dockerfile");
    let own = table(&project, &["tool", "pilothouse"]);
    let application = application(&main);

    let own_command = own.and_then(|own| strings(own.get("command")?)).filter(|command| !command.is_empty());
    let own_port = own.and_then(|own| u16::try_from(own.get("port")?.as_integer()?).ok()).filter(|port| *port > 0);
    let command_port = || own_command.as_ref().and_then(|command| in_command_line(&command.join(" ")));
    let in_main = in_main(&main, config.as_ref());
    let in_config = config.as_ref().and_then(in_config);
    let fixed = in_main.filter(|found| found.is_fixed).or(in_config.filter(|found| found.is_fixed)).map(|found| found.port);
    // The first that decides what the service will really do: what nothing overrides, then the environment, then defaults.
    let port = own_port
        .or_else(command_port)
        .or(fixed)
        .or_else(|| in_variables(&variables))
        .or(in_config.or(in_main).map(|found| found.port))
        .or_else(|| in_dockerfile(dockerfile.as_deref()?))
        .or_else(|| in_prose(readme.as_deref()?));

    let called = main.aliases("FastAPI").into_iter().find_map(|name| main.calls(name).next());
    let argument = |name| called.as_deref().and_then(|call| text_of(keyword(call, name)?));
    let set = |names: &[&str]| setting(names, &variables, config.as_ref());
    let project_table = table(&project, &["project"]).or_else(|| table(&project, &["tool", "poetry"]));
    let in_project = |name| project_table.and_then(|project| Some(project.get(name)?.as_str()?.to_owned()));
    let of_own = |name| own.and_then(|own| Some(own.get(name)?.as_str()?.to_owned()));
    let description = of_own("description")
        .or_else(|| in_project("description"))
        .or_else(|| set(&["DESCRIPTION", "APP_DESCRIPTION", "SERVICE_DESCRIPTION", "PROJECT_DESCRIPTION", "API_DESCRIPTION"]))
        .or_else(|| argument("description"))
        .filter(|text| !text.trim().is_empty())
        .or_else(|| first_paragraph(readme.as_deref()?))
        .or_else(|| argument("title"))
        .or_else(|| main.docstring().map(|text| text.split("\n\n").next().unwrap_or_default().to_owned()));
    let version = in_project("version")
        .or_else(|| argument("version"))
        .or_else(|| set(&["VERSION", "APP_VERSION", "SERVICE_VERSION", "PROJECT_VERSION", "API_VERSION"]));

    Ok(Found {
        template_type: if main.imports("fastapi") { "fastapi" } else { "python" }.into(),
        name: of_own("name"),
        command: own_command.unwrap_or_else(|| command(entry, &main, application)),
        port,
        description: description.and_then(|text| tidy(&text, DESCRIPTION)),
        version: version.and_then(|text| tidy(&text, 63)),
        requirements: requirements(folder, project_table),
    })
}

/// The command of a service that names none: `python main.py` when it has a main part or no application at the module's level,
/// else uvicorn with that application.
fn command(entry: &str, main: &Module, application: Option<&str>) -> Vec<String> {
    let words: Vec<String> = match application.filter(|_| !main.has_main_part()) {
        None => vec!["python".into(), entry.into()],
        Some(application) => {
            let target = format!("{}:{application}", entry.trim_end_matches(".py"));
            ["python", "-m", "uvicorn", &target, "--host", "127.0.0.1", "--port", "$PORT"].map(String::from).into()
        }
    };
    words
}

/// The name of the ASGI application at the module's level.
fn application(main: &Module) -> Option<&str> {
    let frameworks =
        ["FastAPI", "Starlette", "Litestar", "Quart", "BlackSheep", "Application", "get_asgi_application", "Esmerald", "FastStream"];
    let is_asgi = ["fastapi", "starlette", "litestar", "quart", "blacksheep", "esmerald"].into_iter().any(|package| main.imports(package));
    let globals = || main.assignments().filter(|set| set.is_global && set.value.iter().any(|token| token.is_sign('(')));
    let made_by = |names: &[&str]| {
        globals().find(|set| {
            let callee = set.value.iter().take_while(|token| !token.is_sign('(')).last();
            callee.is_some_and(|token| names.iter().any(|name| token.is_name(name)))
        })
    };
    let names: Vec<&str> = frameworks.into_iter().flat_map(|name| main.aliases(name)).collect();
    // `app = create_app()`: what is called app is one, unless the module is of a framework that isn't ASGI.
    let by_factory =
        || globals().find(|set| matches!(set.name, "app" | "application") && !main.imports("flask") && !main.imports("bottle"));
    let made = if is_asgi { made_by(&names) } else { None };
    made.or_else(by_factory).map(|set| set.name)
}

/// A text that one of `names` is set to, in the environment file or the configuration module (there in any case).
fn setting(names: &[&str], variables: &[(String, String)], config: Option<&Module>) -> Option<String> {
    let of_file = names.iter().find_map(|name| variables.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.clone()));
    of_file.filter(|text| !text.is_empty()).or_else(|| {
        let config = config?;
        names.iter().find_map(|name| {
            let set = config.assignments().find(|set| set.name.eq_ignore_ascii_case(name))?;
            text_of(set.value).or_else(|| set.value.iter().rev().find_map(|token| token.text()).map(String::from))
        })
    })
}

/// The first of: `requirements.txt`, which people and Dockerfiles install by pip and which is often written of a lock for that; `uv.lock`, also one
/// that can't be read, as what it pins must not be installed in other versions; the list of the project.
fn requirements(folder: &Guarded, project: Option<&toml::Table>) -> Option<Requirements> {
    if let Some(text) = folder.read("requirements.txt") {
        let count = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '-'])).count();
        let includes = text.lines().any(|line| line.trim_start().starts_with('-'));
        return (count > 0 || includes).then_some(Requirements::File { count });
    }
    if folder.stat("uv.lock").is_some() && folder.stat("pyproject.toml").is_some() {
        return Some(Requirements::Lock);
    }
    let all = strings(project?.get("dependencies")?)?;
    let all: Vec<String> = all.into_iter().filter(|one| !one.trim_start().starts_with('-')).collect();
    (!all.is_empty()).then_some(Requirements::List(all))
}

/// The first paragraph of a Markdown text that isn't a heading, a badge, a list or code.
fn first_paragraph(text: &str) -> Option<String> {
    let mut in_code = false;
    let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| {
        let was_in_code = in_code;
        in_code ^= paragraph.matches("```").count() % 2 == 1;
        !was_in_code && !paragraph.contains("```")
    });
    let plain = paragraphs.flat_map(|paragraph| {
        let lines: Vec<&str> = paragraph.lines().map(str::trim).collect();
        // A heading may stand directly above its text.
        let from = lines.iter().position(|line| !line.starts_with('#') && !is_rule(line)).unwrap_or(lines.len());
        let from = if lines.get(from + 1).is_some_and(|next| is_rule(next)) { from + 2 } else { from };
        let text = lines.get(from..).unwrap_or_default().join(" ");
        (!text.is_empty() && !text.starts_with(['[', '!', '<', '-', '*', '|', '>', '1'])).then_some(text)
    });
    plain.into_iter().next().map(|text| without_markup(&text))
}

/// Without what Markdown marks code, strong words and links by.
fn without_markup(text: &str) -> String {
    let text = text.replace('`', "").replace("**", "");
    let (mut plain, mut rest) = (String::new(), text.as_str());
    while let Some((before, label, after)) = first_link(rest) {
        plain.push_str(before);
        plain.push_str(label);
        rest = after;
    }
    plain + rest
}

/// The first `[label](target)`: what is before it, its label, and what comes after it.
fn first_link(text: &str) -> Option<(&str, &str, &str)> {
    let middle = text.find("](")?;
    let start = text.get(..middle)?.rfind('[')?;
    let end = middle + text.get(middle..)?.find(')')?;
    Some((text.get(..start)?, text.get(start + 1..middle)?, text.get(end + 1..)?))
}

fn is_rule(line: &str) -> bool {
    line.len() >= 3 && line.bytes().all(|byte| matches!(byte, b'=' | b'-'))
}

/// One line of at most `most` characters, without control characters; none when nothing is left.
fn tidy(text: &str, most: usize) -> Option<String> {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    let cut: String = if line.chars().count() > most { line.chars().take(most - 1).chain(['…']).collect() } else { line };
    (!cut.is_empty()).then_some(cut)
}

fn table<'a>(root: &'a toml::Table, path: &[&str]) -> Option<&'a toml::Table> {
    path.iter().try_fold(root, |table, name| table.get(*name)?.as_table())
}

fn strings(value: &toml::Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|one| one.as_str().map(String::from)).collect()
}
