//! Taking a configuration elsewhere as a file, and bringing one in.

use api::{ConfigurationFormat, ServiceId};
use leptos::prelude::*;

use crate::components::{Field, LiveForm, Takes};
use crate::erase::Erase;

/// Links to the newest values as files.
#[component]
pub fn Exports(
    /// The service.
    id: ServiceId,
) -> impl IntoView {
    let links = ConfigurationFormat::ALL.map(|format| {
        let href = format!("/api/config/services/{id}/export?format={format}");
        view! { <a class="button" href=href download="" rel="external">{format.label()}</a> }.erase()
    });
    view! {
        <details class="panel panel-empty">
            <summary>"Export…"</summary>
            <p>"The newest version that is saved, as a file. Secrets are ******** in it; imported again, that keeps them."</p>
            <div class="form-actions">{links.into_iter().collect_view()}</div>
        </details>
    }
    .erase()
}

/// Saves a text as a new version.
#[component]
pub fn ImportForm(
    /// The service.
    id: ServiceId,
) -> impl IntoView {
    let formats = ConfigurationFormat::ALL.map(|format| view! { <option value=format.as_str()>{format.label()}</option> }.erase());
    let fault = RwSignal::new(None::<&'static str>);
    #[cfg(feature = "hydrate")]
    let choose = move |event: leptos::ev::Event| take_file(&event, fault);
    #[cfg(not(feature = "hydrate"))]
    let choose = |_: leptos::ev::Event| {};
    view! {
        <details class="panel panel-empty">
            <summary>"Import…"</summary>
            <LiveForm action="/rpc/import_configuration">
                <input type="hidden" name="id" value=id.to_string() />
                <p>"All of it is checked before anything is saved. It is a new version: you are shown what it has changed, and can go back. What is typed above and not saved is lost."</p>
                <div class="field needs-script">
                    <label for="import-file">"File"</label>
                    <input id="import-file" type="file" accept=".json,.yaml,.yml,.toml,.env,text/plain" on:change=choose />
                    <p class="form-faults" role="alert" hidden=move || fault.with(Option::is_none)>{move || fault.get()}</p>
                </div>
                <Field name="text" label="Text" takes=Takes::Lines value="" example="PORT=8000" />
                <div class="field">
                    <label for="format">"Format"</label>
                    <select id="format" name="format">{formats.into_iter().collect_view()}</select>
                </div>
                <div class="field">
                    <label for="mode">"Values that it doesn't have"</label>
                    <select id="mode" name="mode">
                        <option value="merge">"stay"</option>
                        <option value="replace">"are taken out"</option>
                    </select>
                </div>
                <div class="field">
                    <label for="import-message">"Why it is imported"</label>
                    <input id="import-message" name="message" type="text" maxlength="500" autocomplete="off" />
                </div>
                <button type="submit" class="button">"Import"</button>
            </LiveForm>
        </details>
    }
    .erase()
}

#[cfg(feature = "hydrate")]
pub use file::take as take_file;

#[cfg(feature = "hydrate")]
mod file {
    use api::ConfigurationFormat;
    use leptos::prelude::*;
    use leptos::task::spawn_local;
    use wasm_bindgen::{JsCast, JsValue};
    use wasm_bindgen_futures::JsFuture;
    use web_sys::HtmlInputElement;

    /// Puts the text of the file that was chosen into the form, and its format.
    pub fn take(event: &leptos::ev::Event, fault: RwSignal<Option<&'static str>>) {
        fault.set(None);
        let Some(input) = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok()) else { return };
        let Some(file) = input.files().and_then(|files| files.get(0)) else { return };
        let name = file.name().to_ascii_lowercase();
        let by_name = [
            (".json", ConfigurationFormat::Json),
            (".yaml", ConfigurationFormat::Yaml),
            (".yml", ConfigurationFormat::Yaml),
            (".toml", ConfigurationFormat::Toml),
        ];
        let format = by_name.into_iter().find(|(end, _)| name.ends_with(end)).map_or(ConfigurationFormat::Env, |(_, format)| format);
        spawn_local(async move {
            let Ok(text) = JsFuture::from(file.text()).await else {
                fault.try_set(Some("The browser can't read this file any more. Choose it again, or paste its text."));
                return;
            };
            set("text", &text);
            set("format", &JsValue::from_str(format.as_str()));
        });
    }

    fn set(id: &str, value: &JsValue) {
        if let Some(field) = document().get_element_by_id(id) {
            let _ = web_sys::js_sys::Reflect::set(&field, &JsValue::from_str("value"), value);
        }
    }
}
