//! The state of a service as a shape, a colour and a word.

use crate::erase::{Erase, text};
use api::{Health, Status};
use leptos::prelude::*;

/// The shape of a status on a grid of 12, so that it reads without its colour.
pub const fn status_shape(status: Status) -> &'static str {
    match status {
        Status::Running => r#"<circle cx="6" cy="6" r="4" fill="currentColor" stroke="none"/>"#,
        Status::Stopped => r#"<rect x="2.5" y="2.5" width="7" height="7" rx="1"/>"#,
        Status::Starting => r#"<path d="M6 2a4 4 0 1 1-4 4"/>"#,
        Status::Stopping => r#"<path d="M6 10a4 4 0 1 1 4-4"/>"#,
        Status::Error => r#"<path d="M6 1.6 11 10.4H1Z" fill="currentColor"/>"#,
        Status::Unknown => r#"<circle cx="6" cy="6" r="4" stroke-dasharray="2 2"/>"#,
    }
}

/// The shape of a health on a grid of 12.
const fn health_shape(health: Health) -> &'static str {
    match health {
        Health::Healthy => r#"<path d="m2 6.5 2.8 2.8L10 3.2"/>"#,
        Health::Degraded => r#"<path d="M6 1.8 10.8 10H1.2Z"/><path d="M6 5v2"/>"#,
        Health::Unhealthy => r#"<path d="m2.5 2.5 7 7M9.5 2.5l-7 7"/>"#,
        Health::Unknown => r#"<path d="M2.5 6h7"/>"#,
    }
}

/// What a service is doing.
#[component]
pub fn StatusMark(
    /// The status.
    #[prop(into)]
    status: Signal<Status>,
) -> impl IntoView {
    view! {
        <span class="state-mark" data-state=text(move || status.get().as_str())>
            <svg class="state-mark-shape" viewBox="0 0 12 12" aria-hidden="true" inner_html=move || status_shape(status.get())></svg>
            <span class="state-mark-word">{text(move || status.get().label())}</span>
        </span>
    }
    .erase()
}

/// Whether a service answers its health check.
#[component]
pub fn HealthMark(
    /// The health.
    #[prop(into)]
    health: Signal<Health>,
) -> impl IntoView {
    view! {
        <span class="state-mark" data-health=text(move || health.get().as_str())>
            <svg class="state-mark-shape" viewBox="0 0 12 12" aria-hidden="true" inner_html=move || health_shape(health.get())></svg>
            <span class="state-mark-word">{text(move || health.get().label())}</span>
        </span>
    }
    .erase()
}
