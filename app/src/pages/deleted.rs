//! Deleted services: each can be put back for a while, or removed for good.

use api::{DeletedService, Permission};
use leptos::prelude::*;

use super::wait::wait;
use crate::components::{Ago, Clock, Done, Empty, Failure, LiveForm, PageHead, Skeleton, Symbol};
use crate::erase::{Erase, Erased, text};
use crate::path;
use crate::rpc::list_deleted;
use crate::viewer::Viewer;

/// The page of deleted services.
#[component]
pub fn DeletedPage() -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let about = "Deleted services are kept for seven days with their settings, logs and figures. Then they are removed for good.";
    let head = view! { <PageHead title="Deleted services" about=about.erase() /> };
    if !viewer.may(Permission::ServicesDelete) {
        let text = view! { <p>"Your role may not delete services, nor put them back. Ask an Admin."</p><BackLink /> };
        return view! { {head} <Empty symbol=Symbol::Warning title="Not allowed" text=text.erase() /> }.erase();
    }
    let deleted = Resource::new_blocking(|| (), |()| list_deleted());
    view! {
        {head}
        <Done />
        <Transition fallback=|| view! { <Skeleton lines=6 /> }.erase()>
            {move || Suspend::new(async move {
                match wait(deleted).await {
                    Ok(page) if page.items.is_empty() => view! { <NoneDeleted /> }.erase(),
                    Ok(page) => list(page.items),
                    Err(error) => view! { <Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

#[component]
fn NoneDeleted() -> impl IntoView {
    let text = view! { <p>"A service is deleted in its settings. For seven days it can be put back from here."</p><BackLink /> };
    view! { <Empty symbol=Symbol::Services title="Nothing is deleted" text=text.erase() /> }.erase()
}

#[component]
fn BackLink() -> impl IntoView {
    view! { <p><a href=path::SERVICES>"Back to the services"</a></p> }.erase()
}

fn list(services: Vec<DeletedService>) -> Erased {
    let rows = services.into_iter().map(|service| view! { <Row service /> }).collect_view();
    view! { <ul class="deleted-list">{rows}</ul> }.erase()
}

#[component]
fn Row(service: DeletedService) -> impl IntoView {
    let DeletedService { id, name, runtime, deleted_at, deleted_by, kept_until } = service;
    let now = expect_context::<Clock>().0;
    let remaining = text(move || left(kept_until.seconds_since(now.get())));
    let (name_id, typed_id) = (format!("name-{id}"), format!("typed-{id}"));
    let (put_back, remove, typed) = (format!("Put back {name}"), format!("Remove for good {name}"), name.clone());
    view! {
        <li class="panel deleted-service">
            <header class="deleted-what">
                <h2>{name.clone()}</h2>
                <p>"Deleted "<Ago at=deleted_at />" by "{deleted_by}" · "{runtime.label()}" · "{remaining}</p>
            </header>
            <LiveForm action="/rpc/restore_service">
                <input type="hidden" name="id" value=id.to_string() />
                <div class="field">
                    <label for=name_id.clone()>"Name"</label>
                    <input id=name_id name="name" type="text" value=name maxlength="63" required=true autocomplete="off" autocapitalize="none" spellcheck="false" />
                </div>
                <button type="submit" class="button" data-kind="primary" aria-label=put_back>"Put back"</button>
            </LiveForm>
            <details class="deleted-forever">
                <summary>"Remove for good"</summary>
                <LiveForm action="/rpc/purge_service">
                    <input type="hidden" name="id" value=id.to_string() />
                    <div class="field">
                        <label for=typed_id.clone()>"Its logs, figures and settings go now. To go on, type its name: "<strong>{typed}</strong></label>
                        <input id=typed_id name="typed" type="text" maxlength="63" required=true autocomplete="off" autocapitalize="none" spellcheck="false" />
                    </div>
                    <button type="submit" class="button" data-kind="danger" aria-label=remove>"Remove for good"</button>
                </LiveForm>
            </details>
        </li>
    }
    .erase()
}

/// How long it can still be put back.
fn left(seconds: f64) -> String {
    match seconds as i64 {
        ..3_600 => "removed for good within the hour".into(),
        seconds @ ..86_400 => format!("removed for good in {} h", seconds / 3_600),
        seconds if seconds / 86_400 == 1 => "removed for good in 1 day".into(),
        seconds => format!("removed for good in {} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::left;

    #[test]
    fn the_time_that_is_left_is_never_said_too_long() {
        let words = [(1.0, "within the hour"), (7_300.0, "in 2 h"), (90_000.0, "in 1 day"), (604_799.0, "in 6 days")];
        for (seconds, text) in words {
            assert!(left(seconds).ends_with(text), "{}", left(seconds));
        }
    }
}
