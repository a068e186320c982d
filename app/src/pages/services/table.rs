//! The table of services: its head sorts by links, its rows change one by one.

use api::{Page, Service, ServiceSort};
use leptos::html::Tbody;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::choice::{AllMatching, Choice, ChoiceBar, ChooseAll};
use super::many::Many;
use super::query::ListQuery;
use super::row::ServiceRow;
use super::{NoMatch, NoServices};
use crate::components::{Icon, Symbol};
use crate::erase::{Erase, Erased};
use crate::pages::rows::Rows;
use crate::rpc::list_services;

/// A column that can be sorted by: what the first click gives, and what the second.
struct Sortable {
    first: ServiceSort,
    second: ServiceSort,
    /// Whether the first is ascending.
    rises: bool,
}

const fn rising(first: ServiceSort, second: ServiceSort) -> Option<Sortable> {
    Some(Sortable { first, second, rises: true })
}

const fn falling(first: ServiceSort, second: ServiceSort) -> Option<Sortable> {
    Some(Sortable { first, second, rises: false })
}

/// The columns: name, class, order.
const COLUMNS: [(&str, &str, Option<Sortable>); 9] = [
    ("Name", "cell-name", rising(ServiceSort::Name, ServiceSort::NameDown)),
    ("Status", "cell-status", rising(ServiceSort::Status, ServiceSort::StatusDown)),
    ("Health", "cell-health", None),
    ("CPU", "cell-figure", falling(ServiceSort::CpuDown, ServiceSort::Cpu)),
    ("Memory", "cell-number", falling(ServiceSort::MemoryDown, ServiceSort::Memory)),
    ("Requests", "cell-figure", None),
    ("Errors", "cell-number", None),
    ("Port", "cell-port", None),
    ("Changed", "cell-changed", falling(ServiceSort::UpdatedDown, ServiceSort::Updated)),
];

/// The services: one page of them, which becomes the whole of a longer list once the page is alive.
#[component]
pub fn ServiceTable(
    /// The services.
    page: Page<Service>,
    /// What the address says.
    query: ListQuery,
    /// How many there are, as it changes.
    told: RwSignal<Option<u64>>,
) -> impl IntoView {
    let rows = Rows::new(page.items);
    let count = RwSignal::new(page.total.unwrap_or_default());
    let (is_taken, kept) = (RwSignal::new(false), StoredValue::new(query.clone()));
    let choice = Choice::provide(Signal::derive(move || rows.get().iter().map(|row| row.id).collect()), count, is_taken, kept);
    let many = Many { query: kept, rows, count, is_taken, body: NodeRef::<Tbody>::new(), choice };
    if !untrack(|| many.is_long()) {
        follow(rows, many, &query);
    }
    many.watch();
    Effect::new(move |_| told.set(Some(count.get())));
    let shown = move || if is_taken.get() { Vec::new() } else { rows.get() };
    let heads = COLUMNS.into_iter().map(|(label, class, sortable)| head(label, class, sortable, &query)).collect_view();
    let next = page.next_cursor.map(|cursor| {
        let mut query = query.clone();
        query.0.cursor = Some(cursor);
        view! { <a class="button" href=query.href()>"Next page" <Icon symbol=Symbol::Right /></a> }
    });
    let first = query.0.cursor.is_some().then(|| {
        view! { <a class="button" href=query.with(|_| ()).href()><Icon symbol=Symbol::Left />"First page"</a> }
    });
    let is_empty = Memo::new(move |_| if is_taken.get() { count.get() == 0 } else { rows.get().is_empty() });
    let is_whole = query.is_whole();
    let nothing = move || match (is_empty.get(), is_whole) {
        (false, _) => ().erase(),
        (true, true) => view! { <NoServices /> }.erase(),
        (true, false) => view! { <NoMatch /> }.erase(),
    };
    let has_many = page.total.is_some_and(|total| total > 1) && choice.is_some();
    let all = has_many.then(|| view! { <AllMatching query=query.clone() total=count /> });
    let has_pages = next.is_some() || first.is_some();
    view! {
        {nothing}
        <div class="table-frame" hidden=move || is_empty.get()>
            <table class="table service-table" aria-rowcount=move || is_taken.get().then(|| (count.get() + 1).to_string())>
                <caption class="visually-hidden">"Services; the column heads sort"</caption>
                <thead>
                    <tr aria-rowindex=move || is_taken.get().then_some("1")>
                        {heads} <th scope="col" class="cell-actions"><span class="visually-hidden">"Actions"</span></th>
                    </tr>
                </thead>
                <tbody>
                    <For each=shown key=|row| row.id let:row>
                        <ServiceRow service=RwSignal::from(row.service) />
                    </For>
                </tbody>
                <tbody node_ref=many.body></tbody>
            </table>
        </div>
        {all}
        {choice.map(|choice| view! { <ChoiceBar choice /> })}
        {has_pages.then(|| view! { <div hidden=move || is_taken.get()><nav class="pager" aria-label="Pages">{first} {next}</nav></div> })}
    }
    .erase()
}

/// Keeps the rows as the dashboard feed says. A service that comes to match a filter joins by a reload of the page of the list.
fn follow(rows: Rows, many: Many, query: &ListQuery) {
    let filter = query.clone();
    let belongs = move |service: &Service| {
        let query = &filter.0;
        (query.status.is_some() || query.health.is_some())
            && query.status.is_none_or(|status| status == service.status)
            && query.health.is_none_or(|health| health == service.health_status)
    };
    let query = query.0.clone();
    let reload = move || {
        if many.is_taken.get_untracked() {
            return;
        }
        let query = query.clone();
        spawn_local(async move {
            // A failed reload leaves what is shown; the connection chip says that it is old.
            if let Ok(page) = list_services(query).await {
                rows.replace(page.items);
                many.count.try_set(page.total.unwrap_or_default());
            }
        });
    };
    rows.follow(belongs, || (), reload);
}

/// The head of a column; a link when it sorts.
fn head(label: &'static str, class: &'static str, sortable: Option<Sortable>, query: &ListQuery) -> Erased {
    let Some(Sortable { first, second, rises }) = sortable else {
        return view! { <th scope="col" class=class>{label}</th> }.erase();
    };
    let sort = query.0.sort;
    let rises = if sort == first { Some(rises) } else { (sort == second).then_some(!rises) };
    let (direction, symbol) = match rises {
        Some(true) => (Some("ascending"), Some(Symbol::Up)),
        Some(false) => (Some("descending"), Some(Symbol::Down)),
        None => (None, None),
    };
    let next = query.with(|query| query.sort = if sort == first { second } else { first });
    view! {
        <th scope="col" class=class aria-sort=direction>
            {(class == "cell-name").then(|| view! { <ChooseAll /> })}
            <a class="sort" href=next.href()>
                {label} {symbol.map(|symbol| view! { <Icon symbol=symbol /> })}
            </a>
        </th>
    }
    .erase()
}
