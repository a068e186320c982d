//! The places of a long list: which service is known to be where, how high its row is, and what has to be asked for. Knows nothing of the
//! browser. Heights and distances are in CSS pixels, from the upper edge of the first row.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use api::ServiceId;

/// Places that are asked for at once.
pub const BLOCK: usize = 100;

/// Blocks that are kept; of more, those farthest from what is on screen are dropped.
pub const KEPT: usize = 20;

/// One place of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Slot {
    /// Who is there, as far as it is known.
    id: Option<ServiceId>,
    /// The height of its row as it was last seen; none before.
    height: Option<f64>,
}

/// The places of a list, as many as match.
#[derive(Debug)]
pub struct Slots {
    slots: Vec<Slot>,
    /// What a row is taken to be high that hasn't been seen.
    row: f64,
    /// Blocks that are asked for now.
    asked: BTreeSet<usize>,
    /// Blocks that couldn't be had, and why.
    failed: BTreeMap<usize, String>,
    /// Blocks that may be out of date.
    stale: BTreeSet<usize>,
}

/// What stands in the document, from above.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Room for rows that aren't there.
    Gap(Range<usize>),
    /// The row of a service.
    Row(usize, ServiceId),
    /// A row that is being fetched.
    Waiting(usize),
    /// Rows of a block that couldn't be had.
    Failed(usize, Range<usize>),
}

/// A place to come back to: the row at the upper edge of the window, and how much of it is above that.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    /// Which row, from 0.
    pub index: usize,
    /// How much of it is above the edge; below zero when all of the list is below it.
    pub past: f64,
}

impl Place {
    /// As text, to whole pixels.
    pub fn write(self) -> String {
        format!("row {} {}", self.index, self.past as i64)
    }

    /// Reads what [`Place::write`] has written.
    pub fn read(text: &str) -> Option<Self> {
        let (index, past) = text.strip_prefix("row ")?.split_once(' ')?;
        Some(Self { index: index.parse().ok()?, past: past.parse::<i32>().ok()?.into() })
    }
}

impl Slots {
    /// A list of so many, of which nothing is known; `row` is the height of a row until one is seen.
    pub fn new(total: usize, row: f64) -> Self {
        Self { slots: vec![Slot::default(); total], row, asked: BTreeSet::new(), failed: BTreeMap::new(), stale: BTreeSet::new() }
    }

    /// How many match.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// The height of a row that hasn't been seen.
    pub fn row(&self) -> f64 {
        self.row
    }

    /// How far below the first row the row at `index` begins; its end for one past the last.
    pub fn y_of(&self, index: usize) -> f64 {
        self.height(0..index)
    }

    /// How high the rows of a range are together.
    pub fn height(&self, range: Range<usize>) -> f64 {
        let range = range.start.min(self.len())..range.end.min(self.len());
        self.slots[range].iter().map(|slot| slot.height.unwrap_or(self.row)).sum()
    }

    /// The row at a height; the first above of the list, the last below.
    pub fn index_at(&self, y: f64) -> usize {
        let mut end = 0.0;
        let mut is_above = |slot: &Slot| {
            end += slot.height.unwrap_or(self.row);
            end <= y
        };
        let above = self.slots.iter().copied().take_while(|slot| is_above(slot)).count();
        above.min(self.len().saturating_sub(1))
    }

    /// The place at a height.
    pub fn place_at(&self, y: f64) -> Place {
        let index = self.index_at(y);
        Place { index, past: y - self.y_of(index) }
    }

    /// The rows that should be in the document when `window` pixels are seen from `top` on: as much again on each side.
    pub fn range(&self, top: f64, window: f64) -> Range<usize> {
        if self.slots.is_empty() {
            return 0..0;
        }
        self.index_at(top - window)..self.index_at(top + 2.0 * window) + 1
    }

    /// What stands in the document: the rows of `range`, and that of `focus` wherever it is.
    pub fn pieces(&self, range: Range<usize>, focus: Option<usize>) -> Vec<Piece> {
        let apart = focus.filter(|focus| *focus < self.len() && !range.contains(focus)).map(|focus| focus..focus + 1);
        let mut wanted = vec![range];
        wanted.extend(apart);
        wanted.sort_by_key(|range| range.start);
        let mut pieces = Vec::new();
        let mut at = 0;
        for range in wanted {
            if at < range.start {
                pieces.push(Piece::Gap(at..range.start));
            }
            at = range.end;
            for index in range {
                self.push(&mut pieces, index);
            }
        }
        if at < self.len() {
            pieces.push(Piece::Gap(at..self.len()));
        }
        pieces
    }

    fn push(&self, pieces: &mut Vec<Piece>, index: usize) {
        let block = index / BLOCK;
        match (self.slots.get(index).and_then(|slot| slot.id), pieces.last_mut()) {
            (Some(id), _) => pieces.push(Piece::Row(index, id)),
            (None, Some(Piece::Failed(failed, range))) if *failed == block && range.end == index => range.end += 1,
            (None, _) if self.failed.contains_key(&block) => pieces.push(Piece::Failed(block, index..index + 1)),
            (None, _) => pieces.push(Piece::Waiting(index)),
        }
    }

