//! The deployments of all services.

use api::{Deployment, DeploymentQuery, DeploymentStatus, Limit, Page};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};
use leptos_router::params::ParamsMap;

use super::freezes::Freezes;
use super::table::DeploymentTable;
use crate::components::{Empty, Failure, Icon, PageHead, Skeleton, Symbol};
use crate::erase::{Erase, Erased};
use crate::pages::wait::wait;
use crate::path;
use crate::rpc::list_deployments;

/// Deployments on one page.
const PAGE: u32 = 50;

/// The list. The address says which; older ones are pages of their own.
#[component]
pub fn ListView() -> impl IntoView {
    let params = use_query_map();
    let query = Memo::new(move |_| params.with(read));
    let at = Memo::new(move |_| params.with(|params| params.get_str("at").and_then(|text| text.parse::<u64>().ok())));
    let page = Resource::new_blocking(move || query.get(), list_deployments);
    let about = "What was taken to where it runs, by whom, and what became of it.";
    view! {
        <PageHead title="Deployments" about=about.erase() actions=view! { <a class="button" href=path::ENVIRONMENTS>"What runs where"</a> }.erase() />
        <Filter query />
        <Transition fallback=|| view! { <Skeleton lines=8 /> }.erase()>
            {move || Suspend::new(async move {
                match wait(page).await {
                    Ok(page) => found(page, query.get_untracked()),
                    Err(error) => view! { <Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
        <Freezes at />
    }
    .erase()
}

fn read(params: &ParamsMap) -> DeploymentQuery {
    let text = |name: &str| params.get_str(name).map(str::trim).filter(|text| !text.is_empty());
    DeploymentQuery {
        service_id: text("service").and_then(|id| id.parse().ok()),
        status: text("status").and_then(DeploymentStatus::named),
        limit: Limit::new(PAGE).unwrap_or_default(),
        cursor: text("cursor").map(str::to_owned),
    }
}

fn href(query: &DeploymentQuery) -> String {
    let service = query.service_id.map(|id| format!("service={id}"));
    let status = query.status.map(|status| format!("status={}", status.as_str()));
    let cursor = query.cursor.as_ref().map(|cursor| format!("cursor={}", path::escape(cursor)));
    let pairs = [service, status, cursor].into_iter().flatten().collect::<Vec<_>>().join("&");
    if pairs.is_empty() { path::DEPLOYMENTS.to_owned() } else { format!("{}?{pairs}", path::DEPLOYMENTS) }
}

fn is_whole(query: &DeploymentQuery) -> bool {
    query.service_id.is_none() && query.status.is_none() && query.cursor.is_none()
}

/// Where they are, as a form that the address keeps.
#[component]
fn Filter(query: Memo<DeploymentQuery>) -> impl IntoView {
    let navigate = use_navigate();
    let choose = move |event: leptos::ev::Event| {
        let status = DeploymentStatus::named(&event_target_value(&event));
        let chosen = DeploymentQuery { status, cursor: None, ..query.get_untracked() };
        navigate(&href(&chosen), NavigateOptions { scroll: false, ..NavigateOptions::default() });
    };
    let chosen = Memo::new(move |_| query.with(|query| query.status));
    let options = DeploymentStatus::ALL.iter().map(|status| {
        view! { <option value=status.as_str() selected=move || chosen.get() == Some(*status)>{status.label()}</option> }.erase()
    });
    let service = move || {
        let id = query.with(|query| query.service_id);
        id.map(|id| view! { <input type="hidden" name="service" value=id.to_string() /> }.erase())
    };
    view! {
        <form class="filter" method="get" action=path::DEPLOYMENTS>
            {service}
            <label class="select" data-active=move || chosen.get().is_some().to_string()>
                <span class="select-label">"Status"</span>
                <select class="select-input" name="status" on:change=choose>
                    <option value="" selected=move || chosen.get().is_none()>"Any"</option>
                    {options.collect_view()}
                </select>
                <Icon symbol=Symbol::Chevron />
            </label>
            <noscript inner_html=r#"<button type="submit" class="button">Apply</button>"#></noscript>
            <a class="filter-clear" href=path::DEPLOYMENTS hidden=move || query.with(is_whole)>"All, newest first"</a>
        </form>
    }
    .erase()
}

fn found(page: Page<Deployment>, query: DeploymentQuery) -> Erased {
    let none = if is_whole(&query) { nothing_yet } else { nothing_matches };
    let older = page.next_cursor.clone().map(|cursor| {
        let href = href(&DeploymentQuery { cursor: Some(cursor), ..query.clone() });
        view! { <nav class="pager" aria-label="Pages"><a class="button" href=href>"Older"</a></nav> }.erase()
    });
    view! { <DeploymentTable page query of_one=false none /> {older} }.erase()
}

fn nothing_yet() -> Erased {
    let text = view! {
        <p>"A deployment keeps what a service is as a release, takes it to where it runs, watches it, and goes back when it isn't well."</p>
        <p>"Choose one of the "<a href=path::SERVICES>"services"</a>", and deploy it in its tab Deployments."</p>
    };
    view! { <Empty symbol=Symbol::Up title="Nothing was deployed yet" text=text.erase() /> }.erase()
}

fn nothing_matches() -> Erased {
    let text = view! { <p><a href=path::DEPLOYMENTS>"Show all deployments"</a></p> };
    view! { <Empty symbol=Symbol::Search title="No deployment matches" text=text.erase() /> }.erase()
}

#[cfg(test)]
mod tests {
    use leptos_router::params::ParamsMap;

    use super::{href, read};

    #[test]
    fn the_address_reads_back_as_it_was_written() {
        let service = "00000000-0000-7000-8000-000000000001";
        for (pairs, address) in [
            (vec![("status", "rolled_back"), ("cursor", "a b")], "/deployments?status=rolled_back&cursor=a%20b".to_owned()),
            (vec![("service", service), ("status", "nonsense")], format!("/deployments?service={service}")),
            (vec![("service", "x"), ("cursor", "")], "/deployments".to_owned()),
        ] {
            assert_eq!(href(&read(&pairs.into_iter().collect::<ParamsMap>())), address);
        }
    }
}
