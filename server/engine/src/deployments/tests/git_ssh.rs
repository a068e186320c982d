//! Releases of Git repositories that are asked over SSH, of OpenSSH's own server.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use api::ports::{Secrets as _, Services as _};
use api::{NewDeployment, NewSecret, Repository, Secret, ServicePatch};
use walkdir::WalkDir;

use super::Yard;
use super::git::{Server, commit, failed, new};
use crate::on_each_store;
use crate::services::tests::Life;

/// A server that takes one key, and is ended with the test.
struct Sshd {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a pair of keys; answers the private and the public one.
fn keys(at: &Path, passphrase: &str) -> (String, String) {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-C", "", "-N", passphrase, "-f"]).arg(at).status();
    assert!(made.expect("ssh-keygen").success());
    let read = |path: &Path| fs::read_to_string(path).expect("a key");
    (read(at), read(&at.with_extension("pub")))
}

impl Sshd {
    fn begin(folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).expect("a folder");
        // What root runs wants it, and nobody else may make it.
        let _ = fs::create_dir_all("/run/sshd");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let at = |name: &str| folder.join(name).display().to_string();
        let settings = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n",
            at("host"),
            at("authorized")
        );
        fs::write(folder.join("settings"), settings).expect("its settings");
        let child = Self::start(&folder, port, "host-1");
        Self { child, port, folder }
    }

    /// Starts it with a key of its own, which is kept by that name.
    fn start(folder: &Path, port: u16, name: &str) -> Child {
        keys(&folder.join(name), "");
        fs::copy(folder.join(name), folder.join("host")).expect("its key");
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f"]).arg(folder.join("settings")).stdin(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("sshd");
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "sshd doesn't listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        child
    }

    fn start_with_another_key(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("it ends");
        self.child = Self::start(&self.folder, self.port, "host-2");
    }

    fn public(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name).with_extension("pub")).expect("a key")
    }

    fn repository(&self, folder: &Path) -> Repository {
        let who = Command::new("id").arg("-un").output().expect("id").stdout;
        let who = String::from_utf8(who).expect("a name");
        let url = format!("ssh://{}@127.0.0.1:{}{}", who.trim(), self.port, folder.display());
        Repository { url, secret: Some("git.key".into()), ..Repository::default() }
    }
}

on_each_store! {
    async fn a_repository_is_fetched_over_ssh_from_the_server_that_was_asked_first(test: TestStore) {
        let mut test = test;
        let mut sshd = Sshd::begin(test.folder().join("sshd"));
        let server = Server::begin(test.folder().join("git"));
        server.make("shop");
        let life = Life::begin(&mut test, &[]).await;
        let accounts = crate::auth::Manager::new(life.core.clone());
        let secrets = crate::secrets::Manager::open(life.core.clone(), accounts).await.expect("they are read");
        let admin = life.admin.clone();
        let set = async |value: &str| {
            let new = NewSecret { value: Some(Secret::new(value)), ..NewSecret::default() };
            secrets.put(&admin, "git.key".parse().expect("a name"), new).await.expect("it is set");
        };
        let (key, public) = keys(&sshd.folder.join("key"), "");
        fs::write(sshd.folder.join("authorized"), public).expect("it is let in");
        set(&key).await;
        let shop = sshd.repository(&server.root.join("shop"));
        let made = life.services.create(&life.admin, new(shop.clone())).await.expect("it is made");
        let yard = Yard::on(life, made.service.id, test.folder().to_owned()).await;
        let change = async |repository: Repository| {
            let patch = ServicePatch { repository: Some(repository), ..ServicePatch::default() };
            yard.life.services.change(&yard.life.admin, yard.id, patch).await.expect("it is changed");
        };
        let fails = async |words: &str| {
            let failed = failed(&yard, NewDeployment::default()).await;
            assert!(failed.error.as_deref().is_some_and(|error| error.contains(words)), "{words}: {failed:#?}");
            failed
        };

        let first = yard.deployed().await;
        assert_eq!(commit(&first).id, server.git("shop", &["rev-parse", "HEAD"]));
        assert!(yard.launched().0.join("main.py").is_file());
        let known = fs::read_to_string(yard.life.core.config.data_dir.join("known_hosts")).expect("it is remembered");
        assert!(known.starts_with(&format!("[127.0.0.1]:{} ssh-ed25519 ", sshd.port)), "{known}");
        let line = key.lines().nth(1).expect("a line of the key").as_bytes();
        for entry in WalkDir::new(&yard.life.core.config.data_dir) {
            let content = fs::read(entry.expect("an entry").path()).unwrap_or_default();
            assert!(!content.windows(line.len()).any(|part| part == line), "the key is in a file");
        }

        // Somebody else in its place is refused until that is said to be right, and so is who isn't one of those that were told.
        sshd.start_with_another_key();
        let changed = fails("has another key than it had before").await;
        assert!(changed.suggestion.as_deref().is_some_and(|advice| advice.contains("known_hosts")), "{changed:#?}");
        change(Repository { host_key: Some(sshd.public("host-1")), ..shop.clone() }).await;
        fails("has another key than any of those in the settings").await;
        let both = format!("# of both\r\n127.0.0.1 {}\r\n{}", sshd.public("host-1").trim(), sshd.public("host-2"));
        let told = Repository { host_key: Some(both), ..shop.clone() };
        change(told.clone()).await;
        yard.deployed().await;

        // As a browser sends it.
        set(key.trim().replace('\n', "\r\n").as_str()).await;
        yard.deployed().await;
        for (name, passphrase, words) in [("other", "", "doesn't take the key"), ("closed", "a passphrase", "isn't a private key that can be used")] {
            set(&keys(&sshd.folder.join(name), passphrase).0).await;
            fails(words).await;
        }
        set("no key").await;
        fails("isn't a private key that can be used").await;
        set(&key).await;
        // A name is looked up once, and the keys are those of the name.
        change(Repository { url: shop.url.replace("127.0.0.1", "localhost"), ..told.clone() }).await;
        yard.deployed().await;
        let url = format!("{}/nothing", shop.url);
        change(Repository { url, ..told }).await;
        fails("there is no repository at").await;
        yard.life.end().await;
    }
}
