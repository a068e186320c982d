//! Setting a service up in an environment.

use api::{Environment, Permission, Places, ServiceId, ServicePlaces, ServiceSpec, Source};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::loads::Loads;
use crate::components::{Empty, Failure, Field, LiveForm, Skeleton, Symbol, Takes, faults, sentence};
use crate::erase::{Erase, Erased};
use crate::pages::service::Watched;
use crate::pages::service::limits_form::LimitsForm;
use crate::pages::service::proxy_fields::proxy_fields;
use crate::pages::service::rollout_fields::rollout_fields;
use crate::pages::wait::wait;
use crate::path;
use crate::rpc::TargetForm;
use crate::viewer::Viewer;

/// The form, or why there is none.
#[component]
pub fn SetUp(
    /// The service.
    watched: Watched,
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    let spec = watched.detail.with_untracked(|detail| detail.spec.clone());
    view! {
        <Transition fallback=|| view! { <Skeleton lines=6 /> }.erase()>
            {move || {
                let spec = spec.clone();
                Suspend::new(async move {
                    match wait(loads.places).await {
                        None => ().erase(),
                        Some(Ok(places)) => found(watched.id, &spec, places, loads),
                        Some(Err(error)) => view! { <Failure error=error.0 /> }.erase(),
                    }
                })
            }}
        </Transition>
        <p><a href=path::deployments_of(watched.id)>"All releases and deployments"</a></p>
    }
    .erase()
}

fn found(id: ServiceId, spec: &ServiceSpec, places: Places, loads: Loads) -> Erased {
    let Some(row) = places.items.into_iter().next() else { return ().erase() };
    let viewer = expect_context::<Viewer>();
    let free: Vec<Environment> = places.environments.into_iter().filter(|one| row.at(&one.name).is_none()).collect();
    let why = match (&row.obstacle, viewer.may(Permission::ServicesCreate)) {
        (Some(obstacle), _) => Some(("It can't be set up elsewhere", sentence(obstacle))),
        (None, false) => Some(("Your role may not set services up", "Ask somebody who is a Developer or an Admin.".to_owned())),
        (None, true) if free.is_empty() => {
            Some(("It is in every environment", "Another environment can be made below what runs where.".to_owned()))
        }
        (None, true) => None,
    };
    if let Some((title, text)) = why {
        let text = view! { <p>{text}</p><p><a href=path::ENVIRONMENTS>"What runs where"</a></p> };
        return view! { <Empty symbol=Symbol::Up title text=text.erase() /> }.erase();
    }
    form(id, spec, row, free, loads, viewer.may(Permission::DeploymentsRules))
}

fn form(id: ServiceId, spec: &ServiceSpec, row: ServicePlaces, free: Vec<Environment>, loads: Loads, may_rule: bool) -> Erased {
    let tried = loads.tried_target.try_get_value().flatten();
    let (form, refused) = tried.map(|tried| (tried.form, faults(tried.error.0))).unwrap_or_else(|| (TargetForm::of(spec), Vec::new()));
    let source = &spec.source;
    let asked = use_query_map().with_untracked(|query| query.get_str("environment").unwrap_or_default().to_owned());
    let chosen = if form.environment.is_empty() { asked } else { form.environment.clone() };
    let options = free.into_iter().map(|one| {
        let is_chosen = one.name == chosen;
        view! { <option value=one.name.clone() selected=is_chosen>{one.name.clone()}</option> }.erase()
    });
    let options = options.collect::<Vec<_>>();
    let of_source = match source {
        Source::Image { image, .. } => {
            let hint = format!("Empty is that of development: {image}.");
            Some(line("form[image]", "Image", form.image, hint))
        }
        _ => source.repository().map(|repository| {
            let branch = repository.reference.clone().unwrap_or_else(|| "what the server says".into());
            let hint = format!("Empty is that of development: {branch}. A release that is taken along has its own commit.");
            line("form[reference]", "Branch, tag or commit", form.reference, hint)
        }),
    };
    let approval = may_rule.then(|| {
        view! {
            <div class="field"><label><input type="checkbox" name="form[needs_approval]" value="true" checked=form.needs_approval />" Somebody else has to agree to each deployment"</label></div>
        }
        .erase()
    });
    let proxy = proxy_fields(form.proxy_port, form.replicas);
    let here = format!("{}/set-up", path::deployments_of(id));
    let title = format!("Set {} up in an environment", row.name);
    view! {
        <section class="panel" aria-labelledby="set-up-title">
            <header class="panel-head"><h2 class="panel-title" id="set-up-title">{title}</h2></header>
            <p class="panel-empty">"That makes a service of its own, with these settings, and with the values of the environment before it, which it inherits, but for what is said here. Data, volumes and releases are its own. It is at rest until it is deployed; all else can be changed in its settings."</p>
            <LiveForm action="/rpc/set_up_service" plain=here refused is_wide=true>
                <input type="hidden" name="id" value=id.to_string() />
                <div class="field">
                    <label for="form[environment]">"Environment"</label>
                    <select id="form[environment]" name="form[environment]" class="plain-select">{options}</select>
                </div>
                {line("form[name]", "What it is called there", form.name, format!("Empty is {}-ENVIRONMENT.", row.name))}
                <Field name="form[port]" label="Port" takes=Takes::NumberOrNothing(1, 65_535) value=form.port hint="Empty lets Pilothouse choose one that is free." />
                {of_source}
                <Field name="form[variables]" label="Variables that are different there" takes=Takes::Lines value=form.variables example="DATABASE_URL=postgres://db.staging/orders" hint="NAME=VALUE, one a line. A value can refer to a secret: ${secret:NAME}." />
                <Field name="form[without]" label="Variables that it isn't given there" takes=Takes::Line(2_000, false) value=form.without example="DEBUG, SANDBOX" hint="Their names, with commas." />
                {proxy}
                {rollout_fields(form.rollout)}
                <LimitsForm texts=[form.limit_memory, form.limit_cpu, form.limit_processes, form.limit_files] />
                {approval}
                <div class="form-actions"><button type="submit" class="button" data-kind="primary">"Set it up"</button></div>
            </LiveForm>
        </section>
    }
    .erase()
}

fn line(name: &'static str, label: &'static str, value: String, hint: String) -> Erased {
    let hint_id = format!("{name}-hint");
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <input id=name name=name type="text" value=value maxlength="512" autocomplete="off" autocapitalize="none" spellcheck="false" aria-describedby=hint_id.clone() />
            <p class="field-hint" id=hint_id>{hint}</p>
        </div>
    }
    .erase()
}
