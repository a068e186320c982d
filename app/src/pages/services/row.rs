//! One service as a row of the table.

use std::collections::BTreeMap;

use api::{Service, Status, write_label};
use leptos::prelude::*;

use super::choice::ChoiceBox;
use crate::charts::{Sparkline, Unit};
use crate::components::{Ago, HealthMark, ServiceActions, StatusMark};
use crate::erase::{Erase, Erased, shown};
use crate::path;
use crate::viewer::Viewer;

/// What stands for a figure that isn't known.
const NONE: &str = "–";

/// A row; each cell changes by itself.
#[component]
pub fn ServiceRow(
    /// The service.
    service: RwSignal<Service>,
) -> impl IntoView {
    let failure = RwSignal::new(None);
    let (id, name) = service.with_untracked(|service| (service.id, service.name.clone()));
    // Without the box before it and the text below.
    let (href, name_id) = (path::service(id), format!("name-{id}"));
    let labelled_by = name_id.clone();
    let labels = Memo::new(move |_| service.with(|service| service.labels.clone()));
    let status = Signal::derive(move || service.with(|service| service.status));
    let health = Signal::derive(move || service.with(|service| service.health_status));
    let reason = move || service.with(|service| service.status_reason.clone());
    let figure =
        move |unit: Unit, part: fn(&Service) -> Option<f64>| move || service.with(part).map_or(NONE.to_owned(), |value| unit.write(value));
    let rate = move || match service.with(|service| service.traffic) {
        Some(traffic) => Unit::Rate.write(traffic.request_rate).replace(" req", " "),
        None => NONE.to_owned(),
    };
    let has_errors = move || service.with(|service| service.traffic.and_then(|traffic| traffic.error_rate).is_some_and(|rate| rate > 0.0));
    view! {
        <tr class="service-row" data-state=move || status.get().as_str()>
            <th scope="row" class="cell-name" aria-labelledby=labelled_by>
                <span class="service-name">
                    <ChoiceBox id name />
                    <a class="service-link" id=name_id href=href>{move || service.with(|service| service.name.clone())}</a>
                    {move || service.with(|service| service.is_demonstration).then(|| view! { <span class="badge">"Demonstration"</span> })}
                    {shown(move || label_links(&labels.get()))}
                </span>
                <span class="service-about">{move || service.with(|service| service.description.clone())}</span>
                <span class="row-failure" role="alert">{move || failure.get()}</span>
            </th>
            <td class="cell-status">
                <StatusMark status=status />
                <span class="service-reason" title=move || reason().unwrap_or_default()>{reason}</span>
            </td>
            <td class="cell-health">
                {move || {
                    if matches!(status.get(), Status::Running | Status::Starting) {
                        view! { <HealthMark health=health /> }.erase()
                    } else {
                        view! { <span class="none">{NONE}</span> }.erase()
                    }
                }}
            </td>
            <td class="cell-figure" data-label="CPU">
                <span class="figure">{figure(Unit::Percent, |service| service.resource_usage.cpu_percent)}</span>
                <Sparkline values=Signal::derive(move || service.with(|service| service.trend.cpu_percent.clone())) floor=5.0 />
            </td>
            <td class="cell-number" data-label="Memory">{figure(Unit::Bytes, |service| service.resource_usage.memory_bytes.map(|bytes| bytes as f64))}</td>
            <td class="cell-figure" data-label="Requests">
                <span class="figure">{rate}</span>
                <Sparkline values=Signal::derive(move || service.with(|service| service.trend.request_rate.clone())) />
            </td>
            <td class="cell-number" data-label="Errors" data-tone=move || has_errors().then_some("bad")>
                {figure(Unit::Share, |service| service.traffic.and_then(|traffic| traffic.error_rate))}
            </td>
            <td class="cell-port" data-label="Port">
                <PortLink service=service />
            </td>
            <td class="cell-changed" data-label="Changed">
                <Ago at=Signal::derive(move || service.with(|service| service.last_updated)) />
            </td>
            <td class="cell-actions">
                <ServiceActions service=service failure=failure />
            </td>
        </tr>
    }
    .erase()
}

/// The labels of a service, each of which leads to the services that have it.
fn label_links(labels: &BTreeMap<String, String>) -> Erased {
    if labels.is_empty() {
        return ().erase();
    }
    let links = labels.iter().map(|(name, value)| {
        let label = write_label(name, value);
        let href = format!("{}?label={}", path::SERVICES, path::escape(&label));
        view! { <a class="label" href=href>{label}</a> }
    });
    view! { <span class="service-labels">{links.collect_view()}</span> }.erase()
}

/// The port; a link while the service runs.
#[component]
pub fn PortLink(
    /// The service.
    service: RwSignal<Service>,
) -> impl IntoView {
    let viewer = StoredValue::new(expect_context::<Viewer>());
    let port = Memo::new(move |_| service.with(|service| (service.port, service.status == Status::Running, service.name.clone())));
    move || match port.get() {
        (Some(port), is_running, name) => match viewer.with_value(|viewer| viewer.service_url(port)).filter(|_| is_running) {
            Some(url) => {
                let label = format!("Open {name} on port {port} in a new tab");
                view! { <a class="port" href=url target="_blank" rel="noopener noreferrer external" aria-label=label>{port}</a> }.erase()
            }
            None => view! { <span class="port">{port}</span> }.erase(),
        },
        (None, ..) => view! { <span class="none">{NONE}</span> }.erase(),
    }
}
