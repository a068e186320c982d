//! What was told while a deployment was made. The window is laid out from its end, so it stays there while lines come.

use api::{DeploymentLine, Timestamp};
use leptos::prelude::*;

use super::follow::Followed;
use crate::charts::local_offset;
use crate::erase::{Erase, Erased, shown};
use crate::path;

/// The lines, oldest first.
#[component]
pub fn Log(
    /// The deployment.
    followed: Followed,
    /// The number that the address says they begin after.
    after: Option<u64>,
) -> impl IntoView {
    let offset = local_offset();
    let lines = followed.lines;
    let is_empty = Memo::new(move |_| lines.with(Vec::is_empty));
    let here = path::deployment(followed.id);
    let first = after.map(|_| view! { <a class="panel-link" href=here.clone()>"First lines"</a> }.erase());
    let later = followed.rest.map(|last| view! { <a class="panel-link" href=format!("{here}?after={last}")>"Later lines"</a> }.erase());
    view! {
        <section class="panel" aria-labelledby="told-title">
            <header class="panel-head">
                <h2 class="panel-title" id="told-title">"Log"</h2>
                <span class="incident-links">{first}{later}</span>
            </header>
            {shown(move || is_empty.get().then(|| view! { <p class="panel-empty">"Nothing was told yet."</p> }.erase()))}
            <div class="logs-window" tabindex="0" role="region" aria-label="Log lines" data-wrap="" data-times="" hidden=move || is_empty.get()>
                <div class="logs-inside">
                    <ol class="log-lines"><For each=move || lines.get() key=|line| line.seq let:line>{row(line, offset)}</For></ol>
                </div>
            </div>
        </section>
    }
    .erase()
}

fn row(line: DeploymentLine, offset: Signal<i64>) -> Erased {
    let DeploymentLine { ts, stage, is_error, message, .. } = line;
    let (level, word) = if is_error { ("ERROR", "error") } else { ("INFO", "info") };
    view! {
        <li class="log-line" data-level=level>
            <time class="log-time" datetime=ts.to_string()>{move || clock(ts, offset.get())}</time>
            <span class="log-level">{word}</span>
            <span class="log-text"><span class="log-source">{stage.label()}</span>{message}</span>
        </li>
    }
    .erase()
}

/// The time of day to the second.
fn clock(at: Timestamp, offset: i64) -> String {
    match at.plus_seconds(offset).utc() {
        Some(local) => format!("{:02}:{:02}:{:02}", local.hour(), local.minute(), local.second()),
        None => at.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::clock;

    #[test]
    fn a_time_is_local() {
        assert_eq!(clock("2026-11-23T23:59:59.123456Z".parse().unwrap(), 3_600), "00:59:59");
    }
}
