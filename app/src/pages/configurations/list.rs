//! All configurations: a table of what is newest, what is applied and what is wrong, and what is done with those that are chosen.

use api::{ConfigurationFormat, ConfigurationSummary, Page, Permission};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::params::ParamsMap;

use super::filter::Filter;
use super::query::ListQuery;
use super::services;
use crate::components::{Ago, Empty, Failure, Icon, PageHead, Skeleton, Symbol};
use crate::configuration::faulty_name;
use crate::erase::{Erase, Erased, shown};
use crate::pages::wait::wait;
use crate::path;
use crate::rpc::list_configurations;
use crate::viewer::Viewer;

/// The form that the boxes before the names belong to.
const FORM: &str = "chosen";

/// The list.
#[component]
pub fn ListView() -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let params = use_query_map();
    let query = Memo::new(move |_| params.with(ListQuery::read));
    let done = shown(move || {
        let done = params.with(done);
        done.map(|text| view! { <p class="done" role="status"><Icon symbol=Symbol::Check />{text}</p> }.erase())
    });
    // What a form has done is another list.
    let saved = Memo::new(move |_| params.with(|params| params.get_str("done").is_some()));
    let page = Resource::new_blocking(move || (query.get(), saved.get()), |(query, _)| list_configurations(query.request()));
    let import = viewer
        .may(Permission::ConfigChange)
        .then(|| view! { <a class="button" href=path::IMPORT_CONFIGURATIONS><Icon symbol=Symbol::Docs />"Import all…"</a> }.erase());
    let backup = viewer
        .may(Permission::ConfigBackup)
        .then(|| view! { <a class="button" href=path::BACK_UP><Icon symbol=Symbol::Key />"Back up and restore…"</a> }.erase());
    let validate = move || ListQuery { check: true, cursor: String::new(), ..query.get() }.href(path::CONFIGURATIONS);
    let actions = view! { <a class="button" href=validate><Icon symbol=Symbol::Check />"Validate all"</a> {import} {backup} };
    let about = "What services are told: which version is the newest, which one they run with, and what their schemas refuse.";
    view! {
        <PageHead title="Configuration" about=about.erase() actions=actions.erase() />
        {done}
        <Filter query />
        <div class="settings">
            <Transition fallback=|| view! { <Skeleton lines=12 /> }.erase()>
                {move || Suspend::new(async move {
                    match wait(page).await {
                        Ok(page) => found(page, &query.get_untracked()),
                        Err(error) => view! { <Failure error=error.0 /> }.erase(),
                    }
                })}
            </Transition>
            <Exports />
        </div>
    }
    .erase()
}

fn found(page: Page<ConfigurationSummary>, query: &ListQuery) -> Erased {
    if page.items.is_empty() {
        let (title, text) = match query.is_whole() {
            true => (
                "There are no services",
                view! { <p><a href=path::SERVICES>"Services"</a>" are found in the services folder, or made."</p> }.erase(),
            ),
            false => ("No configuration matches", view! { <p><a href=path::CONFIGURATIONS>"Show all configurations"</a></p> }.erase()),
        };
        return view! { <Empty symbol=Symbol::Logs title text /> }.erase();
    }
    let viewer = expect_context::<Viewer>();
    let (may_change, may_apply) = (viewer.may(Permission::ConfigChange), viewer.may(Permission::ServicesOperate));
    let total = page.total.unwrap_or(page.items.len() as u64);
    let count = if total == 1 { "1 configuration".to_owned() } else { format!("{total} configurations") };
    let rows: Vec<_> = page.items.into_iter().map(|one| row(one, may_change || may_apply)).collect();
    let next = page.next_cursor.map(|cursor| {
        let href = ListQuery { cursor, ..query.clone() }.href(path::CONFIGURATIONS);
        view! { <nav class="pager" aria-label="Pages"><a class="button" href=href>"Next page"</a></nav> }.erase()
    });
    view! {
        <p class="visually-hidden" role="status">{count}</p>
        <div class="table-frame configuration">
            <div class="table-scroll" tabindex="0" role="region" aria-label="Table of configurations">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Service"</th>
                            <th scope="col">"Version"</th>
                            <th scope="col">"Applied"</th>
                            <th scope="col">"Faults"</th>
                            <th scope="col">"Saved"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </div>
        {deeds(query, total, may_change, may_apply)}
        {next}
    }
    .erase()
}

/// What can be done with those that are chosen, and with all that the list has.
fn deeds(query: &ListQuery, total: u64, may_change: bool, may_apply: bool) -> Erased {
    let deeds = [
        (may_change, path::CHANGE_CONFIGURATIONS, Symbol::Settings, "Change a value…"),
        (may_apply, path::APPLY_CONFIGURATIONS, Symbol::Restart, "Apply…"),
    ];
    let deeds: Vec<_> = deeds.into_iter().filter(|(may, ..)| *may).collect();
    if deeds.is_empty() {
        return ().erase();
    }
    let all = ListQuery { cursor: String::new(), check: false, ..query.clone() };
    let links: Vec<_> = deeds.iter().map(|(_, at, _, label)| view! { <a href=all.href(at)>{*label}</a> }.erase()).collect();
    let button =
        |(_, at, symbol, label)| view! { <button type="submit" class="button" formaction=at><Icon symbol />{label}</button> }.erase();
    let buttons: Vec<_> = deeds.into_iter().map(button).collect();
    let which = if query.is_whole() { format!("All {total}:") } else { format!("All {total} that match:") };
    view! {
        <form id=FORM class="choice-bar" method="get" action=path::CHANGE_CONFIGURATIONS aria-label="With those chosen">
            <span class="choice-count">"Chosen:"</span>
            {buttons}
        </form>
        <p class="all-matching">{which} {links}</p>
    }
    .erase()
}

