//! Whether what isn't applied shall be: which services would be restarted, and in which order. Once it is asked for, the page of many services shows
//! how far they are.

use api::{BulkItem, BulkOutcome, BulkReport, Permission};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::query::{ListQuery, ids};
use super::{BackLink, not_allowed, services};
use crate::components::{Empty, Failure, Icon, LiveForm, PageHead, Skeleton, Symbol};
use crate::erase::{Erase, Erased};
use crate::pages::wait::wait;
use crate::path;
use crate::rpc::plan_apply;
use crate::viewer::Viewer;

/// The page.
#[component]
pub fn ApplyView() -> impl IntoView {
    const TITLE: &str = "Apply configurations";
    if !expect_context::<Viewer>().may(Permission::ServicesOperate) {
        return not_allowed(TITLE, "Your role may not restart services. Ask somebody who is a Developer or an Admin.");
    }
    let params = use_query_map();
    let asked = Memo::new(move |_| params.with(|params| (ids(params), ListQuery::read(params))));
    let plan = Resource::new_blocking(move || asked.get(), |(ids, query)| plan_apply(ids, query.request()));
    let about = "What runs with an older version is restarted with the newest: what others need first, all else at the same time.";
    view! {
        <PageHead title=TITLE about=about.erase() />
        <Transition fallback=|| view! { <Skeleton lines=8 /> }.erase()>
            {move || Suspend::new(async move {
                match wait(plan).await {
                    Ok(report) => planned(report),
                    Err(error) => view! { <Failure error=error.0 /><BackLink /> }.erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

fn planned(report: BulkReport) -> Erased {
    let is_planned = |item: &&BulkItem| item.outcome == BulkOutcome::Planned;
    let ids: Vec<_> = report.items.iter().filter(is_planned).map(|item| item.service_id.to_string()).collect();
    if report.items.is_empty() {
        let text = view! { <p>"Every service that runs does so with the newest version of its configuration."</p><BackLink /> };
        return view! { <Empty symbol=Symbol::Check title="Nothing is left to apply" text=text.erase() /> }.erase();
    }
    let (count, steps) = (ids.len(), report.items.iter().filter(is_planned).map(|item| item.step).max().unwrap_or(1));
    let rows: Vec<_> = in_order(report.items).into_iter().map(|item| row(item, steps)).collect();
    view! {
        <div class="bulk">
            <LiveForm action="/rpc/apply_configurations">
                <input type="hidden" name="ids" value=ids.join(",") />
                <p class="bulk-buttons">
                    <button type="submit" class="button" data-kind="danger" disabled=count == 0><Icon symbol=Symbol::Restart />{format!("Restart {}", services(count))}</button>
                    <a class="button" href=path::CONFIGURATIONS>"Cancel"</a>
                </p>
            </LiveForm>
        </div>
        <div class="table-frame">
            <table class="table bulk-table">
                <caption class="visually-hidden">"The services and what becomes of each"</caption>
                <thead><tr><th scope="col">"Service"</th><th scope="col">"Plan"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .erase()
}

/// Those that are restarted first, step by step.
pub fn in_order(mut items: Vec<BulkItem>) -> Vec<BulkItem> {
    items.sort_by_key(|item| (item.outcome != BulkOutcome::Planned, item.step));
    items
}

fn row(item: BulkItem, steps: u32) -> Erased {
    let words = match (item.outcome, item.message) {
        (BulkOutcome::Planned | BulkOutcome::Accepted, _) if steps > 1 => format!("will be restarted, step {} of {steps}", item.step),
        (BulkOutcome::Planned | BulkOutcome::Accepted, _) => "will be restarted".to_owned(),
        (_, why) => format!("stays as it is: {}", why.unwrap_or_default()),
    };
    let stand = if item.outcome == BulkOutcome::Planned { "planned" } else { "skipped" };
    let warning = item.warning.map(|text| view! { <span class="bulk-warning"><Icon symbol=Symbol::Warning />{text}</span> }.erase());
    view! {
        <tr>
            <th scope="row" class="cell-name"><a class="service-link" href=path::configuration(item.service_id)>{item.name}</a></th>
            <td class="cell-stand" data-stand=stand>{words}{warning}</td>
        </tr>
    }
    .erase()
}
