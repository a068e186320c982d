//! Volumes and further ports of a container as text that people edit: one a line.

use crate::{Detail, Error, Protocol, PublishedPort, Result, VolumeMount};

/// Writes volumes, one a line: `name:/path`, with `:ro` when it can't be written.
pub fn write_volumes(volumes: &[VolumeMount]) -> String {
    let line = |mount: &VolumeMount| format!("{}:{}{}", mount.volume, mount.path, if mount.read_only { ":ro" } else { "" });
    volumes.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Reads what [`write_volumes`] writes; empty lines are passed over. Fails below the JSON Pointer `at` with the number of each line that
/// is none. Names and paths aren't looked at.
pub fn read_volumes(text: &str, at: &str) -> Result<Vec<VolumeMount>> {
    read_lines(text, at, "the volumes isn't of the form name:/path or name:/path:ro", |line| {
        let (volume, rest) = line.split_once(':')?;
        let (path, read_only) = match rest.split_once(':') {
            None => (rest, false),
            Some((path, "rw")) => (path, false),
            Some((path, "ro")) => (path, true),
            Some(_) => return None,
        };
        let is_whole = !volume.is_empty() && path.starts_with('/');
        is_whole.then(|| VolumeMount { volume: volume.trim().into(), path: path.trim().into(), read_only })
    })
}

/// Writes further ports, one a line: `container`, `host:container` or `address:host:container`, with `/udp` when it is that. An IPv6
/// address stands in brackets; without a host port nothing stands between its colons.
pub fn write_ports(ports: &[PublishedPort]) -> String {
    let line = |port: &PublishedPort| {
        let host = port.host_port.map(|host| host.to_string()).unwrap_or_default();
        let address = port.address.as_deref().map(|address| match address.contains(':') {
            true => format!("[{address}]"),
            false => address.to_owned(),
        });
        let before = match (address, host.is_empty()) {
            (Some(address), _) => format!("{address}:{host}:"),
            (None, false) => format!("{host}:"),
            (None, true) => String::new(),
        };
        let protocol = if port.protocol == Protocol::Udp { "/udp" } else { "" };
        format!("{before}{}{protocol}", port.container_port)
    };
    ports.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Reads what [`write_ports`] writes; empty lines are passed over. Fails below the JSON Pointer `at` with the number of each line that is
/// none. Addresses aren't looked at.
pub fn read_ports(text: &str, at: &str) -> Result<Vec<PublishedPort>> {
    read_lines(
        text,
        at,
        "the further ports isn't of the form container, host:container or address:host:container, each with /udp or without",
        |line| {
            let (places, protocol) =
                line.split_once('/').map_or(Some((line, Protocol::Tcp)), |(places, name)| Some((places, Protocol::find(name)?)))?;
            let (before, container) = places.rsplit_once(':').map_or((None, places), |(before, container)| (Some(before), container));
            let (address, host) = match before.map(|before| before.rsplit_once(':').ok_or(before)) {
                None => (None, None),
                Some(Err(host)) => (None, Some(port(host)?)),
                Some(Ok((address, ""))) => (Some(address), None),
                Some(Ok((address, host))) => (Some(address), Some(port(host)?)),
            };
            let address = address.map(|address| match address.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
                Some(inside) => inside.filter(|inside| inside.contains(':')),
                // Else it can't be told where the address ends.
                None => Some(address).filter(|address| !address.is_empty() && !address.contains(':')),
            });
            let address = match address {
                Some(address) => Some(address?.to_owned()),
                None => None,
            };
            Some(PublishedPort { container_port: port(container)?, host_port: host, protocol, address })
        },
    )
}

fn port(digits: &str) -> Option<u16> {
    digits.parse().ok().filter(|port| *port > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn read_lines<T>(text: &str, at: &str, wrong: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>> {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()).map(|(number, line)| (number, line.trim())).filter(|(_, line)| !line.is_empty()) {
        match read(line) {
            Some(one) => found.push(one),
            None => faults.push(Detail { field: at.into(), message: format!("line {number} of {wrong}") }),
        }
    }
    Error::invalid_fields(faults)?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{read_ports, read_volumes, write_ports, write_volumes};
    use crate::{Protocol, PublishedPort, VolumeMount};

    fn lines(error: &crate::Error) -> Vec<&str> {
        error.details.iter().map(|detail| detail.message.split(' ').nth(1).unwrap()).collect()
    }

    #[test]
    fn ports_are_read_as_people_write_them() {
        let port = |address: Option<&str>, host_port, container_port, protocol| PublishedPort {
            container_port,
            host_port,
            protocol,
            address: address.map(Into::into),
        };
        let table = [
            ("80", port(None, None, 80, Protocol::Tcp)),
            (" 8080:80 ", port(None, Some(8080), 80, Protocol::Tcp)),
            ("53:53/udp", port(None, Some(53), 53, Protocol::Udp)),
            ("8080:80/TCP", port(None, Some(8080), 80, Protocol::Tcp)),
            ("0.0.0.0:8080:80", port(Some("0.0.0.0"), Some(8080), 80, Protocol::Tcp)),
            ("127.0.0.1::80", port(Some("127.0.0.1"), None, 80, Protocol::Tcp)),
            ("[::1]:8080:80/udp", port(Some("::1"), Some(8080), 80, Protocol::Udp)),
            ("[::]::80", port(Some("::"), None, 80, Protocol::Tcp)),
        ];
        for (line, expected) in table {
            assert_eq!(read_ports(line, "/ports").unwrap(), [expected], "{line}");
        }
        assert_eq!(read_ports("\r\n\n", "/ports").unwrap(), []);
        let wrong = [
            "x",
            "80/sctp",
            "0",
            "70000",
            ":80",
            "::80",
            "+80",
            "-1",
            "8080:",
            "8080:80/",
            "a:b:80",
            "::1:8080:80",
            "[::1:8080:80",
            "[a]:1:2",
            "80 81",
            "3000-3005",
            "8080:0",
        ];
        let error = read_ports(&wrong.join("\n"), "/source/options/ports").unwrap_err();
        assert_eq!(lines(&error).len(), wrong.len(), "{error:#?}");
        assert!(error.details.iter().all(|detail| detail.field == "/source/options/ports"));
    }

    #[test]
    fn volumes_are_read_as_people_write_them() {
        let read = read_volumes("data:/data\r\n\r\nconf:/etc/x:ro\nlogs:/logs:rw", "/volumes").unwrap();
        assert_eq!(read.iter().map(|mount| mount.read_only).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!((read[1].volume.as_str(), read[1].path.as_str()), ("conf", "/etc/x"));
        let error = read_volumes("data\n:/x\ndata:x\ndata:/x:z\ndata:/a:/b:ro\n/etc:", "/volumes").unwrap_err();
        assert_eq!(lines(&error), ["1", "2", "3", "4", "5", "6"]);
        // Whose name or path means more than it says is told by the faults of the options.
        assert_eq!(read_volumes("/etc:/data", "/volumes").unwrap()[0].volume, "/etc");
    }

    proptest! {
        #[test]
        fn ports_that_are_written_read_back(ports in proptest::collection::vec(
            (1_u16.., proptest::option::of(1_u16..), any::<bool>(), proptest::option::of("0\\.0\\.0\\.0|127\\.0\\.0\\.1|::|::1|fe80::1")), 0..5)
        ) {
            let ports: Vec<_> = ports.into_iter().map(|(container_port, host_port, is_udp, address)| PublishedPort {
                container_port, host_port, address, protocol: if is_udp { Protocol::Udp } else { Protocol::Tcp },
            }).collect();
            prop_assert_eq!(read_ports(&write_ports(&ports), "").unwrap(), ports);
        }

        #[test]
        fn volumes_that_are_right_and_written_read_back(volumes in proptest::collection::vec(
            ("[a-z][a-z0-9._-]{0,8}", "/[^:\\p{Cc}]{0,12}", any::<bool>()), 0..5)
        ) {
            let volumes: Vec<_> = volumes.into_iter().map(|(volume, path, read_only)| VolumeMount { volume, path, read_only }).collect();
            let options = crate::ContainerOptions { volumes: volumes.clone(), ..Default::default() };
            prop_assume!(options.faults("").is_empty());
            prop_assert_eq!(read_volumes(&write_volumes(&volumes), "").unwrap(), volumes);
        }
    }
}
