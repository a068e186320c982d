//! The rows and gaps of a long list in the document: each is made once, stays where it is while it is wanted, and is taken out after that.

use std::collections::{HashMap, HashSet};

use api::ServiceId;
use leptos::prelude::*;
use leptos::tachys::view::{Mountable, Render};
use leptos::wasm_bindgen::JsCast;
use web_sys::{HtmlElement, Node};

use super::list::List;
use super::slots::Piece;
use super::window::Window;
use crate::charts::decimal;
use crate::components::{Icon, Symbol, sentence};
use crate::erase::{Erase, Erased};
use crate::pages::services::row::ServiceRow;

/// The columns that the table has at every width where it is one: spanning more would make more of them, which take from the name.
const COLUMNS: &str = "7";

/// What makes a piece the same as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// Before all rows, between them, or after all.
    Gap(Where),
    Row(ServiceId),
    Waiting(usize),
    /// By its block and its number in that, from above.
    Failed(usize, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Where {
    Before,
    Between,
    After,
}

/// One piece in the document.
struct Mounted {
    key: Key,
    piece: Piece,
    /// Its row of the table.
    element: HtmlElement,
    state: Box<dyn Mountable>,
    owner: Owner,
}

/// All pieces in the document, from above.
pub struct Pieces {
    body: HtmlElement,
    owner: Owner,
    mounted: Vec<Mounted>,
}

/// A row that is seen, and how far below the upper edge of the window.
pub struct Seen {
    id: Option<ServiceId>,
    index: usize,
    top: f64,
}

impl Pieces {
    /// None yet; they will be in `body`.
    pub fn new(body: HtmlElement, owner: Owner) -> Self {
        Self { body, owner, mounted: Vec::new() }
    }

    /// How far the first row is below the upper edge of the window.
    pub fn top(&self) -> f64 {
        self.body.get_bounding_client_rect().top()
    }

    /// How wide the table is.
    pub fn width(&self) -> f64 {
        let table = self.body.parent_node().and_then(|table| table.dyn_into::<HtmlElement>().ok());
        table.map(|table| table.get_bounding_client_rect().width()).unwrap_or_default()
    }

    /// Makes the document have exactly these pieces. What was there and is wanted still isn't touched.
    pub fn show(&mut self, pieces: Vec<Piece>, list: &List, window: Window) {
        let keyed = keyed(pieces);
        let wanted: HashSet<Key> = keyed.iter().map(|(key, _)| *key).collect();
        let (kept, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut self.mounted).into_iter().partition(|one| wanted.contains(&one.key));
        gone.into_iter().for_each(Mounted::unmount);
        let mut kept: HashMap<Key, Mounted> = kept.into_iter().map(|one| (one.key, one)).collect();
        let mut marker: Option<Node> = None;
        for (key, piece) in keyed.into_iter().rev() {
            let one = match kept.remove(&key) {
                Some(mut one) => {
                    if one.piece != piece {
                        one.piece = piece;
                        one.number();
                    }
                    Some(one)
                }
                None => self.make(key, piece, list, window),
            };
            let Some(mut one) = one else { continue };
            if one.element.parent_node().is_none() || one.element.next_sibling() != marker {
                one.state.mount(&self.body, marker.as_ref());
            }
            marker = Some(one.element.clone().into());
            self.mounted.push(one);
        }
        self.mounted.reverse();
        self.stretch(list);
    }

    /// Gives what isn't a row the height of the rows that it stands for.
    pub fn stretch(&self, list: &List) {
        for one in &self.mounted {
            let height = match &one.piece {
                Piece::Row(..) => continue,
                Piece::Gap(range) | Piece::Failed(_, range) => list.slots.height(range.clone()),
                Piece::Waiting(index) => list.slots.height(*index..index + 1),
            };
            if let Some(cell) = one.element.first_child() {
                // Only a style that can't be read is refused.
                let _ = cell.unchecked_into::<HtmlElement>().style().set_property("height", &format!("{}px", decimal(height, 2)));
            }
        }
    }

    /// The rows and how high they are.
    pub fn heights(&self) -> Vec<(usize, f64)> {
        let rows = self.mounted.iter().filter_map(|one| match one.piece {
            Piece::Row(index, _) => Some((index, one.element.get_bounding_client_rect().height())),
            _ => None,
        });
        rows.collect()
    }

    /// The first row that is seen.
    pub fn first_seen(&self) -> Option<Seen> {
        self.mounted.iter().find_map(|one| {
            let (id, index) = match one.piece {
                Piece::Row(index, id) => (Some(id), index),
                Piece::Waiting(index) => (None, index),
                _ => return None,
            };
            let rect = one.element.get_bounding_client_rect();
            (rect.top() + rect.height() > 1.0).then(|| Seen { id, index, top: rect.top() })
        })
    }

    /// How far a row that was seen has moved down in the window: the row of that service, or what is in its place now.
    pub fn moved(&self, seen: &Seen, by_id: bool) -> Option<f64> {
        let of = |piece: &Piece| match piece {
            Piece::Row(index, id) => Some((Some(*id), *index)),
            Piece::Waiting(index) => Some((None, *index)),
            _ => None,
        };
        let is_same = |one: &&Mounted| by_id && seen.id.is_some() && of(&one.piece).is_some_and(|(id, _)| id == seen.id);
        let is_there = |one: &&Mounted| of(&one.piece).is_some_and(|(_, index)| index == seen.index);
        let now = self.mounted.iter().find(is_same).or_else(|| self.mounted.iter().find(is_there))?;
        Some(now.element.get_bounding_client_rect().top() - seen.top)
    }

    /// The service whose row has `node` in it.
    pub fn service_of(&self, node: &Node) -> Option<ServiceId> {
        self.mounted.iter().find_map(|one| match one.piece {
            Piece::Row(_, id) if one.element.contains(Some(node)) => Some(id),
            _ => None,
        })
    }

    fn make(&self, key: Key, piece: Piece, list: &List, window: Window) -> Option<Mounted> {
        let (state, owner) = match &piece {
            Piece::Gap(_) => self.build(|| room().erase()),
            Piece::Waiting(_) => self.build(|| waiting().erase()),
            Piece::Row(_, id) => {
                let service = list.row(*id)?.service.clone();
                self.build(move || view! { <ServiceRow service=RwSignal::from(service) /> }.erase())
            }
            Piece::Failed(block, _) => {
                let (block, why) = (*block, list.slots.failure(*block).unwrap_or_default().to_owned());
                self.build(move || failed(why, move || leptos::task::spawn_local(async move { window.fetch(block) })).erase())
            }
        };
        let element = state.elements().into_iter().next()?.unchecked_into();
        let one = Mounted { key, piece, element, state, owner };
        one.number();
        Some(one)
    }

    fn build(&self, make: impl FnOnce() -> Erased) -> (Box<dyn Mountable>, Owner) {
        let owner = self.owner.child();
        let state: Box<dyn Mountable> = owner.with(|| Box::new(Render::build(make())));
        (state, owner)
    }
}

impl Mounted {
    fn unmount(mut self) {
        self.state.unmount();
        self.owner.cleanup();
    }

    /// Says which row of the table it is; the first is that of the column heads.
    fn number(&self) {
        if let Piece::Row(index, _) = self.piece {
            let _ = self.element.set_attribute("aria-rowindex", &(index + 2).to_string());
        }
    }
}

fn keyed(pieces: Vec<Piece>) -> Vec<(Key, Piece)> {
    let last = pieces.len().saturating_sub(1);
    let mut failures = HashMap::new();
    let mut key = |(index, piece): (usize, &Piece)| match piece {
        Piece::Gap(_) if index == 0 => Key::Gap(Where::Before),
        Piece::Gap(_) if index == last => Key::Gap(Where::After),
        Piece::Gap(_) => Key::Gap(Where::Between),
        Piece::Row(_, id) => Key::Row(*id),
        Piece::Waiting(index) => Key::Waiting(*index),
        Piece::Failed(block, _) => {
            let number: &mut usize = failures.entry(*block).or_default();
            *number += 1;
            Key::Failed(*block, *number)
        }
    };
    pieces.into_iter().enumerate().map(|(index, piece)| (key((index, &piece)), piece)).collect()
}

// The styles here are set through the object model, which the policy of the page allows as it does none in markup: a server never writes
// these rows.

/// Room for rows that aren't there.
fn room() -> impl IntoView {
    view! { <tr aria-hidden="true"><td colspan=COLUMNS style:padding="0" style:border="0"></td></tr> }
}

/// A row that is being fetched.
fn waiting() -> impl IntoView {
    view! {
        <tr aria-hidden="true">
            <td colspan=COLUMNS style:width="100%">
                <div class="skeleton-line" style:height="1rem"></div>
            </td>
        </tr>
    }
}

/// Rows that couldn't be had, and a way to try again.
fn failed(why: String, again: impl Fn() + 'static) -> impl IntoView {
    view! {
        <tr>
            <td colspan=COLUMNS style:width="100%" style:vertical-align="top">
                // As high as all that is missing: it should be seen wherever one is among them.
                <div class="failure" role="alert" style:position="sticky" style:top="7rem">
                    <Icon symbol=Symbol::Warning />
                    <div class="failure-text"><p class="failure-title">"These services can't be shown now"</p><p>{sentence(&why)}</p></div>
                    <button type="button" class="button" on:click=move |_| again()>"Try again"</button>
                </div>
            </td>
        </tr>
    }
}
