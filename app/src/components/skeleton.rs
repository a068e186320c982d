//! What stands for a table or a panel while it loads, in its size, so that nothing moves when it comes.

use leptos::prelude::*;

/// Grey lines.
#[component]
pub fn Skeleton(
    /// How many lines.
    #[prop(default = 6)]
    lines: usize,
) -> impl IntoView {
    let lines = (0..lines).map(|_| view! { <span class="skeleton-line"></span> }).collect_view();
    view! {
        <div class="skeleton" role="status">
            <span class="visually-hidden">"Loading"</span>
            {lines}
        </div>
    }
}
