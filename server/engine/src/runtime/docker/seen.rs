//! What Docker says of a container, in our terms.

use std::collections::HashMap;
use std::net::IpAddr;

use api::{Container, Health, OwnHealth, Protocol, PublishedPort, Timestamp, label_faults};
use bollard::models::{ContainerInspectResponse, ContainerState, ContainerStateStatusEnum, HealthStatusEnum, HostConfig, PortBinding};

use crate::references::references;
use crate::runtime::{Ended, Observation, Wiring};

/// Marks the containers that Pilothouse has made: the id of the service.
pub const OWN_LABEL: &str = "pilothouse.service";
/// What such a container was made from.
pub const LAUNCH_LABEL: &str = "pilothouse.launch";
/// The network that it is in, as Pilothouse calls it.
pub const NETWORK_LABEL: &str = "pilothouse.network";
/// What leads to it there.
pub const ALIAS_LABEL: &str = "pilothouse.alias";
/// Names what an image was built of.
pub const CONTEXT_LABEL: &str = "pilothouse.context";
/// Marks the volumes that were made for such containers.
pub const VOLUME_LABEL: &str = "pilothouse.volume";

/// Labels of containers that another system moves.
const FOREIGN: [&str; 2] = ["io.kubernetes.pod.name", "com.docker.swarm.task.id"];

/// Characters kept of what a health check wrote.
const MESSAGE: usize = 200;

/// A container as it was seen last.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// What is shown of it.
    pub container: Container,
    /// What it does.
    pub observation: Observation,
    /// What it says of others, and its ports, smallest first.
    pub wiring: Wiring,
    /// What it was made from, when Pilothouse made it.
    pub launch: Option<String>,
    /// The network of Pilothouse's own that it was made for.
    pub network: Option<String>,
    /// Whether it has run at all: what hasn't, wrote nothing.
    pub has_run: bool,
    /// Whether it may become a service by being there: nobody else moves it, and Pilothouse hasn't made it.
    pub is_free: bool,
}

impl Known {
    /// Reads what `docker inspect` says. `was_asked` says of a container that has ended whether somebody wanted that.
    pub fn read(inspected: ContainerInspectResponse, was_asked: impl FnOnce(&Ended) -> bool) -> Option<Self> {
        let config = inspected.config.unwrap_or_default();
        let labels = config.labels.unwrap_or_default();
        let label = |name: &str| labels.get(name).cloned();
        let name = inspected.name?.trim_start_matches('/').to_owned();
        let state = inspected.state.unwrap_or_default();
        let compose = label("com.docker.compose.project");
        let is_half_renamed = compose.is_some() && name.split_once('_').is_some_and(|(head, _)| is_short_id(head));
        let own_health = own_health(&state);
        let is_of_a_build = is_of_a_build(inspected.host_config.as_ref(), config.image.as_deref());
        let has_run = state.status != Some(ContainerStateStatusEnum::CREATED);
        let depends_on = depends_on(labels.get("com.docker.compose.depends_on").map_or("", String::as_str));
        let variables = config.env.unwrap_or_default();
        let references = references(variables.iter().filter_map(|variable| variable.split_once('=')));
        let own = compose.clone().zip(label("com.docker.compose.service")).or_else(|| label(NETWORK_LABEL).zip(label(ALIAS_LABEL)));
        let settings = inspected.network_settings;
        let networks = || settings.iter().flat_map(|settings| &settings.networks).flat_map(HashMap::values);
        let addresses = networks().flat_map(|network| found([&network.ip_address, &network.global_ipv6_address])).collect();
        let gateways = networks().flat_map(|network| found([&network.gateway, &network.ipv6_gateway])).collect();
        let mut wiring = Wiring { name: name.clone(), compose: own, depends_on, references, ports: Vec::new(), addresses, gateways };
        let container = Container {
            id: inspected.id?,
            image: config.image.unwrap_or_default(),
            image_digest: inspected.image.unwrap_or_default(),
            compose: compose.map(|project| match label("com.docker.compose.service") {
                Some(service) => format!("{project} / {service}"),
                None => project,
            }),
            restart_policy: inspected
                .host_config
                .and_then(|host| host.restart_policy?.name)
                .map(|policy| policy.to_string())
                .map(|policy| if policy.is_empty() { "no".into() } else { policy }),
            own_health,
            ports: published(settings.and_then(|settings| settings.ports).unwrap_or_default()),
            name,
        };
        let tcp = container.ports.iter().filter(|port| port.protocol == Protocol::Tcp);
        let mut ports: Vec<u16> = tcp.filter_map(|port| port.host_port).collect();
        ports.sort_unstable();
        ports.dedup();
        wiring.ports = ports;
        let is_free =
            !labels.contains_key(OWN_LABEL) && !is_half_renamed && !is_of_a_build && !FOREIGN.iter().any(|name| labels.contains_key(*name));
        Some(Self {
            container,
            observation: observation(&state, was_asked),
            wiring,
            launch: label(LAUNCH_LABEL),
            network: label(NETWORK_LABEL),
            has_run,
            is_free,
        })
    }
}

