//! Git repositories that releases are made of.

use serde::{Deserialize, Serialize};

use crate::{Detail, SecretName, Timestamp};

/// A Git repository, and what of it a service is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// Its address, at most 500 characters: `https://git.example/shop/orders.git` without a name or a password in it (or `http`, where nothing secret is
    /// sent), or `git@git.example:shop/orders.git`, which is also written `ssh://git@git.example:22/shop/orders.git`.
    pub url: String,
    /// The branch or the tag that is deployed, or the whole id of a commit (40 or 64 hexadecimal digits); none is the branch that the repository has as
    /// its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The folder in it that the service is; none is all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The user name that goes with the secret; none is `git`, which GitHub, GitLab and Gitea take with a token. With SSH it is a part of the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The name of the secret with the password or the access token; none for what everybody may read. With SSH it is the private key, which has no
    /// passphrase, and there has to be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// With SSH: the keys that the server may have, one a line, as `ssh-keyscan` prints them or as `ssh-ed25519 AAAA..`; at most 8,000 characters. None takes
    /// the one that it has when it is asked first, and no other later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
}

/// Whom an address asks over SSH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ssh<'a> {
    /// The user there.
    pub user: &'a str,
    /// The name of the computer, or its address.
    pub host: &'a str,
    /// The port.
    pub port: u16,
}

impl Repository {
    /// The most characters of an address, and of a folder.
    const LONG: usize = 500;

    /// What is wrong with it, each field below `at`.
    pub fn faults(&self, at: &str) -> Vec<Detail> {
        let mut faults = Vec::new();
        let mut check = |field: &str, is_right: bool, message: &str| {
            if !is_right {
                faults.push(Detail { field: format!("{at}/{field}"), message: message.into() });
            }
        };
        let is_ssh = self.ssh().is_some();
        let named = "the address of a repository is like https://git.example/shop/orders.git, without a name or a password in it (these go into 'user' and a secret), or like git@git.example:shop/orders.git";
        check("url", is_url(&self.url), named);
        let named = "a branch or a tag is named as Git names it, and a commit by all of its 40 digits";
        check("reference", self.reference.as_deref().is_none_or(is_reference), named);
        let named = "a folder in a repository is named from its root, like services/orders, without '..'";
        check("folder", self.folder.as_deref().is_none_or(is_folder), named);
        let is_user = |user: &str| !user.is_empty() && user.len() <= 200 && !user.contains(|c: char| c == ':' || c.is_control());
        check("user", self.user.as_deref().is_none_or(is_user), "a user name has 1 to 200 characters, without a colon");
        if let Some(Err(fault)) = self.secret.as_deref().map(|name| name.parse::<SecretName>()) {
            check("secret", false, &fault.to_string());
        }
        let is_closed = is_ssh || self.url.starts_with("https://") || is_loopback(host(&self.url).unwrap_or_default());
        let open = "over http everybody on the way could read the secret; give an address with https";
        check("url", self.secret.is_none() || is_closed, open);
        check("user", !is_ssh || self.user.is_none(), "with SSH the user is a part of the address, as in git@git.example:shop/orders.git");
        let key = "SSH takes a private key: save one that has no passphrase as a secret, and name that";
        check("secret", !is_ssh || self.secret.is_some(), key);
        if let Some(keys) = &self.host_key {
            let named = "the keys of a server are lines such as ssh-ed25519 AAAA..: what ssh-keyscan prints, at most 8,000 characters";
            check("host_key", keys.len() <= 8_000 && host_keys(keys).is_some_and(|keys| !keys.is_empty()), named);
            check("host_key", is_ssh, "only a server that is asked over SSH has such a key");
        }
        faults
    }

    /// Whom it is asked of over SSH; none when it is asked over HTTP.
    pub fn ssh(&self) -> Option<Ssh<'_>> {
        ssh(&self.url)
    }

    /// The keys that its server may have, each with its kind; none when any will do.
    pub fn host_keys(&self) -> Option<Vec<(&str, &str)>> {
        self.host_key.as_deref().and_then(host_keys)
    }

    /// The name of the computer that it is at.
    pub fn host(&self) -> Option<&str> {
        host(&self.url)
    }

    /// What is deployed of it, in words: `main of https://git.example/shop/orders.git`.
    pub fn label(&self) -> String {
        let of = match &self.folder {
            Some(folder) => format!("{} ({folder})", self.url),
            None => self.url.clone(),
        };
        match &self.reference {
            Some(reference) => format!("{reference} of {of}"),
            None => of,
        }
    }
}

/// A commit of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Commit {
    /// Its id: 40 or 64 hexadecimal digits.
    pub id: String,
    /// The branch or the tag that it was then; none when it was asked for by its id.
    pub reference: Option<String>,
    /// The first line of what was written to it, at most 200 characters.
    pub subject: String,
    /// The name of who wrote it.
    pub author: String,
    /// When it was made.
    pub committed_at: Option<Timestamp>,
}

