//! Lists in pages, and how many of something.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// Give it as `cursor` to get the next page; absent on the last one.
    pub next_cursor: Option<String>,
    /// How many there are in all, where that is known without reading them.
    pub total: Option<u64>,
}

impl<T> Page<T> {
    /// A list that is whole on one page.
    pub fn whole(items: Vec<T>) -> Self {
        let total = Some(items.len() as u64);
        Self { items, next_cursor: None, total }
    }
}

/// How many items a page may have: 1 to `MAX`, 100 unless given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Limit<const MAX: u32 = 1000>(u32);

impl<const MAX: u32> Limit<MAX> {
    /// Fails with `validation_failed` outside 1 to `MAX`.
    pub fn new(limit: u32) -> Result<Self> {
        if (1..=MAX).contains(&limit) {
            return Ok(Self(limit));
        }
        Err(Error::invalid("limit", format!("limit is 1 to {MAX}, not {limit}")))
    }

    /// The number.
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

impl<const MAX: u32> Default for Limit<MAX> {
    fn default() -> Self {
        Self(100)
    }
}

impl<const MAX: u32> TryFrom<u32> for Limit<MAX> {
    type Error = Error;

    fn try_from(limit: u32) -> Result<Self> {
        Self::new(limit)
    }
}

impl<const MAX: u32> From<Limit<MAX>> for u32 {
    fn from(limit: Limit<MAX>) -> u32 {
        limit.0
    }
}
