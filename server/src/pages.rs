//! Pages and server functions: Leptos, with what a request brings along in their context.

use std::sync::Arc;

use api::{Error, ErrorCode, Permission};
use app::context::RequestContext;
use app::path::{
    BACK_UP, CHANGE_CONFIGURATIONS, COMPOSE, IMPORT_CONFIGURATIONS, IMPORT_SECRETS, NEW_SERVICE, RESTORE, SECRETS, SETTINGS, TEMPLATES,
};
use app::rpc::{
    DrawnUp, PlanCompose, PlannedCompose, PostedBackup, PostedChange, PostedConfiguration, PostedDeployment, PostedHook, PostedImport,
    PostedImportAll, PostedReveal, PostedSecret, PostedService, PostedSettings, PostedTarget, PostedTemplate, PostedToken, RpcError, Tried,
    TriedBackup, TriedChange, TriedConfiguration, TriedDeployment, TriedHook, TriedImport, TriedImportAll, TriedRestore, TriedReveal,
    TriedSecret, TriedTarget, TriedTemplate, TriedToken,
};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use leptos::config::LeptosOptions;
use leptos::nonce::use_nonce;
use leptos::prelude::{provide_context, use_context};
use leptos::server_fn::codec::{FromReq, PostUrl};
use leptos_axum::{LeptosRoutes, ResponseOptions, generate_route_list, render_app_async_with_context};

use crate::error::Failure;
use crate::state::Server;
use crate::upload::{Upload, download};
use crate::web;

/// Every page, and the server functions below `/rpc/`.
pub fn routes() -> Router<Arc<Server>> {
    let options = LeptosOptions::builder().output_name("pilothouse").build();
    let pages = generate_route_list(app::App).into_iter().filter(|page| !page.path().contains('*')).collect();
    let pages = Router::new().leptos_routes_with_context(&options, pages, context, app::shell).layer(map_response(send_on));
    let posted = Router::new()
        .route("/services/{id}/{tab}", post(settings))
        .route("/services/{id}/configuration", post(configured))
        .route("/services/{id}/configuration/{part}", post(revealed))
        .route("/services/{id}/deployments", post(deployed))
        .route("/services/{id}/deployments/{part}", post(hooked_or_set_up))
        .route(COMPOSE, post(planned))
        .route(NEW_SERVICE, post(made))
        .route("/configuration/{part}", post(configurations))
        .route(SECRETS, post(secret))
        .route(SETTINGS, post(tokened))
        .route(&format!("{TEMPLATES}/{{id}}"), post(templated))
        .route("/secrets/{name}", post(secret));
    pages.merge(posted).with_state(options)
}

/// Leptos sends on only who says that they take HTML, as browsers do; others would take the empty page for what there is.
async fn send_on(mut response: Response) -> Response {
    let is_page = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_page && response.status() == StatusCode::OK && response.headers().contains_key(header::LOCATION) {
        *response.status_mut() = StatusCode::FOUND;
    }
    response
}

/// The settings of a service, posted without JavaScript to save them or to try out its health check: unless they are saved they come
/// back as they were typed, with what was found.
async fn settings(request: Request) -> Response {
    if !request.uri().path().ends_with("/settings") {
        return method_not_allowed().await.into_response();
    }
    come_back(request, async |posted: PostedSettings, context| Tried::posted(posted, &context).await).await
}

/// The configuration of a service, posted without JavaScript: unless it is saved it comes back as it was typed.
async fn configured(request: Request) -> Response {
    come_back(request, async |posted: PostedConfiguration, context| TriedConfiguration::posted(posted, &context).await).await
}

/// A secret of a configuration, asked for without JavaScript: it is in the page that answers, and in no other.
async fn revealed(request: Request) -> Response {
    if !request.uri().path().ends_with("/secret") {
        return method_not_allowed().await.into_response();
    }
    come_back(request, async |posted: PostedReveal, context| Err(TriedReveal::posted(posted, &context).await)).await
}

/// A deployment, posted without JavaScript to be made or to see the plan of it.
async fn deployed(request: Request) -> Response {
    come_back(request, async |posted: PostedDeployment, context| TriedDeployment::posted(posted, &context).await).await
}

/// A webhook, made without JavaScript: its secret is in the page that answers, and in no other. Or a service that is set up in an environment, which comes
/// back as it was typed unless it is.
async fn hooked_or_set_up(request: Request) -> Response {
    if request.uri().path().ends_with("/set-up") {
        return come_back(request, async |posted: PostedTarget, context| TriedTarget::posted(posted, &context).await).await;
    }
    if !request.uri().path().ends_with("/webhooks") {
        return method_not_allowed().await.into_response();
    }
    come_back(request, async |posted: PostedHook, context| Err(TriedHook::posted(posted, &context).await)).await
}

/// An API token, made without JavaScript: its text is in the page that answers, and in no other.
async fn tokened(request: Request) -> Response {
    come_back(request, async |posted: PostedToken, context| Err(TriedToken::posted(posted, &context).await)).await
}

/// A change of many configurations, or a text of them, posted without JavaScript to save it or to see what would become of it.
async fn configurations(request: Request) -> Response {
    match request.uri().path() {
        CHANGE_CONFIGURATIONS => {
            come_back(request, async |posted: PostedChange, context| TriedChange::posted(posted, &context).await).await
        }
        IMPORT_CONFIGURATIONS => {
            come_back(request, async |posted: PostedImportAll, context| TriedImportAll::posted(posted, &context).await).await
        }
        BACK_UP => backed_up(request).await,
        RESTORE => restored(request).await,
        _ => method_not_allowed().await.into_response(),
    }
}