fn row(one: ConfigurationSummary, can_be_chosen: bool) -> Erased {
    let (id, name) = (one.service_id, one.service_name.clone());
    let choice = can_be_chosen.then(|| {
        let label = format!("Choose {name}");
        view! { <label class="choice"><input type="checkbox" class="choice-box" name="id" value=id.to_string() form=FORM aria-label=label /></label> }.erase()
    });
    let version = match one.version {
        Some(version) => view! { <a href=path::configuration_versions(id)>{version}</a> }.erase(),
        None => "unknown".erase(),
    };
    let applied = match (one.applied_version, one.restart_needed) {
        (Some(applied), true) => view! { <span data-mark="">"saved, not applied: runs with "{applied}</span> }.erase(),
        (Some(_), false) if one.applied_version == one.version => "yes".erase(),
        (Some(_), false) => "with its next start".erase(),
        (None, _) => "never started".erase(),
    };
    let inherited = one.inherited_changes.filter(|count| *count > 0).map(|count| {
        let text = if count == 1 { "1 inherited value has changed".to_owned() } else { format!("{count} inherited values have changed") };
        view! { <div><a href=path::configuration(id) data-mark="">{text}</a></div> }.erase()
    });
    let saved = one.updated_at.map(|at| view! { <Ago at /> }.erase());
    let by = one.updated_by.clone().map(|by| format!(" by {by}"));
    view! {
        <tr>
            <th scope="row" class="wrap">{choice}<a href=path::configuration(id)>{name}</a></th>
            <td>{version} {inherited}</td>
            <td>{applied}</td>
            <td class="wrap">{faults(&one)}</td>
            <td>{saved.unwrap_or_else(|| "never".erase())}{by}</td>
        </tr>
    }
    .erase()
}

/// What is wrong with a configuration, as far as it is known.
fn faults(one: &ConfigurationSummary) -> Erased {
    if let Some(problem) = one.problem.clone() {
        return view! { <span data-wrong="true">{problem}</span> }.erase();
    }
    let Some(count) = one.fault_count else { return view! { <span class="panel-note">"not checked"</span> }.erase() };
    if count == 0 {
        return "none".erase();
    }
    let said = |fault: &api::Detail| {
        let name = faulty_name(&fault.field).map(|name| view! { <samp>{name}</samp> " " }.erase());
        view! { <div data-wrong="true">{name}{fault.message.clone()}</div> }.erase()
    };
    let said: Vec<_> = one.faults.iter().map(said).collect();
    let more = (count as usize).saturating_sub(said.len());
    let more = (more > 0).then(|| view! { <div>"and "{more}" more"</div> }.erase());
    view! { {said}{more} }.erase()
}

/// Links to all configurations as one file.
#[component]
fn Exports() -> impl IntoView {
    let links = ConfigurationFormat::ALL.into_iter().filter(|format| *format != ConfigurationFormat::Env).map(|format| {
        let href = format!("/api/config/export?format={format}");
        view! { <a class="button" href=href download="" rel="external">{format.label()}</a> }.erase()
    });
    view! {
        <details class="panel panel-empty">
            <summary>"Export all…"</summary>
            <p>"The newest versions of all services in one file, by their names. Secrets are ******** in it; imported again, that keeps them."</p>
            <div class="form-actions">{links.collect_view()}</div>
        </details>
    }
    .erase()
}

/// What `done` in the address stands for.
fn done(params: &ParamsMap) -> Option<String> {
    let count = |name: &str| params.get_str(name).and_then(|text| text.parse::<u16>().ok()).unwrap_or_default();
    if params.get_str("done") != Some("saved") {
        return None;
    }
    let same = match count("same") {
        0 => String::new(),
        same => format!(" Nothing was different for {same}."),
    };
    Some(match count("saved") {
        0 => format!("Nothing was saved.{same}"),
        saved => format!("A new version is saved for {}.{same}", services(usize::from(saved))),
    })
}

#[cfg(test)]
mod tests {
    use leptos_router::params::ParamsMap;

    use super::done;

    #[test]
    fn what_was_saved_is_told_in_numbers_and_nothing_else_that_an_address_says() {
        let read = |pairs: &[(&'static str, &'static str)]| done(&pairs.iter().copied().collect::<ParamsMap>());
        let told = read(&[("done", "saved"), ("saved", "1"), ("same", "2")]);
        assert_eq!(told.as_deref(), Some("A new version is saved for 1 service. Nothing was different for 2."));
        assert_eq!(read(&[("done", "saved"), ("saved", "call this number")]).as_deref(), Some("Nothing was saved."));
        assert_eq!(read(&[("done", "anything")]), None);
    }
}
