//! What would become of many configurations: what is wrong first, then each value that would be different, and what is restarted.

use api::{BulkOutcome, BulkReport, ConfigurationImported};
use leptos::prelude::*;

use super::apply::in_order;
use super::services;
use crate::erase::{Erase, Erased};
use crate::pages::service::change_cells;
use crate::path;

/// Rows of changes, and faults, that are shown; the others are counted.
const ROWS: usize = 200;

/// Whether it could be saved.
pub fn can_be_saved(items: &[ConfigurationImported]) -> bool {
    items.iter().all(|one| one.faults.is_empty()) && items.iter().any(|one| !one.changes.is_empty())
}

/// What would become of each.
pub fn outcome(items: Vec<ConfigurationImported>, restart: Option<BulkReport>) -> Erased {
    let (all, changed) = (items.len(), items.iter().filter(|one| !one.changes.is_empty()).count());
    let faulty = items.iter().filter(|one| !one.faults.is_empty()).count();
    let words = match (faulty, changed) {
        (0, 0) => "Nothing would be different.".to_owned(),
        (0, changed) => format!("It changes {}, and leaves {} as they are.", services(changed), all - changed),
        (faulty, _) => format!("{} refuse it, so nothing can be saved.", services(faulty)),
    };
    let faults = items.iter().flat_map(|one| one.faults.iter().map(|fault| (one.service_name.clone(), fault.message.clone())));
    let faults: Vec<_> = faults.take(ROWS).map(|(name, message)| view! { <li>{name}": "{message}</li> }.erase()).collect();
    let faults = (!faults.is_empty()).then(|| view! { <ul class="form-faults">{faults}</ul> }.erase());
    let count: usize = items.iter().map(|one| one.changes.len()).sum();
    let rows: Vec<_> = items.into_iter().flat_map(rows).take(ROWS).collect();
    let more = (count > ROWS).then(|| view! { <p class="panel-note">{format!("and {} more changes", count - ROWS)}</p> }.erase());
    let table = (!rows.is_empty()).then(|| table(rows));
    view! { <p role="status">{words}</p> {faults} {table} {more} {restart.map(order)} }.erase()
}

fn rows(one: ConfigurationImported) -> Vec<Erased> {
    let (id, name) = (one.service_id, one.service_name);
    let row = |change| view! { <tr><td><a href=path::configuration(id)>{name.clone()}</a></td>{change_cells(change)}</tr> }.erase();
    one.changes.into_iter().map(row).collect()
}

fn table(rows: Vec<Erased>) -> Erased {
    view! {
        <div class="table-scroll configuration" tabindex="0" role="region" aria-label="Table of changes">
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">"Service"</th>
                        <th scope="col">"Name"</th>
                        <th scope="col">"What"</th>
                        <th scope="col">"Before"</th>
                        <th scope="col">"After"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .erase()
}

/// Which services are restarted after that, in their order.
fn order(report: BulkReport) -> Erased {
    let planned = in_order(report.items).into_iter().filter(|item| item.outcome == BulkOutcome::Planned);
    let steps: Vec<_> = planned.map(|item| format!("{} (step {})", item.name, item.step)).collect();
    let words = match steps.len() {
        0 => "None of them runs, so none is restarted.".to_owned(),
        _ => format!("Restarted after that: {}.", steps.join(", ")),
    };
    view! { <p>{words}</p> }.erase()
}
