//! How the page is connected to Pilothouse, in words.

use api::Timestamp;

/// How the page is connected to Pilothouse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connection {
    /// The page isn't alive yet, or JavaScript is off: it shows what was true when it was loaded.
    #[default]
    Waiting,
    /// The first connection is being made.
    Connecting,
    /// Frames arrive as things happen.
    Live,
    /// The connection is there and has been silent for so many seconds.
    Stale(u32),
    /// There is no connection since then; it is tried again and again.
    Offline(Timestamp),
    /// WebSockets don't get through; the page asks every five seconds.
    Polling,
    /// The session has ended; the page is on its way to the sign-in.
    Ended,
}

impl Connection {
    /// The text of `data-state`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Connection::Waiting => "waiting",
            Connection::Connecting => "connecting",
            Connection::Live => "live",
            Connection::Stale(_) => "stale",
            Connection::Offline(_) => "offline",
            Connection::Polling => "polling",
            Connection::Ended => "ended",
        }
    }

    /// What the chip shows. `offset` is the seconds that local time is ahead of UTC.
    pub fn label(self, offset: i64) -> String {
        match self {
            Connection::Waiting => "As loaded".into(),
            Connection::Connecting => "Connecting".into(),
            Connection::Live => "Live".into(),
            Connection::Stale(seconds) => format!("Silent for {seconds} s"),
            Connection::Offline(since) => match since.plus_seconds(offset).utc() {
                Some(at) => format!("Offline since {:02}:{:02}:{:02}", at.hour(), at.minute(), at.second()),
                None => "Offline".into(),
            },
            Connection::Polling => "Every 5 s".into(),
            Connection::Ended => "Signed out".into(),
        }
    }

    /// What it means for what the page shows.
    pub const fn explanation(self) -> &'static str {
        match self {
            Connection::Waiting => "This page shows what was true when it was loaded; reload it to see what is true now.",
            Connection::Connecting => "The page is connecting to Pilothouse; until then it shows what was true when it was loaded.",
            Connection::Live => "This page changes as things happen.",
            Connection::Stale(_) => "The connection is there but silent; what you see may be old.",
            Connection::Offline(_) => "Pilothouse can't be reached; what you see is from before. The page connects again by itself.",
            Connection::Polling => "WebSockets don't get through to Pilothouse, so the page asks every five seconds.",
            Connection::Ended => "Your session has ended; sign in again.",
        }
    }

    /// Whether what the page shows may be older than it looks.
    pub const fn is_behind(self) -> bool {
        matches!(self, Connection::Stale(_) | Connection::Offline(_) | Connection::Ended)
    }
}

#[cfg(test)]
mod tests {
    use api::Timestamp;

    use super::Connection;

    #[test]
    fn an_interruption_says_since_when_in_local_time() {
        let since: Timestamp = "2026-11-23T13:37:25Z".parse().unwrap();
        assert_eq!(Connection::Offline(since).label(3_600), "Offline since 14:37:25");
        assert!(Connection::Offline(since).is_behind() && !Connection::Polling.is_behind());
    }
}
