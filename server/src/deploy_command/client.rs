//! The REST API as a program asks it: one request, one connection, so that a Pilothouse that was restarted is no matter.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::{Detail, ErrorBody, Secret};
use bytes::Bytes;
use http::uri::{Authority, Scheme, Uri};
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::Outcome;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most bytes of an answer.
const ANSWER: usize = 64 << 20;

/// Why there is no answer that is any good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// How the command ends for it.
    pub outcome: Outcome,
    /// What happened.
    pub message: String,
    /// The fields at fault.
    pub details: Vec<Detail>,
    /// Whether it may pass.
    pub passes: bool,
}

impl Trouble {
    /// What is asked for can't be.
    pub fn wrong(message: String) -> Self {
        Self { outcome: Outcome::Refused, message, details: Vec::new(), passes: false }
    }

    /// Nobody answers.
    pub fn silent(message: String) -> Self {
        Self { outcome: Outcome::Unreachable, message, details: Vec::new(), passes: true }
    }
}

/// A Pilothouse, and the token that it is asked with.
pub struct Client {
    host: String,
    port: u16,
    authority: Authority,
    key: Secret,
    tls: Option<TlsConnector>,
}

impl Client {
    /// Fails when the address is none, or there are no certificates to trust.
    pub fn new(url: &str, key: Secret, authorities: Option<&Path>) -> Result<Self, Trouble> {
        let wrong = || Trouble::wrong(format!("'{url}' isn't the address of a Pilothouse, such as https://pilothouse.example.org"));
        let uri: Uri = url.trim_end_matches('/').parse().map_err(|_| wrong())?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(wrong)?.clone();
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong());
        }
        let is_tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(wrong()),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let tls = is_tls.then(|| connector(authorities)).transpose()?;
        Ok(Self { host, port, authority, key, tls })
    }

    /// Whether others can read what is sent.
    pub fn tells_all(&self) -> bool {
        let is_here = self.host == "localhost" || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        self.tls.is_none() && !is_here
    }

    /// The whole address of a path.
    pub fn address(&self, path: &str) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.authority)
    }

    /// Asks for something.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// Has something done.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Trouble> {
        let body = serde_json::to_vec(body).map_err(|error| Trouble::wrong(format!("it can't be sent: {error}")))?;
        self.ask(Method::POST, path, body.into()).await
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> Result<T, Trouble> {
        let answer = tokio::time::timeout(PATIENCE, self.exchange(method, path, body)).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("there was no answer within {} seconds", PATIENCE.as_secs())));
        let (status, body) = answer.map_err(|why| Trouble::silent(format!("{} can't be reached: {why}", self.address(""))))?;
        if status.is_success() {
            let strange =
                |error| Trouble { passes: false, ..Trouble::silent(format!("{} answers what can't be read: {error}", self.address(""))) };
            return serde_json::from_slice(&body).map_err(strange);
        }
        let Ok(error) = serde_json::from_slice::<ErrorBody>(&body) else {
            let message = format!("{} answers {status}, and not as Pilothouse does", self.address(""));
            return Err(Trouble { passes: status.is_server_error(), ..Trouble::silent(message) });
        };
        let passes = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        let outcome = if passes { Outcome::Unreachable } else { Outcome::Refused };
        let message = match status {
            StatusCode::UNAUTHORIZED => {
                "the token is not valid or has expired; make an API token with the scope deploy in the settings of Pilothouse".into()
            }
            _ => error.message,
        };
        Err(Trouble { outcome, message, details: error.details, passes })
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Result<(StatusCode, Bytes), String> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|error| error.to_string())?;
        let _ = stream.set_nodelay(true);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.authority.as_str())
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key.reveal()))
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("pilothouse/", env!("CARGO_PKG_VERSION")));
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        let Some(tls) = &self.tls else { return exchanged(stream, request).await };
        let name = ServerName::try_from(self.host.clone()).map_err(|error| error.to_string())?;
        exchanged(tls.connect(name, stream).await.map_err(|error| error.to_string())?, request).await
    }
}

async fn exchanged<S>(stream: S, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    // It ends with the connection, which ends with the sender.
    let driven = tokio::spawn(connection);
    let answer = async {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER).collect().await.map_err(|error| error.to_string())?;
        Ok((status, body.to_bytes()))
    };
    let answer = answer.await;
    driven.abort();
    answer
}

/// Trusts the certificates of a file, or those of the system.
fn connector(authorities: Option<&Path>) -> Result<TlsConnector, Trouble> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(file) => {
            let unreadable = |error| Trouble::wrong(format!("the certificates of {} can't be read: {error}", file.display()));
            for certificate in CertificateDer::pem_file_iter(file).map_err(|error| unreadable(format!("{error:?}")))? {
                let certificate = certificate.map_err(|error| unreadable(format!("{error:?}")))?;
                roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
            }
        }
        None => _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
    }
    if roots.is_empty() {
        let place = authorities.map_or_else(|| "the system".to_owned(), |file| file.display().to_string());
        return Err(Trouble::wrong(format!("{place} has no certificates to trust; give a file with some by --ca-file")));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions();
    let config = config.map_err(|error| Trouble::wrong(error.to_string()))?.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use api::Secret;

    use super::Client;

    #[test]
    fn an_address_is_a_scheme_a_host_and_maybe_a_port() {
        let client = |url: &str| Client::new(url, Secret::new("k"), None);
        for (url, address, tells_all) in [
            ("http://127.0.0.1:7700", "http://127.0.0.1:7700/x", false),
            ("http://localhost/", "http://localhost/x", false),
            ("http://[::1]:7700", "http://[::1]:7700/x", false),
            ("http://pilot.example", "http://pilot.example/x", true),
        ] {
            let Ok(client) = client(url) else { panic!("{url} is an address") };
            assert_eq!((client.address("/x").as_str(), client.tells_all()), (address, tells_all));
        }
        for url in ["", "pilot.example", "ftp://a", "http://", "http://a/b", "http://a?b", "http://me@a", "unix:/x"] {
            assert!(client(url).is_err(), "{url}");
        }
    }
}
