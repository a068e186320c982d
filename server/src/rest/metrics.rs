//! Figures over time.

use api::{MetricsQuery, MetricsSeries, ServiceId, SystemSeries};
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Ports, json};
use crate::error::Answer;
use crate::extract::{Id, Params};
use crate::middleware::SignedIn;
use crate::state::Server;

pub fn routes() -> OpenApiRouter<std::sync::Arc<Server>> {
    OpenApiRouter::new().routes(routes!(service)).routes(routes!(system))
}

/// Shows the figures of one service over time.
#[utoipa::path(get, path = "/api/metrics/services/{id}", tag = "metrics",
    params(("id" = ServiceId, Path, description = "The service."), MetricsQuery),
    responses((status = 200, body = MetricsSeries, description = "Its figures.")),
    extensions(("x-permission" = json!("metrics:read"))))]
async fn service(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Params(query): Params<MetricsQuery>,
) -> Answer<Json<MetricsSeries>> {
    json(server.backend.monitoring.service(&caller, id, query).await?)
}

/// Shows the figures of the machine and of Pilothouse itself over time.
#[utoipa::path(get, path = "/api/metrics/system", tag = "metrics", params(MetricsQuery),
    responses((status = 200, body = SystemSeries, description = "The figures.")),
    extensions(("x-permission" = json!("metrics:read"))))]
async fn system(State(server): Ports, SignedIn(caller): SignedIn, Params(query): Params<MetricsQuery>) -> Answer<Json<SystemSeries>> {
    json(server.backend.monitoring.system(&caller, query).await?)
}
