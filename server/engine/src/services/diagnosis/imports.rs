//! Code that can't be loaded: missing modules, syntax, libraries, versions.

use super::facts::Facts;
use super::rule::Weight::{Exact, Likely};
use super::rule::{AGAIN, Finding, LOGS, Rule, SAYS, Says, part};

const TOPIC: &str = "import";

/// Modules that newer versions of Python have no more, and the version that took them away.
const REMOVED: [(&str, &str); 12] = [
    ("distutils", "3.12"),
    ("imp", "3.12"),
    ("asynchat", "3.12"),
    ("asyncore", "3.12"),
    ("smtpd", "3.12"),
    ("cgi", "3.13"),
    ("crypt", "3.13"),
    ("imghdr", "3.13"),
    ("pipes", "3.13"),
    ("telnetlib", "3.13"),
    ("nntplib", "3.13"),
    ("audioop", "3.13"),
];

/// Modules and names that older versions of Python don't have yet, and the version that brought them.
const ADDED: [(&str, &str); 8] = [
    ("tomllib", "3.11"),
    ("'override' from 'typing'", "3.12"),
    ("'Self' from 'typing'", "3.11"),
    ("'StrEnum' from 'enum'", "3.11"),
    ("'UTC' from 'datetime'", "3.11"),
    ("'batched' from 'itertools'", "3.12"),
    ("'TypeIs' from 'typing'", "3.13"),
    ("'ParamSpec' from 'typing'", "3.10"),
];

pub(super) const RULES: &[Rule] = &[
    Rule::facts("python-too-new", Exact, TOPIC, LOGS, too_new),
    Rule::facts("python-too-old", Exact, TOPIC, LOGS, too_old),
    Rule::facts("module-missing", Exact, TOPIC, AGAIN, module_missing),
    Rule::line(
        "import-circular",
        Exact,
        TOPIC,
        LOGS,
        Says {
            any: &["partially initialized module", "circular import"],
            parts: &["partially initialized module '([\\w.]+)'"],
            cause: "modules import each other in a circle: {} is needed before it is ready",
            bare: "modules import each other in a circle",
            action: "import one of them inside the function that needs it, or move what both need into a third module",
            ..SAYS
        },
    ),
    Rule::line(
        "import-name-missing",
        Exact,
        TOPIC,
        LOGS,
        Says {
            any: &["cannot import name"],
            parts: &["cannot import name '([\\w.]+)' from '([\\w.]+)'"],
            cause: "'{}' can't be imported from '{2}': there is no such name",
            bare: "a name can't be imported: there is none like it",
            action: "correct the name, or pin the version of the package that has it; a file of your own with the package's name hides it too",
            ..SAYS
        },
    ),
    Rule::line(
        "python-2-code",
        Exact,
        TOPIC,
        LOGS,
        Says {
            any: &["missing parentheses in call to 'print'"],
            cause: "its code is written for Python 2",
            action: "bring it to Python 3 (print is a function there)",
            ..SAYS
        },
    ),
    Rule::line(
        "indentation-error",
        Exact,
        TOPIC,
        AGAIN,
        Says {
            any: &["indentationerror", "taberror"],
            parts: &["(?:IndentationError|TabError): (.+)"],
            cause: "its code isn't indented rightly: {}",
            bare: "its code isn't indented rightly",
            action: "correct the file and line that its log names",
            ..SAYS
        },
    ),
    Rule::facts("syntax-error", Exact, TOPIC, AGAIN, syntax),
    Rule::line(
        "library-too-old",
        Exact,
        TOPIC,
        LOGS,
        Says {
            any: &["version `glibc", "version `cxxabi", "version `openssl", "' not found (required by"],
            parts: &["version `([\\w.]+)' not found"],
            cause: "it is built for newer system libraries than this machine has ({})",
            action: "build it on this machine, or run it on a newer system",
            ..SAYS
        },
    ),
    Rule::line(
        "library-missing",
        Exact,
        TOPIC,
        LOGS,
        Says {
            any: &["cannot open shared object file", "error while loading shared libraries", "image not found"],
            parts: &["([\\w.+-]+\\.so[\\w.]*): cannot open shared", "loading shared libraries: ([\\w.+-]+)"],
            cause: "the system library {} isn't on this machine",
            bare: "a system library isn't on this machine",
            action: "install the package that has it with the system's package manager",
            ..SAYS
        },
    ),
    Rule::line(
        "architecture-of-library",
        Exact,
        TOPIC,
        LOGS,
        Says {
            any: &["exec format error", "wrong elf class", "incompatible architecture", "invalid elf header", "cannot execute binary file"],
            cause: "something that it runs or loads is made for another kind of processor",
            action: "install or build it on this machine instead of copying it from another",
            ..SAYS
        },
    ),
    Rule::line(
        "binary-incompatible",
        Exact,
        TOPIC,
        LOGS,
        Says {
            any: &["was compiled against a different node.js version", "dtype size changed", "compiled using numpy 1", "undefined symbol"],
            cause: "a compiled package doesn't fit the version of what it is loaded into",
            action: "install it anew for the present version (npm rebuild; pip install --force-reinstall), or pin versions that fit",
            ..SAYS
        },
    ),
    Rule::line(
        "node-module-missing",
        Exact,
        TOPIC,
        AGAIN,
        Says {
            any: &["cannot find module '", "cannot find package '"],
            parts: &["Cannot find (?:module|package) '([^']+)'"],
            cause: "the Node.js module {} isn't there",
            action: "run npm ci in its folder; for a file of your own, correct its path",
            ..SAYS
        },
    ),
    Rule::line(
        "class-missing",
        Exact,
        TOPIC,
        LOGS,
        Says {
            any: &["could not find or load main class", "noclassdeffounderror", "classnotfoundexception", "unable to access jarfile"],
            parts: &["main class ([\\w.$]+)", "NoClassDefFoundError: ([\\w./$]+)", "ClassNotFoundException: ([\\w.$]+)", "jarfile (\\S+)"],
            cause: "Java doesn't find {}",
            action: "build it, and correct the path of the jar or the class path in the command",
            ..SAYS
        },
    ),
    Rule::line(
        "import-failed",
        Likely,
        TOPIC,
        LOGS,
        Says {
            any: &["importerror: "],
            parts: &["ImportError: (.+)"],
            cause: "a Python module can't be imported: {}",
            action: "read in its log which module, and install what it needs",
            ..SAYS
        },
    ),
];

