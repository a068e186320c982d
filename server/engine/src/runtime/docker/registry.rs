//! What a registry of images is told and what it says: who asks, how far it is, and for how long it may say nothing.

use std::collections::HashMap;
use std::pin::Pin;
use std::time::Duration;

use api::{RegistryAccount, Result};
use bollard::Docker;
use bollard::auth::DockerCredentials;
use bollard::errors::Error as DockerError;
use bollard::models::ProgressDetail;
use futures::{Stream, StreamExt};
use tokio::time::Instant;

use super::words;
use crate::Core;
use crate::secrets::Vault;

/// The headers in which Docker is told who asks the registry, and who asks each of several.
const TOLD: [&str; 2] = ["X-Registry-Auth", "X-Registry-Config"];
/// How much longer Docker may take than the registry, before its connection is given up.
const MORE: Duration = Duration::from_secs(30);
/// What Docker calls its own registry where it wants an address, and what BuildKit calls it.
const HUB: &str = "https://index.docker.io/v1/";
const HUB_OF_BUILDKIT: &str = "registry-1.docker.io";

/// A registry, asked through the Docker Engine.
pub struct Registry {
    /// The engine, with the patience that registries need.
    pub docker: Docker,
    /// Who asks; none is nobody in particular.
    pub credentials: Option<DockerCredentials>,
    limit: Duration,
}

impl Registry {
    /// The registry of `image`, asked as `account` when there is one. The value of its secret is read now.
    ///
    /// # Errors
    /// `service_failed` when there is no such secret, `unavailable` when the keys of secrets couldn't be opened.
    pub async fn of(core: &Core, docker: &Docker, image: &str, account: Option<&RegistryAccount>) -> Result<Self> {
        let credentials = match account {
            None => None,
            Some(RegistryAccount { user, secret }) => {
                let value = Vault::of(core).resolve(&format!("${{secret:{secret}}}")).await?;
                let host = api::registry_of(image);
                Some(DockerCredentials {
                    username: Some(user.clone()),
                    password: Some(value.trim().to_owned()),
                    serveraddress: Some(if host == "docker.io" { HUB.into() } else { host.to_owned() }),
                    ..DockerCredentials::default()
                })
            }
        };
        let limit = core.config.registry_limit;
        let docker = Self::readable(docker.clone().with_timeout(limit.saturating_add(MORE)));
        Ok(Self { docker, credentials, limit })
    }

    /// An engine that is told who asks so that it can read it: in the alphabet of base64 that is safe in addresses. What is in the other one counts as nobody.
    pub fn readable(docker: Docker) -> Docker {
        docker.with_request_modifier(|mut request| {
            for name in TOLD {
                if let Some(told) = request.headers_mut().get_mut(name)
                    && let Some(safe) = told.to_str().ok().and_then(|text| text.replace('+', "-").replace('/', "_").parse().ok())
                {
                    *told = safe;
                    told.set_sensitive(true);
                }
            }
            request
        })
    }

    /// Who asks, by what either builder calls the registry; none is nobody in particular.
    pub fn accounts(self) -> Option<HashMap<String, DockerCredentials>> {
        let account = self.credentials?;
        let address = account.serveraddress.clone()?;
        let mut accounts = HashMap::from([(address.clone(), account.clone())]);
        if address == HUB {
            accounts.insert(HUB_OF_BUILDKIT.to_owned(), account);
        }
        Some(accounts)
    }

    /// Begins to hear what the engine says of it.
    pub fn hear<T>(&self, steps: impl Stream<Item = Result<T, DockerError>> + Send + 'static) -> Heard<T> {
        Heard { steps: Box::pin(steps), limit: self.limit, until: Instant::now() + self.limit }
    }
}

/// What the engine says while it asks a registry.
pub struct Heard<T> {
    steps: Pin<Box<dyn Stream<Item = Result<T, DockerError>> + Send>>,
    limit: Duration,
    until: Instant,
}

