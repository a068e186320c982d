//! Keeps what is known of the engine's containers true: all of them at first and after each break, then event by event.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use bollard::models::EventMessage;
use bollard::query_parameters::{EventsOptions, ListContainersOptions};
use futures::StreamExt;
use tokio::time::{Instant, timeout};

use super::{Link, Shared, words};

/// Between tries to reach the engine; doubled up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest of them.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Between looks whether a socket has come that wasn't there.
const NOT_THERE: Duration = Duration::from_secs(5);
/// Between questions whether the engine is still there.
const PING: Duration = Duration::from_secs(10);
/// How long it may take to say so.
const PING_LIMIT: Duration = Duration::from_secs(5);

/// What happens in a container without changing what it is doing.
const QUIET: [&str; 8] = ["exec_", "attach", "detach", "top", "resize", "export", "archive-path", "extract-to-dir"];
/// Signals that are sent to end something.
const ENDING: [&str; 4] = ["2", "3", "9", "15"];

/// Follows the engine until shutdown.
pub async fn follow(shared: Arc<Shared>) {
    let mut pause = PAUSE;
    loop {
        if !shared.host.is_there() {
            shared.lost(&format!("Docker isn't there: no socket at {}; start the Docker daemon", shared.host.address()));
            tokio::time::sleep(NOT_THERE).await;
            continue;
        }
        let began = Instant::now();
        let reason = match shared.host.connect().await {
            Ok(docker) => keep_up(&shared, docker).await,
            Err(error) => error.message,
        };
        shared.lost(&reason);
        tracing::warn!(reason, "docker_lost");
        pause = if began.elapsed() > LONGEST_PAUSE { PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
        tokio::time::sleep(pause).await;
    }
}

/// Reads everything, then follows the changes; answers why it has ended.
async fn keep_up(shared: &Arc<Shared>, docker: Docker) -> String {
    let described = match timeout(PING_LIMIT, docker.info()).await {
        Ok(Ok(info)) => info,
        Ok(Err(error)) => return format!("Docker doesn't say what it is: {}", words(&error)),
        Err(_) => return silent(),
    };
    // By the engine's own clock: what happens while everything is read comes again.
    let now = described.system_time.as_deref().and_then(|time| time.parse::<api::Timestamp>().ok());
    let since = now.unwrap_or_else(|| shared.core.clock.now()).seconds() - 1;
    shared.set_docker(docker.clone());
    if let Err(reason) = read_all(shared, &docker).await {
        return reason;
    }
    shared.found(Link::Up(format!(
        "Docker {} at {}, cgroup v{}",
        described.server_version.unwrap_or_default(),
        shared.host.address(),
        described.cgroup_version.map(|version| version.to_string()).filter(|version| !version.is_empty()).unwrap_or_else(|| "1".into()),
    )));
    let filters = HashMap::from([("type".to_owned(), vec!["container".to_owned()])]);
    let mut events =
        docker.events(Some(EventsOptions { since: Some(since.to_string()), filters: Some(filters), ..EventsOptions::default() }));
    let listen = async {
        loop {
            match events.next().await {
                Some(Ok(event)) => act(shared, &docker, event).await,
                Some(Err(error)) => return format!("Docker has ended the stream of its events: {}", words(&error)),
                None => return "Docker has ended the stream of its events".into(),
            }
        }
    };
    // Beside it: who hangs while it is asked about what has happened is noticed no later.
    tokio::select! {
        why = listen => why,
        why = until_silent(&docker) => why,
    }
}

/// Asks now and then whether the engine is still there; answers why it isn't.
async fn until_silent(docker: &Docker) -> String {
    let mut pings = tokio::time::interval(PING);
    loop {
        pings.tick().await;
        match timeout(PING_LIMIT, docker.ping()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return format!("Docker is gone: {}", words(&error)),
            Err(_) => return silent(),
        }
    }
}

fn silent() -> String {
    format!("Docker hasn't answered within {} s; is it hung?", PING_LIMIT.as_secs())
}

async fn read_all(shared: &Arc<Shared>, docker: &Docker) -> Result<(), String> {
    let options = ListContainersOptions { all: true, ..ListContainersOptions::default() };
    let listed = match timeout(LONGEST_PAUSE, docker.list_containers(Some(options))).await {
        Ok(Ok(listed)) => listed,
        Ok(Err(error)) => return Err(format!("Docker doesn't list its containers: {}", words(&error))),
        Err(_) => return Err(silent()),
    };
    let ids: Vec<String> = listed.into_iter().filter_map(|summary| summary.id).collect();
    shared.retain(&ids);
    for id in &ids {
        shared.look(docker, id).await;
    }
    Ok(())
}

async fn act(shared: &Arc<Shared>, docker: &Docker, event: EventMessage) {
    let (Some(action), Some(actor)) = (event.action, event.actor) else { return };
    let Some(id) = actor.id else { return };
    if QUIET.iter().any(|quiet| action.starts_with(quiet)) {
        return;
    }
    let signal = actor.attributes.as_ref().and_then(|attributes| attributes.get("signal"));
    match action.as_str() {
        "kill" if signal.is_some_and(|signal| ENDING.contains(&signal.as_str())) => {
            shared.asked(&id);
            shared.look(docker, &id).await;
        }
        "kill" => {}
        "destroy" => shared.gone(&id),
        _ => shared.look(docker, &id).await,
    }
}
