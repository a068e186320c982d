//! Following a log: one tail for all who read the same service, and the files for those who are behind.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use api::{Gap, GapReason, Hello, Result, Resume, ServiceId, Topic};
use tokio::sync::{Semaphore, watch};

use super::segment::{self, Cursor, Record};
use super::text::line;
use crate::bus::Packet;
use crate::secrets::Mask;
use crate::{Clock, Core};

/// How often a log that somebody reads is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How long it is left alone at most when it can't be read.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Lines kept for readers that are a little behind.
const RING_LINES: usize = 2048;
/// Bytes of them.
const RING_BYTES: usize = 2 << 20;
/// How much is read from a file at once.
const READ_BYTES: usize = 128 << 10;

/// The end of one log, for all who read it.
pub struct Tail {
    topic: Topic,
    folder: PathBuf,
    epoch: String,
    reads: Arc<Semaphore>,
    mask: Arc<Mask>,
    ring: Mutex<Ring>,
    newest: watch::Sender<u64>,
}

struct Ring {
    newest: u64,
    packets: VecDeque<Packet>,
    bytes: usize,
}

impl Tail {
    /// The end of the log in `folder`, as it is seen behind `mask`; nothing is read on before [`Tail::watch`].
    ///
    /// # Errors
    /// `service_failed` when it can't be read.
    pub async fn open(id: ServiceId, folder: PathBuf, reads: Arc<Semaphore>, mask: Arc<Mask>) -> Result<Arc<Self>> {
        let path = folder.clone();
        let (epoch, newest) = super::read(&reads, move || Ok((segment::epoch(&path)?, segment::newest(&path)?))).await?;
        let ring = Mutex::new(Ring { newest, packets: VecDeque::new(), bytes: 0 });
        Ok(Arc::new(Self { topic: Topic::Logs(id), folder, epoch, reads, mask, ring, newest: watch::Sender::new(newest) }))
    }

