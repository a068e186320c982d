//! What a container that Pilothouse makes of an image gets beside its variables, port and limits.

use serde::{Deserialize, Serialize};

use crate::published::port_faults;
use crate::{Detail, ImagePush, PublishedPort, RegistryAccount};

/// Words of a command, and of an entry point.
const WORDS: usize = 200;
/// Bytes of such a word.
const WORD_BYTES: usize = 32 << 10;
/// Volumes of a container.
const VOLUMES: usize = 50;
/// Names that it has in its network.
const ALIASES: usize = 20;
/// Seconds that a part of a check may take: a day.
const SECONDS: u32 = 86_400;

/// How a container is run otherwise than its image says; what is empty is as the image says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ContainerOptions {
    /// What is run, at most 200 words; no shell reads them. `$PORT` isn't filled in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// Its arguments, or the program when there is no entry point; at most 200.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The absolute path in the container that it runs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// Who runs it in the container: a name or number, and a group after a colon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Ports of it that are published beside the one of the service, at most 50.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PublishedPort>,
    /// Volumes that it has, at most 50. They stay when the container or the service goes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<VolumeMount>,
    /// The network that it is in, with those that name the same one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkPlace>,
    /// How Docker checks its health in it, in place of the check of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<ContainerCheck>,
    /// Whether its own file system can't be written.
    #[serde(skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// Whether a small program that reaps children runs first in it.
    #[serde(skip_serializing_if = "is_false")]
    pub init: bool,
}

/// A change of a service that is made of an image: what is absent stays. Its container is made anew at the next start; volumes stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ImagePatch {
    /// The new name of its image.
    pub image: Option<String>,
    /// The new port in its container; 0 takes that of the image again.
    pub container_port: Option<u16>,
    /// How it is run otherwise than the image says, in place of all that was said before.
    pub options: Option<Box<ContainerOptions>>,
    /// Who pulls the image; with empty fields everybody may.
    pub registry: Option<RegistryAccount>,
    /// Where an image that is built is pushed to; with an empty image it isn't any more.
    pub push: Option<ImagePush>,
}

/// A volume in a container. Services that name the same one share it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VolumeMount {
    /// Its name, 1 to 63 of `a-z A-Z 0-9 . _ -`; Docker knows it as `pilothouse-NAME`.
    pub volume: String,
    /// The absolute path in the container.
    pub path: String,
    /// Whether it can't be written.
    #[serde(default, skip_serializing_if = "is_false")]
    pub read_only: bool,
}

/// A place in a network of containers, who reach one another there by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NetworkPlace {
    /// The name of the network, 1 to 63 of `a-z A-Z 0-9 . _ -`; Docker knows it as `pilothouse-NAME`.
    pub name: String,
    /// The names that lead to it there, at most 20.
    #[serde(default)]
    pub aliases: Vec<String>,
}

/// A health check that Docker runs in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ContainerCheck {
    /// `["CMD", program, ..]`, `["CMD-SHELL", line]`, or `["NONE"]` to have no check.
    pub test: Vec<String>,
    /// Seconds between checks; none is as Docker has it, like the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<u32>,
    /// Seconds that one may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// Failures in a row that make it unhealthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// Seconds after its start in which failures don't count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_seconds: Option<u32>,
}

impl ContainerOptions {
    /// Whether all is as the image says.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What they are, for people: what each is called, and what it is.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let volumes: Vec<String> = self.volumes.iter().map(VolumeMount::words).collect();
        let network = self.network.as_ref().map(|place| match place.aliases.as_slice() {
            [] => place.name.clone(),
            aliases => format!("{} as {}", place.name, aliases.join(", ")),
        });
        let ports: Vec<String> = self.ports.iter().map(PublishedPort::words).collect();
        let health = self.check.as_ref().map(ContainerCheck::words);
        let facts = [
            ("Entry point", Some(self.entrypoint.join(" "))),
            ("Command", Some(self.command.join(" "))),
            ("Runs in", self.working_dir.clone()),
            ("Runs as", self.user.clone()),
            ("Further ports", Some(ports.join(", "))),
            ("Volumes", Some(volumes.join(", "))),
            ("Network", network),
            ("Docker checks", health),
            ("Its own files", self.read_only.then(|| "Can't be written".into())),
            ("First process", self.init.then(|| "A small program that reaps children".into())),
        ];
        facts.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?))).collect()
    }

    /// What is wrong with them, field by field, below the JSON Pointer `at`.
    pub fn faults(&self, at: &str) -> Vec<Detail> {
        let mut faults = Vec::new();
        let mut check = |field: String, right: bool, message: &str| {
            if !right {
                faults.push(Detail { field: format!("{at}/{field}"), message: message.into() });
            }
        };
        for (field, words) in [("entrypoint", &self.entrypoint), ("command", &self.command)] {
            check(field.into(), are_words(words), "it has at most 200 words of at most 32 KiB, without zero bytes");
        }
        let place = "a place in a container is an absolute path of at most 4096 bytes without a colon, control characters, '..' or a blank at its end";
        check("working_dir".into(), self.working_dir.as_deref().is_none_or(is_inside), place);
        let user = "a user is a name or number, and a group after a colon";
        check("user".into(), self.user.as_deref().is_none_or(is_user), user);
        check("volumes".into(), self.volumes.len() <= VOLUMES, "a container has at most 50 volumes");
        let named = "it is named by 1 to 63 of a-z A-Z 0-9 . _ - and starts with a letter or digit";
        for (n, mount) in self.volumes.iter().enumerate().take(VOLUMES) {
            check(format!("volumes/{n}/volume"), crate::is_service_name(&mount.volume), named);
            check(format!("volumes/{n}/path"), is_inside(&mount.path) && mount.path != "/", place);
            let is_first = self.volumes.iter().take(n).all(|other| other.path != mount.path);
            check(format!("volumes/{n}/path"), is_first, "another volume is at that path already");
        }
        if let Some(network) = &self.network {
            check("network/name".into(), crate::is_service_name(&network.name), named);
            let are_named = network.aliases.len() <= ALIASES && network.aliases.iter().all(|alias| crate::is_service_name(alias));
            check("network/aliases".into(), are_named, "at most 20 names of 1 to 63 of a-z A-Z 0-9 . _ - each");
        }
        if let Some(own) = &self.check {
            let test = "a check is [\"CMD\", program, ..], [\"CMD-SHELL\", line] or [\"NONE\"]";
            check("check/test".into(), is_test(&own.test), test);
            let parts = [
                ("interval_seconds", own.interval_seconds),
                ("timeout_seconds", own.timeout_seconds),
                ("start_seconds", own.start_seconds),
            ];
            for (field, seconds) in parts {
                let fits = seconds.is_none_or(|seconds| (1..=SECONDS).contains(&seconds));
                check(format!("check/{field}"), fits, "1 to 86400 seconds; leave it out for Docker's own");
            }
            check(
                "check/retries".into(),
                own.retries.is_none_or(|retries| (1..=1000).contains(&retries)),
                "1 to 1000; leave it out for Docker's own",
            );
        }
        faults.extend(port_faults(&self.ports, &format!("{at}/ports")));
        faults
    }
}

