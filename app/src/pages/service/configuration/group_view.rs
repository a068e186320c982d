//! Fields that stand together.

use leptos::prelude::*;

use super::check::Sheet;
use super::field_view::{Typed, field_view};
use crate::configuration::{Field, Group};
use crate::erase::{Erase, Erased, text};

/// A group whose fields begin with what `typed` says of each. It is open at first, or only when something in it is wrong or has changed.
pub fn group_view(group: Group, typed: impl Fn(&Field) -> Typed, is_open: bool, sheet: Sheet) -> Erased {
    let names: Vec<String> = group.fields.iter().map(|field| field.name.clone()).collect();
    let all_typed: Vec<Typed> = group.fields.iter().map(typed).collect();
    let fields = group.fields.into_iter().zip(all_typed.clone()).map(|(field, typed)| field_view(field, typed, sheet)).collect::<Vec<_>>();
    let Some(title) = group.title else { return view! { <div class="form-part">{fields}</div> }.erase() };
    let wrong =
        Memo::new(move |_| sheet.by_name.with(|named| names.iter().filter_map(|name| named.get(name)).map(Vec::len).sum::<usize>()));
    let changed = Memo::new(move |_| all_typed.iter().filter(|typed| typed.is_changed()).count());
    // Once open it isn't folded by itself.
    let is_wanted = Memo::new(move |was: Option<&bool>| {
        was == Some(&true) || is_open || wrong.get() > 0 || changed.get() > 0 || sheet.filter.with(|filter| !filter.is_empty())
    });
    let counts = text(move || {
        let wrong = Some(wrong.get()).filter(|wrong| *wrong > 0).map(|wrong| format!("{wrong} to mend"));
        let changed = Some(changed.get()).filter(|changed| *changed > 0).map(|changed| format!("{changed} not saved"));
        let counts = [wrong, changed].into_iter().flatten().collect::<Vec<_>>().join(", ");
        if counts.is_empty() { counts } else { format!(" · {counts}") }
    });
    view! {
        <details class="form-part" open=move || is_wanted.get()>
            <summary>{title}<span class="panel-note" data-wrong=text(move || if wrong.get() > 0 { "true" } else { "false" })>{counts}</span></summary>
            <div class="form-part">{fields}</div>
        </details>
    }
    .erase()
}