impl<T> Heard<T> {
    /// What it says next, none at the end.
    ///
    /// # Errors
    /// With what it said, or that nothing has moved for longer than the limit.
    pub async fn next(&mut self) -> Result<Option<T>, String> {
        match tokio::time::timeout_at(self.until, self.steps.next()).await {
            Ok(Some(Err(DockerError::RequestTimeoutError))) | Err(_) => {
                Err(format!("its registry hasn't moved for {} s", self.limit.as_secs()))
            }
            Ok(Some(Err(error))) => Err(words(&error)),
            Ok(step) => step.transpose().map_err(|error| words(&error)),
        }
    }

    /// Takes note that something moves. That it is tried again and again isn't that.
    pub fn moved(&mut self, status: Option<&str>) {
        if !status.is_some_and(|status| status.starts_with("Retrying")) {
            self.until = Instant::now() + self.limit;
        }
    }
}

/// Whether trying again won't help.
pub fn is_lasting(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    let lasting = [
        "not found",
        "hasn't moved",
        "manifest unknown",
        "does not exist",
        "invalid reference",
        "no space left",
        "certificate",
        "http response to https",
        // As of a full disk: Docker has tried that again and again by itself.
        "500 internal server error",
    ];
    is_refused(&said) || lasting.iter().any(|words| said.contains(words))
}

/// Whether the registry knows who asks too little to give or take anything.
pub fn is_refused(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    ["denied", "unauthorized", "authentication required", "no basic auth credentials"].iter().any(|words| said.contains(words))
}

/// The layers of an image that come or go, and how much of each has.
#[derive(Default)]
pub struct Layers {
    layers: HashMap<String, Layer>,
    told: String,
}

#[derive(Default)]
struct Layer {
    moved: i64,
    bytes: i64,
    is_done: bool,
}

impl Layers {
    /// Takes in what Docker says of a layer that is pulled; answers how far all of them are, when that has changed: `3 of 7 layers, 12 of 50 MB`.
    pub fn take(&mut self, layer: Option<String>, status: Option<&str>, progress: Option<&ProgressDetail>) -> Option<String> {
        let (layer, status) = layer.zip(status)?;
        let bytes = progress.and_then(|progress| progress.current.zip(progress.total));
        match status {
            "Pulling fs layer" | "Waiting" => _ = self.layers.entry(layer).or_default(),
            "Downloading" => {
                let layer = self.layers.entry(layer).or_default();
                (layer.moved, layer.bytes) = bytes.unwrap_or((layer.moved, layer.bytes));
            }
            "Verifying Checksum" | "Download complete" | "Extracting" => {
                let layer = self.layers.entry(layer).or_default();
                layer.moved = layer.bytes;
            }
            "Pull complete" | "Already exists" => {
                let layer = self.layers.entry(layer).or_default();
                (layer.moved, layer.is_done) = (layer.bytes, true);
            }
            // Of the image as a whole.
            _ => return None,
        }
        let done = self.layers.values().filter(|layer| layer.is_done).count();
        let bytes = self.layers.values().fold((0, 0), |(moved, all), layer| (moved + layer.moved, all + layer.bytes));
        told(&mut self.told, (done, self.layers.len()), bytes)
    }
}

/// The layers of an image that is pushed. Which layer Docker speaks of isn't passed on to us: those that are on the way are told apart by size.
#[derive(Default)]
pub struct Sent {
    /// How many there are.
    pub all: usize,
    /// How many are in the registry.
    pub done: usize,
    /// How many of these were there before.
    pub before: usize,
    sizes: HashMap<i64, i64>,
    told: String,
}

impl Sent {
    /// So many, of which nothing is known to be there.
    pub fn of(layers: usize) -> Self {
        Self { all: layers, ..Self::default() }
    }

    /// Takes in what Docker says; answers how far it is, when that has changed: `1 of 3 layers, 12 of 50 MB`.
    pub fn take(&mut self, status: Option<&str>, progress: Option<&ProgressDetail>) -> Option<String> {
        let status = status?;
        match status {
            "Preparing" => {}
            "Pushing" => {
                let (moved, all) = progress.and_then(|progress| progress.current.zip(progress.total))?;
                self.sizes.insert(all, moved.min(all));
            }
            "Pushed" => self.done += 1,
            _ if status == "Layer already exists" || status.starts_with("Mounted from") => {
                self.done += 1;
                self.before += 1;
            }
            _ => return None,
        }
        let bytes = self.sizes.iter().fold((0, 0), |(moved, all), (bytes, so_far)| (moved + so_far, all + bytes));
        told(&mut self.told, (self.done, self.all), bytes)
    }
}

