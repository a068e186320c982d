//! What a `.env` text has: which lines look like secrets, what they would be called, and the buttons of the form.

use api::{SecretImportItem, SecretImportOutcome, SecretImportReport};
use leptos::prelude::*;

#[cfg(feature = "hydrate")]
use crate::components::ask;
use crate::components::{Asked, reason_list};
use crate::erase::{Erase, Erased, shown, text};
use crate::path;

/// The buttons: one shows what there is, and once that is shown, the other makes what is ticked.
#[component]
pub fn ImportButtons(
    /// What there is.
    found: RwSignal<Option<Asked<SecretImportReport>>>,
) -> impl IntoView {
    let is_busy = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    let click = move |event: leptos::ev::MouseEvent| ask::<SecretImportReport>(&event, "/rpc/preview_secret_import", found, is_busy, None);
    #[cfg(not(feature = "hydrate"))]
    let click = |_: leptos::ev::MouseEvent| {};
    let label = text(move || if is_busy.get() { "Reading…" } else { "Show what is in it" });
    let make = shown(move || {
        let is_shown = found.with(|found| matches!(found, Some(Ok(_))));
        is_shown.then(|| {
            view! { <button type="submit" class="button" data-kind="primary" name="make" value="true">"Import what is ticked"</button> }
                .erase()
        })
    });
    // Enter in a field presses the first button, which makes nothing.
    view! {
        <div class="form-actions">
            <button type="submit" class="button" formaction=path::IMPORT_SECRETS disabled=move || is_busy.get() on:click=click>{label}</button>
            {make}
        </div>
    }
    .erase()
}

/// What there is, line by line.
#[component]
pub fn Preview(
    /// What there is.
    found: RwSignal<Option<Asked<SecretImportReport>>>,
) -> impl IntoView {
    let content = shown(move || {
        found.get().map(|found| match found {
            Ok(report) => table(report),
            Err(reasons) => reason_list(reasons),
        })
    });
    view! { <div class="form-part">{content}</div> }.erase()
}

fn table(report: SecretImportReport) -> Erased {
    let look = report.items.iter().filter(|item| item.looks_secret).count();
    let count = format!("{look} of {} look like a secret.", report.items.len());
    let rows: Vec<_> = report.items.into_iter().map(row).collect();
    view! {
        <p role="status">{count}</p>
        <div class="table-scroll" tabindex="0" role="region" aria-label="Table of variables">
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col"><span class="visually-hidden">"Import it"</span></th>
                        <th scope="col">"Line"</th>
                        <th scope="col">"Variable"</th>
                        <th scope="col">"Name of the secret"</th>
                        <th scope="col">"What is there"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .erase()
}

fn row(item: SecretImportItem) -> Erased {
    let SecretImportItem { line, variable, name, looks_secret, is_present, outcome } = item;
    let is_picked = outcome != SecretImportOutcome::LeftOut;
    let mark = looks_secret.then(|| view! { " " <span class="badge">"looks like a secret"</span> }.erase());
    let there = if is_present {
        let label = format!("Put the value of {variable} over that of {name}");
        view! {
            <span>
                <a href=path::secret(&name)>{name.clone()}</a> " is there already. "
                <label>
                    <input type="checkbox" name="form[over][]" value=variable.clone() checked=outcome == SecretImportOutcome::Changed aria-label=label />
                    " Put this value over it"
                </label>
            </span>
        }
        .erase()
    } else {
        ().erase()
    };
    view! {
        <tr>
            <td><input type="checkbox" name="form[picked][]" value=variable.clone() checked=is_picked aria-label=format!("Import {variable}") /></td>
            <td>{line}</td>
            <th scope="row" class="wrap"><code>{variable.clone()}</code>{mark}</th>
            <td><div class="field"><input type="text" name=format!("form[names][{variable}]") value=name maxlength="128" autocomplete="off" autocapitalize="none" spellcheck="false" aria-label=format!("Name for {variable}") /></div></td>
            <td class="wrap">{there}</td>
        </tr>
    }
    .erase()
}
