//! What is told while something is made that takes a while.

use std::sync::Arc;

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// What is being done now, in place of what was done before.
    Doing(String),
    /// A line.
    Line(String),
}

/// Who hears it.
pub type Tell = Arc<dyn Fn(Said) + Send + Sync>;
