//! The form that deploys a service: what would be done is shown first.

use api::{DeploymentPlan, Permission, Places, Releases, ServiceId, ServiceSpec, Source, Strategy};
use leptos::prelude::*;

use super::loads::Loads;
use super::places::release_field;
use super::plan::plan_view;
#[cfg(feature = "hydrate")]
use crate::components::ask;
use crate::components::{Asked, Field, FormFaults, Icon, LiveForm, Symbol, Takes, faults, reason_list, sentence};
use crate::erase::{Erase, Erased, shown, text};
use crate::pages::service::Watched;
use crate::path;
use crate::rpc::DeployForm;
use crate::viewer::Viewer;

type Found = RwSignal<Option<Asked<DeploymentPlan>>>;

/// The form, or why there is none.
#[component]
pub fn DeployPanel(
    /// The service.
    watched: Watched,
    /// What is loaded.
    loads: Loads,
    /// Its releases.
    releases: RwSignal<Releases>,
    /// Where it runs.
    places: Places,
) -> impl IntoView {
    let may = expect_context::<Viewer>().may(Permission::DeploymentsRun);
    let is_held = Memo::new(move |_| releases.with(|releases| releases.held.is_some()));
    let content = shown(move || match (may, is_held.get()) {
        (false, _) => note("Your role may not deploy services. Ask somebody who is a Developer or an Admin."),
        (true, true) => note("It is held at a release. Let it go above to deploy it."),
        (true, false) => view! { <DeployFields watched loads places=places.clone() /> }.erase(),
    });
    view! {
        <section class="panel" id="deploy" aria-labelledby="deploy-title">
            <header class="panel-head"><h2 class="panel-title" id="deploy-title">"Deploy"</h2></header>
            {content}
        </section>
    }
    .erase()
}

fn note(text: &'static str) -> Erased {
    view! { <p class="panel-empty">{text}</p> }.erase()
}

#[component]
fn DeployFields(watched: Watched, loads: Loads, places: Places) -> impl IntoView {
    let tried = loads.tried.try_get_value().flatten();
    let (form, plan, refused) = match tried.map(|tried| (tried.form, tried.plan)) {
        None => {
            let release = loads.promoted.get_untracked().unwrap_or_default();
            (DeployForm { release, ..DeployForm::default() }, None, Vec::new())
        }
        Some((form, Ok(plan))) => (form, Some(Ok(plan)), Vec::new()),
        Some((form, Err(error))) => (form, None, faults(error.0)),
    };
    let found: Found = RwSignal::new(plan);
    // A plan is of what was typed then.
    let forget = move |_: leptos::ev::Event| {
        if found.with_untracked(Option::is_some) {
            found.set(None);
        }
    };
    let spec = watched.detail.with_untracked(|detail| detail.spec.clone());
    let may_name = expect_context::<Viewer>().may(Permission::ServicesChange);
    let image = matches!(spec.source, Source::Image { .. }).then_some(()).filter(|()| may_name).map(|()| {
        let hint = "Another one, such as shop/orders:2. Empty takes the one that it has, as its registry has it now.";
        view! { <Field name="form[image]" label="Image" takes=Takes::Line(512, false) value=form.image.clone() hint /> }.erase()
    });
    let reference = spec.source.repository().filter(|_| may_name).map(|_| {
        let hint = "Another branch or tag, or all digits of a commit: the service stays with it. Empty takes the newest commit of the one that it has.";
        view! { <Field name="form[reference]" label="Branch, tag or commit" takes=Takes::Line(250, false) value=form.reference.clone() hint /> }.erase()
    });
    let urgent = expect_context::<Viewer>().may(Permission::DeploymentsRules).then(|| {
        let hint = "It begins outside of windows, in a freeze and without approval then, and the activity says why.";
        view! { <Field name="form[urgent]" label="Why it can't wait" takes=Takes::Line(500, false) value=form.urgent.clone() hint /> }
            .erase()
    });
    let release = release_field(watched.id, &places, &form.release);
    let plain =
        DeployForm { message: String::new(), image: String::new(), reference: String::new(), release: String::new(), ..form.clone() };
    let is_plain = plain == DeployForm::default();
    let strategy = strategy_field(watched.id, &spec, &form.strategy);
    let canary = spec.proxy_port.map(|_| canary_fields(&form));
    let here = path::deployments_of(watched.id);
    view! {
        <LiveForm action="/rpc/deploy_service" plain=here.clone() refused is_wide=true>
            <input type="hidden" name="id" value=watched.id.to_string() />
            <div class="form-part" on:input=forget>
                <Field name="form[message]" label="Why" takes=Takes::Line(500, false) value=form.message />
                {release}
                {image}
                {reference}
                <details class="form-part" open=!is_plain>
                    <summary>"How it is deployed"</summary>
                    <div class="form-part">
                        {strategy}
                        {canary}
                        <Field name="form[health_seconds]" label="Seconds to become healthy" takes=Takes::NumberOrNothing(5, 3_600) value=form.health_seconds example="120" hint="When it isn't well by then, what was before is gone back to." />
                        <Field name="form[watch_seconds]" label="Seconds to watch it" takes=Takes::NumberOrNothing(0, 3_600) value=form.watch_seconds example="0" hint="After it is healthy: when it isn't well within them, fails more or is slower, what was before is gone back to." />
                        {urgent}
                        <div class="field"><label><input type="checkbox" name="form[replace]" value="true" checked=form.replace />" Cancel deployments of it that wait"</label></div>
                    </div>
                </details>
            </div>
            <Buttons found here />
            <div class="check-result" role="status">
                {shown(move || found.get().map(|found| match found {
                    Ok(plan) => plan_view(plan),
                    Err(reasons) => reason_list(reasons),
                }))}
            </div>
        </LiveForm>
    }
    .erase()
}

