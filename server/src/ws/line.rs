//! One WebSocket as what we say and hear: many frames are fed and flushed once; a client that takes nothing for long is let go.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use engine::bus::Packet;
use futures::SinkExt;
use serde::Serialize;

/// How long one batch may take before the client counts as gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// What went wrong on the wire; nothing can be said to the client any more.
pub struct Gone;

/// The connection to one client.
pub struct Line {
    socket: WebSocket,
    is_batched: bool,
}

impl Line {
    /// Talks over `socket`, and sends several frames as one array when `is_batched`.
    pub fn new(socket: WebSocket, is_batched: bool) -> Self {
        Self { socket, is_batched }
    }

    /// Waits for what the client says; none when it is gone. Dropping the future loses nothing.
    pub async fn heard(&mut self) -> Option<Message> {
        self.socket.recv().await?.ok()
    }

    /// Sends frames in order.
    pub async fn frames(&mut self, packets: Vec<Packet>) -> Result<(), Gone> {
        if self.is_batched {
            return self.send([text(array(&packets))]).await;
        }
        self.send(packets.into_iter().map(|packet| text(packet.json))).await
    }

    /// Sends a message of the protocol itself.
    pub async fn message(&mut self, message: &impl Serialize) -> Result<(), Gone> {
        let json = serde_json::to_vec(message).unwrap_or_default();
        self.send([text(json.into())]).await
    }

    /// Asks whether the client is still there.
    pub async fn ping(&mut self) -> Result<(), Gone> {
        self.send([Message::Ping(Bytes::new())]).await
    }

    /// Says goodbye with a code of RFC 6455 and a short reason.
    pub async fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code, reason: Utf8Bytes::from(reason) };
        // A client that doesn't hear it notices the end of the connection.
        let _ = self.send([Message::Close(Some(frame))]).await;
    }

    async fn send(&mut self, messages: impl IntoIterator<Item = Message>) -> Result<(), Gone> {
        let all = async {
            for message in messages {
                self.socket.feed(message).await?;
            }
            self.socket.flush().await
        };
        match tokio::time::timeout(PATIENCE, all).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

fn text(json: Bytes) -> Message {
    Message::Text(Utf8Bytes::try_from(json).unwrap_or_default())
}

fn array(packets: &[Packet]) -> Bytes {
    let mut json = Vec::with_capacity(packets.iter().map(|packet| packet.json.len() + 1).sum::<usize>() + 1);
    for packet in packets {
        json.push(if json.is_empty() { b'[' } else { b',' });
        json.extend_from_slice(&packet.json);
    }
    json.push(b']');
    json.into()
}
