//! A service of the store as the catalog shows it, before anything is known of what it does.

use std::sync::Arc;

use api::{Desired, Health, ResourceUsage, Service, Source, Status, Trend};

use super::launch::derived;
use crate::Entry;
use crate::store::services::ServiceRow;

/// What the catalog shows of a row. One that should run is `unknown` until its runtime has been asked.
pub(super) fn entry(row: &ServiceRow) -> Entry {
    let is_demonstration = matches!(row.spec.source, Source::Demonstration { .. });
    let (status, status_reason) = match row.desired {
        Desired::Running => (Status::Unknown, Some("it is being looked for".into())),
        Desired::Stopped => at_rest(row),
    };
    let service = Service {
        id: row.id,
        name: row.name.clone(),
        template_type: template_type(row),
        runtime: row.spec.runtime,
        status,
        status_reason,
        desired: row.desired,
        health_status: Health::Unknown,
        // What runs has the port of its last start, whatever its folder says by now.
        port: row.port.filter(|_| row.desired == Desired::Running).or_else(|| port(row)),
        url: None,
        description: description(row),
        version: row.found.as_ref().and_then(|found| found.version.clone()),
        created_at: row.created_at,
        last_updated: row.last_updated,
        started_at: None,
        restarts: Default::default(),
        resource_usage: ResourceUsage::default(),
        traffic: None,
        trend: Trend::default(),
        labels: row.spec.labels.clone(),
        is_demonstration,
        revision: 0,
    };
    Entry {
        service,
        spec: row.spec.clone(),
        command: command(row),
        pids: Vec::new(),
        listening_ports: Vec::new(),
        container: None,
        last_exit: row.last_exit.clone(),
        checks: Arc::default(),
        metrics_hint: None,
        variables_problem: problem(row),
        diagnosis: Vec::new(),
        json: Default::default(),
    }
}

fn problem(row: &ServiceRow) -> Option<api::VariablesProblem> {
    row.unopened.as_ref().map(|unopened| unopened.problem.clone())
}

/// Brings what the row says into an entry whose service may run.
pub(super) fn refresh(entry: &mut Entry, row: &ServiceRow) {
    entry.spec = row.spec.clone();
    entry.variables_problem = problem(row);
    entry.command = command(row);
    let service = &mut entry.service;
    service.name.clone_from(&row.name);
    service.template_type = template_type(row);
    service.description = description(row);
    service.version = row.found.as_ref().and_then(|found| found.version.clone());
    service.desired = row.desired;
    service.labels.clone_from(&row.spec.labels);
    match service.status {
        Status::Running if service.url.is_some() => {
            let address = entry.address();
            entry.service.url = address;
        }
        Status::Running | Status::Stopping | Status::Starting => {}
        Status::Stopped => {
            service.port = port(row);
            (service.status, service.status_reason) = at_rest(row);
        }
        Status::Error | Status::Unknown => service.port = port(row),
    }
}

/// What a service is that isn't wanted and doesn't run.
pub(super) fn at_rest(row: &ServiceRow) -> (Status, Option<String>) {
    match (&row.spec.source, &row.folder) {
        (Source::Container { container }, _) if row.is_missing => {
            (Status::Error, Some(format!("there is no container '{container}' any more; make it again, or delete the service")))
        }
        (_, Some(folder)) if row.is_missing => {
            (Status::Error, Some(format!("its folder '{folder}' is gone; put it back, or delete the service")))
        }
        _ => (Status::Stopped, None),
    }
}

/// The port that it will be given if that is free.
fn port(row: &ServiceRow) -> Option<u16> {
    row.spec.port.or_else(|| row.found.as_ref()?.port).or(row.port)
}

fn template_type(row: &ServiceRow) -> String {
    match &row.spec.source {
        Source::Folder { .. } => row.found.as_ref().map_or("python", |found| &found.template_type).to_owned(),
        Source::Command { .. } => "command".into(),
        Source::Repository { .. } => "repository".into(),
        Source::Image { .. } => "image".into(),
        Source::Build { .. } => "dockerfile".into(),
        Source::Container { .. } => "container".into(),
        Source::Demonstration { .. } => "demonstration".into(),
        Source::Proxy { .. } => "proxy".into(),
    }
}

fn description(row: &ServiceRow) -> Option<String> {
    row.description.clone().or_else(|| row.found.as_ref()?.description.clone())
}

pub(super) fn command(row: &ServiceRow) -> Option<Vec<String>> {
    row.spec.command.clone().or_else(|| match &row.spec.source {
        Source::Folder { .. } => row.found.as_ref().map(|found| derived(&row.spec, found)),
        Source::Command { command, .. } => Some(command.clone()),
        Source::Image { .. } | Source::Build { .. } | Source::Container { .. } | Source::Repository { .. } => None,
        Source::Proxy { .. } => Some(["pilothouse", "proxy", "--port", "$PORT"].map(String::from).into()),
        Source::Demonstration { .. } => Some(["pilothouse", "demo-service", "--port", "$PORT"].map(String::from).into()),
    })
}
