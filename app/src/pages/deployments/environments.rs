//! What runs where: services by environments, and the environments themselves.

use api::{Environment, Health, Permission, Place, Places, PlacesQuery, ServiceId, ServicePlaces, Topic};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_query_map;

use crate::components::{Empty, Failure, Field, HealthMark, LiveForm, PageHead, Skeleton, StatusMark, Symbol, Takes};
use crate::erase::{Erase, Erased, shown};
use crate::live::use_feed;
use crate::pages::rows::Soon;
use crate::pages::wait::wait;
use crate::path;
use crate::rpc::list_places;
use crate::viewer::Viewer;

/// Services on one page.
const PAGE: u32 = 100;

/// The page. The address says which services; further ones are pages of their own.
#[component]
pub fn EnvironmentsView() -> impl IntoView {
    let params = use_query_map();
    let query = Memo::new(move |_| {
        params.with(|params| {
            let text = |name: &str| params.get_str(name).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
            PlacesQuery { q: text("q"), cursor: text("cursor"), limit: api::Limit::new(PAGE).unwrap_or_default(), service_id: None }
        })
    });
    // With every form that leads here it is another, and all is loaded anew.
    let at = Memo::new(move |_| params.with(|params| params.get_str("at").map(str::to_owned)));
    let places = Resource::new_blocking(move || (query.get(), at.get()), |(query, _)| list_places(query));
    let about = "Which release each service runs in each environment.";
    let all = view! { <a class="button" href=path::DEPLOYMENTS>"All deployments"</a> };
    view! {
        <PageHead title="What runs where" about=about.erase() actions=all.erase() />
        <Transition fallback=|| view! { <Skeleton lines=8 /> }.erase()>
            {move || Suspend::new(async move {
                match wait(places).await {
                    Ok(places) => found(places, query.get_untracked()),
                    Err(error) => view! { <Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

fn found(places: Places, query: PlacesQuery) -> Erased {
    let Places { environments, items, next_cursor } = places;
    let is_one_page = next_cursor.is_none() && query == PlacesQuery { limit: query.limit, ..PlacesQuery::default() };
    let filter = (!is_one_page).then(|| {
        let q = query.q.clone().unwrap_or_default();
        view! {
            <form class="filter" method="get" action=path::ENVIRONMENTS role="search">
                <Field name="q" label="Service" takes=Takes::Line(63, false) value=q />
                <button type="submit" class="button">"Find"</button>
                <a class="filter-clear" href=path::ENVIRONMENTS>"All services"</a>
            </form>
        }
        .erase()
    });
    let older = next_cursor.map(|cursor| {
        let q = query.q.as_ref().map(|q| format!("q={}&", path::escape(q))).unwrap_or_default();
        let href = format!("{}?{q}cursor={}", path::ENVIRONMENTS, path::escape(&cursor));
        view! { <nav class="pager" aria-label="Pages"><a class="button" href=href>"Further services"</a></nav> }.erase()
    });
    let content = if items.is_empty() {
        none(&query)
    } else {
        let environments = environments.iter().map(|one| one.name.clone()).collect();
        view! { <Table environments items query /> }.erase()
    };
    view! { {filter} {content} {older} {manage(environments)} }.erase()
}

fn none(query: &PlacesQuery) -> Erased {
    let (title, text) = match query.q.is_some() || query.cursor.is_some() {
        true => ("No service matches", view! { <p><a href=path::ENVIRONMENTS>"Show all services"</a></p> }.erase()),
        false => (
            "There is no service yet",
            view! { <p><a href=path::NEW_SERVICE>"Make one"</a>", then set it up in an environment."</p> }.erase(),
        ),
    };
    view! { <Empty symbol=Symbol::Up title text /> }.erase()
}

/// The table, which is asked for anew when something happens. Each cell changes in place, so that the focus stays where it is.
#[component]
fn Table(environments: Vec<String>, items: Vec<ServicePlaces>, query: PlacesQuery) -> impl IntoView {
    let may = expect_context::<Viewer>().may(Permission::ServicesCreate);
    let rows = RwSignal::new(items);
    let ask = Soon::new(move || {
        let query = query.clone();
        spawn_local(async move {
            // The connection chip says when Pilothouse doesn't answer.
            let Ok(now) = list_places(query).await else { return };
            if rows.try_with_untracked(|shown| *shown != now.items) == Some(true) {
                rows.set(now.items);
            }
        });
    });
    use_feed(|| Some(Topic::Events), move |_| ask.ask());
    let heads = environments.iter().map(|name| view! { <th scope="col">{name.clone()}</th> }.erase()).collect::<Vec<_>>();
    let named = move || rows.with(|rows| rows.iter().map(|row| (row.service_id, row.name.clone())).collect::<Vec<_>>());
    view! {
        <div class="table-frame">
            <div class="table-scroll" tabindex="0" role="region" aria-label="Table of services by environments">
                <table class="table">
                    <thead><tr><th scope="col">"Service"</th>{heads}</tr></thead>
                    <tbody><For each=named key=|row| row.clone() let:row>{cells(row.0, &row.1, &environments, rows, may)}</For></tbody>
                </table>
            </div>
        </div>
    }
    .erase()
}

/// A cell: where the service is and what it is compared with, or whether it can be set up there.
type Cell = (Option<(Place, Option<String>)>, bool);

fn cells(id: ServiceId, name: &str, environments: &[String], rows: RwSignal<Vec<ServicePlaces>>, may: bool) -> Erased {
    let cells = environments.iter().map(|environment| {
        let (environment, name) = (environment.clone(), name.to_owned());
        let at = environment.clone();
        let cell = Memo::new(move |_| -> Cell {
            rows.with(|rows| {
                let Some(row) = rows.iter().find(|row| row.service_id == id) else { return (None, false) };
                let place = row.places.iter().position(|place| place.environment == at);
                let before = place.and_then(|n| n.checked_sub(1)).map(|n| row.places[n].environment.clone());
                (place.map(|n| (row.places[n].clone(), before)), may && row.obstacle.is_none() && at != api::DEVELOPMENT)
            })
        });
        let content = shown(move || match cell.get() {
            (Some((place, before)), _) => place_view(&place, before.as_deref()),
            (None, true) => {
                let of = format!(" {name} in {environment}");
                view! { <a href=path::set_up(id, &environment)>"Set up"<span class="visually-hidden">{of}</span></a> }.erase()
            }
            (None, false) => view! { <span class="panel-note">"–"</span> }.erase(),
        });
        view! { <td>{content}</td> }.erase()
    });
    let cells = cells.collect::<Vec<_>>();
    view! { <tr><th scope="row"><a href=path::deployments_of(id)>{name.to_owned()}</a></th>{cells}</tr> }.erase()
}

/// What a service is doing in an environment, with which release, and whether that is what runs in the environment before it.
pub fn place_view(place: &Place, before: Option<&str>) -> Erased {
    let Place { environment, service_id, name, status, health_status, release, is_held, is_same } = place.clone();
    let of = format!(" of {name} in {environment}");
    let what = release.as_ref().map_or_else(|| "Not deployed".to_owned(), |release| format!("Release {}", release.number));
    let short = release.and_then(|release| release.artifact.short().map(|digest| view! { " "<code>{digest.to_owned()}</code> }.erase()));
    let health = (health_status == Health::Unhealthy).then(|| view! { " "<HealthMark health=health_status /> }.erase());
    let held = is_held.then(|| view! { " "<span class="badge">"held"</span> }.erase());
    let same = is_same.zip(before).map(|(is_same, before)| match is_same {
        true => format!("the same as {before}"),
        false => format!("not what {before} runs"),
    });
    let same = same.map(|words| view! { <div class="panel-note">{words}</div> }.erase());
    view! {
        <div><a href=path::deployments_of(service_id)>{what}<span class="visually-hidden">{of}</span></a>{short}{held}</div>
        <div><StatusMark status />{health}</div>
        {same}
    }
    .erase()
}

/// The environments, and the forms that change them.
fn manage(environments: Vec<Environment>) -> Erased {
    let may = expect_context::<Viewer>().may(Permission::DeploymentsRules);
    let others: Vec<Environment> = environments.iter().filter(|one| one.name != api::DEVELOPMENT).cloned().collect();
    let items = environments.into_iter().map(|one| item(one, &others, may)).collect::<Vec<_>>();
    let about = others.is_empty().then(|| {
        view! { <p class="panel-empty">"There is only development yet: the services themselves. In a further environment, such as staging or production, a service is set up once more, with settings, a configuration and data of its own, and releases are taken from one to the next."</p> }
            .erase()
    });
    let form = may.then(|| {
        let (before, is_first) = (before_field("new", "", &others), others.is_empty());
        view! {
            <details class="panel-empty" open=is_first>
                <summary>"Make an environment…"</summary>
                <LiveForm action="/rpc/make_environment" is_wide=true>
                    <Field name="name" label="What it is called" takes=Takes::Line(24, true) value="" example="staging" hint="a-z, 0-9 and -. It keeps that." />
                    <Field name="description" label="What it is for" takes=Takes::Line(200, false) value="" example="What testers see" />
                    {before}
                    <div class="form-actions"><button type="submit" class="button" data-kind="primary">"Make it"</button></div>
                </LiveForm>
            </details>
        }
        .erase()
    });
    view! {
        <section class="panel freezes" aria-labelledby="environments-title">
            <header class="panel-head">
                <h2 class="panel-title" id="environments-title">"Environments"</h2>
                <span class="panel-note">"Releases go from the first to the last."</span>
            </header>
            <dl class="fact-list">{items}</dl>
            {about}
            {form}
        </section>
    }
    .erase()
}

fn before_field(of: &str, except: &str, others: &[Environment]) -> Erased {
    let id = format!("before-{of}");
    let place = others.iter().position(|one| one.name == except);
    let next = place.and_then(|place| others.get(place + 1)).map(|one| one.name.clone());
    let options = others.iter().filter(|one| one.name != except).map(|one| {
        let is_next = next.as_ref() == Some(&one.name);
        view! { <option value=one.name.clone() selected=is_next>{format!("Before {}", one.name)}</option> }.erase()
    });
    let options = options.collect::<Vec<_>>();
    view! {
        <div class="field">
            <label for=id.clone()>"Where it comes"</label>
            <select id=id name="before" class="plain-select">{options}<option value="" selected=next.is_none()>"Last"</option></select>
        </div>
    }
    .erase()
}

fn item(environment: Environment, others: &[Environment], may: bool) -> Erased {
    let Environment { name, description, services } = environment;
    let count = if services == 1 { "1 service".to_owned() } else { format!("{services} services") };
    let text = if description.is_empty() { count } else { format!("{} {count}", crate::components::sentence(&description)) };
    let is_own = may && name != api::DEVELOPMENT;
    let of = |name: &str| view! { <span class="visually-hidden">{format!(" ({name})")}</span> }.erase();
    let change = is_own.then(|| {
        let (id, of_it, before) = (format!("description-{name}"), of(&name), before_field(&name, &name, others));
        let (name, description) = (name.clone(), description.clone());
        view! {
            <details class="form-part">
                <summary>"Change it…"{of_it}</summary>
                <LiveForm action="/rpc/change_environment">
                    <input type="hidden" name="name" value=name />
                    <div class="field">
                        <label for=id.clone()>"What it is for"</label>
                        <input id=id name="description" type="text" value=description maxlength="200" autocomplete="off" />
                    </div>
                    {before}
                    <button type="submit" class="button" data-kind="primary">"Save"</button>
                </LiveForm>
            </details>
        }
        .erase()
    });
    let remove = (is_own && services == 0).then(|| {
        let (name, of_it) = (name.clone(), of(&name));
        view! {
            <details class="form-part">
                <summary>"Remove it…"{of_it}</summary>
                <LiveForm action="/rpc/remove_environment">
                    <p>"No service is set up in it."</p>
                    <input type="hidden" name="name" value=name />
                    <button type="submit" class="button" data-kind="danger">"Remove this environment"</button>
                </LiveForm>
            </details>
        }
        .erase()
    });
    view! { <div class="fact"><dt>{name.clone()}</dt><dd>{text}{change}{remove}</dd></div> }.erase()
}