/// The addresses among what Docker writes, which is nothing where there is none.
fn found(texts: [&Option<String>; 2]) -> impl Iterator<Item = IpAddr> {
    texts.into_iter().flatten().filter_map(|text| text.parse().ok())
}

/// What leads to the ports of a container, in their order.
fn published(ports: HashMap<String, Option<Vec<PortBinding>>>) -> Vec<PublishedPort> {
    let mut published = Vec::new();
    for (inside, bound) in ports {
        let Some((number, protocol)) =
            inside.split_once('/').and_then(|(number, name)| Some((number.parse().ok()?, Protocol::find(name)?)))
        else {
            continue;
        };
        published.extend(bound.unwrap_or_default().into_iter().filter_map(|bound| {
            let host_port = Some(bound.host_port?.parse().ok()?);
            Some(PublishedPort {
                container_port: number,
                host_port,
                protocol,
                address: bound.host_ip.filter(|address| !address.is_empty()),
            })
        }));
    }
    published.sort_unstable();
    published
}

fn observation(state: &ContainerState, was_asked: impl FnOnce(&Ended) -> bool) -> Observation {
    let time = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
    // Docker waits before it starts it again: as far as anybody is concerned, it doesn't run.
    if state.running == Some(true) && state.restarting != Some(true) {
        let pid = state.pid.and_then(|pid| u32::try_from(pid).ok()).unwrap_or_default();
        return Observation::Running { pid, started_at: time(&state.started_at).unwrap_or_default() };
    }
    let never_ran = state.status == Some(ContainerStateStatusEnum::CREATED);
    let (code, signal) = match state.exit_code.and_then(|code| i32::try_from(code).ok()) {
        _ if never_ran => (None, None),
        Some(code @ 129..=159) => (None, Some(code - 128)),
        code => (code, None),
    };
    let start_failure = state.error.clone().filter(|error| never_ran && !error.is_empty());
    let at = time(&state.finished_at).unwrap_or_default();
    // What ends at once may never be seen running.
    let began = time(&state.started_at).filter(|_| !never_ran);
    let mut ended = Ended { code, signal, oom: state.oom_killed == Some(true), began, at, was_asked: false, start_failure };
    ended.was_asked = never_ran && ended.start_failure.is_none() || was_asked(&ended);
    Observation::Ended(ended)
}

fn own_health(state: &ContainerState) -> Option<OwnHealth> {
    let health = state.health.as_ref()?;
    let verdict = match health.status? {
        HealthStatusEnum::HEALTHY => Health::Healthy,
        HealthStatusEnum::UNHEALTHY => Health::Unhealthy,
        HealthStatusEnum::STARTING => Health::Unknown,
        HealthStatusEnum::EMPTY | HealthStatusEnum::NONE => return None,
    };
    let output = health.log.as_ref().and_then(|log| log.last()?.output.clone()).unwrap_or_default();
    let message = output.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().chars().take(MESSAGE).collect();
    let failing = health.failing_streak.and_then(|streak| u32::try_from(streak).ok()).unwrap_or_default();
    Some(OwnHealth { health: verdict, failing, message })
}

/// What Compose writes of what a service needs: `db:service_healthy:false,cache:service_started:true`; older ones leave out the rest.
fn depends_on(label: &str) -> Vec<(String, String)> {
    let needed = |part: &str| {
        let mut words = part.trim().split(':');
        let (name, condition) = (words.next()?, words.next().unwrap_or("service_started"));
        (!name.is_empty()).then(|| (name.to_owned(), condition.to_owned()))
    };
    label.split(',').filter_map(needed).collect()
}

/// Whether the container is a step of a build, which is gone as soon as it is done: it is made of an image without a name, and has no log.
fn is_of_a_build(host: Option<&HostConfig>, image: Option<&str>) -> bool {
    let log = host.and_then(|host| host.log_config.as_ref()?.typ.as_deref());
    log == Some("none") && image.is_some_and(|image| image.starts_with("sha256:"))
}

