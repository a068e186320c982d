//! Pulls images, and says how far that is.

use std::collections::HashMap;

use api::{Error, Result};
use bollard::Docker;
use bollard::models::ProgressDetail;
use bollard::query_parameters::CreateImageOptions;
use futures::StreamExt;

use super::words;

/// The layers of an image that are being downloaded: bytes of each, and of how many.
#[derive(Default)]
pub struct Layers(HashMap<String, (i64, i64)>);

impl Layers {
    /// Takes in what Docker says of a layer; answers how much of all of them is there, when that has changed: `12 of 50 MB`.
    pub fn take(&mut self, layer: Option<String>, status: Option<&str>, progress: Option<&ProgressDetail>) -> Option<String> {
        let progress = progress.and_then(|progress| progress.current.zip(progress.total)).filter(|_| status == Some("Downloading"));
        let (layer, progress) = layer.zip(progress)?;
        self.0.insert(layer, progress);
        let (done, total) = self.0.values().fold((0, 0), |(done, total), (one, of)| (done + one, total + of));
        Some(format!("{:.0} of {:.0} MB", done as f64 / 1e6, total as f64 / 1e6))
    }
}

/// Pulls an image; `tell` hears how far it is.
///
/// # Errors
/// `service_failed`, with what Docker said.
pub async fn pull(docker: &Docker, name: &str, tell: &(dyn Fn(String) + Sync)) -> Result<()> {
    tell(format!("pulling the image {name}"));
    // Without a tag Docker would pull every one that there is.
    let (is_tagged, is_digest) = (name.rsplit('/').next().is_some_and(|last| last.contains(':')), name.contains('@'));
    let whole = if is_tagged || is_digest { name.to_owned() } else { format!("{name}:latest") };
    let options = CreateImageOptions { from_image: Some(whole), ..CreateImageOptions::default() };
    let mut layers = Layers::default();
    let mut steps = docker.create_image(Some(options), None, None);
    while let Some(step) = steps.next().await {
        let step = step.map_err(|error| Error::service(format!("the image '{name}' can't be pulled: {}", words(&error))))?;
        if let Some(message) = step.error_detail.and_then(|detail| detail.message) {
            return Err(Error::service(format!("the image '{name}' can't be pulled: {message}")));
        }
        if let Some(downloaded) = layers.take(step.id, step.status.as_deref(), step.progress_detail.as_ref()) {
            tell(format!("pulling the image {name}: {downloaded}"));
        }
    }
    Ok(())
}
