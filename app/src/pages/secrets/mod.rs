//! The pages of secrets: which there are and what uses them, one of them, and making them of a `.env` text.

mod change_form;
mod delete_panel;
mod filter;
mod import;
mod list;
mod loads;
mod one;
mod preview;
mod query;
pub mod reveal;
mod rotation;
mod row;

use api::Permission;
use leptos::prelude::*;

use self::import::ImportView;
use self::list::SecretList;
use self::loads::{Loads, Part};
use self::one::OneSecret;
use crate::components::{Empty, Failure, Icon, PageHead, Skeleton, Symbol};
use crate::erase::{Erase, Erased, shown};
use crate::pages::wait::wait;
use crate::path;
use crate::viewer::Viewer;

/// The page: `/secrets` is the list, `/secrets/{name}` one of them, `/secrets/import` where they are made of a text.
#[component]
pub fn SecretsPage() -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let loads = Loads::new(viewer.may(Permission::SecretsRead));
    if !viewer.may(Permission::SecretsRead) {
        let text = view! { <p>"Your role may not see which secrets there are. Ask somebody who is a Developer or an Admin."</p> };
        return view! { <PageHead title="Secrets" /> <Empty symbol=Symbol::Key title="Not allowed" text=text.erase() /> }.erase();
    }
    shown(move || match loads.part.get() {
        Part::List => view! { <SecretList loads /> }.erase(),
        Part::Import => view! { <ImportView loads /> }.erase(),
        Part::One(name) => one(name, loads),
    })
    .erase()
}

fn one(name: String, loads: Loads) -> Erased {
    view! {
        <PageHead title=name about=view! { <a href=path::SECRETS>"All secrets"</a> }.erase() />
        {done_line(loads)}
        <Transition fallback=|| view! { <Skeleton lines=8 /> }.erase()>
            {move || Suspend::new(async move {
                match wait(loads.one).await {
                    None => ().erase(),
                    Some(Ok(secret)) => view! { <OneSecret secret loads /> }.erase(),
                    Some(Err(error)) => view! { <Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

/// What the form that led here did.
fn done_line(loads: Loads) -> Erased {
    shown(move || loads.done.get().map(|text| view! { <p class="done" role="status"><Icon symbol=Symbol::Check />{text}</p> }.erase()))
        .erase()
}
