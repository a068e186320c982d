//! What a service in an environment has of the one before: what has changed there, and taking it over.

use std::collections::BTreeSet;

use api::{Configuration, ConfigurationInheritance, InheritanceBase, Permission, ValueOrigin};
use leptos::prelude::*;
use serde_json::Value;

use super::super::watch::Watched;
use super::change_table::change_table;
use super::value_text;
use crate::components::{Icon, LiveForm, Symbol};
use crate::erase::{Erase, Erased};
use crate::path;
use crate::viewer::Viewer;

/// More values than this are inherited by the API, or by their fields.
const MOST: usize = 200;

/// The panel; none of a service that isn't of an environment.
pub fn panel(configuration: &Configuration, watched: Watched) -> Option<Erased> {
    let inheritance = configuration.inheritance.clone()?;
    let ConfigurationInheritance { base, gone, problem, changed, changes, offers } = inheritance;
    let gone = gone.map(|environment| {
        note(format!("It inherited values from {environment}, where it isn't any more: what it had of it is its own now."))
    });
    let Some(base) = base else {
        return gone.map(framed);
    };
    if let Some(problem) = problem {
        let why = format!("What {} has can't be compared: {problem}", base.environment);
        return Some(framed(view! { {gone} {note(why)} }.erase()));
    }
    let count = configuration.origins.values().filter(|origin| matches!(origin, ValueOrigin::Inherited(_))).count();
    let may_change = expect_context::<Viewer>().may(Permission::ConfigChange);
    let state = standing(&base, count, changed.len());
    let take = (may_change && !changed.is_empty()).then(|| take_over(configuration.version, &base, watched));
    let changes = (!changed.is_empty()).then(|| change_table(changes));
    let changed: BTreeSet<_> = changed.into_iter().collect();
    let others: Vec<_> = offers.into_iter().filter(|(name, _)| !changed.contains(name)).collect();
    let others = (may_change && !others.is_empty()).then(|| inherit_others(configuration, &base, others));
    Some(framed(view! { {gone} {state} {changes} {take} {others} }.erase()))
}

fn framed(content: Erased) -> Erased {
    view! {
        <section class="panel" aria-labelledby="inherited-title">
            <header class="panel-head"><h2 class="panel-title" id="inherited-title">"Inherited values"</h2></header>
            {content}
        </section>
    }
    .erase()
}

fn note(text: String) -> Erased {
    view! { <p class="panel-empty">{text}</p> }.erase()
}

/// How many values are inherited, from where, and whether they have changed there.
fn standing(base: &InheritanceBase, count: usize, changed: usize) -> Erased {
    let environment = &base.environment;
    let (link, name) = (path::configuration(base.service_id), base.service_name.clone());
    let link = view! { <a href=link>{name}</a> };
    if changed > 0 {
        let have = if changed == 1 { "1 inherited value has".to_owned() } else { format!("{changed} inherited values have") };
        let text = format!("{have} changed in {environment}. The service is told what it was told until that is taken over. It is ");
        let version = base.version.map(|version| format!(" there, version {version}.")).unwrap_or_default();
        return view! { <p class="panel-empty warning"><Icon symbol=Symbol::Warning /><span>{text}{link}{version}</span></p> }.erase();
    }
    let text = match count {
        0 => format!("Nothing is inherited from {environment}, where it is "),
        1 => format!("1 value is inherited, and hasn't changed in {environment}, where it is "),
        count => format!("{count} values are inherited, and none has changed in {environment}, where it is "),
    };
    view! { <p class="panel-empty">{text}{link}"."</p> }.erase()
}

/// What both forms send of what was seen.
fn seen(id: api::ServiceId, version: u64, base: &InheritanceBase) -> Erased {
    view! {
        <input type="hidden" name="id" value=id.to_string() />
        <input type="hidden" name="form[version]" value=version.to_string() />
        <input type="hidden" name="form[base_version]" value=base.version.unwrap_or_default().to_string() />
    }
    .erase()
}

fn take_over(version: u64, base: &InheritanceBase, watched: Watched) -> Erased {
    let may_restart = expect_context::<Viewer>().may(Permission::ServicesOperate);
    let can_restart = may_restart && watched.service.with_untracked(|service| service.status.can_restart().is_ok());
    let restart = can_restart.then(|| {
        view! { <div class="field"><label><input type="checkbox" name="form[restart]" value="true" />" Restart the service with it at once"</label></div> }
    });
    let seen = seen(watched.id, version, base);
    view! {
        <LiveForm action="/rpc/inherit_configuration">
            {seen}
            <div class="field">
                <label for="inherit-message">"Why it is taken over"</label>
                <input id="inherit-message" name="form[message]" type="text" maxlength="400" autocomplete="off" />
            </div>
            {restart}
            <div class="form-actions"><button type="submit" class="button" data-kind="primary">"Take it over"</button></div>
        </LiveForm>
    }
    .erase()
}

/// What the base has and isn't inherited: set otherwise here, or taken out.
fn inherit_others(configuration: &Configuration, base: &InheritanceBase, others: Vec<(String, Value)>) -> Erased {
    let more = others.len().saturating_sub(MOST);
    let more = (more > 0).then(|| note(format!("And {more} more, which are inherited at their fields or by the API.")));
    let boxes = others.into_iter().take(MOST).map(|(name, value)| {
        let here = match configuration.origins.get(&name) {
            Some(ValueOrigin::Own) => "set here",
            Some(ValueOrigin::Unset) => "taken out here",
            _ => "not inherited here",
        };
        let text = format!(" {here}; there it is: {}", value_text(&value));
        view! {
            <div class="field"><label><input type="checkbox" name="form[names][]" value=name.clone() />" "<samp>{name}</samp></label><span class="field-hint wrap">{text}</span></div>
        }
        .erase()
    });
    let boxes = boxes.collect::<Vec<_>>();
    let about = format!(
        "What {} has and this one doesn't inherit. Those that are chosen are what they are there, as a new version.",
        base.environment
    );
    let seen = seen(configuration.service_id, configuration.version, base);
    view! {
        <details class="panel-empty">
            <summary>"Inherit others…"</summary>
            <LiveForm action="/rpc/inherit_configuration">
                {seen}
                <input type="hidden" name="form[is_chosen]" value="true" />
                <p>{about}</p>
                {boxes}
                {more}
                <div class="form-actions"><button type="submit" class="button">"Inherit those chosen"</button></div>
            </LiveForm>
        </details>
    }
    .erase()
}
