//! Git repositories: which commit a branch or a tag is now, and its files. What Git does is left to the program `git`, which is told to run nothing
//! and to read no settings but these.

mod ssh;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::{Commit, ReleaseId, Repository, Result, SecretPart, Timestamp, is_commit_id};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use walkdir::WalkDir;

use super::run::{Failure, Stop};
use crate::Core;
use crate::runtime::process::{Aside, How};
use crate::secrets::Vault;
use crate::services::{Inherited, blocking};

/// How long Git may take to say what a repository has.
const ASK: Duration = Duration::from_secs(60);
/// How long it may take to fetch a commit.
const FETCH: Duration = Duration::from_secs(900);
/// How long it may take to write its files.
const WRITE: Duration = Duration::from_secs(300);
/// How long one of several addresses of a server of SSH may take to answer.
const REACH: Duration = Duration::from_secs(5);
/// Between looks at how much has been fetched.
const LOOK: Duration = Duration::from_secs(2);
/// Characters of the first line of what was written to a commit.
const SUBJECT: usize = 200;
/// What Git is told each time: nothing of the system's or a person's settings counts, it asks nobody, goes to no other address, and runs no program
/// but its own.
const SETTINGS: [&str; 10] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.sshCommand=false",
    "credential.helper=",
    "gc.auto=0",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
    "submodule.recurse=false",
    "advice.detachedHead=false",
];

/// Fetches from repositories.
#[derive(Clone)]
pub(super) struct Git {
    /// Where the files of commits are put.
    folder: PathBuf,
    /// Where the keys of servers are remembered that were asked over SSH.
    known: PathBuf,
    /// The most bytes that a commit may take on the disk while it is fetched, with what Git keeps beside its files.
    most: u64,
    inherited: BTreeMap<String, String>,
    secrets: Vault,
}

/// Hears what Git does.
type Told<'t> = &'t mut (dyn FnMut(String) + Send);

impl Git {
    /// One that puts files below `folder`.
    pub fn new(core: &Core, folder: PathBuf) -> Self {
        let inherited = Inherited::of_process().for_services().clone();
        let known = core.config.data_dir.join("known_hosts");
        Self { folder, known, most: core.config.fetch_limit, inherited, secrets: Vault::of(core) }
    }

    /// The id of the commit that is deployed of a repository now, and the branch or the tag that it is.
    ///
    /// # Errors
    /// With what Git said, and what to do about it.
    pub async fn find(&self, repository: &Repository) -> Result<(String, Option<String>), Stop> {
        let wanted = repository.reference.as_deref();
        if let Some(id) = wanted.filter(|id| is_commit_id(id)) {
            return Ok((id.to_ascii_lowercase(), None));
        }
        let patterns = wanted.map_or_else(|| vec!["HEAD".to_owned()], |name| references(name).into());
        let symbolic = wanted.is_none().then(|| "--symref".to_owned());
        let args =
            ["ls-remote".to_owned()].into_iter().chain(symbolic).chain(["--".into(), repository.url.clone()]).chain(patterns.clone());
        let mut lines = Vec::new();
        self.run(Some(repository), args.collect(), Path::new("/"), ASK, &mut |line| lines.push(line)).await?;
        // Each line is an id and what has it, and the tab between them isn't told.
        let ids = lines.iter().filter_map(|line| Some(line.split_at(line.find(|c: char| !c.is_ascii_hexdigit())?)));
        let ids: BTreeMap<&str, &str> = ids.filter(|(id, _)| is_commit_id(id)).map(|(id, name)| (name, id)).collect();
        let own = lines.iter().find_map(|line| line.strip_prefix("ref: refs/heads/")?.strip_suffix("HEAD"));
        let found = patterns.iter().find_map(|name| ids.get(name.as_str()));
        match found {
            Some(id) => Ok(((*id).to_owned(), wanted.or(own).map(String::from))),
            None => Err(Failure {
                error: match wanted {
                    Some(name) => format!("{} has neither a branch nor a tag '{name}'", repository.url),
                    None => format!("{} has no commit yet", repository.url),
                },
                suggestion: Some(
                    "look at the name of the branch in the settings of the service; a commit is named by all of its 40 digits".into(),
                ),
                lines: Vec::new(),
            }
            .into()),
        }
    }

