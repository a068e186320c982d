//! Templates.

use std::str::FromStr;

use api::{Error, Page, Template, TemplateDetail, is_service_name};
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Ports, json};
use crate::error::Answer;
use crate::extract::Id;
use crate::middleware::SignedIn;
use crate::state::Server;

/// The id of a template in a path; one that can't be is `not_found`.
struct TemplateId(String);

impl FromStr for TemplateId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if is_service_name(text) { Ok(Self(text.to_owned())) } else { Err(Error::not_found("template", text)) }
    }
}

pub fn routes() -> OpenApiRouter<std::sync::Arc<Server>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get))
}

/// Lists the templates that services can be made of, by name.
///
/// A service is made of one by `POST /api/services` with the source `{"template": id, "variables": {..}}`.
#[utoipa::path(get, path = "/api/templates", tag = "templates",
    responses((status = 200, body = Page<Template>, description = "All of them.")),
    extensions(("x-permission" = json!("services:read"))))]
async fn list(State(server): Ports, SignedIn(caller): SignedIn) -> Answer<Json<Page<Template>>> {
    json(server.backend.templates.list(&caller).await?)
}

/// Shows a template with its files, the schema of the configuration of what is made of it, and the services that were.
#[utoipa::path(get, path = "/api/templates/{id}", tag = "templates", params(("id" = String, Path, description = "The template.")),
    responses((status = 200, body = TemplateDetail, description = "The template.")),
    extensions(("x-permission" = json!("services:read"))))]
async fn get(State(server): Ports, SignedIn(caller): SignedIn, Id(TemplateId(id)): Id<TemplateId>) -> Answer<Json<TemplateDetail>> {
    json(server.backend.templates.get(&caller, id).await?)
}
