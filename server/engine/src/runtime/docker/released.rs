//! The images of releases: pulled or built without starting anything, pinned, and kept for as long as the release is.

use std::time::Duration;

use api::{Error, ReleaseId, Result, ServiceId};
use bollard::Docker;
use bollard::query_parameters::{RemoveImageOptions, TagImageOptions};

use super::build::{self, BuildLog, Told};
use super::make::find;
use super::pull::pull;
use super::{failed, is_absent};
use crate::runtime::{NewContainer, Said, Tell};

/// How often a pull is tried, and how long is waited before the next time.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(2);

/// Makes sure that the image of `new` is there, as new as its registry has it, and stays there for that release; answers what it is pinned by.
///
/// # Errors
/// `service_failed`, with what Docker said.
pub async fn image(docker: &Docker, id: ServiceId, new: &NewContainer, release: ReleaseId, tell: &Tell) -> Result<String> {
    let digest = match &new.build {
        Some(build) => {
            let doing = tell.clone();
            let mut told = Told { tell: &move |label| doing(Said::Doing(label)), log: BuildLog::telling(tell.clone()) };
            build::image(docker, id, build, &mut told).await?.image.digest
        }
        None => pulled(docker, &new.image, tell).await?,
    };
    let (repo, tag) = (Some(build::name(id)), Some(release.to_string()));
    let tagged = docker.tag_image(&digest, Some(TagImageOptions { repo, tag })).await;
    tagged.map_err(|error| failed("its image can't be given the name of the release", &error))?;
    Ok(digest)
}

/// Lets the image of a release go, when nothing else has it.
pub async fn forget(docker: &Docker, id: ServiceId, release: ReleaseId) {
    let name = format!("{}:{release}", build::name(id));
    if let Err(error) = docker.remove_image(&name, None::<RemoveImageOptions>, None).await
        && !is_absent(&error)
    {
        tracing::info!(%error, image = name, "image_of_release_not_removed");
    }
}

/// The image of that name, as its registry has it now. One that the registry doesn't give is taken as it is here.
async fn pulled(docker: &Docker, name: &str, tell: &Tell) -> Result<String> {
    let here = find(docker, name).await?;
    let is_pinned = name.contains("sha256:");
    if let Some(image) = here.as_ref().filter(|_| is_pinned) {
        tell(Said::Line(format!("the image {name} is here already")));
        return Ok(image.digest.clone());
    }
    let mut attempt = 1;
    loop {
        let doing = tell.clone();
        let why = match pull(docker, name, &move |label| doing(Said::Doing(label))).await {
            Ok(()) => break,
            Err(error) => error,
        };
        tell(Said::Line(why.message.clone()));
        match &here {
            _ if attempt < ATTEMPTS && is_passing(&why) => {}
            Some(_) => {
                tell(Said::Line(format!("the image {name} that is here is taken as it is")));
                break;
            }
            None => return Err(why),
        }
        attempt += 1;
        tell(Said::Line(format!("trying again, {attempt} of {ATTEMPTS}")));
        tokio::time::sleep(PAUSE).await;
    }
    let image = find(docker, name).await?;
    let image = image.ok_or_else(|| Error::service(format!("the image '{name}' isn't there although it was pulled")))?;
    tell(Said::Line(format!("{name} is {}", image.digest)));
    Ok(image.digest)
}

/// Whether trying again may help.
fn is_passing(error: &Error) -> bool {
    let said = error.message.to_ascii_lowercase();
    let lasting =
        ["not found", "denied", "unauthorized", "authentication required", "manifest unknown", "does not exist", "invalid reference"];
    !lasting.iter().any(|words| said.contains(words))
}
