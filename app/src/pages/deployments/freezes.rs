//! Times in which nothing is deployed.

use api::Permission;
use leptos::prelude::*;

use super::utc;
use crate::components::{Field, LiveForm, Takes};
use crate::erase::{Erase, Erased};
use crate::pages::wait::wait;
use crate::rpc::{NamedFreeze, RpcResult, list_freezes};
use crate::viewer::Viewer;

/// Those that aren't over, and where one is set.
#[component]
pub fn Freezes(
    /// Another one with each form that leads here.
    at: Memo<Option<u64>>,
) -> impl IntoView {
    let all = Resource::new_blocking(move || at.get(), |_| async { list_freezes().await });
    view! {
        <Transition fallback=|| ()>
            {move || Suspend::new(async move { found(wait(all).await) })}
        </Transition>
    }
    .erase()
}

fn found(all: RpcResult<Vec<NamedFreeze>>) -> Erased {
    let may = expect_context::<Viewer>().may(Permission::DeploymentsRules);
    let Ok(all) = all else { return ().erase() };
    if all.is_empty() && !may {
        return ().erase();
    }
    let items = all.into_iter().map(|named| item(named, may)).collect::<Vec<_>>();
    let list = if items.is_empty() {
        view! { <p class="panel-empty">"No time is frozen: what is asked for begins as its service's windows say."</p> }.erase()
    } else {
        view! { <dl class="fact-list">{items}</dl> }.erase()
    };
    view! {
        <section class="panel freezes" aria-labelledby="freezes-title">
            <header class="panel-head"><h2 class="panel-title" id="freezes-title">"Freezes"</h2></header>
            {list}
            {may.then(form)}
        </section>
    }
    .erase()
}

fn item(named: NamedFreeze, may: bool) -> Erased {
    let NamedFreeze { freeze, service } = named;
    let of = service.unwrap_or_else(|| "All services".into());
    let text = format!("{} to {}: {} ({})", utc(freeze.from), utc(freeze.to), freeze.reason, freeze.created_by);
    let end = may.then(|| {
        view! {
            <details class="form-part">
                <summary>"End it…"</summary>
                <LiveForm action="/rpc/end_freeze">
                    <p>"What waits for its end begins at once."</p>
                    <input type="hidden" name="id" value=freeze.id.to_string() />
                    <button type="submit" class="button" data-kind="danger">"End this freeze"</button>
                </LiveForm>
            </details>
        }
        .erase()
    });
    view! { <div class="fact"><dt>{of}</dt><dd>{text}{end}</dd></div> }.erase()
}

fn form() -> Erased {
    view! {
        <details class="panel-empty">
            <summary>"Freeze deployments…"</summary>
            <LiveForm action="/rpc/freeze_deployments" is_wide=true>
                <Field name="service" label="Service" takes=Takes::Line(63, false) value="" example="all" hint="Its name; empty is all of them." />
                <Field name="from" label="From (UTC)" takes=Takes::Line(20, false) value="" example="now" hint="Empty is now." />
                <Field name="to" label="To (UTC)" takes=Takes::Line(20, true) value="" example="2026-12-20 18:00" />
                <Field name="reason" label="Why" takes=Takes::Line(500, true) value="" hint="Everybody reads it whose deployment waits. Going back is always possible." />
                <div class="form-actions"><button type="submit" class="button" data-kind="primary">"Freeze"</button></div>
            </LiveForm>
        </details>
    }
    .erase()
}
