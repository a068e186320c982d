//! One action on many services: what would become of each, and once it is asked for, how far each is.

mod asked;
mod row;

use api::{Action, BulkReport, Permission};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_query_map;

use self::asked::Asked;
use self::row::{Row, Stand, follow, refresh};
use crate::components::{Empty, Failure, Icon, LiveForm, PageHead, Skeleton, Symbol, action_symbol};
use crate::erase::{Erase, shown, text};
use crate::pages::wait::wait;
use crate::path;
use crate::rpc::{RpcError, plan_services};
use crate::viewer::Viewer;

/// The page of one action on many services. The address says which, and whether it has been asked for.
#[component]
pub fn BulkPage() -> impl IntoView {
    if !expect_context::<Viewer>().may(Permission::ServicesOperate) {
        let text = view! { <p>"Your role lets you see services, not start or stop them. Ask somebody who is a Developer or an Admin."</p><BackLink /> };
        return view! { <PageHead title="Many services" /><Empty symbol=Symbol::Warning title="Not allowed" text=text.erase() /> }.erase();
    }
    let params = use_query_map();
    let asked = Memo::new(move |_| params.with(Asked::read));
    let plan = async |asked: api::Result<Asked>| plan_services(asked.map_err(RpcError)?.request()).await;
    let report = Resource::new_blocking(move || asked.get(), plan);
    // Here and not where they are shown: each new subscription asks for a reload, which would show them anew without end.
    let rows = StoredValue::new(Vec::new());
    let reload = move || {
        let Ok(asked) = asked.get_untracked() else { return };
        spawn_local(async move {
            // A failed reload leaves what is shown; the connection chip says that it is old.
            let Ok(plan) = plan_services(asked.request()).await else { return };
            if !refresh(rows, plan.items) {
                report.refetch();
            }
        });
    };
    follow(rows, reload);
    view! {
        <Transition fallback=|| view! { <Skeleton lines=12 /> }.erase()>
            {move || Suspend::new(async move {
                let asked = asked.get_untracked();
                match (wait(report).await, asked) {
                    (Ok(report), Ok(_)) if report.items.is_empty() => view! { <NoneChosen /> }.erase(),
                    (Ok(plan), Ok(asked)) => view! { <Many plan asked rows /> }.erase(),
                    (Err(RpcError(error)), _) | (_, Err(error)) => {
                        view! { <PageHead title="Many services" /><Failure error=error /><BackLink /> }.erase()
                    }
                }
            })}
        </Transition>
    }
    .erase()
}

#[component]
fn NoneChosen() -> impl IntoView {
    let text = view! { <p>"Choose services by the boxes before their names, or all that a filter leaves."</p><BackLink /> };
    view! { <PageHead title="Many services" /><Empty symbol=Symbol::Search title="No service is chosen" text=text.erase() /> }.erase()
}

#[component]
fn BackLink() -> impl IntoView {
    view! { <p><a href=path::SERVICES>"Back to the services"</a></p> }.erase()
}

