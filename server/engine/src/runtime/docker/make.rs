//! Making containers: the image is pulled or built and the network made when they aren't there.

use std::collections::{BTreeSet, HashMap};

use api::{Error, NetworkPlace, ReleaseId, Result, ServiceId};
use bollard::Docker;
use bollard::models::NetworkCreateRequest;
use bollard::query_parameters::{CreateContainerOptions, RemoveContainerOptions, TagImageOptions};

use super::body::{body, launch, network_name};
use super::build::{self, Told};
use super::pull::pull;
use super::registry::Registry;
use super::seen::{CONTEXT_LABEL, LAUNCH_LABEL, NETWORK_LABEL};
use super::{failed, is_absent};
use crate::Core;
use crate::runtime::NewContainer;

/// The name of the container of a service.
pub fn name(id: ServiceId) -> String {
    format!("pilothouse-{id}")
}

/// Makes sure that there is a container as `new` says; one that was made differently, or of an older image of that name, is
/// replaced. `told` hears what is going on.
///
/// # Errors
/// `service_failed`, with what Docker said.
pub async fn make(core: &Core, docker: &Docker, id: ServiceId, mut new: NewContainer, told: &mut Told<'_>) -> Result<()> {
    let mut replaced = None;
    let image = match &new.build {
        None => {
            let image = image(core, docker, id, &new, told.tell).await?;
            if new.release.is_some() {
                // What its registry has it by may be no name of it here.
                new.image.clone_from(&image.digest);
            }
            image
        }
        Some(build) => {
            let built = build::image(core, docker, id, build, told).await?;
            (new.image, replaced) = (build::name(id), built.replaced);
            built.image
        }
    };
    let made = container(docker, id, &new, &image, told.tell).await;
    // Nothing is made of it any more; of its layers those stay that the new one has too.
    if let (Ok(()), Some(replaced)) = (&made, replaced) {
        build::remove(docker, &replaced).await;
    }
    made
}

/// What [`make`] would do now, in words.
///
/// # Errors
/// `service_failed`, with what would be in its way.
pub async fn preparation(docker: &Docker, id: ServiceId, new: &NewContainer) -> Result<Vec<String>> {
    let mut steps = match &new.build {
        Some(build) => build::preparation(docker, id, build).await?,
        None if here(docker, id, &new.image, new.release).await?.is_some() => Vec::new(),
        None => vec![format!("pull the image {}", new.image)],
    };
    steps.push("make the container".into());
    Ok(steps)
}

async fn container(docker: &Docker, id: ServiceId, new: &NewContainer, image: &Image, tell: &(dyn Fn(String) + Sync)) -> Result<()> {
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

/// An image that is there.
#[derive(Clone)]
pub struct Image {
    /// Its id.
    pub digest: String,
    /// The TCP ports that it says it listens on.
    pub ports: Vec<u16>,
    /// What it was built of, when Pilothouse has built it.
    pub context: Option<String>,
    /// What pins it in the registries that it was pulled from or pushed to: `name@sha256:..`.
    pub pins: Vec<String>,
    /// How many layers it has that are different.
    pub layers: usize,
}

impl Image {
    /// What pins it in the registry that has it by that name.
    pub fn pin(&self, name: &str) -> Option<&str> {
        let plain = |name: &str| {
            let name = api::image_repository(name);
            let name = name.strip_prefix("docker.io/").unwrap_or(name);
            name.strip_prefix("library/").unwrap_or(name).to_owned()
        };
        let wanted = plain(name);
        self.pins.iter().find(|pin| plain(pin) == wanted).map(String::as_str)
    }

    fn only_port(&self) -> Option<u16> {
        match self.ports[..] {
            [port] => Some(port),
            _ => None,
        }
    }
}

/// The image of a container, pulled when it isn't there. That of a release stays here then.
async fn image(core: &Core, docker: &Docker, id: ServiceId, new: &NewContainer, tell: &(dyn Fn(String) + Sync)) -> Result<Image> {
    let name = &new.image;
    if let Some(image) = here(docker, id, name, new.release).await? {
        return Ok(image);
    }
    if name.starts_with("sha256:") {
        // An id is known to this engine only: no registry could give it.
        let id = name.get(..19).unwrap_or(name);
        return Err(Error::service(format!(
            "the image {id} of its release was removed from this machine, and was in no registry: deploy the service again, or go back to another release"
        )));
    }
    pull(&Registry::of(core, docker, name, new.registry.as_ref()).await?, name, tell).await?;
    let image =
        find(docker, name).await?.ok_or_else(|| Error::service(format!("the image '{name}' isn't there although it was pulled")))?;
    if let Some(release) = new.release {
        keep(docker, id, release, &image.digest).await?;
    }
    Ok(image)
}

/// Keeps an image here for as long as a release is.
///
/// # Errors
/// `service_failed`, with what Docker said.
pub async fn keep(docker: &Docker, id: ServiceId, release: ReleaseId, digest: &str) -> Result<()> {
    let options = TagImageOptions { repo: Some(build::name(id)), tag: Some(release.to_string()) };
    let kept = docker.tag_image(digest, Some(options)).await;
    kept.map_err(|error| failed("its image can't be given the name of the release", &error))
}

/// The name by which the image of a release is kept here.
pub fn kept(id: ServiceId, release: ReleaseId) -> String {
    format!("{}:{release}", build::name(id))
}

/// The image of that name, or the one that is kept for the release, when it is there.
///
/// # Errors
/// `service_failed`, when Docker doesn't say.
pub async fn here(docker: &Docker, id: ServiceId, name: &str, release: Option<ReleaseId>) -> Result<Option<Image>> {
    match (find(docker, name).await?, release) {
        (None, Some(release)) => find(docker, &kept(id, release)).await,
        (found, _) => Ok(found),
    }
}

/// The image of that name, when it is there.
///
/// # Errors
/// `service_failed`, when Docker doesn't say.
pub async fn find(docker: &Docker, name: &str) -> Result<Option<Image>> {
    match docker.inspect_image(name).await {
        Ok(image) => {
            let config = image.config.unwrap_or_default();
            let context = config.labels.and_then(|labels| labels.get(CONTEXT_LABEL).cloned());
            let exposed = config.exposed_ports.unwrap_or_default();
            let ports = exposed.iter().filter_map(|port| port.strip_suffix("/tcp").unwrap_or(port).parse().ok()).collect();
            let pins = image.repo_digests.unwrap_or_default();
            let layers: BTreeSet<String> = image.root_fs.and_then(|files| files.layers).unwrap_or_default().into_iter().collect();
            Ok(Some(Image { digest: image.id.unwrap_or_default(), ports, context, pins, layers: layers.len() }))
        }
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(failed("its image can't be looked at", &error)),
    }
}
