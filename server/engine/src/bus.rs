//! The bus of live data: a sequence and a ring of frames per topic.
//!
//! A frame is serialised once and shared by all its readers. A reader is a position in the ring, not a queue: a slow one costs
//! nothing, and is told by a `gap` frame what it missed. While nobody reads a topic, and nobody has for a minute, its frames
//! are counted and not made.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::{Delivery, Gap, GapReason, Hello, Resume, ServiceId, Timestamp, Topic};
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::watch;

use crate::Clock;

/// Frames kept per topic.
const RING_FRAMES: usize = 2048;
/// Bytes kept per topic.
const RING_BYTES: usize = 4 << 20;
/// How far a reader of a conflated topic may be behind before it gets only the newest frame of each key.
const CONFLATE_AFTER: usize = 256;
/// How long frames are made after the last reader has left, so that it can resume.
const LINGER: Duration = Duration::from_secs(60);

/// A frame, ready for the wire.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Its number.
    pub seq: u64,
    /// The whole frame as JSON.
    pub json: Bytes,
    key: Option<ServiceId>,
    kind: &'static str,
}

/// Every topic of this instance.
pub struct Bus {
    topics: Mutex<HashMap<Topic, Arc<Channel>>>,
    epoch: String,
    clock: Clock,
}

struct Channel {
    state: Mutex<State>,
    newest: watch::Sender<u64>,
}

struct State {
    seq: u64,
    ring: VecDeque<Packet>,
    bytes: usize,
    readers: usize,
    idle_since: Option<Instant>,
}

impl Bus {
    /// A bus whose sequences begin anew.
    pub fn new(clock: Clock) -> Self {
        let epoch = format!("{:016x}", u64::from_be_bytes(crate::clock::random()));
        Self { topics: Mutex::default(), epoch, clock }
    }

    /// Names the life of the sequences that are not durable.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Sends `data` to all who read `topic`. Frames of the same `key` and `kind` replace one another for readers that are behind.
    pub fn publish(&self, topic: Topic, kind: &'static str, key: Option<ServiceId>, data: &impl Serialize) {
        self.publish_with(topic, kind, key, || data);
    }

    /// [`Bus::publish`], making the data only when somebody may read it.
    pub fn publish_with<T: Serialize>(&self, topic: Topic, kind: &'static str, key: Option<ServiceId>, data: impl FnOnce() -> T) {
        let Some(channel) = lock(&self.topics).get(&topic).cloned() else { return };
        let mut state = lock(&channel.state);
        state.seq += 1;
        if state.readers == 0 && state.idle_since.is_none_or(|since| since.elapsed() > LINGER) {
            state.ring.clear();
            state.bytes = 0;
            return;
        }
        let seq = state.seq;
        let json = frame(topic, seq, self.clock.now(), kind, &data());
        state.push(Packet { seq, json, key, kind });
        drop(state);
        channel.newest.send_replace(seq);
    }

    /// Reads `topic` from now on, or from where `resume` says.
    pub fn subscribe(&self, topic: Topic, resume: &Resume) -> Reader {
        let channel = lock(&self.topics).entry(topic).or_insert_with(Channel::new).clone();
        let mut state = lock(&channel.state);
        state.readers += 1;
        state.idle_since = None;
        let newest = state.seq;
        let (position, gap) = match resume.since {
            None => (newest, None),
            Some(_) if resume.epoch.as_deref().is_some_and(|epoch| epoch != self.epoch) => {
                (newest, Some(Gap { reason: GapReason::NewEpoch, missed: None }))
            }
            Some(since) if since > newest => (newest, Some(Gap { reason: GapReason::NewEpoch, missed: None })),
            Some(since) => {
                let oldest = state.ring.front().map_or(newest, |packet| packet.seq - 1);
                let missed = oldest.saturating_sub(since);
                (since.max(oldest), (missed > 0).then_some(Gap { reason: GapReason::TooOld, missed: Some(missed) }))
            }
        };
        drop(state);
        let hello = Hello { epoch: self.epoch.clone(), seq: newest };
        let mut first = VecDeque::from([Packet::control(topic, newest, self.clock.now(), "hello", &hello)]);
        first.extend(gap.map(|gap| Packet::control(topic, position, self.clock.now(), "gap", &gap)));
        let newest = channel.newest.subscribe();
        Reader { topic, first, position, channel, newest, clock: self.clock.clone() }
    }

