//! What the form that led to a page did.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{Icon, Symbol};
use crate::path;

/// Says what `done` in the address stands for; nothing when a form that was sent from there has failed since.
#[component]
pub fn Done() -> impl IntoView {
    let query = use_query_map();
    let text = move || query.with(|query| query.get_str("done").filter(|_| query.get_str("__err").is_none()).and_then(text));
    let has_way_back = move || query.with(|query| query.get_str("done") == Some("deleted"));
    let way_back = move || has_way_back().then(|| view! { <a href=path::DELETED>"Put it back"</a> });
    move || text().map(|text| view! { <p class="done" role="status"><Icon symbol=Symbol::Check />{text}{way_back()}</p> })
}

fn text(done: &str) -> Option<&'static str> {
    let text = match done {
        "session" => "The session has ended.",
        "password" => "The password is changed, and your other sessions have ended.",
        "user-made" => "The user is made and can sign in.",
        "user-changed" => "The user is changed; it works at once.",
        "user-deleted" => "The user is deleted and signed out everywhere.",
        "token-revoked" => "The API token is revoked: it is refused from now on.",
        "saved" => "Saved. What the service is told at its start takes effect when it is restarted.",
        "made" => "The service is made. It runs once it is started.",
        "begun" => "The service is made, and its first start has begun.",
        "deleted" => "The service is deleted.",
        "restored" => "The service is back as it was. It runs once it is started.",
        "purged" => "The service is removed for good.",
        _ => return None,
    };
    Some(text)
}
