//! Which port a service is told to listen on, and who has it when it is taken.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};

use api::{Error, Protocol, PublishedPort, Result};

use super::blocking;

/// A process that listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its name, as the system has it.
    pub name: String,
    /// Its id.
    pub pid: u32,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.name, self.pid)
    }
}

/// Chooses a port: the `configured` one, which must be free; else the one that was `found`, or had at the `last` run, if it is free;
/// else one that the system assigns. Answers why the one that was found isn't taken. What is `held` by the service itself is free for it.
pub(super) async fn choose(
    configured: Option<u16>,
    found: Option<u16>,
    last: Option<u16>,
    reserved: &BTreeMap<u16, String>,
    held: Option<u16>,
) -> Result<(u16, Option<String>)> {
    let hindrance = async |port: u16| if Some(port) == held { Ok(None) } else { hindrance(port, reserved).await };
    if let Some(port) = configured {
        return match hindrance(port).await? {
            None => Ok((port, None)),
            Some(reason) => Err(Error::conflict(format!("{reason}; stop that, or give the service another port"))),
        };
    }
    let mut note = None;
    if let Some(port) = found {
        match hindrance(port).await? {
            None => return Ok((port, None)),
            Some(reason) => note = Some(reason),
        }
    }
    if let Some(port) = last.filter(|port| Some(*port) != found)
        && hindrance(port).await?.is_none()
    {
        return Ok((port, note));
    }
    let port = assigned(reserved)?;
    Ok((port, note.map(|reason| format!("{reason}, so it was given port {port}"))))
}

/// Fails with `conflict` when one of the further ports of a container is another's now, as far as that can be seen from here.
pub(super) async fn further(ports: &[PublishedPort], reserved: &BTreeMap<u16, String>) -> Result<()> {
    for port in ports {
        let Some(host) = port.host_port else { continue };
        let named = reserved.get(&host).filter(|_| port.protocol == Protocol::Tcp).map(|name| format!("the service '{name}'"));
        let holder = match (named, port.address().parse::<IpAddr>()) {
            (Some(named), _) => Some(named),
            (None, Ok(address)) => used(port.protocol, address, host).await?,
            (None, Err(_)) => None,
        };
        if let Some(holder) = holder {
            let words = format!("port {host} is taken by {holder}; stop that, or publish another further port in its place");
            return Err(Error::conflict(words));
        }
    }
    Ok(())
}

/// Who has a port of an address. What else is in the way of it Docker will say: it may more than Pilothouse.
async fn used(protocol: Protocol, address: IpAddr, port: u16) -> Result<Option<String>> {
    blocking(move || {
        let bound = match protocol {
            Protocol::Tcp => TcpListener::bind((address, port)).map(drop),
            Protocol::Udp => UdpSocket::bind((address, port)).map(drop),
        };
        let is_used = bound.is_err_and(|error| error.kind() == ErrorKind::AddrInUse);
        let holder = || if protocol == Protocol::Tcp { holder(port) } else { None };
        is_used.then(|| holder().map_or_else(|| "another program".into(), |holder| holder.to_string()))
    })
    .await
}

/// Who listens on `port` on this machine, as far as Pilothouse's user may see.
pub fn holder(port: u16) -> Option<Holder> {
    let inodes: HashSet<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .flat_map(|table| listening(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let pids = std::fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.into_iter().find_map(|pid| {
        let mut files = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
        let holds = files.any(|file| {
            let target = file.ok().and_then(|file| std::fs::read_link(file.path()).ok());
            target.is_some_and(|target| target.to_str().is_some_and(|target| inodes.contains(target)))
        });
        let name = || std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned();
        holds.then(|| Holder { name: name(), pid })
    })
}

/// Why `port` can't be had now; none when it can.
async fn hindrance(port: u16, reserved: &BTreeMap<u16, String>) -> Result<Option<String>> {
    if let Some(name) = reserved.get(&port) {
        return Ok(Some(format!("port {port} is taken by the service '{name}'")));
    }
    blocking(move || match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => None,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Some(format!("port {port} may only be used by an administrator of the machine"))
        }
        Err(_) => Some(match holder(port) {
            Some(holder) => format!("port {port} is taken by {holder}"),
            None => format!("port {port} is taken by another program"),
        }),
    })
    .await
}

fn assigned(reserved: &BTreeMap<u16, String>) -> Result<u16> {
    let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).map(|address| address.port());
    for _ in 0..20 {
        let port = free().map_err(|error| Error::service(format!("the system assigns no port: {error}")))?;
        if !reserved.contains_key(&port) {
            return Ok(port);
        }
    }
    Err(Error::service("the system assigns no port that is free"))
}

/// The inodes of the sockets that listen on `port` in a table of `/proc/net`.
fn listening(table: &str, port: u16) -> Vec<String> {
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter_map(|row| {
        let own = u16::from_str_radix(row.get(1)?.rsplit(':').next()?, 16).ok()?;
        (own == port && *row.get(3)? == "0A").then(|| row.get(9).map(|inode| (*inode).to_owned()))?
    })
    .collect()
}