    /// Forgets a topic whose subject is gone; its readers end.
    pub fn close(&self, topic: Topic) {
        lock(&self.topics).remove(&topic);
    }

    /// How many readers all topics have, for figures.
    pub fn readers(&self) -> usize {
        lock(&self.topics).values().map(|channel| lock(&channel.state).readers).sum()
    }
}

impl Channel {
    fn new() -> Arc<Self> {
        let state = State { seq: 0, ring: VecDeque::new(), bytes: 0, readers: 0, idle_since: None };
        Arc::new(Self { state: Mutex::new(state), newest: watch::Sender::new(0) })
    }
}

impl State {
    fn push(&mut self, packet: Packet) {
        self.bytes += packet.json.len();
        self.ring.push_back(packet);
        while self.ring.len() > RING_FRAMES || (self.bytes > RING_BYTES && self.ring.len() > 1) {
            self.bytes -= self.ring.pop_front().map_or(0, |packet| packet.json.len());
        }
    }
}

impl Packet {
    /// A frame of the protocol itself: `hello`, `gap`.
    pub fn control(topic: Topic, seq: u64, ts: Timestamp, kind: &'static str, data: &impl Serialize) -> Self {
        Self { seq, json: frame(topic, seq, ts, kind, data), key: None, kind }
    }

    /// What the frame is: `hello`, `gap`, or a type that the feed names.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The frame's `data` alone, as JSON.
    pub fn data(&self) -> &[u8] {
        const MARK: &[u8] = br#","data":"#;
        let at = self.json.windows(MARK.len()).position(|window| window == MARK);
        at.map_or(b"null", |at| &self.json[at + MARK.len()..self.json.len() - 1])
    }

    /// A frame made outside the bus, of a topic that keeps its own sequence.
    pub fn new(topic: Topic, seq: u64, ts: Timestamp, kind: &'static str, data: &impl Serialize) -> Self {
        Self::control(topic, seq, ts, kind, data)
    }
}

/// One reader of one topic.
pub struct Reader {
    topic: Topic,
    first: VecDeque<Packet>,
    position: u64,
    channel: Arc<Channel>,
    newest: watch::Receiver<u64>,
    clock: Clock,
}

