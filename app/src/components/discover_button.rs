//! Looks through the services folder.

use api::{DiscoveryReport, Permission};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::wasm_split;

use super::failure::sentence;
use super::{Icon, Notices, Symbol};
use crate::erase::{Erase, text};
use crate::rpc::discover_services;
use crate::viewer::Viewer;

/// A button for those who may; once the page is alive it says what was found.
#[component]
pub fn DiscoverButton() -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    if !viewer.may(Permission::ServicesCreate) {
        return ().erase();
    }
    let notices = expect_context::<Notices>();
    let token = StoredValue::new(viewer.form_token.clone());
    let is_busy = RwSignal::new(false);
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if is_busy.get_untracked() {
            return;
        }
        is_busy.set(true);
        spawn_local(discover(token.get_value(), notices, is_busy));
    };
    view! {
        <form method="post" action="/rpc/discover_services" on:submit=submit>
            <input type="hidden" name="form_token" value=viewer.form_token />
            <button type="submit" class="button" aria-busy=text(move || is_busy.get().to_string())>
                <Icon symbol=Symbol::Refresh />
                "Look for services"
            </button>
        </form>
    }
    .erase()
}

/// Looks, and says what was found; in a part of the bundle that is fetched for it.
#[wasm_split(deeds, wasm_split_path = ::leptos::wasm_split)]
fn discover(form_token: String, notices: Notices, is_busy: RwSignal<bool>) {
    spawn_local(async move {
        match discover_services(form_token).await {
            Ok(report) => notices.good(found(&report)),
            Err(error) => notices.bad(sentence(&error.0.message)),
        }
        is_busy.set(false);
    });
}

/// What was found, in a sentence.
fn found(report: &DiscoveryReport) -> String {
    let Some(folder) = &report.folder else {
        return "No services folder is set: set PILOTHOUSE_SERVICES_DIR and start Pilothouse again.".to_owned();
    };
    let mut text = match report.added.as_slice() {
        [] => format!("Nothing new in {folder}."),
        [one] => format!("Found {one}."),
        [first, rest @ ..] => format!("Found {first} and {} more.", rest.len()),
    };
    if let [first, ..] = report.skipped.as_slice() {
        text.push_str(&format!(" {} passed over: {}: {}.", report.skipped.len(), first.folder, first.reason.trim_end_matches('.')));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::found;
    use api::DiscoveryReport;

    #[test]
    fn a_missing_folder_setting_is_named() {
        assert!(found(&DiscoveryReport::default()).contains("PILOTHOUSE_SERVICES_DIR"));
        let report = DiscoveryReport { folder: Some("/srv".into()), added: vec!["a".into(), "b".into()], ..Default::default() };
        assert_eq!(found(&report), "Found a and 1 more.");
    }
}
