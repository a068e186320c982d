//! Deployments as rows, newest first. What a row shows changes in place, so that the focus stays where it is.

use std::time::Duration;

use api::{Deployment, DeploymentId, DeploymentQuery, Event, Page, Topic};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::mark::DeploymentMark;
use super::{took, what};
use crate::components::{Ago, Clock};
use crate::erase::{Erase, Erased, shown, text};
use crate::live::{Incoming, use_feed};
use crate::pages::rows::Soon;
use crate::path;
use crate::rpc::list_deployments;

/// Between two questions while one of them is under way.
const BEAT: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Row {
    id: DeploymentId,
    deployment: ArcRwSignal<Deployment>,
}

impl Row {
    fn new(deployment: Deployment) -> Self {
        Self { id: deployment.id, deployment: ArcRwSignal::new(deployment) }
    }
}

/// The table; a first page is kept up to date while the component lives.
#[component]
pub fn DeploymentTable(
    /// The deployments.
    page: Page<Deployment>,
    /// Which those are.
    query: DeploymentQuery,
    /// Whether they are all of one service, which is named elsewhere then.
    of_one: bool,
    /// What stands there as long as there are none.
    none: fn() -> Erased,
    /// Hears what they are, each time when they have been asked for anew.
    #[prop(optional)]
    changed: Option<Callback<Vec<Deployment>>>,
) -> impl IntoView {
    let rows = RwSignal::new(page.items.into_iter().map(Row::new).collect::<Vec<_>>());
    if query.cursor.is_none() {
        follow(rows, query, changed);
    }
    let service = (!of_one).then(|| view! { <th scope="col">"Service"</th> });
    let is_empty = Memo::new(move |_| rows.with(Vec::is_empty));
    view! {
        {shown(move || is_empty.get().then(none))}
        <div class=(!of_one).then_some("table-frame") hidden=move || is_empty.get()>
            <div class="table-scroll" tabindex="0" role="region" aria-label="Table of deployments">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"What"</th>
                            {service}
                            <th scope="col">"Status"</th>
                            <th scope="col">"Who"</th>
                            <th scope="col">"When"</th>
                            <th scope="col">"How long"</th>
                            <th scope="col">"Difference"</th>
                        </tr>
                    </thead>
                    <tbody><For each=move || rows.get() key=|row| row.id let:row>{cells(row, of_one)}</For></tbody>
                </table>
            </div>
        </div>
    }
    .erase()
}

fn cells(row: Row, of_one: bool) -> Erased {
    let now = expect_context::<Clock>().0;
    let first = row.deployment.get_untracked();
    let (id, service_id) = (row.id, first.service_id);
    let of = |read: fn(&Deployment) -> String| {
        let deployment = row.deployment.clone();
        text(move || deployment.with(read))
    };
    let label = of(what);
    let name = first.service_name.clone();
    let status = {
        let deployment = row.deployment.clone();
        Signal::derive(move || deployment.with(|one| one.status))
    };
    let lasted = {
        let deployment = row.deployment.clone();
        text(move || deployment.with(|one| one.seconds(now.get())).map_or_else(|| "not begun".to_owned(), took))
    };
    let difference = Memo::new(move |_| row.deployment.with(|one| one.previous_release.zip(one.release.as_ref().map(|one| one.number))));
    let difference = shown(move || {
        let (from, to) = difference.get().filter(|(from, to)| from != to)?;
        let href = path::release_difference(service_id, Some(from), Some(to));
        Some(view! { <a href=href>{format!("{from} → {to}")}<span class="visually-hidden">" of "{name.clone()}</span></a> }.erase())
    });
    let service = (!of_one).then(|| view! { <td><a href=path::deployments_of(service_id)>{first.service_name.clone()}</a></td> }.erase());
    let of_service = (!of_one).then(|| view! { <span class="visually-hidden">" of "{first.service_name.clone()}</span> }.erase());
    let why = (!first.message.is_empty()).then(|| view! { <div class="panel-note">{first.message.clone()}</div> }.erase());
    view! {
        <tr>
            <th scope="row" class="wrap"><a href=path::deployment(id)>{label}{of_service}</a>{why}</th>
            {service}
            <td><DeploymentMark status /></td>
            <td>{first.created_by.clone()}</td>
            <td><Ago at=first.created_at /></td>
            <td>{lasted}</td>
            <td>{difference}</td>
        </tr>
    }
    .erase()
}

/// Asks for them anew when one has been asked for or has ended, and now and then while one is under way.
fn follow(rows: RwSignal<Vec<Row>>, query: DeploymentQuery, changed: Option<Callback<Vec<Deployment>>>) {
    let service = query.service_id;
    let ask = Soon::new(move || {
        let query = query.clone();
        spawn_local(async move {
            // The connection chip says when Pilothouse doesn't answer.
            let Ok(page) = list_deployments(query).await else { return };
            replace(rows, &page.items);
            if let Some(changed) = changed {
                changed.try_run(page.items);
            }
        });
    });
    let again = ask.clone();
    use_feed(
        || Some(Topic::Events),
        move |incoming| {
            let is_ours = |event: &Event| {
                event.kind.as_str().starts_with("deployment.")
                    && (service.is_none() || event.service_id.is_none() || event.service_id == service)
            };
            match incoming {
                Incoming::Frame(frame) if !frame.read().as_ref().is_some_and(is_ours) => {}
                _ => ask.ask(),
            }
        },
    );
    let is_moving = Memo::new(move |_| rows.with(|rows| rows.iter().any(|row| row.deployment.with(|one| !one.status.is_over()))));
    Effect::new(move |_| {
        let again = again.clone();
        if is_moving.get()
            && let Ok(handle) = set_interval_with_handle(move || again.ask(), BEAT)
        {
            on_cleanup(move || handle.clear());
        }
    });
}

/// Shows these instead; those that are shown already keep their rows. Does nothing when the page has been left meanwhile.
fn replace(rows: RwSignal<Vec<Row>>, deployments: &[Deployment]) {
    let Some(shown) = rows.try_get_untracked() else { return };
    let row = |deployment: &Deployment| {
        let Some(row) = shown.iter().find(|row| row.id == deployment.id) else { return Row::new(deployment.clone()) };
        // A release may be kept no more, or run no more, without a change of the deployment itself.
        let is_other = |shown: &Deployment| deployment.revision >= shown.revision && deployment != shown;
        if row.deployment.with_untracked(is_other) {
            row.deployment.set(deployment.clone());
        }
        row.clone()
    };
    let new: Vec<_> = deployments.iter().map(row).collect();
    if new.iter().map(|row| row.id).ne(shown.iter().map(|row| row.id)) {
        rows.set(new);
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use api::{Deployment, DeploymentStatus};
    use leptos::prelude::{GetUntracked, Owner, RwSignal};

    use super::{Row, replace};
    use crate::fake::deployment;

    #[test]
    fn a_row_stays_and_shows_only_what_is_newer() {
        Owner::new().with(|| {
            let begun = deployment(1, DeploymentStatus::Running);
            let rows = RwSignal::new(vec![Row::new(begun.clone())]);
            let kept = rows.get_untracked()[0].deployment.clone();
            replace(rows, &[Deployment { revision: 9, status: DeploymentStatus::Succeeded, ..begun.clone() }]);
            replace(rows, &[deployment(2, DeploymentStatus::Pending), begun]);
            assert_eq!(kept.get_untracked().status, DeploymentStatus::Succeeded, "what comes late undoes nothing");
            assert_eq!(rows.get_untracked().len(), 2);
        });
    }
}
