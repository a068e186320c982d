//! The form of a secret: a new one, or another value or description. What is typed as a value is only ever sent, never shown again.

use api::{ErrorCode, NamedSecret};
use leptos::prelude::*;

use super::loads::Loads;
use crate::components::{Ago, Field, LiveForm, Takes, faults};
use crate::erase::{Erase, Erased, shown, text};
use crate::path;
use crate::rpc::SecretForm;

/// The fields that both forms have.
#[component]
pub fn SecretFields(
    /// What is in them at first.
    form: SecretForm,
    /// Whether it is a new one.
    is_new: bool,
) -> impl IntoView {
    let SecretForm { name, version, description } = form;
    let (of, hint) = if is_new {
        let name = view! { <Field name="form[name]" label="Name" takes=Takes::Line(128, true) value=name example="orders.db" hint="Letters, digits and _ . -" /> };
        let version = view! { <input type="hidden" name="form[version]" value=version.to_string() /> };
        (view! { {version} {name} }.erase(), "Up to 64 KiB; several lines are fine. It isn't shown again, also not when this is refused.")
    } else {
        (view! { <input type="hidden" name="form[name]" value=name /> }.erase(), "Leave it empty to keep the value that is there.")
    };
    view! {
        <input type="hidden" name="deed" value="put" />
        {of}
        <div class="field">
            <label for="value">{if is_new { "Value" } else { "New value" }}</label>
            <textarea id="value" name="value" rows="3" autocomplete="off" autocapitalize="none" spellcheck="false" aria-describedby="value-hint" required=is_new></textarea>
            <p class="field-hint" id="value-hint">{hint}</p>
        </div>
        <Field name="form[description]" label="Description" takes=Takes::Line(500, false) value=description example="password of the database of orders" />
    }
    .erase()
}

/// The form that changes one. When somebody else has changed it meanwhile, it says who, and what is typed can be saved over that.
#[component]
pub fn ChangeForm(
    /// The secret as it is.
    secret: NamedSecret,
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    let name = secret.name.to_string();
    let tried = loads.outcome(&name).filter(|tried| tried.refused().is_some());
    let error = tried.as_ref().and_then(|tried| tried.refused().cloned());
    let is_old = error.as_ref().is_some_and(|error| error.code == ErrorCode::Conflict);
    let refused = error.map(faults).unwrap_or_default();
    let meanwhile = RwSignal::new(is_old.then(|| secret.clone()));
    let description = tried.map_or_else(|| secret.description.clone().unwrap_or_default(), |tried| tried.form.description);
    let form = SecretForm { name: name.clone(), version: 0, description };
    let begun_with = secret.version;
    let version = text(move || meanwhile.with(|now| now.as_ref().map_or(begun_with, |now| now.version)).to_string());
    view! {
        <section class="panel" aria-labelledby="change-secret">
            <header class="panel-head"><h2 class="panel-title" id="change-secret">"Change"</h2></header>
            <LiveForm action="/rpc/put_secret" plain=path::secret(&name) refused>
                <Meanwhile name begun_with meanwhile />
                <input type="hidden" name="form[version]" value=version />
                <SecretFields form is_new=false />
                <p class="field-hint">"Services that run keep the value that they were started with until they are restarted."</p>
                <button type="submit" class="button" data-kind="primary">"Save"</button>
            </LiveForm>
        </section>
    }
    .erase()
}

/// Who has changed the secret since the form was begun, and to what. It looks whenever the form is refused as a whole.
#[component]
fn Meanwhile(name: String, begun_with: u64, meanwhile: RwSignal<Option<NamedSecret>>) -> impl IntoView {
    #[cfg(feature = "hydrate")]
    look_again(name, begun_with, meanwhile);
    #[cfg(not(feature = "hydrate"))]
    let _ = (name, begun_with);
    shown(move || meanwhile.get().map(changed))
}

fn changed(now: NamedSecret) -> Erased {
    let said = now.description.map_or_else(|| "It has no description now.".to_owned(), |text| format!("Its description is “{text}” now."));
    view! {
        <div class="hint"><p>
            {now.updated_by}" has changed it meanwhile (version "{now.version}", "<Ago at=now.updated_at />"). "{said}
            " What you have typed isn't saved; save again to put it over that."
        </p></div>
    }
    .erase()
}

#[cfg(feature = "hydrate")]
fn look_again(name: String, begun_with: u64, meanwhile: RwSignal<Option<NamedSecret>>) {
    let crate::components::FormFaults(faults) = expect_context();
    Effect::new(move |_| {
        if !faults.with(|faults| faults.iter().any(|fault| fault.field.is_empty())) {
            return;
        }
        let known = meanwhile.with_untracked(|now| now.as_ref().map_or(begun_with, |now| now.version));
        let name = name.clone();
        leptos::task::spawn_local(async move {
            // What can't be asked now is asked when the form is refused again. The page may have been left meanwhile.
            if let Ok(now) = crate::rpc::get_secret(name).await
                && now.version != known
            {
                meanwhile.try_set(Some(now));
            }
        });
    });
}
