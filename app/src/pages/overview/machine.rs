//! What the machine and Pilothouse itself use.

use api::{Error, SystemPoint, SystemSeries};
use leptos::prelude::*;

use crate::charts::{Sparkline, Unit, decimal};
use crate::components::Failure;
use crate::erase::{Erase, shown};
use crate::rpc::Overview;

/// CPU, memory and disk of the machine, and Pilothouse's own share.
#[component]
pub fn MachinePanel(
    /// The last minutes, or why they can't be read.
    series: RwSignal<Result<SystemSeries, Error>>,
) -> impl IntoView {
    let body = move || match series.get() {
        Ok(SystemSeries { cores, points, .. }) => match points.last().cloned() {
            Some(last) => view! { <Figures last=last points=points cores=cores /> }.erase(),
            None => view! { <p class="panel-empty">"The first figures come within seconds."</p> }.erase(),
        },
        Err(error) => view! { <Failure error=error /> }.erase(),
    };
    view! {
        <section class="panel" aria-labelledby="glance-machine">
            <header class="panel-head">
                <h2 class="panel-title" id="glance-machine">"Machine"</h2>
            </header>
            {shown(body)}
        </section>
    }
}

#[component]
fn Figures(last: SystemPoint, points: Vec<SystemPoint>, cores: u32) -> impl IntoView {
    let recent = &points[points.len().saturating_sub(Overview::STEPS)..];
    let trend =
        |part: fn(&SystemPoint) -> Option<f64>| recent.iter().map(|point| part(point).map(|value| value as f32)).collect::<Vec<_>>();
    let share = |used: u64, total: u64| used as f64 / total.max(1) as f64 * 100.0;
    let cpu = last.host_cpu_percent.map_or("–".to_owned(), |value| Unit::Percent.write(value));
    let memory = share(last.host_memory_used_bytes, last.host_memory_total_bytes);
    let disk = share(last.disk_used_bytes, last.disk_total_bytes);
    let cores = if cores == 1 { "1 core".to_owned() } else { format!("{cores} cores") };
    let of = |used: u64, total: u64| format!("{} of {}", Unit::Bytes.write(used as f64), Unit::Bytes.write(total as f64));
    let own = last.pilothouse_cpu_percent.map_or(String::new(), |value| format!("{} CPU, ", Unit::Percent.write(value)));
    view! {
        <dl class="machine">
            <div class="machine-item">
                <dt>"CPU"</dt>
                <dd><span class="machine-figure">{cpu}</span><span class="machine-note">{cores}", load "{decimal(last.load_1m, 2)}</span></dd>
                <dd class="machine-trend"><Sparkline values=Signal::stored(trend(|point| point.host_cpu_percent)) floor=100.0 /></dd>
            </div>
            <div class="machine-item">
                <dt>"Memory"</dt>
                <dd>
                    <span class="machine-figure">{Unit::Percent.write(memory.round())}</span>
                    <span class="machine-note">{of(last.host_memory_used_bytes, last.host_memory_total_bytes)}</span>
                </dd>
                <dd><Meter percent=memory /></dd>
            </div>
            <div class="machine-item">
                <dt>"Disk"</dt>
                <dd>
                    <span class="machine-figure">{Unit::Percent.write(disk.round())}</span>
                    <span class="machine-note">{of(last.disk_used_bytes, last.disk_total_bytes)}</span>
                </dd>
                <dd><Meter percent=disk /></dd>
            </div>
            <div class="machine-item">
                <dt>"Pilothouse itself"</dt>
                <dd><span class="machine-note">{own}{Unit::Bytes.write(last.pilothouse_memory_bytes as f64)}</span></dd>
            </div>
        </dl>
    }
    .erase()
}

/// A share as a bar; the figure stands beside it.
#[component]
fn Meter(percent: f64) -> impl IntoView {
    let level = match percent {
        ..80.0 => "calm",
        ..92.0 => "high",
        _ => "full",
    };
    view! {
        <svg class="meter" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" data-level=level>
            <rect class="meter-track" x="0" y="0" width="100" height="4"></rect>
            <rect class="meter-fill" x="0" y="0" width=decimal(percent.clamp(0.0, 100.0), 1) height="4"></rect>
        </svg>
    }
}