    /// Puts the files of a commit where [`Git::tree`] says, anew each time. A repository that doesn't give the commit alone is fetched whole.
    ///
    /// # Errors
    /// With what Git said, and what to do about it.
    pub async fn fetch(
        &self,
        repository: &Repository,
        id: &str,
        reference: Option<&str>,
        release: ReleaseId,
        told: Told<'_>,
    ) -> Result<Commit, Stop> {
        let tree = self.tree(release);
        let (parent, made) = (self.folder.clone(), tree.clone());
        let make = move || {
            use std::os::unix::fs::DirBuilderExt;
            super::files::remove(&made)?;
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)
        };
        blocking(make).await?.map_err(|error| Failure::new(format!("{} can't be made: {error}", tree.display())))?;
        let place = tree.display().to_string();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        // Nothing is taken of the templates of this machine.
        self.run(None, words(&["init", "--quiet", "--template=", "--", &place]), &self.folder, WRITE, &mut |_| {}).await?;
        let fetched = async {
            told(format!("fetching the commit {id}"));
            let one = words(&["fetch", "--progress", "--no-tags", "--depth=1", "--", &repository.url, id]);
            let Err(stop) = self.run(Some(repository), one, &tree, FETCH, told).await else { return Ok(()) };
            let Stop::Failed(why) = stop else { return Err(stop) };
            told(format!("the commit can't be had alone ({}); fetching all of the repository", why.error));
            let all =
                words(&["fetch", "--progress", "--", &repository.url, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]);
            self.run(Some(repository), all, &tree, FETCH, told).await
        };
        self.within(&tree, fetched).await?;
        let named = format!("{id}^{{commit}}");
        if self.run(None, words(&["cat-file", "-e", &named]), &tree, ASK, &mut |_| {}).await.is_err() {
            let failure = Failure::new(format!("no branch or tag of {} has the commit {id}", repository.url));
            return Err(failure.into());
        }
        let written = self.run(None, words(&["checkout", "--quiet", "--force", "--detach", id]), &tree, WRITE, told);
        self.within(&tree, written).await?;
        let mut lines = Vec::new();
        let show = words(&["log", "-1", "--no-show-signature", "--format=%ct%n%an%n%s", id]);
        self.run(None, show, &tree, ASK, &mut |line| lines.push(line)).await?;
        for (file, what) in [(".gitmodules", "submodules"), (".lfsconfig", "files of Git LFS")] {
            if tree.join(file).is_file() {
                told(format!("{what} of the repository aren't fetched"));
            }
        }
        let mut lines = lines.into_iter();
        let seconds = lines.next().and_then(|line| line.trim().parse::<i64>().ok());
        let mut line = || lines.next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(SUBJECT).collect::<String>();
        let (author, subject) = (line(), line());
        let committed_at = seconds.and_then(|seconds| seconds.checked_mul(1_000_000)).map(Timestamp::from_micros);
        Ok(Commit { id: id.to_owned(), reference: reference.map(String::from), subject, author, committed_at })
    }

    /// Does something that puts files below `tree`, and ends it when they are more than may be.
    async fn within(&self, tree: &Path, does: impl Future<Output = Result<(), Stop>>) -> Result<(), Stop> {
        let size = async || -> Result<u64, Stop> {
            let tree = tree.to_owned();
            Ok(blocking(move || size(&tree)).await?)
        };
        let fills = async {
            loop {
                tokio::time::sleep(LOOK).await;
                let taken = size().await;
                if !taken.as_ref().is_ok_and(|taken| *taken <= self.most) {
                    return taken;
                }
            }
        };
        let taken = tokio::select! {
            done = does => {
                done?;
                size().await?
            }
            taken = fills => taken?,
        };
        if taken <= self.most {
            return Ok(());
        }
        let error = format!("what is fetched takes more than {} MiB of the disk, which is more than may be", self.most >> 20);
        let suggestion = "leave what is large out of the repository, such as builds and data, also out of its older commits".to_owned();
        Err(Failure { error, suggestion: Some(suggestion), lines: Vec::new() }.into())
    }

    /// Where the files of the commit of a release are put.
    pub fn tree(&self, release: ReleaseId) -> PathBuf {
        self.folder.join(release.to_string())
    }

    /// Removes what was fetched for a release.
    pub async fn remove(&self, release: ReleaseId) {
        let tree = self.tree(release);
        let removed = blocking(move || super::files::remove(&tree)).await;
        if let Ok(Err(error)) = removed {
            tracing::warn!(%error, %release, "commit_not_removed");
        }
    }

    /// Runs Git; `told` hears what it writes. What asks a repository gets its address checked and its secret.
    async fn run(&self, asked: Option<&Repository>, args: Vec<String>, at: &Path, limit: Duration, told: Told<'_>) -> Result<(), Stop> {
        let mut command = vec!["git".to_owned()];
        let mut environment = self.inherited.clone();
        let own = [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", "true"),
            ("GIT_ALLOW_PROTOCOL", "http:https"),
            ("GIT_CEILING_DIRECTORIES", "/"),
            ("LC_ALL", "C.UTF-8"),
        ];
        environment.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        // So that no `.netrc` is read.
        environment.insert("HOME".into(), self.folder.display().to_string());
        let mut settings = SETTINGS.map(String::from).to_vec();
        let mut files = None;
        if let Some((repository, to)) = asked.and_then(|repository| Some((repository, repository.ssh()?))) {
            let address = reachable(addresses(to.host, to.port).await?, to.port).await;
            let address = address.ok_or_else(|| api::Error::unavailable(format!("the computer '{}' isn't found", to.host)))?;
            let key = self.secret(repository).await?.unwrap_or_default();
            if ssh::has_passphrase(&key) {
                return Err(ssh::unusable(repository, "it has a passphrase"));
            }
            let written = ssh::Files::new(repository, to, address, &key, &self.known);
            let written = written.map_err(|error| Failure::new(format!("the settings of ssh can't be written: {error}")))?;
            settings.extend([written.setting(), "ssh.variant=ssh".to_owned()]);
            environment.insert("GIT_ALLOW_PROTOCOL".into(), "ssh".into());
            files = Some(written);
        } else if let Some(repository) = asked {
            settings.extend(pinned(repository, &environment).await?);
            // Never among the arguments, which everybody on this machine can read.
            if let Some(header) = self.header(repository).await? {
                environment.insert("GIT_CONFIG_COUNT".into(), "1".into());
                environment.insert("GIT_CONFIG_KEY_0".into(), format!("http.{}.extraHeader", repository.url));
                environment.insert("GIT_CONFIG_VALUE_0".into(), header);
            }
        }
        command.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
        command.extend(args);
        let aside = Aside { user: None, command, working_dir: at.to_owned(), environment };
        let ran = aside.run_told(limit, told).await;
        drop(files);
        let said = || ran.output.iter().filter(|line| !line.trim().is_empty()).cloned().collect::<Vec<_>>();
        match ran.how {
            How::Code(0) => Ok(()),
            How::Code(_) => {
                let over_ssh = asked.filter(|repository| repository.ssh().is_some());
                Err(over_ssh
                    .and_then(|repository| ssh::explained(repository, &said(), &self.known))
                    .unwrap_or_else(|| explained(asked, said())))
            }
            How::Signal(signal) => Err(Failure::new(format!("git was ended by signal {signal}")).into()),
            How::TimedOut => Err(api::Error::new(api::ErrorCode::TimedOut, format!("git took more than {} s", limit.as_secs())).into()),
            How::NotStarted(why) => Err(Failure {
                error: format!("git can't be run: {why}"),
                suggestion: Some("install git on the machine of Pilothouse (Debian: apt install git), then deploy it again".into()),
                lines: Vec::new(),
            }
            .into()),
        }
    }

    /// What says who asks.
    async fn header(&self, repository: &Repository) -> Result<Option<String>, Stop> {
        let Some(token) = self.secret(repository).await? else { return Ok(None) };
        let user = repository.user.as_deref().unwrap_or("git");
        Ok(Some(format!("Authorization: Basic {}", STANDARD.encode(format!("{user}:{}", token.trim())))))
    }

    /// The value of the secret that a repository names.
    async fn secret(&self, repository: &Repository) -> Result<Option<String>, Stop> {
        let Some(name) = &repository.secret else { return Ok(None) };
        let reference = format!("${{secret:{name}}}");
        debug_assert!(matches!(api::secret_parts(&reference)[..], [SecretPart::Reference(_)]));
        Ok(Some(self.secrets.resolve(&reference).await?))
    }
}

