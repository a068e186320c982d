//! API tokens: which there are, and making one, whose text is shown once.

use api::{ApiToken, MadeApiToken, Page, Permission, TokenScope};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

#[cfg(feature = "hydrate")]
use crate::components::ask;
use crate::components::{Ago, Asked, CopyButton, Failure, Field, LiveForm, Skeleton, Takes, reason_list, reasons, whole};
use crate::erase::{Erase, Erased, shown, text};
use crate::pages::wait::wait;
use crate::path;
use crate::rpc::{RpcResult, TokenForm, TriedToken, list_api_tokens};
use crate::viewer::Viewer;

/// How long a token may be good for, in days and in words.
const LIVES: [(&str, &str); 6] =
    [("1", "A day"), ("7", "A week"), ("30", "30 days"), ("90", "90 days"), ("180", "180 days"), ("366", "A year")];

/// The tokens, and the form that makes one.
#[component]
pub fn TokensPanel() -> impl IntoView {
    let query = use_query_map();
    // With every form that leads here it is another, and they are loaded anew.
    let at = Memo::new(move |_| query.with(|query| query.get_str("at").map(str::to_owned)));
    let tokens = Resource::new_blocking(move || at.get(), |_| list_api_tokens());
    let viewer = expect_context::<Viewer>();
    let has_all = viewer.may(Permission::UsersManage);
    view! {
        <section class="panel" aria-labelledby="settings-tokens">
            <header class="panel-head">
                <h2 class="panel-title" id="settings-tokens">"API tokens"</h2>
                <span class="panel-note">{if has_all { "of everybody" } else { "yours" }}</span>
            </header>
            <Transition fallback=|| view! { <Skeleton lines=3 /> }.erase()>
                {move || Suspend::new(async move {
                    match wait(tokens).await {
                        Ok(tokens) => list(tokens, has_all),
                        Err(error) => view! { <Failure error=error.0 /> }.erase(),
                    }
                })}
            </Transition>
            <Make tokens />
        </section>
    }
    .erase()
}

