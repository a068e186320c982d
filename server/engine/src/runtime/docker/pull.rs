//! Pulls images and pushes them, and says how far that is.

use api::{Error, ImagePush, Result};
use bollard::query_parameters::{CreateImageOptions, PushImageOptions};

use super::registry::{Layers, Registry, Sent};

/// Pulls an image; `tell` hears how far it is.
///
/// # Errors
/// `service_failed`, with what Docker said.
pub async fn pull(registry: &Registry, name: &str, tell: &(dyn Fn(String) + Sync)) -> Result<()> {
    tell(format!("pulling the image {name}"));
    // Without a tag Docker would pull every one that there is.
    let (is_tagged, is_digest) = (name.rsplit('/').next().is_some_and(|last| last.contains(':')), name.contains('@'));
    let whole = if is_tagged || is_digest { name.to_owned() } else { format!("{name}:latest") };
    let options = CreateImageOptions { from_image: Some(whole), ..CreateImageOptions::default() };
    let mut layers = Layers::default();
    let failed = |why: String| Error::service(format!("the image '{name}' can't be pulled: {why}"));
    let mut heard = registry.hear(registry.docker.create_image(Some(options), None, registry.credentials.clone()));
    while let Some(step) = heard.next().await.map_err(failed)? {
        if let Some(message) = step.error_detail.and_then(|detail| detail.message) {
            return Err(failed(message));
        }
        heard.moved(step.status.as_deref());
        if let Some(far) = layers.take(step.id, step.status.as_deref(), step.progress_detail.as_ref()) {
            tell(format!("pulling the image {name}: {far}"));
        }
    }
    Ok(())
}

/// Pushes an image of so many layers that has that name and tag here; `tell` hears how far it is. Answers its digest in the registry, when that is told, and how many
/// layers it has and of these were there before.
///
/// # Errors
/// `service_failed`, with what Docker said.
pub async fn push(
    registry: &Registry,
    push: &ImagePush,
    tag: &str,
    layers: usize,
    tell: &(dyn Fn(String) + Sync),
) -> Result<(Option<String>, Sent)> {
    let named = format!("{}:{tag}", push.image);
    tell(format!("pushing {named}"));
    let options = PushImageOptions { tag: Some(tag.to_owned()), ..PushImageOptions::default() };
    let (mut sent, mut digest) = (Sent::of(layers), None);
    let failed = |why: String| Error::service(format!("the image can't be pushed to '{named}': {why}"));
    let mut heard = registry.hear(registry.docker.push_image(&push.image, Some(options), registry.credentials.clone()));
    while let Some(step) = heard.next().await.map_err(failed)? {
        let status = step.status.as_deref();
        heard.moved(status);
        digest = digest.or_else(|| digest_of(status?, tag));
        if let Some(far) = sent.take(status, step.progress_detail.as_ref()) {
            tell(format!("pushing {named}: {far}"));
        }
    }
    Ok((digest, sent))
}

/// The digest in what Docker says last: `r3: digest: sha256:.. size: 528`.
fn digest_of(status: &str, tag: &str) -> Option<String> {
    let digest = status.strip_prefix(tag)?.strip_prefix(": digest: ")?.split(' ').next()?;
    let digits = digest.strip_prefix("sha256:")?;
    (digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| digest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::digest_of;

    #[test]
    fn the_digest_is_read_from_what_docker_says_of_the_tag() {
        let digest = format!("sha256:{}", "a1".repeat(32));
        assert_eq!(digest_of(&format!("r3: digest: {digest} size: 528"), "r3"), Some(digest.clone()));
        for other in [format!("r33: digest: {digest} size: 1"), "r3: digest: sha256:12 size: 528".into(), "Pushed".into()] {
            assert_eq!(digest_of(&other, "r3"), None, "{other}");
        }
    }
}
