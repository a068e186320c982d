//! The TCP connections that containers have open, from the kernel's tables of the networks that they are in.
//!
//! Only Linux on the machine of the engine can tell: elsewhere, and for who may not look into processes of others, there is nothing to see.

use std::collections::HashMap;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;

use api::ServiceId;

use super::seen::Known;
use crate::runtime::process::sockets::opened_in;
use crate::runtime::{Connection, Observation};

/// A container that runs.
pub struct Running {
    /// Its service.
    pub service: ServiceId,
    /// The id that Docker has given it.
    pub container: String,
    /// Its first process, as the engine sees it.
    pub pid: u32,
    /// What its networks call the machine.
    pub gateways: Vec<IpAddr>,
}

/// The connections that were opened in these containers and are open. May block. What shares its network with the machine or with another
/// one of them is passed over: its connections can't be told from those of others.
pub fn connections(running: &[Running]) -> Vec<Connection> {
    let own = network_of("self");
    let mut by_network: HashMap<PathBuf, Vec<&Running>> = HashMap::new();
    for one in running {
        if let Some(network) = one.network().filter(|network| own.as_ref().is_some_and(|own| own != network)) {
            by_network.entry(network).or_default().push(one);
        }
    }
    let alone = by_network.into_values().filter_map(|sharing| <[&Running; 1]>::try_from(sharing).ok());
    alone.flat_map(|[one]| one.connections()).collect()
}

impl Running {
    /// What is needed of a container; none when it doesn't run.
    pub fn read(service: ServiceId, known: &Known) -> Option<Self> {
        let Observation::Running { pid, .. } = known.observation else { return None };
        let (container, gateways) = (known.container.id.clone(), known.wiring.gateways.clone());
        Some(Self { service, container, pid, gateways })
    }

    /// The network that it is in; none when that isn't on this machine, or can't be looked at.
    fn network(&self) -> Option<PathBuf> {
        self.is_here().then(|| network_of(&self.pid.to_string())).flatten()
    }

    /// Whether the process of that number is that of the container still: the engine may be on another machine, and numbers are given again.
    fn is_here(&self) -> bool {
        self.pid > 0 && fs::read_to_string(format!("/proc/{}/cgroup", self.pid)).is_ok_and(|groups| groups.contains(&self.container))
    }

    fn connections(&self) -> Vec<Connection> {
        let open = opened_in(&self.pid.to_string());
        if !self.is_here() {
            return Vec::new();
        }
        let away = open.into_values().filter(|open| !open.is_here());
        away.map(|open| Connection { from: self.service, to: open.remote, is_here: self.gateways.contains(&open.remote.ip()) }).collect()
    }
}

fn network_of(process: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{process}/ns/net")).ok()
}
