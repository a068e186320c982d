//! What a container is made of: an allow-list.

use std::collections::{BTreeMap, HashMap};

use api::{ContainerCheck, ContainerOptions, LOOPBACK, NetworkPlace, ServiceId, VolumeMount};
use bollard::models::{
    ContainerCreateBody, EndpointSettings, HealthConfig, HostConfig, Mount, MountType, MountVolumeOptions, NetworkingConfig, PortBinding,
    ResourcesUlimits,
};
use sha2::{Digest, Sha256};

use super::seen::{ALIAS_LABEL, LAUNCH_LABEL, NETWORK_LABEL, OWN_LABEL, VOLUME_LABEL};
use crate::runtime::NewContainer;

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

/// The allow-list of what a container gets.
pub fn body(id: ServiceId, new: &NewContainer, inside: Option<u16>, launch: String) -> ContainerCreateBody {
    let mut environment: Vec<String> = new.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    environment.extend(inside.map(|port| format!("PORT={port}")));
    let published = published(new, inside);
    let (limits, options) = (&new.limits, &new.options);
    let words = |words: &[String]| (!words.is_empty()).then(|| words.to_vec());
    let command = if options.command.is_empty() { &new.command } else { &options.command };
    ContainerCreateBody {
        image: Some(new.image.clone()),
        entrypoint: words(&options.entrypoint),
        cmd: words(command),
        working_dir: options.working_dir.clone(),
        user: options.user.clone(),
        env: Some(environment),
        labels: Some(labels(id, new, launch)),
        healthcheck: options.check.as_ref().map(check),
        networking_config: options.network.as_ref().map(networking),
        exposed_ports: (!published.is_empty()).then(|| published.keys().cloned().collect()),
        host_config: Some(HostConfig {
            memory: limits.memory_bytes.map(whole),
            // With swap: the same is none of it.
            memory_swap: limits.memory_bytes.map(whole),
            nano_cpus: limits.cpu_percent.map(|percent| i64::from(percent) * 10_000_000),
            pids_limit: limits.processes.map(i64::from),
            ulimits: limits.open_files.map(|count| vec![open_files(count)]),
            mounts: (!options.volumes.is_empty()).then(|| options.volumes.iter().map(mount).collect()),
            network_mode: options.network.as_ref().map(|place| network_name(&place.name)),
            readonly_rootfs: options.read_only.then_some(true),
            init: options.init.then_some(true),
            port_bindings: (!published.is_empty())
                .then(|| published.into_iter().map(|(inside, bindings)| (inside, Some(bindings))).collect()),
            privileged: Some(false),
            security_opt: Some(vec!["no-new-privileges".into()]),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

/// Where each port of the container is published: that of the service, then the further ones.
fn published(new: &NewContainer, inside: Option<u16>) -> BTreeMap<String, Vec<PortBinding>> {
    let mut published: BTreeMap<String, Vec<PortBinding>> = BTreeMap::new();
    let mut publish = |inside: String, address: &str, host: String| {
        published.entry(inside).or_default().push(PortBinding { host_ip: Some(address.to_owned()), host_port: Some(host) });
    };
    if let Some((outside, inside)) = new.port.zip(inside) {
        publish(format!("{inside}/tcp"), LOOPBACK, outside.to_string());
    }
    for port in &new.options.ports {
        // An empty port lets Docker assign one.
        let host = port.host_port.map(|host| host.to_string()).unwrap_or_default();
        publish(format!("{}/{}", port.container_port, port.protocol.as_str()), port.address(), host);
    }
    published
}

fn labels(id: ServiceId, new: &NewContainer, launch: String) -> HashMap<String, String> {
    let ContainerOptions { network, .. } = &new.options;
    let alias = network.as_ref().and_then(|network| network.aliases.first());
    let labels = [
        (OWN_LABEL, Some(id.to_string())),
        ("pilothouse.name", Some(new.name.clone())),
        (LAUNCH_LABEL, Some(launch)),
        (NETWORK_LABEL, network.as_ref().map(|network| network.name.clone())),
        (ALIAS_LABEL, alias.cloned()),
    ];
    labels.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// What Docker calls a network.
pub fn network_name(network: &str) -> String {
    format!("pilothouse-{network}")
}

/// What Docker calls a volume.
pub fn volume_name(volume: &str) -> String {
    format!("pilothouse-{volume}")
}

fn networking(place: &NetworkPlace) -> NetworkingConfig {
    let endpoint = EndpointSettings { aliases: Some(place.aliases.clone()), ..EndpointSettings::default() };
    NetworkingConfig { endpoints_config: Some(HashMap::from([(network_name(&place.name), endpoint)])) }
}

/// Volumes alone: with `MountType::BIND` the source would be a folder of the machine.
fn mount(mount: &VolumeMount) -> Mount {
    let labels = HashMap::from([(VOLUME_LABEL.to_owned(), mount.volume.clone())]);
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(volume_name(&mount.volume)),
        target: Some(mount.path.clone()),
        read_only: Some(mount.read_only),
        volume_options: Some(MountVolumeOptions { labels: Some(labels), ..MountVolumeOptions::default() }),
        ..Mount::default()
    }
}

fn check(check: &ContainerCheck) -> HealthConfig {
    let seconds = |seconds: Option<u32>| seconds.map(|seconds| i64::from(seconds) * SECOND);
    HealthConfig {
        test: Some(check.test.clone()),
        interval: seconds(check.interval_seconds),
        timeout: seconds(check.timeout_seconds),
        retries: check.retries.map(i64::from),
        start_period: seconds(check.start_seconds),
        ..HealthConfig::default()
    }
}

fn whole(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn open_files(count: u32) -> ResourcesUlimits {
    let count = Some(i64::from(count));
    ResourcesUlimits { name: Some("nofile".into()), soft: count, hard: count }
}

/// Names what a container is made from.
pub fn launch(new: &NewContainer, inside: Option<u16>, digest: &str) -> String {
    let text = serde_json::to_vec(&(new, inside, digest)).unwrap_or_default();
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use api::{ContainerCheck, ContainerOptions, Limits, NetworkPlace, Protocol, PublishedPort, ServiceId, VolumeMount};

    use super::{body, launch};
    use crate::runtime::NewContainer;

    #[test]
    fn a_container_gets_what_is_on_the_list_and_nothing_else() {
        let id = ServiceId(uuid::Uuid::from_u128(1));
        let environment = [("A".to_owned(), "1".to_owned())].into();
        let new = NewContainer { name: "web".into(), image: "web:1".into(), environment, port: Some(8080), ..NewContainer::default() };
        let made = body(id, &new, Some(80), "x".into());
        let json = serde_json::to_value(&made).expect("as Docker reads it");
        assert_eq!(json["Env"], serde_json::json!(["A=1", "PORT=80"]));
        assert_eq!(json["HostConfig"]["PortBindings"]["80/tcp"], serde_json::json!([{ "HostIp": "127.0.0.1", "HostPort": "8080" }]));
        let given: Vec<_> = json["HostConfig"].as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(given, ["PortBindings", "Privileged", "SecurityOpt"]);
        let unpublished = serde_json::to_value(body(id, &new, None, "x".into())).expect("as Docker reads it");
        assert!(unpublished["HostConfig"]["PortBindings"].is_null() && unpublished["Cmd"].is_null());
    }

    #[test]
    fn limits_are_told_in_the_words_of_docker_and_none_changes_no_container() {
        let limits = Limits { memory_bytes: Some(64 << 20), cpu_percent: Some(150), processes: Some(20), open_files: Some(256) };
        let new = NewContainer { image: "web:1".into(), limits, ..NewContainer::default() };
        let json = serde_json::to_value(body(ServiceId(uuid::Uuid::nil()), &new, None, "x".into())).expect("as Docker reads it");
        let told = ["Memory", "MemorySwap", "NanoCpus", "PidsLimit"].map(|name| json["HostConfig"][name].as_i64());
        assert_eq!(told, [Some(64 << 20), Some(64 << 20), Some(1_500_000_000), Some(20)]);
        assert_eq!(json["HostConfig"]["Ulimits"], serde_json::json!([{ "Name": "nofile", "Soft": 256, "Hard": 256 }]));
        // As it was named before there were limits, so that none is made anew for nothing.
        let without = NewContainer { limits: Limits::default(), ..new.clone() };
        assert!(!serde_json::to_string(&without).expect("JSON").contains("limits"));
        assert_ne!(launch(&without, None, ""), launch(&new, None, ""));
    }

    #[test]
    fn another_image_of_the_same_name_makes_another_container() {
        let new = NewContainer { image: "web:1".into(), ..NewContainer::default() };
        assert_eq!(launch(&new, None, "sha256:1"), launch(&new, None, "sha256:1"));
        assert_ne!(launch(&new, None, "sha256:1"), launch(&new, None, "sha256:2"));
    }

    #[test]
    fn further_ports_are_published_beside_that_of_the_service_and_on_this_machine_unless_they_say_otherwise() {
        let ports = vec![
            PublishedPort { host_port: Some(8081), ..PublishedPort::new(80) },
            PublishedPort { host_port: Some(5353), protocol: Protocol::Udp, address: Some("0.0.0.0".into()), ..PublishedPort::new(53) },
            PublishedPort::new(9000),
        ];
        let options = ContainerOptions { ports, ..ContainerOptions::default() };
        let new = NewContainer { image: "web:1".into(), port: Some(8080), options, ..NewContainer::default() };
        let json = serde_json::to_value(body(ServiceId(uuid::Uuid::nil()), &new, Some(80), "x".into())).expect("as Docker reads it");
        let at = |address: &str, port: &str| serde_json::json!({ "HostIp": address, "HostPort": port });
        let expected = serde_json::json!({
            "80/tcp": [at("127.0.0.1", "8080"), at("127.0.0.1", "8081")],
            "53/udp": [at("0.0.0.0", "5353")],
            "9000/tcp": [at("127.0.0.1", "")],
        });
        assert_eq!(json["HostConfig"]["PortBindings"], expected);
        assert_eq!(
            json["ExposedPorts"].as_array().map(Vec::len).or_else(|| json["ExposedPorts"].as_object().map(serde_json::Map::len)),
            Some(3)
        );
        let mut other = new.clone();
        other.options.ports[0].host_port = Some(8082);
        assert_ne!(launch(&other, Some(80), ""), launch(&new, Some(80), ""), "so that it is made anew");
    }

    #[test]
    fn volumes_and_a_network_are_of_pilothouse_s_own_whatever_they_are_called() {
        let options = ContainerOptions {
            command: vec!["serve".into()],
            volumes: vec![VolumeMount { volume: "shop_data".into(), path: "/data".into(), read_only: true }],
            network: Some(NetworkPlace { name: "host".into(), aliases: vec!["db".into(), "database".into()] }),
            check: Some(ContainerCheck {
                test: vec!["NONE".into()],
                interval_seconds: Some(2),
                timeout_seconds: None,
                retries: Some(4),
                start_seconds: None,
            }),
            ..ContainerOptions::default()
        };
        let new = NewContainer { image: "web:1".into(), options, ..NewContainer::default() };
        let json = serde_json::to_value(body(ServiceId(uuid::Uuid::nil()), &new, None, "x".into())).expect("as Docker reads it");
        let mount = &json["HostConfig"]["Mounts"][0];
        assert_eq!(
            (&mount["Type"], &mount["Source"], &mount["ReadOnly"]),
            (&"volume".into(), &"pilothouse-shop_data".into(), &true.into())
        );
        assert_eq!(json["HostConfig"]["NetworkMode"], "pilothouse-host", "the network of the machine has another name");
        let aliases = &json["NetworkingConfig"]["EndpointsConfig"]["pilothouse-host"]["Aliases"];
        assert_eq!(aliases, &serde_json::json!(["db", "database"]));
        assert_eq!((&json["Healthcheck"]["Interval"], &json["Cmd"]), (&2_000_000_000_i64.into(), &serde_json::json!(["serve"])));
        assert_eq!(json["Labels"]["pilothouse.alias"], "db");
        let plain = NewContainer { options: ContainerOptions::default(), ..new.clone() };
        assert!(!serde_json::to_string(&plain).expect("JSON").contains("options"), "so that none is made anew for nothing");
        assert_ne!(launch(&plain, None, ""), launch(&new, None, ""));
    }
}
