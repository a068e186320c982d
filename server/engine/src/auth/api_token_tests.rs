//! API tokens on both databases.

use std::sync::Arc;

use api::ports::{ApiTokens, Auth, Users};
use api::{
    ApiToken, ApiTokenId, ApiTokensQuery, Caller, ErrorCode, EventKind, EventQuery, MadeApiToken, NewApiToken, Permission, Role, Secret,
    TokenScope, UserPatch,
};

use super::Manager;
use super::tests::{clock, code, instance, kinds, make, origin, sign_in};
use crate::on_each_store;

fn new(name: &str, scope: TokenScope) -> NewApiToken {
    NewApiToken { name: name.into(), scopes: vec![scope], ..NewApiToken::default() }
}

async fn token(manager: &Manager, caller: &Caller, scope: TokenScope) -> MadeApiToken {
    ApiTokens::create(manager, caller, new("CI", scope)).await.expect("the token is made")
}

async fn own(manager: &Manager, caller: &Caller) -> Vec<ApiToken> {
    ApiTokens::list(manager, caller, ApiTokensQuery::default()).await.expect("they are listed").items
}

on_each_store! {
    async fn a_token_speaks_for_its_user_within_its_scopes_until_it_expires(test: TestStore) {
        let clock = clock();
        let manager = instance(&test, &clock).await;
        let user = make(&manager, "ann", Role::Developer).await;
        let (_, ann) = sign_in(&manager, "ann").await;
        let made = token(&manager, &ann, TokenScope::Deploy).await;
        assert!(made.token.reveal().starts_with("pht_") && made.token.reveal().len() == 68, "{}", made.token.reveal());
        assert_eq!(made.made.expires_at, clock.now().plus_seconds(90 * 86_400));
        let caller = manager.authenticate_bearer(&made.token).await.expect("it is good");
        assert_eq!((caller.user_id, caller.name.as_str(), caller.role, caller.session_id), (Some(user.id), "ann (token CI)", Role::Developer, None));
        assert!(caller.may(Permission::DeploymentsRun) && !caller.may(Permission::ServicesOperate) && !caller.may(Permission::LogsRead));
        let me = manager.me(&caller).await.expect("it may ask who it is");
        assert_eq!(me.user.username, "ann");
        assert_eq!(me.permissions, ["services:read", "deployments:read", "deployments:run", "account:read"]);
        assert_eq!(manager.current(&caller), Some(caller.clone()));
        clock.advance(90 * 86_400 - 1);
        manager.authenticate_bearer(&made.token).await.expect("use doesn't matter, only time");
        clock.advance(1);
        assert_eq!(code(manager.authenticate_bearer(&made.token).await), ErrorCode::NotSignedIn);
        assert_eq!(manager.current(&caller), None);
        let (_, ann) = sign_in(&manager, "ann").await;
        assert_eq!(own(&manager, &ann).await.len(), 1, "what has expired is listed");
        clock.advance(ApiToken::KEPT_DAYS * 86_400);
        manager.tidy().await.expect("it is forgotten");
        let (_, ann) = sign_in(&manager, "ann").await;
        assert_eq!(own(&manager, &ann).await, []);
    }

    async fn only_a_bearer_token_that_is_whole_is_taken_and_all_others_get_the_same_answer(test: TestStore) {
        let manager = instance(&test, &clock()).await;
        make(&manager, "ann", Role::Admin).await;
        let (tokens, ann) = sign_in(&manager, "ann").await;
        let made = token(&manager, &ann, TokenScope::All).await;
        let text = made.token.reveal();
        let changed = |at: usize| format!("{}{}{}", &text[..at], if text.as_bytes()[at] == b'A' { "B" } else { "A" }, &text[at + 1..]);
        let unknown = manager.mint.new_api_token().0;
        let wrong = [changed(10), changed(66), text[..67].to_owned(), format!("{text}A"), "pht_".into(), format!("pht_{}", "é".repeat(32))];
        let refused = manager.authenticate_bearer(&unknown).await.expect_err("nobody has it");
        assert_eq!(refused.code, ErrorCode::NotSignedIn);
        for wrong in wrong {
            assert_eq!(manager.authenticate_bearer(&Secret::new(wrong.as_str())).await.expect_err(&wrong), refused);
        }
        assert_eq!(code(manager.authenticate(&made.token).await), ErrorCode::NotSignedIn, "a cookie can't be one");
        assert_eq!(code(manager.refresh(made.token.clone(), origin()).await), ErrorCode::NotSignedIn);
        manager.authenticate_bearer(&tokens.access_token).await.expect("access tokens are bearer tokens too");
        manager.authenticate_bearer(&made.token).await.expect("it is good");
    }

    async fn a_token_makes_nothing_that_lasts(test: TestStore) {
        let manager = instance(&test, &clock()).await;
        let user = make(&manager, "ann", Role::Admin).await;
        let (_, ann) = sign_in(&manager, "ann").await;
        let made = token(&manager, &ann, TokenScope::All).await;
        let caller = manager.authenticate_bearer(&made.token).await.expect("it is good");
        for refused in [
            ApiTokens::create(&*manager, &caller, new("another", TokenScope::Read)).await.map(drop),
            ApiTokens::list(&*manager, &caller, ApiTokensQuery::default()).await.map(drop),
            ApiTokens::revoke(&*manager, &caller, made.made.id).await,
            manager.sessions(&caller).await.map(drop),
            Auth::revoke(&*manager, &caller, ann.session_id.expect("it has one")).await,
            manager.change_password(&caller, Secret::new("correct horse battery"), Secret::new("another good password")).await,
            Users::list(&*manager, &caller).await.map(drop),
            Users::delete(&*manager, &caller, user.id).await,
            Users::change(&*manager, &caller, user.id, UserPatch { role: Some(Role::Viewer), ..UserPatch::default() }).await.map(drop),
        ] {
            assert_eq!(code(refused), ErrorCode::Forbidden);
        }
        assert_eq!(own(&manager, &ann).await.len(), 1);
    }

    async fn a_change_of_its_user_works_at_once(test: TestStore) {
        let manager = instance(&test, &clock()).await;
        let user = make(&manager, "ann", Role::Developer).await;
        let (_, ann) = sign_in(&manager, "ann").await;
        let made = token(&manager, &ann, TokenScope::All).await;
        let caller = manager.authenticate_bearer(&made.token).await.expect("it is good");
        assert!(caller.may(Permission::ServicesOperate) && !caller.may(Permission::ServicesDelete));
        let change = async |patch| Users::change(&*manager, &Caller::system(), user.id, patch).await.expect("it changes");
        change(UserPatch { role: Some(Role::Viewer), ..UserPatch::default() }).await;
        let lowered = manager.authenticate_bearer(&made.token).await.expect("it is good");
        assert!(lowered.may(Permission::ServicesRead) && !lowered.may(Permission::ServicesOperate));
        assert_eq!(manager.current(&caller).map(|caller| caller.role), Some(Role::Viewer));
        change(UserPatch { is_active: Some(false), ..UserPatch::default() }).await;
        assert_eq!(code(manager.authenticate_bearer(&made.token).await), ErrorCode::NotSignedIn);
        assert_eq!(manager.current(&caller), None);
        change(UserPatch { is_active: Some(true), ..UserPatch::default() }).await;
        manager.authenticate_bearer(&made.token).await.expect("it was only suspended");
        change(UserPatch { password: Some(Secret::new("set by an Admin, anew")), ..UserPatch::default() }).await;
        assert_eq!(code(manager.authenticate_bearer(&made.token).await), ErrorCode::NotSignedIn);
        Users::delete(&*manager, &Caller::system(), user.id).await.expect("it is deleted");
    }

    async fn a_new_password_of_ones_own_leaves_ones_tokens(test: TestStore) {
        let manager = instance(&test, &clock()).await;
        make(&manager, "ann", Role::Viewer).await;
        let (_, ann) = sign_in(&manager, "ann").await;
        let made = token(&manager, &ann, TokenScope::Read).await;
        let (old, new) = (Secret::new("correct horse battery"), Secret::new("another good password"));
        manager.change_password(&ann, old, new).await.expect("it changes");
        manager.authenticate_bearer(&made.token).await.expect("it is good");
    }

    async fn a_token_is_revoked_by_its_user_or_an_admin_on_every_instance(test: TestStore) {
        let clock = clock();
        let (one, other) = (instance(&test, &clock).await, instance(&test, &clock).await);
        for (name, role) in [("ann", Role::Viewer), ("eve", Role::Developer), ("root", Role::Admin)] {
            make(&one, name, role).await;
        }
        let ((_, ann), (_, eve), (_, root)) = (sign_in(&one, "ann").await, sign_in(&one, "eve").await, sign_in(&one, "root").await);
        let made = token(&one, &ann, TokenScope::Read).await;
        let (here, there) =
            (one.authenticate_bearer(&made.token).await.expect("it is good"), other.authenticate_bearer(&made.token).await.expect("there too"));
        let all = async |caller| ApiTokens::list(&*one, caller, ApiTokensQuery { all: true }).await;
        assert_eq!(code(all(&eve).await), ErrorCode::Forbidden);
        assert_eq!(all(&root).await.expect("an Admin may").items, std::slice::from_ref(&made.made));
        assert_eq!(own(&one, &eve).await, []);
        assert_eq!(code(ApiTokens::revoke(&*one, &eve, made.made.id).await), ErrorCode::NotFound);
        other.spawn();
        ApiTokens::revoke(&*one, &root, made.made.id).await.expect("an Admin may");
        assert_eq!((one.current(&here), code(one.authenticate_bearer(&made.token).await)), (None, ErrorCode::NotSignedIn));
        let seen = async {
            while other.current(&there).is_some() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(5), seen).await.expect("the other instance sees it");
        assert_eq!(code(other.authenticate_bearer(&made.token).await), ErrorCode::NotSignedIn);
        assert_eq!(code(ApiTokens::revoke(&*one, &ann, made.made.id).await), ErrorCode::NotFound);
        other.core.shutdown.cancel();
    }

    async fn names_are_taken_once_and_fifty_are_enough(test: TestStore) {
        let manager = instance(&test, &clock()).await;
        for name in ["ann", "bob"] {
            make(&manager, name, Role::Viewer).await;
        }
        let ((_, ann), (_, bob)) = (sign_in(&manager, "ann").await, sign_in(&manager, "bob").await);
        for name in ["", "a\nb", "\u{202e}bmob"] {
            assert_eq!(code(ApiTokens::create(&*manager, &ann, new(name, TokenScope::Read)).await), ErrorCode::ValidationFailed);
        }
        let hostile = "'); DROP TABLE api_tokens; -- <script>";
        let made = ApiTokens::create(&*manager, &ann, new(hostile, TokenScope::Read)).await.expect("it is only a name");
        assert_eq!(manager.authenticate_bearer(&made.token).await.expect("it is good").name, format!("ann (token {hostile})"));
        assert_eq!(code(ApiTokens::create(&*manager, &ann, new(hostile, TokenScope::All)).await), ErrorCode::Conflict);
        ApiTokens::create(&*manager, &bob, new(hostile, TokenScope::Read)).await.expect("others may call theirs the same");
        let race = futures::future::join_all((1..=60).map(|number| {
            let manager: Arc<Manager> = manager.clone();
            let ann = ann.clone();
            async move { ApiTokens::create(&*manager, &ann, new(&format!("token {number}"), TokenScope::Read)).await }
        }));
        let made = race.await;
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), ApiToken::MOST - 1);
        assert!(made.into_iter().filter_map(Result::err).all(|error| error.code == ErrorCode::Conflict && error.message.contains("at most 50")));
        assert_eq!(own(&manager, &ann).await.len(), ApiToken::MOST);
        assert_eq!(code(ApiTokens::revoke(&*manager, &ann, ApiTokenId(uuid::Uuid::nil())).await), ErrorCode::NotFound);
    }

    async fn its_text_is_nowhere_and_its_last_use_is_saved_once_a_minute(test: TestStore) {
        let clock = clock();
        let manager = instance(&test, &clock).await;
        make(&manager, "ann", Role::Admin).await;
        let (_, ann) = sign_in(&manager, "ann").await;
        let made = token(&manager, &ann, TokenScope::Read).await;
        let began = clock.now();
        for _ in 0..3 {
            manager.authenticate_bearer(&made.token).await.expect("it is good");
            clock.advance(20);
        }
        assert_eq!(own(&manager, &ann).await[0].last_used_at, None, "not at each use");
        manager.tidy().await.expect("it is saved");
        assert_eq!(own(&manager, &ann).await[0].last_used_at, Some(began));
        ApiTokens::revoke(&*manager, &ann, made.made.id).await.expect("it is revoked");
        assert_eq!(kinds(&manager.core).await[2..], [EventKind::TokenMade, EventKind::TokenRevoked]);
        let page = manager.core.events.list(&EventQuery::default(), true).await.expect("events are listed");
        let told = serde_json::to_string(&page.items).expect("it is JSON");
        assert!(told.contains("ann made the API token 'CI' with the scope 'read'") && told.contains("ann revoked the API token 'CI' of ann"), "{told}");
        assert!(page.items.iter().take(2).all(|event| event.actor.as_deref() == Some("ann")), "{told}");
        assert!(!told.contains("pht_") && !told.contains(&made.token.reveal()[4..]), "{told}");
        assert!(!test.dump().await.contains(&made.token.reveal()[4..]));
        let seen = manager.core.events.list(&EventQuery::default(), false).await.expect("events are listed");
        assert!(seen.items.iter().all(|event| event.kind != EventKind::TokenMade), "only the audit shows it");
    }
}
