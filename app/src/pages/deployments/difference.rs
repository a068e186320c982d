//! What is different between two releases.

use api::{ConfigurationChange, Release, ReleaseDifference};
use leptos::prelude::*;

use crate::erase::{Erase, Erased};
use crate::pages::service::change_cells;

/// From what to what, in words.
pub fn title(difference: &ReleaseDifference) -> String {
    let from = difference.from.as_ref().map_or_else(|| "nothing".to_owned(), Release::label);
    let to = difference.to.as_ref().map_or_else(|| "what a deployment would make now".to_owned(), Release::label);
    format!("From {from} to {to}")
}

/// What is different: the image, values of settings and configuration, files.
pub fn difference(difference: ReleaseDifference) -> Erased {
    let is_first = difference.from.is_none();
    if difference.is_empty() {
        let text = if is_first { "Nothing ran before, so all of it is new." } else { "Nothing is different." };
        return view! { <p class="panel-empty">{text}</p> }.erase();
    }
    let ReleaseDifference { changes, files, files_total, images, .. } = difference;
    let images = images.map(|(before, after)| {
        view! {
            <dl class="fact-list">
                <div class="fact"><dt>"Image before"</dt><dd><code>{before}</code></dd></div>
                <div class="fact"><dt>"Image after"</dt><dd><code>{after}</code></dd></div>
            </dl>
        }
        .erase()
    });
    let values: Vec<_> = changes
        .into_iter()
        .map(|one| {
            let cells = change_cells(ConfigurationChange { field: one.field, before: one.before, after: one.after });
            view! { <tr>{cells}</tr> }.erase()
        })
        .collect();
    let values = (!values.is_empty()).then(|| {
        let head =
            view! { <th scope="col">"Name"</th><th scope="col">"What"</th><th scope="col">"Before"</th><th scope="col">"After"</th> };
        table("Table of changes", head.erase(), values)
    });
    let more = files_total.saturating_sub(files.len() as u64);
    let rows: Vec<_> = files
        .into_iter()
        .map(|file| {
            let word = file.change.label();
            view! { <tr><th scope="row" class="mono wrap">{file.path}</th><td data-change=word>{word}</td></tr> }.erase()
        })
        .collect();
    let files =
        (!rows.is_empty()).then(|| table("Table of files", view! { <th scope="col">"File"</th><th scope="col">"What"</th> }.erase(), rows));
    let more = match (more, files.is_some()) {
        (0, _) => None,
        (more, true) => Some(format!("and {more} more files")),
        (1, false) => Some("1 file is different".into()),
        (more, false) => Some(format!("{more} files are different")),
    };
    let more = more.map(|text| view! { <p class="panel-empty">{text}</p> }.erase());
    view! { {images}{values}{files}{more} }.erase()
}

fn table(label: &'static str, head: Erased, rows: Vec<Erased>) -> Erased {
    view! {
        <div class="table-scroll configuration" tabindex="0" role="region" aria-label=label>
            <table class="table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>
        </div>
    }
    .erase()
}
