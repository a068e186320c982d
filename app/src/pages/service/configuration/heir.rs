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
    /// The names whose boxes are ticked: fields that become a text and fields again have them still, as those that come back with what was refused.
    ticked: BTreeSet<String>,
}

/// Where a value is from, and the box that makes it the other.
struct Offer {
    words: String,
    /// The field of the form that takes the name, and what it does; none when there is nothing to choose.
    tick: Option<(&'static str, String)>,
}

/// The field of names that are inherited from now on.
const INHERIT: &str = "form[inherit][]";
/// The field of names that are the service's own from now on.
const OWN: &str = "form[own][]";

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

    /// Nothing for a value that is here, and not in the environment before.
    fn offer(&self, name: &str) -> Option<Offer> {
        let base = self.base.as_ref().filter(|_| self.offers.contains(name));
        let again = |words: &str, base: &String| (words.to_owned(), Some((INHERIT, format!("Inherit again from {base}"))));
        let (words, tick) = match (self.origins.get(name), base) {
            (Some(ValueOrigin::Inherited(from)), _) => {
                (format!("Inherited from {}.", from.environment), Some((OWN, "Set here, as it is".to_owned())))
            }
            (Some(ValueOrigin::Unset), Some(base)) => again("Taken out here.", base),
            (Some(ValueOrigin::Own), Some(base)) => again("Set here.", base),
            (_, Some(base)) => (format!("{base} has a value."), Some((INHERIT, format!("Inherit it from {base}")))),
            (Some(ValueOrigin::Own), None) => ("Set here.".to_owned(), None),
            (_, None) => return None,
        };
        Some(Offer { words, tick })
    }

    /// The names of what isn't among `fields` and could be inherited, or is.
    pub fn further(&self, fields: &BTreeSet<String>) -> Vec<String> {
        let inherited = self.origins.iter().filter(|(_, origin)| matches!(origin, ValueOrigin::Inherited(_))).map(|(name, _)| name);
        let all: BTreeSet<_> = inherited.chain(&self.offers).filter(|name| !fields.contains(*name)).cloned().collect();
        all.into_iter().collect()
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
    let Offer { words, tick } = sheet.heir.with_value(|heir| heir.as_ref()?.offer(name))?;
    // What is typed into it makes it its own.
    let is_inherited = tick.as_ref().is_some_and(|(field, _)| *field == OWN);
    let said = text(move || if is_inherited && typed.is_changed() { "Set here, once it is saved.".to_owned() } else { words.clone() });
    let tick = tick.map(|(field, label)| tick_box(name, field, label, sheet));
    Some(view! { <p class="field-hint">{said} " " {tick}</p> }.erase())
}

/// The same for values that have no field of their own.
pub fn further_lines(fields: &BTreeSet<String>, sheet: Sheet) -> Option<Erased> {
    let names = sheet.heir.with_value(|heir| heir.as_ref().map(|heir| heir.further(fields)))?;
    let line = |name: String| {
        let Offer { words, tick } = sheet.heir.with_value(|heir| heir.as_ref()?.offer(&name))?;
        let tick = tick.map(|(field, label)| tick_box(&name, field, label, sheet));
        Some(view! { <p class="field-hint"><samp>{name}</samp>": " {words} " " {tick}</p> }.erase())
    };
    let lines: Vec<_> = names.into_iter().filter_map(line).collect();
    (!lines.is_empty()).then(|| view! { <div>{lines}</div> }.erase())
}

fn tick_box(name: &str, field: &'static str, label: String, sheet: Sheet) -> Erased {
    let is_ticked = sheet.heir.with_value(|heir| heir.as_ref().is_some_and(|heir| heir.ticked.contains(name)));
    let own = name.to_owned();
    let keep = move |event: leptos::ev::Event| {
        sheet.heir.update_value(|heir| {
            if let Some(heir) = heir {
                match event_target_checked(&event) {
                    true => heir.ticked.insert(own.clone()),
                    false => heir.ticked.remove(&own),
                };
            }
        });
    };
    let (name, label) = (name.to_owned(), format!(" {label}"));
    view! { <label><input type="checkbox" name=field value=name checked=is_ticked on:change=keep />{label}</label> }.erase()
}
