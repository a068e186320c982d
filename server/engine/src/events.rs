//! What happened: one append-only table that activity, marks on charts and the audit are views of.
//!
//! Numbers grow by one without holes. Entries with an actor carry an HMAC over themselves and the one before, and the end of the
//! chain is signed too, so that [`Events::verify`] sees a change, a removal in the middle and a cut end. Only who has the key and
//! puts back an old copy of the whole database goes unseen.

use std::sync::Arc;

use api::{Caller, Event, EventKind, EventQuery, Page, Permission, ServiceId, Topic};
use async_trait::async_trait;
use futures::future::BoxFuture;

use crate::Clock;
use crate::bus::Bus;
use crate::store::events::{EventFilter, EventRow, HeadRow, event_head_find, event_head_set, event_insert, event_list, event_walk};
use crate::store::{Conn, Result, Store, mac};

/// The most characters of a message.
const MESSAGE: usize = 2000;
/// Rows that are verified at a time.
const WALK: i64 = 1000;

/// An event to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// What.
    pub kind: EventKind,
    /// The service it happened to, with its name now.
    pub service: Option<(ServiceId, String)>,
    /// Who did it; none when nobody did.
    pub actor: Option<String>,
    /// What it belongs to: a session, a deployment.
    pub reference: Option<String>,
    /// A sentence for people, cut to 2,000 characters.
    pub message: String,
    /// Its particulars; never a secret.
    pub data: serde_json::Value,
}

impl NewEvent {
    /// An event that concerns no service and that nobody did, until told otherwise.
    pub fn new(kind: EventKind, message: impl Into<String>) -> Self {
        Self { kind, service: None, actor: None, reference: None, message: message.into(), data: serde_json::Value::Null }
    }

    /// It happened to this service.
    pub fn on(mut self, id: ServiceId, name: impl Into<String>) -> Self {
        self.service = Some((id, name.into()));
        self
    }

    /// The caller did it.
    pub fn by(mut self, caller: &Caller) -> Self {
        self.actor = Some(caller.name.clone());
        self
    }

    /// It belongs to this.
    pub fn about(mut self, reference: impl ToString) -> Self {
        self.reference = Some(reference.to_string());
        self
    }

    /// Its particulars.
    pub fn with(mut self, data: serde_json::Value) -> Self {
        self.data = data;
        self
    }
}

/// What [`Events::verify`] has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every number is there and every entry of somebody is as it was written.
    Intact {
        /// How many events there are.
        events: u64,
    },
    /// It has been tampered with, or damaged.
    Broken {
        /// The first event that isn't as it was written.
        seq: u64,
        /// What is wrong.
        why: &'static str,
    },
}

/// The table of events and those who listen to it.
pub struct Events {
    store: Arc<Store>,
    bus: Arc<Bus>,
    clock: Clock,
    key: [u8; 32],
}

impl Events {
    /// The events of a store.
    pub fn new(store: Arc<Store>, bus: Arc<Bus>, clock: Clock) -> Self {
        let key = store.keys.derive("events");
        Self { store, bus, clock, key }
    }

    /// Records an event and tells the feed. Fails with `unavailable`.
    pub async fn record(self: &Arc<Self>, new: NewEvent) -> api::Result<()> {
        self.write(|_| Box::pin(async move { Ok(((), vec![new])) })).await
    }

    /// Runs `body` and records the events that it answers, in one commit; then tells the feed. An `Err` undoes all of it.
    ///
    /// ```text
    /// events.write(move |db| Box::pin(async move {
    ///     noun_insert(db, &noun).await?;
    ///     let event = NewEvent::new(EventKind::ServiceCreated, "..").on(id, name).by(&caller);
    ///     Ok((noun, vec![event]))
    /// })).await
    /// ```
    pub async fn write<T, F>(self: &Arc<Self>, body: F) -> api::Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<(T, Vec<NewEvent>)>> + Send + 'static,
    {
        let (appending, announcing) = (self.clone(), self.clone());
        let announce = move |(_, events): &(T, Vec<Event>)| announcing.announce(events);
        let (value, _) = self.store.main.write_then(move |db| appending.append(db, body), announce).await?;
        Ok(value)
    }

