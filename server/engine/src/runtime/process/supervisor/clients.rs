//! The socket on which a supervisor answers.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};

use rustix::event::PollFlags;
use rustix::net::sockopt::socket_peercred;
use rustix::process::{getpid, getuid};

use crate::runtime::process::folder::SOCKET;
use crate::runtime::process::state::{Ask, Refusal, Request, State, VERSION};

/// How many may be connected.
const MOST: usize = 16;
/// The longest request.
const REQUEST_BYTES: usize = 4096;
/// What may wait for a client that doesn't read.
const WAITING_BYTES: usize = 64 << 10;

/// All who are connected.
pub struct Clients {
    listener: UnixListener,
    clients: Vec<Client>,
}

struct Client {
    stream: UnixStream,
    input: Vec<u8>,
    output: VecDeque<u8>,
    is_subscribed: bool,
    is_gone: bool,
}

impl Clients {
    /// Listens in the working directory, which is the run folder: so the path of the socket is short, wherever the folder is.
    ///
    /// # Errors
    /// When the socket can't be made.
    pub fn listen() -> io::Result<Self> {
        match std::fs::remove_file(SOCKET) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Bound under another name first: nobody can connect before the mode is set.
        let draft = format!("{SOCKET}.{}", getpid());
        let listener = UnixListener::bind(&draft)?;
        std::fs::set_permissions(&draft, PermissionsExt::from_mode(0o600))?;
        std::fs::rename(&draft, SOCKET)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, clients: Vec::new() })
    }

    /// What to poll, and for what: the listener first.
    pub fn polled(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let clients = self.clients.iter().map(|client| {
            let wants = if client.output.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
            (client.stream.as_fd(), wants)
        });
        std::iter::once((self.listener.as_fd(), PollFlags::IN)).chain(clients)
    }

    /// Reads and writes what can be; answers what was asked for and isn't answered by the state.
    pub fn serve(&mut self, state: &State) -> Vec<Ask> {
        while let Ok((stream, _)) = self.listener.accept() {
            self.welcome(stream);
        }
        let mut asked = Vec::new();
        for client in &mut self.clients {
            for request in client.requests() {
                match request {
                    Ok(ask @ (Ask::Stop { .. } | Ask::HandOver { .. })) => asked.push(ask),
                    Ok(Ask::Subscribe) => client.is_subscribed = true,
                    Ok(Ask::Status) => {}
                    Err(error) => {
                        client.send(&Refusal { version: VERSION, error });
                        continue;
                    }
                }
                client.send(state);
            }
            client.flush();
        }
        self.clients.retain(|client| !client.is_gone);
        asked
    }

    /// Tells all subscribers.
    pub fn tell(&mut self, state: &State) {
        for client in self.clients.iter_mut().filter(|client| client.is_subscribed) {
            client.send(state);
            client.flush();
        }
    }

    fn welcome(&mut self, stream: UnixStream) {
        let is_trusted = socket_peercred(&stream).is_ok_and(|peer| peer.uid == getuid() || peer.uid.is_root());
        if is_trusted && self.clients.len() < MOST && stream.set_nonblocking(true).is_ok() {
            let (input, output) = (Vec::new(), VecDeque::new());
            self.clients.push(Client { stream, input, output, is_subscribed: false, is_gone: false });
        }
    }
}

impl Client {
    fn requests(&mut self) -> Vec<Result<Ask, String>> {
        let mut buffer = [0; REQUEST_BYTES];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.is_gone = true,
                Ok(read) => {
                    self.input.extend_from_slice(&buffer[..read]);
                    if self.input.len() <= 4 * REQUEST_BYTES {
                        continue;
                    }
                    self.is_gone = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => self.is_gone = true,
            }
            break;
        }
        let mut requests = Vec::new();
        while let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.input.drain(..=end).collect();
            let request: Result<Request, _> = serde_json::from_slice(&line);
            requests.push(request.map(|request| request.ask).map_err(|error| format!("the request can't be understood: {error}")));
        }
        requests
    }

    fn send(&mut self, message: &impl serde::Serialize) {
        match serde_json::to_vec(message) {
            Ok(json) if self.output.len() < WAITING_BYTES => {
                self.output.extend(json);
                self.output.push_back(b'\n');
            }
            _ => self.is_gone = true,
        }
    }

    fn flush(&mut self) {
        while !self.output.is_empty() && !self.is_gone {
            match self.stream.write(self.output.as_slices().0) {
                Ok(written) => drop(self.output.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.is_gone = true,
            }
        }
    }
}
