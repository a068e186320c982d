//! The webhooks of a service: which there are, what came of their last calls, and making one, whose secret is shown once.

use api::{DeployHook, HookOutcome, MadeDeployHook, Page, Permission, ServiceId};
use leptos::prelude::*;

use super::loads::Loads;
#[cfg(feature = "hydrate")]
use crate::components::ask;
use crate::components::{Ago, Asked, Failure, Field, LiveForm, Skeleton, Takes, reason_list, reasons};
use crate::erase::{Erase, Erased, shown, text};
use crate::pages::wait::wait;
use crate::path;
use crate::viewer::Viewer;

/// The list, and the form that makes one.
#[component]
pub fn Webhooks(
    /// The service.
    id: ServiceId,
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    let may = expect_context::<Viewer>().may(Permission::DeploymentsHooks);
    let form = if may {
        view! { <Make id loads /> }.erase()
    } else {
        view! { <p>"Your role may not make webhooks. Ask somebody who is a Developer or an Admin."</p> }.erase()
    };
    view! {
        <section class="panel" aria-labelledby="webhooks-title">
            <header class="panel-head">
                <h2 class="panel-title" id="webhooks-title">"Webhooks"</h2>
                <span class="panel-note">{format!("at most {}", DeployHook::MOST)}</span>
            </header>
            <Transition fallback=|| view! { <Skeleton lines=3 /> }.erase()>
                {move || Suspend::new(async move {
                    match wait(loads.hooks).await {
                        None => ().erase(),
                        Some(Ok(hooks)) => list(id, hooks, may),
                        Some(Err(error)) => view! { <Failure error=error.0 /> }.erase(),
                    }
                })}
            </Transition>
        </section>
        {form}
        <p><a href=path::deployments_of(id)>"All releases and deployments"</a></p>
    }
    .erase()
}

