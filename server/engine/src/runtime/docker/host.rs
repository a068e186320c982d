//! Where the Docker Engine is, and how it is reached.

use std::path::{Path, PathBuf};
use std::time::Duration;

use api::{Error, Result};
use bollard::{API_DEFAULT_VERSION, Docker};

use crate::DockerHost;

/// The socket that is used when nobody has said another.
const USUAL: &str = "/var/run/docker.sock";

/// Seconds that an answer may take which isn't a stream.
const TIMEOUT: u64 = 20;

/// How long the version of an engine may take.
const HELLO: Duration = Duration::from_secs(5);

/// Where the engine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    address: String,
    certificates: Option<PathBuf>,
    config: DockerHost,
}

impl Host {
    /// Where `config` says.
    pub fn new(config: &DockerHost) -> Self {
        let (address, certificates) = match config {
            DockerHost::At { address, certificates } => (address.clone(), certificates.clone()),
            DockerHost::Off | DockerHost::Usual => (format!("unix://{USUAL}"), None),
        };
        Self { address, certificates, config: config.clone() }
    }

    /// Whether it may be asked at all.
    pub fn is_off(&self) -> bool {
        self.config == DockerHost::Off
    }

    /// Whether somebody has said where it is, or it is where it usually is.
    pub fn is_used(&self) -> bool {
        matches!(self.config, DockerHost::At { .. }) || self.config == DockerHost::Usual && self.is_there()
    }

    /// Whether asking is worthwhile: a socket that isn't there can't answer.
    pub fn is_there(&self) -> bool {
        self.socket().is_none_or(Path::exists)
    }

    /// Whether it is on this machine, so that the ports that it publishes are too.
    pub fn is_local(&self) -> bool {
        self.socket().is_some()
    }

    /// For people.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Connects, and settles for the newest version of the API that both sides know.
    ///
    /// # Errors
    /// `unavailable`, saying what to do.
    pub async fn connect(&self) -> Result<Docker> {
        let docker = self.open().map_err(|error| self.unreachable(&error))?;
        match tokio::time::timeout(HELLO, docker.negotiate_version()).await {
            Ok(Ok(docker)) => Ok(docker),
            Ok(Err(error)) => Err(self.unreachable(&error)),
            Err(_) => Err(Error::unavailable(format!(
                "Docker at {} doesn't answer within {} s; is it overloaded?",
                self.address,
                HELLO.as_secs()
            ))),
        }
    }

    fn open(&self) -> std::result::Result<Docker, bollard::errors::Error> {
        match (self.socket(), &self.certificates) {
            (Some(_), _) => Docker::connect_with_unix(&self.address, TIMEOUT, API_DEFAULT_VERSION),
            (None, Some(folder)) => Docker::connect_with_ssl(
                &self.address,
                &folder.join("key.pem"),
                &folder.join("cert.pem"),
                &folder.join("ca.pem"),
                TIMEOUT,
                API_DEFAULT_VERSION,
            ),
            (None, None) => Docker::connect_with_http(&self.address, TIMEOUT, API_DEFAULT_VERSION),
        }
    }

    fn unreachable(&self, error: &bollard::errors::Error) -> Error {
        let hint = match self.socket() {
            Some(path) if !path.exists() => format!("there is no socket {}; start the Docker daemon", path.display()),
            Some(_) => "start the Docker daemon, and let the user of Pilothouse use its socket".into(),
            None => "check the address, the certificates and the firewall".into(),
        };
        Error::unavailable(format!("Docker at {} can't be reached ({}); {hint}", self.address, super::words(error)))
    }

    fn socket(&self) -> Option<&Path> {
        self.address.strip_prefix("unix://").map(Path::new)
    }
}

#[cfg(test)]
mod tests {
    use super::Host;
    use crate::DockerHost;

    #[tokio::test]
    async fn an_engine_that_is_not_there_is_not_spoken_of_unless_somebody_has_said_where_it_is() {
        assert!(!Host::new(&DockerHost::Off).is_used());
        let missing = Host::new(&DockerHost::At { address: "unix:///nonexistent/docker.sock".into(), certificates: None });
        assert!(missing.is_used() && !missing.is_there());
        let error = missing.connect().await.expect_err("nobody is there");
        assert!(error.message.contains("start the Docker daemon"), "{}", error.message);
    }
}
