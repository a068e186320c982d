//! Choosing services of the list, and what is done with those chosen: boxes and a form that work by themselves.

use api::{Action, Permission, ServiceId};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::query::ListQuery;
use crate::components::{Icon, Symbol, action_symbol};
use crate::erase::{Erase, shown, text};
use crate::path;
use crate::viewer::Viewer;

/// The form that the boxes belong to.
const FORM: &str = "bulk";

/// The services of the page that are chosen; in the context of the rows of those who may do something with them.
#[derive(Clone, Copy)]
pub struct Choice {
    chosen: RwSignal<Vec<ServiceId>>,
    /// Those that can be chosen.
    shown: Signal<Vec<ServiceId>>,
}

impl Choice {
    /// Puts it into the context; nothing for those who may only look.
    pub fn provide(shown: Signal<Vec<ServiceId>>) -> Option<Self> {
        let may = expect_context::<Viewer>().may(Permission::ServicesOperate);
        let choice = may.then(|| Self { chosen: RwSignal::new(Vec::new()), shown });
        provide_context(choice);
        choice
    }

    /// Those chosen that are still there, in the order of the list.
    fn ids(self) -> Vec<ServiceId> {
        let chosen = self.chosen.get();
        self.shown.get().into_iter().filter(|id| chosen.contains(id)).collect()
    }
}

/// The box of one service.
#[component]
pub fn ChoiceBox(
    /// Which.
    id: ServiceId,
    /// Its name.
    name: String,
) -> impl IntoView {
    let Some(Choice { chosen, .. }) = use_context::<Option<Choice>>().flatten() else { return ().erase() };
    let change = move |event: leptos::ev::Event| {
        let is_chosen = event_target_checked(&event);
        chosen.update(|chosen| {
            chosen.retain(|one| *one != id);
            if is_chosen {
                chosen.push(id);
            }
        });
    };
    view! {
        <label class="choice">
            <input
                type="checkbox"
                class="choice-box"
                name="id"
                value=id.to_string()
                form=FORM
                aria-label=format!("Choose {name}")
                prop:checked=move || chosen.with(|chosen| chosen.contains(&id))
                on:change=change
            />
        </label>
    }
    .erase()
}

/// The box that chooses all services of the page.
#[component]
pub fn ChooseAll() -> impl IntoView {
    let Some(choice) = use_context::<Option<Choice>>().flatten() else { return ().erase() };
    let is_all = Memo::new(move |_| {
        let (chosen, all) = (choice.ids().len(), choice.shown.with(Vec::len));
        chosen > 0 && chosen == all
    });
    let change = move |event: leptos::ev::Event| {
        choice.chosen.set(if event_target_checked(&event) { choice.shown.get_untracked() } else { Vec::new() });
    };
    view! {
        <label class="choice choice-all">
            <input type="checkbox" class="choice-box" aria-label="Choose all services of this page" prop:checked=move || is_all.get() on:change=change />
        </label>
    }
    .erase()
}

/// What can be done with those chosen. It is there while a box is ticked, with or without scripts.
#[component]
pub fn ChoiceBar(
    /// The choice.
    choice: Choice,
) -> impl IntoView {
    let navigate = use_navigate();
    let go = Callback::new(move |action: Action| {
        let href = path::bulk(action, untrack(|| choice.ids()));
        navigate(&href, NavigateOptions::default());
    });
    let count = Memo::new(move |_| choice.ids().len());
    let buttons = Action::ALL.iter().map(|action| {
        let action = *action;
        let click = move |event: leptos::ev::MouseEvent| {
            event.prevent_default();
            go.run(action);
        };
        view! {
            <button type="submit" class="button" name="action" value=action.as_str() on:click=click>
                <Icon symbol=action_symbol(action) />
                {action.label()}
            </button>
        }
    });
    let words = move || match count.get() {
        0 => "Chosen:".to_owned(),
        count => format!("{count} chosen"),
    };
    let clear = shown(move || {
        let clear = move |_| choice.chosen.set(Vec::new());
        (count.get() > 0).then(|| view! { <button type="button" class="button-icon" aria-label="Choose none" title="Choose none" on:click=clear><Icon symbol=Symbol::Close /></button> })
    });
    view! {
        <form id=FORM class="choice-bar" method="get" action=path::BULK aria-label="With those chosen">
            <span class="choice-count" role="status">{text(words)}</span>
            {buttons.collect_view()}
            {clear}
        </form>
    }
    .erase()
}

/// Leads to what can be done with all that the filter leaves, also those on other pages.
#[component]
pub fn AllMatching(
    /// What the address says.
    query: ListQuery,
    /// How many there are.
    total: u64,
) -> impl IntoView {
    let links = Action::ALL.iter().map(|action| view! { <a href=query.bulk_href(*action)>{action.label()}</a> });
    let which = if query.with(|_| ()).is_whole() { format!("All {total} services:") } else { format!("All {total} that match:") };
    let may_delete = expect_context::<Viewer>().may(Permission::ServicesDelete);
    let deleted = may_delete.then(|| view! { <a class="to-deleted" href=path::DELETED>"Deleted services"</a> });
    view! { <p class="all-matching">{which} {links.collect_view()} {deleted}</p> }.erase()
}
