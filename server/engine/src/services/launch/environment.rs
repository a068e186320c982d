//! The environment of a service: never all of Pilothouse's own, which has its secrets.

use std::collections::BTreeMap;
use std::path::Path;

use api::{Error, Result};

use super::blocking_as;
use crate::services::discovery::environment::variables;
use crate::user::SystemUser;

/// What services get of Pilothouse's own environment: where programs and certificates are, language, time zone, proxies.
const ALLOWED: [&str; 25] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "LD_LIBRARY_PATH",
    "XDG_RUNTIME_DIR",
    "XDG_CACHE_HOME",
];

/// What of that is about the user that Pilothouse runs as, and so not for services of another one.
const OWN: [&str; 8] = ["HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "LD_LIBRARY_PATH", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"];

/// What is handed on of Pilothouse's own environment.
#[derive(Clone, Debug, Default)]
pub struct Inherited {
    services: BTreeMap<String, String>,
    preparation: BTreeMap<String, String>,
}

impl Inherited {
    /// Takes what is allowed of `all`. The settings of pip, which may hold the password of an index, are for preparations only.
    pub fn of(all: impl IntoIterator<Item = (String, String)>) -> Self {
        let (mut services, mut preparation) = (BTreeMap::new(), BTreeMap::new());
        for (name, value) in all {
            let is_allowed = ALLOWED.contains(&name.as_str()) || name.starts_with("LC_");
            if is_allowed {
                services.insert(name.clone(), value.clone());
            }
            if is_allowed || name.starts_with("PIP_") {
                preparation.insert(name, value);
            }
        }
        Self { services, preparation }
    }

    /// [`Inherited::of`] this process; variables that aren't UTF-8 are left out.
    pub fn of_process() -> Self {
        Self::of(std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))))
    }

    /// For services.
    pub fn for_services(&self) -> &BTreeMap<String, String> {
        &self.services
    }

    /// For services of another user, and the making of their virtual environments: without what is about Pilothouse's own user, and without
    /// the settings of pip, which that user could read.
    pub fn for_user(&self, user: &SystemUser) -> BTreeMap<String, String> {
        let mut all = self.services.clone();
        all.retain(|name, _| !OWN.contains(&name.as_str()));
        let home = user.home.display().to_string();
        let own = [("HOME", &home), ("USER", &user.name), ("LOGNAME", &user.name), ("SHELL", &user.shell)];
        all.extend(own.map(|(name, value)| (name.to_owned(), value.clone())));
        all
    }

    /// For the making of virtual environments.
    pub fn for_preparation(&self) -> &BTreeMap<String, String> {
        &self.preparation
    }
}

/// The variables of the `.env` of a folder and of more files there, without Pilothouse's own names and those no environment can have. Fails
/// with `service_failed` when one of the files can't be read, by `user` when there is one.
pub(super) async fn of_folder(folder: &Path, files: &[String], user: Option<&SystemUser>) -> Result<Vec<(String, String)>> {
    let mut found = of_file(folder, ".env", user).await.unwrap_or_default();
    for name in files {
        let more = of_file(folder, name, user).await.ok_or_else(|| {
            let path = folder.join(name);
            Error::service(format!(
                "the file with variables {} can't be read: it isn't there, is a link, or is closed to {}",
                path.display(),
                user.map_or_else(|| "Pilothouse".to_owned(), |user| format!("the user '{}'", user.name))
            ))
        })?;
        found.extend(more);
    }
    Ok(found)
}

/// What people are told when there is a `.env` in a folder that isn't taken: without a word a service would run with other settings than it
/// seems to have.
pub(super) async fn passed_over(folder: &Path, user: Option<&SystemUser>) -> Option<String> {
    let path = folder.join(".env");
    let is_there = blocking_as(user, move || path.symlink_metadata().is_ok()).await.unwrap_or_default();
    if !is_there || of_file(folder, ".env", user).await.is_some() {
        return None;
    }
    let whom = user.map_or_else(|| "Pilothouse".to_owned(), |user| format!("the user '{}'", user.name));
    Some(format!("its .env isn't taken: it is a link, is no text of at most 1 MiB, or is closed to {whom}"))
}

pub(super) async fn of_file(folder: &Path, name: &str, user: Option<&SystemUser>) -> Option<Vec<(String, String)>> {
    let (folder, name) = (folder.to_owned(), name.to_owned());
    let text = blocking_as(user, move || crate::services::discovery::read_environment(&folder, &name)).await.ok().flatten()?;
    let fits = |(name, value): &(String, String)| api::is_variable_name(name) && !value.contains('\0');
    Some(variables(&text).into_iter().filter(fits).collect())
}
