//! Streams of live data: the one table of feeds, and the frames that carry them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{DeploymentId, Error, ErrorBody, Permission, ServiceId, Timestamp};

/// Whether a feed may leave out what a slow reader can't take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Only the newest frame for each key matters: a slow reader gets fewer.
    Conflated,
    /// Every frame is delivered, or the reader is told how many are missing by a `gap` frame.
    Lossless,
}

/// Declares the feeds once: variant with its parameter, text, permission, delivery, whether `seq` outlives a restart.
macro_rules! feeds {
    ($($(#[$doc:meta])* $name:ident $(($param:ty))? = $text:literal, $permission:ident, $delivery:ident, $durable:literal;)+) => {
        /// A stream that can be subscribed to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Topic {
            $($(#[$doc])* $name $(($param))?,)+
        }

        impl Topic {
            /// The texts before the parameter, for messages.
            pub const NAMES: &[&str] = &[$($text),+];

            /// What one must be allowed to subscribe to it.
            pub const fn permission(self) -> Permission {
                match self { $(feeds!(@pattern $name $(($param))?) => Permission::$permission),+ }
            }

            /// Whether it may leave something out.
            pub const fn delivery(self) -> Delivery {
                match self { $(feeds!(@pattern $name $(($param))?) => Delivery::$delivery),+ }
            }

            /// Whether its sequence goes on after a restart of Pilothouse.
            pub const fn is_durable(self) -> bool {
                match self { $(feeds!(@pattern $name $(($param))?) => $durable),+ }
            }
        }

        impl fmt::Display for Topic {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(feeds!(@write self, f, $name $(($param))?, $text);)+
                Ok(())
            }
        }

        impl FromStr for Topic {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                let (name, param) = text.split_once('/').map_or((text, None), |(name, param)| (name, Some(param)));
                $(feeds!(@parse name, param, $name $(($param))?, $text);)+
                let text: String = text.chars().take(80).collect();
                Err(Error::invalid("topic", format!("there is no feed '{text}'; the feeds are {}", Self::NAMES.join(", "))))
            }
        }
    };
    (@pattern $name:ident) => { Topic::$name };
    (@pattern $name:ident ($param:ty)) => { Topic::$name(_) };
    (@write $self:ident, $f:ident, $name:ident, $text:literal) => { if let Topic::$name = $self { $f.write_str($text)?; } };
    (@write $self:ident, $f:ident, $name:ident ($param:ty), $text:literal) => {
        if let Topic::$name(param) = $self { write!($f, concat!($text, "/{}"), param)?; }
    };
    (@parse $found:ident, $value:ident, $name:ident, $text:literal) => {
        if $found == $text && $value.is_none() { return Ok(Topic::$name); }
    };
    (@parse $found:ident, $value:ident, $name:ident ($param:ty), $text:literal) => {
        if let (true, Some(value)) = ($found == $text, $value) { return value.parse::<$param>().map(Topic::$name); }
    };
}

feeds! {
    /// Every service as the list shows it. Frames: `service` with a `Service`, `removed` with `{id}`.
    Dashboard = "dashboard", ServicesRead, Conflated, false;
    /// One service as its page shows it. Frames: `service` with a `ServiceDetail`, `health` with a `HealthResult`, `removed` with `{id}`.
    Service(ServiceId) = "services", ServicesRead, Conflated, false;
    /// Figures of all services and the machine. Frames: `point` with a `MetricsPoint`, `system` with a `SystemPoint`.
    Metrics = "metrics", MetricsRead, Conflated, false;
    /// The log of one service. Frames: `line` with a `LogLine`.
    Logs(ServiceId) = "logs", LogsRead, Lossless, true;
    /// One deployment. Frames: `deployment` with a `Deployment`, `line` with a `DeploymentLine`. All of it is kept, so a reader may begin at 0.
    Deployment(DeploymentId) = "deployments", DeploymentsRead, Lossless, true;
    /// What happens to services. Frames: `event` with an `Event`. Account events are not in it.
    Events = "events", ActivityRead, Lossless, false;
}

impl Serialize for Topic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Topic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error: Error| de::Error::custom(error.message))
    }
}

