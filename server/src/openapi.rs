//! The OpenAPI document: made from the handlers, completed by what holds for all of them.

use api::{ConfigurationsShow, ErrorBody, EventKind, Health, Level, Permission, Range, ServiceSort, Status};
use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, Info, OpenApi, Ref, RefOr, ResponseBuilder, Schema, SecurityRequirement, Tag};

/// The groups of operations, in the order of the document.
const TAGS: [(&str, &str); 15] = [
    ("auth", "Sign-in and sessions."),
    ("tokens", "API tokens: what programs ask with in somebody's name, for months and with fewer rights."),
    ("services", "Services and their life cycle."),
    ("templates", "What services can be made of."),
    ("metrics", "Figures over time."),
    ("logs", "Log lines."),
    ("activity", "What happened."),
    ("users", "Accounts."),
    ("configuration", "What services are told: values by a schema, and every version of them."),
    ("deployments", "Releases, and taking them to where they run."),
    ("secrets", "Values that variables of services refer to by `${secret:NAME}`."),
    ("system", "The health of Pilothouse."),
    (
        "live data",
        "WebSockets: /ws, /ws/dashboard, /ws/services/{id}, /ws/metrics, /ws/events, /ws/logs/{service_id}, /ws/deployments/{deployment_id}.",
    ),
    ("documents", "The API's own documents."),
    ("probes", "For whatever watches Pilothouse."),
];

/// What is said of the API as a whole.
const ABOUT: &str = "Send `Authorization: Bearer TOKEN`: an API token, from POST /api/tokens, or the access token of POST /api/auth/login. Every \
    operation asks for the permission in its `x-permission`, which takes a role and, of an API token, a scope. Every failure has the body `{error_code, message, details, timestamp, request_id}`; `details[].field` is a JSON Pointer into the \
    body, or the name of a query parameter. Times are RFC 3339 in UTC. Lists answer `{items, next_cursor, total}`.";

/// The document before the operations are in it.
pub fn head() -> OpenApi {
    let mut info = Info::new("Pilothouse", env!("CARGO_PKG_VERSION"));
    info.description = Some(ABOUT.into());
    let mut components = Components::new();
    components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    let mut schemas = Vec::new();
    add::<ErrorBody>(&mut schemas);
    // What only query parameters refer to.
    add::<EventKind>(&mut schemas);
    add::<Health>(&mut schemas);
    add::<Level>(&mut schemas);
    add::<Range>(&mut schemas);
    add::<ServiceSort>(&mut schemas);
    add::<ConfigurationsShow>(&mut schemas);
    add::<Status>(&mut schemas);
    components.schemas.extend(schemas);
    let tags = TAGS.map(|(name, about)| {
        let mut tag = Tag::new(name);
        tag.description = Some(about.into());
        tag
    });
    OpenApi::builder().info(info).components(Some(components)).tags(Some(tags)).build()
}

/// The whole document.
pub fn document() -> OpenApi {
    let (_, mut document) = crate::rest::routes().split_for_parts();
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            complete(operation);
        }
    }
    document
}

/// The whole document as indented JSON.
pub fn pretty() -> String {
    document().to_pretty_json().unwrap_or_default()
}

fn add<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete].into_iter().filter_map(Option::as_mut)
}

/// Whether a parameter of the path names the one thing that an operation is about.
fn is_id(parameter: &str) -> bool {
    matches!(parameter, "id" | "name")
}

/// Adds what follows from the operation itself: security, and the failures that it can answer.
fn complete(operation: &mut Operation) {
    let permission =
        operation.extensions.as_ref().and_then(|all| all.get("x-permission")).and_then(|text| text.as_str()).map(str::to_owned);
    let tag = operation.tags.iter().flatten().next().map(|tag| tag.replace(' ', "_")).unwrap_or_default();
    operation.operation_id = operation.operation_id.take().map(|name| format!("{tag}_{name}"));
    let is_open = permission.as_deref() == Some("public");
    let least = Permission::ALL.iter().find(|one| Some(one.as_str()) == permission.as_deref()).map(|one| one.least_role());
    let has_id = operation.parameters.iter().flatten().any(|one| matches!(one, RefOr::T(parameter) if is_id(&parameter.name)));
    let has_input = operation.request_body.is_some() || operation.parameters.as_ref().is_some_and(|all| all.len() > usize::from(has_id));
    if !is_open {
        operation.security = Some(vec![SecurityRequirement::new("bearer", [] as [&str; 0])]);
    }
    let mut fails = |status: &str, about: String| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
        let response = ResponseBuilder::new().description(about).content("application/json", content).build();
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| response.into());
    };
    if !is_open || has_input {
        fails("401", "Nobody is signed in, or the token or password is wrong.".into());
    }
    if let Some(role) = least {
        fails("403", format!("The caller is no {} nor more, or an API token without a scope for it.", role.label()));
    }
    if has_id {
        fails("404", "Nothing has that id.".into());
    }
    if has_input {
        fails("422", "A field or parameter is wrong; `details` says which.".into());
    }
    fails("default", "Any other failure.".into());
}
