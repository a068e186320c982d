//! How a service goes from one release to the next: a part of its settings, and of the form that sets it up in an environment.

use api::Strategy;
use leptos::prelude::*;

use crate::components::{Field, Takes};
use crate::erase::{Erase, Erased};
use crate::rpc::RolloutForm;

/// The fields.
pub fn rollout_fields(form: RolloutForm) -> Erased {
    let option =
        |one: &Strategy| view! { <option value=one.as_str() selected=form.strategy == one.as_str()>{one.words()}</option> }.erase();
    let options = Strategy::ALL.iter().map(option).collect::<Vec<_>>();
    view! {
        <fieldset class="form-part" id="rollout">
            <legend>"Releases"</legend>
            <p class="field-hint">"How it goes from one release to the next, unless a deployment says otherwise. With several replicas they are replaced one after the other, or so many at a time."</p>
            <div class="field">
                <label for="form[rollout][strategy]">"Strategy"</label>
                <select id="form[rollout][strategy]" name="form[rollout][strategy]" class="plain-select"><option value="">"What goes without a break"</option>{options}</select>
            </div>
            <div class="form-row">
                <Field name="form[rollout][surge]" label="More of them meanwhile" takes=Takes::NumberOrNothing(0, 20) value=form.surge example="0" hint="Of what runs: first in, last out." />
                <Field name="form[rollout][unavailable]" label="Replicas away at a time" takes=Takes::NumberOrNothing(0, 20) value=form.unavailable example="1" hint="0 takes more of them meanwhile." />
            </div>
        </fieldset>
    }
    .erase()
}