/// One message of a feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame<T = serde_json::Value> {
    /// The feed.
    pub topic: Topic,
    /// Grows by one per topic; `hello` and `gap` carry the number of the last frame before the ones that follow.
    pub seq: u64,
    /// When it was made.
    pub ts: Timestamp,
    /// What `data` is: `hello`, `gap`, `error`, or a type that the feed names.
    #[serde(rename = "type")]
    pub kind: String,
    /// The message itself.
    pub data: T,
}

/// The data of the first frame of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Names the life of the sequence: it changes when the numbers begin anew.
    pub epoch: String,
    /// The number of the newest frame.
    pub seq: u64,
}

/// The data of a frame that says what is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Why.
    pub reason: GapReason,
    /// How many frames are missing, if known.
    pub missed: Option<u64>,
}

/// Why frames are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// The sequence began anew, at a restart of Pilothouse.
    NewEpoch,
    /// They are older than what is kept.
    TooOld,
    /// The reader was too slow.
    SlowReader,
}

impl GapReason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::NewEpoch, Self::TooOld, Self::SlowReader];

    /// The text on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewEpoch => "new_epoch",
            Self::TooOld => "too_old",
            Self::SlowReader => "slow_reader",
        }
    }
}

crate::read_as_word!(GapReason);

/// Where to go on after a break.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The number of the last frame seen.
    pub since: Option<u64>,
    /// The epoch it belongs to.
    pub epoch: Option<String>,
}

/// What a client says on `/ws`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Begin, or go on with, a feed. At most 64 at a time on one socket.
    Subscribe {
        /// The feed.
        topic: String,
        /// Where to go on.
        #[serde(flatten)]
        resume: Resume,
    },
    /// End a feed.
    Unsubscribe {
        /// The feed.
        topic: String,
    },
    /// Answered by `pong`.
    Ping,
}

/// What the server says on `/ws` beside frames.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", try_from = "Said")]
pub enum ServerMessage {
    /// The answer to `ping`.
    Pong,
    /// A message was refused. The socket stays open unless the code is `session_ended`.
    Error {
        /// The feed it was about.
        topic: Option<String>,
        /// Why.
        data: ErrorBody,
    },
}

/// A [`ServerMessage`] as it is read. What serde derives for a tagged enumeration keeps a message in a form of its own first, and is 3 kB of
/// every first page.
#[derive(Deserialize)]
struct Said {
    r#type: String,
    topic: Option<String>,
    data: Option<ErrorBody>,
}

impl TryFrom<Said> for ServerMessage {
    type Error = &'static str;

    fn try_from(Said { r#type, topic, data }: Said) -> Result<Self, &'static str> {
        match (r#type.as_str(), data) {
            ("pong", _) => Ok(Self::Pong),
            ("error", Some(data)) => Ok(Self::Error { topic, data }),
            _ => Err("neither a pong nor an error"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientMessage, ServerMessage, Topic};

    #[test]
    fn a_topic_reads_back_as_it_was_written() {
        let id = crate::ServiceId(uuid::Uuid::from_u128(7));
        for topic in [Topic::Dashboard, Topic::Service(id), Topic::Metrics, Topic::Logs(id), Topic::Events] {
            assert_eq!(topic.to_string().parse::<Topic>().unwrap(), topic);
        }
        for wrong in ["", "logs", "logs/", "logs/x", "dashboard/1", "nothing"] {
            assert!(wrong.parse::<Topic>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_the_server_says_reads_back_as_it_was_written() {
        let error = || crate::Error::not_found("service", 7).into_body(crate::Timestamp::from_micros(0), "request".into());
        for message in [
            ServerMessage::Pong,
            ServerMessage::Error { topic: Some("events".into()), data: error() },
            ServerMessage::Error { topic: None, data: error() },
        ] {
            let text = serde_json::to_string(&message).unwrap();
            assert_eq!(serde_json::from_str::<ServerMessage>(&text).unwrap(), message, "{text}");
        }
        for wrong in [r#"{"type":"frame"}"#, r#"{"type":"error"}"#, "{}"] {
            assert!(serde_json::from_str::<ServerMessage>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_subscription_may_leave_out_where_to_go_on() {
        let message: ClientMessage = serde_json::from_str(r#"{"type":"subscribe","topic":"events"}"#).unwrap();
        assert!(matches!(message, ClientMessage::Subscribe { resume, .. } if resume.since.is_none()));
    }
}
