//! What a service is told: variables, arguments, configuration files, what to load.

use super::facts::Facts;
use super::rule::Weight::{Exact, Likely};
use super::rule::{AGAIN, Finding, LOGS, Rule, SAYS, SETTINGS, Says, part};

const TOPIC: &str = "configuration";

pub(super) const RULES: &[Rule] = &[
    Rule::facts("variable-missing", Exact, TOPIC, SETTINGS, variable),
    Rule::facts("settings-field-missing", Exact, TOPIC, SETTINGS, fields),
    Rule::line(
        "settings-invalid",
        Exact,
        TOPIC,
        SETTINGS,
        Says {
            any: &["validation error for", "validation errors for"],
            parts: &["validation errors? for (\\w*(?:Settings|Config)\\w*)"],
            cause: "{} has values that it doesn't take",
            action: "correct them among the service's variables; its log says which and why",
            ..SAYS
        },
    ),
    Rule::line(
        "django-settings",
        Exact,
        TOPIC,
        SETTINGS,
        Says {
            any: &["improperlyconfigured"],
            parts: &["ImproperlyConfigured: (.+)"],
            cause: "Django isn't configured rightly: {}",
            bare: "Django isn't configured rightly",
            action: "set what it names among the service's variables",
            ..SAYS
        },
    ),
    Rule::line(
        "database-url-invalid",
        Exact,
        TOPIC,
        SETTINGS,
        Says {
            any: &[
                "could not parse sqlalchemy url",
                "could not parse rfc1738 url",
                "expected string or url object, got none",
                "invalid dsn",
            ],
            cause: "the address of its database isn't one, or is empty",
            action: "set it among the service's variables, such as postgresql://user:password@127.0.0.1:5432/name",
            ..SAYS
        },
    ),
    Rule::line(
        "database-driver-missing",
        Exact,
        TOPIC,
        SETTINGS,
        Says {
            any: &["can't load plugin: sqlalchemy.dialects"],
            parts: &["sqlalchemy\\.dialects:([\\w.]+)"],
            cause: "SQLAlchemy has no driver for addresses that begin with {}",
            action: "write postgresql:// instead of postgres://, or add the driver to the requirements",
            ..SAYS
        },
    ),
    Rule::facts("variable-not-a-number", Exact, TOPIC, SETTINGS, number),
    Rule::line(
        "json-invalid",
        Likely,
        TOPIC,
        LOGS,
        Says {
            any: &["jsondecodeerror", "in json at position", "is not valid json"],
            parts: &["JSONDecodeError: (.+)", "SyntaxError: (.+)"],
            cause: "something that it reads isn't JSON: {}",
            bare: "something that it reads isn't JSON",
            action: "correct the file or the variable; an empty one is no JSON either",
            ..SAYS
        },
    ),
    Rule::line(
        "yaml-invalid",
        Exact,
        TOPIC,
        LOGS,
        Says {
            any: &["yaml.scanner.", "yaml.parser.", "yamlexception", "yaml: line"],
            parts: &["(?:yaml: |Error: |Exception: )(.+)"],
            cause: "a YAML file that it reads has a mistake: {}",
            bare: "a YAML file that it reads has a mistake",
            action: "correct the line that its log names; YAML takes no tabs",
            ..SAYS
        },
    ),
    Rule::line(
        "toml-invalid",
        Exact,
        TOPIC,
        LOGS,
        Says {
            any: &["tomldecodeerror", "toml parse error"],
            parts: &["TOMLDecodeError: (.+)"],
            cause: "a TOML file that it reads has a mistake: {}",
            bare: "a TOML file that it reads has a mistake",
            action: "correct the line that its log names",
            ..SAYS
        },
    ),
    Rule::line(
        "ini-invalid",
        Exact,
        TOPIC,
        LOGS,
        Says {
            any: &["configparser.", "missingsectionheadererror"],
            parts: &["configparser\\.\\w+: (.+)"],
            cause: "an INI file that it reads has a mistake: {}",
            bare: "an INI file that it reads has a mistake",
            action: "correct it; it must begin with a [section]",
            ..SAYS
        },
    ),
    Rule::line(
        "arguments-unknown",
        Exact,
        TOPIC,
        SETTINGS,
        Says {
            any: &["unrecognized arguments", "no such option", "unknown option", "unexpected argument", "unknown flag", "bad option"],
            parts: &["(?:arguments: |option:? |argument |flag: )'?(-[\\w-]+)", "arguments: (.+)"],
            cause: "its command has an argument that the program doesn't know: {}",
            bare: "its command has an argument that the program doesn't know",
            action: "correct the command, or install the version of the program that knows it",
            ..SAYS
        },
    ),
    Rule::line(
        "arguments-missing",
        Exact,
        TOPIC,
        SETTINGS,
        Says {
            any: &["the following arguments are required", "missing argument", "missing option"],
            parts: &["required: (.+)", "Missing (?:argument|option) '([^']+)'"],
            cause: "its command lacks what the program needs: {}",
            bare: "its command lacks an argument that the program needs",
            action: "add it to the command",
            ..SAYS
        },
    ),
    Rule::line(
        "app-not-in-module",
        Exact,
        TOPIC,
        LOGS,
        Says {
            any: &["error loading asgi app. attribute", "failed to find attribute"],
            parts: &["[Aa]ttribute [\"']([\\w.]+)[\"'] (?:not found )?in (?:module )?[\"']([\\w.]+)"],
            cause: "the module {2} has no {}, which is to be served",
            bare: "the module that it serves has no such application",
            action: "name the variable that holds the application in its command, as in main:app",
            ..SAYS
        },
    ),
    Rule::line(
        "app-module-missing",
        Exact,
        TOPIC,
        LOGS,
        Says {
            any: &["could not import module"],
            parts: &["import module \"([\\w.]+)\""],
            cause: "the module {} that it is to serve can't be imported",
            action: "correct the module in its command; it is looked for in the service's folder",
            ..SAYS
        },
    ),
    Rule::line(
        "app-name-invalid",
        Exact,
        TOPIC,
        LOGS,
        Says {
            any: &["must be in format \"<module>:<attribute>\""],
            cause: "its command doesn't say which application to serve",
            action: "write module and variable, as in main:app",
            ..SAYS
        },
    ),
    Rule::line(
        "node-variable-undefined",
        Likely,
        TOPIC,
        SETTINGS,
        Says {
            any: &["cannot read properties of undefined", "cannot read properties of null"],
            parts: &["reading '([^']+)'"],
            cause: "its code reads '{}' of something that isn't there",
            action: "look at the line that its log names; a variable that isn't set is the usual reason",
            ..SAYS
        },
    ),
    Rule::line(
        "secret-too-short",
        Exact,
        TOPIC,
        SETTINGS,
        Says {
            any: &["secret_key setting must not be empty", "invalidkeyerror", "secretorprivatekey must have a value"],
            cause: "the secret that it signs with isn't set, or is too short",
            action: "set a long random one among the service's variables",
            ..SAYS
        },
    ),
    Rule::facts("startup-failed", Likely, "startup", AGAIN, startup),
];

