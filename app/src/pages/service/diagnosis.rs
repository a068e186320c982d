//! Why a service isn't well, and what mends it.

use leptos::prelude::*;

use super::watch::Watched;
use crate::components::{Icon, Symbol};

/// The causes with what shows them and what mends them; nothing while the service is well.
#[component]
pub fn DiagnosisPanel(
    /// The service.
    watched: Watched,
) -> impl IntoView {
    let causes = Memo::new(move |_| watched.detail.with(|detail| detail.diagnosis.clone()));
    let list = |class: &'static str, items: Vec<String>| {
        (!items.is_empty()).then(|| {
            let items = items.into_iter().map(|item| view! { <li>{item}</li> }).collect_view();
            view! { <ul class=class>{items}</ul> }
        })
    };
    move || {
        let causes = causes.get();
        (!causes.is_empty()).then(|| {
            let causes = causes.into_iter().map(|cause| {
                view! {
                    <div class="diagnosis-cause">
                        <p class="diagnosis-title"><Icon symbol=Symbol::Warning />{cause.cause}</p>
                        {list("diagnosis-evidence", cause.evidence)}
                        {list("diagnosis-actions", cause.actions)}
                    </div>
                }
            });
            view! {
                <section class="diagnosis" aria-label="Diagnosis">{causes.collect_view()}</section>
            }
        })
    }
}
