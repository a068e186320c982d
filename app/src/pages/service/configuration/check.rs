//! What the fields of one form share, and looking at what is typed while it is typed.

use std::collections::BTreeMap;

use api::{ConfigurationFormat, Detail, ServiceId};
use leptos::prelude::*;

use super::clash::Meanwhile;
use super::heir::Heir;
use crate::components::{FormFaults, sentence};
use crate::configuration::faulty_name;

/// What the fields of one form share.
#[derive(Clone, Copy)]
pub struct Sheet {
    /// The service.
    pub service: ServiceId,
    /// What is wrong with the form.
    pub faults: RwSignal<Vec<Detail>>,
    /// The same in sentences, by the names of variables.
    pub by_name: Memo<BTreeMap<String, Vec<String>>>,
    /// The fields with this in their words are shown, in small letters.
    pub filter: RwSignal<String>,
    /// The text of all values, when that is what is shown.
    pub raw: RwSignal<Option<String>>,
    /// How that is written.
    pub format: RwSignal<ConfigurationFormat>,
    /// The lines of what is wrong in a text that isn't JSON, by the fields of `faults`.
    pub lines: RwSignal<BTreeMap<String, u64>>,
    #[cfg_attr(not(feature = "hydrate"), allow(dead_code, reason = "only what is alive is typed into"))]
    round: StoredValue<u32>,
    /// What somebody else has saved, brought together with what was typed until then.
    #[cfg_attr(not(feature = "hydrate"), allow(dead_code, reason = "only what is alive is typed into"))]
    pub meanwhile: RwSignal<Option<Meanwhile>>,
    /// What it inherits, when it is of an environment.
    pub heir: StoredValue<Option<Heir>>,
}

impl Sheet {
    /// For the form that this is called in.
    pub fn of_form(service: ServiceId, meanwhile: RwSignal<Option<Meanwhile>>, heir: Option<Heir>) -> Self {
        let FormFaults(faults) = expect_context();
        let by_name = Memo::new(move |_| {
            let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
            faults.with(|faults| {
                for fault in faults {
                    let name = faulty_name(&fault.field).unwrap_or_else(|| fault.field.clone());
                    named.entry(name).or_default().push(sentence(&fault.message));
                }
            });
            named
        });
        Self {
            service,
            faults,
            by_name,
            filter: RwSignal::new(String::new()),
            raw: RwSignal::new(None),
            format: RwSignal::default(),
            lines: RwSignal::default(),
            round: StoredValue::new(0),
            meanwhile,
            heir: StoredValue::new(heir),
        }
    }

    /// What is wrong with the value of that name.
    pub fn wrong(self, name: &str) -> Vec<String> {
        self.by_name.with(|named| named.get(name).cloned().unwrap_or_default())
    }
}

#[cfg(feature = "hydrate")]
pub use alive::{ask_form, form_around, ticked, value_of};

#[cfg(feature = "hydrate")]
mod alive {
    use std::time::Duration;

    use api::ConfigurationFormat;
    use leptos::prelude::*;
    use leptos::task::spawn_local;
    use wasm_bindgen::{JsCast, JsValue};
    use web_sys::{Element, HtmlFormElement};

    use super::Sheet;
    use crate::components::post_form;
    use crate::configuration::json_fault;
    use crate::rpc::CheckedConfiguration;

    /// How long nothing is typed before it is looked at.
    const PAUSE: Duration = Duration::from_millis(400);

    impl Sheet {
        /// Has the form around an element looked at, once nothing more is typed.
        pub fn check_soon(self, inside: &Element) {
            let Some(form) = form_around(inside) else { return };
            // It has become old: saving brings it together anew.
            if self.meanwhile.with_untracked(Option::is_some) {
                self.meanwhile.set(None);
            }
            let round = self.round.get_value() + 1;
            self.round.set_value(round);
            set_timeout(move || spawn_local(self.check(form, round)), PAUSE);
        }

        async fn check(self, form: HtmlFormElement, round: u32) {
            let is_newest = move || self.round.try_get_value() == Some(round);
            if !is_newest() {
                return;
            }
            // What isn't JSON says so itself.
            let is_json = self.format.get_untracked() == ConfigurationFormat::Json;
            if is_json && self.raw.with_untracked(|raw| raw.as_deref().is_some_and(|raw| json_fault(raw).is_some())) {
                self.faults.set(Vec::new());
                return;
            }
            // When there is no answer, saving will tell why.
            if let Ok(checked) = ask_form(&form).await
                && is_newest()
            {
                self.lines.try_set(checked.lines);
                self.faults.try_set(checked.faults);
            }
        }
    }

    /// What a form means, and what is wrong with it.
    pub async fn ask_form(form: &HtmlFormElement) -> Result<CheckedConfiguration, api::Error> {
        let answer = post_form("/rpc/validate_configuration", form).await?;
        serde_json::from_str(&answer).map_err(|_| api::Error::unavailable("the answer can't be read; reload the page"))
    }

    /// The form that an element is in.
    pub fn form_around(inside: &Element) -> Option<HtmlFormElement> {
        inside.closest("form").ok().flatten()?.dyn_into().ok()
    }

    /// The values of the boxes of that name that are ticked in a form.
    pub fn ticked(form: &HtmlFormElement, name: &str) -> Vec<String> {
        let data = web_sys::FormData::new_with_form(form);
        data.map(|data| data.get_all(name).iter().filter_map(|value| value.as_string()).collect()).unwrap_or_default()
    }

    /// What is in the field of that id.
    pub fn value_of(id: &str) -> String {
        let field = document().get_element_by_id(id);
        let value = field.and_then(|field| web_sys::js_sys::Reflect::get(&field, &JsValue::from_str("value")).ok());
        value.and_then(|value| value.as_string()).unwrap_or_default()
    }
}
