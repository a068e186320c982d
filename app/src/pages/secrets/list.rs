//! All secrets: a table of what there is and what uses it, and the forms that make one and rotate the keys.

use api::{NamedSecret, Permission};
use leptos::prelude::*;

use super::change_form::SecretFields;
use super::done_line;
use super::filter::SecretFilter;
use super::loads::Loads;
use super::query::SecretQuery;
use super::rotation::Rotation;
use super::row::row;
use crate::components::{Empty, Failure, Icon, LiveForm, PageHead, Skeleton, Symbol, faults};
use crate::erase::{Erase, Erased, shown, text};
use crate::pages::wait::wait;
use crate::path;
use crate::rpc::SecretForm;
use crate::viewer::Viewer;

/// The list.
#[component]
pub fn SecretList(
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    loads.forget_with_part();
    let (import, new) = if viewer.may(Permission::SecretsWrite) {
        let import = view! { <a class="button" href=path::IMPORT_SECRETS><Icon symbol=Symbol::Docs />"Import from .env"</a> };
        (import.erase(), view! { <NewSecret loads /> }.erase())
    } else {
        (().erase(), ().erase())
    };
    let about = "Values with a name that variables of services refer to. They are sealed, and shown only to who says their password again.";
    view! {
        <PageHead title="Secrets" about=about.erase() actions=import />
        {done_line(loads)}
        <SecretFilter query=loads.query />
        <div class="settings">
            <Transition fallback=|| view! { <Skeleton lines=6 /> }.erase()>
                {move || Suspend::new(async move {
                    match wait(loads.all).await {
                        None => ().erase(),
                        Some(Ok(page)) if page.items.is_empty() => nothing(),
                        Some(Ok(page)) => view! { <Found secrets=page.items query=loads.query /> }.erase(),
                        Some(Err(error)) => view! { <Failure error=error.0 /> }.erase(),
                    }
                })}
            </Transition>
            {new}
            {viewer.may(Permission::SecretsRotate).then(|| view! { <Rotation loads /> })}
        </div>
    }
    .erase()
}

fn nothing() -> Erased {
    let text = view! { <p>"Make one below, or import the passwords and keys of a .env text. A service gets it by "<code>"${secret:NAME}"</code>" in one of its variables."</p> };
    view! { <Empty symbol=Symbol::Key title="There are no secrets" text=text.erase() /> }.erase()
}

/// Those that the address asks for.
#[component]
fn Found(secrets: Vec<NamedSecret>, query: Memo<SecretQuery>) -> impl IntoView {
    let secrets = StoredValue::new(secrets);
    let found = Memo::new(move |_| {
        secrets.with_value(|secrets| secrets.iter().filter(|secret| query.with(|query| query.matches(secret))).cloned().collect::<Vec<_>>())
    });
    let count = text(move || match found.with(Vec::len) {
        1 => "1 secret".to_owned(),
        count => format!("{count} secrets"),
    });
    let advice = shown(move || query.with(|query| query.show.advice()).map(|text| view! { <p class="hint">{text}</p> }.erase()));
    let table = shown(move || {
        let rows: Vec<_> = found.get().into_iter().map(row).collect();
        if rows.is_empty() {
            let text = view! { <p><a href=path::SECRETS>"Show all secrets"</a></p> };
            return view! { <Empty symbol=Symbol::Key title="No secret matches" text=text.erase() /> }.erase();
        }
        table(rows)
    });
    view! {
        <div class="form-part">
            {advice}
            <p class="visually-hidden" role="status">{count}</p>
            {table}
        </div>
    }
    .erase()
}

fn table(rows: Vec<Erased>) -> Erased {
    view! {
        <div class="panel">
            <div class="table-scroll" tabindex="0" role="region" aria-label="Table of secrets">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Name"</th>
                            <th scope="col">"Used by"</th>
                            <th scope="col">"Value set"</th>
                            <th scope="col">"Changed by"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </div>
    }
    .erase()
}

/// The form that makes one; what was typed and refused comes back, but for the value.
#[component]
fn NewSecret(loads: Loads) -> impl IntoView {
    let tried = loads.outcome("").filter(|tried| tried.refused().is_some());
    let refused = tried.as_ref().and_then(|tried| tried.refused().cloned()).map(faults).unwrap_or_default();
    let form = tried.map_or_else(SecretForm::default, |tried| tried.form);
    view! {
        <section class="panel" aria-labelledby="new-secret">
            <header class="panel-head"><h2 class="panel-title" id="new-secret">"New secret"</h2></header>
            <LiveForm action="/rpc/put_secret" plain=path::SECRETS refused>
                <SecretFields form is_new=true />
                <button type="submit" class="button" data-kind="primary">"Make secret"</button>
            </LiveForm>
        </section>
    }
    .erase()
}
