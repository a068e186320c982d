//! Dependencies in plain words, the same on every page, in every answer and in what is written of an incident.

use super::{Dependency, DependencySource};
use crate::{Status, Timestamp};

/// Services that are named in one sentence.
const NAMED: usize = 5;

impl DependencySource {
    /// How it is known: `the variable DATABASE_URL names it (postgres)`.
    pub fn words(&self, now: Timestamp) -> String {
        match self {
            Self::Declared => "declared in the settings".into(),
            Self::Compose { condition } => match condition.as_str() {
                "service_healthy" => "Compose starts it once the other is healthy".into(),
                "service_completed_successfully" => "Compose starts it once the other has completed".into(),
                _ => "Compose starts it after the other".into(),
            },
            Self::Environment { variable, scheme: Some(scheme) } => format!("the variable {variable} names it ({scheme})"),
            Self::Environment { variable, scheme: None } => format!("the variable {variable} names it"),
            Self::Connections { open: 0, last_seen } => format!("last seen connected {}", ago(now.seconds_since(*last_seen))),
            Self::Connections { open, .. } => connections(*open),
        }
    }
}

/// How a dependency is known, all of it.
pub fn how_known(sources: &[DependencySource], now: Timestamp) -> String {
    sources.iter().map(|source| source.words(now)).collect::<Vec<_>>().join(" · ")
}

/// What there is to know before a service is stopped or deleted; none when nothing is known to depend on it.
pub fn depended_on(dependents: &[Dependency], now: Timestamp) -> Option<String> {
    let told: Vec<String> = dependents.iter().take(NAMED).map(|dependent| named(dependent, now)).collect();
    let more = dependents.len() - told.len();
    let names = match (told.as_slice(), more) {
        ([], _) => return None,
        ([one], 0) => one.clone(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (all, more) => format!("{} and {more} more", all.join(", ")),
    };
    Some(match dependents.len() {
        1 => format!("1 service depends on it: {names}."),
        count => format!("{count} services depend on it: {names}."),
    })
}

fn named(dependent: &Dependency, now: Timestamp) -> String {
    let seen = dependent.sources.iter().find(|source| matches!(source, DependencySource::Connections { .. }));
    let about = match (seen, dependent.status) {
        (Some(source), _) if source.is_connected() => Some(source.words(now)),
        (_, Some(status)) if status != Status::Running => Some(status.label().to_ascii_lowercase()),
        (Some(source), _) => Some(source.words(now)),
        (None, _) => None,
    };
    about.map_or_else(|| dependent.name.clone(), |about| format!("{} ({about})", dependent.name))
}

fn connections(open: u32) -> String {
    if open == 1 { "1 connection open now".into() } else { format!("{open} connections open now") }
}

fn ago(seconds: f64) -> String {
    match seconds.max(0.0) as u64 {
        seconds @ 0..60 => format!("{seconds} s ago"),
        seconds @ 60..3_600 => format!("{} min ago", seconds / 60),
        seconds => format!("{} h ago", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::{depended_on, how_known};
    use crate::{Dependency, DependencyHealth, DependencySource, NodeKind, Status, Timestamp};

    const NOW: Timestamp = Timestamp::from_micros(1_795_439_047_000_000);

    fn dependent(name: &str, status: Status, sources: Vec<DependencySource>) -> Dependency {
        let (kind, health) = (NodeKind::Service, DependencyHealth::Healthy);
        Dependency { kind, service_id: None, name: name.into(), status: Some(status), health_status: None, health, sources }
    }

    fn seen(open: u32, seconds: i64) -> DependencySource {
        DependencySource::Connections { open, last_seen: NOW.plus_seconds(-seconds) }
    }

    #[test]
    fn what_depends_on_it_is_said_in_one_sentence() {
        let cart = dependent("cart", Status::Running, vec![DependencySource::Declared, seen(2, 0)]);
        let orders = dependent("orders", Status::Running, vec![seen(0, 4)]);
        let reports = dependent("reports", Status::Stopped, vec![DependencySource::Declared, seen(0, 9_000)]);
        let mails = dependent("mails", Status::Running, vec![DependencySource::Declared]);
        assert_eq!(depended_on(&[], NOW), None);
        assert_eq!(depended_on(std::slice::from_ref(&mails), NOW).as_deref(), Some("1 service depends on it: mails."));
        let all = [cart, orders, reports, mails];
        let sentence =
            "4 services depend on it: cart (2 connections open now), orders (last seen connected 4 s ago), reports (stopped) and mails.";
        assert_eq!(depended_on(&all, NOW).as_deref(), Some(sentence));
        let many: Vec<_> = (0..7).map(|n| dependent(&format!("s{n}"), Status::Running, Vec::new())).collect();
        assert_eq!(depended_on(&many, NOW).as_deref(), Some("7 services depend on it: s0, s1, s2, s3, s4 and 2 more."));
    }

    #[test]
    fn each_way_to_know_it_reads_differently_and_none_says_that_something_was_called() {
        let variable = |scheme: Option<&str>| DependencySource::Environment { variable: "DB".into(), scheme: scheme.map(String::from) };
        let compose = |condition: &str| DependencySource::Compose { condition: condition.into() };
        let all = [
            DependencySource::Declared,
            compose("service_healthy"),
            compose("service_started"),
            compose("service_completed_successfully"),
            variable(Some("postgres")),
            variable(None),
            seen(1, 0),
            seen(3, 0),
            seen(0, 61),
            seen(0, 7_200),
        ];
        let words: std::collections::BTreeSet<_> = all.iter().map(|source| source.words(NOW)).collect();
        assert_eq!(words.len(), all.len());
        assert!(words.iter().all(|words| !words.contains("call")), "{words:?}");
        let known = how_known(&[variable(Some("postgres")), seen(0, 61)], NOW);
        assert_eq!(known, "the variable DB names it (postgres) · last seen connected 1 min ago");
    }
}