/// The bytes of all files below a folder; what goes meanwhile has none.
fn size(folder: &Path) -> u64 {
    let files = WalkDir::new(folder).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file());
    files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}

/// What a name may stand for, the likeliest first. An annotated tag is an object of its own, and `^{}` the commit that it is of.
fn references(name: &str) -> [String; 3] {
    [format!("refs/heads/{name}"), format!("refs/tags/{name}^{{}}"), format!("refs/tags/{name}")]
}

/// The setting that lets Git go to the address that was looked at, and no other: none may be one that only this machine or its cloud has.
async fn pinned(repository: &Repository, environment: &BTreeMap<String, String>) -> Result<Option<String>, Stop> {
    let host = repository.host().unwrap_or_default();
    let is_tls = repository.url.starts_with("https://");
    let proxies = if is_tls {
        ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    } else {
        ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
    };
    if proxies.iter().any(|name| environment.get(*name).is_some_and(|value| !value.is_empty())) {
        // Whoever runs the proxy says what it leads to.
        return Ok(None);
    }
    let written = repository.url.split("://").nth(1).and_then(|rest| rest.split('/').next()).and_then(|place| place.rsplit_once(':'));
    let port = written.and_then(|(_, port)| port.parse().ok()).unwrap_or(if is_tls { 443_u16 } else { 80 });
    let addresses = addresses(host, port).await?;
    if host.parse::<IpAddr>().is_ok() {
        return Ok(None);
    }
    let all: Vec<String> =
        addresses.iter().map(|address| if address.is_ipv6() { format!("[{address}]") } else { address.to_string() }).collect();
    Ok(Some(format!("http.curloptResolve={host}:{port}:{}", all.join(","))))
}

