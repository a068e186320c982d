//! Accounts on both databases.

use std::sync::Arc;

use api::ports::{Auth, Users};
use api::{
    Caller, Credentials, ErrorCode, EventKind, EventQuery, NewUser, Origin, Role, Secret, Setup, Timestamp, Tokens, User, UserPatch,
};
use futures::future::join_all;

use super::Manager;
use crate::testing::TestStore;
use crate::{Clock, Core, on_each_store};

const PASSWORD: &str = "correct horse battery";

/// An instance on a stopped clock.
pub(super) async fn instance(test: &TestStore, clock: &Clock) -> Arc<Manager> {
    Manager::new(test.core(clock.clone()).await)
}

pub(super) fn clock() -> Clock {
    Clock::stopped(Timestamp::from_micros(1_800_000_000_000_000))
}

pub(super) fn origin() -> Origin {
    Origin { address: "127.0.0.1".into(), user_agent: "a test".into() }
}

pub(super) async fn make(manager: &Manager, username: &str, role: Role) -> User {
    let new = NewUser { username: username.into(), password: Secret::new(PASSWORD), role };
    manager.create(&Caller::system(), new).await.expect("the user is made")
}

async fn try_sign_in(manager: &Manager, username: &str, password: &str) -> api::Result<Tokens> {
    manager.sign_in(Credentials { username: username.into(), password: Secret::new(password) }, origin()).await
}

pub(super) async fn sign_in(manager: &Manager, username: &str) -> (Tokens, Caller) {
    let tokens = try_sign_in(manager, username, PASSWORD).await.expect("they sign in");
    let caller = manager.authenticate(&tokens.access_token).await.expect("the token is good");
    (tokens, caller)
}

async fn refresh(manager: &Manager, token: &Secret) -> api::Result<Tokens> {
    manager.refresh(token.clone(), origin()).await
}

pub(super) async fn kinds(core: &Core) -> Vec<EventKind> {
    let page = core.events.list(&EventQuery::default(), true).await.expect("events are listed");
    page.items.iter().rev().map(|event| event.kind).collect()
}

pub(super) fn code<T: std::fmt::Debug>(result: api::Result<T>) -> ErrorCode {
    result.expect_err("it is refused").code
}

