//! The store itself, on both databases.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Conn, Database, Result, Store, execute, on};
use crate::on_each_store;

async fn table(database: &Database) {
    let statement = "CREATE TABLE notes (id BIGINT PRIMARY KEY, note TEXT NOT NULL)";
    database.write(move |db| Box::pin(async move { Ok(db.run(statement).await?) })).await.expect("the table is made");
}

async fn note_insert(db: &mut Conn, id: i64) -> Result<()> {
    execute!(db, "INSERT INTO notes (id, note) VALUES ($1, 'x')", id)?;
    Ok(())
}

async fn note_ids(database: &Database) -> Vec<i64> {
    let mut db = database.read().await.expect("there is a connection");
    on!(&mut db, |db| sqlx::query_scalar("SELECT id FROM notes ORDER BY id").fetch_all(db).await).expect("notes are read")
}

on_each_store! {
    async fn a_failing_write_undoes_itself_and_not_its_neighbours(test: TestStore) {
        let store = test.open().await;
        table(&store.main).await;
        let writes = (0..60).map(|id| {
            store.main.write(move |db| Box::pin(async move {
                note_insert(db, 1000 + id).await?;
                // Every third one takes a key that the one before it has, after a row that has to go again.
                note_insert(db, if id % 3 == 2 { id - 1 } else { id }).await
            }))
        });
        let answers = futures::future::join_all(writes).await;
        for (id, answer) in answers.iter().enumerate() {
            assert_eq!(answer.is_err(), id % 3 == 2, "{id}: {answer:?}");
        }
        let ids = note_ids(&store.main).await;
        assert_eq!(ids.len(), 80);
        assert!(!ids.contains(&1002) && ids.contains(&1003));
    }

    async fn a_write_that_panics_is_an_internal_error_and_the_next_one_works(test: TestStore) {
        let store = test.open().await;
        table(&store.main).await;
        let broken = store.main.write(|db| Box::pin(async move {
            note_insert(db, 1).await?;
            assert!(db.run("SELECT 1").await.is_err(), "on purpose");
            Ok(())
        }));
        assert_eq!(broken.await.expect_err("it panics").code, api::ErrorCode::Internal);
        store.main.write(|db| Box::pin(note_insert(db, 2))).await.expect("the next one works");
        assert_eq!(note_ids(&store.main).await, [2]);
    }

    async fn a_write_whose_caller_went_away_is_done_all_the_same(test: TestStore) {
        let store = test.open().await;
        table(&store.main).await;
        let mut write = Box::pin(store.main.write(|db| Box::pin(note_insert(db, 1))));
        assert!(futures::poll!(&mut write).is_pending());
        drop(write);
        store.main.write(|db| Box::pin(note_insert(db, 2))).await.expect("it is written");
        assert_eq!(note_ids(&store.main).await, [1, 2]);
    }

    async fn what_was_written_is_there_after_reopening(test: TestStore) {
        let store = test.open().await;
        table(&store.main).await;
        store.main.write(|db| Box::pin(note_insert(db, 7))).await.expect("it is written");
        store.close().await;
        assert_eq!(store.main.write(|db| Box::pin(note_insert(db, 8))).await.expect_err("closed").code, api::ErrorCode::Unavailable);
        assert_eq!(note_ids(&test.open().await.main).await, [7]);
    }

    async fn two_instances_write_one_after_the_other(test: TestStore) {
        let (one, other) = (test.open().await, test.open().await);
        table(&one.main).await;
        let next = |store: &Arc<Store>| {
            let store = store.clone();
            async move {
                store.main.write(|db| Box::pin(async move {
                    let highest = "SELECT CAST(coalesce(max(id), 0) AS BIGINT) FROM notes";
                    let highest: i64 = on!(&mut *db, |db| sqlx::query_scalar(highest).fetch_one(db).await)?;
                    note_insert(db, highest + 1).await
                })).await
            }
        };
        let answers = futures::future::join_all((0..40).map(|n| next(if n % 2 == 0 { &one } else { &other }))).await;
        assert!(answers.iter().all(|answer| answer.is_ok()), "{answers:?}");
        assert_eq!(note_ids(&other.main).await, (1..=40).collect::<Vec<_>>());
    }

    async fn a_database_of_a_newer_version_is_refused(test: TestStore) {
        let store = test.open().await;
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
            SELECT 9999, 'future', success, checksum, 0 FROM _sqlx_migrations LIMIT 1";
        store.main.write(move |db| Box::pin(async move { Ok(db.run(newer).await?) })).await.expect("it is written");
        store.close().await;
        let refused = Store::open(&test.config).await.err().expect("it is refused");
        assert!(refused.message.contains("newer"), "{refused}");
    }

    async fn the_version_of_the_database_is_told(test: TestStore) {
        let store = test.open().await;
        for database in [&store.main, &store.telemetry] {
            let (version, _) = database.ping().await.expect("it answers");
            assert!(version.starts_with(store.kind()), "{version}");
        }
    }

    async fn one_instance_at_a_time_holds_the_lease_and_the_next_takes_over(test: TestStore) {
        let (one, other) = (test.open().await, test.open().await);
        let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
        one.lease.acquire(&tasks, &shutdown).await.expect("nobody has it");
        assert!(one.lease.is_held());
        let second = other.lease.acquire(&tasks, &shutdown).await;
        assert!(!other.lease.is_held());
        let first_token = one.lease.token();
        one.close().await;
        assert!(!one.lease.is_held());
        if let Err(error) = second {
            assert!(error.message.contains("another Pilothouse"), "{error}");
            other.lease.acquire(&tasks, &shutdown).await.expect("it is free again");
        }
        tokio::time::timeout(std::time::Duration::from_secs(10), other.lease.held()).await.expect("it takes over");
        assert!(other.lease.token() > first_token || other.kind() == "SQLite");
        shutdown.cancel();
    }
}

