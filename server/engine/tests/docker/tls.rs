//! An engine that is reached over TLS, where both sides show a certificate: the real one, behind what ends the encryption.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::runtime::conformance::until;
use engine::runtime::docker::DockerRuntime;
use engine::runtime::{Observation, Runtime};
use engine::testing::{StoreKind, TestStore};
use engine::{Clock, DockerHost};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::{Foreign, House, WAIT, host, is_running};

/// Who signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    fn sign(&self, names: &[&str], purpose: ExtendedKeyUsagePurpose) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// What an engine's client has in its folder: whom it trusts, and who it is.
    fn client(&self, trusted: &Self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = self.sign(&[], ExtendedKeyUsagePurpose::ClientAuth);
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        write("ca.pem", trusted.certificate.pem());
        write("cert.pem", certificate.pem());
        write("key.pem", key.serialize_pem());
        folder
    }

    /// Takes connections of whom it has signed and passes them on to the engine; answers the address.
    async fn serve(&self) -> String {
        let (certificate, key) = self.sign(&["127.0.0.1"], ExtendedKeyUsagePurpose::ServerAuth);
        let (provider, mut roots) = (Arc::new(default_provider()), RootCertStore::empty());
        roots.add(self.certificate.der().clone()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = config.with_client_cert_verifier(clients).with_single_cert(vec![certificate.der().clone()], key).unwrap();
        let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut near) = acceptor.accept(stream).await else { return };
                    let engine = host();
                    let mut far = UnixStream::connect(engine.strip_prefix("unix://").unwrap()).await.unwrap();
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        address
    }
}

async fn store(address: &str, certificates: &Path) -> TestStore {
    let mut store = TestStore::new(StoreKind::Sqlite).await;
    store.config.docker = DockerHost::At { address: address.into(), certificates: Some(certificates.to_owned()) };
    store
}

#[tokio::test]
async fn an_engine_over_tls_is_as_good_as_one_at_a_socket() {
    let authority = Authority::new();
    let (address, certificates) = (authority.serve().await, authority.client(&authority));
    let house = House::on(store(&address, certificates.path()).await).await;
    let steady = Foreign::run(&[], &format!("echo over the wire; {WAIT}"));
    let id = house.adopt(&steady.0);
    until(house.as_ref(), id, is_running).await;
    house.until_lines(id, &["over the wire"]).await;
    assert!(house.stats(id).await.unwrap().unwrap().usage.memory_bytes.unwrap() > 0);
    house.stop(id, Duration::from_secs(5)).await.unwrap();
    until(house.as_ref(), id, |seen| matches!(seen, Observation::Ended(_))).await;
}

#[tokio::test]
async fn who_is_not_signed_by_the_other_s_authority_is_not_spoken_with() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let address = authority.serve().await;
    let empty = tempfile::tempdir().unwrap();
    let wrong = [stranger.client(&authority), authority.client(&stranger), empty];
    for certificates in wrong {
        let store = store(&address, certificates.path()).await;
        let core = store.core(Clock::System).await;
        let runtime = DockerRuntime::new(core.clone());
        runtime.spawn();
        let deadline = Instant::now() + Duration::from_secs(30);
        let why = loop {
            match runtime.probe().await {
                Err(error) if error.message.contains("can't be reached") => break error.message,
                other => assert!(Instant::now() < deadline && other.is_err(), "{other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert!(why.contains(&address) && why.contains("certificates"), "{why}");
        core.shutdown.cancel();
        core.tasks.close();
        core.tasks.wait().await;
    }
}
