//! How a deployment came out: where the service answers, or why it isn't what was asked for and what to do.

use api::{Deployment, DeploymentStatus};
use leptos::prelude::*;

use crate::components::{Icon, Symbol, sentence};
use crate::erase::{Erase, Erased, shown};
use crate::path;
use crate::viewer::Viewer;

/// The outcome; nothing as long as there is none.
#[component]
pub fn Outcome(
    /// The deployment.
    deployment: RwSignal<Deployment>,
) -> impl IntoView {
    let host = expect_context::<Viewer>().service_host;
    let known = Memo::new(move |_| {
        deployment.with(|one| {
            let urls = if one.status == DeploymentStatus::Succeeded { one.urls.clone() } else { Vec::new() };
            (urls, one.error.is_some(), one.failing_lines.len(), one.status)
        })
    });
    shown(move || {
        let (urls, has_failed, ..) = known.get();
        let answers = (!urls.is_empty()).then(|| answers(urls, host.as_deref()));
        let failed = has_failed.then(|| deployment.with_untracked(failed));
        view! { {answers}{failed} }.erase()
    })
    .erase()
}

fn answers(urls: Vec<String>, host: Option<&str>) -> Erased {
    let links = urls.into_iter().map(|url| match reached(&url, host) {
        Some(href) => view! {
            <li>
                <a href=href rel="external noopener noreferrer" target="_blank">
                    {url}<span class="visually-hidden">" (opens in a new tab)"</span>
                </a>
            </li>
        }
        .erase(),
        None => view! { <li>{url}</li> }.erase(),
    });
    let links = links.collect::<Vec<_>>();
    view! {
        <section class="panel" aria-labelledby="answers-title">
            <header class="panel-head"><h2 class="panel-title" id="answers-title">"It answers at"</h2></header>
            <ul class="fact-list">{links}</ul>
        </section>
    }
    .erase()
}

/// Where the viewer's browser reaches it. Cookies ignore ports, so an address on this machine has another name than that of the page; from
/// elsewhere there is no way to it.
fn reached(url: &str, host: Option<&str>) -> Option<String> {
    let local = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"].iter().find_map(|start| url.strip_prefix(start));
    match local {
        Some(rest) => host.map(|host| format!("http://{host}:{rest}")),
        None => Some(url.to_owned()).filter(|url| url.starts_with("http://") || url.starts_with("https://")),
    }
}

fn failed(one: &Deployment) -> Erased {
    let title = match (one.status, one.is_undoing) {
        (DeploymentStatus::RolledBack, _) => "It was rolled back: ",
        (DeploymentStatus::Cancelled, _) => "It was cancelled: ",
        (DeploymentStatus::Failed, _) => "It failed: ",
        (_, true) => "It is being undone: ",
        _ => "",
    };
    let cause = format!("{title}{}", one.error.as_deref().unwrap_or_default());
    let lines: Vec<_> = one.failing_lines.iter().map(|line| view! { <li>{line.clone()}</li> }.erase()).collect();
    let lines = (!lines.is_empty())
        .then(|| view! { <ul class="diagnosis-evidence" aria-label="The last lines of the service">{lines}</ul> }.erase());
    let suggestion = one.suggestion.as_deref().map(|text| view! { <li>{sentence(text)}</li> }.erase());
    let log = one
        .finished_at
        .filter(|_| !one.failing_lines.is_empty())
        .map(|at| view! { <li><a href=path::log_until(one.service_id, at)>"See the log of the service up to then"</a></li> }.erase());
    view! {
        <section class="diagnosis" aria-label="Why it isn't what was asked for">
            <div class="diagnosis-cause">
                <p class="diagnosis-title"><Icon symbol=Symbol::Warning />{sentence(&cause)}</p>
                {lines}
                <ul class="diagnosis-actions">{suggestion}{log}</ul>
            </div>
        </section>
    }
    .erase()
}

#[cfg(test)]
mod tests {
    use super::reached;

    #[test]
    fn a_service_on_this_machine_is_reached_under_another_name_and_nothing_else_than_http_is_a_link() {
        assert_eq!(reached("http://127.0.0.1:8001/", Some("localhost")).as_deref(), Some("http://localhost:8001/"));
        assert_eq!(reached("http://127.0.0.1:8001/", None), None);
        assert_eq!(reached("https://shop.example/", None).as_deref(), Some("https://shop.example/"));
        assert_eq!(reached("javascript:alert(1)", Some("localhost")), None);
    }
}
