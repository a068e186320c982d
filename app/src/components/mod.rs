//! The parts that pages are made of. Each is named by a noun, and its style has the same name in kebab case.

mod ago;
mod asked;
mod confirm;
mod copy;
mod discover_button;
mod done;
mod empty;
mod event_line;
mod failure;
mod field;
mod frame;
mod icon;
mod live_form;
mod menu;
mod nav;
mod notices;
mod page_head;
mod service_actions;
mod skeleton;
mod state_mark;
mod theme_switch;
mod user_menu;

pub use ago::{Ago, Clock, provide_clock, whole};
#[cfg(feature = "hydrate")]
pub use asked::ask;
pub use asked::{Asked, reason_list, reasons};
pub use confirm::{Confirm, ConfirmPlace, Question};
pub use copy::CopyButton;
pub use discover_button::DiscoverButton;
pub use done::Done;
pub use empty::Empty;
pub use event_line::EventLine;
pub use failure::{Failure, sentence};
pub use field::{Field, RestartField, RunAsField, Takes};
pub use frame::Frame;
#[cfg(feature = "ssr")]
pub use frame::{Brand, FormFailure};
pub use icon::{Icon, Symbol};
#[cfg(feature = "hydrate")]
pub use live_form::post_form;
pub use live_form::{FormFaults, LiveForm, faults};
pub use notices::{Notices, NoticesPlace};
pub use page_head::PageHead;
pub use service_actions::{Performer, ServiceActions, action_symbol, action_url};
pub use skeleton::Skeleton;
pub use state_mark::{HealthMark, StatusMark, status_shape};
