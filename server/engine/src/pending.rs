//! Ports whose managers haven't been joined to the engine yet: each says so.

use api::ports::{Auth, Logs, System, Users};
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
    Logs { fn page(a: &Caller, b: ServiceId, c: LogQuery) -> Page<LogLine>; }
    Auth {
        fn is_set_up() -> bool;
        fn set_up(a: Setup, b: Origin) -> Tokens;
        fn sign_in(a: Credentials, b: Origin) -> Tokens;
        fn refresh(a: Secret, b: Origin) -> Tokens;
        fn sign_out(a: Secret) -> ();
        fn authenticate(a: &Secret) -> Caller;
        fn me(a: &Caller) -> Me;
        fn sessions(a: &Caller) -> Vec<Session>;
        fn revoke(a: &Caller, b: SessionId) -> ();
        fn change_password(a: &Caller, b: Secret, c: Secret) -> ();
    }
    Users {
        fn list(a: &Caller) -> Vec<User>;
        fn create(a: &Caller, b: NewUser) -> User;
        fn change(a: &Caller, b: UserId, c: UserPatch) -> User;
        fn delete(a: &Caller, b: UserId) -> ();
    }
    System {
        fn report(a: &Caller) -> SystemReport;
        fn ready() -> ();
    }
}