    /// One page of events, newest first, without asking who may see them.
    pub async fn list(&self, query: &EventQuery, with_accounts: bool) -> api::Result<Page<Event>> {
        let limit = query.limit.get();
        let before = query.cursor.as_deref().map(str::parse::<i64>).transpose();
        let before = before.map_err(|_| api::Error::invalid("cursor", "cursor isn't one that a page of events has given"))?;
        let filter = EventFilter {
            service_id: query.service_id.map(|id| id.0),
            kind: query.kind.map(EventKind::as_str),
            from: query.from.map(api::Timestamp::micros),
            to: query.to.map(api::Timestamp::micros),
            before,
            with_accounts,
            limit: i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1,
        };
        let mut rows = event_list(&mut self.store.main.read().await?, &filter).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| row.seq.to_string());
        Ok(Page { items: rows.into_iter().filter_map(event).collect(), next_cursor, total: None })
    }

    /// Reads the whole table and says whether it is as it was written.
    pub async fn verify(&self) -> api::Result<Verdict> {
        let mut db = self.store.main.read().await?;
        let Some(end) = event_head_find(&mut db).await? else {
            let stray = event_walk(&mut db, 0, 1).await?.first().map(|row| row.seq.unsigned_abs());
            return Ok(stray.map_or(Verdict::Intact { events: 0 }, |seq| Verdict::Broken { seq, why: "the signed end is missing" }));
        };
        let (mut seq, mut chain) = (0, Vec::new());
        while seq < end.seq {
            let rows = event_walk(&mut db, seq, WALK).await?;
            if rows.is_empty() {
                return Ok(Verdict::Broken { seq: (seq + 1).unsigned_abs(), why: "the newest events are missing" });
            }
            for row in rows {
                let broken = |why| Ok(Verdict::Broken { seq: (seq + 1).unsigned_abs(), why });
                if row.seq != seq + 1 {
                    return broken("an event is missing");
                }
                if row.actor.is_some() != row.mac.is_some() {
                    return broken("an event has lost or gained its actor");
                }
                if row.mac.as_ref().is_some_and(|found| *found != self.seal(&chain, &row)) {
                    return broken("an event has been changed");
                }
                seq = row.seq;
                chain = row.mac.unwrap_or(chain);
                // What has been recorded since the end was read isn't looked at.
                if seq == end.seq {
                    break;
                }
            }
        }
        if chain != end.chain || end.mac != self.seal_end(end.seq, &end.chain) {
            return Ok(Verdict::Broken { seq: end.seq.unsigned_abs(), why: "the signed end doesn't fit" });
        }
        Ok(Verdict::Intact { events: end.seq.unsigned_abs() })
    }

    fn append<'c, T, F>(self: Arc<Self>, db: &'c mut Conn, body: F) -> BoxFuture<'c, Result<(T, Vec<Event>)>>
    where
        T: Send + 'static,
        F: for<'b> FnOnce(&'b mut Conn) -> BoxFuture<'b, Result<(T, Vec<NewEvent>)>> + Send + 'static,
    {
        Box::pin(async move {
            let (value, new) = body(db).await?;
            let mut events = Vec::with_capacity(new.len());
            if !new.is_empty() {
                let mut head = event_head_find(db).await?.unwrap_or_default();
                for new in new {
                    let row = self.row(&mut head, new);
                    event_insert(db, &row).await?;
                    events.extend(event(row));
                }
                head.mac = self.seal_end(head.seq, &head.chain);
                event_head_set(db, &head).await?;
            }
            Ok((value, events))
        })
    }

    fn row(&self, head: &mut HeadRow, new: NewEvent) -> EventRow {
        head.seq += 1;
        let (service_id, service_name) = new.service.unzip();
        let mut row = EventRow {
            seq: head.seq,
            at: self.clock.now().micros(),
            kind: new.kind.as_str().into(),
            is_account: new.kind.is_account(),
            service_id: service_id.map(|id| id.0),
            service_name: service_name.map(clean),
            actor: new.actor.map(clean),
            reference: new.reference.map(clean),
            message: clean(new.message.chars().take(MESSAGE).collect()),
            data: new.data.to_string().replace("\\u0000", "\\ufffd"),
            mac: None,
        };
        if row.actor.is_some() {
            head.chain = self.seal(&head.chain, &row);
            row.mac = Some(head.chain.clone());
        }
        row
    }

    fn announce(&self, events: &[Event]) {
        for event in events.iter().filter(|event| !event.kind.is_account()) {
            self.bus.publish(Topic::Events, "event", None, event);
        }
    }

    fn seal(&self, before: &[u8], row: &EventRow) -> Vec<u8> {
        let service_id = row.service_id.map(|id| id.to_string());
        let what = (&row.kind, row.is_account, service_id, &row.service_name);
        let entry = (row.seq, row.at, what, &row.actor, &row.reference, &row.message, &row.data);
        mac(&self.key, &[b"entry:", before, b":", serde_json::json!(entry).to_string().as_bytes()]).to_vec()
    }

    fn seal_end(&self, seq: i64, chain: &[u8]) -> Vec<u8> {
        mac(&self.key, &[b"end:", &seq.to_be_bytes(), chain]).to_vec()
    }
}

#[async_trait]
impl api::ports::Activity for Events {
    async fn list(&self, caller: &Caller, query: EventQuery) -> api::Result<Page<Event>> {
        caller.require(Permission::ActivityRead)?;
        Events::list(self, &query, caller.may(Permission::AuditRead)).await
    }
}

/// PostgreSQL has no place for a zero byte in a text.
fn clean(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// None for a kind that this version doesn't know.
fn event(row: EventRow) -> Option<Event> {
    let kind = EventKind::named(&row.kind)?;
    Some(Event {
        seq: row.seq.unsigned_abs(),
        at: api::Timestamp::from_micros(row.at),
        kind,
        service_id: row.service_id.map(ServiceId),
        service_name: row.service_name,
        actor: row.actor,
        message: row.message,
        data: serde_json::from_str(&row.data).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
