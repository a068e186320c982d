//! What is different between two versions, value by value.

use api::{ConfigurationChange, MASK};
use leptos::prelude::*;

use super::value_text;
use crate::erase::{Erase, Erased};

/// The table; a sentence when nothing is different.
pub fn change_table(changes: Vec<ConfigurationChange>) -> Erased {
    if changes.is_empty() {
        return view! { <p class="panel-empty">"Nothing is different."</p> }.erase();
    }
    let rows = changes.into_iter().map(row).collect::<Vec<_>>();
    view! {
        <div class="table-scroll" tabindex="0" role="region" aria-label="Table of changes">
            <table class="table">
                <thead><tr><th scope="col">"Name"</th><th scope="col">"What"</th><th scope="col">"Before"</th><th scope="col">"After"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .erase()
}

fn row(change: ConfigurationChange) -> Erased {
    view! { <tr>{cells(change)}</tr> }.erase()
}

/// The cells of one value: its name, what becomes of it, what it was and what it is.
pub fn cells(change: ConfigurationChange) -> Erased {
    let word = word(&change);
    let is_secret = change.before == change.after;
    let (before, after) = (shown(change.before.as_ref(), false), shown(change.after.as_ref(), is_secret));
    view! {
        <th scope="row" class="mono">{name(&change.field)}</th>
        <td data-change=word>{word}</td>
        <td class="mono wrap">{before}</td>
        <td class="mono wrap">{after}</td>
    }
    .erase()
}

fn word(change: &ConfigurationChange) -> &'static str {
    match (&change.before, &change.after) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    }
}

fn shown(value: Option<&serde_json::Value>, is_other: bool) -> String {
    match value {
        None => "not set".into(),
        Some(value) if is_other && value.as_str() == Some(MASK) => "another secret".into(),
        Some(value) => value_text(value),
    }
}

/// A pointer as people write it: the parts of an object with dots.
fn name(pointer: &str) -> String {
    let parts = pointer.trim_start_matches('/').split('/').map(|part| part.replace("~1", "/").replace("~0", "~"));
    parts.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use api::ConfigurationChange;
    use serde_json::json;

    use super::{name, shown, word};

    #[test]
    fn a_change_is_said_in_words() {
        let change = |before, after| ConfigurationChange { field: "/A".into(), before, after };
        let words = [change(None, Some(json!(1))), change(Some(json!(1)), None), change(Some(json!(1)), Some(json!(2)))];
        assert_eq!(words.iter().map(word).collect::<Vec<_>>(), ["added", "removed", "changed"]);
        assert_eq!((name("/DB/host"), name("/a~1b")), ("DB.host".into(), "a/b".into()));
        assert_eq!((shown(None, false), shown(Some(&json!(api::MASK)), true)), ("not set".into(), "another secret".into()));
        assert_eq!((shown(Some(&json!("")), false), shown(Some(&json!([1])), false)), ("an empty text".into(), "[1]".into()));
    }
}
