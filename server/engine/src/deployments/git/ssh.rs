//! SSH, as Git speaks it: the program `ssh`, which reads no settings but these. The private key is in memory only, where a file of this process is one
//! that `ssh` can open: nothing is left of it when Pilothouse is killed.

use std::fs::File;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use api::{Repository, Ssh};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::{MemfdFlags, Mode, fchmod, memfd_create};

use super::{Failure, Stop};

/// What `ssh` reads for one command. It has to be kept as long as that runs.
pub struct Files {
    settings: File,
    _key: File,
    _known: Option<File>,
}

impl Files {
    /// Writes them: for `to`, which is at `address`, with that private key. `known` is where the keys of servers are remembered, for those of which none
    /// was told.
    pub fn new(repository: &Repository, to: Ssh<'_>, address: IpAddr, key: &str, known: &Path) -> io::Result<Self> {
        // What was pasted may have the line ends of another system, and lack the last one, which OpenSSH wants.
        let key = file(&format!("{}\n", key.trim().replace("\r\n", "\n")))?;
        let alias = if to.port == 22 { to.host.to_owned() } else { format!("[{}]:{}", to.host, to.port) };
        let told = repository.host_keys().map(|keys| keys.iter().map(|(kind, key)| format!("{alias} {kind} {key}\n")).collect::<String>());
        let told = told.map(|told| file(&told)).transpose()?;
        let (strict, known) = match &told {
            Some(file) => ("yes", place(file)),
            None => ("accept-new", known.to_owned()),
        };
        let settings = [
            ("HostName", address.to_string()),
            ("HostKeyAlias", alias),
            ("StrictHostKeyChecking", strict.to_owned()),
            ("UserKnownHostsFile", quoted(&known)),
            ("IdentityFile", quoted(&place(&key))),
        ];
        let settings: String = settings.iter().map(|(name, value)| format!("{name} {value}\n")).collect();
        Ok(Self { settings: file(&format!("{settings}{SETTINGS}"))?, _key: key, _known: told })
    }

    /// The setting of Git that has it run `ssh` with them: a line of a shell.
    pub fn setting(&self) -> String {
        format!("core.sshCommand=ssh -F {}", place(&self.settings).display())
    }
}

/// Nobody is asked anything, nothing but the key says who asks, and a server gets at nothing else.
const SETTINGS: &str = "\
BatchMode yes
CheckHostIP no
ClearAllForwardings yes
ConnectTimeout 30
ControlMaster no
ControlPath none
ForwardAgent no
GlobalKnownHostsFile /dev/null
HashKnownHosts no
IdentitiesOnly yes
IdentityAgent none
LogLevel ERROR
PermitLocalCommand no
PreferredAuthentications publickey
ServerAliveCountMax 3
ServerAliveInterval 20
UpdateHostKeys no
";

/// Whether a private key has a passphrase: `ssh` passes over such a one without a word when it may ask nobody. The formats are those of `PROTOCOL.key` of
/// OpenSSH, and PEM.
pub fn has_passphrase(key: &str) -> bool {
    const MAGIC: &[u8] = b"openssh-key-v1\0";
    const NONE: &[u8] = b"\0\0\0\x04none";
    let body: String = key.lines().map(str::trim).filter(|line| !line.starts_with('-')).collect();
    let is_encrypted = || Some(!STANDARD.decode(body).ok()?.strip_prefix(MAGIC)?.starts_with(NONE));
    key.contains("ENCRYPTED") || is_encrypted().unwrap_or(false)
}

/// A file in memory that only who runs Pilothouse can read.
fn file(text: &str) -> io::Result<File> {
    let file = memfd_create("pilothouse-git", MemfdFlags::CLOEXEC)?;
    fchmod(&file, Mode::RUSR | Mode::WUSR)?;
    let mut file = File::from(file);
    file.write_all(text.as_bytes())?;
    Ok(file)
}

/// Where another process opens it.
fn place(file: &File) -> PathBuf {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into()
}

/// A path as a setting of `ssh` has it, which takes `%` for the beginning of something else.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%"))
}

/// That a secret is no key to ask with.
pub fn unusable(repository: &Repository, why: &str) -> Stop {
    let error = format!("the secret for {} isn't a private key that can be used: {why}", repository.url);
    let suggestion = "save one without a passphrase, such as ssh-keygen -t ed25519 -N '' makes, all lines of it".to_owned();
    Failure { error, suggestion: Some(suggestion), lines: Vec::new() }.into()
}

/// Why a command failed, when it is for something that SSH says, with what to do. `known` is where keys of servers are remembered.
pub fn explained(repository: &Repository, said: &[String], known: &Path) -> Option<Stop> {
    let find = |words: &[&str]| said.iter().rev().find(|line| words.iter().any(|words| line.contains(words))).map(|line| line.trim());
    let at = &repository.url;
    let away = [
        "Could not resolve hostname",
        "Connection refused",
        "Connection timed out",
        "Connection reset",
        "No route to host",
        "Network is unreachable",
        "kex_exchange_identification",
        "Connection closed by",
    ];
    let (error, suggestion) = if let Some(line) = find(&["Load key", "invalid format", "error in libcrypto"]) {
        // Where the key is says nothing to anybody.
        return Some(unusable(repository, line.rsplit_once(": ").map_or(line, |(_, why)| why)));
    } else if let Some(line) = find(&["Permission denied ("]) {
        (
            format!("{at} doesn't take the key: {line}"),
            "give the public key that belongs to it to the repository, as a deploy key, or to an account that may read it".to_owned(),
        )
    } else if find(&["IDENTIFICATION HAS CHANGED", "Host key verification failed", "host key is known"]).is_some() {
        let (than, instead) = match repository.host_key {
            Some(_) => ("any of those in the settings of the service", "give it there".to_owned()),
            None => ("it had before", format!("give it in the settings of the service, or remove the old one from {}", known.display())),
        };
        (
            format!("the server of {at} has another key than {than}: it may be somebody else's"),
            format!("ask whoever runs it whether its key is a new one; when it is, {instead}"),
        )
    } else if find(&["cannot run ssh", "ssh: not found", "ssh: command not found"]).is_some() {
        let suggestion = "install it on the machine of Pilothouse (Debian: apt install openssh-client), then deploy it again";
        ("git can't run the program ssh".to_owned(), suggestion.to_owned())
    } else {
        let line = find(&away)?;
        return Some(Stop::Again(api::Error::unavailable(format!("{at} can't be reached: {line}"))));
    };
    Some(Failure { error, suggestion: Some(suggestion), lines: Vec::new() }.into())
}
