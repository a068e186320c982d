//! Whether a process waits for connections on a listening socket, as `/proc` shows it.

use std::fs::File;
use std::os::fd::RawFd;
use std::os::unix::fs::FileExt;

use super::socket::places;

/// The numbers of the system calls that wait for connections: accept, poll, select, each with its variants. None where they aren't known.
#[cfg(target_arch = "x86_64")]
const CALLS: [&[u64]; 3] = [&[43, 288], &[7, 271], &[23, 270]];
#[cfg(target_arch = "aarch64")]
const CALLS: [&[u64]; 3] = [&[202, 242], &[73], &[72]];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const CALLS: [&[u64]; 3] = [&[], &[], &[]];

/// Descriptors of one call that are looked at.
const MOST: usize = 1024;
/// Bytes of what poll takes for each: descriptor, and what is waited for.
const POLLED: usize = 8;

/// Whether a process watches the socket of that inode: it has given it to epoll, or is in accept, poll or select for it. What waits otherwise
/// isn't seen.
pub fn watches(pid: u32, inode: u64) -> bool {
    let own: Vec<RawFd> = places(pid, inode).collect();
    !own.is_empty() && (!in_epoll(pid, inode, &own).is_empty() || is_in_call(pid, &own))
}

/// Where a process has given the socket of that inode to epoll: the descriptor of epoll, and the one that the socket had then.
pub fn epolls(pid: u32, inode: u64) -> Vec<(RawFd, RawFd)> {
    in_epoll(pid, inode, &places(pid, inode).collect::<Vec<_>>())
}

fn in_epoll(pid: u32, inode: u64, own: &[RawFd]) -> Vec<(RawFd, RawFd)> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let epolls = entries.filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|link| link.as_os_str() == "anon_inode:[eventpoll]"));
    let of_epoll = |epoll: RawFd| {
        let info = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{epoll}")).unwrap_or_default();
        info.lines().filter_map(|line| Some((epoll, place_of(line, inode, own)?))).collect::<Vec<_>>()
    };
    epolls.filter_map(|epoll| epoll.file_name().to_str()?.parse().ok()).flat_map(of_epoll).collect()
}

/// The descriptor of the socket in a line of an epoll descriptor that is about it: `tfd: 5 events: 19 data: 5  pos:0 ino:1f sdev:8`. Kernels
/// before 4.13 don't say the inode.
fn place_of(line: &str, inode: u64, own: &[RawFd]) -> Option<RawFd> {
    let mut words = line.strip_prefix("tfd:")?.split_ascii_whitespace();
    let place = words.next()?.parse().ok()?;
    let said = words.find_map(|word| u64::from_str_radix(word.strip_prefix("ino:")?, 16).ok());
    said.map_or(own.contains(&place), |said| said == inode).then_some(place)
}

fn is_in_call(pid: u32, own: &[RawFd]) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads.into_iter().any(|thread| {
        let said = std::fs::read_to_string(thread.path().join("syscall")).unwrap_or_default();
        call(&said).is_some_and(|(number, first, second)| match CALLS.iter().position(|calls| calls.contains(&number)) {
            Some(0) => own.iter().any(|place| u64::try_from(*place) == Ok(first)),
            Some(1) => memory(pid, first, POLLED * usize::try_from(second).unwrap_or(MOST).min(MOST)).chunks_exact(POLLED).any(|polled| {
                let place = polled.first_chunk().map(|place| RawFd::from_ne_bytes(*place));
                place.is_some_and(|place| own.contains(&place))
            }),
            Some(_) => {
                let set = memory(pid, second, usize::try_from(first).unwrap_or(MOST).min(MOST).div_ceil(64) * 8);
                own.iter()
                    .filter_map(|place| usize::try_from(*place).ok())
                    .any(|place| set.get(place / 8).is_some_and(|byte| byte >> (place % 8) & 1 == 1))
            }
            None => false,
        })
    })
}

/// Number and first two arguments of the call that a thread is in: `43 0x3 0x7ffd..`; none when it runs.
fn call(said: &str) -> Option<(u64, u64, u64)> {
    let mut words = said.split_ascii_whitespace();
    let number = words.next()?.parse().ok()?;
    let mut argument = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
    Some((number, argument()?, argument()?))
}

/// So many bytes of a process from `address` on; nothing when they can't be read.
fn memory(pid: u32, address: u64, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let read = File::open(format!("/proc/{pid}/mem")).and_then(|memory| memory.read_exact_at(&mut bytes, address));
    if read.is_ok() { bytes } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::{call, place_of};

    #[test]
    fn a_socket_is_found_in_what_an_epoll_descriptor_says() {
        let line = "tfd:        5 events:       19 data:                5  pos:0 ino:1f sdev:8";
        assert_eq!((place_of(line, 31, &[9]), place_of(line, 32, &[5])), (Some(5), None), "its inode decides");
        let old = "tfd:  5 events: 19 data: 5";
        assert_eq!((place_of(old, 31, &[5]), place_of(old, 31, &[6])), (Some(5), None));
        assert_eq!((place_of("pos:\t0", 31, &[0]), place_of("tfd:", 31, &[0])), (None, None));
    }

    #[test]
    fn the_call_of_a_thread_is_read() {
        assert_eq!(call("43 0x3 0x7ffd 0x0 0x0 0x0 0x0 0x7ffe 0x7f00\n"), Some((43, 3, 0x7ffd)));
        assert_eq!((call("running\n"), call(""), call("-1 0x7ffe 0x7f00\n")), (None, None, None));
    }
}
