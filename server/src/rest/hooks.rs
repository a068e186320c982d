//! Webhooks that deploy services: made, listed, removed, and called by Git servers and programs that nobody has signed in for.

use api::{DeployHook, DeployHookId, ErrorBody, ErrorCode, HookAnswer, HookCall, MadeDeployHook, NewDeployHook, Page, ServiceId};
use axum::Json;
use axum::extract::{FromRequest, Request, State};
use http::{StatusCode, header};
use tokio::sync::{Semaphore, SemaphorePermit};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Accepted, Ports, created, json};
use crate::error::{Answer, Failure};
use crate::extract::{BODY_LIMIT, Body, Id, LastId, read_up_to};
use crate::middleware::SignedIn;
use crate::state::Server;

pub fn routes() -> OpenApiRouter<std::sync::Arc<Server>> {
    OpenApiRouter::new().routes(routes!(list_hooks)).routes(routes!(make_hook)).routes(routes!(remove_hook)).routes(routes!(call_hook))
}

/// Bodies above [`BODY_LIMIT`] that are in memory at once: anybody may send one, before it is known that they may not.
static LARGE: Semaphore = Semaphore::const_new(4);

/// A call with its headers and its body as they came, and its place among those that are large.
struct Called(HookCall, Option<SemaphorePermit<'static>>);

impl<S: Send + Sync> FromRequest<S> for Called {
    type Rejection = Failure;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Failure> {
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = request.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        let is_small = length.is_some_and(|length| length <= BODY_LIMIT);
        let busy = |_| {
            Failure(api::Error::new(ErrorCode::Unavailable, "too many large bodies come at once; try again in a moment").retry_after(5))
        };
        let place = if is_small { None } else { Some(LARGE.try_acquire().map_err(busy)?) };
        let limit = if is_small { BODY_LIMIT } else { DeployHook::BODY };
        Ok(Self(HookCall { headers, body: read_up_to(request, limit).await?.into() }, place))
    }
}

/// Lists the webhooks of a service, oldest first, with what came of their last calls.
#[utoipa::path(get, path = "/api/deploy/services/{id}/hooks", tag = "deployments",
    params(("id" = ServiceId, Path, description = "The service.")),
    responses((status = 200, body = Page<DeployHook>, description = "All of them.")),
    extensions(("x-permission" = json!("deployments:read"))))]
async fn list_hooks(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<ServiceId>) -> Answer<Json<Page<DeployHook>>> {
    json(server.backend.deploy_hooks.list(&caller, id).await?)
}

/// Makes a webhook, and tells its secret, which is never told again. A service has at most 10.
#[utoipa::path(post, path = "/api/deploy/services/{id}/hooks", tag = "deployments",
    params(("id" = ServiceId, Path, description = "The service.")), request_body = NewDeployHook, responses(
        (status = 201, body = MadeDeployHook, description = "It was made."),
        (status = 409, body = ErrorBody, description = "There is one of that name, or there are 10."),
        (status = 422, body = ErrorBody, description = "Something of it can't be; `details` says what.")),
    extensions(("x-permission" = json!("deployments:hooks"))))]
async fn make_hook(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Body(new): Body<NewDeployHook>,
) -> Answer<Accepted<MadeDeployHook>> {
    created(server.backend.deploy_hooks.create(&caller, id, new).await?)
}

/// Removes a webhook: who calls it is refused from now on.
#[utoipa::path(delete, path = "/api/deploy/services/{id}/hooks/{hook_id}", tag = "deployments", params(
        ("id" = ServiceId, Path, description = "The service."), ("hook_id" = DeployHookId, Path, description = "The webhook.")),
    responses((status = 204, description = "It is gone.")), extensions(("x-permission" = json!("deployments:hooks"))))]
async fn remove_hook(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    LastId(hook): LastId<DeployHookId>,
) -> Answer<StatusCode> {
    server.backend.deploy_hooks.remove(&caller, id, hook).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Calls a webhook: a push to its branch deploys its service, in place of deployments that wait.
///
/// Nobody is signed in for it: the call is signed with the webhook's secret. By GitHub (`X-Hub-Signature-256`), Gitea and Forgejo
/// (`X-Gitea-Signature`), GitLab (`X-Gitlab-Token`), or by a program: `X-Pilothouse-Timestamp` has the seconds since 1970, at most five minutes off,
/// and `X-Pilothouse-Signature` is `sha256=` and the HMAC-SHA256 of `TIMESTAMP.BODY` as hexadecimal digits; its body is empty or
/// `{"branch": .., "commit": .., "message": ..}` with any of these. The body has at most 8 MiB. A delivery that comes again within an hour deploys nothing.
#[utoipa::path(post, path = "/api/deploy/hooks/{hook_id}", tag = "deployments",
    params(("hook_id" = DeployHookId, Path, description = "The webhook.")),
    request_body(content = serde_json::Value, description = "What the sender says of the push, as JSON or in the field `payload` of a form."),
    responses(
        (status = 200, body = HookAnswer, description = "There is nothing to deploy in it, or it has been deployed already."),
        (status = 202, body = HookAnswer, description = "A deployment was taken on."),
        (status = 400, body = ErrorBody, description = "The body can't be read."),
        (status = 401, body = ErrorBody, description = "There is no such webhook, or the call isn't signed with its secret."),
        (status = 409, body = ErrorBody, description = "The service can't be deployed, or is held at a release.")),
    extensions(("x-permission" = json!("public"))))]
async fn call_hook(State(server): Ports, LastId(hook): LastId<DeployHookId>, Called(call, _place): Called) -> Answer<Accepted<HookAnswer>> {
    let answer = server.backend.deploy_hooks.receive(hook, call).await?;
    Ok((StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::OK), Json(answer)))
}
