//! What a service is: its particulars in two columns.

use api::{CheckKind, LastExit, PublishedPort, RestartPolicy, Source, write_labels};
use leptos::prelude::*;

use super::incidents::IncidentLink;
use super::loads::Loads;
use super::part::{LinkFact, link_fact};
use super::watch::Watched;
use crate::components::Ago;
use crate::erase::{Erase, Erased, shown};

/// Command, folder, ports, versions, how its last run ended.
#[component]
pub fn FactsPanel(
    /// The service.
    watched: Watched,
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    let facts = Memo::new(move |_| facts(watched));
    let link = Memo::new(move |_| watched.detail.with(link_fact));
    let last_exit = Memo::new(move |_| watched.detail.with(|detail| detail.last_exit.clone()));
    let created = watched.service.with_untracked(|service| service.created_at);
    let row = |(name, value, is_code): (&'static str, String, bool)| {
        let value = if is_code { view! { <code>{value}</code> }.erase() } else { value.erase() };
        view! { <div class="fact"><dt>{name}</dt><dd>{value}</dd></div> }
    };
    view! {
        <section class="panel facts" aria-labelledby="facts-title">
            <div class="panel-head"><h2 class="panel-title" id="facts-title">"Facts"</h2></div>
            <dl class="fact-list">
                {shown(move || link.get().map(linked))}
                {move || facts.get().into_iter().map(row).collect_view()}
                <div class="fact"><dt>"First seen"</dt><dd><Ago at=created /></dd></div>
            </dl>
            {move || last_exit.get().map(|exit| view! { <LastExitPart exit loads /> })}
        </section>
    }
    .erase()
}

fn linked((name, href, label): LinkFact) -> Erased {
    view! { <div class="fact"><dt>{name}</dt><dd><a href=href>{label}</a></dd></div> }.erase()
}

/// How the last run ended, with the last lines it wrote.
#[component]
fn LastExitPart(exit: LastExit, loads: Loads) -> impl IntoView {
    let lines = exit.last_lines.join("\n");
    view! {
        <div class="last-exit">
            <p><strong>{describe_exit(&exit)}</strong>" "<Ago at=exit.at />" "<IncidentLink loads at=exit.at /></p>
            {(!lines.is_empty()).then(|| view! { <details><summary>"Its last lines"</summary><pre tabindex="0">{lines}</pre></details> })}
        </div>
    }
    .erase()
}

