//! The kernel's tables of TCP sockets, and who has them.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::procfs::descriptors;

/// The state of a socket that is connected, as the tables have it.
const ESTABLISHED: &str = "01";
/// The state of a socket that listens.
const LISTEN: &str = "0A";

/// A connection with two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// This end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
}

impl Open {
    /// Whether the other end is on this machine too: who connects to an address of the machine does so from that address.
    pub fn is_here(&self) -> bool {
        let ip = self.remote.ip();
        ip.is_loopback() || ip == self.local.ip()
    }
}

/// The ports that something on this machine listens on, by the inodes of the sockets.
pub fn listening() -> HashMap<u64, u16> {
    let mut listening = HashMap::new();
    each_line("self", |line| listening.extend(read(line, LISTEN).map(|(inode, socket)| (inode, socket.local.port()))));
    listening
}

/// The connections that were opened from this machine and are open, by the inodes of the sockets. What was accepted is left out: its end
/// here is a port that something listens on.
pub fn opened() -> HashMap<u64, Open> {
    opened_in("self")
}

/// The same for the network that a process is in: `self`, or its number. Nothing when it can't be looked at.
pub fn opened_in(process: &str) -> HashMap<u64, Open> {
    let (mut open, mut listening) = (HashMap::new(), HashSet::new());
    each_line(process, |line| {
        listening.extend(read(line, LISTEN).map(|(_, socket)| socket.local.port()));
        // One without an inode belongs to nobody any more.
        open.extend(read(line, ESTABLISHED).filter(|(inode, _)| *inode != 0));
    });
    open.retain(|_, socket: &mut Open| !listening.contains(&socket.local.port()));
    open
}

/// Those of `sockets` that a process has.
pub fn of_process<T: Copy>(pid: u32, sockets: &HashMap<u64, T>) -> impl Iterator<Item = (u64, T)> + use<'_, T> {
    descriptors(pid).filter_map(|target| {
        let inode = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()?;
        Some((inode, *sockets.get(&inode)?))
    })
}

fn each_line(process: &str, mut take: impl FnMut(&str)) {
    for table in ["tcp", "tcp6"] {
        let text = std::fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap_or_default();
        text.lines().skip(1).for_each(&mut take);
    }
}

/// Inode and ends of one line of a table, when the socket is in that state.
fn read(line: &str, wanted: &str) -> Option<(u64, Open)> {
    let mut fields = line.split_ascii_whitespace();
    let (local, remote, state) = (fields.nth(1)?, fields.next()?, fields.next()?);
    if state != wanted {
        return None;
    }
    Some((fields.nth(5)?.parse().ok()?, Open { local: address(local)?, remote: address(remote)? }))
}

/// `0100007F:1F90`: words of the address in the order of this machine's bytes, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (words, port) = text.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |n: usize| u32::from_str_radix(words.get(n * 8..n * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match words.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for n in 0..4 {
                bytes[n * 4..n * 4 + 4].copy_from_slice(&word(n)?);
            }
            Ipv6Addr::from(bytes).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::{ESTABLISHED, LISTEN, Open, listening, of_process, opened, read};

    #[test]
    fn a_socket_is_read_from_its_line() {
        let line = "   0: 0100007F:1F90 0200000A:0050 01 00000000:00000000 00:00000000 00000000     0        0 4242 1 0000 100 0 0 10 0";
        let (inode, open) = read(line, ESTABLISHED).unwrap();
        assert_eq!((inode, open.local.to_string(), open.remote.to_string()), (4242, "127.0.0.1:8080".into(), "10.0.0.2:80".into()));
        assert_eq!(read(line, LISTEN), None);
        let mapped = "1: 0000000000000000FFFF00000100007F:1F90 00000000000000000000000001000000:0050 0A 0:0 0:0 0 0 0 7 1";
        let (_, open) = read(mapped, LISTEN).unwrap();
        assert_eq!((open.local.to_string(), open.remote.to_string()), ("127.0.0.1:8080".into(), "[::1]:80".into()));
        for wrong in ["", "  sl  local_address rem_address", "0: 01:1F90 00000000:0000 0A 0:0 0:0 0 0 0 7", "0: é: é: 0A 0 0 0 0 0"] {
            assert_eq!(read(wrong, LISTEN), None, "{wrong}");
        }
    }

    #[test]
    fn a_connection_is_found_at_the_end_that_opened_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap();
        let stream = TcpStream::connect(place).unwrap();
        let (_accepted, _) = listener.accept().unwrap();
        let (open, listening) = (opened(), listening());
        let own: Vec<Open> = of_process(std::process::id(), &open).map(|(_, open)| open).collect();
        let from_here = own.iter().find(|open| open.remote == place).unwrap();
        assert!(from_here.is_here() && from_here.local == stream.local_addr().unwrap());
        assert!(own.iter().all(|open| open.local != place), "the end that was accepted isn't one that was opened");
        assert!(of_process(std::process::id(), &listening).any(|(_, port)| port == place.port()));
    }
}