fn list(id: ServiceId, hooks: Page<DeployHook>, may: bool) -> Erased {
    if hooks.items.is_empty() {
        return view! { <p class="panel-empty">"There is none yet."</p> }.erase();
    }
    let rows: Vec<_> = hooks.items.into_iter().map(|hook| row(id, hook, may)).collect();
    view! {
        <div class="table-scroll" tabindex="0" role="region" aria-label="Table of webhooks">
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">"Webhook"</th><th scope="col">"Branch"</th><th scope="col">"Last call"</th><th scope="col">"Made"</th>
                        <th scope="col"><span class="visually-hidden">"What can be done"</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .erase()
}

fn row(id: ServiceId, hook: DeployHook, may: bool) -> Erased {
    let DeployHook { id: hook_id, name, branch, address, created_at, created_by, last_call, refused_at, .. } = hook;
    let call = match last_call {
        None => view! { <span class="panel-note">"never"</span> }.erase(),
        Some(call) => {
            let deployment = call.deployment_id.map(|id| view! { " "<a href=path::deployment(id)>"Its deployment"</a> }.erase());
            let is_bad = call.outcome == HookOutcome::Refused;
            let label = call.outcome.label();
            let outcome = if is_bad { view! { <strong>{label}</strong> }.erase() } else { label.erase() };
            view! { {outcome}" "<Ago at=call.at />": "{call.message}{deployment} }.erase()
        }
    };
    let refused = refused_at.map(|at| view! { <p class="panel-note">"Called without its secret "<Ago at=at /></p> }.erase());
    let remove = may.then(|| {
        let label = view! { <span class="visually-hidden">{format!(" {name}")}</span> }.erase();
        view! {
            <details>
                <summary>"Remove…"{label}</summary>
                <LiveForm action="/rpc/remove_deploy_hook">
                    <p>"Who calls it is refused then. Its secret can't be had again."</p>
                    <input type="hidden" name="id" value=id.to_string() />
                    <input type="hidden" name="hook" value=hook_id.to_string() />
                    <button type="submit" class="button" data-kind="danger">"Remove it"</button>
                </LiveForm>
            </details>
        }
        .erase()
    });
    let branch = branch.unwrap_or_else(|| "every branch".into());
    view! {
        <tr>
            <th scope="row" class="wrap">{name.clone()}<p class="panel-note">{address}</p></th>
            <td>{branch}</td>
            <td class="wrap">{call}{refused}</td>
            <td class="wrap"><Ago at=created_at />", by "{created_by}</td>
            <td class="cell-end wrap">{remove}</td>
        </tr>
    }
    .erase()
}

/// The form that makes one, and its secret while it is shown.
#[component]
fn Make(id: ServiceId, loads: Loads) -> impl IntoView {
    let form_token = expect_context::<Viewer>().form_token;
    let (form, made) = match loads.tried_hook.try_get_value().flatten() {
        None => Default::default(),
        Some(tried) => (tried.form, Some(tried.made.map_err(|error| reasons(error.0)))),
    };
    let found: RwSignal<Option<Asked<MadeDeployHook>>> = RwSignal::new(made);
    let is_busy = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    let click = move |event: leptos::ev::MouseEvent| ask(&event, "/rpc/make_deploy_hook", found, is_busy, None);
    #[cfg(not(feature = "hydrate"))]
    let click = |_: leptos::ev::MouseEvent| {};
    #[cfg(feature = "hydrate")]
    Effect::new(move |before: Option<bool>| {
        let is_made = found.with(|found| matches!(found, Some(Ok(_))));
        // What came with the page is in its list already.
        if is_made && before == Some(false) {
            loads.hooks.refetch();
        }
        is_made
    });
    let label = text(move || if is_busy.get() { "Making…" } else { "Make webhook" });
    let content = shown(move || {
        found.get().map(|found| match found {
            Ok(made) => secret_view(made),
            Err(reasons) => reason_list(reasons),
        })
    });
    view! {
        <section class="panel" aria-labelledby="make-webhook">
            <header class="panel-head"><h2 class="panel-title" id="make-webhook">"A new webhook"</h2></header>
            <form class="settings-form" method="post" action=path::webhooks_of(id)>
                <input type="hidden" name="form_token" value=form_token />
                <input type="hidden" name="id" value=id.to_string() />
                <Field name="form[name]" label="Name" takes=Takes::Line(80, true) value=form.name example="GitHub" hint="Who calls it. What it deploys is made under that name." />
                <Field name="form[branch]" label="Branch" takes=Takes::Line(255, false) value=form.branch example="main" hint="Only pushes to it deploy; empty takes those to every branch, or of a Git repository those to the branch that its settings name." />
                <button type="submit" class="button" data-kind="primary" disabled=move || is_busy.get() on:click=click>{label}</button>
                <div role="status">{content}</div>
            </form>
        </section>
    }
    .erase()
}

/// The secret and the address, with what to enter where.
fn secret_view(made: MadeDeployHook) -> Erased {
    let MadeDeployHook { hook, secret } = made;
    let is_local = ["http://127.0.0.1", "http://localhost", "http://[::1]", "/"].iter().any(|start| hook.address.starts_with(start));
    let local = is_local.then(|| {
        view! { <p class="field-hint">"Only programs of this machine reach that address: set PILOTHOUSE_PUBLIC_URL to the one that others use."</p> }
            .erase()
    });
    let secret = secret.reveal().to_owned();
    view! {
        <div class="check-result">
            <p>{format!("“{}” is made. Its secret is shown in this page only:", hook.name)}</p>
            <pre class="check-output" tabindex="0" role="group" aria-label="Secret of the webhook">{secret}</pre>
            <p>"Its address:"</p>
            <pre class="check-output" tabindex="0" role="group" aria-label="Address of the webhook">{hook.address}</pre>
            {local}
            <dl class="fact-list">
                <div class="fact"><dt>"GitHub"</dt><dd>"Settings, Webhooks, Add webhook: the address as Payload URL, application/json as Content type, the secret as Secret, just the push event."</dd></div>
                <div class="fact"><dt>"GitLab"</dt><dd>"Settings, Webhooks: the address as URL, the secret as Secret token, Push events as trigger."</dd></div>
                <div class="fact"><dt>"Gitea, Forgejo"</dt><dd>"Settings, Webhooks, Add webhook: the address as Target URL, POST, application/json, the secret as Secret, Push events."</dd></div>
                <div class="fact"><dt>"A program"</dt><dd>"Signs the time and the body with the secret, as the README shows."</dd></div>
            </dl>
        </div>
    }
    .erase()
}