impl Commit {
    /// Its first seven digits.
    pub fn short(&self) -> &str {
        self.id.get(..7).unwrap_or(&self.id)
    }
}

/// Whether that is the whole id of a commit.
pub fn is_commit_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether Git takes that as the name of a branch or a tag.
pub fn is_reference(text: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with('.') && !part.ends_with(".lock");
    let is_taken = |c: char| !c.is_control() && !" ~^:?*[\\".contains(c);
    text.len() <= 250
        && !text.starts_with('-')
        && !text.contains("..")
        && !text.contains("@{")
        && text != "@"
        && text.chars().all(is_taken)
        && text.split('/').all(is_part)
}

/// Whether that names a folder below the root of a repository.
fn is_folder(text: &str) -> bool {
    let is_part = |part: &str| !matches!(part, "" | "." | ".." | ".git");
    text.len() <= Repository::LONG && !text.contains(|c: char| c.is_control() || c == '\\') && text.split('/').all(is_part)
}

fn is_url(url: &str) -> bool {
    if url.len() <= Repository::LONG && ssh(url).is_some() {
        return true;
    }
    let is_taken = |c: char| c.is_ascii_graphic() && !"@?#\\\"'<>^`{|}".contains(c);
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let has_path = rest.and_then(|rest| rest.split_once('/')).is_some_and(|(_, path)| !path.is_empty());
    url.len() <= Repository::LONG && url.chars().all(is_taken) && has_path && host(url).is_some_and(|host| !host.is_empty())
}

/// Whom an address with SSH names: `ssh://git@git.example:22/a/b`, or `git@git.example:a/b`.
fn ssh(url: &str) -> Option<Ssh<'_>> {
    let has_scheme = url.strip_prefix("ssh://");
    let (place, path) = match has_scheme {
        Some(rest) => rest.split_once('/')?,
        None => url.split_once(':')?,
    };
    let (user, place) = place.split_once('@')?;
    let (host, port) = match (has_scheme, place.strip_prefix('[')) {
        (None, _) => (place, None),
        (Some(_), Some(six)) => {
            let (host, rest) = six.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, rest.strip_prefix(':').or((!rest.is_empty()).then_some("")))
        }
        (Some(_), None) => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(22), |port| port.parse().ok().filter(|port| *port > 0))?;
    // None of them may pass for an option of a program.
    let is_name = |name: &str, others: &str| {
        !name.is_empty() && !name.starts_with('-') && name.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
    };
    (is_name(user, "._-") && is_name(host, ".-:") && is_name(path, "/._-~+%@=,")).then_some(Ssh { user, host, port })
}

/// The keys in a text, each with its kind; what stands before a kind says whose key it is, and what follows a key is a comment.
fn host_keys(text: &str) -> Option<Vec<(&str, &str)>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let kind = words.iter().take(2).position(|word| KINDS.iter().any(|kind| word.starts_with(kind)))?;
            let key = words.get(kind + 1)?;
            let is_base64 = key.len() >= 40 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
            is_base64.then(|| (words[kind], *key))
        })
        .collect()
}

/// What kinds of keys of servers begin with.
const KINDS: [&str; 3] = ["ssh-", "ecdsa-sha2-", "sk-"];

