//! A long list in the browser: it hears of scrolling, of what the feed says and of answers, and asks for what is missing.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use api::{Page, Service, ServiceId, Topic};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::{JsCast, JsValue};
use serde::Deserialize;
use web_sys::{HtmlElement, Node};

use super::Many;
use super::list::{List, News};
use super::pieces::Pieces;
use super::slots::{BLOCK, Place, whole};
use super::state::State;
use crate::live::{Incoming, use_feed};
use crate::pages::rows::Soon;
use crate::rpc::{RpcResult, list_services};
use crate::viewer::Viewer;

/// How long after the last scrolling somebody is taken to look.
const PAUSE: Duration = Duration::from_millis(100);

/// The height of a row as it was last measured, for the next list; the bits of a number, 0 before.
static ROW: AtomicU32 = AtomicU32::new(0);

/// A long list; lives as long as the component that it was begun in.
#[derive(Clone, Copy)]
pub struct Window {
    many: Many,
    /// None while it is being worked on.
    state: StoredValue<Option<State>, LocalStorage>,
    /// Asks again for what is on screen.
    refresh: StoredValue<Option<Soon>>,
    /// Runs out when nobody has scrolled for a while.
    pause: StoredValue<Option<TimeoutHandle>>,
    /// The address that the list is at.
    here: StoredValue<String>,
}

#[derive(Deserialize)]
struct Removed {
    id: ServiceId,
}

/// Takes the place of the page of a list.
pub fn begin(many: Many) {
    if many.is_taken.try_get_untracked() != Some(false) {
        return;
    }
    let (Some(body), Some(owner)) = (many.body.get_untracked(), Owner::current()) else { return };
    let body: HtmlElement = body.unchecked_into();
    let page = body.previous_element_sibling().and_then(|page| page.dyn_into::<HtmlElement>().ok());
    let first = untrack(|| many.rows.get());
    let edge = page.as_ref().map(|page| page.get_bounding_client_rect()).unwrap_or_else(|| body.get_bounding_client_rect());
    let is_shown = edge.height() > 0.0 && !first.is_empty();
    let row = if is_shown { edge.height() / first.len() as f64 } else { f64::from(f32::from_bits(ROW.load(Ordering::Relaxed))) };
    if let Some(page) = page.filter(|_| is_shown) {
        // The rows of the page go away a moment later; until then they are in the way.
        let _ = page.style().set_property("display", "none");
    }
    many.is_taken.set(true);
    let query = many.query.with_value(|query| query.0.clone());
    let (sort, total) = (query.sort, usize::try_from(many.count.get_untracked()).unwrap_or_default());
    // Without a height yet any will do: the first rows that are drawn give it.
    let list = List::new(query, first, total, if row > 0.0 { row } else { 52.0 }, expect_context::<Viewer>().now);
    let state = State::new(list, Pieces::new(body, owner), sort, false);
    let window = Window {
        many,
        state: StoredValue::new_local(Some(state)),
        refresh: StoredValue::new(None),
        pause: StoredValue::new(None),
        here: StoredValue::new(here()),
    };
    window.refresh.set_value(Some(Soon::new(move || window.refresh())));
    window.listen();
    let saved = history().and_then(|history| history.state().ok()?.as_string()).and_then(|text| Place::read(&text));
    window.with(|state| {
        state.draw(window, Some(-edge.top()));
        ROW.store((state.row() as f32).to_bits(), Ordering::Relaxed);
        match saved {
            Some(place) => state.go(window, place),
            None => state.redraw(window),
        }
    });
    window.ask();
}

impl Window {
    fn listen(self) {
        let handles = [
            window_event_listener_untyped("scroll", move |_| self.scrolled()),
            window_event_listener_untyped("resize", move |_| {
                self.with(|state| state.resize(self));
                self.ask();
            }),
            window_event_listener_untyped("focusin", move |event| {
                if let Some(node) = event.target().and_then(|target| target.dyn_into::<Node>().ok()) {
                    self.with(|state| state.focus(&node));
                }
            }),
            // Before a link leads away.
            window_event_listener_untyped("pointerdown", move |_| self.save()),
            window_event_listener_untyped("keydown", move |_| self.save()),
        ];
        anchor("none");
        on_cleanup(move || {
            handles.into_iter().for_each(WindowListenerHandle::remove);
            anchor("");
            if let Some(Some(handle)) = self.pause.try_get_value() {
                handle.clear();
            }
        });
        use_feed(|| Some(Topic::Dashboard), move |incoming| self.take(incoming));
    }

    /// Works on the state; does nothing when that is being done already, or the list is gone.
    fn with<T>(self, act: impl FnOnce(&mut State) -> T) -> Option<T> {
        let mut state = self.state.try_update_value(Option::take).flatten()?;
        let value = act(&mut state);
        let _ = self.state.try_set_value(Some(state));
        Some(value)
    }