fn missing<'a>(facts: &'a Facts<'_>) -> Option<(&'a str, Finding)> {
    let line = facts.log.find(&["no module named "])?;
    let name = line.part("No module named '?([\\w.]+)")?;
    Some((name, Finding::default().by(Some(line))))
}

fn module_missing(facts: &Facts<'_>) -> Option<Finding> {
    let (module, shown) = missing(facts)?;
    let (name, package) = (part(module), part(module.split('.').next().unwrap_or(module)));
    let action = if facts.is_contained {
        format!(
            "add the package of {package} to what its image installs (its Dockerfile, or the requirements that this reads), then deploy the new image"
        )
    } else if facts.has_requirements {
        format!("add the package of {package} to the requirements in its folder, then start it again")
    } else {
        format!("write a requirements.txt with the package of {package} into its folder, then start it again: it will be installed")
    };
    Some(Finding { cause: format!("the Python module '{name}' isn't installed"), action, ..shown })
}

fn too_new(facts: &Facts<'_>) -> Option<Finding> {
    let (module, shown) = missing(facts)?;
    let (name, version) = REMOVED.iter().find(|(name, _)| module.split('.').next() == Some(name))?;
    let cause = format!("its code needs the module '{name}', which Python has no more since {version}");
    let action = match facts.is_contained {
        true => format!("begin its image with a Python before {version}, or update the package that needs it"),
        false => format!("run it with a Python before {version} (an environment .venv in its folder), or update the package that needs it"),
    };
    Some(Finding { cause, action, ..shown })
}

fn too_old(facts: &Facts<'_>) -> Option<Finding> {
    let line = facts.log.find(&["no module named 'tomllib'", "cannot import name"])?;
    let (name, version) = ADDED.iter().find(|(name, _)| line.text.contains(name))?;
    let cause = format!("its code needs Python {version} or newer: {} isn't in older ones", name.replace('\'', ""));
    let action = match facts.is_contained {
        true => format!("begin its image with Python {version} or newer"),
        false => format!("install Python {version} or newer and make an environment with it in its folder (.venv)"),
    };
    Some(Finding::new(cause, action).by(Some(line)))
}

/// With the file and line, which stand above the message.
fn syntax(facts: &Facts<'_>) -> Option<Finding> {
    let line = facts.log.find(&["syntaxerror: "])?;
    let place = facts.log.recent().rev().filter(|other| other.at < line.at).find_map(|other| other.parts("File \"([^\"]+)\", line (\\d+)"));
    let place = place.and_then(|(file, number)| Some(format!(" in {}, line {}", part(file?), number?))).unwrap_or_default();
    let said = line.part("SyntaxError: (.+)").map(part).unwrap_or_default();
    Some(Finding::new(format!("its code can't be read{place}: {said}"), "correct that line, then start it again").by(Some(line)))
}
