//! Making containers: the image is pulled when it isn't there, and a container is made of nothing but what is named here.

use std::collections::HashMap;

use api::{Error, Result, ServiceId};
use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig, PortBinding, ResourcesUlimits};
use bollard::query_parameters::{CreateContainerOptions, CreateImageOptions, RemoveContainerOptions};
use futures::StreamExt;
use sha2::{Digest, Sha256};

use super::seen::{LAUNCH_LABEL, OWN_LABEL};
use super::{failed, is_absent, words};
use crate::runtime::NewContainer;

/// The address of this machine that published ports are bound to.
const LOOPBACK: &str = "127.0.0.1";

/// The name of the container of a service.
pub fn name(id: ServiceId) -> String {
    format!("pilothouse-{id}")
}

/// Makes sure that there is a container as `new` says; one that was made differently, or of an older image of that name, is
/// replaced. `tell` hears what is going on.
///
/// # Errors
/// `service_failed`, with what Docker said.
pub async fn make(docker: &Docker, id: ServiceId, new: &NewContainer, tell: &(dyn Fn(String) + Sync)) -> Result<()> {
    let image = image(docker, &new.image, tell).await?;
    let inside = new.container_port.or_else(|| image.only_port());
    let launch = launch(new, inside, &image.digest);
    let name = name(id);
    match docker.inspect_container(&name, None).await {
        Ok(there) => {
            let made_from = there.config.and_then(|config| config.labels?.get(LAUNCH_LABEL).cloned());
            if made_from.as_deref() == Some(&launch) {
                return Ok(());
            }
            // Volumes stay: a database may be in one that has no name.
            let options = RemoveContainerOptions { force: true, ..RemoveContainerOptions::default() };
            docker.remove_container(&name, Some(options)).await.map_err(|error| failed("its container can't be replaced", &error))?;
        }
        Err(error) if is_absent(&error) => {}
        Err(error) => return Err(failed("its container can't be looked at", &error)),
    }
    tell("making the container".into());
    let options = CreateContainerOptions { name: Some(name), ..CreateContainerOptions::default() };
    let made = docker.create_container(Some(options), body(id, new, inside, launch)).await;
    made.map(drop).map_err(|error| failed("its container can't be made", &error))
}

/// The allow-list of what a container gets.
fn body(id: ServiceId, new: &NewContainer, inside: Option<u16>, launch: String) -> ContainerCreateBody {
    let mut environment: Vec<String> = new.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    environment.extend(inside.map(|port| format!("PORT={port}")));
    let published = new.port.zip(inside).map(|(outside, inside)| {
        let binding = PortBinding { host_ip: Some(LOOPBACK.into()), host_port: Some(outside.to_string()) };
        (format!("{inside}/tcp"), Some(vec![binding]))
    });
    let limits = &new.limits;
    ContainerCreateBody {
        image: Some(new.image.clone()),
        cmd: (!new.command.is_empty()).then(|| new.command.clone()),
        env: Some(environment),
        labels: Some(HashMap::from([
            (OWN_LABEL.to_owned(), id.to_string()),
            ("pilothouse.name".to_owned(), new.name.clone()),
            (LAUNCH_LABEL.to_owned(), launch),
        ])),
        exposed_ports: published.as_ref().map(|(port, _)| vec![port.clone()]),
        host_config: Some(HostConfig {
            memory: limits.memory_bytes.map(whole),
            // With swap: the same is none of it.
            memory_swap: limits.memory_bytes.map(whole),
            nano_cpus: limits.cpu_percent.map(|percent| i64::from(percent) * 10_000_000),
            pids_limit: limits.processes.map(i64::from),
            ulimits: limits.open_files.map(|count| vec![open_files(count)]),
            port_bindings: published.map(|published| HashMap::from([published])),
            privileged: Some(false),
            security_opt: Some(vec!["no-new-privileges".into()]),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
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
fn launch(new: &NewContainer, inside: Option<u16>, digest: &str) -> String {
    let text = serde_json::to_vec(&(new, inside, digest)).unwrap_or_default();
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

struct Image {
    digest: String,
    ports: Vec<u16>,
}

impl Image {
    fn only_port(&self) -> Option<u16> {
        match self.ports[..] {
            [port] => Some(port),
            _ => None,
        }
    }
}

/// The image of that name, pulled when it isn't there.
async fn image(docker: &Docker, name: &str, tell: &(dyn Fn(String) + Sync)) -> Result<Image> {
    if let Some(image) = find(docker, name).await? {
        return Ok(image);
    }
    pull(docker, name, tell).await?;
    find(docker, name).await?.ok_or_else(|| Error::service(format!("the image '{name}' isn't there although it was pulled")))
}

async fn find(docker: &Docker, name: &str) -> Result<Option<Image>> {
    match docker.inspect_image(name).await {
        Ok(image) => {
            let exposed = image.config.and_then(|config| config.exposed_ports).unwrap_or_default();
            let ports = exposed.iter().filter_map(|port| port.strip_suffix("/tcp").unwrap_or(port).parse().ok()).collect();
            Ok(Some(Image { digest: image.id.unwrap_or_default(), ports }))
        }
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(failed("its image can't be looked at", &error)),
    }
}

async fn pull(docker: &Docker, name: &str, tell: &(dyn Fn(String) + Sync)) -> Result<()> {
    tell(format!("pulling the image {name}"));
    // Without a tag Docker would pull every one that there is.
    let (is_tagged, is_digest) = (name.rsplit('/').next().is_some_and(|last| last.contains(':')), name.contains('@'));
    let whole = if is_tagged || is_digest { name.to_owned() } else { format!("{name}:latest") };
    let options = CreateImageOptions { from_image: Some(whole), ..CreateImageOptions::default() };
    let mut layers: HashMap<String, (i64, i64)> = HashMap::new();
    let mut steps = docker.create_image(Some(options), None, None);
    while let Some(step) = steps.next().await {
        let step = step.map_err(|error| Error::service(format!("the image '{name}' can't be pulled: {}", words(&error))))?;
        if let Some(message) = step.error_detail.and_then(|detail| detail.message) {
            return Err(Error::service(format!("the image '{name}' can't be pulled: {message}")));
        }
        let progress = step.progress_detail.and_then(|progress| Some((progress.current?, progress.total?)));
        if let Some((layer, progress)) = step.id.zip(progress)
            && step.status.as_deref() == Some("Downloading")
        {
            layers.insert(layer, progress);
            let (done, total) = layers.values().fold((0, 0), |(done, total), (one, of)| (done + one, total + of));
            tell(format!("pulling the image {name}: {:.0} of {:.0} MB", done as f64 / 1e6, total as f64 / 1e6));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use api::{Limits, ServiceId};

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
}