    fn scrolled(self) {
        let is_fling = self.with(|state| state.follow(self)).unwrap_or_default();
        if let Some(Some(handle)) = self.pause.try_get_value() {
            handle.clear();
        }
        let rest = move || {
            self.pause.try_set_value(None);
            self.ask();
            self.save();
        };
        self.pause.try_set_value(set_timeout_with_handle(rest, PAUSE).ok());
        if !is_fling {
            self.ask();
        }
    }

    /// Asks for what is missing of the rows that are wanted.
    fn ask(self) {
        let wanted = self.with(|state| {
            let (slots, range) = (&state.list.slots, state.range.clone());
            (slots.needs(range.clone()), slots.is_stale(range))
        });
        let Some((blocks, is_stale)) = wanted else { return };
        blocks.into_iter().for_each(|block| self.fetch(block));
        if is_stale {
            self.refresh_soon();
        }
    }

    /// Asks for a block.
    pub fn fetch(self, block: usize) {
        let range = block * BLOCK..(block + 1) * BLOCK;
        let query = self.with(|state| {
            state.list.slots.ask(block);
            state.redraw(self);
            state.list.ask(&range)
        });
        let Some(query) = query else { return };
        spawn_local(async move {
            let page = list_services(query).await;
            self.with(|state| {
                if let Err(error) = &page {
                    state.list.slots.fail(block, error.0.message.clone());
                } else {
                    state.list.slots.give_up(block);
                }
            });
            self.answered(range, page);
        });
    }

    /// Asks again for what is on screen, all of it at once, so that it fits together.
    fn refresh(self) {
        let asked = self.with(|state| {
            if std::mem::replace(&mut state.is_refreshing, true) {
                return None;
            }
            let range = whole(&state.range);
            Some((state.list.ask(&range), range))
        });
        match asked {
            Some(Some((query, range))) => spawn_local(async move {
                let page = list_services(query).await;
                self.with(|state| state.is_refreshing = false);
                // A failed one leaves what is shown; the connection chip says that it is old.
                self.answered(range, page);
            }),
            // The answer that is under way may be older than what it was asked again for.
            Some(None) => self.refresh_soon(),
            None => {}
        }
    }

    fn refresh_soon(self) {
        self.refresh.try_with_value(|refresh| {
            if let Some(refresh) = refresh {
                refresh.ask();
            }
        });
    }

    fn answered(self, range: Range<usize>, page: RpcResult<Page<Service>>) {
        let is_new = page.is_ok();
        let is_taken = self.with(|state| {
            let is_taken = page.is_ok_and(|page| state.list.put(range, page));
            state.redraw(self);
            is_taken
        });
        let Some(is_taken) = is_taken else { return };
        self.recount();
        match (is_new, is_taken) {
            (true, false) => self.refresh_soon(),
            (true, true) => self.ask(),
            (false, _) => {}
        }
    }

    fn take(self, incoming: &Incoming) {
        let news = match incoming {
            Incoming::Frame(frame) => match frame.kind.as_str() {
                "service" => frame.read::<Service>().and_then(|service| self.with(|state| state.list.take(&service))),
                "removed" => frame.read::<Removed>().and_then(|Removed { id }| self.remove(id)),
                _ => None,
            },
            Incoming::Reload | Incoming::Missing(_) => self.with(|state| {
                state.list.doubt();
                News::Order
            }),
        };
        if news == Some(News::Order) {
            self.refresh_soon();
        }
    }

    fn remove(self, id: ServiceId) -> Option<News> {
        let news = self.with(|state| {
            let news = state.list.remove(id);
            state.redraw(self);
            news
        });
        if let Some(choice) = self.many.choice {
            choice.forget(id);
        }
        self.recount();
        self.ask();
        news
    }

    fn recount(self) {
        let count = self.with(|state| state.list.slots.len() as u64);
        if let Some(count) = count.filter(|count| self.many.count.try_get_untracked().is_some_and(|shown| shown != *count)) {
            self.many.count.try_set(count);
        }
    }

    /// Notes in the history where the list is, so that going back leads there.
    fn save(self) {
        let place = self.with(|state| state.place);
        let (Some(place), true) = (place, self.here.try_get_value().is_some_and(|at| at == here())) else { return };
        let text = place.write();
        if let Some(history) = history()
            && history.state().ok().and_then(|state| state.as_string()).as_ref() != Some(&text)
        {
            // A browser that has had enough of it refuses; then going back leads a little elsewhere.
            let _ = history.replace_state_with_url(&JsValue::from_str(&text), "", None);
        }
    }
}

/// Whether the browser keeps what is seen in place by itself: a list that does so has to be the only one.
fn anchor(value: &str) {
    if let Some(root) = document().document_element().and_then(|root| root.dyn_into::<HtmlElement>().ok()) {
        let _ = root.style().set_property("overflow-anchor", value);
    }
}

fn here() -> String {
    let location = window().location();
    location.pathname().unwrap_or_default() + &location.search().unwrap_or_default()
}

fn history() -> Option<web_sys::History> {
    window().history().ok()
}
