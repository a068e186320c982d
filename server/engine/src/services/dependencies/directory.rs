//! Who is meant by a place: a service of this machine, or something that Pilothouse doesn't know.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use api::{RuntimeKind, ServiceId, Status};

use crate::Entry;
use crate::references::Reference;
use crate::runtime::Wiring;

/// What a service needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Need {
    /// A service, which may have been deleted.
    Service(ServiceId),
    /// `host:port` of something else.
    Place(String),
}

/// Services by the places where they can be reached.
pub(super) struct Directory<'a> {
    by_port: HashMap<u16, ServiceId>,
    by_container: HashMap<&'a str, ServiceId>,
    by_address: HashMap<IpAddr, ServiceId>,
    by_compose: HashMap<(&'a str, &'a str), Vec<ServiceId>>,
    host: &'a str,
}

impl Need {
    /// What edges call it.
    pub fn id(&self) -> String {
        match self {
            Self::Service(id) => id.to_string(),
            Self::Place(place) => place.clone(),
        }
    }

    fn place(host: &str, port: u16) -> Self {
        Self::Place(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
    }
}

impl<'a> Directory<'a> {
    /// Of these services on the machine called `host`.
    pub fn of(members: &'a [(&Entry, Option<Wiring>)], host: &'a str) -> Self {
        let (mut by_port, mut by_container, mut by_address) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut by_compose: HashMap<_, Vec<_>> = HashMap::new();
        // Of several that would have a port, the one that runs has it.
        for is_running in [true, false] {
            for (entry, wiring) in members.iter().filter(|(entry, _)| (entry.service.status == Status::Running) == is_running) {
                let others = wiring.iter().flat_map(|wiring| &wiring.ports);
                for port in entry.service.port.iter().chain(&entry.listening_ports).chain(others) {
                    by_port.entry(*port).or_insert(entry.service.id);
                }
            }
        }
        for (entry, wiring) in members {
            let Some(wiring) = wiring else { continue };
            by_container.insert(wiring.name.as_str(), entry.service.id);
            by_address.extend(wiring.addresses.iter().map(|address| (*address, entry.service.id)));
            if let Some((project, service)) = &wiring.compose {
                by_compose.entry((project.as_str(), service.as_str())).or_default().push(entry.service.id);
            }
        }
        Self { by_port, by_container, by_address, by_compose, host }
    }

    /// What the Compose file of a container says that it needs, with the condition. What isn't there is left out: a container that has
    /// done its work is often removed.
    pub fn composed(&self, wiring: &Wiring) -> Vec<(Need, String)> {
        let Some((project, _)) = &wiring.compose else { return Vec::new() };
        let found = |(service, condition): &(String, String)| {
            let ids = self.by_compose.get(&(project.as_str(), service.as_str())).cloned().unwrap_or_default();
            ids.into_iter().map(|id| (Need::Service(id), condition.clone())).collect::<Vec<_>>()
        };
        wiring.depends_on.iter().flat_map(found).collect()
    }

    /// What a variable of a service names: several when there are several containers of a Compose service. Nothing when it is the service itself.
    pub fn named(&self, from: &Entry, wiring: Option<&Wiring>, reference: &Reference) -> Vec<Need> {
        let (host, port) = (reference.host.as_str(), reference.port);
        let is_container = from.service.runtime == RuntimeKind::Docker;
        let is_loopback = host == "localhost" || host.ends_with(".localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        let is_here = (is_loopback && !is_container) || host == self.host || host == "host.docker.internal";
        if is_here {
            return vec![self.here(port)];
        }
        if is_loopback {
            return Vec::new();
        }
        if let Some(ip) = host.parse().ok().filter(|_| is_container)
            && wiring.is_some_and(|wiring| wiring.gateways.contains(&ip))
        {
            return vec![self.here(port)];
        }
        if let Some(id) = host.parse().ok().and_then(|ip: IpAddr| self.by_address.get(&ip)) {
            return vec![Need::Service(*id)];
        }
        if is_container {
            let project = wiring.and_then(|wiring| wiring.compose.as_ref()).map(|(project, _)| project.as_str());
            if let Some(ids) = project.and_then(|project| self.by_compose.get(&(project, host))) {
                return ids.iter().map(|id| Need::Service(*id)).collect();
            }
            if let Some(id) = self.by_container.get(host) {
                return vec![Need::Service(*id)];
            }
        }
        vec![Need::place(host, port)]
    }

    /// Where a connection leads.
    pub fn connected(&self, to: SocketAddr, is_here: bool) -> Need {
        match self.by_address.get(&to.ip()) {
            _ if is_here => self.here(to.port()),
            Some(id) => Need::Service(*id),
            None => Need::place(&to.ip().to_string(), to.port()),
        }
    }

    fn here(&self, port: u16) -> Need {
        self.by_port.get(&port).map_or_else(|| Need::place("localhost", port), |id| Need::Service(*id))
    }
}
