//! The feeds that one socket carries, asked in turn.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use api::Topic;
use engine::FeedReader;
use engine::bus::Packet;
use futures::stream::{self, Stream};

/// Frames taken from a feed at a time.
const MOST_FRAMES: usize = 256;

/// What one socket reads. They are few: all are asked whenever one has something, which costs less than to know which.
#[derive(Default)]
pub struct Feeds {
    list: Vec<Feed>,
    /// Who is asked first next time, so that a busy feed doesn't silence the others.
    first: usize,
}

struct Feed {
    topic: Topic,
    packets: Pin<Box<dyn Stream<Item = Vec<Packet>> + Send>>,
}

impl Feeds {
    /// How many they are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether `topic` is one of them.
    pub fn has(&self, topic: Topic) -> bool {
        self.list.iter().any(|feed| feed.topic == topic)
    }

    /// Reads `topic` too.
    pub fn add(&mut self, topic: Topic, reader: FeedReader) {
        let packets = stream::unfold(reader, |mut reader| async move { Some((reader.next(MOST_FRAMES).await, reader)) });
        self.list.push(Feed { topic, packets: Box::pin(packets) });
    }

    /// Reads `topic` no longer.
    pub fn leave(&mut self, topic: Topic) {
        self.list.retain(|feed| feed.topic != topic);
    }

    /// Waits for frames of any of them; for ever when there is none. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Vec<Packet> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Vec<Packet>> {
        let count = self.list.len();
        for turn in 0..count {
            let at = (self.first + turn) % count;
            if let Poll::Ready(Some(packets)) = self.list[at].packets.as_mut().poll_next(context) {
                self.first = at + 1;
                return Poll::Ready(packets);
            }
        }
        Poll::Pending
    }
}