#[tokio::test]
async fn a_wrong_address_is_refused_with_what_would_be_right() {
    let test = crate::testing::TestStore::new(crate::testing::StoreKind::Sqlite).await;
    for url in ["", "mysql://x/y", "sqlite:", "sqlite::memory:", "postgres://127.0.0.1:1/none", "sqlite:/no/such/folder/x.db"] {
        let config = crate::EngineConfig { database_url: Some(url.into()), ..test.config.clone() };
        let error = Store::open(&config).await.err().unwrap_or_else(|| panic!("{url} is refused"));
        assert_eq!(error.code, api::ErrorCode::Unavailable, "{url}: {error}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let test = crate::testing::TestStore::new(crate::testing::StoreKind::Sqlite).await;
    let file = test.folder().join("letter.db");
    let letter = "Dear reader, this is not a database. ".repeat(200);
    std::fs::write(&file, &letter).expect("the file is written");
    let config = crate::EngineConfig { database_url: Some(format!("sqlite:{}", file.display())), ..test.config.clone() };
    let error = Store::open(&config).await.err().expect("it is refused");
    assert!(error.message.contains("isn't a SQLite database"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), letter);
}

#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_half_written() {
    let test = crate::testing::TestStore::new(crate::testing::StoreKind::Sqlite).await;
    let store = test.open().await;
    table(&store.main).await;
    store.main.write(|db| Box::pin(async move { Ok(db.run("PRAGMA max_page_count = 80").await?) })).await.expect("the limit is set");
    let writes = (0..20).map(|id| {
        store.main.write(move |db| {
            Box::pin(async move {
                note_insert(db, id).await?;
                let large = "UPDATE notes SET note = $2 WHERE id = $1";
                execute!(db, large, id, "x".repeat(if id == 7 { 4_000_000 } else { 10 }))?;
                Ok(())
            })
        })
    });
    let answers = futures::future::join_all(writes).await;
    let full = answers[7].as_ref().expect_err("there is no room");
    assert!(full.code == api::ErrorCode::StorageFull && full.message.contains("free some space"), "{full}");
    let saved: Vec<_> = (0..20).filter(|id| answers[*id as usize].is_ok()).collect();
    assert_eq!(note_ids(&store.main).await, saved, "what was acknowledged is there, and nothing else");
    store.main.write(|db| Box::pin(note_insert(db, 100))).await.expect("the next write works");
}
