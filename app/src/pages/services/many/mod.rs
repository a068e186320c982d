//! A list of more services than one page has. With JavaScript it is one long list of which only the rows around the window are in the
//! document: blocks of it are fetched when they come near. Without, it is pages. What that takes is in a part of the bundle of its own,
//! fetched when a list first is that long.

#[cfg(any(test, feature = "hydrate"))]
#[cfg_attr(not(feature = "hydrate"), allow(dead_code, reason = "only the browser uses all of it"))]
mod list;
#[cfg(feature = "hydrate")]
mod pieces;
#[cfg(any(test, feature = "hydrate"))]
#[cfg_attr(not(feature = "hydrate"), allow(dead_code, reason = "only the browser uses all of it"))]
mod slots;
#[cfg(test)]
mod slots_tests;
#[cfg(feature = "hydrate")]
mod state;
#[cfg(feature = "hydrate")]
mod window;

use leptos::html::Tbody;
use leptos::prelude::*;

use super::choice::Choice;
use super::query::ListQuery;
use crate::pages::rows::Rows;

/// A list that may be longer than a page.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "hydrate"), allow(dead_code, reason = "only the browser uses all of it"))]
pub struct Many {
    /// What the address says.
    pub query: StoredValue<ListQuery>,
    /// The services of the first page.
    pub rows: Rows,
    /// How many match.
    pub count: RwSignal<u64>,
    /// Whether the rows are those around the window, and no longer those of a page.
    pub is_taken: RwSignal<bool>,
    /// Where these rows are.
    pub body: NodeRef<Tbody>,
    /// Which are chosen, for those who may choose.
    pub choice: Option<Choice>,
}

impl Many {
    /// Whether there are more than a page has. What is read from a cursor on stays in pages: nobody knows how many come before it.
    pub fn is_long(self) -> bool {
        let query = self.query.with_value(|query| (query.0.cursor.is_none(), query.0.limit.get() as u64));
        query.0 && self.count.get() > query.1
    }

    /// Takes the place of the page as soon as there are more than it has.
    pub fn watch(self) {
        #[cfg(feature = "hydrate")]
        {
            let Some(owner) = Owner::current() else { return };
            Effect::new(move |_| {
                // A list that another one gives way to is made before it is in the document.
                if self.body.get().is_some() && self.is_long() && !self.is_taken.get_untracked() {
                    let owner = owner.clone();
                    request_animation_frame(move || leptos::task::spawn_local(begin(self, owner)));
                }
            });
        }
    }
}

/// Shows the rows around the window from now on, in a part of the bundle that is fetched for it.
#[cfg(feature = "hydrate")]
#[leptos::wasm_split::wasm_split(many, wasm_split_path = ::leptos::wasm_split)]
fn begin(many: Many, owner: Owner) {
    owner.with(|| window::begin(many));
}
