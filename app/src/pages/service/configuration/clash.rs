//! Somebody else has saved meanwhile: what they have changed, and how both come together.

use std::collections::BTreeSet;

use api::{Configuration, ConfigurationChange, ServiceId};
use leptos::prelude::*;

use super::change_table::change_table;
use super::value_text;
use crate::components::{Ago, LiveForm};
use crate::configuration::{Clash, Merge};
use crate::erase::{Erase, Erased, text};
use crate::path;

/// What was found when a form was refused because there is a newer version.
#[derive(Clone, Debug)]
pub struct Meanwhile {
    /// What they have saved.
    pub newest: Configuration,
    /// What they have changed since the form was made.
    pub changes: Vec<ConfigurationChange>,
    /// Both brought together.
    pub merge: Merge,
    /// What was typed as the reason of mine.
    pub message: String,
    /// The names of those that I have said are inherited, and of those that are the service's own.
    pub said: [Vec<String>; 2],
    /// Whether mine were fields, which are to be seen again.
    pub to_fields: bool,
}

/// Shows it, and lets one choose.
pub fn meanwhile_panel(id: ServiceId, meanwhile: Meanwhile) -> Erased {
    let Meanwhile { newest, changes, merge, message, said, to_fields } = meanwhile;
    let title = format!("Version {} has been saved meanwhile", newest.version);
    let by = newest.updated_by.clone().map(|by| format!("by {by}")).unwrap_or_default();
    let at = newest.updated_at.map(|at| view! { " "<Ago at /> });
    let said = ["form[inherit][]", "form[own][]"]
        .into_iter()
        .zip(said)
        .flat_map(|(field, names)| names.into_iter().map(move |name| view! { <input type="hidden" name=field value=name /> }.erase()));
    let said = said.collect::<Vec<_>>();
    let theirs = RwSignal::new(BTreeSet::<String>::new());
    let clashes = merge.clashes.iter().map(|clash| choice(clash.clone(), theirs)).collect::<Vec<_>>();
    let about = if clashes.is_empty() {
        "Nothing that you have changed was changed by them: saved on top, both changes count."
    } else {
        "What only one of you has changed counts as it is. You both have changed these; choose whose counts:"
    };
    let raw = text(move || theirs.with(|theirs| serde_json::Value::Object(merge.with_theirs(theirs)).to_string()));
    view! {
        <section class="panel" aria-labelledby="meanwhile-title">
            <header class="panel-head"><h2 class="panel-title" id="meanwhile-title">{title}</h2></header>
            <p class="panel-empty">"Saved "{by}{at}". What you have typed is still below. They have changed:"</p>
            {change_table(changes)}
            <LiveForm action="/rpc/save_configuration" is_wide=true>
                <input type="hidden" name="id" value=id.to_string() />
                <input type="hidden" name="form[version]" value=newest.version.to_string() />
                <input type="hidden" name="form[message]" value=message />
                <input type="hidden" name="form[raw]" value=raw />
                <input type="hidden" name="form[to_fields]" value=to_fields.to_string() />
                {said}
                <div class="form-part"><p>{about}</p>{clashes}</div>
                <div class="form-actions">
                    <button type="submit" class="button" data-kind="primary">"Save mine on top"</button>
                    <a class="button" href=path::configuration(id) rel="external">"Take theirs"</a>
                </div>
            </LiveForm>
        </section>
    }
    .erase()
}

fn choice(clash: Clash, theirs: RwSignal<BTreeSet<String>>) -> Erased {
    let Clash { name, mine, theirs: their } = clash;
    let said = |value: Option<&serde_json::Value>| value.map_or("not set".to_owned(), value_text);
    let options = [(false, "Mine", said(mine.as_ref())), (true, "Theirs", said(their.as_ref()))].map(|(is_theirs, whose, value)| {
        let (group, name) = (format!("clash-{name}"), name.clone());
        let choose = move |_: leptos::ev::Event| {
            theirs.update(|theirs| _ = if is_theirs { theirs.insert(name.clone()) } else { theirs.remove(&name) });
        };
        view! {
            <label><input type="radio" name=group checked=!is_theirs on:change=choose />" "{whose}": "<samp>{value}</samp></label>
        }
        .erase()
    });
    view! { <fieldset class="form-part"><legend><samp>{name}</samp></legend>{options.into_iter().collect_view()}</fieldset> }.erase()
}
