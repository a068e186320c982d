//! Where secrets are made of a `.env` text: the text, what it has, and making what is ticked. The text never comes back from the server.

use api::{Permission, SecretImportReport};
use leptos::prelude::*;

use super::loads::Loads;
use super::preview::{ImportButtons, Preview};
use crate::components::{Asked, Empty, LiveForm, PageHead, Symbol, reasons};
use crate::erase::{Erase, Erased, shown};
use crate::path;
use crate::viewer::Viewer;

/// The page of an import.
#[component]
pub fn ImportView(
    /// A text that was posted to this page.
    loads: Loads,
) -> impl IntoView {
    let about =
        "The passwords, keys and tokens of a .env text become secrets, all at once. First you see which of its lines look like some.";
    let content = if expect_context::<Viewer>().may(Permission::SecretsWrite) {
        view! { <ImportForm loads /> }.erase()
    } else {
        view! { <Empty symbol=Symbol::Key title="Not allowed" text=view! { <p>"Your role may not set secrets."</p> }.erase() /> }.erase()
    };
    view! { <PageHead title="Import secrets" about=about.erase() /> <div class="settings">{content} <p><a href=path::SECRETS>"All secrets"</a></p></div> }.erase()
}

/// The form. Without JavaScript it is posted to its own page for the preview, where the text has to be given once more.
#[component]
fn ImportForm(loads: Loads) -> impl IntoView {
    let posted = loads.imported.get_value().map(|tried| tried.report.map_err(|error| reasons(error.0)));
    let is_posted = posted.is_some();
    let found = RwSignal::new(posted);
    #[cfg(feature = "hydrate")]
    on_cleanup(move || _ = loads.imported.try_set_value(None));
    // A preview is of the text of then.
    let forget = move |_: leptos::ev::Event| {
        if found.with_untracked(Option::is_some) {
            found.set(None);
        }
    };
    let again = shown(move || (is_posted && found.with(Option::is_some)).then(paste_again));
    view! {
        <section class="panel settings" aria-label="The text that secrets are made of">
            <LiveForm action="/rpc/import_secrets" plain=path::IMPORT_SECRETS is_wide=true>
                {again}
                <div class="field" on:input=forget>
                    <label for="env">".env text"</label>
                    <textarea id="env" name="env" rows="10" required=true autocomplete="off" autocapitalize="none" spellcheck="false" placeholder="DB_PASSWORD=..\nAPI_KEY=.." aria-describedby="env-hint"></textarea>
                    <p class="field-hint" id="env-hint">"One NAME=value a line; comments, quotes and export are understood. At most 512 KiB and 500 variables."</p>
                </div>
                <FileField found />
                <ImportButtons found />
                <Preview found />
            </LiveForm>
        </section>
    }
    .erase()
}

fn paste_again() -> Erased {
    view! { <p class="hint">"Values don't come back in a page: put the text in once more, tick what you want, and import it."</p> }.erase()
}

/// A file whose text is put into the field; it isn't sent as a file, and needs JavaScript.
#[component]
fn FileField(found: RwSignal<Option<Asked<SecretImportReport>>>) -> impl IntoView {
    let fault = RwSignal::new(None::<&'static str>);
    #[cfg(feature = "hydrate")]
    let read = move |event: leptos::ev::Event| {
        found.set(None);
        reading::read(&event, fault);
    };
    #[cfg(not(feature = "hydrate"))]
    let read = {
        let _ = found;
        |_: leptos::ev::Event| {}
    };
    view! {
        <div class="field needs-script">
            <label for="env-file">"Or a file"</label>
            <input id="env-file" type="file" on:change=read />
            <p class="form-faults" role="alert" hidden=move || fault.with(Option::is_none)>{move || fault.get()}</p>
        </div>
    }
    .erase()
}

#[cfg(feature = "hydrate")]
mod reading {
    use leptos::prelude::*;
    use wasm_bindgen::{JsCast, JsValue};
    use wasm_bindgen_futures::JsFuture;
    use web_sys::js_sys::{Function, Promise, Reflect};

    /// Puts the text of the chosen file into the field.
    pub fn read(event: &leptos::ev::Event, fault: RwSignal<Option<&'static str>>) {
        let Some(input) = event.target() else { return };
        fault.set(None);
        leptos::task::spawn_local(async move {
            if fill(input.into()).await.is_err() {
                fault.try_set(Some("The browser can't read this file any more. Choose it again, or paste its text."));
            }
        });
    }

    async fn fill(input: JsValue) -> Result<(), JsValue> {
        let get = |of: &JsValue, name: &str| Reflect::get(of, &JsValue::from_str(name));
        let file = get(&get(&input, "files")?, "0")?;
        if file.is_undefined() {
            // A choice that was taken back.
            return Ok(());
        }
        let promise: Promise = get(&file, "text")?.dyn_into::<Function>()?.call0(&file)?.dyn_into()?;
        let text = JsFuture::from(promise).await?;
        let Some(field) = document().get_element_by_id("env") else { return Ok(()) };
        Reflect::set(&field, &JsValue::from_str("value"), &text)?;
        Ok(())
    }
}
