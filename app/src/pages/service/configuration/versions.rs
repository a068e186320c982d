//! All versions: who saved them, when and why, what is different between two, and going back to one.

use api::{ConfigurationDifference, ConfigurationVersion, Permission, ValueOrigin, VersionKind};
use leptos::prelude::*;

use super::super::watch::Watched;
use super::PartLinks;
use super::change_table::change_table;
use super::heir::origin_words;
use super::loads::{Chosen, Loads, Part};
use crate::components::{Ago, Failure, LiveForm, Skeleton};
use crate::erase::{Erase, Erased};
use crate::pages::wait::wait;
use crate::path;
use crate::viewer::Viewer;

/// The list, with what the address asks for above it.
#[component]
pub fn Versions(
    /// The service.
    watched: Watched,
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    view! {
        <PartLinks id=watched.id part=Part::Versions />
        <Transition fallback=|| view! { <Skeleton lines=8 /> }.erase()>
            {move || {
                let chosen = loads.chosen.get();
                Suspend::new(async move {
                    let (versions, difference) = (wait(loads.versions).await, wait(loads.difference).await);
                    let difference = difference.map(|difference| match difference {
                        Ok(difference) => compared(difference),
                        Err(error) => view! { <Failure error=error.0 /> }.erase(),
                    });
                    match versions {
                        None => ().erase(),
                        Some(Ok(page)) => {
                            let restore = restore(watched, chosen, &page.items);
                            let list = list(watched, chosen, page.items);
                            view! { {restore} {difference} {list} }.erase()
                        }
                        Some(Err(error)) => view! { <Failure error=error.0 /> }.erase(),
                    }
                })
            }}
        </Transition>
    }
    .erase()
}

fn compared(difference: ConfigurationDifference) -> Erased {
    let title = format!("From version {} to version {}", difference.from, difference.to);
    let origins = difference.origins.into_iter().map(|(name, change)| {
        let words = |origin: Option<ValueOrigin>| origin.map_or_else(|| "—".to_owned(), |origin| origin_words(&origin));
        let (before, after) = (words(change.before), words(change.after));
        view! { <li><samp>{name}</samp>{format!(": {before} → {after}")}</li> }.erase()
    });
    let origins = origins.collect::<Vec<_>>();
    let origins = (!origins.is_empty())
        .then(|| view! { <p class="panel-empty">"Where they come from:"</p> <ul class="compose-notes">{origins}</ul> });
    view! {
        <section class="panel" aria-labelledby="difference-title">
            <header class="panel-head"><h2 class="panel-title" id="difference-title">{title}</h2></header>
            {change_table(difference.changes)}
            {origins}
        </section>
    }
    .erase()
}

/// The question before a version is restored; what would change is shown below it.
fn restore(watched: Watched, chosen: Chosen, versions: &[ConfigurationVersion]) -> Option<Erased> {
    let viewer = expect_context::<Viewer>();
    let version = chosen.restore.filter(|_| viewer.may(Permission::ConfigChange))?;
    let wanted = versions.iter().find(|one| one.version == version)?;
    let newest = versions.iter().find(|one| one.is_current).map(|one| one.version).filter(|newest| *newest != version)?;
    let title = format!("Restore version {}?", wanted.version);
    let can_restart = watched.service.with_untracked(|service| service.status.can_restart().is_ok());
    let restart = (can_restart && viewer.may(Permission::ServicesOperate)).then(|| {
        view! { <div class="field"><label><input type="checkbox" name="restart" value="true" />" Restart the service with it at once"</label></div> }
    });
    Some(
        view! {
            <section class="panel" aria-labelledby="restore-title">
                <header class="panel-head"><h2 class="panel-title" id="restore-title">{title}</h2></header>
                <LiveForm action="/rpc/restore_configuration">
                    <input type="hidden" name="id" value=watched.id.to_string() />
                    <input type="hidden" name="version" value=version.to_string() />
                    <input type="hidden" name="current_version" value=newest.to_string() />
                    <p>{format!("Its values, secrets too, are saved as the newest version; version {newest} stays in the list.")}</p>
                    <div class="field">
                        <label for="restore-message">"Why"</label>
                        <input id="restore-message" name="message" type="text" maxlength="500" autocomplete="off" />
                    </div>
                    {restart}
                    <div class="form-actions">
                        <button type="submit" class="button" data-kind="primary">{format!("Restore version {version}")}</button>
                        <a class="button" href=path::configuration_versions(watched.id)>"Cancel"</a>
                    </div>
                </LiveForm>
            </section>
        }
        .erase(),
    )
}

