//! The palette: anything to go to and to do, by a few letters.

mod fuzzy;
mod item;
mod shortcuts;

use api::{Limit, Permission, Service, ServiceQuery};
use leptos::ev::{KeyboardEvent, MouseEvent};
use leptos::html::{Dialog, Input};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::wasm_split;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use self::item::{Deed, Item, deleted_services, find, new_service, of_service, pages, secrets};
use self::shortcuts::ShortcutsDialog;
use crate::components::{Icon, Notices, Performer, Symbol};
use crate::erase::{Erase, Erased, later};
use crate::path;
use crate::rpc::list_services;
use crate::viewer::Viewer;

/// What the palette's part of the bundle has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    /// The palette.
    Palette,
    /// The list of shortcuts, which only keys ask for.
    #[cfg_attr(not(feature = "hydrate"), expect(dead_code))]
    Shortcuts,
}

/// The button that opens the palette, and the shortcuts of the whole app. The palette itself is fetched when it is first wanted. Without
/// JavaScript the button is a link to the services.
#[component]
pub fn PaletteButton() -> impl IntoView {
    let wanted = RwSignal::new(None::<Tool>);
    #[cfg(feature = "hydrate")]
    listen_to_keys(wanted);
    let open = move |event: MouseEvent| {
        event.prevent_default();
        wanted.set(Some(Tool::Palette));
    };
    view! {
        <a class="palette-open" href=path::SERVICES on:click=open aria-keyshortcuts="Control+K Meta+K" aria-haspopup="dialog">
            <Icon symbol=Symbol::Search />
            <span class="palette-open-label">"Find or do"</span>
            <kbd aria-hidden="true">"Ctrl K"</kbd>
        </a>
        {later(move || wanted.get().is_some(), move || tools(wanted))}
    }
    .erase()
}

/// The palette and the list of shortcuts, in a part of the bundle of their own.
#[wasm_split(tools, wasm_split_path = ::leptos::wasm_split)]
fn tools(wanted: RwSignal<Option<Tool>>) -> Erased {
    view! { <Palette wanted /> }.erase()
}

/// The palette and the list of shortcuts, closed until they are wanted.
#[component]
fn Palette(wanted: RwSignal<Option<Tool>>) -> impl IntoView {
    let (dialog, shortcuts, input) = (NodeRef::<Dialog>::new(), NodeRef::<Dialog>::new(), NodeRef::<Input>::new());
    let palette = State::new(dialog, shortcuts, input);
    Effect::new(move |_| {
        match wanted.get() {
            Some(Tool::Palette) => palette.open(),
            Some(Tool::Shortcuts) => palette.show_shortcuts(),
            None => return,
        }
        wanted.set(None);
    });
    view! {
        <dialog class="palette" aria-label="Find or do" node_ref=dialog on:click=move |event| close_outside(dialog, &event)>
            <div class="palette-inside">
                <div class="palette-field">
                    <Icon symbol=Symbol::Search />
                    <input
                        class="palette-input"
                        type="text"
                        role="combobox"
                        aria-label="Find a page, a service or an action"
                        aria-expanded="true"
                        aria-autocomplete="list"
                        aria-controls="palette-list"
                        aria-activedescendant=move || palette.active_id()
                        autocomplete="off"
                        spellcheck="false"
                        placeholder="Page, service or action: restart orders"
                        node_ref=input
                        on:input:target=move |event| palette.ask(event.target().value())
                        on:keydown=move |event| palette.key(&event)
                    />
                </div>
                <Found palette />
                <p class="visually-hidden" role="status">{move || palette.count_text()}</p>
            </div>
        </dialog>
        <ShortcutsDialog dialog=shortcuts />
    }
    .erase()
}

/// What fits, best first.
#[component]
fn Found(palette: State) -> impl IntoView {
    view! {
        <ul class="palette-list" id="palette-list" role="listbox" aria-label="What fits">
            {move || {
                let found = palette.found.get();
                found
                    .into_iter()
                    .enumerate()
                    .map(|(n, item)| {
                        let (label, note, symbol) = (item.label.clone(), item.note, item.symbol);
                        view! {
                            <li
                                class="palette-item"
                                role="option"
                                id=format!("palette-{n}")
                                aria-selected=move || (palette.active.get() == n).to_string()
                                on:click=move |_| palette.run(item.clone())
                                on:pointermove=move |_| palette.point(n)
                            >
                                <Icon symbol />
                                <span class="palette-label">{label}</span>
                                <span class="palette-note">{note}</span>
                            </li>
                        }
                    })
                    .collect_view()
            }}
        </ul>
        {move || palette.found.with(Vec::is_empty).then(|| view! { <p class="palette-none">"Nothing fits. Try fewer letters."</p> })}
    }
    .erase()
}

