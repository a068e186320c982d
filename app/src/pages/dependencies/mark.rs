//! How something is that others need: a shape, a colour and a word.

use api::DependencyHealth;
use leptos::prelude::*;

use crate::erase::{Erase, text};

/// Its shape on a grid of 12, so that it reads without its colour.
pub const fn shape(health: DependencyHealth) -> &'static str {
    match health {
        DependencyHealth::Healthy => r#"<path d="m2 6.5 2.8 2.8L10 3.2"/>"#,
        DependencyHealth::Connected => r#"<path d="M1 6h10"/><circle cx="6" cy="6" r="2" fill="currentColor"/>"#,
        DependencyHealth::Degraded => r#"<path d="M6 1.8 10.8 10H1.2Z"/><path d="M6 5v2"/>"#,
        DependencyHealth::Unhealthy => r#"<path d="m2.5 2.5 7 7M9.5 2.5l-7 7"/>"#,
        DependencyHealth::Down => r#"<rect x="2.5" y="2.5" width="7" height="7" rx="1"/>"#,
        DependencyHealth::Unknown => r#"<path d="M2.5 6h7"/>"#,
    }
}

/// How something is that others need.
#[component]
pub fn DependencyMark(
    /// How it is.
    #[prop(into)]
    health: Signal<DependencyHealth>,
) -> impl IntoView {
    view! {
        <span class="state-mark" data-health=text(move || health.get().as_str())>
            <svg class="state-mark-shape" viewBox="0 0 12 12" aria-hidden="true" inner_html=move || shape(health.get())></svg>
            <span class="state-mark-word">{text(move || health.get().label())}</span>
        </span>
    }
    .erase()
}
