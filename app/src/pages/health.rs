//! The health of Pilothouse itself.

use api::SystemReport;
use leptos::prelude::*;

use crate::charts::Unit;
use crate::components::{Ago, Failure, HealthMark, PageHead, Skeleton};
use crate::erase::Erase;
use crate::pages::wait::wait;
use crate::rpc::get_system_report;

/// Pilothouse and its parts, each with what to do when it isn't well.
#[component]
pub fn HealthPage() -> impl IntoView {
    let report = Resource::new_blocking(|| (), |()| get_system_report());
    view! {
        <PageHead title="System health" about="Pilothouse itself and the parts it stands on.".erase() />
        <Transition fallback=|| view! { <Skeleton lines=6 /> }.erase()>
            {move || Suspend::new(async move {
                match wait(report).await {
                    Ok(report) => view! { <Report report=report /> }.erase(),
                    Err(error) => view! { <Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

#[component]
fn Report(report: SystemReport) -> impl IntoView {
    let rows = report.parts.into_iter().map(|part| {
        let mut name = part.name;
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        view! {
            <tr>
                <th scope="row">{name}</th>
                <td><HealthMark health=part.health /></td>
                <td class="wrap">{part.message}</td>
                <td class="cell-end">{part.latency_ms.map(|latency| Unit::Millis.write(latency))}</td>
            </tr>
        }
        .erase()
    });
    view! {
        <dl class="facts-line">
            <div><dt>"As a whole"</dt><dd><HealthMark health=report.health /></dd></div>
            <div><dt>"Version"</dt><dd>{report.version}</dd></div>
            <div><dt>"Started"</dt><dd><Ago at=report.started_at /></dd></div>
            <div><dt>"Services"</dt><dd>{report.counts.total}</dd></div>
        </dl>
        <div class="table-frame">
            <div class="table-scroll" tabindex="0" role="region" aria-label="Parts">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Part"</th>
                            <th scope="col">"Health"</th>
                            <th scope="col">"What it says"</th>
                            <th scope="col" class="cell-end">"Last check"</th>
                        </tr>
                    </thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table>
            </div>
        </div>
    }
    .erase()
}