fn facts(watched: Watched) -> Vec<(&'static str, String, bool)> {
    let mut facts = Vec::new();
    watched.detail.with(|detail| {
        let mut add = |name, value: Option<String>, is_code| {
            facts.extend(value.filter(|value| !value.is_empty()).map(|value| (name, value, is_code)))
        };
        match &detail.spec.source {
            Source::Image { image, options, registry, .. } => {
                add("Image", Some(image.clone()), true);
                add("Pulled as", registry.as_ref().map(|account| account.user.clone()), true);
                options.facts().into_iter().for_each(|(name, value)| add(name, Some(value), true));
            }
            Source::Build { build, options, .. } => {
                build.facts().into_iter().chain(options.facts()).for_each(|(name, value)| add(name, Some(value), true));
            }
            Source::Container { container } => add("Container", Some(container.clone()), true),
            Source::Repository { repository } => add("Git repository", Some(repository.label()), true),
            Source::Folder { .. } | Source::Command { .. } | Source::Demonstration { .. } | Source::Proxy { .. } => {}
        }
        if let Some(container) = &detail.container {
            if matches!(detail.spec.source, Source::Container { .. }) {
                add("Image", Some(container.image.clone()), true);
            }
            add("Image digest", Some(short_digest(&container.image_digest)), true);
            let ports = container.ports.iter().map(PublishedPort::words).collect::<Vec<_>>().join(", ");
            add("Published", Some(ports), true);
            add("Container id", container.id.get(..12).map(str::to_owned), true);
            add("Compose", container.compose.clone(), false);
            add("Docker starts it again", container.restart_policy.clone().filter(|policy| policy != "no"), false);
        }
        let replicas = detail.spec.replicas;
        add("Replicas", (replicas > 1).then(|| format!("{replicas}, behind its proxy")), false);
        add("Releases", rollout_words(&detail.spec.rollout), false);
        add("Gets", detail.spec.beside.map(|beside| format!("{} of 100 requests", beside.weight)), false);
        add("Command", detail.command.as_ref().map(|command| command.join(" ")), true);
        add("Runs as", detail.spec.user.as_ref().map(|user| format!("The user {user}")), false);
        add("Made of", detail.spec.template.as_ref().map(|made| format!("The template {}, version {}", made.id, made.version)), false);
        add("Folder", detail.spec.source.folder().map(str::to_owned), true);
        if matches!(detail.spec.source, Source::Demonstration { .. }) {
            add("Source", Some("Comes with Pilothouse, to show life".into()), false);
        }
        add("Runtime", Some(detail.spec.runtime.label().into()), false);
        let ports = detail.listening_ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        add("Listens on", Some(ports), false);
        add("Processes", Some(detail.pids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")), false);
        let has_own = detail.container.as_ref().is_some_and(|container| container.own_health.is_some());
        let health = &detail.spec.health;
        match (health.kind, &health.path) {
            (CheckKind::Http, None) if has_own => add("Health check", Some("The one that its image brings along".into()), false),
            (CheckKind::Http, None) => add("Health check", Some("/health, /health/ or /healthz".into()), true),
            (CheckKind::Http, Some(path)) => add("Health check", Some(path.clone()), true),
            _ => add("Health check", Some(health.asked(detail.service.port)), false),
        }
        add("Metrics", Some(detail.spec.metrics_path.clone()), true);
        let needs = detail.dependencies.iter().flatten().map(|need| need.name.as_str()).collect::<Vec<_>>().join(", ");
        add("Needs", Some(needs), false);
        add("Stop grace", Some(format!("{} s", detail.spec.stop_grace_seconds)), false);
        add("Labels", Some(write_labels(&detail.spec.labels)), true);
        add("Limits", Some(detail.spec.limits.words()), false);
        add("Starts again", Some(starts_again(detail.spec.restart).into()), false);
        add("Restarts", detail.spec.handover.then(|| "Without a break: a new copy takes its place".into()), false);
        let names = detail.spec.environment.keys().cloned().collect::<Vec<_>>().join(", ");
        add("Variables", Some(names), true);
    });
    facts
}

/// The beginning of a digest, as Docker shows it.
fn short_digest(digest: &str) -> String {
    digest.strip_prefix("sha256:").and_then(|digits| digits.get(..12)).unwrap_or(digest).to_owned()
}

/// What a restart policy means.
fn starts_again(policy: RestartPolicy) -> &'static str {
    match policy {
        RestartPolicy::Never => "Never: it stays down until somebody starts it",
        RestartPolicy::OnFailure => "After a crash",
        RestartPolicy::Always => "However it ends",
    }
}

/// How the last run ended, in words.
fn describe_exit(exit: &LastExit) -> String {
    format!("The last run {}", describe_end(exit.code, exit.signal, exit.oom))
}

/// How a run ended, in words that go on after what is meant: "ended with exit code 1".
pub fn describe_end(code: Option<i32>, signal: Option<i32>, is_oom: bool) -> String {
    match (is_oom, signal, code) {
        (true, ..) => "was killed for want of memory".into(),
        (_, Some(signal), _) => format!("was ended by signal {}", signal_name(signal)),
        (_, _, Some(0)) => "ended by itself, with success".into(),
        (_, _, Some(code)) => format!("ended with exit code {code}"),
        _ => "ended unseen; its exit status is unknown".into(),
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return signal.to_string(),
    };
    format!("{signal} ({name})")
}

/// How it goes from one release to the next, when something was said of that.
fn rollout_words(rollout: &api::Rollout) -> Option<String> {
    let parts = [
        rollout.strategy.map(|strategy| strategy.label().to_owned()),
        (rollout.surge > 0).then(|| format!("{} more meanwhile", rollout.surge)),
        (rollout.unavailable != 1).then(|| format!("{} replicas away at a time", rollout.unavailable)),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use api::{LastExit, Timestamp};

    use super::describe_exit;

    #[test]
    fn each_way_to_end_reads_differently() {
        let exit = |code, signal, oom| LastExit { code, signal, oom, at: Timestamp::default(), last_lines: Vec::new() };
        assert!(describe_exit(&exit(Some(1), None, false)).ends_with("exit code 1"));
        assert!(describe_exit(&exit(None, Some(9), false)).contains("SIGKILL"));
        assert!(describe_exit(&exit(None, Some(9), true)).contains("memory"));
        assert!(describe_exit(&exit(None, None, false)).contains("unknown"));
    }
}
