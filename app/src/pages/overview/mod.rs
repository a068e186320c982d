//! The first page: services at a glance, what needs attention, the machine, and what happened last.

mod machine;
mod summary;
mod tile;

use api::{Event, Health, Service, Status, SystemPoint, SystemSeries, Topic};
use leptos::prelude::*;
use leptos::task::spawn_local;

use self::machine::MachinePanel;
use self::summary::Summary;
use self::tile::{AttentionRow, ServiceTile};
use super::rows::{Row, Rows, Soon};
use super::services::NoServices;
use crate::components::{Ago, DiscoverButton, EventLine, Failure, Icon, PageHead, Skeleton, Symbol};
use crate::erase::{Erase, shown, text};
use crate::live::{Incoming, use_feed};
use crate::pages::wait::wait;
use crate::path;
use crate::rpc::{Overview, get_overview};

/// Services at a glance.
#[component]
pub fn OverviewPage() -> impl IntoView {
    let overview = Resource::new_blocking(|| (), |()| get_overview());
    let about = move || {
        let about = move || overview.get().and_then(|overview| overview.ok()).map(|overview| view! { <About overview=overview /> });
        view! { <Transition fallback=|| ().erase()>{about}</Transition> }
    };
    view! {
        <PageHead title="Overview" about=shown(about).erase() actions=view! { <DiscoverButton /> }.erase() />
        <Transition fallback=|| view! { <Skeleton lines=14 /> }.erase()>
            {move || Suspend::new(async move {
                match wait(overview).await {
                    Ok(overview) => view! { <Glance overview=overview /> }.erase(),
                    Err(error) => view! { <Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
    }
}

/// Which Pilothouse this is, and since when it runs.
#[component]
fn About(overview: Overview) -> impl IntoView {
    view! { <span>"Pilothouse "{overview.version}", started "<Ago at=overview.started_at /></span> }
}

/// The page once its data is there. It goes on by the live feeds; what they don't tell is asked for again when a state changes.
#[component]
fn Glance(overview: Overview) -> impl IntoView {
    let Overview { counts, services, events, system, .. } = overview;
    let rows = Rows::new(services);
    let (counts, events, system) = (RwSignal::new(counts), RwSignal::new(events), RwSignal::new(system));
    let reload = move || {
        spawn_local(async move {
            // A failed reload leaves what is shown; the connection chip says that it is old.
            if let Ok(overview) = get_overview().await {
                rows.replace(overview.services);
                counts.set(overview.counts);
                events.set(overview.events);
                system.set(overview.system);
            }
        });
    };
    let soon = Soon::new(reload);
    rows.follow(|_| false, move || soon.ask(), reload);
    follow_machine(system);
    let is_empty = Memo::new(move |_| rows.get().is_empty());
    view! {
        {shown(move || (!is_empty.get()).then(|| view! { <Summary counts=counts /> }))}
        <div class="glance">
            <div class="glance-main">
                {shown(move || {
                    if is_empty.get() {
                        view! { <NoServices /> }.erase()
                    } else {
                        view! {
                            <Attention rows=rows />
                            <Tiles rows=rows total=Signal::derive(move || counts.get().total) />
                        }
                        .erase()
                    }
                })}
            </div>
            <div class="glance-side">
                <MachinePanel series=system />
                <section class="panel" aria-labelledby="glance-activity">
                    <header class="panel-head">
                        <h2 class="panel-title" id="glance-activity">"Recent activity"</h2>
                        <a class="panel-link" href=path::ACTIVITY>"All activity" <Icon symbol=Symbol::Right /></a>
                    </header>
                    {shown(move || match events.get() {
                        Ok(events) => view! { <RecentEvents events=events /> }.erase(),
                        Err(error) => view! { <Failure error=error /> }.erase(),
                    })}
                </section>
            </div>
        </div>
    }
    .erase()
}

/// Adds the figures of the machine as they come.
fn follow_machine(system: RwSignal<Result<SystemSeries, api::Error>>) {
    use_feed(
        || Some(Topic::Metrics),
        move |incoming| {
            let Incoming::Frame(frame) = incoming else { return };
            if frame.kind == "system"
                && let Some(point) = frame.read::<SystemPoint>()
            {
                system.update(|system| {
                    if let Ok(series) = system {
                        series.points.push(point);
                        let surplus = series.points.len().saturating_sub(Overview::STEPS);
                        series.points.drain(..surplus);
                    }
                });
            }
        },
    );
}

/// The services as tiles.
#[component]
fn Tiles(rows: Rows, total: Signal<u32>) -> impl IntoView {
    let more = move || match total.get().saturating_sub(u32::try_from(rows.get().len()).unwrap_or(u32::MAX)) {
        0 => "All services".to_owned(),
        more => format!("{more} more"),
    };
    view! {
        <section class="panel" aria-labelledby="glance-services">
            <header class="panel-head">
                <h2 class="panel-title" id="glance-services">"Services"</h2>
                <a class="panel-link" href=path::SERVICES>{text(more)} <Icon symbol=Symbol::Right /></a>
            </header>
            <ul class="tiles">
                <For each=move || rows.get() key=|row| row.id let:row>
                    <li><ServiceTile service=RwSignal::from(row.service) /></li>
                </For>
            </ul>
        </section>
    }
    .erase()
}

/// The services that are not well, with why; a quiet line when all are.
#[component]
fn Attention(rows: Rows) -> impl IntoView {
    let unwell = move || rows.get().into_iter().filter(|row| row.service.with(needs_attention)).collect::<Vec<Row>>();
    let count = Memo::new(move |_| unwell().len());
    let note = move || match count.get() {
        0 => "Nothing: every service does what it should".to_owned(),
        count => count.to_string(),
    };
    view! {
        <section class="panel attention" aria-labelledby="glance-attention" data-empty=text(move || (count.get() == 0).to_string())>
            <header class="panel-head">
                <h2 class="panel-title" id="glance-attention">"Needs attention"</h2>
                <span class="panel-note">{text(note)}</span>
            </header>
            <ul class="attention-list">
                <For each=unwell key=|row| row.id let:row>
                    <li><AttentionRow service=RwSignal::from(row.service) /></li>
                </For>
            </ul>
        </section>
    }
    .erase()
}

/// Whether somebody should look at a service.
fn needs_attention(service: &Service) -> bool {
    matches!(service.status, Status::Error | Status::Unknown)
        || (service.status == Status::Running && matches!(service.health_status, Health::Degraded | Health::Unhealthy))
}

/// The newest events.
#[component]
fn RecentEvents(events: Vec<Event>) -> impl IntoView {
    if events.is_empty() {
        return view! { <p class="panel-empty">"Nothing has happened yet."</p> }.erase();
    }
    view! { <ul class="event-list">{events.into_iter().map(|event| view! { <li><EventLine event=event /></li> }).collect_view()}</ul> }
        .erase()
}