/// A variable that the code asks its environment for: Python says only the name, and in which line it asked.
fn variable(facts: &Facts<'_>) -> Option<Finding> {
    let line = facts.log.said().rev().find(|line| line.text.trim_start().starts_with("KeyError: "))?;
    let name = line.part("KeyError: ['\"]?([A-Za-z_][A-Za-z0-9_]*)['\"]?$").filter(|name| api::is_variable_name(name))?;
    // The code that asks, or the place in Python's own library where it did.
    let asks: Vec<_> = facts.log.recent().filter(|line| line.says(&["environ", "<frozen os>", "/os.py\""])).collect();
    asks.first()?;
    let shown = asks.iter().rev().find(|asking| asking.text.contains(name) && asking.at != line.at).map(|line| line.shown());
    let action = format!("set {name} among the variables in its settings, or in the .env of its folder, then start it again");
    let found = Finding::new(format!("the variable {name} isn't set"), action);
    Some(Finding { evidence: shown.into_iter().chain([line.shown()]).collect(), line: Some(line.at), ..found })
}

/// Fields of pydantic's settings, each above its "Field required".
fn fields(facts: &Facts<'_>) -> Option<Finding> {
    let line = facts.log.find(&["validation error for", "validation errors for"])?;
    let said: Vec<_> = facts.log.recent().filter(|other| other.at > line.at).collect();
    let required = said.windows(2).filter(|pair| pair[1].says(&["field required"]));
    let names: Vec<String> = required.map(|pair| part(pair[0].text)).filter(|name| is_field(name)).take(5).collect();
    let first = names.first()?;
    let names_said = names.join(", ");
    let action = format!(
        "set {} among the variables in its settings, or in the .env of its folder",
        if names.len() == 1 { first.to_ascii_uppercase() } else { names_said.to_ascii_uppercase() }
    );
    let cause = if names.len() == 1 { format!("the setting {first} isn't set") } else { format!("the settings {names_said} aren't set") };
    let mut found = Finding::new(cause, action).by(Some(line));
    found.evidence.extend(names);
    Some(found)
}

fn is_field(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

/// With the error that the application didn't handle, which stands above.
fn startup(facts: &Facts<'_>) -> Option<Finding> {
    let line = facts.log.find(&["application startup failed. exiting"])?;
    let error = super::signals::error(&facts.log);
    let said = error.as_ref().map(|(_, error)| format!(": {}", part(error))).unwrap_or_default();
    let action = "read in its log what went wrong in its startup or lifespan function";
    Some(
        Finding::new(format!("what the application does at its start failed{said}"), action).by(error.map(|(line, _)| line)).by(Some(line)),
    )
}

/// A variable that should be a number, which only the code that reads it shows.
fn number(facts: &Facts<'_>) -> Option<Finding> {
    let line = facts.log.find(&["invalid literal for int()", "could not convert string to float"])?;
    let code = facts.log.recent().rev().find(|other| other.at < line.at && other.says(&["environ", "getenv"]))?;
    let value = line.part(": '?([^']*)'?$").map(part).unwrap_or_default();
    let name = code.part(r#"(?:environ(?:\.get\(|\[)|getenv\()["']([A-Za-z_][A-Za-z0-9_]*)["']"#);
    let cause = match name {
        Some(name) => format!("the variable {name} should be a number and is '{value}'"),
        None => format!("a variable should be a number and is '{value}'"),
    };
    Some(Finding::new(cause, "correct it among the variables in its settings").by(Some(code)).by(Some(line)))
}