fn list(tokens: Page<ApiToken>, has_all: bool) -> Erased {
    if tokens.items.is_empty() {
        return view! { <p class="panel-empty">"There is none yet. Programs, such as the pipeline that deploys, ask with one."</p> }
            .erase();
    }
    let rows: Vec<_> = tokens.items.into_iter().map(|token| row(token, has_all)).collect();
    let whose = has_all.then(|| view! { <th scope="col">"Of"</th> }.erase());
    view! {
        <div class="table-scroll" tabindex="0" role="region" aria-label="Table of API tokens">
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">"Name"</th>
                        {whose}
                        <th scope="col">"Scopes"</th>
                        <th scope="col">"Made"</th>
                        <th scope="col">"Last used"</th>
                        <th scope="col">"Expires"</th>
                        <th scope="col"><span class="visually-hidden">"Revoke it"</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .erase()
}

fn row(token: ApiToken, has_all: bool) -> Erased {
    let ApiToken { id, username, name, scopes, created_at, last_used_at, expires_at } = token;
    let is_over = expires_at <= expect_context::<Viewer>().now;
    let (title, day) = (whole(expires_at), expires_at.to_string().chars().take(10).collect::<String>());
    let over = is_over.then(|| view! { " "<span class="badge">"Expired"</span> }.erase());
    let last = match last_used_at {
        Some(at) => view! { <Ago at=at /> }.erase(),
        None => view! { <span class="none">"Never"</span> }.erase(),
    };
    let scopes = scopes.into_iter().map(TokenScope::as_str).collect::<Vec<_>>().join(", ");
    let label = view! { <span class="visually-hidden">{format!(" {name} of {username}")}</span> }.erase();
    let whose = has_all.then(|| view! { <td>{username}</td> }.erase());
    view! {
        <tr>
            <th scope="row" class="wrap">{name}</th>
            {whose}
            <td>{scopes}</td>
            <td><Ago at=created_at /></td>
            <td>{last}</td>
            <td><time datetime=expires_at.to_string() title=title>{day}</time>{over}</td>
            <td class="cell-end wrap">
                <details>
                    <summary>"Revoke…"{label}</summary>
                    <LiveForm action="/rpc/revoke_api_token">
                        <p>"What asks with it is refused then."</p>
                        <input type="hidden" name="id" value=id.to_string() />
                        <button type="submit" class="button" data-kind="danger">"Revoke it"</button>
                    </LiveForm>
                </details>
            </td>
        </tr>
    }
    .erase()
}

/// The form that makes one, and its text while it is shown.
#[component]
fn Make(tokens: Resource<RpcResult<Page<ApiToken>>>) -> impl IntoView {
    let form_token = expect_context::<Viewer>().form_token;
    let fresh = || TokenForm { scopes: vec![TokenScope::Deploy], ..TokenForm::default() };
    let (form, made) = match SharedValue::new(use_context::<TriedToken>).into_inner() {
        None => (fresh(), None),
        Some(TriedToken { made: Ok(made), .. }) => (fresh(), Some(Ok(made))),
        Some(TriedToken { form, made: Err(error) }) => (form, Some(Err(reasons(error.0)))),
    };
    let found: RwSignal<Option<Asked<MadeApiToken>>> = RwSignal::new(made);
    let is_busy = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    let click = move |event: leptos::ev::MouseEvent| ask(&event, "/rpc/make_api_token", found, is_busy, None);
    #[cfg(not(feature = "hydrate"))]
    let click = |_: leptos::ev::MouseEvent| {};
    #[cfg(feature = "hydrate")]
    Effect::new(move |before: Option<bool>| {
        let is_made = found.with(|found| matches!(found, Some(Ok(_))));
        // What came with the page is in its list already.
        if is_made && before == Some(false) {
            tokens.refetch();
        }
        is_made
    });
    #[cfg(not(feature = "hydrate"))]
    let _ = tokens;
    let label = text(move || if is_busy.get() { "Making…" } else { "Make token" });
    let content = shown(move || {
        found.get().map(|found| match found {
            Ok(made) => token_view(made),
            Err(reasons) => reason_list(reasons),
        })
    });
    let boxes = TokenScope::ALL.map(|scope| {
        let (word, is_chosen) = (scope.as_str(), form.scopes.contains(&scope));
        view! {
            <label><input type="checkbox" name="form[scopes][]" value=word checked=is_chosen />{format!(" {word}: {}", scope.what())}</label>
        }
        .erase()
    });
    let lives = LIVES.map(|(days, words)| view! { <option value=days selected=days == form.days>{words}</option> });
    view! {
        <form class="settings-form" method="post" action=path::API_TOKENS>
            <input type="hidden" name="form_token" value=form_token />
            <Field name="form[name]" label="New token" takes=Takes::Line(ApiToken::NAME as u32, true) value=form.name example="GitHub" hint="What asks with it. What it does is done under your name and that." />
            <fieldset class="form-part">
                <legend>"It may"</legend>
                <div class="field">
                    {boxes.into_iter().collect_view()}
                    <p class="field-hint">"Of that never more than you may yourself at that time. No token can make tokens."</p>
                </div>
            </fieldset>
            <div class="field">
                <label for="form[days]">"It is good for"</label>
                <select id="form[days]" name="form[days]" class="plain-select">{lives.into_iter().collect_view()}</select>
            </div>
            <button type="submit" class="button" disabled=move || is_busy.get() on:click=click>{label}</button>
            <div role="status">{content}</div>
        </form>
    }
    .erase()
}

/// The text of a token, with what it is for.
fn token_view(made: MadeApiToken) -> Erased {
    let MadeApiToken { made, token } = made;
    let token = token.reveal().to_owned();
    view! {
        <div class="check-result">
            <p>{format!("“{}” is made. It is shown in this page only:", made.name)}</p>
            <pre class="check-output" tabindex="0" role="group" aria-label="Text of the token">{token.clone()}</pre>
            <div class="form-actions"><CopyButton text=token what="token" /></div>
            <p>"Programs send it as a bearer token. A pipeline has it in a variable and deploys with"</p>
            <pre class="check-output" tabindex="0" role="group" aria-label="Command">"PILOTHOUSE_API_KEY=… pilothouse deploy SERVICE"</pre>
        </div>
    }
    .erase()
}
