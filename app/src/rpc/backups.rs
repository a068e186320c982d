//! What the forms of backups come to. They are posted to their own pages with and without JavaScript: one has a file, and the other answers one.

use api::RestoreReport;
#[cfg(feature = "ssr")]
use api::Secret;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::RequestContext;
use super::RpcResult;

/// A backup that wasn't made, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedBackup(pub RpcResult<()>);

/// A restore that was done or planned, or why it wasn't. Nothing secret comes back, nor does the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedRestore {
    /// What was ticked.
    pub newest: bool,
    /// The same.
    pub replace_secrets: bool,
    /// What it comes to.
    pub report: RpcResult<RestoreReport>,
}

/// What the form of a backup sends.
#[cfg(feature = "ssr")]
#[derive(Debug, Deserialize)]
pub struct PostedBackup {
    password: Secret,
    passphrase: Secret,
    again: Secret,
    #[serde(default)]
    form_token: String,
}

#[cfg(feature = "ssr")]
impl TriedBackup {
    /// Makes the backup, or says why not.
    pub async fn posted(posted: PostedBackup, context: &RequestContext) -> Result<api::ports::Backup, Self> {
        let PostedBackup { password, passphrase, again, form_token } = posted;
        let made = async {
            context.check_form_token(&form_token)?;
            if passphrase != again {
                return Err(api::Error::invalid("/again", "the passphrase isn't the same both times"));
            }
            context.backend.backups.back_up(context.caller()?, api::NewBackup { password, passphrase }).await
        };
        made.await.map_err(|error| Self(Err(super::RpcError(error))))
    }
}
