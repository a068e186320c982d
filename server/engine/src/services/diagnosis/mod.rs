//! Why a service isn't well: rules over facts, each with what shows the cause and what mends it.
//!
//! A rule is one entry in the table of its family: an id, how sure it is, what it is about, what tells it and its buttons. Most are told
//! by a line of the log and are data. What a log says is only shown, never followed: buttons are made from ids that Pilothouse has itself.

mod command;
mod config;
mod databases;
mod facts;
mod files;
mod health;
mod imports;
mod log;
mod memory;
mod network;
mod rhythm;
mod rule;
mod signals;
mod start;

use std::cmp::Reverse;

use api::{Diagnosis, Fix, HealthResult, ServiceId};

pub(super) use facts::{Change, Facts, Neighbour, Probe};
pub(super) use log::Log;
pub(super) use network::port_in_use;
use rule::{Finding, Rule, Weight};

/// The most causes that are told at once.
const MOST: usize = 3;
/// The most buttons of a cause.
const BUTTONS: usize = 4;

/// Every rule, by family.
const FAMILIES: [&[Rule]; 12] = [
    start::RULES,
    imports::RULES,
    files::RULES,
    network::RULES,
    databases::RULES,
    memory::RULES,
    config::RULES,
    signals::RULES,
    command::RULES,
    health::RULES,
    rhythm::RULES,
    rhythm::BESIDE,
];

/// The causes, the likeliest first, at most three. When there is one, what is good to know beside it comes after it.
pub(super) fn diagnose(mut facts: Facts<'_>) -> Vec<Diagnosis> {
    if facts.was_ended_from_outside() {
        facts.log.silence();
    }
    let rules = FAMILIES.iter().flat_map(|family| family.iter());
    let mut found: Vec<(&Rule, Finding)> = rules.filter_map(|rule| Some((rule, rule.find(&facts)?))).collect();
    log::forget();
    // Of equally sure ones the later line is the nearer to the end; the order of the table decides the rest.
    found.sort_by_key(|(rule, finding)| Reverse((rule.weight, finding.line)));
    let has_cause = found.iter().any(|(rule, _)| rule.weight > Weight::Last);
    let mut told: Vec<(&Rule, Finding)> = Vec::new();
    for (rule, finding) in found {
        let is_told =
            told.iter().any(|(other, before)| other.topic == rule.topic || (finding.line.is_some() && before.line == finding.line));
        // How it ended says nothing when it is known why; and there is one way that it ended.
        let is_less = rule.weight == Weight::Last && (has_cause || told.iter().any(|(other, _)| other.weight == Weight::Last));
        if !is_told && !is_less {
            told.push((rule, finding));
        }
    }
    let (causes, beside): (Vec<_>, Vec<_>) = told.into_iter().partition(|(rule, _)| rule.weight > Weight::Beside);
    let room = MOST.saturating_sub(beside.len()).max(1);
    let told = causes.into_iter().take(room).chain(beside).take(MOST);
    told.map(|(rule, finding)| told_of(rule, finding, &facts)).collect()
}

/// The diagnosis of a service that runs and whose health check is refused or fails.
pub(crate) fn unhealthy(id: ServiceId, port: Option<u16>, check: &HealthResult, listening: &[u16]) -> Vec<Diagnosis> {
    diagnose(Facts { probe: Some(Probe::of(check, port, listening)), ..Facts::of(id) })
}

fn told_of(rule: &Rule, finding: Finding, facts: &Facts<'_>) -> Diagnosis {
    let mut fixes: Vec<Fix> = finding.fixes;
    fixes.extend(rule.offers.iter().map(|offer| offer.fix(facts)));
    fixes.truncate(BUTTONS);
    let actions = Some(finding.action).filter(|action| !action.is_empty()).into_iter().collect();
    Diagnosis { rule: rule.id.into(), cause: finding.cause, evidence: finding.evidence, actions, fixes }
}

#[cfg(test)]
mod tests;