/// The addresses of a computer, none of them one that a repository can't be at.
async fn addresses(host: &str, port: u16) -> Result<Vec<IpAddr>, Stop> {
    let found = tokio::net::lookup_host((host, port)).await;
    let found = found.map_err(|error| api::Error::unavailable(format!("the computer '{host}' isn't found: {error}")))?;
    let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    match addresses.iter().find(|address| is_closed(**address)) {
        Some(address) => Err(Failure::new(format!("'{host}' is {address}, an address that a repository can't be at")).into()),
        None => Ok(addresses),
    }
}

/// The first of several addresses that answers, since `ssh` is let go to one; the first of all when none does, so that it says why.
async fn reachable(addresses: Vec<IpAddr>, port: u16) -> Option<IpAddr> {
    for address in addresses.iter().filter(|_| addresses.len() > 1) {
        if matches!(tokio::time::timeout(REACH, tokio::net::TcpStream::connect((*address, port))).await, Ok(Ok(_))) {
            return Some(*address);
        }
    }
    addresses.first().copied()
}

/// Whether an address is one at which clouds give away what their machines may do, or no computer's at all.
fn is_closed(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(four) => four.is_link_local() || four.is_unspecified() || four.is_multicast() || four.is_broadcast(),
        IpAddr::V6(six) => six.is_unicast_link_local() || six.is_unspecified() || six.is_multicast(),
    }
}

/// Why Git failed, in words, with what to do.
fn explained(asked: Option<&Repository>, said: Vec<String>) -> Stop {
    let all = said.join("\n");
    let has = |words: &[&str]| words.iter().any(|words| all.contains(words));
    let at = asked.map_or("", |repository| repository.url.as_str());
    let last = said.iter().rev().find(|line| line.starts_with("fatal:") || line.starts_with("error:")).or(said.last());
    let last = last.map_or("it said nothing", |line| line.trim_start_matches("fatal: ").trim_start_matches("error: "));
    if has(&[
        "Could not resolve",
        "Failed to connect",
        "Connection refused",
        "Couldn't connect",
        "Connection timed out",
        "returned error: 5",
        "Operation too slow",
        "Empty reply",
    ]) {
        return Stop::Again(api::Error::unavailable(format!("{at} can't be reached: {last}")));
    }
    let closed =
        has(&["Authentication failed", "could not read Username", "could not read Password", "returned error: 401", "returned error: 403"]);
    let (error, suggestion) = if closed && asked.is_some_and(|repository| repository.secret.is_some()) {
        (
            format!("{at} doesn't take the secret: {last}"),
            "look whether the token has expired or may read the repository, and set the secret anew",
        )
    } else if closed {
        (
            format!("{at} isn't open to everybody: {last}"),
            "save an access token as a secret, and name that in the repository of the service",
        )
    } else if has(&["not found", "returned error: 404", "does not appear to be a git repository"]) {
        let hint = "look at its address; a private repository that no secret is given for looks as if it weren't there";
        (format!("there is no repository at {at}: {last}"), hint)
    } else if has(&["returned error: 30", "unable to update url base"]) {
        (format!("{at} leads to another address, which isn't followed: {last}"), "give the address that the repository has now")
    } else if has(&["No space left"]) {
        (format!("the disk with the data folder is full: {last}"), "free some space there, then deploy it again")
    } else {
        (format!("git failed: {last}"), "see the lines above for what git said")
    };
    Failure { error, suggestion: Some(suggestion.into()), lines: Vec::new() }.into()
}
