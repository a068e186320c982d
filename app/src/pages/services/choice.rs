//! Choosing services of the list, and what is done with those chosen: boxes and a form that work by themselves.

use api::{Action, Permission, ServiceId};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::query::ListQuery;
use crate::components::{Icon, Notices, Symbol, action_symbol};
use crate::erase::{Erase, shown, text};
use crate::path;
use crate::rpc::matching_services;
use crate::viewer::Viewer;

/// The form that the boxes belong to.
const FORM: &str = "bulk";

/// The services of the list that are chosen; in the context of the rows of those who may do something with them.
#[derive(Clone, Copy)]
pub struct Choice {
    chosen: RwSignal<Vec<ServiceId>>,
    /// Those of the page, which are all that can be chosen until the list is no page any more.
    page: Signal<Vec<ServiceId>>,
    /// How many are in the list.
    count: RwSignal<u64>,
    /// Whether the list is no page any more: then those chosen stay so wherever their rows are.
    is_long: RwSignal<bool>,
    query: StoredValue<ListQuery>,
}

impl Choice {
    /// Puts it into the context; nothing for those who may only look.
    pub fn provide(
        page: Signal<Vec<ServiceId>>,
        count: RwSignal<u64>,
        is_long: RwSignal<bool>,
        query: StoredValue<ListQuery>,
    ) -> Option<Self> {
        let may = expect_context::<Viewer>().may(Permission::ServicesOperate);
        let choice = may.then(|| Self { chosen: RwSignal::new(Vec::new()), page, count, is_long, query });
        provide_context(choice);
        choice
    }

    /// A service isn't there any more.
    #[cfg(feature = "hydrate")]
    pub fn forget(self, id: ServiceId) {
        if self.chosen.with_untracked(|chosen| chosen.contains(&id)) {
            self.chosen.update(|chosen| chosen.retain(|one| *one != id));
        }
    }

    /// Those chosen that are still there; of a page in the order of the list.
    fn ids(self) -> Vec<ServiceId> {
        let chosen = self.chosen.get();
        if self.is_long.get() {
            return chosen;
        }
        self.page.get().into_iter().filter(|id| chosen.contains(id)).collect()
    }

    /// Whether everybody is chosen.
    fn is_all(self) -> bool {
        let all = if self.is_long.get() { self.count.get() } else { self.page.with(Vec::len) as u64 };
        let chosen = self.ids().len() as u64;
        chosen > 0 && chosen == all
    }

    /// Where an action on those chosen is begun.
    fn href(self, action: Action) -> String {
        untrack(|| {
            if self.is_long.get() && self.is_all() {
                self.query.with_value(|query| query.bulk_href(action))
            } else {
                path::bulk(action, self.ids())
            }
        })
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

/// The box that chooses all services of the page, or of a list that is no page any more.
#[component]
pub fn ChooseAll() -> impl IntoView {
    let Some(choice) = use_context::<Option<Choice>>().flatten() else { return ().erase() };
    let notices = use_context::<Notices>();
    let is_asking = RwSignal::new(false);
    let is_ticked = Memo::new(move |_| is_asking.get() || choice.is_all());
    let change = move |event: leptos::ev::Event| {
        if !event_target_checked(&event) {
            is_asking.set(false);
            choice.chosen.set(Vec::new());
        } else if choice.is_long.get_untracked() {
            is_asking.set(true);
            let query = choice.query.with_value(|query| query.0.clone());
            spawn_local(async move {
                let ids = matching_services(query).await;
                // The box may have been unticked meanwhile, or the list left.
                if is_asking.try_get_untracked() != Some(true) {
                    return;
                }
                match (ids, notices) {
                    (Ok(ids), _) => choice.chosen.set(ids),
                    (Err(error), Some(notices)) => notices.bad(format!("Not all services could be chosen: {}", error.0.message)),
                    (Err(_), None) => {}
                }
                is_asking.set(false);
            });
        } else {
            choice.chosen.set(choice.page.get_untracked());
        }
    };
    let is_whole = choice.query.with_value(|query| query.with(|_| ()).is_whole());
    let label = move || match (choice.is_long.get(), is_whole) {
        (false, _) => "Choose all services of this page".to_owned(),
        (true, true) => format!("Choose all {} services", choice.count.get()),
        (true, false) => format!("Choose all {} services that match", choice.count.get()),
    };
    view! {
        <label class="choice choice-all">
            <input type="checkbox" class="choice-box" aria-label=text(label) prop:checked=move || is_ticked.get() on:change=change />
        </label>
    }
    .erase()
}

/// What can be done with those chosen. It is there while a box is ticked, with or without scripts, and while one is chosen whose row isn't
/// in the document.
#[component]
pub fn ChoiceBar(
    /// The choice.
    choice: Choice,
) -> impl IntoView {
    let navigate = use_navigate();
    let go = Callback::new(move |action: Action| {
        navigate(&choice.href(action), NavigateOptions::default());
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
        <form id=FORM class="choice-bar" method="get" action=path::BULK aria-label="With those chosen" data-any=move || (count.get() > 0).then_some("")>
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
    total: RwSignal<u64>,
) -> impl IntoView {
    let links = Action::ALL.iter().map(|action| view! { <a href=query.bulk_href(*action)>{action.label()}</a> });
    let is_whole = query.with(|_| ()).is_whole();
    let which = move || if is_whole { format!("All {} services:", total.get()) } else { format!("All {} that match:", total.get()) };
    let may_delete = expect_context::<Viewer>().may(Permission::ServicesDelete);
    let deleted = may_delete.then(|| view! { <a class="to-deleted" href=path::DELETED>"Deleted services"</a> });
    view! { <p class="all-matching">{text(which)} {links.collect_view()} {deleted}</p> }.erase()
}
