//! Programs that couldn't be started, and environments that couldn't be made for them.

use super::rule::Weight::{Exact, Known, Last, Likely};
use super::rule::{AGAIN, LOGS, Rule, SAYS, SETTINGS, Says};

/// The topic of installing what a service requires.
const INSTALL: &str = "start";

pub(super) const RULES: &[Rule] = &[
    Rule::start(
        "user-missing",
        Known,
        SETTINGS,
        Says {
            any: &["isn't in /etc/passwd"],
            parts: &["as the user '([^']+)'"],
            cause: "the user {} that it shall run as isn't on this machine",
            action: "make that user (useradd), or choose another one in its settings; it isn't run as anybody else",
            ..SAYS
        },
    ),
    Rule::start(
        "user-may-not-enter",
        Known,
        SETTINGS,
        Says {
            any: &["may not enter the folder"],
            parts: &["the user '([^']+)' may not enter the folder (.+); give it"],
            cause: "the user {} that it runs as may not enter its folder {2}",
            action: "give {} the right to every folder of that path (chmod o+x, chown, groups), or choose another user in its settings",
            ..SAYS
        },
    ),
    Rule::start(
        "user-may-not-read",
        Known,
        SETTINGS,
        Says {
            any: &["may not be read by the user that the service runs as", "can't be read by the user that it would run as"],
            parts: &["'([^']+)' can't be"],
            cause: "the user that it runs as may not read what is in its folder {}",
            action: "give that user the right to read it (chmod, chown, groups), or choose another user in its settings",
            ..SAYS
        },
    ),
    Rule::start(
        "user-may-not-run",
        Known,
        SETTINGS,
        Says {
            any: &["may not run the program"],
            parts: &["the user '([^']+)' may not run the program '([^']+)'"],
            cause: "the user {} that it runs as may not run {2}",
            action: "give {} the right to it and to the folders that it is in (chmod, chown), or choose another user in its settings",
            ..SAYS
        },
    ),
    Rule::start(
        "user-without-home",
        Known,
        SETTINGS,
        Says {
            any: &["can't take one:"],
            parts: &["the home of the user '([^']+)' \\(([^)]*)\\)"],
            cause: "the home of the user {}, {2}, can't take the virtual environment that its requirements need",
            action: "make that home for the user, or an environment in the folder of the service: .venv",
            ..SAYS
        },
    ),
    Rule::start(
        "users-not-changed",
        Known,
        SETTINGS,
        Says {
            any: &["it can't be run as the user"],
            parts: &["as the user '([^']+)'"],
            cause: "it can't be run as the user {}",
            action: "run Pilothouse as root, which alone may do that, or choose another user in its settings; it isn't run as anybody else",
            ..SAYS
        },
    ),
    Rule::start(
        "program-missing",
        Known,
        SETTINGS,
        Says {
            any: &["interpreter that it names, was not found"],
            parts: &["program '([^']+)'"],
            cause: "the program {} isn't on this machine",
            action: "install {}, or correct the command; a script may also name an interpreter in its first line that isn't there",
            ..SAYS
        },
    ),
    Rule::start(
        "program-not-executable",
        Known,
        AGAIN,
        Says {
            any: &["may not be executed"],
            parts: &["program '([^']+)'"],
            cause: "{} may not be executed",
            action: "make it executable (chmod +x) for the user that Pilothouse runs as, then start it again",
            ..SAYS
        },
    ),
    Rule::start(
        "architecture",
        Known,
        LOGS,
        Says {
            any: &["exec format error", "os error 8)"],
            parts: &["program '([^']+)'"],
            cause: "{} can't be run by this machine: it is made for another kind of processor, or is no program",
            bare: "its program can't be run by this machine: it is made for another kind of processor, or is no program",
            action: "build it for this machine; a script needs a first line such as #!/usr/bin/env python3",
            ..SAYS
        },
    ),
    Rule::start(
        "python-missing",
        Known,
        AGAIN,
        Says {
            any: &["no python3 on this machine"],
            cause: "Python isn't on this machine, or not on Pilothouse's PATH",
            action: "install it (Debian, Ubuntu: apt install python3 python3-venv), then start the service again",
            ..SAYS
        },
    ),
    Rule::start(
        "venv-module-missing",
        Known,
        AGAIN,
        Says {
            any: &["has no module venv"],
            cause: "this machine's Python can't make virtual environments, which its requirements need",
            action: "install python3-venv (Debian, Ubuntu), or make an environment in its folder: .venv",
            ..SAYS
        },
    ),
    Rule::start(
        "venv-writable-by-others",
        Known,
        AGAIN,
        Says {
            any: &["others may write to"],
            parts: &["write to '([^']+)'"],
            cause: "others may write to {}, so they could change what runs",
            action: "take that right away (chmod go-w), then start it again",
            ..SAYS
        },
    ),
    Rule::start(
        "venv-failed",
        Known,
        AGAIN,
        Says {
            any: &["making a virtual environment failed", "environment can't be made"],
            cause: "its virtual environment couldn't be made",
            action: "see in its log what Python said; a full disk and a missing python3-venv are the usual reasons",
            ..SAYS
        },
    ),
    Rule::start(
        "folder-missing",
        Known,
        LOGS,
        Says {
            any: &["the folder isn't there", "can't be run from", "is not there; restore it"],
            parts: &["'([^']+)' can't be run", "the folder (\\S+) is not there"],
            cause: "its folder {} can't be used",
            bare: "its folder can't be used",
            action: "put the folder back, or delete the service",
            ..SAYS
        },
    ),
    Rule::start(
        "nothing-to-run",
        Known,
        SETTINGS,
        Says {
            any: &["says how to run it"],
            cause: "nothing in its folder says how to run it",
            action: "put a main.py or an app.py there, or make a service with a command",
            ..SAYS
        },
    ),
    Rule::line(
        "requirement-not-found",
        Known,
        INSTALL,
        LOGS,
        Says {
            any: &["no matching distribution found for"],
            parts: &["distribution found for ([^ (]+)"],
            cause: "there is no package {} that fits, or the package index can't be reached",
            action: "correct its name and version in the requirements; check that this machine reaches the package index",
            ..SAYS
        },
    ),
    Rule::line(
        "requirements-conflict",
        Known,
        INSTALL,
        LOGS,
        Says {
            any: &["resolutionimpossible", "conflicting dependencies"],
            cause: "its requirements contradict each other",
            action: "loosen the versions in its requirements; the log says which packages want what",
            ..SAYS
        },
    ),
    Rule::line(
        "python-version",
        Known,
        INSTALL,
        LOGS,
        Says {
            any: &["requires a different python", "requires-python"],
            parts: &["different Python: ([^;]+)"],
            cause: "it needs another version of Python than this machine's: {}",
            bare: "it needs another version of Python than this machine's",
            action: "install that Python and make an environment with it in its folder (.venv), or loosen requires-python",
            ..SAYS
        },
    ),
    Rule::line(
        "requirement-not-built",
        Exact,
        INSTALL,
        LOGS,
        Says {
            any: &["failed building wheel for", "failed to build", "subprocess-exited-with-error", "could not build wheels"],
            parts: &["building wheel for ([\\w.-]+)", "(?i)failed to build '?([\\w.-]+)", "wheels for ([\\w.-]+)"],
            cause: "the package {} has to be compiled here, and that failed",
            bare: "one of its requirements has to be compiled here, and that failed",
            action: "install the compiler and headers that its log asks for (Debian, Ubuntu: build-essential python3-dev), or take a version with a ready wheel",
            ..SAYS
        },
    ),
    Rule::start(
        "requirements-failed",
        Likely,
        AGAIN,
        Says {
            any: &["installing "],
            unless: &["making a virtual"],
            cause: "its requirements couldn't be installed",
            action: "see in its log what pip said, correct the requirements, then start it again",
            ..SAYS
        },
    ),
    Rule::line(
        "interpreter-missing",
        Exact,
        "program",
        SETTINGS,
        Says {
            any: &["bad interpreter", "cannot execute: required file not found", "/usr/bin/env: "],
            parts: &["env: [‘'\"]?([\\w./+-]+)[’'\"]?: No such file", ": ([\\w./+-]+): bad interpreter", "([\\w./+-]+): cannot execute"],
            cause: "the program {}, which a script is to be run with, isn't on this machine",
            bare: "the program that a script is to be run with isn't on this machine",
            action: "install it, or correct the first line of the script",
            ..SAYS
        },
    ),
    Rule::line(
        "command-not-found",
        Exact,
        "program",
        SETTINGS,
        Says {
            any: &[": not found", "command not found"],
            parts: &["sh: (?:line )?\\d+: ([\\w./+-]+): (?:command )?not found", "([\\w./+-]+): command not found"],
            cause: "the command {} isn't on this machine, or not on the service's PATH",
            action: "install {}, or give its whole path",
            ..SAYS
        },
    ),
    Rule::line(
        "image-missing",
        Exact,
        "container",
        SETTINGS,
        Says {
            any: &["pull access denied", "manifest unknown", "repository does not exist", "no such image", "unable to find image"],
            parts: &["denied for ([\\w./:@-]+)", "image '([\\w./:@-]+)'", "manifest for ([\\w./:@-]+)", "No such image: ([\\w./:@-]+)"],
            cause: "the container image {} isn't here and can't be fetched",
            bare: "its container image isn't here and can't be fetched",
            action: "correct the image's name and tag, give the user and the secret of its registry in its settings, or build it on this machine",
            ..SAYS
        },
    ),
    Rule::line(
        "docker-not-running",
        Exact,
        "container",
        AGAIN,
        Says {
            any: &["cannot connect to the docker daemon", "is the docker daemon running"],
            cause: "Docker doesn't run on this machine, or this user may not use it",
            action: "start Docker, or add the user that Pilothouse runs as to the group docker",
            ..SAYS
        },
    ),
    Rule::start(
        "image-not-pulled",
        Known,
        SETTINGS,
        Says {
            any: &["can't be pulled"],
            parts: &["^the image '([^']+)' can't be pulled: (.+)$"],
            cause: "the image {} isn't there and can't be pulled: {2}",
            action: "correct the image's name and tag, give the user and the secret of its registry in its settings, or build the image where Docker runs",
            ..SAYS
        },
    ),
    Rule::start(
        "dockerfile-wrong",
        Known,
        AGAIN,
        Says {
            any: &["dockerfile parse error", "failed to process", "requires buildkit"],
            parts: &["can't be built[^:]*: (?:dockerfile parse error )?(.+)$"],
            cause: "its Dockerfile can't be followed: {}",
            bare: "its Dockerfile can't be followed",
            action: "correct the Dockerfile, then start it again",
            ..SAYS
        },
    ),
    Rule::start(
        "image-step-failed",
        Known,
        LOGS,
        Says {
            any: &["can't be built at step"],
            parts: &["can't be built at (step .+)$"],
            cause: "its image can't be built: it fails at {}",
            action: "its log has what that step wrote; mend it in the folder that the image is built of, then start it again",
            ..SAYS
        },
    ),
    Rule::start(
        "image-not-built",
        Known,
        AGAIN,
        Says {
            any: &["the image can't be built"],
            parts: &["can't be built: (.+)$"],
            cause: "its image can't be built: {}",
            action: "mend that in the folder that the image is built of, then start it again",
            ..SAYS
        },
    ),
    Rule::start(
        "container-port-taken",
        Known,
        SETTINGS,
        Says {
            any: &["port is already allocated", "starting userland proxy"],
            parts: &["Bind for ([\\d.]+:\\d+)", "listen tcp4? ([\\d.]+:\\d+)"],
            cause: "its container publishes the port {}, which is taken",
            bare: "its container publishes a port that is taken",
            action: "stop what has the port, or give the service another one",
            ..SAYS
        },
    ),
    Rule::start(
        "container-program-missing",
        Known,
        SETTINGS,
        Says {
            any: &["unable to start container process"],
            unless: &["permission denied"],
            parts: &["exec: \"([^\"]+)\""],
            cause: "its image has no program {}",
            bare: "its image has no program that could be started",
            action: "correct the command or the image, and look whether it is made for this kind of processor",
        },
    ),
    Rule::start(
        "container-program-not-executable",
        Known,
        SETTINGS,
        Says {
            any: &["permission denied: unknown"],
            parts: &["exec: \"([^\"]+)\""],
            cause: "{} in its image may not be executed",
            bare: "the program in its image may not be executed",
            action: "make it executable when the image is built (chmod +x), or correct the command",
            ..SAYS
        },
    ),
    Rule::start(
        "container-missing",
        Known,
        LOGS,
        Says {
            any: &["there is no container"],
            parts: &["there is no container '([^']+)'"],
            cause: "there is no container {} any more",
            action: "make it as it was made before (docker compose up), or delete the service",
            ..SAYS
        },
    ),
    Rule::start(
        "docker-silent",
        Known,
        AGAIN,
        Says {
            any: &["docker at ", "docker isn't there", "docker hasn't answered", "docker is gone", "docker has ended the stream"],
            cause: "Docker doesn't answer",
            action: "start the Docker daemon, let the user of Pilothouse use its socket, then start the service again",
            ..SAYS
        },
    ),
    Rule::start(
        "not-started",
        Last,
        SETTINGS,
        Says { any: &[""], parts: &["^(.+)$"], cause: "{}", action: "mend that, then start it again", ..SAYS },
    ),
];