impl Reader {
    /// Waits for frames and answers all that are there, at most `most`. Dropping the future loses nothing.
    pub async fn next(&mut self, most: usize) -> Vec<Packet> {
        loop {
            // Nobody locks the ring to see that nothing has come.
            let newest = *self.newest.borrow_and_update();
            if self.position < newest || !self.first.is_empty() {
                let packets = self.take(most);
                if !packets.is_empty() {
                    return packets;
                }
            }
            if self.newest.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn take(&mut self, most: usize) -> Vec<Packet> {
        let mut packets: Vec<_> = self.first.drain(..).collect();
        let state = lock(&self.channel.state);
        let Some(oldest) = state.ring.front().map(|packet| packet.seq) else { return packets };
        let fell_out = oldest.saturating_sub(self.position + 1);
        let skip = usize::try_from((self.position + 1).saturating_sub(oldest)).unwrap_or(usize::MAX);
        let waiting = state.ring.len().saturating_sub(skip);
        let conflate = self.topic.delivery() == Delivery::Conflated && waiting > CONFLATE_AFTER;
        let mut found: Vec<Packet> = if conflate {
            let mut seen = HashSet::new();
            let mut newest: Vec<_> =
                state.ring.iter().skip(skip).rev().filter(|packet| seen.insert((packet.kind, packet.key))).cloned().collect();
            newest.reverse();
            newest
        } else {
            state.ring.iter().skip(skip).take(most.max(1)).cloned().collect()
        };
        drop(state);
        let dropped = if conflate { (waiting - found.len()) as u64 } else { 0 };
        if fell_out + dropped > 0 {
            let gap = Gap { reason: GapReason::SlowReader, missed: Some(fell_out + dropped) };
            packets.push(Packet::control(self.topic, self.position + fell_out, self.clock.now(), "gap", &gap));
        }
        self.position = found.last().map_or(self.position, |packet| packet.seq);
        packets.append(&mut found);
        packets
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = lock(&self.channel.state);
        state.readers -= 1;
        if state.readers == 0 {
            state.idle_since = Some(Instant::now());
        }
    }
}

fn frame(topic: Topic, seq: u64, ts: Timestamp, kind: &str, data: &impl Serialize) -> Bytes {
    let mut json = format!(r#"{{"topic":"{topic}","seq":{seq},"ts":"{ts}","type":"{kind}","data":"#).into_bytes();
    if let Err(error) = serde_json::to_writer(&mut json, data) {
        tracing::error!(%error, %topic, kind, "frame_not_serialised");
        json.extend_from_slice(b"null");
    }
    json.push(b'}');
    json.into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use api::{Frame, Resume, ServiceId, Topic};

    use super::{Bus, CONFLATE_AFTER, Packet, RING_FRAMES};
    use crate::Clock;

    fn read(packet: &Packet) -> Frame {
        serde_json::from_slice(&packet.json).expect("a frame is JSON")
    }

    fn kinds(packets: &[Packet]) -> Vec<(String, u64)> {
        packets.iter().map(read).map(|frame| (frame.kind, frame.seq)).collect()
    }

    #[tokio::test]
    async fn a_reader_is_greeted_and_gets_what_follows_in_order() {
        let bus = Bus::new(Clock::System);
        let mut reader = bus.subscribe(Topic::Events, &Resume::default());
        bus.publish(Topic::Events, "event", None, &1);
        bus.publish(Topic::Events, "event", None, &2);
        assert_eq!(kinds(&reader.next(100).await), [("hello".into(), 0), ("event".into(), 1), ("event".into(), 2)]);
    }

    #[tokio::test]
    async fn a_reader_resumes_where_it_was_and_is_told_of_a_new_epoch() {
        let bus = Bus::new(Clock::System);
        drop(bus.subscribe(Topic::Events, &Resume::default()));
        for n in 0..5 {
            bus.publish(Topic::Events, "event", None, &n);
        }
        let resume = Resume { since: Some(3), epoch: Some(bus.epoch().into()) };
        let mut reader = bus.subscribe(Topic::Events, &resume);
        assert_eq!(kinds(&reader.next(100).await), [("hello".into(), 5), ("event".into(), 4), ("event".into(), 5)]);
        let mut stranger = bus.subscribe(Topic::Events, &Resume { since: Some(3), epoch: Some("other".into()) });
        assert_eq!(kinds(&stranger.next(100).await), [("hello".into(), 5), ("gap".into(), 5)]);
    }

    #[tokio::test]
    async fn a_lossless_reader_that_falls_out_of_the_ring_is_told_how_many_it_missed() {
        let bus = Bus::new(Clock::System);
        let mut reader = bus.subscribe(Topic::Events, &Resume::default());
        for n in 0..RING_FRAMES + 7 {
            bus.publish(Topic::Events, "event", None, &n);
        }
        let packets = reader.next(usize::MAX).await;
        assert_eq!(read(&packets[1]).data["missed"], 7);
        assert_eq!(packets.len(), RING_FRAMES + 2);
        assert_eq!(packets[2].seq, 8);
    }

    #[tokio::test]
    async fn a_conflated_reader_that_is_behind_gets_the_newest_of_each_key() {
        let bus = Bus::new(Clock::System);
        let mut reader = bus.subscribe(Topic::Metrics, &Resume::default());
        let ids = [1, 2].map(|n| ServiceId(uuid::Uuid::from_u128(n)));
        for n in 0..=CONFLATE_AFTER {
            bus.publish(Topic::Metrics, "point", Some(ids[n % 2]), &n);
        }
        let packets = reader.next(100).await;
        assert_eq!(packets.len(), 4, "hello, gap, and one for each key");
        assert_eq!(packets[3].seq, CONFLATE_AFTER as u64 + 1);
    }
}