/// All versions, in a form that leads to what is different between two.
fn list(watched: Watched, chosen: Chosen, versions: Vec<ConfigurationVersion>) -> Erased {
    let may_restore = expect_context::<Viewer>().may(Permission::ConfigChange);
    let newest = versions.iter().find(|one| one.is_current).map_or(0, |one| one.version);
    let to = chosen.to.unwrap_or(newest);
    let from = chosen.from.unwrap_or_else(|| to.saturating_sub(1));
    let compare = (versions.len() > 1).then(|| {
        view! { <div class="form-actions panel-empty"><button type="submit" class="button">"Compare"</button></div> }
    });
    let rows = versions.into_iter().map(|version| {
        let restore = (!version.is_current).then(|| {
            let href = format!("{}&restore={}", path::configuration_difference(watched.id, newest, version.version), version.version);
            view! { <a href=href>"Restore"<span class="visually-hidden">{format!(" version {}", version.version)}</span></a> }
        });
        let restore = may_restore.then(|| view! { <td class="cell-end">{restore}</td> });
        row(version, from, to, restore.erase())
    });
    let rows = rows.collect::<Vec<_>>();
    view! {
        <section class="panel" aria-labelledby="versions-title">
            <header class="panel-head"><h2 class="panel-title" id="versions-title">"Versions"</h2></header>
            <form method="get" action=path::configuration_versions(watched.id)>
                <div class="table-scroll" tabindex="0" role="region" aria-label="Table of versions">
                    <table class="table">
                        <thead>
                            <tr>
                                <th scope="col">"Version"</th><th scope="col">"From"</th><th scope="col">"To"</th><th scope="col">"How"</th>
                                <th scope="col">"When"</th><th scope="col">"Who"</th><th scope="col">"Why"</th>{may_restore.then(|| view! { <th scope="col"><span class="visually-hidden">"Restore"</span></th> })}
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
                {compare}
            </form>
        </section>
    }
    .erase()
}

fn row(version: ConfigurationVersion, from: u64, to: u64, restore: Erased) -> Erased {
    let ConfigurationVersion { version: number, kind, created_at, created_by, message, is_current, is_applied } = version;
    let radio = |name: &'static str, chosen: u64| {
        let label = format!("{} version {number}", if name == "from" { "From" } else { "To" });
        view! { <td><input type="radio" name=name value=number.to_string() checked=number == chosen aria-label=label /></td> }.erase()
    };
    let marks = [(is_current, "newest"), (is_applied, "in use")].into_iter().filter(|(is_it, _)| *is_it);
    let marks = marks.map(|(_, word)| view! { " "<span class="badge">{word}</span> }.erase()).collect::<Vec<_>>();
    let who = created_by.unwrap_or_else(|| if kind == VersionKind::Found { "—".into() } else { "Pilothouse".into() });
    view! {
        <tr>
            <th scope="row">{number.to_string()}{marks}</th>
            {radio("from", from)}
            {radio("to", to)}
            <td>{kind.label()}</td>
            <td><Ago at=created_at /></td>
            <td>{who}</td>
            <td class="wrap">{message}</td>
            {restore}
        </tr>
    }
    .erase()
}
