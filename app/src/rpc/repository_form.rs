//! The part of a form that says which Git repository a service is made of.
#![allow(missing_docs, reason = "the fields are named as what they set")]

use api::Repository;
use serde::{Deserialize, Serialize};

/// A Git repository. What is empty is as the repository has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RepositoryForm {
    pub url: String,
    pub reference: String,
    pub folder: String,
    pub user: String,
    /// The name of a secret.
    pub secret: String,
    /// Keys of a server, one a line.
    pub host_key: String,
}

impl RepositoryForm {
    /// What is in it of a repository.
    pub fn of(repository: &Repository) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Self {
            url: repository.url.clone(),
            reference: text(&repository.reference),
            folder: text(&repository.folder),
            user: text(&repository.user),
            secret: text(&repository.secret),
            host_key: text(&repository.host_key),
        }
    }

    /// The repository that it says; the address may be empty.
    #[cfg(feature = "ssr")]
    pub fn repository(&self) -> Repository {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let folder = text(self.folder.trim().trim_matches('/'));
        Repository {
            url: self.url.trim().to_owned(),
            reference: text(&self.reference),
            folder,
            user: text(&self.user),
            secret: text(&self.secret),
            host_key: text(&self.host_key),
        }
    }
}
