//! The ports of a container beside the one of its service.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::Detail;

/// Further ports of a container.
pub const FURTHER_PORTS: usize = 50;
/// The address of this machine that ports are published on when nothing else is said.
pub const LOOPBACK: &str = "127.0.0.1";

/// What is spoken on a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Connections.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
}

impl Protocol {
    /// The text on the wire, and in the words of Docker.
    pub const fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        }
    }

    /// The protocol of that name, in any case.
    pub fn find(name: &str) -> Option<Self> {
        [Protocol::Tcp, Protocol::Udp].into_iter().find(|protocol| name.eq_ignore_ascii_case(protocol.as_str()))
    }

    const fn is_tcp(&self) -> bool {
        matches!(self, Protocol::Tcp)
    }
}

/// A port of a container that is published on this machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PublishedPort {
    /// Where it listens in the container, 1 to 65535.
    pub container_port: u16,
    /// The port of this machine that leads to it, had once for each protocol; none lets Docker assign one at each start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_port: Option<u16>,
    /// What is spoken on it.
    #[serde(default, skip_serializing_if = "Protocol::is_tcp")]
    pub protocol: Protocol,
    /// The IP address of this machine that it is published on; none is 127.0.0.1. One that isn't a loopback address opens the container
    /// to the network, which takes the role Admin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl PublishedPort {
    /// A TCP port of a container, on a port of the loopback address that Docker assigns.
    pub const fn new(container_port: u16) -> Self {
        Self { container_port, host_port: None, protocol: Protocol::Tcp, address: None }
    }

    /// The address that it is published on.
    pub fn address(&self) -> &str {
        self.address.as_deref().unwrap_or(LOOPBACK)
    }

    /// Whether others than this machine reach it.
    pub fn is_open(&self) -> bool {
        !self.address().parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether both can't have the same port of this machine at a time; the address doesn't matter.
    pub fn collides(&self, other: &Self) -> bool {
        self.host_port.is_some() && self.host_port == other.host_port && self.protocol == other.protocol
    }

    /// What it is, for people: `127.0.0.1:8080 to 80/tcp`.
    pub fn words(&self) -> String {
        let address = self.address();
        let address = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        let inside = format!("{}/{}", self.container_port, self.protocol.as_str());
        match self.host_port {
            Some(host) => format!("{address}:{host} to {inside}"),
            None => format!("{address}, a port that Docker assigns, to {inside}"),
        }
    }
}

/// What is wrong with further ports, below the JSON Pointer `at`.
pub(crate) fn port_faults(ports: &[PublishedPort], at: &str) -> Vec<Detail> {
    let mut faults = Vec::new();
    let mut check = |field: String, right: bool, message: String| {
        if !right {
            faults.push(Detail { field: format!("{at}{field}"), message });
        }
    };
    check(String::new(), ports.len() <= FURTHER_PORTS, format!("a container has at most {FURTHER_PORTS} further ports"));
    for (n, port) in ports.iter().enumerate().take(FURTHER_PORTS) {
        check(format!("/{n}/container_port"), port.container_port != 0, "a port in a container is 1 to 65535".into());
        let host = "a port of this machine is 1 to 65535; leave it out to let Docker assign one";
        check(format!("/{n}/host_port"), port.host_port != Some(0), host.into());
        let is_address = port.address.as_deref().is_none_or(|address| address.parse::<IpAddr>().is_ok());
        let shown: String = port.address().chars().take(80).collect();
        let address = format!("'{shown}' isn't an IP address of this machine, such as 127.0.0.1 or ::1");
        check(format!("/{n}/address"), is_address, address);
        let is_first = !ports.iter().take(n).any(|other| port.host_port != Some(0) && other.collides(port));
        let taken = format!(
            "port {}/{} of this machine is published by another further port of this service already; give this one another",
            port.host_port.unwrap_or_default(),
            port.protocol.as_str()
        );
        check(format!("/{n}/host_port"), is_first, taken);
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{Protocol, PublishedPort, port_faults};

    fn at(address: &str) -> PublishedPort {
        PublishedPort { address: Some(address.into()), ..PublishedPort::new(80) }
    }

    #[test]
    fn only_loopback_addresses_are_closed() {
        for closed in ["127.0.0.1", "127.9.9.9", "::1"] {
            assert!(!at(closed).is_open(), "{closed}");
        }
        // What can't be read counts as open: then nobody has it without the right to.
        for open in ["0.0.0.0", "::", "192.168.1.5", "::ffff:127.0.0.1", "localhost", "", "127.0.0.1 "] {
            assert!(at(open).is_open(), "{open}");
        }
        assert!(!PublishedPort::new(80).is_open());
    }

    #[test]
    fn a_host_port_is_had_once_for_each_protocol_and_addresses_are_numbers() {
        let tcp = PublishedPort { host_port: Some(53), ..PublishedPort::new(53) };
        let udp = PublishedPort { protocol: Protocol::Udp, ..tcp.clone() };
        let assigned = PublishedPort::new(53);
        assert_eq!(port_faults(&[tcp.clone(), udp, assigned.clone(), assigned], ""), []);
        let again = PublishedPort { address: Some("::1".into()), ..tcp.clone() };
        let none = PublishedPort { host_port: Some(0), ..PublishedPort::new(0) };
        let faults = port_faults(&[tcp, again, none.clone(), none, at("localhost"), at("")], "/ports");
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "/ports/1/host_port",
                "/ports/2/container_port",
                "/ports/2/host_port",
                "/ports/3/container_port",
                "/ports/3/host_port",
                "/ports/4/address",
                "/ports/5/address"
            ]
        );
        assert!(faults[0].message.contains("port 53/tcp of this machine"));
        assert_eq!(port_faults(&vec![PublishedPort::new(1); 51], "/ports")[0].field, "/ports");
    }

    #[test]
    fn what_is_usual_is_not_written() {
        assert_eq!(serde_json::to_string(&PublishedPort::new(80)).unwrap(), r#"{"container_port":80}"#);
        let read: PublishedPort = serde_json::from_str(r#"{"container_port":53,"protocol":"udp","host_port":5353}"#).unwrap();
        assert_eq!(read.words(), "127.0.0.1:5353 to 53/udp");
        assert_eq!(PublishedPort { host_port: Some(1), ..at("::1") }.words(), "[::1]:1 to 80/tcp");
        assert!(serde_json::from_str::<PublishedPort>(r#"{"container_port":53,"protocol":"sctp"}"#).is_err());
        assert!(serde_json::from_str::<PublishedPort>(r#"{"container_port":65536}"#).is_err());
    }
}
