//! Backups of configurations and secrets.

use api::{ErrorBody, NewBackup, Permission, RestoreReport};
use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Ports, json};
use crate::error::Answer;
use crate::extract::Body;
use crate::middleware::SignedIn;
use crate::state::Server;
use crate::upload::{Upload, download};

pub fn routes() -> OpenApiRouter<std::sync::Arc<Server>> {
    OpenApiRouter::new().routes(routes!(back_up)).routes(routes!(restore_backup))
}

/// Makes a backup of all configurations with all their versions, and of the named secrets, sealed with a passphrase.
///
/// It takes one's own password, and an API token can't make one. Without the passphrase nobody can read the file. At most 1 GiB, 10,000 services, and 64 MiB of
/// versions of each, the newest. Services that were deleted and can be put back are in it; those whose configuration was never saved aren't, nor are settings and files.
#[utoipa::path(post, path = "/api/config/backup", tag = "configuration", request_body = NewBackup, responses(
        (status = 200, body = String, content_type = "application/octet-stream", description = "The backup, a file of bytes."),
        (status = 409, body = ErrorBody, description = "Another one is made or restored, or it would be too large."),
        (status = 422, body = ErrorBody, description = "That isn't the password, or the passphrase is too short.")),
    extensions(("x-permission" = json!("config:backup"))))]
async fn back_up(State(server): Ports, SignedIn(caller): SignedIn, Body(new): Body<NewBackup>) -> Answer<Response> {
    Ok(download(server.backend.backups.back_up(&caller, new).await?))
}

/// What the form of a restore has; the file is its last field.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only a document")]
struct RestoreForm {
    /// The caller's own password.
    password: String,
    /// What the file was sealed with.
    passphrase: String,
    /// Whether the newest configuration of each service in the backup is saved as its newest version here. Without that only earlier versions come back.
    newest: Option<bool>,
    /// Whether secrets that have another value here get that of the backup.
    replace_secrets: Option<bool>,
    /// Only says what would be done.
    dry_run: Option<bool>,
    /// The backup, at most 1 GiB.
    #[schema(format = Binary)]
    file: String,
}

/// Restores a backup, or says with `dry_run` what that would do.
///
/// All of the file is checked before anything is done. Versions that are here stay, those that aren't come back with their authors and times, each service in one
/// commit: doing it again after a break is the same. With `newest`, the newest of the backup is saved as a new version, unless it has the values that are here.
/// Services are found by id, else by name; what can't be restored says why in `problem`, and holds up no other. Nothing is restarted.
#[utoipa::path(post, path = "/api/config/restore", tag = "configuration",
    request_body(content = RestoreForm, content_type = "multipart/form-data"), responses(
        (status = 200, body = RestoreReport, description = "What was done, or would be."),
        (status = 409, body = ErrorBody, description = "Another one is made or restored."),
        (status = 415, body = ErrorBody, description = "It isn't such a form."),
        (status = 422, body = ErrorBody, description = "That isn't the password or the passphrase, or the file is no backup, or was changed."),
        (status = 503, body = ErrorBody, description = "Another Pilothouse acts on these services.")),
    extensions(("x-permission" = json!("config:backup"))))]
async fn restore_backup(State(server): Ports, SignedIn(caller): SignedIn, request: Request) -> Answer<Json<RestoreReport>> {
    // Before as much as that is read.
    caller.require(Permission::ConfigBackup)?;
    let (how, file) = Upload::of(request).await?.restore()?;
    json(server.backend.backups.restore(&caller, how, file).await?)
}