impl VolumeMount {
    /// What it is, for people: `shop_data at /data (read only)`.
    pub fn words(&self) -> String {
        format!("{} at {}{}", self.volume, self.path, if self.read_only { " (read only)" } else { "" })
    }
}

impl ContainerCheck {
    /// What it is, for people.
    pub fn words(&self) -> String {
        match self.test.split_first() {
            Some((kind, words)) if kind != "NONE" => words.join(" "),
            _ => "Nothing".into(),
        }
    }
}

fn are_words(words: &[String]) -> bool {
    words.len() <= WORDS && words.iter().all(|word| word.len() <= WORD_BYTES && !word.contains('\0'))
}

/// Whether it is a place in a container that means no more than it says.
fn is_inside(path: &str) -> bool {
    path.starts_with('/')
        && path.len() <= 4096
        && path.trim_end() == path
        && !path.contains(|letter: char| letter == ':' || letter.is_control())
        && path.split('/').all(|part| part != "..")
}

fn is_user(user: &str) -> bool {
    let is_one =
        |name: &str| (1..=32).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    match user.split_once(':') {
        Some((user, group)) => is_one(user) && is_one(group),
        None => is_one(user),
    }
}

fn is_test(test: &[String]) -> bool {
    are_words(test)
        && match test.first().map(String::as_str) {
            Some("NONE") => test.len() == 1,
            Some("CMD-SHELL") => test.len() == 2,
            Some("CMD") => test.len() >= 2,
            _ => false,
        }
}

const fn is_false(flag: &bool) -> bool {
    !*flag
}

#[cfg(test)]
mod tests {
    use super::{ContainerCheck, ContainerOptions, NetworkPlace, VolumeMount};
    use crate::PublishedPort;

    fn volume(volume: &str, path: &str) -> VolumeMount {
        VolumeMount { volume: volume.into(), path: path.into(), read_only: false }
    }

    #[test]
    fn what_reaches_further_than_it_says_is_refused_field_by_field() {
        let check = ContainerCheck {
            test: vec!["CMD-SHELL".into(), "pg_isready".into()],
            interval_seconds: Some(10),
            timeout_seconds: None,
            retries: Some(3),
            start_seconds: None,
        };
        let right = ContainerOptions {
            command: vec!["postgres".into()],
            working_dir: Some("/srv/app".into()),
            user: Some("999:999".into()),
            volumes: vec![volume("shop_data", "/var/lib/postgresql/data")],
            network: Some(NetworkPlace { name: "shop".into(), aliases: vec!["db".into()] }),
            check: Some(check.clone()),
            ..ContainerOptions::default()
        };
        assert_eq!(right.faults("/options"), []);
        let bad_test = ContainerCheck { test: vec!["CMD".into()], retries: Some(0), ..check };
        let wrong = ContainerOptions {
            command: vec!["a\0b".into()],
            working_dir: Some("srv".into()),
            user: Some("root; rm".into()),
            volumes: vec![
                volume("/etc", "/data"),
                volume("a", "/data"),
                volume("b", "/a/../../etc"),
                volume("c", "/x:ro,z"),
                volume("d", "/"),
                volume("e", "/a\nb"),
                volume("f", "/a "),
            ],
            network: Some(NetworkPlace { name: "host;".into(), aliases: vec!["a b".into()] }),
            check: Some(bad_test),
            ports: vec![PublishedPort::new(0)],
            ..ContainerOptions::default()
        };
        let fields: Vec<_> = wrong.faults("/options").into_iter().map(|fault| fault.field).collect();
        assert_eq!(
            fields,
            [
                "/options/command",
                "/options/working_dir",
                "/options/user",
                "/options/volumes/0/volume",
                "/options/volumes/1/path",
                "/options/volumes/2/path",
                "/options/volumes/3/path",
                "/options/volumes/4/path",
                "/options/volumes/5/path",
                "/options/volumes/6/path",
                "/options/network/name",
                "/options/network/aliases",
                "/options/check/test",
                "/options/check/retries",
                "/options/ports/0/container_port",
            ]
        );
    }

    #[test]
    fn what_says_nothing_is_not_written() {
        assert_eq!(serde_json::to_string(&ContainerOptions::default()).unwrap(), "{}");
        assert!(ContainerOptions::default().is_empty());
    }
}
