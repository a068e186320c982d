//! A form that posts without JavaScript. Once the page is alive it is sent in the background, so that what was typed is still there
//! when the server refuses it.

use api::{Detail, Error};
use leptos::prelude::*;

use super::failure::sentence;
use crate::erase::{Erase, Erased};
use crate::viewer::Viewer;

/// What is wrong with the form that a field is in.
#[derive(Clone, Copy)]
pub struct FormFaults(pub RwSignal<Vec<Detail>>);

/// What was wrong with a form that was refused.
pub fn faults(error: Error) -> Vec<Detail> {
    if error.details.is_empty() { vec![Detail { field: String::new(), message: error.message }] } else { error.details }
}

/// A form for a server function that redirects when it is done.
#[component]
pub fn LiveForm(
    /// The address of the server function.
    action: &'static str,
    /// Whether its fields stand in two columns where there is room.
    #[prop(default = false)]
    is_wide: bool,
    /// Where it is posted without JavaScript, when that is another address: a page that keeps what was typed.
    #[prop(optional, into)]
    plain: Option<String>,
    /// What was wrong with it when it was posted there.
    #[prop(optional)]
    refused: Vec<Detail>,
    /// How what is wrong is listed above the fields, when not as sentences alone.
    #[prop(optional)]
    summary: Option<fn(FormFaults) -> Erased>,
    /// Its fields and buttons.
    children: Children,
) -> impl IntoView {
    let form_token = expect_context::<Viewer>().form_token;
    let faults = RwSignal::new(refused);
    provide_context(FormFaults(faults));
    let is_busy = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    let submit = {
        let navigate = leptos_router::hooks::use_navigate();
        move |event: leptos::ev::SubmitEvent| sending::send(event, action, faults, is_busy, navigate.clone())
    };
    #[cfg(not(feature = "hydrate"))]
    let submit = |_: leptos::ev::SubmitEvent| {};
    let summary = summary.unwrap_or(sentences)(FormFaults(faults));
    view! {
        <form class="settings-form" data-kind=is_wide.then_some("wide") method="post" action=plain.unwrap_or_else(|| action.into()) on:submit=submit aria-busy=move || is_busy.get().to_string()>
            <input type="hidden" name="form_token" value=form_token />
            {summary}
            {children()}
        </form>
    }
    .erase()
}

fn sentences(FormFaults(faults): FormFaults) -> Erased {
    let list = move || faults.get().into_iter().map(|fault| view! { <li>{sentence(&fault.message)}</li> }.erase()).collect_view();
    view! { <ul class="form-faults" role="alert" hidden=move || faults.with(Vec::is_empty)>{list}</ul> }.erase()
}

#[cfg(feature = "hydrate")]
pub use sending::post_form;

#[cfg(feature = "hydrate")]
mod sending {
    use api::{Detail, ErrorBody};
    use leptos::ev::SubmitEvent;
    use leptos::prelude::*;
    use leptos::task::spawn_local;
    use leptos_router::NavigateOptions;
    use wasm_bindgen::{JsCast, JsValue};
    use wasm_bindgen_futures::JsFuture;
    use web_sys::{FormData, Headers, HtmlFormElement, RequestInit, Response, UrlSearchParams};

    /// What became of a form.
    enum Sent {
        /// It is done, and this page shows it.
        Done(String),
        /// It was refused, for these reasons.
        Refused(Vec<Detail>),
    }

    pub fn send(
        event: SubmitEvent,
        action: &'static str,
        faults: RwSignal<Vec<Detail>>,
        is_busy: RwSignal<bool>,
        navigate: impl Fn(&str, NavigateOptions) + 'static,
    ) {
        let form = event.target().and_then(|target| target.dyn_into::<HtmlFormElement>().ok());
        let Some(body) = form.and_then(|form| body(&form).ok()) else { return };
        event.prevent_default();
        if is_busy.get_untracked() {
            return;
        }
        is_busy.set(true);
        spawn_local(async move {
            let sent = post(action, &body).await.unwrap_or_else(|_| {
                Sent::Refused(super::faults(api::Error::unavailable(
                    "Pilothouse doesn't answer; check that it runs, and send the form again",
                )))
            });
            // The page may have been left meanwhile.
            is_busy.try_set(false);
            match sent {
                Sent::Done(page) => {
                    faults.try_set(Vec::new());
                    navigate(&page, NavigateOptions::default());
                }
                Sent::Refused(reasons) => _ = faults.try_set(reasons),
            }
        });
    }

    fn body(form: &HtmlFormElement) -> Result<UrlSearchParams, JsValue> {
        let data: JsValue = FormData::new_with_form(form)?.into();
        UrlSearchParams::new_with_str_sequence_sequence(&data)
    }

    /// Sends a form in the background, and answers what comes back.
    pub async fn post_form(action: &str, form: &HtmlFormElement) -> Result<String, api::Error> {
        let silent = || api::Error::unavailable("Pilothouse doesn't answer; check that it runs, and try again");
        let body = body(form).map_err(|_| silent())?;
        let response = fetch(action, &body).await.map_err(|_| silent())?;
        let text = read(&response).await.map_err(|_| silent())?;
        if response.ok() {
            return Ok(text);
        }
        let error: ErrorBody = serde_json::from_str(&text).map_err(|_| silent())?;
        Err(api::Error { details: error.details, ..api::Error::new(error.error_code, error.message) })
    }

    async fn fetch(action: &str, body: &UrlSearchParams) -> Result<Response, JsValue> {
        let (init, headers) = (RequestInit::new(), Headers::new()?);
        headers.set("accept", "application/json")?;
        init.set_method("POST");
        init.set_headers(&headers);
        init.set_body(body);
        JsFuture::from(window().fetch_with_str_and_init(action, &init)).await?.dyn_into()
    }

    async fn read(response: &Response) -> Result<String, JsValue> {
        Ok(JsFuture::from(response.text()?).await?.as_string().unwrap_or_default())
    }

    async fn post(action: &str, body: &UrlSearchParams) -> Result<Sent, JsValue> {
        let response = fetch(action, body).await?;
        if response.ok() {
            let page = response.headers().get("location")?;
            return Ok(Sent::Done(page.unwrap_or_else(|| window().location().pathname().unwrap_or_default())));
        }
        let text = read(&response).await?;
        let error: ErrorBody = serde_json::from_str(&text).map_err(|error| JsValue::from_str(&error.to_string()))?;
        Ok(Sent::Refused(super::faults(api::Error { details: error.details, ..api::Error::new(error.error_code, error.message) })))
    }
}
