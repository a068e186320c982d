//! How it ended, when nothing says why.

use super::facts::Facts;
use super::log::{Line, Log};
use super::rule::Weight::{Exact, Known, Last};
use super::rule::{AGAIN, Finding, LOGS, Offer, Rule, SAYS, Says, part};

/// Seconds in which a run ends that did nothing but start.
const AT_ONCE: f64 = 10.0;

const TOPIC: &str = "end";
const ACTIVITY: &[Offer] = &[Offer::Again, Offer::Activity, Offer::Logs];

pub(super) const RULES: &[Rule] = &[
    Rule::facts("killed", Known, TOPIC, ACTIVITY, killed),
    Rule::facts("terminated", Known, TOPIC, ACTIVITY, terminated),
    Rule::facts("interrupted", Known, TOPIC, ACTIVITY, interrupted),
    Rule::facts("segmentation-fault", Exact, TOPIC, LOGS, segmentation),
    Rule::facts("bus-error", Exact, TOPIC, LOGS, bus),
    Rule::facts("illegal-instruction", Exact, TOPIC, LOGS, illegal),
    Rule::facts("arithmetic-error", Exact, TOPIC, LOGS, arithmetic),
    Rule::facts("forbidden-system-call", Exact, TOPIC, LOGS, system_call),
    Rule::line(
        "panicked",
        Exact,
        TOPIC,
        LOGS,
        Says {
            any: &["panicked at", "panic: ", "fatal error: all goroutines are asleep"],
            parts: &["panicked at (.+)", "panic: (.+)", "fatal error: (.+)"],
            cause: "it gave up at a mistake in its code: {}",
            action: "read the end of its log; it names the line",
            ..SAYS
        },
    ),
    Rule::facts("aborted", Last, TOPIC, LOGS, aborted),
    Rule::facts("exit-126", Last, TOPIC, AGAIN, not_executable),
    Rule::facts("exit-127", Last, TOPIC, AGAIN, not_found),
    Rule::facts("ended-at-once", Last, TOPIC, AGAIN, at_once),
    Rule::facts("ended-by-itself", Last, TOPIC, AGAIN, by_itself),
    Rule::facts("exit-unknown", Last, TOPIC, AGAIN, unknown),
    Rule::facts("unhandled-error", Last, TOPIC, AGAIN, unhandled),
    Rule::facts("killed-by-signal", Last, TOPIC, LOGS, by_signal),
    Rule::facts("exit-code", Last, TOPIC, AGAIN, by_code),
];

fn of_signal(facts: &Facts<'_>, signal: i32, cause: &str, action: &str) -> Option<Finding> {
    let is_oom = facts.ended.is_some_and(|ended| ended.oom);
    (facts.signal() == Some(signal) && !is_oom).then(|| Finding::new(cause, action).by(facts.log.last()))
}

fn killed(facts: &Facts<'_>) -> Option<Finding> {
    let action = "look in the activity and ask who did it; a memory limit of a container or of the system kills like this too";
    of_signal(facts, 9, "somebody killed it (SIGKILL): not Pilothouse, and not itself", action)
}

fn terminated(facts: &Facts<'_>) -> Option<Finding> {
    let action = "ask who did it: a deployment script, a person, or something that it was started with";
    of_signal(facts, 15, "somebody asked it to end (SIGTERM): not Pilothouse", action)
}

fn interrupted(facts: &Facts<'_>) -> Option<Finding> {
    let cause = match facts.signal()? {
        1 => "somebody asked it to end (SIGHUP): not Pilothouse",
        2 => "somebody interrupted it (SIGINT): not Pilothouse",
        _ => return None,
    };
    Some(Finding::new(cause, "ask who did it, and start it again").by(facts.log.last()))
}

fn segmentation(facts: &Facts<'_>) -> Option<Finding> {
    let action =
        "update the compiled packages that it uses, or go back to versions that worked; run Python with -X faulthandler to see where";
    of_signal(facts, 11, "it crashed in compiled code (SIGSEGV): it used memory that isn't its own", action)
}

fn bus(facts: &Facts<'_>) -> Option<Finding> {
    let action = "check that its disk isn't full and that no file that it maps was cut while it ran; in a container, enlarge /dev/shm";
    of_signal(facts, 7, "it used a part of a file or of shared memory that isn't there (SIGBUS)", action)
}

