//! Figures as pictures: charts drawn with plotters, and sparklines.
//!
//! A drawing has no text and no size of its own: axes and readouts are text of the page, so that nothing is measured by fonts
//! and nothing is distorted. Colours in a drawing stand for tokens that `style/chart.css` maps.

mod axis;
mod chart;
mod decimal;
mod mark;
mod plot;
mod sparkline;
mod unit;

pub use chart::{Chart, local_offset, provide_cursor};
pub use decimal::decimal;
pub use mark::{Mark, Marks, list as mark_list, provide_marks};
pub use plot::{Line, Plot};
pub use sparkline::Sparkline;
pub use unit::Unit;
