//! A service that runs and whose check is a command that fails.

use super::facts::Facts;
use super::health::{TOPIC, shown};
use super::log::{EVIDENCE, clean};
use super::rule::Weight::Known;
use super::rule::{Finding, Offer, Rule};

/// Lines of its output that are shown.
const LINES: usize = 5;

const CHECK: &[Offer] = &[Offer::Check, Offer::Logs, Offer::Again];

pub(super) const RULES: &[Rule] = &[
    Rule::facts("check-command-missing", Known, TOPIC, CHECK, missing),
    Rule::facts("check-command-not-executable", Known, TOPIC, CHECK, not_executable),
    Rule::facts("check-command-timed-out", Known, TOPIC, CHECK, timed_out),
    Rule::facts("check-command-killed", Known, TOPIC, CHECK, killed),
    Rule::facts("check-command-failed", Known, TOPIC, CHECK, failed),
    Rule::facts("check-command-not-run", Known, TOPIC, CHECK, not_run),
];

/// The command and how it ended; what it has said is not looked at.
fn said<'a>(facts: &Facts<'a>) -> Option<(&'a str, &'a str)> {
    facts.probe?.message.strip_prefix("Command ")?.split_once(": ")
}

/// A finding that the command and what it wrote show.
fn found(facts: &Facts<'_>, cause: String, action: &str) -> Option<Finding> {
    let mut finding = shown(facts, cause, action)?;
    // One line is in the message already.
    let output = Some(facts.probe?.output).filter(|output| output.len() > 1).unwrap_or_default();
    finding.evidence.extend(output[output.len().saturating_sub(LINES)..].iter().map(|line| clean(line, EVIDENCE)));
    Some(finding)
}

fn missing(facts: &Facts<'_>) -> Option<Finding> {
    let (name, _) = said(facts).filter(|(_, how)| how.starts_with("the program '") && how.ends_with("was not found"))?;
    let action = "install the program, or name one that is there in its health check; one in the folder of the service begins with ./";
    found(facts, format!("its health check can't be made: the program of '{name}' isn't there"), action)
}

fn not_executable(facts: &Facts<'_>) -> Option<Finding> {
    let (name, _) = said(facts).filter(|(_, how)| how.starts_with("the program '") && how.ends_with("may not be executed"))?;
    let action = "let it be executed (chmod +x), or name its interpreter before it in the health check, like python check.py";
    found(facts, format!("its health check can't be made: the program of '{name}' may not be executed"), action)
}

fn timed_out(facts: &Facts<'_>) -> Option<Finding> {
    let (name, _) = said(facts).filter(|(_, how)| how.starts_with("not done within "))?;
    let action = "look into its log for what it waits for; or give the check more time, when the command is a slow one";
    found(facts, format!("the command of its health check, '{name}', takes too long and was killed"), action)
}

fn killed(facts: &Facts<'_>) -> Option<Finding> {
    let (name, how) = said(facts).filter(|(_, how)| how.starts_with("ended by signal "))?;
    let signal = how.trim_start_matches("ended by signal ").split(':').next().unwrap_or_default();
    let action = "run the command by hand in the folder of the service: it crashes, or the machine has too little memory for it";
    found(facts, format!("the command of its health check, '{name}', was ended by signal {signal}"), action)
}

fn failed(facts: &Facts<'_>) -> Option<Finding> {
    let (name, how) = said(facts).filter(|(_, how)| how.starts_with("exit code "))?;
    let code = how.trim_start_matches("exit code ").split(':').next().unwrap_or_default();
    let action = "what the command has written says why; test it in the settings, or look into the log of the service";
    found(facts, format!("the command of its health check, '{name}', says that it isn't well: exit code {code}"), action)
}

fn not_run(facts: &Facts<'_>) -> Option<Finding> {
    let (name, how) = said(facts)?;
    let cause = format!(
        "the command of its health check, '{name}', can't be run: {}",
        clean(how.trim_start_matches("it can't be run: "), EVIDENCE)
    );
    found(facts, cause, "mend that, or set another health check")
}
