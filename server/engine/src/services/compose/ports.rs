//! The ports of a service: which one is its own, and which are published beside it.

use std::net::IpAddr;

use api::{FURTHER_PORTS, LOOPBACK, Protocol, PublishedPort};
use serde_json::{Map, Value};

use super::scope::Scope;
use super::value::{Reading, list, shown, text};

/// The ports of a service on the machine and in its container.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ports {
    /// Its own on the machine; none lets Pilothouse choose.
    pub port: Option<u16>,
    /// Its own in the container; none takes the one of the image.
    pub container_port: Option<u16>,
    /// Those beside it.
    pub further: Vec<PublishedPort>,
}

/// One entry of `ports`.
struct Entry {
    written: String,
    address: Option<IpAddr>,
    host: Option<Range>,
    container: Range,
    /// None is one that Docker doesn't publish, or not for Pilothouse.
    protocol: Option<Protocol>,
}

#[derive(Clone, Copy)]
struct Range {
    first: u16,
    last: u16,
}

/// Reads `ports` and `expose`: the first single TCP port is the one of the service, or the first of a range when there is no single one;
/// the others are further ones. What isn't published as it is written is noted.
pub(super) fn read(scope: &mut Scope<'_>) -> Reading<Ports> {
    let mut entries = Vec::new();
    for item in scope.get("ports").map_or(Ok(&[][..]), |value| list("ports", value))? {
        let entry = match item {
            Value::Object(fields) => long(fields)?,
            other => short(&text("ports", other)?)?,
        };
        match entry.refusal()? {
            Some(why) => scope.note("ports", format!("{} isn't published: {why}", entry.written)),
            None => entries.push(entry),
        }
    }
    let is_tcp = |entry: &&Entry| entry.protocol == Some(Protocol::Tcp);
    let own = entries.iter().filter(is_tcp).find(|entry| entry.container.is_single()).or_else(|| entries.iter().find(is_tcp));
    let own = own.map(|entry| (entry.written.clone(), entry.host.map(|host| host.first), entry.container.first));
    let mut ports = match &own {
        Some((_, port, inside)) => Ports { port: *port, container_port: Some(*inside), further: Vec::new() },
        None => Ports { container_port: exposed(scope)?, ..Ports::default() },
    };
    let mut is_own_due = own.is_some();
    for entry in entries {
        let is_own = is_own_due && own.as_ref().is_some_and(|(written, ..)| *written == entry.written);
        is_own_due &= !is_own;
        if entry.is_kept_here(is_own) {
            scope.note("ports", format!("{}: it is published on {LOOPBACK} only", entry.written));
        }
        for port in entry.ports().skip(usize::from(is_own)) {
            let is_taken = |other: u16| port.protocol == Protocol::Tcp && port.host_port == Some(other);
            let why = if ports.port.is_some_and(is_taken) || ports.further.iter().any(|other| other.collides(&port)) {
                "its port of this machine is published already"
            } else if ports.further.len() == FURTHER_PORTS {
                "a service has at most 50 further ports"
            } else {
                ports.further.push(port);
                continue;
            };
            scope.note(
                "ports",
                format!("{} isn't published{}: {why}", entry.written, if entry.container.is_single() { "" } else { " as a whole" }),
            );
            break;
        }
    }
    Ok(ports)
}

/// The first single TCP port of `expose`. The others can be reached in the network all the same.
fn exposed(scope: &Scope<'_>) -> Reading<Option<u16>> {
    let mut first = None;
    for item in scope.get("expose").map_or(Ok(&[][..]), |value| list("expose", value))? {
        let written = text("expose", item)?;
        let (numbers, protocol) = written.split_once('/').unwrap_or((&written, "tcp"));
        let range = range("expose", numbers, &written)?;
        if first.is_none() && protocol.eq_ignore_ascii_case("tcp") && range.is_single() {
            first = Some(range.first);
        }
    }
    Ok(first)
}

impl Entry {
    /// Why it isn't published. Fails with what Compose refuses.
    fn refusal(&self) -> Reading<Option<&'static str>> {
        let (host, container) = (self.host.map(Range::count), self.container.count());
        match host {
            _ if self.protocol.is_none() => Ok(Some("only TCP and UDP are")),
            Some(host) if host > 1 && container == 1 => Ok(Some("of a range for one port none is chosen, name a single one")),
            Some(host) if host != container => Err(format!("'ports' has '{}', whose ranges aren't of the same length", self.written)),
            _ => Ok(None),
        }
    }

    /// Its ports one by one.
    fn ports(&self) -> impl Iterator<Item = PublishedPort> + use<> {
        let (host, protocol) = (self.host.map(|host| host.first), self.protocol.unwrap_or_default());
        let address = self.address.filter(|address| address.to_string() != LOOPBACK).map(|address| address.to_string());
        (self.container.first..=self.container.last).zip(0..).map(move |(container_port, n)| PublishedPort {
            container_port,
            host_port: host.map(|host| host + n),
            protocol,
            address: address.clone(),
        })
    }

    /// Whether Compose would publish it on other addresses than Pilothouse does: without an address on all, and that of the service
    /// itself is only ever on one.
    fn is_kept_here(&self, is_own: bool) -> bool {
        match self.address {
            Some(address) => is_own && address.to_string() != LOOPBACK,
            None => self.host.is_some(),
        }
    }
}

