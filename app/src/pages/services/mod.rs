//! The list of services.

mod choice;
mod filter;
mod many;
mod query;
mod row;
mod table;

use api::Permission;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use self::filter::ServiceFilter;
pub use self::query::ListQuery;
use self::table::ServiceTable;
use crate::components::{DiscoverButton, Done, Empty, Failure, Icon, PageHead, Skeleton, Symbol};
use crate::erase::Erase;
use crate::pages::wait::wait;
use crate::path;
use crate::rpc::list_services;
use crate::viewer::Viewer;

/// The list of services. What is searched, filtered and sorted is in the address.
#[component]
pub fn ServicesPage() -> impl IntoView {
    let params = use_query_map();
    let query = Memo::new(move |_| params.with(ListQuery::read));
    let list = Resource::new_blocking(move || query.get(), |query| list_services(query.0));
    let told = RwSignal::new(None);
    let total = move || {
        let loaded = list.get().and_then(|page| page.ok()).and_then(|page| page.total);
        loaded
            .map(|loaded| told.get().unwrap_or(loaded))
            .map(|total| if total == 1 { "1 service".to_owned() } else { format!("{total} services") })
    };
    view! {
        <PageHead title="Services" about=view! { <Transition fallback=|| ().erase()>{total}</Transition> }.erase() actions=view! { <DiscoverButton /><NewServiceLink /> }.erase() />
        <Done />
        <ServiceFilter query=query />
        <Transition fallback=|| view! { <Skeleton lines=12 /> }.erase()>
            {move || Suspend::new(async move {
                let query = query.get_untracked();
                match wait(list).await {
                    Ok(page) => view! { <ServiceTable page=page query=query told /> }.erase(),
                    Err(error) => view! { <Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
    }
}

/// Leads to where a service is made, those who may.
#[component]
pub fn NewServiceLink() -> impl IntoView {
    let may = expect_context::<Viewer>().may(Permission::ServicesCreate);
    may.then(|| view! { <a class="button" data-kind="primary" href=path::NEW_SERVICE><Icon symbol=Symbol::Add />"New service"</a> })
}

/// What to do when there is no service at all.
#[component]
pub fn NoServices() -> impl IntoView {
    view! {
        <Empty symbol=Symbol::Folder title="No services yet" text=view! {
            <p>
                "Pilothouse finds the services of a folder: each folder in it with a " <code>"main.py"</code> " or " <code>"app.py"</code>
                " is one. Set " <code>"PILOTHOUSE_SERVICES_DIR"</code> " to that folder and start Pilothouse again; if it is set, put a service there and look again."
            </p>
            <NewServiceLink />
        }.erase() />
    }
}

/// What to do when the filter leaves nothing.
#[component]
pub fn NoMatch() -> impl IntoView {
    view! {
        <Empty symbol=Symbol::Search title="No service matches" text=view! {
            <p><a href=path::SERVICES>"Show all services"</a></p>
        }.erase() />
    }
}
