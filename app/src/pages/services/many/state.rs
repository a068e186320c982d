//! What a long list is and what of it is in the document, and how the one follows from the other. Nothing here waits or asks.

use api::{ServiceId, ServiceSort};
use leptos::prelude::*;
use web_sys::Node;

use super::list::List;
use super::pieces::Pieces;
use super::slots::{Place, is_fling};
use super::window::Window;

/// The list and its rows.
pub struct State {
    /// The services.
    pub list: List,
    /// The rows of the document that are wanted, without that with the focus.
    pub range: std::ops::Range<usize>,
    /// What is at the upper edge of the window.
    pub place: Place,
    /// Whether what is on screen is being asked for again.
    pub is_refreshing: bool,
    pieces: Pieces,
    /// The service whose row has the focus, or had it last.
    focus: Option<ServiceId>,
    /// Whether the order changes with time, so that a row isn't followed to where it has gone.
    is_volatile: bool,
    /// Whether the list has changed since it was drawn.
    is_changed: bool,
    /// Whether the height of a row is known, and not guessed.
    is_measured: bool,
    width: f64,
    /// How far the page was scrolled when the list was drawn last.
    scrolled: f64,
}

impl State {
    /// A list of which nothing is drawn yet.
    pub fn new(list: List, pieces: Pieces, sort: ServiceSort, is_measured: bool) -> Self {
        let is_steady = matches!(sort, ServiceSort::Name | ServiceSort::NameDown | ServiceSort::Created | ServiceSort::CreatedDown);
        Self {
            list,
            range: 0..0,
            place: Place::default(),
            is_refreshing: false,
            width: pieces.width(),
            pieces,
            focus: None,
            is_volatile: !is_steady,
            is_changed: true,
            is_measured,
            scrolled: scroll(),
        }
    }

    /// Draws what belongs to where the page is scrolled to. Answers whether it flings past.
    pub fn follow(&mut self, window: Window) -> bool {
        let moved = scroll() - self.scrolled;
        self.scrolled += moved;
        self.draw(window, None);
        is_fling(moved, height())
    }

    /// Draws the list after it has changed.
    pub fn redraw(&mut self, window: Window) {
        self.is_changed = true;
        self.draw(window, None);
    }

    /// Draws the list as if its first row were `top` pixels above the edge of the window; none is where it is. What is seen stays where it
    /// is, whatever becomes of the rows above it.
    pub fn draw(&mut self, window: Window, top: Option<f64>) {
        let is_given = top.is_some();
        let top = top.unwrap_or_else(|| -self.pieces.top());
        let range = self.list.slots.range(top, height());
        if !self.is_changed && !is_given && range == self.range {
            self.place = self.list.slots.place_at(top);
            return;
        }
        self.range = range.clone();
        // At the top one wants to see who comes.
        let seen = if is_given || top <= 0.0 { None } else { self.pieces.first_seen() };
        let focus = self.focus.and_then(|id| self.list.slots.index_of(id));
        self.pieces.show(self.list.slots.pieces(range.clone(), focus), &self.list, window);
        self.is_changed = false;
        if self.measure() {
            self.pieces.stretch(&self.list);
        }
        let moved = seen.and_then(|seen| self.pieces.moved(&seen, !self.is_volatile)).unwrap_or_default();
        if moved.abs() > 0.5 {
            leptos::prelude::window().scroll_by_with_x_and_y(0.0, moved);
            self.scrolled = scroll();
        }
        let top = if is_given { top } else { -self.pieces.top() };
        self.place = self.list.slots.place_at(top);
        self.list.drop_far(range, focus);
    }

    /// Scrolls to a place.
    pub fn go(&mut self, window: Window, place: Place) {
        let y = |state: &Self| state.list.slots.y_of(place.index) + place.past;
        let top = y(self);
        self.draw(window, Some(top));
        // The rows that were drawn may be higher than was thought.
        let to = scroll() + self.pieces.top() + y(self);
        leptos::prelude::window().scroll_to_with_x_and_y(0.0, to);
        self.scrolled = scroll();
        self.redraw(window);
    }

    /// The window has another size: rows may have another height, and what was at its edge stays there.
    pub fn resize(&mut self, window: Window) {
        let width = self.pieces.width();
        if (width - self.width).abs() < 0.5 {
            return self.redraw(window);
        }
        self.width = width;
        self.is_measured = false;
        self.measure();
        let place = self.place;
        if place.past < 0.0 {
            self.pieces.stretch(&self.list);
            self.redraw(window);
        } else {
            self.go(window, Place { past: place.past.min(self.list.slots.height(place.index..place.index + 1)), ..place });
        }
    }

    /// The height of a row.
    pub fn row(&self) -> f64 {
        self.list.slots.row()
    }

    /// Something in the document has got the focus: its row stays there.
    pub fn focus(&mut self, node: &Node) {
        if let Some(id) = self.pieces.service_of(node) {
            self.focus = Some(id);
        }
    }

    /// Learns how high rows are. Answers whether something has to be moved for it.
    fn measure(&mut self) -> bool {
        let heights = self.pieces.heights();
        if heights.is_empty() {
            return false;
        }
        let is_new = !self.is_measured;
        if is_new {
            let sum: f64 = heights.iter().map(|(_, height)| height).sum();
            self.list.slots.measure_anew(sum / heights.len() as f64);
            self.is_measured = true;
        }
        heights.into_iter().fold(is_new, |is_other, (index, height)| self.list.slots.see(index, height) || is_other)
    }
}

/// The height of the window.
fn height() -> f64 {
    window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or_default()
}

/// How far the page is scrolled.
pub fn scroll() -> f64 {
    window().scroll_y().unwrap_or_default()
}