/// The computer that an address names, without its port.
fn host(url: &str) -> Option<&str> {
    if let Some(ssh) = ssh(url) {
        return Some(ssh.host);
    }
    let (_, rest) = url.split_once("://")?;
    let place = rest.split('/').next()?;
    match place.strip_prefix('[') {
        Some(six) => six.split_once(']').map(|(host, _)| host),
        None => Some(place.rsplit_once(':').map_or(place, |(host, _)| host)),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{Repository, Ssh, is_commit_id, is_reference};

    fn of(url: &str) -> Repository {
        Repository { url: url.into(), ..Repository::default() }
    }

    #[test]
    fn only_addresses_that_git_fetches_from_without_running_anything_are_taken() {
        for url in [
            "https://git.example/shop/orders.git",
            "http://127.0.0.1:8080/a",
            "https://[::1]:8443/a/b",
            "https://git.example:444/~a/b_c%20d",
            "https://git.example/a:b",
        ] {
            assert_eq!(of(url).faults("/r"), [], "{url}");
        }
        let hostile = [
            "",
            "orders",
            "/srv/git/orders",
            "file:///etc",
            "ssh://git.example/a",
            "ssh://git@git.example",
            "ssh://git@git.example:0/a",
            "ssh://git@git.example:x/a",
            "ssh://git@[::1]x/a",
            "ssh://git@-oProxyCommand=id/a",
            "ssh://-oProxyCommand=id@git.example/a",
            "ssh://git:password@git.example/a",
            "git.example:a/b",
            "git@git.example:-a",
            "git@-oProxyCommand=id:a",
            "git@git.example:a;id",
            "git@git.example:$(id)",
            "git@git.example:a b",
            "ext::sh -c id",
            "--upload-pack=id",
            "https://",
            "https:///a",
            "https://git.example",
            "https://name:password@git.example/a",
            "https://git.example/a b",
            "https://git.example/a?b",
            "https://git.example/a\nb",
            "https://git.example/$(id)`id`",
        ];
        for url in hostile {
            assert!(!of(url).faults("/r").is_empty(), "{url}");
        }
    }

    #[test]
    fn a_secret_is_only_sent_where_nobody_on_the_way_can_read_it() {
        let with = |url: &str| Repository { secret: Some("git.token".into()), ..of(url) }.faults("/r");
        assert_eq!(with("https://git.example/a"), []);
        assert_eq!(with("http://127.0.0.1:3000/a"), []);
        assert_eq!(with("http://git.example/a")[0].field, "/r/url");
        assert_eq!(Repository { secret: Some("a b".into()), ..of("https://git.example/a") }.faults("/r")[0].field, "/r/secret");
    }

    #[test]
    fn a_server_is_asked_over_ssh_with_a_key_as_the_user_of_the_address() {
        let of = |url: &str| Repository { url: url.into(), secret: Some("git.key".into()), ..Repository::default() };
        for (url, user, host, port) in [
            ("git@git.example:shop/orders.git", "git", "git.example", 22),
            ("git@git.example:/srv/orders", "git", "git.example", 22),
            ("ssh://me@git.example:2222/~/orders.git", "me", "git.example", 2222),
            ("ssh://git@[::1]:2222/orders", "git", "::1", 2222),
            ("ssh://git@[::1]/orders", "git", "::1", 22),
        ] {
            let repository = of(url);
            assert_eq!(repository.faults("/r"), [], "{url}");
            assert_eq!((repository.ssh(), repository.host()), (Some(Ssh { user, host, port }), Some(host)), "{url}");
        }
        let with = |change: fn(&mut Repository)| {
            let mut repository = of("git@git.example:a");
            change(&mut repository);
            repository.faults("/r").into_iter().map(|fault| fault.field).collect::<Vec<_>>()
        };
        assert_eq!(with(|repository| repository.secret = None), ["/r/secret"]);
        assert_eq!(with(|repository| repository.user = Some("me".into())), ["/r/user"]);
        assert_eq!(with(|repository| repository.host_key = Some("x".into())), ["/r/host_key"]);
        assert_eq!(with(|repository| repository.host_key = Some("# nothing".into())), ["/r/host_key"]);
        let key = "AAAAC3NzaC1lZDI1NTE5AAAAIFAvv9g1q0yX0q8mC5zWJtqVdVJkQ1h9Vb1pZQkQd0aB";
        let text = format!("# git.example:22 SSH-2.0\ngit.example ssh-ed25519 {key}\n\necdsa-sha2-nistp256 {key} a comment\n");
        let repository = Repository { host_key: Some(text), ..of("git@git.example:a") };
        assert_eq!(repository.faults("/r"), []);
        assert_eq!(repository.host_keys(), Some(vec![("ssh-ed25519", key), ("ecdsa-sha2-nistp256", key)]));
        let open = Repository { host_key: repository.host_key, ..of("https://git.example/a") };
        assert_eq!(open.faults("/r")[0].field, "/r/host_key");
    }

    #[test]
    fn references_and_folders_are_what_git_takes() {
        for name in ["main", "feature/a-b", "v1.2.3", "releases/2026_11", "ümlaut"] {
            assert!(is_reference(name), "{name}");
        }
        for name in [
            "",
            "-x",
            "--upload-pack=id",
            "a..b",
            "a b",
            "a:b",
            "a^",
            "a~1",
            "a/",
            "/a",
            "a//b",
            "a.lock",
            ".a",
            "a@{1}",
            "@",
            "a\0b",
            "a\\b",
        ] {
            assert!(!is_reference(name), "{name}");
        }
        for folder in ["..", "/etc", "a/../b", "a//b", "a/", ".git", "a\\b", "a\nb"] {
            assert_eq!(Repository { folder: Some(folder.into()), ..of("https://git.example/a") }.faults("/r").len(), 1, "{folder}");
        }
        assert_eq!(Repository { folder: Some("services/orders".into()), ..of("https://git.example/a") }.faults("/r"), []);
        assert!(
            is_commit_id(&"a1".repeat(20)) && is_commit_id(&"0".repeat(64)) && !is_commit_id("abc1234") && !is_commit_id(&"g".repeat(40))
        );
    }
}
