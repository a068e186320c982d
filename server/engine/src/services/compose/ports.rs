//! The ports of a service: which one Pilothouse publishes, and where.

use serde_json::{Map, Value};

use super::scope::Scope;
use super::value::{Reading, list, shown, text};

/// The port of a service on the machine and in its container.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ports {
    /// On the machine; none lets Pilothouse choose.
    pub port: Option<u16>,
    /// In the container; none takes the one of the image.
    pub container_port: Option<u16>,
}

/// One entry of `ports`.
struct Entry {
    written: String,
    host_ip: Option<String>,
    host: Option<Range>,
    container: Range,
    is_tcp: bool,
}

#[derive(Clone, Copy)]
struct Range {
    first: u16,
    last: u16,
}

/// Reads `ports` and `expose`: the first single TCP port is the one of the service, and each other is noted.
pub(super) fn read(scope: &mut Scope<'_>) -> Reading<Ports> {
    let mut ports = None;
    for item in scope.get("ports").map_or(Ok(&[][..]), |value| list("ports", value))? {
        let entry = match item {
            Value::Object(fields) => long(fields)?,
            other => short(&text("ports", other)?)?,
        };
        match entry.refusal(ports.is_some()) {
            Some(why) => scope.note("ports", format!("{} isn't published: {why}", entry.written)),
            None => {
                if entry.is_elsewhere() {
                    scope.note("ports", format!("{}: it is published on 127.0.0.1 only", entry.written));
                }
                ports = Some(Ports { port: entry.host.map(|host| host.first), container_port: Some(entry.container.first) });
            }
        }
    }
    let exposed = exposed(scope)?;
    Ok(ports.unwrap_or(Ports { port: None, container_port: exposed }))
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
    /// Why it can't be the port of the service.
    fn refusal(&self, has_one: bool) -> Option<&'static str> {
        if !self.is_tcp {
            Some("only a TCP port is")
        } else if !self.container.is_single() || self.host.is_some_and(|host| !host.is_single()) {
            Some("a range isn't, only a single port")
        } else if has_one {
            Some("a service has one port, and this is a further one")
        } else {
            None
        }
    }

    /// Whether Compose would publish it on other addresses than Pilothouse does.
    fn is_elsewhere(&self) -> bool {
        match self.host_ip.as_deref() {
            Some(ip) => !matches!(ip, "127.0.0.1" | "localhost"),
            None => self.host.is_some(),
        }
    }
}

impl Range {
    const fn is_single(self) -> bool {
        self.first == self.last
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
    Ok(Entry { written: shown(written), host_ip, host, container, is_tcp: protocol.eq_ignore_ascii_case("tcp") })
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
        Ports { port, container_port }
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
        let further = |written: &str| format!("{written} isn't published: a service has one port, and this is a further one");
        let range = |written: &str| format!("{written} isn't published: a range isn't, only a single port");
        let udp = |written: &str| format!("{written} isn't published: only a TCP port is");
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
            (json!(["53:53/udp", "80"]), ports(None, Some(80)), vec![udp("53:53/udp")]),
            (json!(["3000-3005", "80", "81"]), ports(None, Some(80)), vec![range("3000-3005"), further("81")]),
            (json!(["8000-9000:80"]), ports(None, None), vec![range("8000-9000:80")]),
            (json!([{"target": 80, "published": "8080", "host_ip": "127.0.0.1"}]), ports(Some(8080), Some(80)), vec![]),
            (json!([{"target": "80", "published": 8080}]), ports(Some(8080), Some(80)), vec![only("8080:80")]),
            (json!([{"target": 80, "mode": "host"}]), ports(None, Some(80)), vec![]),
            (json!([{"target": 53, "protocol": "udp"}]), ports(None, None), vec![udp("53/udp")]),
            (json!([]), ports(None, None), vec![]),
            (json!(null), ports(None, None), vec![]),
        ];
        for (value, read, notes) in table {
            assert_eq!(reading(&json!({"ports": value})), (Ok(read), notes), "{value}");
        }
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
            json!([null]),
        ] {
            let message = reading(&json!({"ports": wrong})).0.expect_err(&wrong.to_string());
            assert!(message.contains("'ports"), "{wrong}: {message}");
        }
        assert_eq!(reading(&json!({"expose": "80"})).0, Err("'expose' has to be a list".into()));
        assert_eq!(reading(&json!({"expose": ["x"]})).0, Err("'expose' has 'x', which isn't a port of 1 to 65535".into()));
    }
}
