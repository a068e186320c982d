use std::sync::Arc;

use api::{ErrorCode, Secret};

use super::{Keyring, key_of};
use crate::store::Store;
use crate::store::data_keys::{data_key_delete, data_key_list, data_key_set_wrapped};
use crate::{Clock, SecretsKey, on_each_store};

const CONTEXT: &[&[u8]] = &[b"secret", b"database", b"1"];

fn key(digit: &str) -> SecretsKey {
    SecretsKey::Text(Secret::new(digit.repeat(64)))
}

async fn open(store: &Arc<Store>, key: &SecretsKey) -> Keyring {
    Keyring::open(store.clone(), key, Clock::System).await.expect("it opens, or is locked")
}

on_each_store! {
    async fn what_is_sealed_opens_with_its_context_and_no_other(test: TestStore) {
        let store = test.open().await;
        let keyring = open(&store, &SecretsKey::Derived).await;
        for plain in [&b""[..], b"x", &[7; 70_000]] {
            let sealed = keyring.seal(CONTEXT, plain).expect("it is sealed");
            assert_ne!(sealed, keyring.seal(CONTEXT, plain).expect("it is sealed"), "each has a nonce of its own");
            assert_eq!(key_of(&sealed), Some(1));
            assert_eq!(keyring.open_sealed(CONTEXT, &sealed).expect("it opens").as_slice(), plain);
            let others: [&[&[u8]]; 6] = [
                &[],
                &[b"secret", b"database"],
                &[b"secret", b"database", b"2"],
                &[b"secretdatabase", b"1"],
                &[b"secretd", b"atabase", b"1"],
                &[b"secret", b"database", b"1", b""],
            ];
            for other in others {
                let error = keyring.open_sealed(other, &sealed).expect_err("it belongs elsewhere");
                assert!(error.code == ErrorCode::Internal && error.message.contains("belongs elsewhere"), "{error}");
            }
        }
    }

    async fn each_byte_that_was_changed_and_each_that_is_missing_is_noticed(test: TestStore) {
        let store = test.open().await;
        let keyring = open(&store, &SecretsKey::Derived).await;
        let sealed = keyring.seal(CONTEXT, b"hunter2").expect("it is sealed");
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                assert!(keyring.open_sealed(CONTEXT, &changed).is_err(), "bit {bit} of byte {at}");
            }
            assert!(keyring.open_sealed(CONTEXT, &sealed[..at]).is_err(), "cut after {at}");
        }
        let longer = [sealed.as_slice(), &[0]].concat();
        assert!(keyring.open_sealed(CONTEXT, &longer).is_err());
    }

    async fn it_is_opened_again_by_the_same_key_and_by_no_other(test: TestStore) {
        let store = test.open().await;
        let sealed = open(&store, &key("a")).await.seal(CONTEXT, b"hunter2").expect("it is sealed");
        let rows = data_key_list(&mut store.main.read().await.expect("a connection")).await.expect("rows");
        let missing = SecretsKey::File(test.folder().join("none.key"));
        for wrong in [key("b"), SecretsKey::Derived, missing] {
            let keyring = open(&store, &wrong).await;
            for error in [
                keyring.ready().expect_err("it is locked"),
                keyring.seal(CONTEXT, b"x").expect_err("it is locked"),
                keyring.open_sealed(CONTEXT, &sealed).expect_err("it is locked"),
                keyring.renew().await.expect_err("it is locked"),
                keyring.rewrap(&key("c")).await.expect_err("it is locked"),
            ] {
                assert_eq!(error.code, ErrorCode::Unavailable, "{error}");
                assert!(error.message.contains("secrets can't be used") && error.message.contains("start Pilothouse again"), "{error}");
            }
            let now = data_key_list(&mut store.main.read().await.expect("a connection")).await.expect("rows");
            assert_eq!(now, rows, "nothing was changed");
        }
        assert_eq!(open(&store, &key("a")).await.open_sealed(CONTEXT, &sealed).expect("it opens").as_slice(), b"hunter2");
    }

    async fn nothing_is_made_while_the_file_with_the_key_is_missing_and_no_key_is_no_configuration(test: TestStore) {
        let store = test.open().await;
        let keyring = open(&store, &SecretsKey::File(test.folder().join("none.key"))).await;
        assert_eq!(keyring.ready().expect_err("it is locked").code, ErrorCode::Unavailable);
        assert_eq!(data_key_list(&mut store.main.read().await.expect("a connection")).await.expect("rows"), []);
        let wrong = SecretsKey::Text(Secret::new("hunter2"));
        let error = Keyring::open(store.clone(), &wrong, Clock::System).await.expect_err("it is no key");
        assert!(error.code == ErrorCode::ValidationFailed && !error.message.contains("hunter2"), "{error}");
    }

    async fn data_keys_that_were_swapped_changed_or_lost_lock_everything(test: TestStore) {
        let store = test.open().await;
        let keyring = open(&store, &SecretsKey::Derived).await;
        assert_eq!(keyring.renew().await.expect("a new key"), 2);
        let rows = data_key_list(&mut store.main.read().await.expect("a connection")).await.expect("rows");
        let (one, other, id) = (rows[0].wrapped.clone(), rows[1].wrapped.clone(), rows[0].kek_id.clone());
        let swap = store.main.write(move |db| Box::pin(async move {
            data_key_set_wrapped(db, 1, &other, &id).await?;
            data_key_set_wrapped(db, 2, &one, &id).await
        }));
        swap.await.expect("they are swapped");
        keyring.reload().await.expect("they are read");
        assert!(keyring.ready().expect_err("it is locked").message.contains("data key 1 was changed outside"));
        store.main.write(|db| Box::pin(data_key_delete(db, 2))).await.expect("it is deleted");
        let (one, id) = (rows[0].wrapped.clone(), rows[0].kek_id.clone());
        store.main.write(move |db| Box::pin(async move { data_key_set_wrapped(db, 1, &one, &id).await })).await.expect("it is put back");
        keyring.reload().await.expect("they are read");
        assert!(keyring.ready().expect_err("it is locked").message.contains("no data key is in use"));
    }

    async fn a_new_key_seals_what_is_new_and_the_old_one_still_opens_what_is_old(test: TestStore) {
        let store = test.open().await;
        let keyring = open(&store, &SecretsKey::Derived).await;
        let old = keyring.seal(CONTEXT, b"old").expect("it is sealed");
        assert_eq!(keyring.renew().await.expect("a new key"), 2);
        let new = keyring.seal(CONTEXT, b"new").expect("it is sealed");
        assert_eq!((key_of(&old), key_of(&new), keyring.active()), (Some(1), Some(2), Ok(2)));
        for keyring in [keyring, open(&store, &SecretsKey::Derived).await] {
            assert_eq!(keyring.open_sealed(CONTEXT, &old).expect("it opens").as_slice(), b"old");
            assert_eq!(keyring.open_sealed(CONTEXT, &new).expect("it opens").as_slice(), b"new");
        }
        let retired: Vec<bool> =
            data_key_list(&mut store.main.read().await.expect("a connection")).await.expect("rows").iter().map(|row| row.is_retired).collect();
        assert_eq!(retired, [true, false]);
    }

    async fn another_key_encryption_key_opens_all_once_everything_is_wrapped_with_it(test: TestStore) {
        let store = test.open().await;
        let keyring = open(&store, &SecretsKey::Derived).await;
        let old = keyring.seal(CONTEXT, b"old").expect("it is sealed");
        keyring.renew().await.expect("a new key");
        let new = keyring.seal(CONTEXT, b"new").expect("it is sealed");
        assert_eq!(keyring.rewrap(&key("c")).await, Ok(2));
        assert!(open(&store, &SecretsKey::Derived).await.ready().is_err());
        let keyring = open(&store, &key("c")).await;
        assert_eq!(keyring.open_sealed(CONTEXT, &old).expect("it opens").as_slice(), b"old");
        assert_eq!(keyring.open_sealed(CONTEXT, &new).expect("it opens").as_slice(), b"new");
        assert_eq!(format!("{keyring:?}"), "Keyring(••••)");
    }
}