fn illegal(facts: &Facts<'_>) -> Option<Finding> {
    let action = "install a build for this machine's processor; builds for newer ones (AVX) end like this on older ones";
    of_signal(facts, 4, "it has an instruction that this processor doesn't know (SIGILL)", action)
}

fn arithmetic(facts: &Facts<'_>) -> Option<Finding> {
    of_signal(facts, 8, "it divided by zero in compiled code (SIGFPE)", "update the compiled packages that it uses")
}

fn system_call(facts: &Facts<'_>) -> Option<Finding> {
    let action = "loosen its seccomp profile, or update the container runtime";
    of_signal(facts, 31, "the system forbids something that it does (SIGSYS)", action)
}

fn aborted(facts: &Facts<'_>) -> Option<Finding> {
    let action = "read the end of its log: what gives up usually says why";
    of_signal(facts, 6, "it gave up by itself (SIGABRT)", action)
}

fn not_executable(facts: &Facts<'_>) -> Option<Finding> {
    (facts.code() == Some(126)).then(|| {
        let action = "make the file executable (chmod +x), and check that it is a program for this machine";
        Finding::new("a command that it runs can't be executed (exit code 126)", action).by(facts.log.last())
    })
}

fn not_found(facts: &Facts<'_>) -> Option<Finding> {
    (facts.code() == Some(127))
        .then(|| Finding::new("a command that it runs isn't there (exit code 127)", "install it, or correct its path").by(facts.log.last()))
}

fn at_once(facts: &Facts<'_>) -> Option<Finding> {
    (facts.code() == Some(0) && facts.ran_seconds.is_some_and(|ran| ran < AT_ONCE)).then(|| {
        let action = "let it stay: a server must not return from its start, nor put itself into the background";
        Finding::new("it ended by itself at once, and says that all is well (exit code 0)", action).by(facts.log.last())
    })
}

fn by_itself(facts: &Facts<'_>) -> Option<Finding> {
    (facts.code() == Some(0)).then(|| {
        let action = "if that is what it is for, let it not be started again; else look in its log for why it left";
        Finding::new("it ended by itself, and says that all is well (exit code 0)", action).by(facts.log.last())
    })
}

fn unknown(facts: &Facts<'_>) -> Option<Finding> {
    let ended = facts.ended?;
    let is_unknown = ended.code.is_none() && ended.signal.is_none() && ended.start_failure.is_none() && !ended.oom;
    is_unknown.then(|| {
        let action = "start it again; a restart of the machine and a killed supervisor end services like this";
        Finding::new("it ended while nobody watched; how is not known", action).by(facts.log.last())
    })
}

fn unhandled(facts: &Facts<'_>) -> Option<Finding> {
    let code = facts.code().filter(|code| *code != 0)?;
    let (line, error) = error(&facts.log)?;
    let cause = format!("it ended with an error that it doesn't handle (exit code {code}): {}", part(error));
    Some(Finding::new(cause, "read the end of its log; start it again when the cause is mended").by(Some(line)))
}

/// The error that Python, Node.js and Java end with.
pub(super) fn error<'a>(log: &'a Log<'_>) -> Option<(&'a Line<'a>, &'a str)> {
    let pattern = r"^\s*(?:Exception in thread \S+ |Uncaught |\S*ERROR:? +)?((?:[A-Za-z_][\w]*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt)\b(?:: .*)?)";
    let mut said = log.said().rev().filter(|line| line.says(&["error", "exception"]));
    said.find_map(|line| Some((line, line.part(pattern)?)))
}

fn by_signal(facts: &Facts<'_>) -> Option<Finding> {
    facts.ended.filter(|ended| ended.signal.is_some() && !ended.oom)?;
    Some(how(facts))
}

fn by_code(facts: &Facts<'_>) -> Option<Finding> {
    facts.ended.filter(|ended| ended.start_failure.is_none() && !ended.oom)?;
    Some(how(facts))
}

fn how(facts: &Facts<'_>) -> Finding {
    let cause = facts.ended.map(crate::services::outcome::reason).unwrap_or_default();
    let line = facts.log.find(&["error", "exception", "fatal", "panic"]).or_else(|| facts.log.last());
    Finding::new(cause, "read the end of its log; start it again when the cause is mended").by(line)
}