/// Whether it is what Compose puts before the name of a container that it is about to replace.
fn is_short_id(head: &str) -> bool {
    head.len() == 12 && head.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The label of a Compose project, given as a [`Container`] names it; none when it can't be one.
pub fn project(compose: &str) -> Option<(String, String)> {
    let project = compose.split_once(" / ").map_or(compose, |(project, _)| project);
    let label = ("compose".to_owned(), project.to_owned());
    label_faults(&[label.clone()].into(), "").is_empty().then_some(label)
}

#[cfg(test)]
mod tests {
    use super::Known;
    use crate::runtime::Observation;

    fn read(state: serde_json::Value, was_asked: bool) -> Known {
        let inspected = serde_json::json!({
            "Id": "ab", "Name": "/shop-web-1", "Image": "sha256:1", "State": state,
            "Config": { "Image": "web:2", "Env": ["PATH=/bin", "DATABASE_URL=postgres://app:secret@db/shop"],
                "Labels": { "com.docker.compose.project": "shop", "com.docker.compose.service": "web",
                    "com.docker.compose.depends_on": "db:service_healthy:false,cache:service_started:false,old" } },
            "HostConfig": { "RestartPolicy": { "Name": "unless-stopped" } },
            "NetworkSettings": { "Ports": { "80/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "8080" }, { "HostIp": "::", "HostPort": "8080" }],
                "53/udp": [{ "HostPort": "53" }], "81/tcp": null } }
        });
        Known::read(serde_json::from_value(inspected).expect("as Docker writes it"), |_| was_asked).expect("it has an id and a name")
    }

    #[test]
    fn the_project_of_compose_is_a_label_when_it_can_be_one() {
        assert_eq!(super::project("shop / web"), Some(("compose".into(), "shop".into())));
        assert_eq!(super::project("shop"), Some(("compose".into(), "shop".into())));
        assert_eq!(super::project(&"x".repeat(64)), None);
    }

    #[test]
    fn a_container_is_read_as_docker_inspect_writes_it() {
        let known = read(
            serde_json::json!({ "Status": "running", "Running": true, "Pid": 7, "StartedAt": "2026-11-26T04:19:42.878994909Z",
            "Health": { "Status": "unhealthy", "FailingStreak": 3, "Log": [{ "Output": "\n  no answer\nmore" }] } }),
            false,
        );
        assert!(
            matches!(known.observation, Observation::Running { pid: 7, started_at } if started_at.to_string().starts_with("2026-11-26T04:19:42"))
        );
        assert_eq!((known.wiring.ports.as_slice(), known.is_free), (&[8080][..], true));
        let needed = [("db", "service_healthy"), ("cache", "service_started"), ("old", "service_started")];
        assert_eq!(known.wiring.depends_on, needed.map(|(name, condition)| (name.to_owned(), condition.to_owned())));
        let named = &known.wiring.references[0];
        assert_eq!(
            (named.variable.as_str(), named.host.as_str(), named.port, known.wiring.references.len()),
            ("DATABASE_URL", "db", 5432, 1)
        );
        assert!(!format!("{:?}", known.wiring).contains("secret"), "a password isn't kept");
        let container = known.container;
        let ports: Vec<_> = container.ports.iter().map(api::PublishedPort::words).collect();
        assert_eq!(ports, ["127.0.0.1:53 to 53/udp", "0.0.0.0:8080 to 80/tcp", "[::]:8080 to 80/tcp"]);
        assert_eq!((container.name.as_str(), container.compose.as_deref()), ("shop-web-1", Some("shop / web")));
        assert_eq!(container.restart_policy.as_deref(), Some("unless-stopped"));
        let own = container.own_health.expect("the image brings a check");
        assert_eq!((own.health, own.failing, own.message.as_str()), (api::Health::Unhealthy, 3, "no answer"));
    }

    #[test]
    fn each_end_is_told_from_the_others() {
        let ended = |state, was_asked| match read(state, was_asked).observation {
            Observation::Ended(ended) => ended,
            other => panic!("it has ended: {other:?}"),
        };
        let exited = |code| {
            serde_json::json!({ "Status": "exited", "Running": false, "ExitCode": code, "OOMKilled": code == 137,
            "FinishedAt": "2026-11-26T04:19:42Z" })
        };
        let crash = ended(exited(3), false);
        assert_eq!((crash.code, crash.signal, crash.oom, crash.was_asked), (Some(3), None, false, false));
        let killed = ended(exited(137), true);
        assert_eq!((killed.code, killed.signal, killed.oom, killed.was_asked), (None, Some(9), true, true));
        let waiting = ended(serde_json::json!({ "Status": "restarting", "Running": true, "Restarting": true, "ExitCode": 1 }), false);
        assert_eq!(waiting.code, Some(1));
        let created = ended(serde_json::json!({ "Status": "created", "ExitCode": 128, "Error": "port is already allocated" }), false);
        assert_eq!((created.code, created.start_failure.as_deref()), (None, Some("port is already allocated")));
        assert!(ended(serde_json::json!({ "Status": "created", "ExitCode": 0, "Error": "" }), false).was_asked);
    }
}