/// How the new version takes the place of the old one, where there is a choice; else why there is none.
fn strategy_field(id: ServiceId, spec: &ServiceSpec, chosen: &str) -> Erased {
    let possible = Strategy::ALL.iter().copied().filter(|one| one.possible(spec).is_ok()).collect::<Vec<_>>();
    let proxy = (spec.proxy_port.is_none() && spec.source.can_have_proxy().is_ok()).then(|| {
        let settings = format!("{}#form[proxy_port]", path::service_tab(id, "settings"));
        view! { " With a proxy in front of it, two releases can run side by side: set a proxy port in its "<a href=settings>"settings"</a>"." }
            .erase()
    });
    if possible.len() < 2 {
        let why = Strategy::Rolling.possible(spec).err().map(|blocked| sentence(blocked.0));
        return view! { <p class="field-hint">"The old version ends, then the new one starts. "{why}{proxy}</p> }.erase();
    }
    let set = spec.rollout.strategy.filter(|strategy| possible.contains(strategy));
    let unless = set.map_or_else(|| "What goes without a break".to_owned(), |strategy| format!("As it is set to: {}", strategy.label()));
    let options =
        possible.into_iter().map(|one| view! { <option value=one.as_str() selected=chosen == one.as_str()>{one.words()}</option> }.erase());
    let options = options.collect::<Vec<_>>();
    view! {
        <div class="field">
            <label for="form[strategy]">"Strategy"</label>
            <select id="form[strategy]" name="form[strategy]" class="plain-select"><option value="">{unless}</option>{options}</select>
            {proxy.map(|proxy| view! { <p class="field-hint">{proxy}</p> })}
        </div>
    }
    .erase()
}

/// How a canary goes. What is here counts only when it is chosen, so that it needs no script to be shown or hidden.
fn canary_fields(form: &DeployForm) -> Erased {
    view! {
        <fieldset class="form-part">
            <legend>"For a canary"</legend>
            <p class="field-hint">"When it is deployed step by step: the new release has more of the requests in each step, and all of them after the last. When it is worse than the old one, that is gone back to. A step is judged once both have answered the least requests; with 0, one with few requests is judged by health alone."</p>
            <div class="form-row">
                <Field name="form[canary_steps]" label="Steps, of 100 requests" takes=Takes::Line(100, false) value=form.canary_steps.clone() example="5, 25, 50" />
                <Field name="form[canary_seconds]" label="Seconds of each step" takes=Takes::NumberOrNothing(5, 3_600) value=form.canary_seconds.clone() example="60" />
                <Field name="form[canary_requests]" label="Least requests of a step" takes=Takes::NumberOrNothing(0, 100_000) value=form.canary_requests.clone() example="50" />
            </div>
        </fieldset>
    }
    .erase()
}

/// The buttons: one shows what would be done, and once that is shown and nothing is in its way, the other does it.
#[component]
fn Buttons(found: Found, here: String) -> impl IntoView {
    let is_busy = RwSignal::new(false);
    let at = use_context::<FormFaults>();
    #[cfg(feature = "hydrate")]
    let click = move |event: leptos::ev::MouseEvent| ask(&event, "/rpc/plan_deployment", found, is_busy, at);
    #[cfg(not(feature = "hydrate"))]
    let click = move |_: leptos::ev::MouseEvent| _ = (found, at);
    let label = text(move || if is_busy.get() { "Planning…" } else { "Show plan" });
    let can_deploy = Memo::new(move |_| {
        found.with(|found| found.as_ref().is_some_and(|found| found.as_ref().is_ok_and(|plan| plan.obstacle.is_none())))
    });
    let deploy = shown(move || {
        can_deploy.get().then(|| {
            view! { <button type="submit" class="button" data-kind="primary" name="make" value="true"><Icon symbol=Symbol::Up />"Deploy now"</button> }
                .erase()
        })
    });
    // Enter in a field presses the first button, which deploys nothing.
    view! {
        <div class="form-actions">
            <button type="submit" class="button" formaction=here disabled=move || is_busy.get() on:click=click>{label}</button>
            {deploy}
        </div>
    }
    .erase()
}
