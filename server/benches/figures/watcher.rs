//! The bare work of watching services, in one thread that blocks: what the idle time of Pilothouse is compared with.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How often each service is asked for its health, and for its metrics.
const ASKED_EACH: Duration = Duration::from_secs(15);
/// How often each process is looked at.
const LOOKED_EACH: Duration = Duration::from_secs(5);
const PATHS: [&str; 2] = ["/health", "/metrics"];

/// Asks each of the ports on a connection of its own, evenly spread over the time, and reads what `/proc` says of the processes;
/// for ever. Both are numbers with blanks between them.
pub fn watch(ports: &str, pids: &str) {
    let asked: Vec<(u16, &str)> = ports.split(' ').flat_map(|port| PATHS.map(|path| (port.parse().unwrap(), path))).collect();
    let looked: Vec<String> = pids.split(' ').map(|pid| format!("/proc/{pid}/stat")).collect();
    let (begun, step) = (Instant::now(), ASKED_EACH / asked.len() as u32);
    let (mut next_look, mut bytes) = (Duration::ZERO, Vec::new());
    for (n, (port, path)) in asked.iter().cycle().enumerate() {
        std::thread::sleep((step * n as u32).saturating_sub(begun.elapsed()));
        ask(*port, path, &mut bytes);
        if begun.elapsed() >= next_look {
            next_look += LOOKED_EACH;
            looked.iter().for_each(|file| look(file, &mut bytes));
        }
    }
}

fn ask(port: u16, path: &str, answer: &mut Vec<u8>) {
    answer.clear();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream.read_to_end(answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(answer));
}

fn look(file: &str, text: &mut Vec<u8>) {
    text.clear();
    std::fs::File::open(file).unwrap().read_to_end(text).unwrap();
}
