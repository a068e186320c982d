//! Where each value of a service in an environment comes from, at its field.

use std::collections::BTreeSet;

use api::{Configuration, Origins, ValueOrigin};
use leptos::prelude::*;

use super::check::Sheet;
use super::field_view::Typed;
use crate::erase::{Erase, Erased, text};
use crate::rpc::ConfigurationForm;

/// What the fields of a form have to know of what is inherited.
#[derive(Clone, Debug)]
pub struct Heir {
    /// Where each value is from.
    pub origins: Origins,
    /// The environment before, when there is one.
    base: Option<String>,
    /// The names of what it has that isn't inherited here.
    offers: BTreeSet<String>,
    /// The names whose boxes were ticked when the form was refused.
    ticked: BTreeSet<String>,
}

impl Heir {
    /// None for a service that isn't of an environment.
    pub fn of(configuration: &Configuration, typed: Option<&ConfigurationForm>) -> Option<Self> {
        let inheritance = configuration.inheritance.as_ref()?;
        let ticked = typed.iter().flat_map(|form| form.inherit.iter().chain(&form.own)).cloned().collect();
        Some(Self {
            origins: configuration.origins.clone(),
            base: inheritance.base.as_ref().map(|base| base.environment.clone()),
            offers: inheritance.offers.keys().cloned().collect(),
            ticked,
        })
    }
}

/// Where a value comes from, in words.
pub fn origin_words(origin: &ValueOrigin) -> String {
    match origin {
        ValueOrigin::Own => "set here".into(),
        ValueOrigin::Inherited(from) => format!("inherited from {}, version {}", from.environment, from.version),
        ValueOrigin::Unset => "taken out here".into(),
        ValueOrigin::Settings => "in its settings".into(),
        ValueOrigin::File => "in one of its files".into(),
        ValueOrigin::Default => "the default of its schema".into(),
    }
}

/// Where the value of a field is from, and the box that makes it the other: its own, or inherited.
pub fn heir_line(name: &str, typed: Typed, sheet: Sheet) -> Option<Erased> {
    sheet.heir.with_value(|heir| {
        let heir = heir.as_ref()?;
        let is_ticked = heir.ticked.contains(name);
        let (words, field, label) = match (heir.origins.get(name), heir.base.as_ref().filter(|_| heir.offers.contains(name))) {
            (Some(ValueOrigin::Inherited(from)), _) => {
                (format!("Inherited from {}.", from.environment), Some("form[own][]"), "Set here, as it is".to_owned())
            }
            (Some(ValueOrigin::Unset), Some(base)) => {
                ("Taken out here.".to_owned(), Some("form[inherit][]"), format!("Inherit again from {base}"))
            }
            (Some(ValueOrigin::Own), Some(base)) => ("Set here.".to_owned(), Some("form[inherit][]"), format!("Inherit again from {base}")),
            (_, Some(base)) => (format!("{base} has a value."), Some("form[inherit][]"), format!("Inherit it from {base}")),
            (Some(ValueOrigin::Own), None) => ("Set here.".to_owned(), None, String::new()),
            (_, None) => return None,
        };
        // What is typed into it makes it its own.
        let is_inherited = field == Some("form[own][]");
        let said = text(move || if is_inherited && typed.is_changed() { "Set here, once it is saved.".to_owned() } else { words.clone() });
        let (name, label) = (name.to_owned(), format!(" {label}"));
        let tick =
            field.map(|field| view! { <label><input type="checkbox" name=field value=name checked=is_ticked />{label}</label> }.erase());
        Some(view! { <p class="field-hint">{said} " " {tick}</p> }.erase())
    })
}
