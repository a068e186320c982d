//! Log lines: pages, and a stream of server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use api::{LogLine, LogQuery, Page, Resume, ServiceId, Topic};
use axum::Json;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use engine::bus::Packet;
use futures::{Stream, StreamExt, stream};
use http::HeaderMap;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Ports, json};
use crate::error::Answer;
use crate::extract::{Id, Params};
use crate::middleware::SignedIn;
use crate::state::Server;

pub fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new().routes(routes!(page)).routes(routes!(follow))
}

/// Lines taken from the feed at a time.
const MOST: usize = 256;

/// Where a stream begins.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct Since {
    /// The number of the last line seen; the header `Last-Event-ID` counts more. Without either, only new lines come.
    since: Option<u64>,
}

/// Shows or searches the log of a service: the newest page unless the query says otherwise.
#[utoipa::path(get, path = "/api/logs/services/{id}", tag = "logs",
    params(("id" = ServiceId, Path, description = "The service."), LogQuery),
    responses((status = 200, body = Page<LogLine>, description = "Lines, oldest first; `next_cursor` leads to older ones.")),
    extensions(("x-permission" = json!("logs:read"))))]
async fn page(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Params(query): Params<LogQuery>,
) -> Answer<Json<Page<LogLine>>> {
    json(server.backend.logs.page(&caller, id, query).await?)
}

/// Follows the log of a service as server-sent events.
///
/// Each message is a line, its event id the line's number. Events of type `hello` and `gap` say where the stream stands and what is missing.
#[utoipa::path(get, path = "/api/logs/services/{id}/stream", tag = "logs",
    params(("id" = ServiceId, Path, description = "The service."), Since,
        ("Last-Event-ID" = Option<u64>, Header, description = "The number of the last line seen.")),
    responses((status = 200, body = LogLine, content_type = "text/event-stream", description = "Lines as they come.")),
    extensions(("x-permission" = json!("logs:read"))))]
async fn follow(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Params(query): Params<Since>,
    headers: HeaderMap,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let resume = Resume { since: last.or(query.since), epoch: None };
    let reader = server.feeds.subscribe(&caller, Topic::Logs(id), &resume).await?;
    let watch = server.watches.begin(caller);
    let packets = stream::unfold(reader, |mut reader| async move { Some((reader.next(MOST).await, reader)) });
    let events = packets.take_until(watch.ended()).flat_map(|packets| stream::iter(packets.into_iter().map(|packet| Ok(event(&packet)))));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

fn event(packet: &Packet) -> Event {
    let event = Event::default().data(String::from_utf8_lossy(packet.data()));
    match packet.kind() {
        "line" => event.id(packet.seq.to_string()),
        kind => event.event(kind),
    }
}