    /// Reads on as the log grows, as long as somebody reads the tail.
    pub fn watch(tail: &Arc<Self>, core: &Core) {
        let (tail, shutdown) = (Arc::downgrade(tail), core.shutdown.clone());
        core.tasks.spawn(async move {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = follow(tail) => {}
            }
        });
    }

    fn push(&self, packets: Vec<Packet>) {
        let Some(newest) = packets.last().map(|packet| packet.seq) else { return };
        let mut ring = self.lock();
        for packet in packets {
            ring.bytes += packet.json.len();
            ring.packets.push_back(packet);
        }
        while ring.packets.len() > RING_LINES || ring.bytes > RING_BYTES && ring.packets.len() > 1 {
            ring.bytes -= ring.packets.pop_front().map_or(0, |packet| packet.json.len());
        }
        ring.newest = newest;
        drop(ring);
        self.newest.send_replace(newest);
    }

    fn packet(&self, record: Record<'_>) -> Packet {
        Packet::new(self.topic, record.seq, record.ts, "line", &line(record, &self.mask))
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn follow(weak: Weak<Tail>) {
    let mut cursor = None;
    let mut pause = LOOK;
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(tail) = weak.upgrade() else { return };
        if cursor.as_ref().is_some_and(|cursor: &Cursor| !cursor.has_more()) {
            continue;
        }
        let (place, reads) = (cursor.take(), tail.reads.clone());
        let read = super::read(&reads, move || {
            let mut cursor = match place {
                Some(cursor) => cursor,
                None => Cursor::seek(&tail.folder, tail.lock().newest + 1)?,
            };
            loop {
                let mut packets = Vec::new();
                cursor.read(READ_BYTES, &mut |record| packets.push(tail.packet(record)))?;
                if packets.is_empty() {
                    return Ok(cursor);
                }
                tail.push(packets);
            }
        });
        match read.await {
            Ok(place) => (cursor, pause) = (Some(place), LOOK),
            Err(_) => {
                pause = (pause * 2).min(LONGEST_PAUSE);
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// One reader of one log.
pub struct LogReader {
    tail: Arc<Tail>,
    newest: watch::Receiver<u64>,
    first: VecDeque<Packet>,
    /// The number of the last line that was given.
    position: u64,
    cursor: Option<Cursor>,
    clock: Clock,
}

impl LogReader {
    /// One that begins as `resume` says.
    ///
    /// # Errors
    /// `service_failed` when the log can't be read.
    pub(super) async fn new(tail: Arc<Tail>, resume: &Resume, clock: Clock) -> Result<Self> {
        let receiver = tail.newest.subscribe();
        let newest = tail.lock().newest;
        let is_strange = resume.epoch.as_ref().is_some_and(|epoch| *epoch != tail.epoch);
        let (position, gap) = match resume.since {
            None => (newest, None),
            Some(since) if is_strange || since > newest => (newest, Some(Gap { reason: GapReason::NewEpoch, missed: None })),
            Some(since) => {
                let folder = tail.folder.clone();
                let oldest = super::read(&tail.reads, move || Ok(segment::list(&folder)?.first().map_or(1, |segment| segment.first_seq)));
                let position = since.max(oldest.await?.saturating_sub(1));
                let missed = position - since;
                (position, (missed > 0).then_some(Gap { reason: GapReason::TooOld, missed: Some(missed) }))
            }
        };
        let hello = Hello { epoch: tail.epoch.clone(), seq: newest };
        let mut first = VecDeque::from([Packet::control(tail.topic, newest, clock.now(), "hello", &hello)]);
        first.extend(gap.map(|gap| Packet::control(tail.topic, position, clock.now(), "gap", &gap)));
        Ok(Self { tail, newest: receiver, first, position, cursor: None, clock })
    }

    /// Waits for frames and answers those that are there, about `most` at a time. Dropping the future loses nothing.
    pub async fn next(&mut self, most: usize) -> Vec<Packet> {
        if !self.first.is_empty() {
            return self.first.drain(..).collect();
        }
        loop {
            // Nobody locks the ring to see that nothing has come.
            let is_behind = self.position < *self.newest.borrow_and_update();
            if is_behind {
                if let Some(packets) = self.take(most) {
                    return packets;
                }
                let packets = self.read().await;
                if !packets.is_empty() {
                    return packets;
                }
                tokio::time::sleep(LOOK).await;
            } else if self.newest.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// What is in the ring, when it reaches back far enough.
    fn take(&mut self, most: usize) -> Option<Vec<Packet>> {
        let ring = self.tail.lock();
        let oldest = ring.packets.front()?.seq;
        if self.position + 1 < oldest || self.position >= ring.newest {
            return None;
        }
        let at = ring.packets.partition_point(|packet| packet.seq <= self.position);
        let packets: Vec<Packet> = ring.packets.iter().skip(at).take(most.max(1)).cloned().collect();
        drop(ring);
        self.cursor = None;
        let last = packets.last()?.seq;
        Some(self.with_gap(last, packets))
    }

    /// What is in the files.
    async fn read(&mut self) -> Vec<Packet> {
        let (place, tail, after) = (self.cursor.take(), self.tail.clone(), self.position);
        let read = super::read(&self.tail.reads, move || {
            let mut cursor = match place {
                Some(cursor) => cursor,
                None => Cursor::seek(&tail.folder, after + 1)?,
            };
            let mut packets = Vec::new();
            cursor.read(READ_BYTES, &mut |record| packets.push(tail.packet(record)))?;
            Ok((cursor, packets))
        });
        let Ok((cursor, packets)) = read.await else { return Vec::new() };
        self.cursor = Some(cursor);
        let Some(last) = packets.last().map(|packet| packet.seq) else { return packets };
        self.with_gap(last, packets)
    }

    /// Moves on to `last`, saying what is missing before `packets`: it was deleted while this reader was behind.
    fn with_gap(&mut self, last: u64, mut packets: Vec<Packet>) -> Vec<Packet> {
        let before = packets.first().map_or(last, |packet| packet.seq - 1);
        if before > self.position {
            let gap = Gap { reason: GapReason::TooOld, missed: Some(before - self.position) };
            packets.insert(0, Packet::control(self.tail.topic, before, self.clock.now(), "gap", &gap));
        }
        self.position = last;
        packets
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use api::{Frame, Level, LogStream, Resume, ServiceId};

    use super::LogReader;
    use crate::logs::Manager;
    use crate::logs::segment::{Position, Writer};
    use crate::runtime::process::log_folder;
    use crate::testing::{StoreKind, TestStore};
    use crate::{Clock, Core};

    struct Log {
        _store: TestStore,
        core: Arc<Core>,
        manager: Manager,
        id: ServiceId,
        writer: Writer,
    }

    impl Log {
        async fn new() -> Self {
            let store = TestStore::new(StoreKind::Sqlite).await;
            let core = store.core(Clock::System).await;
            let id = ServiceId(Clock::System.new_uuid());
            let writer = Writer::open(&log_folder(&core, id), 17 << 20).unwrap();
            Self { manager: Manager::new(core.clone()), _store: store, core, id, writer }
        }

        fn write(&mut self, count: u64, text: &str) {
            for _ in 0..count {
                self.writer.push(Clock::System.now(), Level::Info, LogStream::Stdout, text.as_bytes());
                if self.writer.is_full() {
                    self.writer.commit(Position::default()).unwrap();
                }
            }
            self.writer.commit(Position::default()).unwrap();
        }

        async fn reader(&self, since: Option<u64>, epoch: Option<&str>) -> LogReader {
            self.manager.follow(self.id, &Resume { since, epoch: epoch.map(str::to_owned) }).await.unwrap()
        }
    }

    async fn frames(reader: &mut LogReader, until: u64) -> Vec<Frame> {
        let mut frames: Vec<Frame> = Vec::new();
        while frames.last().is_none_or(|frame| frame.seq < until || frames.len() < 2 && frame.kind == "hello" && until == 0) {
            let packets = reader.next(100).await;
            frames.extend(packets.iter().map(|packet| serde_json::from_slice::<Frame>(&packet.json).unwrap()));
            if until == 0 {
                break;
            }
        }
        frames
    }

    fn lines(frames: &[Frame]) -> Vec<u64> {
        frames.iter().filter(|frame| frame.kind == "line").map(|frame| frame.seq).collect()
    }

    #[tokio::test]
    async fn a_reader_gets_all_lines_since_where_it_was_and_then_those_to_come() {
        let mut log = Log::new().await;
        log.write(10, "old");
        let mut live = log.reader(None, None).await;
        let hello = frames(&mut live, 0).await;
        assert_eq!((hello[0].kind.as_str(), hello[0].seq), ("hello", 10));
        let epoch = hello[0].data["epoch"].as_str().unwrap().to_owned();
        let mut resumed = log.reader(Some(4), Some(&epoch)).await;
        log.write(3, "new");
        assert_eq!(lines(&frames(&mut live, 13).await), [11, 12, 13]);
        frames(&mut resumed, 0).await;
        assert_eq!(lines(&frames(&mut resumed, 13).await), (5..=13).collect::<Vec<_>>());
        // The epoch is that of the log and outlives Pilothouse.
        let reborn = Manager::new(log.core.clone());
        let mut later = reborn.follow(log.id, &Resume { since: Some(11), epoch: Some(epoch) }).await.unwrap();
        frames(&mut later, 0).await;
        assert_eq!(lines(&frames(&mut later, 13).await), [12, 13]);
    }

    #[tokio::test]
    async fn a_reader_that_is_far_behind_loses_nothing() {
        let mut log = Log::new().await;
        let mut slow = log.reader(None, None).await;
        let mut fast = log.reader(None, None).await;
        frames(&mut slow, 0).await;
        frames(&mut fast, 0).await;
        log.write(50_000, "a line that is long enough to fill the ring more than once");
        assert_eq!(lines(&frames(&mut fast, 50_000).await), (1..=50_000).collect::<Vec<_>>());
        assert_eq!(lines(&frames(&mut slow, 50_000).await), (1..=50_000).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn what_is_not_kept_any_more_and_what_is_of_another_life_is_said() {
        let mut log = Log::new().await;
        log.write(600, &"x".repeat(60_000));
        let mut late = log.reader(Some(0), None).await;
        let greeting = frames(&mut late, 0).await;
        let missed = greeting[1].data["missed"].as_u64().unwrap();
        assert!(missed > 0 && greeting[1].kind == "gap" && greeting[1].data["reason"] == "too_old");
        let rest = frames(&mut late, 600).await;
        assert_eq!(lines(&rest), (missed + 1..=600).collect::<Vec<_>>());
        for (since, epoch) in [(5, Some("other")), (9999, None)] {
            let mut stranger = log.reader(Some(since), epoch).await;
            let greeting = frames(&mut stranger, 0).await;
            assert_eq!(greeting[1].data["reason"], "new_epoch");
        }
    }
}
