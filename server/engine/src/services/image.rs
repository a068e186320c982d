//! Services that are made of an image: what may be asked for their containers, who may open them, and which ports they can't have.

use api::{
    Caller, ContainerOptions, Detail, Error, ErrorCode, ImageBuild, ImagePatch, NewService, Permission, Protocol, PublishedPort,
    RegistryAccount, Result, ServiceId, ServiceSpec, Source, Status, is_image_name,
};

use super::validate::Faults;
use super::{Services, lock};
use crate::store::services::ServiceRow;

/// Where the further ports are in what is asked for.
const PORTS: &str = "/source/options/ports";

/// The name of an image as it is taken, when all that is asked for its container is right.
pub(super) fn checked(
    image: &str,
    container_port: Option<u16>,
    options: &ContainerOptions,
    registry: Option<&RegistryAccount>,
) -> Result<String> {
    let account = registry.map(|account| account.faults("/source/registry")).unwrap_or_default();
    let mut faults = Faults::of(account).and(faults(container_port, options));
    let image = image.trim().to_owned();
    let named = "an image is a name as docker run takes it, like nginx:1.27: letters, digits and . _ - / : @, at most 512";
    faults.check("/source/image", is_image_name(&image), named);
    faults.refuse()?;
    Ok(image)
}

/// Fails with what is wrong with a build and what is asked for its container.
pub(super) fn checked_build(build: &ImageBuild, container_port: Option<u16>, options: &ContainerOptions) -> Result<()> {
    Faults::of(build.faults("/source/build")).and(faults(container_port, options)).refuse()
}

fn faults(container_port: Option<u16>, options: &ContainerOptions) -> Faults {
    let mut faults = Faults::of(options.faults("/source/options"));
    faults.check("/source/container_port", container_port != Some(0), "a port is 1 to 65535; leave it out to take the image's own");
    faults
}

/// The source of a service after a change of it. Fails unless it is made of an image, or builds one.
pub(super) fn changed(source: &Source, patch: &ImagePatch) -> Result<Source> {
    let port = |before: Option<u16>| patch.container_port.map_or(before, |port| Some(port).filter(|port| *port > 0));
    let chosen = |before: &ContainerOptions| Box::new(patch.options.as_deref().unwrap_or(before).clone());
    match source {
        Source::Image { .. } if patch.push.as_ref().is_some_and(|push| *push != Default::default()) => {
            Err(Error::invalid("/source/build/push", "its image comes from a registry; only one that is built is pushed to one"))
        }
        Source::Image { image, container_port, options, registry } => {
            let (container_port, options) = (port(*container_port), chosen(options));
            let registry = match &patch.registry {
                Some(account) => Some(account.clone()).filter(|account| !account.is_empty()).map(Box::new),
                None => registry.clone(),
            };
            let image = checked(patch.image.as_ref().unwrap_or(image), container_port, &options, registry.as_deref())?;
            Ok(Source::Image { image, container_port, options, registry })
        }
        Source::Build { .. } if patch.registry.as_ref().is_some_and(|account| !account.is_empty()) => {
            Err(Error::invalid("/source/registry", "its image is built; who pushes it belongs to where it is pushed to ('push')"))
        }
        Source::Build { .. } if patch.image.is_some() => Err(Error::invalid(
            "/source/image",
            "its image is built, and has a name of Pilothouse's own; make another service of that image",
        )),
        Source::Build { build, container_port, options } => {
            let (container_port, options) = (port(*container_port), chosen(options));
            let mut build = build.clone();
            if let Some(push) = &patch.push {
                build.push = Some(Box::new(push.clone())).filter(|push| **push != Default::default());
            }
            checked_build(&build, container_port, &options)?;
            Ok(Source::Build { build, container_port, options })
        }
        Source::Folder { .. }
        | Source::Command { .. }
        | Source::Repository { .. }
        | Source::Container { .. }
        | Source::Proxy { .. }
        | Source::Demonstration { .. } => {
            Err(Error::invalid("/source", "only of a service that is made of an image can this be changed; make another service"))
        }
    }
}

/// Fails with `forbidden` when a further port opens the container to the network that wasn't open `before`, and the caller may not run
/// free commands.
pub(super) fn may_open(caller: &Caller, source: &Source, before: Option<&Source>) -> Result<()> {
    if caller.may(Permission::ServicesCommand) {
        return Ok(());
    }
    let before = before.map_or(&[][..], further);
    let opened = further(source).iter().enumerate().filter(|(_, port)| port.is_open() && !before.contains(port));
    let details: Vec<Detail> = opened
        .map(|(n, port)| {
            let (address, role) = (port.address().chars().take(80).collect::<String>(), Permission::ServicesCommand.least_role().label());
            let message = format!(
                "port {} on {address} is open to the network: that takes the role {role}, and you are {}; without an address it is \
                 published on 127.0.0.1",
                port.container_port,
                caller.role.label()
            );
            Detail { field: format!("{PORTS}/{n}/address"), message }
        })
        .collect();
    match details.first() {
        None => Ok(()),
        Some(first) => Err(Error { details: details.clone(), ..Error::new(ErrorCode::Forbidden, first.message.clone()) }),
    }
}