impl Range {
    const fn is_single(self) -> bool {
        self.first == self.last
    }

    const fn count(self) -> u32 {
        self.last as u32 - self.first as u32 + 1
    }
}

/// `[[IP:]HOST:]CONTAINER[/PROTOCOL]`.
fn short(written: &str) -> Reading<Entry> {
    let (address, protocol) = written.split_once('/').unwrap_or((written, "tcp"));
    let (before, container) = address.rsplit_once(':').map_or((None, address), |(before, container)| (Some(before), container));
    let (host_ip, host) = match before {
        Some(before) => before.rsplit_once(':').map_or((None, before), |(ip, host)| (Some(ip), host)),
        None => (None, ""),
    };
    let host_ip = host_ip.map(|ip| ip.trim_start_matches('[').trim_end_matches(']').to_owned()).filter(|ip| !ip.is_empty());
    entry(written, host_ip, host, container, protocol)
}

/// `{target: 80, published: 8080, host_ip: .., protocol: ..}`.
fn long(fields: &Map<String, Value>) -> Reading<Entry> {
    let part = |name: &str| match fields.get(name).filter(|value| !value.is_null()) {
        Some(value) => text(&format!("ports.{name}"), value).map(Some),
        None => Ok(None),
    };
    let container = part("target")?.ok_or("an entry of 'ports' has no 'target'")?;
    let (host, protocol) = (part("published")?.unwrap_or_default(), part("protocol")?.unwrap_or_else(|| "tcp".into()));
    let written = if host.is_empty() { container.clone() } else { format!("{host}:{container}") };
    let written = if protocol == "tcp" { written } else { format!("{written}/{protocol}") };
    entry(&written, part("host_ip")?.filter(|ip| !ip.is_empty()), &host, &container, &protocol)
}

fn entry(written: &str, host_ip: Option<String>, host: &str, container: &str, protocol: &str) -> Reading<Entry> {
    // An empty host port, and 0, let Docker choose one; so they let Pilothouse.
    let host = if matches!(host, "" | "0") { None } else { Some(range("ports", host, written)?) };
    let container = range("ports", container, written)?;
    let address = host_ip.map(|ip| if ip == "localhost" { LOOPBACK.to_owned() } else { ip }).map(|ip| ip.parse::<IpAddr>());
    let address = address.transpose().map_err(|_| format!("'ports' has '{}', whose address isn't one of the machine", shown(written)))?;
    Ok(Entry { written: shown(written), address, host, container, protocol: Protocol::find(protocol) })
}

