//! What services can be made of.

use async_trait::async_trait;

use crate::{Caller, Page, Result, Template, TemplateDetail};

/// Templates. Services are made of them by [`Services::create_from`](super::Services::create_from).
#[async_trait]
pub trait Templates: Send + Sync {
    /// All of them by name. Needs `services:read`.
    async fn list(&self, caller: &Caller) -> Result<Page<Template>>;

    /// One with its files and the services that were made of it. Needs `services:read`.
    async fn get(&self, caller: &Caller, id: String) -> Result<TemplateDetail>;
}