    /// The blocks that have to be asked for to show `range`.
    pub fn needs(&self, range: Range<usize>) -> Vec<usize> {
        let is_free = |block: &usize| !self.asked.contains(block) && !self.failed.contains_key(block);
        let is_missing = |block: &usize| {
            let places = (block * BLOCK).max(range.start)..((block + 1) * BLOCK).min(range.end);
            self.slots[places].iter().any(|slot| slot.id.is_none())
        };
        blocks(&range).filter(is_free).filter(is_missing).collect()
    }

    /// Whether something in `range` may be out of date.
    pub fn is_stale(&self, range: Range<usize>) -> bool {
        blocks(&range).any(|block| self.stale.contains(&block))
    }

    /// A block is asked for.
    pub fn ask(&mut self, block: usize) {
        self.failed.remove(&block);
        self.asked.insert(block);
    }

    /// It can't be had.
    pub fn fail(&mut self, block: usize, why: String) {
        self.asked.remove(&block);
        self.failed.insert(block, why);
    }

    /// Why it can't be had.
    pub fn failure(&self, block: usize) -> Option<&str> {
        self.failed.get(&block).map(String::as_str)
    }

    /// It isn't asked for any more, and not there either.
    pub fn give_up(&mut self, block: usize) {
        self.asked.remove(&block);
    }

    /// All that is known may be out of date, and what couldn't be had may be had now.
    pub fn doubt(&mut self) {
        self.stale = self.known();
        self.failed.clear();
    }

    /// Takes in an answer: these are the services of the blocks of `range`, and so many match in all. Nobody is in two places after it; when
    /// others have come or gone, the other blocks are doubted.
    pub fn put(&mut self, range: Range<usize>, ids: &[ServiceId], total: usize) {
        if total != self.len() {
            self.stale = self.known();
            self.slots.resize(total, Slot::default());
        }
        for block in blocks(&range) {
            self.asked.remove(&block);
            self.failed.remove(&block);
            self.stale.remove(&block);
        }
        let given: HashSet<ServiceId> = ids.iter().copied().collect();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let new = if range.contains(&index) { ids.get(index - range.start).copied() } else { slot.id.filter(|id| !given.contains(id)) };
            // The height of whoever was there is as good a guess as any, until the row is seen.
            slot.id = new;
        }
    }

    /// Takes one out: those below it move up. Says where it was.
    pub fn remove(&mut self, id: ServiceId) -> Option<usize> {
        let index = self.index_of(id)?;
        self.slots.remove(index);
        Some(index)
    }

    /// Where a service is.
    pub fn index_of(&self, id: ServiceId) -> Option<usize> {
        self.slots.iter().position(|slot| slot.id == Some(id))
    }

    /// A row has been seen, so high. Answers whether that is another height than was thought.
    pub fn see(&mut self, index: usize, height: f64) -> bool {
        let row = self.row;
        self.slots.get_mut(index).is_some_and(|slot| {
            let before = slot.height.replace(height).unwrap_or(row);
            (before - height).abs() > 0.01
        })
    }

    /// Rows are of other heights now, `row` of those that haven't been seen.
    pub fn measure_anew(&mut self, row: f64) {
        self.row = row;
        self.slots.iter_mut().for_each(|slot| slot.height = None);
    }

    /// Drops the blocks farthest from `range` when more than [`KEPT`] are known, but not that of `focus`. Answers whether any was.
    pub fn drop_far(&mut self, range: Range<usize>, focus: Option<usize>) -> bool {
        let mut known: Vec<usize> = self.known().into_iter().collect();
        let surplus = known.len().saturating_sub(KEPT);
        let middle = (range.start + range.end) / 2 / BLOCK;
        known.sort_by_key(|block| std::cmp::Reverse(block.abs_diff(middle)));
        let may_go = |block: &usize| !blocks(&range).any(|one| one == *block) && focus.is_none_or(|focus| focus / BLOCK != *block);
        let gone: Vec<usize> = known.into_iter().filter(may_go).take(surplus).collect();
        for block in &gone {
            self.stale.remove(block);
            let end = ((block + 1) * BLOCK).min(self.len());
            self.slots[block * BLOCK..end].iter_mut().for_each(|slot| slot.id = None);
        }
        !gone.is_empty()
    }

    /// Everybody who is known to be somewhere.
    pub fn ids(&self) -> HashSet<ServiceId> {
        self.slots.iter().filter_map(|slot| slot.id).collect()
    }

    fn known(&self) -> BTreeSet<usize> {
        self.slots.iter().enumerate().filter(|(_, slot)| slot.id.is_some()).map(|(index, _)| index / BLOCK).collect()
    }
}

/// The blocks that a range touches.
pub fn blocks(range: &Range<usize>) -> Range<usize> {
    range.start / BLOCK..range.end.div_ceil(BLOCK).max(range.start / BLOCK)
}

/// The places of the blocks that a range touches, at most as many as one answer has.
pub fn whole(range: &Range<usize>) -> Range<usize> {
    let blocks = blocks(range);
    blocks.start * BLOCK..blocks.end.min(blocks.start + 10) * BLOCK
}

/// Whether somebody who has moved so far since the last look flings past, and wants nothing of what is there.
pub fn is_fling(moved: f64, window: f64) -> bool {
    moved.abs() > window
}
