//! Where a service runs: one line for each environment, and the ways to take what runs in one to another.

use api::{Permission, Place, Places, ServiceId};
use leptos::prelude::*;

use super::super::environments::place_view;
use crate::erase::{Erase, Erased};
use crate::path;
use crate::viewer::Viewer;

/// The environments of a service; nothing where there is none but development.
pub fn places_panel(id: ServiceId, places: &Places) -> Erased {
    let Some(row) = places.items.first() else { return ().erase() };
    if places.environments.len() < 2 || row.obstacle.is_some() {
        return ().erase();
    }
    let viewer = expect_context::<Viewer>();
    let (may_deploy, may_make) = (viewer.may(Permission::DeploymentsRun), viewer.may(Permission::ServicesCreate));
    let mut before: Option<&Place> = None;
    let mut items = Vec::new();
    for environment in &places.environments {
        let place = row.at(&environment.name);
        items.push(match place {
            Some(place) => item(id, place, before, may_deploy),
            None if may_make => {
                let href = path::set_up(id, &environment.name);
                let of = format!(" in {}", environment.name);
                let link = view! { <a href=href>"Set it up"<span class="visually-hidden">{of}</span></a> };
                view! { <div class="fact"><dt>{environment.name.clone()}</dt><dd>"Not set up. "{link}</dd></div> }.erase()
            }
            None => view! { <div class="fact"><dt>{environment.name.clone()}</dt><dd>"Not set up"</dd></div> }.erase(),
        });
        before = place.or(before);
    }
    view! {
        <section class="panel" aria-labelledby="places-title">
            <header class="panel-head">
                <h2 class="panel-title" id="places-title">"Environments"</h2>
                <a class="panel-note" href=path::ENVIRONMENTS>"What runs where"</a>
            </header>
            <dl class="fact-list">{items}</dl>
        </section>
    }
    .erase()
}

fn item(id: ServiceId, place: &Place, before: Option<&Place>, may: bool) -> Erased {
    let this = (place.service_id == id).then(|| view! { " "<span class="badge">"this one"</span> }.erase());
    let release = before.and_then(|before| before.release.as_ref().map(|release| (before, release)));
    let promote = release.filter(|_| may && place.is_same != Some(true)).map(|(before, release)| {
        let href = path::promote(place.service_id, release.id);
        view! { <p><a href=href>{format!("Take release {} of {} to {}…", release.number, before.environment, place.environment)}</a></p> }
            .erase()
    });
    view! { <div class="fact"><dt>{place.environment.clone()}{this}</dt><dd>{place_view(place, before.map(|before| before.environment.as_str()))}{promote}</dd></div> }.erase()
}

/// What a deployment can be made of: what the source is now, or what runs in another environment. Nothing where there is no other.
pub fn release_field(id: ServiceId, places: &Places, chosen: &str) -> Erased {
    let others = places.items.first().map(|row| &row.places[..]).unwrap_or_default().iter();
    let options = others.filter(|place| place.service_id != id).filter_map(|place| {
        let release = place.release.as_ref()?;
        let value = release.id.to_string();
        let short = release.artifact.short().map(|short| format!(" ({short})")).unwrap_or_default();
        let words = format!("Release {} of {}{short}", release.number, place.environment);
        let is_chosen = value == chosen;
        Some(view! { <option value=value selected=is_chosen>{words}</option> }.erase())
    });
    let options: Vec<_> = options.collect();
    if options.is_empty() {
        return ().erase();
    }
    view! {
        <div class="field">
            <label for="form[release]">"What"</label>
            <select id="form[release]" name="form[release]" class="plain-select"><option value="">"What its source is now"</option>{options}</select>
            <p class="field-hint">"A release that is taken along has its files or its image; settings and configuration are those of here."</p>
        </div>
    }
    .erase()
}