on_each_store! {
    async fn who_signs_in_is_who_they_are_in_any_case_of_the_name(test: TestStore) {
        let manager = instance(&test, &clock()).await;
        let user = make(&manager, "Ann", Role::Developer).await;
        let (tokens, caller) = sign_in(&manager, "aNN").await;
        assert_eq!((caller.user_id, caller.name.as_str(), caller.role), (Some(user.id), "Ann", Role::Developer));
        assert_eq!((tokens.token_type.as_str(), tokens.expires_in), ("Bearer", 300));
        let me = manager.me(&caller).await.expect("they are told");
        assert!(me.user.last_sign_in.is_some() && me.session_id == caller.session_id);
        assert!(me.permissions.contains(&"services:operate".into()) && !me.permissions.contains(&"users:manage".into()));
        for refused in [manager.list(&caller).await.map(|_| ()), manager.delete(&caller, user.id).await] {
            assert_eq!(code(refused), ErrorCode::Forbidden);
        }
        assert_eq!(kinds(&manager.core).await, [EventKind::UserCreated, EventKind::SignedIn]);
    }

    async fn a_wrong_name_and_a_wrong_password_get_the_same_answer_and_no_secret_is_kept(test: TestStore) {
        let manager = instance(&test, &clock()).await;
        let ann = make(&manager, "ann", Role::Admin).await;
        make(&manager, "bob", Role::Admin).await;
        let patch = UserPatch { is_active: Some(false), ..UserPatch::default() };
        manager.change(&Caller::system(), ann.id, patch).await.expect("another Admin is there");
        let hostile = "x".repeat(100_000) + "\0'; --";
        let answers = [
            try_sign_in(&manager, "bob", "not the password").await,
            try_sign_in(&manager, "nobody", PASSWORD).await,
            try_sign_in(&manager, "ann", PASSWORD).await,
            try_sign_in(&manager, &hostile, &hostile).await,
            try_sign_in(&manager, "bob", &hostile).await,
            try_sign_in(&manager, "", "").await,
        ];
        for answer in &answers {
            assert_eq!(answer, &answers[0]);
            assert_eq!(code(answer.clone()), ErrorCode::BadCredentials);
        }
        let page = manager.core.events.list(&EventQuery { kind: Some(EventKind::SignInFailed), ..EventQuery::default() }, true).await;
        let text = serde_json::to_string(&page.expect("events are listed").items).expect("it is JSON");
        assert!(!text.contains("not the password") && !text.contains(&"x".repeat(64)), "{text}");
    }

    async fn an_access_token_lasts_five_minutes_and_only_its_own_is_taken(test: TestStore) {
        let clock = clock();
        let manager = instance(&test, &clock).await;
        make(&manager, "ann", Role::Viewer).await;
        let (tokens, _) = sign_in(&manager, "ann").await;
        let token = tokens.access_token.reveal();
        let (body, signature) = token.rsplit_once('.').expect("it has parts");
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", body.split('.').nth(1).expect("it has a body"));
        let other = if signature.starts_with('A') { "B" } else { "A" };
        for forged in [String::new(), "a.b.c".into(), unsigned, format!("{body}.{other}{}", &signature[1..]), tokens.refresh_token.reveal().into()] {
            assert_eq!(code(manager.authenticate(&Secret::new(forged)).await), ErrorCode::NotSignedIn);
        }
        clock.advance(299);
        manager.authenticate(&tokens.access_token).await.expect("it lasts");
        clock.advance(1);
        assert_eq!(code(manager.authenticate(&tokens.access_token).await), ErrorCode::NotSignedIn);
    }

    async fn racing_refreshes_get_one_successor_and_the_one_before_is_good_for_thirty_seconds(test: TestStore) {
        let clock = clock();
        let (one, other) = (instance(&test, &clock).await, instance(&test, &clock).await);
        make(&one, "ann", Role::Viewer).await;
        let (tokens, _) = sign_in(&one, "ann").await;
        let race = join_all((0..16).map(|n| refresh(if n % 2 == 0 { &one } else { &other }, &tokens.refresh_token))).await;
        let next = race[0].clone().expect("it is refreshed").refresh_token;
        assert!(race.iter().all(|answer| answer.as_ref().is_ok_and(|answer| answer.refresh_token == next)), "{race:?}");
        assert_ne!(next, tokens.refresh_token);
        clock.advance(30);
        assert_eq!(refresh(&one, &tokens.refresh_token).await.expect("within the grace").refresh_token, next);
        let third = refresh(&one, &next).await.expect("the successor is good");
        other.authenticate(&third.access_token).await.expect("on every instance");
    }

    async fn a_refresh_token_used_late_ends_the_session(test: TestStore) {
        let clock = clock();
        let manager = instance(&test, &clock).await;
        make(&manager, "ann", Role::Viewer).await;
        let (stolen, _) = sign_in(&manager, "ann").await;
        let (own, caller) = sign_in(&manager, "ann").await;
        let next = refresh(&manager, &stolen.refresh_token).await.expect("it is refreshed");
        clock.advance(31);
        assert_eq!(code(refresh(&manager, &stolen.refresh_token).await), ErrorCode::SessionEnded);
        assert_eq!(code(refresh(&manager, &next.refresh_token).await), ErrorCode::SessionEnded);
        assert_eq!(code(manager.authenticate(&next.access_token).await), ErrorCode::SessionEnded);
        manager.authenticate(&own.access_token).await.expect("the other session goes on");
        assert_eq!(manager.sessions(&caller).await.expect("they are listed").len(), 1);
        assert_eq!(kinds(&manager.core).await.last(), Some(&EventKind::RefreshReused));
    }

    async fn a_token_two_steps_back_ends_the_session_even_within_the_grace(test: TestStore) {
        let manager = instance(&test, &clock()).await;
        make(&manager, "ann", Role::Viewer).await;
        let (first, _) = sign_in(&manager, "ann").await;
        let second = refresh(&manager, &first.refresh_token).await.expect("it is refreshed");
        refresh(&manager, &second.refresh_token).await.expect("it is refreshed");
        assert_eq!(code(refresh(&manager, &first.refresh_token).await), ErrorCode::SessionEnded);
    }

    async fn a_forged_refresh_token_ends_nothing(test: TestStore) {
        let manager = instance(&test, &clock()).await;
        make(&manager, "ann", Role::Viewer).await;
        let (tokens, _) = sign_in(&manager, "ann").await;
        let text = tokens.refresh_token.reveal();
        let swapped = if text.as_bytes()[50] == b'A' { "B" } else { "A" };
        for forged in [format!("{}{swapped}{}", &text[..50], &text[51..]), text[4..].to_owned(), "phr_".into(), "é".repeat(48), String::new()] {
            assert_eq!(code(refresh(&manager, &Secret::new(forged.as_str())).await), ErrorCode::NotSignedIn, "{forged}");
            manager.sign_out(Secret::new(forged)).await.expect("there is nothing to end");
        }
        refresh(&manager, &tokens.refresh_token).await.expect("the true one is good");
    }

    async fn a_session_ends_after_thirty_days_without_use(test: TestStore) {
        let clock = clock();
        let manager = instance(&test, &clock).await;
        make(&manager, "ann", Role::Viewer).await;
        let (tokens, _) = sign_in(&manager, "ann").await;
        clock.advance(29 * 24 * 3600);
        let tokens = refresh(&manager, &tokens.refresh_token).await.expect("it is used");
        clock.advance(29 * 24 * 3600);
        let tokens = refresh(&manager, &tokens.refresh_token).await.expect("it is used");
        clock.advance(30 * 24 * 3600);
        assert_eq!(code(refresh(&manager, &tokens.refresh_token).await), ErrorCode::SessionEnded);
    }

    async fn signing_out_ends_one_session_and_may_be_done_twice(test: TestStore) {
        let manager = instance(&test, &clock()).await;
        make(&manager, "ann", Role::Viewer).await;
        let (tokens, caller) = sign_in(&manager, "ann").await;
        for _ in 0..2 {
            manager.sign_out(tokens.refresh_token.clone()).await.expect("it ends");
        }
        assert_eq!(manager.current(&caller), None);
        assert_eq!(code(manager.authenticate(&tokens.access_token).await), ErrorCode::SessionEnded);
        assert_eq!(kinds(&manager.core).await.iter().filter(|kind| **kind == EventKind::SignedOut).count(), 1);
    }

    async fn sessions_are_listed_and_ended_by_their_owner_and_by_admins_only(test: TestStore) {
        let clock = clock();
        let manager = instance(&test, &clock).await;
        make(&manager, "ann", Role::Viewer).await;
        make(&manager, "eve", Role::Developer).await;
        make(&manager, "root", Role::Admin).await;
        let (_, old) = sign_in(&manager, "ann").await;
        clock.advance(60);
        let (_, ann) = sign_in(&manager, "ann").await;
        let ((_, eve), (_, root)) = (sign_in(&manager, "eve").await, sign_in(&manager, "root").await);
        let sessions = manager.sessions(&ann).await.expect("they are listed");
        assert_eq!(sessions.iter().map(|session| (Some(session.id), session.is_current)).collect::<Vec<_>>(), [
            (ann.session_id, true),
            (old.session_id, false)
        ]);
        assert_eq!((sessions[0].address.as_str(), sessions[0].user_agent.as_str()), ("127.0.0.1", "a test"));
        let id = old.session_id.expect("it has one");
        assert_eq!(code(manager.revoke(&eve, id).await), ErrorCode::NotFound);
        manager.revoke(&ann, id).await.expect("it is their own");
        assert_eq!(code(manager.revoke(&ann, id).await), ErrorCode::NotFound);
        manager.revoke(&root, ann.session_id.expect("it has one")).await.expect("an Admin may");
        assert_eq!((manager.current(&ann), manager.current(&old)), (None, None));
        assert!(manager.current(&eve).is_some());
    }

    async fn a_change_of_rights_works_at_once_and_on_other_instances_within_a_second(test: TestStore) {
        let clock = clock();
        let (one, other) = (instance(&test, &clock).await, instance(&test, &clock).await);
        let user = make(&one, "ann", Role::Developer).await;
        let (tokens, caller) = sign_in(&one, "ann").await;
        let there = other.authenticate(&tokens.access_token).await.expect("it is good there too");
        other.spawn();
        one.change(&Caller::system(), user.id, UserPatch { role: Some(Role::Viewer), ..UserPatch::default() }).await.expect("it changes");
        assert_eq!(one.current(&caller).map(|caller| caller.role), Some(Role::Viewer));
        assert_eq!(one.authenticate(&tokens.access_token).await.expect("it is good").role, Role::Viewer);
        let seen = async {
            while other.current(&there).is_none_or(|caller| caller.role != Role::Viewer) {
                tokio::task::yield_now().await;
            }
            one.delete(&Caller::system(), user.id).await.expect("it is deleted");
            while other.current(&there).is_some() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(5), seen).await.expect("the other instance sees it");
        assert_eq!(code(one.authenticate(&tokens.access_token).await), ErrorCode::SessionEnded);
        other.core.shutdown.cancel();
    }

    async fn a_new_password_ends_the_other_sessions(test: TestStore) {
        let manager = instance(&test, &clock()).await;
        let user = make(&manager, "ann", Role::Viewer).await;
        let ((_, other), (_, caller)) = (sign_in(&manager, "ann").await, sign_in(&manager, "ann").await);
        let new = "a much better password";
        assert_eq!(code(manager.change_password(&caller, Secret::new("wrong"), Secret::new(new)).await), ErrorCode::ValidationFailed);
        assert_eq!(code(manager.change_password(&caller, Secret::new(PASSWORD), Secret::new("short")).await), ErrorCode::ValidationFailed);
        manager.change_password(&caller, Secret::new(PASSWORD), Secret::new(new)).await.expect("it changes");
        assert!(manager.current(&caller).is_some() && manager.current(&other).is_none());
        assert_eq!(code(try_sign_in(&manager, "ann", PASSWORD).await), ErrorCode::BadCredentials);
        try_sign_in(&manager, "ann", new).await.expect("the new one is good");
        let patch = UserPatch { password: Some(Secret::new(PASSWORD)), ..UserPatch::default() };
        manager.change(&Caller::system(), user.id, patch).await.expect("it is set");
        assert_eq!(manager.current(&caller), None);
        sign_in(&manager, "ann").await;
    }

    async fn the_last_active_admin_stays_even_when_two_go_at_once(test: TestStore) {
        let manager = instance(&test, &clock()).await;
        let (ann, bob) = (make(&manager, "ann", Role::Admin).await, make(&manager, "bob", Role::Admin).await);
        let system = Caller::system();
        let demoted = UserPatch { role: Some(Role::Viewer), ..UserPatch::default() };
        let (one, other) = tokio::join!(manager.change(&system, ann.id, demoted), manager.delete(&system, bob.id));
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        let admin = manager.list(&system).await.expect("they are listed").into_iter().find(|user| user.role == Role::Admin);
        let admin = admin.expect("there is one");
        let blocked = UserPatch { is_active: Some(false), ..UserPatch::default() };
        assert_eq!(code(manager.change(&system, admin.id, blocked).await), ErrorCode::Conflict);
        assert_eq!(code(manager.delete(&system, admin.id).await), ErrorCode::Conflict);
    }

    async fn users_are_made_once_and_only_with_a_name_and_a_password_that_will_do(test: TestStore) {
        let manager = instance(&test, &clock()).await;
        let new = |name: &str, password: &str| NewUser { username: name.into(), password: Secret::new(password), role: Role::Viewer };
        let system = Caller::system();
        assert_eq!(manager.create(&system, new("a b", "short")).await.expect_err("both are wrong").details.len(), 2);
        let race = join_all(["ann", "Ann", "ANN"].map(|name| manager.create(&system, new(name, PASSWORD)))).await;
        assert_eq!(race.iter().filter(|made| made.is_ok()).count(), 1);
        assert!(race.into_iter().filter_map(Result::err).all(|error| error.code == ErrorCode::Conflict));
        let nobody = api::UserId(uuid::Uuid::nil());
        assert_eq!(code(manager.change(&system, nobody, UserPatch::default()).await), ErrorCode::NotFound);
        assert_eq!(code(manager.delete(&system, nobody).await), ErrorCode::NotFound);
    }

    async fn two_racing_set_ups_make_one_user(test: TestStore) {
        let clock = clock();
        let (one, other) = (instance(&test, &clock).await, instance(&test, &clock).await);
        one.prepare().await.expect("a link is made");
        let token = one.setup_token().expect("there is a link");
        assert!(!one.is_set_up().await.expect("it is known"));
        let set_up = |manager: &Arc<Manager>, token: &Secret, name: &str| {
            let (manager, setup) = (manager.clone(), Setup { token: token.clone(), username: name.into(), password: Secret::new(PASSWORD) });
            async move { manager.set_up(setup, origin()).await }
        };
        assert_eq!(code(set_up(&one, &Secret::new("wrong"), "ann").await), ErrorCode::Forbidden);
        assert_eq!(code(set_up(&one, &token, "not a name").await), ErrorCode::ValidationFailed);
        let race = tokio::join!(set_up(&one, &token, "ann"), set_up(&other, &token, "bob"));
        let won: Vec<_> = [race.0, race.1].into_iter().filter_map(Result::ok).collect();
        assert_eq!(won.len(), 1);
        let caller = one.authenticate(&won[0].access_token).await.expect("they are signed in");
        assert_eq!(caller.role, Role::Admin);
        assert!(other.is_set_up().await.expect("it is known") && one.is_set_up().await.expect("it is known"));
        assert_eq!(one.setup_token(), None);
        assert_eq!(code(set_up(&one, &token, "eve").await), ErrorCode::Conflict);
        assert_eq!(kinds(&one.core).await, [EventKind::UserCreated, EventKind::SignedIn]);
    }

    async fn the_set_up_link_lasts_thirty_minutes_and_until_the_next_start(test: TestStore) {
        let clock = clock();
        let manager = instance(&test, &clock).await;
        let set_up = async |token: Secret| {
            manager.set_up(Setup { token, username: "ann".into(), password: Secret::new(PASSWORD) }, origin()).await
        };
        manager.prepare().await.expect("a link is made");
        let first = manager.setup_token().expect("there is a link");
        manager.prepare().await.expect("another one is made");
        assert_eq!(code(set_up(first).await), ErrorCode::Forbidden);
        let second = manager.setup_token().expect("there is a link");
        clock.advance(30 * 60);
        assert_eq!(code(set_up(second).await), ErrorCode::Forbidden);
    }

    async fn a_password_of_the_configuration_makes_admin_once_and_changes_nobody(test: TestStore) {
        let clock = clock();
        let mut core = Arc::into_inner(test.core(clock.clone()).await).expect("nobody else has it");
        core.config.admin_password = Some(Secret::new(PASSWORD));
        let core = Arc::new(core);
        let manager = Manager::new(core.clone());
        manager.prepare().await.expect("admin is made");
        assert_eq!((manager.setup_token(), sign_in(&manager, "admin").await.1.role), (None, Role::Admin));
        let other = "another password altogether";
        manager.change(&Caller::system(), manager.list(&Caller::system()).await.expect("they are listed")[0].id, UserPatch {
            password: Some(Secret::new(other)),
            ..UserPatch::default()
        }).await.expect("it is set");
        let again = Manager::new(core);
        again.prepare().await.expect("there is nothing to do");
        assert_eq!(code(try_sign_in(&again, "admin", PASSWORD).await), ErrorCode::BadCredentials);
        try_sign_in(&again, "admin", other).await.expect("the password stays");
    }

    async fn fifty_racing_sign_ins_make_fifty_sessions(test: TestStore) {
        let manager = instance(&test, &clock()).await;
        make(&manager, "ann", Role::Viewer).await;
        let race = join_all((0..50).map(|_| try_sign_in(&manager, "ann", PASSWORD))).await;
        assert!(race.iter().all(Result::is_ok), "{race:?}");
        let caller = manager.authenticate(&race[0].as_ref().expect("it is good").access_token).await.expect("it is good");
        assert_eq!(manager.sessions(&caller).await.expect("they are listed").len(), 50);
    }

    async fn sign_ins_are_limited_and_the_limit_ends(test: TestStore) {
        let clock = clock();
        let mut core = Arc::into_inner(test.core(clock.clone()).await).expect("nobody else has it");
        core.config.login_limit = Some(10);
        let manager = Manager::new(Arc::new(core));
        make(&manager, "ann", Role::Viewer).await;
        let race = join_all((0..50).map(|_| try_sign_in(&manager, "ann", "a wrong password"))).await;
        let limited: Vec<_> = race.into_iter().map(|answer| answer.expect_err("it is wrong")).filter(|error| error.code == ErrorCode::RateLimited).collect();
        assert_eq!((limited.len(), limited[0].retry_after), (40, Some(60)));
        assert_eq!(code(try_sign_in(&manager, "ann", PASSWORD).await), ErrorCode::RateLimited);
        clock.advance(60);
        sign_in(&manager, "ann").await;
    }

    async fn the_last_use_is_saved_once_a_minute_and_sessions_outlive_a_restart(test: TestStore) {
        let clock = clock();
        let manager = instance(&test, &clock).await;
        make(&manager, "ann", Role::Viewer).await;
        let (_, caller) = sign_in(&manager, "ann").await;
        let began = clock.now();
        clock.advance(120);
        let tokens = try_sign_in(&manager, "ann", PASSWORD).await.expect("they sign in");
        clock.advance(120);
        manager.authenticate(&tokens.access_token).await.expect("it is good");
        manager.tidy().await.expect("it is saved");
        let uses = manager.sessions(&caller).await.expect("they are listed");
        assert_eq!(uses.iter().map(|session| session.last_used_at).collect::<Vec<_>>(), [began.plus_seconds(240), began]);
        manager.core.store.close().await;
        let manager = instance(&test, &clock).await;
        manager.authenticate(&tokens.access_token).await.expect("it is good after a restart");
        refresh(&manager, &tokens.refresh_token).await.expect("and so is the refresh token");
    }
}
