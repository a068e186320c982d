//! Making containers: the image is pulled and the network made when they aren't there.

use std::collections::HashMap;

use api::{Error, NetworkPlace, Result, ServiceId};
use bollard::Docker;
use bollard::models::NetworkCreateRequest;
use bollard::query_parameters::{CreateContainerOptions, CreateImageOptions, RemoveContainerOptions};
use futures::StreamExt;

use super::body::{body, launch, network_name};
use super::seen::{LAUNCH_LABEL, NETWORK_LABEL};
use super::{failed, is_absent, words};
use crate::runtime::NewContainer;

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
    let network = match &new.options.network {
        Some(place) => Some((network_name(&place.name), network(docker, place).await?)),
        None => None,
    };
    match docker.inspect_container(&name, None).await {
        Ok(there) => {
            let made_from = there.config.and_then(|config| config.labels?.get(LAUNCH_LABEL).cloned());
            let networks = there.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
            let joined = |name: &String| networks.get(name).and_then(|place| place.network_id.as_deref()).filter(|id| !id.is_empty());
            // A container keeps to the very network that it has been in, also when another one has that name now.
            let is_astray = network.as_ref().is_some_and(|(name, id)| joined(name).is_some_and(|joined| joined != id));
            if made_from.as_deref() == Some(&launch) && !is_astray {
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

/// Makes sure that there is that network; answers its id.
async fn network(docker: &Docker, place: &NetworkPlace) -> Result<String> {
    // Docker lets two networks have one name, and services of one network are started at the same time.
    static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _turn = ONE_AT_A_TIME.lock().await;
    let name = network_name(&place.name);
    match docker.inspect_network(&name, None).await {
        Ok(network) => return Ok(network.id.unwrap_or_default()),
        Err(error) if is_absent(&error) => {}
        Err(error) => return Err(failed("its network can't be looked at", &error)),
    }
    let labels = Some(HashMap::from([(NETWORK_LABEL.to_owned(), place.name.clone())]));
    let request = NetworkCreateRequest { name, labels, ..NetworkCreateRequest::default() };
    let made = docker.create_network(request).await.map_err(|error| failed("its network can't be made", &error))?;
    Ok(made.id)
}

/// Removes a network of Pilothouse's own that no container is left in.
pub async fn remove_network(docker: &Docker, name: &str) {
    let name = network_name(name);
    if let Err(error) = docker.remove_network(&name).await
        && !is_absent(&error)
    {
        // Somebody else has put a container into it; it isn't in anybody's way.
        tracing::info!(%error, network = name, "network_not_removed");
    }
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