/// How far it is in words, when that isn't what was told before.
fn told(before: &mut String, (done, layers): (usize, usize), (moved, bytes): (i64, i64)) -> Option<String> {
    let layers = if layers == 1 { format!("{done} of 1 layer") } else { format!("{done} of {layers} layers") };
    let megabytes = |bytes: i64| format!("{:.0}", bytes as f64 / 1e6);
    let now = if bytes > 0 { format!("{layers}, {} of {} MB", megabytes(moved), megabytes(bytes)) } else { layers };
    (*before != now).then(|| {
        before.clone_from(&now);
        now
    })
}

#[cfg(test)]
mod tests {
    use bollard::models::ProgressDetail;

    use super::{Layers, Sent, is_lasting, is_refused};

    fn bytes(current: i64, total: i64) -> ProgressDetail {
        ProgressDetail { current: Some(current), total: Some(total) }
    }

    #[test]
    fn a_pull_is_told_by_layers_and_bytes_and_only_when_that_has_changed() {
        let mut layers = Layers::default();
        let mut take =
            |layer: &str, status: &str, progress: Option<ProgressDetail>| layers.take(Some(layer.into()), Some(status), progress.as_ref());
        assert_eq!(take("1.27", "Pulling from library/nginx", None), None);
        assert_eq!(take("a", "Pulling fs layer", None).as_deref(), Some("0 of 1 layer"));
        assert_eq!(take("b", "Already exists", None).as_deref(), Some("1 of 2 layers"));
        assert_eq!(take("a", "Downloading", Some(bytes(12_000_000, 50_000_000))).as_deref(), Some("1 of 2 layers, 12 of 50 MB"));
        assert_eq!(take("a", "Downloading", Some(bytes(12_100_000, 50_000_000))), None);
        assert_eq!(take("a", "Download complete", None).as_deref(), Some("1 of 2 layers, 50 of 50 MB"));
        assert_eq!(take("a", "Extracting", Some(bytes(1, 50_000_000))), None);
        assert_eq!(take("a", "Pull complete", None).as_deref(), Some("2 of 2 layers, 50 of 50 MB"));
    }

    #[test]
    fn a_push_is_told_by_layers_and_bytes() {
        let mut sent = Sent::of(2);
        assert_eq!(sent.take(Some("Preparing"), None).as_deref(), Some("0 of 2 layers"));
        assert_eq!((sent.take(Some("Preparing"), None), sent.take(Some("Waiting"), None)), (None, None));
        assert_eq!(sent.take(Some("Layer already exists"), None).as_deref(), Some("1 of 2 layers"));
        assert_eq!(sent.take(Some("Pushing"), Some(&bytes(1_000_000, 4_000_000))).as_deref(), Some("1 of 2 layers, 1 of 4 MB"));
        assert_eq!(sent.take(Some("Pushing"), Some(&bytes(4_000_512, 4_000_000))).as_deref(), Some("1 of 2 layers, 4 of 4 MB"));
        assert_eq!(sent.take(Some("Pushed"), None).as_deref(), Some("2 of 2 layers, 4 of 4 MB"));
        assert_eq!((sent.done, sent.before), (2, 1));
    }

    #[test]
    fn what_a_registry_refuses_is_told_apart_from_what_may_pass() {
        for said in
            ["unauthorized: authentication required", "denied: requested access to the resource is denied", "no basic auth credentials"]
        {
            assert!(is_refused(said) && is_lasting(said), "{said}");
        }
        for said in ["dial tcp 127.0.0.1:1: connect: connection refused", "received unexpected HTTP status: 503 Service Unavailable"] {
            assert!(!is_lasting(said), "{said}");
        }
        assert!(
            is_lasting("its registry hasn't moved for 120 s") && is_lasting("received unexpected HTTP status: 500 Internal Server Error")
        );
    }
}