/// A backup of all configurations: a file, or its page with why there is none.
async fn backed_up(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some(context) = parts.extensions.get::<RequestContext>().cloned() else { return Failure(Error::internal()).into_response() };
    let posted = <PostedBackup as FromReq<PostUrl, Request, RpcError>>::from_req(Request::from_parts(parts.clone(), body)).await;
    match posted {
        Err(error) => Failure(error.0).into_response(),
        Ok(posted) => match TriedBackup::posted(posted, &context).await {
            Ok(backup) => download(backup),
            Err(found) => page_with(parts, found).await,
        },
    }
}

/// A backup that is restored, or only looked at: its page says what came of it.
async fn restored(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some(context) = parts.extensions.get::<RequestContext>().cloned() else { return Failure(Error::internal()).into_response() };
    let (mut newest, mut replace_secrets) = (false, false);
    let report = async {
        let caller = context.caller()?;
        // Before as much as that is read.
        caller.require(Permission::ConfigBackup)?;
        let mut upload = Upload::of(Request::from_parts(parts.clone(), body)).await?;
        context.check_form_token(&upload.take("form_token").unwrap_or_default())?;
        let (how, file) = upload.restore()?;
        (newest, replace_secrets) = (how.newest, how.replace_secrets);
        context.backend.backups.restore(caller, how, file).await
    };
    let report = report.await.map_err(RpcError);
    page_with(parts, TriedRestore { newest, replace_secrets, report }).await
}

/// A new service, posted without JavaScript to be made or to see the plan of it.
async fn made(request: Request) -> Response {
    come_back(request, async |posted: PostedService, context| DrawnUp::posted(posted, &context).await).await
}

/// A service of a template, posted without JavaScript to be made.
async fn templated(request: Request) -> Response {
    come_back(request, async |posted: PostedTemplate, context| TriedTemplate::posted(posted, &context).await).await
}

/// A Compose file, posted without JavaScript to see the plan of it.
async fn planned(request: Request) -> Response {
    come_back(request, async |posted: PlanCompose, context| Err(PlannedCompose::posted(posted, &context).await)).await
}

/// A form of secrets, posted without JavaScript: what was typed comes back unless it is done, but never a value of it.
async fn secret(request: Request) -> Response {
    if request.uri().path() == IMPORT_SECRETS {
        return come_back(request, async |posted: PostedImport, context| TriedImport::posted(posted, &context).await).await;
    }
    come_back(request, async |posted: PostedSecret, context| TriedSecret::posted(posted, &context).await).await
}

/// Leads to the address that `look` answers for a posted form, or answers by its page, which finds in its context what that has made of
/// the form.
async fn come_back<F, T>(request: Request, look: impl AsyncFnOnce(F, RequestContext) -> Result<String, T>) -> Response
where
    F: FromReq<PostUrl, Request, RpcError>,
    T: Clone + Send + Sync + 'static,
{
    let (parts, body) = request.into_parts();
    let Some(request_context) = parts.extensions.get::<RequestContext>().cloned() else {
        return Failure(Error::internal()).into_response();
    };
    let found = match F::from_req(Request::from_parts(parts.clone(), body)).await {
        Ok(posted) => match look(posted, request_context).await {
            Ok(address) => return Redirect::to(&address).into_response(),
            Err(found) => found,
        },
        Err(error) => return Failure(error.0).into_response(),
    };
    page_with(parts, found).await
}

/// The page of an address, which finds that in its context.
async fn page_with<T: Clone + Send + Sync + 'static>(mut parts: Parts, found: T) -> Response {
    parts.method = Method::GET;
    let with_found = move || {
        context();
        provide_context(found.clone());
    };
    render_app_async_with_context(with_found, app::shell)(Request::from_parts(parts, Body::empty())).await
}

/// What no other route takes: a file of the site, or the page that says that there is nothing.
pub async fn fallback(request: Request) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    if let Some(file) = web::file(method, path, request.headers()) {
        return file;
    }
    let is_page = *method == Method::GET && !["/api/", "/rpc/", "/ws/"].iter().any(|prefix| path.starts_with(prefix));
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !is_page || !accepts.contains("text/html") {
        let path: String = path.chars().take(80).collect();
        return Failure::new(ErrorCode::NotFound, format!("there is nothing at {path}; GET /api/openapi.json lists the operations"))
            .into_response();
    }
    let mut response = render_app_async_with_context(context, app::shell)(request).await;
    // Not a page of ours, whatever the page says: also for those who would be sent to sign in.
    response.headers_mut().remove(header::LOCATION);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// An address that exists and doesn't take the method.
pub async fn method_not_allowed() -> Failure {
    Failure(Error::new(
        ErrorCode::MethodNotAllowed,
        "this address doesn't take that method; the header Allow and /api/docs say which it takes",
    ))
}

/// What pages and server functions know of their request, and the policy that lets only our own scripts run.
fn context() {
    let Some(parts) = use_context::<Parts>() else { return };
    if let Some(context) = parts.extensions.get::<RequestContext>() {
        provide_context(context.clone());
    }
    let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>()) else { return };
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; img-src 'self'; \
         font-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}
