//! Events on both databases.

use api::ports::Activity;
use api::{Caller, EventKind, EventQuery, Limit, Role, ServiceId, Timestamp, Topic};
use serde_json::json;

use super::{NewEvent, Verdict};
use crate::store::{Error, execute};
use crate::{Clock, on_each_store};

fn caller(role: Role) -> Caller {
    Caller { user_id: None, name: "ann".into(), role, session_id: None, only: None, token: None }
}

fn started(id: u128) -> NewEvent {
    let id = ServiceId(uuid::Uuid::from_u128(id));
    NewEvent::new(EventKind::ServiceStarted, "started").on(id, "payments").by(&caller(Role::Admin)).with(json!({ "port": 8000 }))
}

on_each_store! {
    async fn numbers_grow_by_one_whoever_writes_and_whatever_fails(test: TestStore) {
        let (one, other) = (test.core(Clock::System).await, test.core(Clock::System).await);
        let writes = (0..40).map(|n| {
            let events = if n % 2 == 0 { one.events.clone() } else { other.events.clone() };
            async move {
                events.write(move |_| Box::pin(async move {
                    if n % 5 == 0 {
                        return Err(Error::Refused(api::Error::conflict("on purpose")));
                    }
                    Ok(((), vec![started(1), NewEvent::new(EventKind::HealthChanged, "healthy")]))
                })).await
            }
        });
        let refused = futures::future::join_all(writes).await.into_iter().filter(Result::is_err).count();
        assert_eq!(refused, 8);
        let all = EventQuery { limit: Limit::new(1000).expect("it is allowed"), ..EventQuery::default() };
        let seqs: Vec<_> = one.events.list(&all, true).await.expect("they are listed").items.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (1..=64).rev().collect::<Vec<_>>());
        assert_eq!(other.events.verify().await, Ok(Verdict::Intact { events: 64 }));
    }

    async fn an_event_is_listed_as_it_was_recorded_and_by_each_filter(test: TestStore) {
        let clock = Clock::stopped(Timestamp::from_micros(5_000_000));
        let core = test.core(clock.clone()).await;
        for n in 1..=5 {
            core.events.record(started(n % 2).about("session 7")).await.expect("it is recorded");
            clock.advance(10);
        }
        core.events.record(NewEvent::new(EventKind::SignedIn, "zero \0 byte").with(json!({ "\0": "\0" }))).await.expect("it is recorded");
        let list = |query: EventQuery| {
            let events = core.events.clone();
            async move { events.list(&query, false).await.expect("they are listed") }
        };
        let first = &list(EventQuery::default()).await.items[4];
        assert_eq!((first.seq, first.at.micros(), first.kind), (1, 5_000_000, EventKind::ServiceStarted));
        assert_eq!((first.actor.as_deref(), first.service_name.as_deref()), (Some("ann"), Some("payments")));
        assert_eq!((first.message.as_str(), &first.data), ("started", &json!({ "port": 8000 })));
        let id = Some(ServiceId(uuid::Uuid::from_u128(1)));
        assert_eq!(list(EventQuery { service_id: id, ..EventQuery::default() }).await.items.len(), 3);
        assert_eq!(list(EventQuery { kind: Some(EventKind::HealthChanged), ..EventQuery::default() }).await.items.len(), 0);
        let (from, to) = (Some(Timestamp::from_micros(15_000_000)), Some(Timestamp::from_micros(35_000_000)));
        assert_eq!(list(EventQuery { from, to, ..EventQuery::default() }).await.items.len(), 2);
        let mut query = EventQuery { limit: Limit::new(2).expect("it is allowed"), ..EventQuery::default() };
        let mut seqs = Vec::new();
        loop {
            let page = list(query.clone()).await;
            seqs.extend(page.items.iter().map(|event| event.seq));
            query.cursor = page.next_cursor;
            if query.cursor.is_none() {
                break;
            }
        }
        assert_eq!(seqs, [5, 4, 3, 2, 1]);
        query.cursor = Some("9'; DROP TABLE events".into());
        assert_eq!(core.events.list(&query, true).await.expect_err("it is refused").code, api::ErrorCode::ValidationFailed);
    }

    async fn account_events_are_for_the_audit_and_never_on_the_feed(test: TestStore) {
        let core = test.core(Clock::System).await;
        let mut feed = core.bus.subscribe(Topic::Events, &api::Resume::default());
        core.events.record(NewEvent::new(EventKind::SignInFailed, "no")).await.expect("it is recorded");
        core.events.record(started(1)).await.expect("it is recorded");
        let kinds = |role| {
            let events = core.events.clone();
            async move {
                let page = Activity::list(&*events, &caller(role), EventQuery::default()).await.expect("they are listed");
                page.items.iter().map(|event| event.kind).collect::<Vec<_>>()
            }
        };
        assert_eq!(kinds(Role::Developer).await, [EventKind::ServiceStarted]);
        assert_eq!(kinds(Role::Admin).await, [EventKind::ServiceStarted, EventKind::SignInFailed]);
        let frames = feed.next(10).await;
        assert_eq!(frames.len(), 2, "hello and one event");
        let text = std::str::from_utf8(&frames[1].json).expect("it is text");
        assert!(text.contains("service.started") && !text.contains("auth."), "{text}");
    }

    async fn tampering_shows(test: TestStore) {
        let core = test.core(Clock::System).await;
        for n in 0..4 {
            core.events.record(started(n)).await.expect("it is recorded");
        }
        assert_eq!(core.events.verify().await, Ok(Verdict::Intact { events: 4 }));
        for (tamper, mend, seq) in [
            ("UPDATE events SET actor = 'bob' WHERE seq = 2", "UPDATE events SET actor = 'ann' WHERE seq = 2", 2),
            ("UPDATE events SET message = 'x' WHERE seq = 3", "UPDATE events SET message = 'started' WHERE seq = 3", 3),
            ("UPDATE events SET at = at + 1 WHERE seq = 1", "UPDATE events SET at = at - 1 WHERE seq = 1", 1),
            ("UPDATE events SET seq = 12 WHERE seq = 2", "UPDATE events SET seq = 2 WHERE seq = 12", 2),
            ("UPDATE events SET seq = 14 WHERE seq = 4", "UPDATE events SET seq = 4 WHERE seq = 14", 4),
            ("UPDATE event_head SET seq = 3", "UPDATE event_head SET seq = 4", 3),
            ("DELETE FROM event_head", "", 1),
        ] {
            let run = async |statement: &'static str| {
                let write = core.store.main.write(move |db| Box::pin(async move { Ok(execute!(db, statement)?) }));
                write.await.expect("the statement runs")
            };
            run(tamper).await;
            let verdict = core.events.verify().await.expect("it can be read");
            assert!(matches!(verdict, Verdict::Broken { seq: at, .. } if at == seq), "{tamper}: {verdict:?}");
            if !mend.is_empty() {
                run(mend).await;
                assert_eq!(core.events.verify().await, Ok(Verdict::Intact { events: 4 }));
            }
        }
    }

    async fn the_chain_goes_on_after_reopening(test: TestStore) {
        let core = test.core(Clock::System).await;
        core.events.record(started(1)).await.expect("it is recorded");
        core.store.close().await;
        let core = test.core(Clock::System).await;
        core.events.record(started(2)).await.expect("it is recorded");
        assert_eq!(core.events.verify().await, Ok(Verdict::Intact { events: 2 }));
    }
}