/// The services with what becomes of each.
#[component]
fn Many(
    /// What they were when the page was loaded.
    plan: BulkReport,
    /// What is asked for.
    asked: Asked,
    /// Where they are kept as they are now.
    rows: StoredValue<Vec<Row>>,
) -> impl IntoView {
    let (action, sent) = (asked.action, asked.sent);
    let made: Vec<Row> = plan.items.into_iter().map(Row::new).collect();
    let steps = made.iter().map(|row| row.step).max().unwrap_or(1);
    let table = made.iter().cloned().map(|row| row.show(action, sent, steps)).collect_view();
    rows.set_value(made);
    let count = Memo::new(move |_| rows.with_value(|rows| Count::of(rows, action, sent)));
    let ids = move |is_wanted: fn(&Stand) -> bool| {
        rows.with_value(|rows| {
            let wanted = rows.iter().filter(|row| is_wanted(&row.stand(action, sent)));
            wanted.map(|row| row.id.to_string()).collect::<Vec<_>>().join(",")
        })
    };
    let title = Signal::derive(move || count.get().title(action, sent.is_some()));
    let head = if sent.is_none() {
        let button = shown(move || {
            let planned = count.get().planned;
            let label = format!("{} {}", action.label(), services(planned));
            let kind = if action == Action::Start { "primary" } else { "danger" };
            view! { <button type="submit" class="button" data-kind=kind disabled=planned == 0><Icon symbol=action_symbol(action) />{label}</button> }
        });
        view! {
            <LiveForm action="/rpc/act_on_services">
                <input type="hidden" name="action" value=action.as_str() />
                <input type="hidden" name="ids" value=text(move || ids(|stand| *stand == Stand::Planned)) />
                <p class="bulk-buttons">{button}<a class="button" href=path::SERVICES>"Cancel"</a></p>
            </LiveForm>
        }
        .erase()
    } else {
        let undo =
            move || (action == Action::Stop && count.get().done > 0).then(|| view! { <Undo ids=ids(|stand| *stand == Stand::Done) /> });
        view! {
            <div class="bulk-progress" role="status">
                <progress max=move || count.get().all.to_string() value=move || count.get().settled().to_string()></progress>
                <p>{text(move || count.get().words(action))}</p>
            </div>
            {shown(undo)}
            <BackLink />
        }
        .erase()
    };
    view! {
        <PageHead title=title about=sent.is_none().then(|| loss(action)).erase() />
        <div class="bulk">{head}</div>
        <div class="table-frame">
            <table class="table bulk-table">
                <caption class="visually-hidden">"The services and what becomes of each"</caption>
                <thead><tr><th scope="col">"Service"</th><th scope="col">"Now"</th><th scope="col">{if sent.is_some() { "Outcome" } else { "Plan" }}</th></tr></thead>
                <tbody>{table}</tbody>
            </table>
        </div>
    }
    .erase()
}

/// Starts again what a stop has stopped.
#[component]
fn Undo(
    /// Those that are stopped, with commas between.
    ids: String,
) -> impl IntoView {
    view! {
        <LiveForm action="/rpc/act_on_services">
            <input type="hidden" name="action" value="start" />
            <input type="hidden" name="ids" value=ids />
            <p class="bulk-buttons"><button type="submit" class="button"><Icon symbol=Symbol::Start />"Undo: start them again"</button></p>
        </LiveForm>
    }
    .erase()
}

/// What many services lose together.
const fn loss(action: Action) -> &'static str {
    match action {
        Action::Start => "What others need is started first and waited for until it is well; all else at the same time.",
        Action::Stop => {
            "What needs others is stopped first. Requests in flight get the time of the stop grace to finish. They stay stopped until somebody starts them."
        }
        Action::Restart => {
            "They don't answer until they are up again: what others need first, all else at the same time. Requests in flight get the time of the stop \
             grace to finish."
        }
    }
}

/// How many services stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    all: usize,
    planned: usize,
    under_way: usize,
    done: usize,
    failed: usize,
}

impl Count {
    fn of(rows: &[Row], action: Action, sent: Option<api::Timestamp>) -> Self {
        let mut count = Self { all: rows.len(), ..Self::default() };
        for row in rows {
            match row.stand(action, sent) {
                Stand::Planned => count.planned += 1,
                Stand::UnderWay(_) => count.under_way += 1,
                Stand::Done => count.done += 1,
                Stand::Failed(_) => count.failed += 1,
                Stand::Skipped(_) => {}
            }
        }
        count
    }

    const fn settled(self) -> usize {
        self.all - self.under_way
    }

    fn title(self, action: Action, is_sent: bool) -> String {
        match (is_sent, self.under_way) {
            (false, _) => format!("{} {}?", action.label(), services(self.all)),
            (true, 0) => format!("{} {}", services(self.done), action.done()),
            (true, _) => format!("{} {}", action.doing(), services(self.all)),
        }
    }

    fn words(self, action: Action) -> String {
        let mut words = format!("{} of {} {}", self.done, self.all, action.done());
        if self.failed > 0 {
            words.push_str(&format!(", {} not", self.failed));
        }
        words
    }
}

fn services(count: usize) -> String {
    if count == 1 { "1 service".into() } else { format!("{count} services") }
}
