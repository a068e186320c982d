//! Who listens to which feed, and where each feed goes on after a break. Knows nothing of sockets.

use std::collections::BTreeMap;
use std::rc::Rc;

use api::{ClientMessage, Delivery, Gap, Hello, Resume, Topic};
use serde_json::value::RawValue;

use super::{Frame, Incoming};

/// Takes what arrives.
pub type Listener = Rc<dyn Fn(&Incoming)>;

/// Who listens to what.
#[derive(Default)]
pub struct Table {
    feeds: BTreeMap<Topic, Feed>,
    last_id: u32,
}

#[derive(Default)]
struct Feed {
    listeners: Vec<(u32, Listener)>,
    resume: Resume,
    is_greeted: bool,
}

/// What arrived, and who takes it.
pub type Delivered = (Vec<Listener>, Incoming);

impl Table {
    /// Adds a listener. Answers its number, and the message to send when it is the first of its feed.
    pub fn add(&mut self, topic: Topic, resume: Resume, listener: Listener) -> (u32, Option<ClientMessage>) {
        self.last_id += 1;
        let feed = self.feeds.entry(topic).or_default();
        let is_first = feed.listeners.is_empty();
        if is_first {
            feed.resume = resume;
        }
        feed.listeners.push((self.last_id, listener));
        (self.last_id, is_first.then(|| subscribe(topic, feed)))
    }

    /// Whether the feed has been greeted, so that a further listener gets no greeting of its own and has to reload at once.
    pub fn is_greeted(&self, topic: Topic) -> bool {
        self.feeds.get(&topic).is_some_and(|feed| feed.is_greeted)
    }

    /// Takes a listener out. Answers the message to send when it was the last of its feed.
    pub fn remove(&mut self, topic: Topic, id: u32) -> Option<ClientMessage> {
        let feed = self.feeds.get_mut(&topic)?;
        feed.listeners.retain(|(one, _)| *one != id);
        if !feed.listeners.is_empty() {
            return None;
        }
        self.feeds.remove(&topic);
        Some(ClientMessage::Unsubscribe { topic: topic.to_string() })
    }

    /// What to send on a new connection: each feed from where it was.
    pub fn resubscribe(&mut self) -> Vec<ClientMessage> {
        self.feeds.iter_mut().map(|(topic, feed)| subscribe(*topic, feed)).collect()
    }

    /// Every listener, for a round of polling.
    pub fn everybody(&self) -> Vec<Listener> {
        self.feeds.values().flat_map(Feed::everybody).collect()
    }

    /// Notes where a feed is and says who gets what. Frames of feeds that nobody listens to any more go nowhere.
    pub fn take(&mut self, frame: api::Frame<Box<RawValue>>) -> Option<Delivered> {
        let topic = frame.topic;
        let feed = self.feeds.get_mut(&topic)?;
        let incoming = match frame.kind.as_str() {
            "hello" => {
                let hello: Hello = serde_json::from_str(frame.data.get()).ok()?;
                let is_new = feed.resume.since.is_none();
                feed.is_greeted = true;
                feed.resume = Resume { since: feed.resume.since.or(Some(hello.seq)), epoch: Some(hello.epoch) };
                is_new.then_some(Incoming::Reload)?
            }
            "gap" => {
                feed.resume.since = Some(frame.seq);
                let gap: Gap = serde_json::from_str(frame.data.get()).ok()?;
                match topic.delivery() {
                    Delivery::Conflated => Incoming::Reload,
                    Delivery::Lossless => Incoming::Missing(gap.missed),
                }
            }
            _ => {
                feed.resume.since = Some(frame.seq);
                Incoming::Frame(Frame::new(frame.kind, frame.data))
            }
        };
        Some((feed.everybody(), incoming))
    }
}

impl Feed {
    fn everybody(&self) -> Vec<Listener> {
        self.listeners.iter().map(|(_, listener)| listener.clone()).collect()
    }
}

fn subscribe(topic: Topic, feed: &mut Feed) -> ClientMessage {
    feed.is_greeted = false;
    ClientMessage::Subscribe { topic: topic.to_string(), resume: feed.resume.clone() }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use api::{ClientMessage, Frame, Resume, Timestamp, Topic};
    use serde_json::value::{RawValue, to_raw_value};
    use serde_json::{Value, json};

    use super::Table;
    use crate::live::Incoming;

    fn frame(topic: Topic, seq: u64, kind: &str, data: Value) -> Frame<Box<RawValue>> {
        Frame { topic, seq, ts: Timestamp::default(), kind: kind.into(), data: to_raw_value(&data).unwrap() }
    }

    /// A table with one listener to `topic`, and what it was told.
    fn listening(topic: Topic, resume: Resume) -> (Table, Rc<RefCell<Vec<String>>>, u32) {
        let (mut table, told) = (Table::default(), Rc::new(RefCell::new(Vec::new())));
        let sink = told.clone();
        let (id, _) = table.add(topic, resume, Rc::new(move |incoming| sink.borrow_mut().push(word(incoming))));
        (table, told, id)
    }

    fn word(incoming: &Incoming) -> String {
        match incoming {
            Incoming::Frame(frame) => frame.kind.clone(),
            Incoming::Reload => "reload".into(),
            Incoming::Missing(count) => format!("missing {count:?}"),
        }
    }

    fn give(table: &mut Table, frame: Frame<Box<RawValue>>) {
        if let Some((listeners, incoming)) = table.take(frame) {
            listeners.iter().for_each(|listener| listener(&incoming));
        }
    }

    #[test]
    fn the_first_greeting_reloads_and_a_resumed_one_does_not() {
        let (mut table, told, _) = listening(Topic::Dashboard, Resume::default());
        give(&mut table, frame(Topic::Dashboard, 4, "hello", json!({"epoch": "a", "seq": 4})));
        give(&mut table, frame(Topic::Dashboard, 5, "service", json!({})));
        let again = table.resubscribe();
        let resume = Resume { since: Some(5), epoch: Some("a".into()) };
        assert_eq!(again, [ClientMessage::Subscribe { topic: "dashboard".into(), resume }]);
        give(&mut table, frame(Topic::Dashboard, 9, "hello", json!({"epoch": "a", "seq": 9})));
        assert_eq!(*told.borrow(), ["reload", "service"]);
    }

    #[test]
    fn a_gap_reloads_what_may_be_conflated_and_is_told_where_nothing_may_be_lost() {
        let gap = json!({"reason": "too_old", "missed": 7});
        let (mut table, told, _) = listening(Topic::Dashboard, Resume::default());
        give(&mut table, frame(Topic::Dashboard, 9, "gap", gap.clone()));
        assert_eq!(*told.borrow(), ["reload"]);
        let logs: Topic = "logs/00000000-0000-7000-8000-000000000000".parse().unwrap();
        let (mut table, told, _) = listening(logs, Resume { since: Some(2), epoch: None });
        give(&mut table, frame(logs, 9, "gap", gap));
        assert_eq!(*told.borrow(), ["missing Some(7)"]);
    }

    #[test]
    fn a_feed_is_asked_for_once_and_ended_with_its_last_listener() {
        let (mut table, _, first) = listening(Topic::Events, Resume::default());
        let (second, message) = table.add(Topic::Events, Resume::default(), Rc::new(|_| {}));
        assert_eq!(message, None);
        assert_eq!(table.remove(Topic::Events, first), None);
        assert_eq!(table.remove(Topic::Events, second), Some(ClientMessage::Unsubscribe { topic: "events".into() }));
        assert!(table.resubscribe().is_empty());
    }
}