/// The palette between its parts.
#[derive(Clone, Copy)]
struct State {
    dialog: NodeRef<Dialog>,
    shortcuts: NodeRef<Dialog>,
    input: NodeRef<Input>,
    words: RwSignal<String>,
    items: RwSignal<Vec<Item>>,
    found: Memo<Vec<Item>>,
    active: RwSignal<usize>,
    may_operate: bool,
    may_create: bool,
    may_delete: bool,
    may_read_secrets: bool,
    performer: StoredValue<Performer>,
    notices: Option<Notices>,
    go: Callback<String>,
}

impl State {
    fn new(dialog: NodeRef<Dialog>, shortcuts: NodeRef<Dialog>, input: NodeRef<Input>) -> Self {
        let (words, items) = (RwSignal::new(String::new()), RwSignal::new(pages()));
        let viewer = expect_context::<Viewer>();
        let navigate = use_navigate();
        Self {
            dialog,
            shortcuts,
            input,
            words,
            items,
            found: Memo::new(move |_| items.with(|items| words.with(|words| find(words, items)))),
            active: RwSignal::new(0),
            may_operate: viewer.may(Permission::ServicesOperate),
            may_create: viewer.may(Permission::ServicesCreate),
            may_delete: viewer.may(Permission::ServicesDelete),
            may_read_secrets: viewer.may(Permission::SecretsRead),
            performer: StoredValue::new(Performer::from_context()),
            notices: use_context(),
            go: Callback::new(move |href: String| navigate(&href, NavigateOptions::default())),
        }
    }

    /// Opens with an empty field, and fetches what there is.
    fn open(self) {
        let Some(dialog) = self.dialog.get_untracked() else { return };
        show(&dialog);
        self.ask(String::new());
        if let Some(input) = self.input.get_untracked() {
            input.set_value("");
        }
        spawn_local(async move {
            let query = ServiceQuery { limit: Limit::new(1000).unwrap_or_default(), ..ServiceQuery::default() };
            // Without an answer the pages are still there; the connection chip says why.
            let Ok(page) = list_services(query).await else { return };
            let services = page.items.iter().flat_map(|service| of_service(service, self.may_operate));
            let own =
                new_service(self.may_create).into_iter().chain(deleted_services(self.may_delete)).chain(secrets(self.may_read_secrets));
            self.items.set(pages().into_iter().chain(own).chain(services).collect());
        });
    }

    fn ask(self, words: String) {
        self.words.set(words);
        self.active.set(0);
    }

    fn point(self, n: usize) {
        if self.active.get_untracked() != n {
            self.active.set(n);
        }
    }

    fn active_id(self) -> Option<String> {
        let (active, count) = (self.active.get(), self.found.with(Vec::len));
        (active < count).then(|| format!("palette-{active}"))
    }

    fn count_text(self) -> String {
        match self.found.with(Vec::len) {
            0 => "Nothing fits".into(),
            1 => "1 fits".into(),
            count => format!("{count} fit"),
        }
    }

    fn key(self, event: &KeyboardEvent) {
        let (active, count) = (self.active.get_untracked(), self.found.with_untracked(Vec::len));
        let next = match event.key().as_str() {
            "ArrowDown" if count > 0 => (active + 1) % count,
            "ArrowUp" if count > 0 => (active + count - 1) % count,
            "Home" if event.ctrl_key() => 0,
            "End" if event.ctrl_key() => count.saturating_sub(1),
            "Enter" => {
                event.prevent_default();
                if let Some(item) = self.found.with_untracked(|found| found.get(active).cloned()) {
                    self.run(item);
                }
                return;
            }
            _ => return,
        };
        event.prevent_default();
        self.active.set(next);
        scroll_to(next);
    }

    fn run(self, item: Item) {
        if let Some(dialog) = self.dialog.get_untracked() {
            hide(&dialog);
        }
        match item.deed {
            Deed::Go(href) => self.go.run(href),
            Deed::Leave(href) => leave(href),
            Deed::ShowShortcuts => self.show_shortcuts(),
            Deed::Act(action, service) => {
                let (service, failure) = (RwSignal::new(*service), RwSignal::new(None::<String>));
                self.performer.with_value(|performer| performer.perform(action, service, failure));
                self.report(service, failure, action.label());
            }
        }
    }

