//! Ports whose managers haven't been joined to the engine yet: each says so.

use api::ports::System;
use api::*;
use async_trait::async_trait;

/// Answers `unavailable` to everything.
pub(crate) struct Pending;

macro_rules! pending {
    ($($port:ident { $(fn $name:ident($($arg:ident: $ty:ty),*) -> $out:ty;)+ })+) => {$(
        #[async_trait]
        impl $port for Pending {
            $(async fn $name(&self, $($arg: $ty),*) -> Result<$out> {
                $(let _ = $arg;)*
                Err(Error::unavailable("this part of Pilothouse isn't there yet"))
            })+
        }
    )+};
}

pending! {
    System {
        fn report(a: &Caller) -> SystemReport;
        fn ready() -> ();
    }
}
