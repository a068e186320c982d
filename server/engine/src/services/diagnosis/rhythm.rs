//! Time: clocks, changes of the settings just before, and runs that end in a row.

use super::facts::Facts;
use super::rule::Weight::{Beside, Exact};
use super::rule::{AGAIN, Finding, Offer, Rule, SAYS, SETTINGS, Says};

/// A change so many seconds before the end is told.
const RECENT: f64 = 15.0 * 60.0;
/// A run of so many seconds went well with its settings.
const WELL: f64 = 5.0 * 60.0;

pub(super) const RULES: &[Rule] = &[
    Rule::line(
        "clock-behind",
        Exact,
        "clock",
        AGAIN,
        Says {
            any: &["token is not yet valid", "immaturesignatureerror", "used before issued", "jwt not active", "clock skew"],
            cause: "a token isn't valid yet: this machine's clock is behind that of who made it",
            action: "set the clocks of both machines (timedatectl; chrony or systemd-timesyncd keep them right)",
            ..SAYS
        },
    ),
    Rule::line(
        "token-expired",
        Exact,
        "clock",
        SETTINGS,
        Says {
            any: &["signature has expired", "expiredsignatureerror", "jwt expired", "token has expired", "expiredtoken"],
            cause: "a token that it uses has expired, or this machine's clock is ahead",
            action: "give it a new token among its variables; check this machine's clock (timedatectl)",
            ..SAYS
        },
    ),
];

/// Good to know beside a cause, in this order.
pub(super) const BESIDE: &[Rule] = &[
    Rule::facts("changed-before", Beside, "changed-before", &[Offer::Settings, Offer::Activity], changed),
    Rule::facts("crash-loop", Beside, "crash-loop", &[], crash_loop),
];

fn changed(facts: &Facts<'_>) -> Option<Finding> {
    let change = facts.changed.as_ref().filter(|change| (0.0..RECENT).contains(&change.seconds_before))?;
    if facts.ran_seconds.is_some_and(|ran| ran >= WELL) {
        return None;
    }
    // What else can be changed isn't told to the service.
    let told: Vec<_> = change.fields.iter().map(String::as_str).filter(|field| matches!(*field, "environment" | "port")).collect();
    let what = match told[..] {
        [] => return None,
        ["environment"] => "variables were",
        ["port"] => "port was",
        _ => "port and variables were",
    };
    let minutes = (change.seconds_before / 60.0).round() as u32;
    let ago = match minutes {
        0 => "less than a minute before".into(),
        1 => "a minute before".to_owned(),
        _ => format!("{minutes} minutes before"),
    };
    let by = change.by.as_ref().map(|name| format!(" by {name}")).unwrap_or_default();
    Some(Finding::new(format!("its {what} changed{by} {ago}"), "look at that change first, and take it back if it is the reason"))
}

fn crash_loop(facts: &Facts<'_>) -> Option<Finding> {
    facts.ended.filter(|_| facts.restarts.is_crash_loop())?;
    let cause = format!("it is in a crash loop: {} runs in a row have ended by themselves", facts.restarts.in_a_row);
    Some(Finding::new(cause, "mend the other cause named here, then start it; until then it is tried again at longer and longer intervals"))
}
