//! The live client: one WebSocket per tab that all parts of a page share.
//!
//! A page first shows what the server rendered. In the browser it then calls [`use_feed`], which subscribes while the component
//! lives and compiles to nothing on the server. After a break the client goes on where it was, or tells its listeners to
//! [`Incoming::Reload`] or what is [`Incoming::Missing`]; nothing is lost in silence. When WebSockets are blocked, listeners are
//! told to reload every five seconds instead. [`ConnectionChip`] shows all of that.

mod chip;
#[cfg(feature = "hydrate")]
mod client;
mod connection;
mod feed;
#[cfg(feature = "hydrate")]
mod refresh;
#[cfg(feature = "hydrate")]
mod table;
#[cfg(feature = "hydrate")]
mod timer;

pub use chip::ConnectionChip;
pub use connection::Connection;
pub use feed::{Frame, Incoming, Live, provide_live, use_feed, use_feed_from};
#[cfg(feature = "hydrate")]
pub use refresh::keep_signed_in;