fn range(field: &str, numbers: &str, written: &str) -> Reading<Range> {
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    let port = |digits: &str| digits.parse::<u16>().ok().filter(|port| *port > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()));
    match (port(first), port(last)) {
        (Some(first), Some(last)) if first <= last => Ok(Range { first, last }),
        _ => Err(format!("'{field}' has '{}', which isn't a port of 1 to 65535", shown(written))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Ports, Scope, read};

    fn ports(port: Option<u16>, container_port: Option<u16>) -> Ports {
        Ports { port, container_port, further: Vec::new() }
    }

    fn reading(service: &Value) -> (Result<Ports, String>, Vec<String>) {
        let mut scope = Scope::new("web", service.as_object().unwrap());
        let read = read(&mut scope);
        assert!(scope.notes.iter().all(|note| note.at == "services.web.ports"));
        (read, scope.notes.into_iter().map(|note| note.message).collect())
    }

    #[test]
    fn the_first_tcp_port_is_the_one_of_the_service() {
        let only = |written: &str| format!("{written}: it is published on 127.0.0.1 only");
        let range = |written: &str| format!("{written} isn't published: of a range for one port none is chosen, name a single one");
        let table = [
            (json!(["8080:80"]), ports(Some(8080), Some(80)), vec![only("8080:80")]),
            (json!(["127.0.0.1:8080:80"]), ports(Some(8080), Some(80)), vec![]),
            (json!(["localhost:8080:80/tcp"]), ports(Some(8080), Some(80)), vec![]),
            (json!(["0.0.0.0:8080:80"]), ports(Some(8080), Some(80)), vec![only("0.0.0.0:8080:80")]),
            (json!(["[::1]:8080:80"]), ports(Some(8080), Some(80)), vec![only("[::1]:8080:80")]),
            (json!(["::1:8080:80"]), ports(Some(8080), Some(80)), vec![only("::1:8080:80")]),
            (json!(["127.0.0.1::80"]), ports(None, Some(80)), vec![]),
            (json!([":80"]), ports(None, Some(80)), vec![]),
            (json!(["0:80"]), ports(None, Some(80)), vec![]),
            (json!([80]), ports(None, Some(80)), vec![]),
            (json!(["8000-9000:80"]), ports(None, None), vec![range("8000-9000:80")]),
            (json!([{"target": 80, "published": "8080", "host_ip": "127.0.0.1"}]), ports(Some(8080), Some(80)), vec![]),
            (json!([{"target": "80", "published": 8080}]), ports(Some(8080), Some(80)), vec![only("8080:80")]),
            (json!([{"target": 80, "mode": "host"}]), ports(None, Some(80)), vec![]),
            (json!([]), ports(None, None), vec![]),
            (json!(null), ports(None, None), vec![]),
        ];
        for (value, read, notes) in table {
            assert_eq!(reading(&json!({"ports": value})), (Ok(read), notes), "{value}");
        }
    }

    #[test]
    fn each_other_port_is_published_beside_it() {
        let only = |written: &str| format!("{written}: it is published on 127.0.0.1 only");
        let already = |written: &str| format!("{written} isn't published: its port of this machine is published already");
        let of = |lines: &str| api::read_ports(&lines.replace(' ', "\n"), "").unwrap();
        let table = [
            (json!(["53:53/udp", "80"]), (None, Some(80)), "53:53/udp", vec![only("53:53/udp")]),
            (json!([{"target": 53, "protocol": "udp"}]), (None, None), "53/udp", vec![]),
            (json!(["8080:80", "8443:443"]), (Some(8080), Some(80)), "8443:443", vec![only("8080:80"), only("8443:443")]),
            (json!(["127.0.0.1:8080:80", "0.0.0.0:8443:443"]), (Some(8080), Some(80)), "0.0.0.0:8443:443", vec![]),
            (json!(["80", "[::1]:8443:443", "localhost:1:1/udp"]), (None, Some(80)), "[::1]:8443:443 1:1/udp", vec![]),
            (json!(["0.0.0.0::80", "0.0.0.0::81"]), (None, Some(80)), "0.0.0.0::81", vec![only("0.0.0.0::80")]),
            (json!([{"target": 80}, {"target": 81, "published": "9000", "host_ip": "::1"}]), (None, Some(80)), "[::1]:9000:81", vec![]),
            (json!(["3000-3002", "80", "81"]), (None, Some(80)), "3000 3001 3002 81", vec![]),
            (json!(["127.0.0.1:9000-9001:80-81"]), (Some(9000), Some(80)), "9001:81", vec![]),
            (json!(["9000-9001:80-81/udp"]), (None, None), "9000:80/udp 9001:81/udp", vec![only("9000-9001:80-81/udp")]),
            (json!(["127.0.0.1:80:80", "[::1]:80:80"]), (Some(80), Some(80)), "", vec![already("[::1]:80:80")]),
            (json!(["127.0.0.1:80:80", "127.0.0.1:80:80"]), (Some(80), Some(80)), "", vec![already("127.0.0.1:80:80")]),
            (json!(["80", "127.0.0.1:1:1", "127.0.0.1:1:2"]), (None, Some(80)), "1:1", vec![already("127.0.0.1:1:2")]),
            (json!(["80", "5:5/sctp"]), (None, Some(80)), "", vec!["5:5/sctp isn't published: only TCP and UDP are".to_owned()]),
        ];
        for (value, (port, container_port), further, notes) in table {
            assert_eq!(reading(&json!({"ports": value})), (Ok(Ports { port, container_port, further: of(further) }), notes), "{value}");
        }
        let (read, notes) = reading(&json!({"ports": ["80", "1000-65000"]}));
        assert_eq!(read.unwrap().further.len(), 50);
        assert_eq!(notes, ["1000-65000 isn't published as a whole: a service has at most 50 further ports"]);
    }

    #[test]
    fn an_exposed_port_counts_when_none_is_published() {
        assert_eq!(reading(&json!({"expose": ["53/udp", "3000-3001", 8000, "9000"]})).0, Ok(ports(None, Some(8000))));
        assert_eq!(reading(&json!({"expose": ["8000"], "ports": ["127.0.0.1:80:81"]})).0, Ok(ports(Some(80), Some(81))));
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for wrong in [
            json!(80),
            json!("80:80"),
            json!({"a": 1}),
            json!(["70000:80"]),
            json!(["0"]),
            json!(["80:"]),
            json!(["web"]),
            json!(["+80"]),
            json!(["90-80"]),
            json!(["80-"]),
            json!([""]),
            json!(["/tcp"]),
            json!([{"published": 80}]),
            json!([{"target": [80]}]),
            json!([[80]]),
            json!(["8000-8001:80-82"]),
            json!(["a.b:8080:80"]),
            json!([null]),
        ] {
            let message = reading(&json!({"ports": wrong})).0.expect_err(&wrong.to_string());
            assert!(message.contains("'ports"), "{wrong}: {message}");
        }
        assert_eq!(reading(&json!({"expose": "80"})).0, Err("'expose' has to be a list".into()));
        assert_eq!(reading(&json!({"expose": ["x"]})).0, Err("'expose' has 'x', which isn't a port of 1 to 65535".into()));
    }
}