    /// Says that an action was asked for, or why it failed.
    fn report(self, service: RwSignal<Service>, failure: RwSignal<Option<String>>, label: &'static str) {
        let Some(notices) = self.notices else { return };
        let before = service.with_untracked(|service| service.status);
        Effect::new(move |was_told: Option<bool>| {
            let (text, status) = (failure.get(), service.with(|service| service.status));
            match (was_told.unwrap_or(false), text) {
                (_, Some(text)) => notices.bad(text),
                (false, None) if status != before => {
                    notices.good(service.with_untracked(|service| format!("{label} asked: {}", service.name)));
                    return true;
                }
                (told, None) => return told,
            }
            true
        });
    }

    fn show_shortcuts(self) {
        if let Some(dialog) = self.shortcuts.get_untracked() {
            show(&dialog);
        }
    }
}

/// The browser's side of the palette.
#[cfg(feature = "hydrate")]
mod browser {
    use leptos::ev::MouseEvent;
    use leptos::html::Dialog;
    use leptos::prelude::*;
    use wasm_bindgen::JsCast;
    use web_sys::{HtmlDialogElement, HtmlElement, KeyboardEvent};

    use leptos_router::NavigateOptions;
    use leptos_router::hooks::use_navigate;

    use super::Tool;
    use super::shortcuts::{Wish, wish};

    /// Milliseconds within which the second key of a sequence has to come.
    const SEQUENCE: f64 = 1_200.0;

    pub fn listen_to_keys(wanted: RwSignal<Option<Tool>>) {
        let began = StoredValue::new(0.0);
        let navigate = use_navigate();
        let handle = window_event_listener(leptos::ev::keydown, move |event: KeyboardEvent| {
            let now = web_sys::js_sys::Date::now();
            let is_second = now - began.get_value() < SEQUENCE;
            let with_control = event.ctrl_key() || event.meta_key();
            if event.alt_key() || document().query_selector("dialog[open]").ok().flatten().is_some() {
                return;
            }
            let Some(wish) = wish(&event.key(), with_control, is_typing(&event), is_second) else { return };
            event.prevent_default();
            began.set_value(if wish == Wish::Sequence { now } else { 0.0 });
            match wish {
                Wish::Palette => wanted.set(Some(Tool::Palette)),
                Wish::Search => search(wanted),
                Wish::Shortcuts => wanted.set(Some(Tool::Shortcuts)),
                Wish::Sequence => {}
                Wish::Go(href) => navigate(href, NavigateOptions::default()),
            }
        });
        on_cleanup(move || handle.remove());
    }

    fn is_typing(event: &KeyboardEvent) -> bool {
        let target = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
        target.is_some_and(|target| matches!(target.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT") || target.is_content_editable())
    }

    /// Goes to the search field of the page, else opens the palette.
    fn search(wanted: RwSignal<Option<Tool>>) {
        let field = document().query_selector("main input[type=search]").ok().flatten();
        match field.and_then(|field| field.dyn_into::<HtmlElement>().ok()) {
            Some(field) => drop(field.focus()),
            None => wanted.set(Some(Tool::Palette)),
        }
    }

    pub fn show(dialog: &HtmlDialogElement) {
        // Refused only when it is open already.
        let _ = dialog.show_modal();
    }

    pub fn hide(dialog: &HtmlDialogElement) {
        dialog.close();
    }

    /// Closes the dialog when the click was beside it: then the dialog itself is what was clicked.
    pub fn close_outside(dialog: NodeRef<Dialog>, event: &MouseEvent) {
        let Some(dialog) = dialog.get_untracked() else { return };
        if event.target().is_some_and(|target| target == *dialog.unchecked_ref::<web_sys::EventTarget>()) {
            dialog.close();
        }
    }

    pub fn scroll_to(n: usize) {
        if let Some(item) = document().get_element_by_id(&format!("palette-{n}")) {
            item.scroll_into_view_with_bool(false);
        }
    }

    pub fn leave(href: &str) {
        // Refused only while the page is being left already.
        let _ = window().location().set_href(href);
    }
}

/// There is no palette on the server beyond its markup.
#[cfg(not(feature = "hydrate"))]
mod browser {
    use leptos::ev::MouseEvent;
    use leptos::html::Dialog;
    use leptos::prelude::NodeRef;
    use leptos::web_sys::HtmlDialogElement;

    pub fn show(_: &HtmlDialogElement) {}

    pub fn hide(_: &HtmlDialogElement) {}

    pub fn close_outside(_: NodeRef<Dialog>, _: &MouseEvent) {}

    pub fn scroll_to(_: usize) {}

    pub fn leave(_: &str) {}
}

use browser::*;