/// The further ports of a service of that source.
pub(super) fn further(source: &Source) -> &[PublishedPort] {
    match source {
        Source::Image { options, .. } | Source::Build { options, .. } => &options.ports,
        _ => &[],
    }
}

/// The further ports by which TCP ports of this machine lead to a service of that source; those that Docker assigns aren't known before.
pub(super) fn further_tcp(source: &Source) -> impl Iterator<Item = u16> + '_ {
    further(source).iter().filter(|port| port.protocol == Protocol::Tcp).filter_map(|port| port.host_port)
}

/// Why two services that are to be made can't both have the ports that they shall have: a further port of one is the other's.
pub(super) fn clash(new: &NewService, other: &NewService) -> Option<String> {
    let further = further(&new.source).iter().find(|port| has(port, other.port, &other.source)).and_then(|port| port.host_port);
    let own = || further_tcp(&other.source).find(|port| new.port == Some(*port));
    let port = further.or_else(own)?;
    Some(format!("port {port} of this machine is that of '{}' too; give one of them another", other.name))
}

/// Whether a service with that port and source has a port of this machine.
fn has(port: &PublishedPort, own: Option<u16>, source: &Source) -> bool {
    port.protocol == Protocol::Tcp && own.is_some() && own == port.host_port || further(source).iter().any(|other| other.collides(port))
}

impl Services {
    /// Fails when a port that a service shall have is its own twice, or that of another. `id` is none for one that is to be made.
    pub(super) fn ports_are_free(&self, id: Option<ServiceId>, spec: &ServiceSpec) -> Result<()> {
        let mut faults = Faults::none();
        for (n, port) in further(&spec.source).iter().enumerate() {
            let Some(host) = port.host_port else { continue };
            let is_own = port.protocol == Protocol::Tcp && spec.port == Some(host);
            let reason = is_own.then(|| "the service itself".to_owned()).or_else(|| self.who_has(id, port));
            let message =
                reason.map(|who| format!("port {host}/{} is that of {who}; publish another in its place", port.protocol.as_str()));
            faults.check(&format!("{PORTS}/{n}/host_port"), message.is_none(), message.as_deref().unwrap_or_default());
        }
        let taken = |port: u16| {
            let others = self.rows_but(id).into_iter().filter(|row| id.is_none() || row.spec.part_of() != id);
            let mut others =
                others.filter(|row| row.spec.proxy_port == Some(port) || spec.proxy_port == Some(port) && row.spec.port == Some(port));
            others.next().map(|row| match row.spec.proxy_port {
                Some(of_proxy) if of_proxy == port => format!("port {port} is that of the proxy in front of '{}'; take another", row.name),
                _ => format!("port {port} is that of the service '{}'; take another", row.name),
            })
        };
        if let Some(port) = spec.proxy_port {
            let own = "it is the port of the service itself: give that another one, or leave it to Pilothouse".to_owned();
            let message = if spec.port == Some(port) { Some(own) } else { taken(port) };
            faults.check("/proxy_port", message.is_none(), message.as_deref().unwrap_or_default());
        }
        if let Some(message) = spec.port.and_then(taken) {
            faults.check("/port", false, &message);
        }
        if let Some(port) = spec.port {
            let who = self.rows_but(id).into_iter().find(|row| further_tcp(&row.spec.source).any(|other| other == port));
            let message = who.map(|row| format!("port {port} is a further port of the service '{}'; give this one another", row.name));
            faults.check("/port", message.is_none(), message.as_deref().unwrap_or_default());
        }
        faults.refuse()
    }

    /// Whose a port of this machine is: set for another service, or had by one that runs.
    fn who_has(&self, id: Option<ServiceId>, port: &PublishedPort) -> Option<String> {
        let host = port.host_port?;
        let own = |row: &ServiceRow| row.spec.port.or_else(|| row.found.as_ref()?.port);
        let set = self.rows_but(id).into_iter().find(|row| has(port, own(row), &row.spec.source)).map(|row| row.name);
        let had = || {
            let others = self.core.catalog.all().into_iter().filter(|entry| Some(entry.service.id) != id);
            let mut live = others.filter(|entry| matches!(entry.service.status, Status::Running | Status::Starting | Status::Stopping));
            let is_it = live.find(|entry| entry.service.port == Some(host) || entry.listening_ports.contains(&host));
            is_it.map(|entry| entry.service.name.clone())
        };
        set.or_else(|| if port.protocol == Protocol::Tcp { had() } else { None }).map(|name| format!("the service '{name}'"))
    }

    /// Every service that isn't deleted but that one.
    fn rows_but(&self, id: Option<ServiceId>) -> Vec<ServiceRow> {
        lock(&self.rows).values().filter(|row| !row.is_deleted && Some(row.id) != id).cloned().collect()
    }
}
