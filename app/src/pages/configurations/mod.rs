//! The configurations of all services: what is wrong with them and not applied yet, one change to many, applying, and one text of all.

mod apply;
mod backup;
mod change;
mod filter;
mod import;
mod list;
mod outcome;
mod query;

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use self::apply::ApplyView;
use self::backup::BackupView;
use self::change::ChangeView;
use self::import::ImportView;
use self::list::ListView;
use super::NotFoundPage;
use crate::components::{Empty, PageHead, Symbol};
use crate::erase::{Erase, Erased, shown};
use crate::path;

/// The page: `/configuration` is the list, and below it is what is done with many of them.
#[component]
pub fn ConfigurationsPage() -> impl IntoView {
    let params = use_params_map();
    let part = Memo::new(move |_| params.with(|params| params.get_str("part").unwrap_or_default().to_owned()));
    shown(move || match part.get().as_str() {
        "" => view! { <ListView /> }.erase(),
        "change" => view! { <ChangeView /> }.erase(),
        "apply" => view! { <ApplyView /> }.erase(),
        "backup" | "restore" => view! { <BackupView /> }.erase(),
        "import" => view! { <ImportView /> }.erase(),
        _ => view! { <NotFoundPage /> }.erase(),
    })
    .erase()
}

/// What is shown to those who may not do what the page is for.
fn not_allowed(title: &'static str, what: &'static str) -> Erased {
    let text = view! { <p>{what}</p><BackLink /> };
    view! { <PageHead title /><Empty symbol=Symbol::Warning title="Not allowed" text=text.erase() /> }.erase()
}

#[component]
fn BackLink() -> impl IntoView {
    view! { <p><a href=path::CONFIGURATIONS>"All configurations"</a></p> }.erase()
}

fn services(count: usize) -> String {
    if count == 1 { "1 service".into() } else { format!("{count} services") }
}
