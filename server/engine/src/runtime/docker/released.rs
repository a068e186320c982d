//! The images of releases: pulled or built without starting anything, pinned, pushed, and kept for as long as the release is.

use std::time::Duration;

use api::{Error, ImagePush, ReleaseId, Result, ServiceId};
use bollard::Docker;
use bollard::query_parameters::{RemoveImageOptions, TagImageOptions};

use super::build::{self, BuildLog, Told};
use super::make::{find, here, keep, kept};
use super::pull;
use super::registry::{Registry, Sent, is_lasting, is_refused};
use super::{failed, is_absent};
use crate::Core;
use crate::runtime::{NewContainer, Said, Tell};

/// How often a registry is asked, and how long is waited before the next time.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(2);

/// Makes sure that the image of `new` is there, as new as its registry has it, and stays there for that release; answers what it is pinned by.
///
/// # Errors
/// `service_failed`, with what Docker said.
pub async fn image(core: &Core, docker: &Docker, id: ServiceId, new: &NewContainer, release: ReleaseId, tell: &Tell) -> Result<String> {
    let (digest, pin) = match &new.build {
        Some(build) => {
            let doing = tell.clone();
            let mut told = Told { tell: &move |label| doing(Said::Doing(label)), log: BuildLog::telling(tell.clone()) };
            (build::image(core, docker, id, build, &mut told).await?.image.digest, None)
        }
        None => pulled(core, docker, id, new, release, tell).await?,
    };
    keep(docker, id, release, &digest).await?;
    Ok(pin.unwrap_or(digest))
}

/// Pushes the image of a release by that tag; answers what pins it in its registry. Nothing but the image itself stays here of it.
///
/// # Errors
/// `service_failed`, with what Docker said.
pub async fn push(
    core: &Core,
    docker: &Docker,
    (id, release): (ServiceId, ReleaseId),
    push: &ImagePush,
    tag: &str,
    tell: &Tell,
) -> Result<String> {
    let named = format!("{}:{tag}", push.image);
    let Some(image) = find(docker, &kept(id, release)).await? else {
        return Err(Error::service("the image was removed from this machine before it was pushed: deploy the service again"));
    };
    let registry = Registry::of(core, docker, &push.image, push.registry.as_ref()).await?;
    let options = TagImageOptions { repo: Some(push.image.clone()), tag: Some(tag.to_owned()) };
    let tagged = docker.tag_image(&image.digest, Some(options)).await;
    tagged.map_err(|error| failed(&format!("the image can't be named '{named}'"), &error))?;
    let doing = tell.clone();
    let say = move |label| doing(Said::Doing(label));
    let mut attempts = Attempts(1);
    let pushed = loop {
        match pull::push(&registry, push, tag, image.layers, &say).await {
            Err(why) if attempts.again(tell, &why).await => {}
            done => break done,
        }
    };
    let digest = match &pushed {
        Ok((Some(digest), _)) => Some(format!("{}@{digest}", push.image)),
        Ok((None, _)) => find(docker, &named).await?.and_then(|image| image.pin(&named).map(str::to_owned)),
        Err(_) => None,
    };
    forget_pushed(docker, id, release, &named).await;
    let (_, Sent { all, before, .. }) = pushed?;
    let digest = digest.ok_or_else(|| Error::service(format!("Docker doesn't say by which digest the registry has '{named}'")))?;
    let there = if before > 0 { format!(", {before} of which were there before") } else { String::new() };
    let layers = if all == 1 { "1 layer".to_owned() } else { format!("{all} layers") };
    tell(Said::Line(format!("pushed {layers}{there}; the registry has it as {digest}")));
    Ok(digest)
}

/// Takes the name that a push needs here off the image of a release; one that somebody has given to another image stays.
pub async fn forget_pushed(docker: &Docker, id: ServiceId, release: ReleaseId, named: &str) {
    let (Ok(Some(own)), Ok(Some(other))) = (find(docker, &kept(id, release)).await, find(docker, named).await) else { return };
    if own.digest == other.digest {
        remove(docker, named).await;
    }
}

/// Lets the image of a release go, when nothing else has it.
pub async fn forget(docker: &Docker, id: ServiceId, release: ReleaseId) {
    remove(docker, &kept(id, release)).await;
}

async fn remove(docker: &Docker, name: &str) {
    if let Err(error) = docker.remove_image(name, None::<RemoveImageOptions>, None).await
        && !is_absent(&error)
    {
        tracing::info!(%error, image = name, "image_of_release_not_removed");
    }
}

/// The image of that name, as its registry has it now, and what pins it there. One that the registry doesn't give is taken as it is here, unless the
/// registry refuses who asks.
async fn pulled(
    core: &Core,
    docker: &Docker,
    id: ServiceId,
    new: &NewContainer,
    release: ReleaseId,
    tell: &Tell,
) -> Result<(String, Option<String>)> {
    let name = new.image.as_str();
    if name.contains("sha256:")
        && let Some(image) = here(docker, id, name, Some(release)).await?
    {
        tell(Said::Line(format!("the image {name} is here already")));
        return Ok((image.digest, Some(name.to_owned())));
    }
    let before = find(docker, name).await?;
    let registry = Registry::of(core, docker, name, new.registry.as_ref()).await?;
    let doing = tell.clone();
    let say = move |label| doing(Said::Doing(label));
    let mut attempts = Attempts(1);
    let done = loop {
        match pull::pull(&registry, name, &say).await {
            Err(why) if attempts.again(tell, &why).await => {}
            done => break done,
        }
    };
    match (&done, &before) {
        (Err(why), Some(_)) if new.registry.is_none() || !is_refused(&why.message) => {
            tell(Said::Line(format!("the image {name} that is here is taken as it is")));
        }
        _ => done.clone()?,
    }
    let image = find(docker, name).await?;
    let image = image.ok_or_else(|| Error::service(format!("the image '{name}' isn't there although it was pulled")))?;
    tell(Said::Line(format!("{name} is {}", image.digest)));
    // What the registry hasn't given just now may not be there any more.
    let pin = done.ok().and_then(|()| image.pin(name)).map(str::to_owned);
    Ok((image.digest, pin))
}

/// How often a registry has been asked.
struct Attempts(u32);

impl Attempts {
    /// Tells why it didn't work, and waits; answers whether it is worth asking again.
    async fn again(&mut self, tell: &Tell, why: &Error) -> bool {
        tell(Said::Line(why.message.clone()));
        if self.0 >= ATTEMPTS || is_lasting(&why.message) {
            return false;
        }
        self.0 += 1;
        tell(Said::Line(format!("trying again, {} of {ATTEMPTS}", self.0)));
        tokio::time::sleep(PAUSE).await;
        true
    }
}
