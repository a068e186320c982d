//! One service on the first page: as a tile, and as a row when it needs attention.

use api::{Service, Status};
use leptos::prelude::*;

use crate::charts::{Sparkline, Unit};
use crate::components::{HealthMark, ServiceActions, StatusMark};
use crate::erase::{Erase, shown, text};
use crate::path;

/// Name, state, and what it uses.
#[component]
pub fn ServiceTile(
    /// The service.
    service: RwSignal<Service>,
) -> impl IntoView {
    let href = path::service(service.with_untracked(|service| service.id));
    let status = Signal::derive(move || service.with(|service| service.status));
    let health = Signal::derive(move || service.with(|service| service.health_status));
    let figure = move |unit: Unit, part: fn(&Service) -> Option<f64>| {
        text(move || service.with(part).map_or("–".to_owned(), |value| unit.write(value)))
    };
    view! {
        <article class="tile" data-state=text(move || status.get().as_str())>
            <div class="tile-head">
                <a class="tile-link" href=href>{text(move || service.with(|service| service.name.clone()))}</a>
                <StatusMark status=status />
            </div>
            <div class="tile-body">
                <span class="tile-health">
                    {shown(move || (status.get() == Status::Running).then(|| view! { <HealthMark health=health /> }))}
                </span>
                <span class="tile-figures">
                    <span title="CPU">{figure(Unit::Percent, |service| service.resource_usage.cpu_percent)}</span>
                    <span title="Memory">{figure(Unit::Bytes, |service| service.resource_usage.memory_bytes.map(|bytes| bytes as f64))}</span>
                </span>
            </div>
            <Sparkline values=Signal::derive(move || service.with(|service| service.trend.cpu_percent.clone())) floor=5.0 />
        </article>
    }
    .erase()
}

/// Name, state, why, and what can be done.
#[component]
pub fn AttentionRow(
    /// The service.
    service: RwSignal<Service>,
) -> impl IntoView {
    let failure = RwSignal::new(None::<String>);
    let href = path::service(service.with_untracked(|service| service.id));
    let status = Signal::derive(move || service.with(|service| service.status));
    let health = Signal::derive(move || service.with(|service| service.health_status));
    let reason =
        move || service.with(|service| service.status_reason.clone()).unwrap_or_else(|| "Its page shows what is known.".to_owned());
    view! {
        <div class="attention-row">
            <span class="attention-mark">
                {shown(move || {
                    if status.get() == Status::Running {
                        view! { <HealthMark health=health /> }.erase()
                    } else {
                        view! { <StatusMark status=status /> }.erase()
                    }
                })}
            </span>
            <div class="attention-text">
                <a class="attention-link" href=href>{text(move || service.with(|service| service.name.clone()))}</a>
                <p class="attention-reason">{text(reason)}</p>
                <p class="row-failure" role="alert">{text(move || failure.get().unwrap_or_default())}</p>
            </div>
            <ServiceActions service=service failure=failure />
        </div>
    }
    .erase()
}
