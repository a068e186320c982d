//! Where one signs in, and where the first user is made. Both are plain forms that load the next page whole.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::components::{Brand, FormFailure, Icon, Symbol};
use crate::erase::Erase;
use crate::pages::wait::wait;
use crate::path;
use crate::rpc::is_set_up;

/// Where one signs in.
#[component]
pub fn SignInPage() -> impl IntoView {
    let query = use_query_map();
    let next = move || query.with(|query| path::local(query.get_str("next").unwrap_or(path::OVERVIEW)).to_owned());
    let is_set_up = Resource::new_blocking(|| (), |()| is_set_up());
    view! {
        <Title text="Sign in" />
        <Entry title="Sign in">
            <Suspense>
                {move || Suspend::new(async move { (wait(is_set_up).await == Ok(false)).then(|| view! { <NoUserYet /> }) })}
            </Suspense>
            <form class="entry-form" method="post" action="/rpc/sign_in">
                <input type="hidden" name="next" value=next />
                <div class="field">
                    <label for="username">"User name"</label>
                    <input id="username" name="username" type="text" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="63" autofocus />
                </div>
                <div class="field">
                    <label for="password">"Password"</label>
                    <input id="password" name="password" type="password" autocomplete="current-password" required maxlength="1024" />
                </div>
                <button type="submit" class="button" data-kind="primary">"Sign in"</button>
            </form>
        </Entry>
    }
}

/// Where the first user is made, with the one-time link that the console shows.
#[component]
pub fn SetupPage() -> impl IntoView {
    let query = use_query_map();
    let token = move || query.with(|query| query.get_str("token").unwrap_or_default().to_owned());
    view! {
        <Title text="Set up" />
        <Entry title="Make the first user">
            <p class="entry-text">"This user is the Admin of this Pilothouse and can make others. The link works once."</p>
            <form class="entry-form" method="post" action="/rpc/set_up">
                <input type="hidden" name="token" value=token />
                <div class="field">
                    <label for="username">"User name"</label>
                    <input id="username" name="username" type="text" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="63" pattern="[A-Za-z0-9._@\\-]+" autofocus aria-describedby="username-hint" />
                    <p class="field-hint" id="username-hint">"Letters, digits and . _ - @"</p>
                </div>
                <div class="field">
                    <label for="password">"Password"</label>
                    <input id="password" name="password" type="password" autocomplete="new-password" required minlength="12" maxlength="1024" aria-describedby="password-hint" />
                    <p class="field-hint" id="password-hint">"At least 12 characters. A sentence is easier to remember than a word."</p>
                </div>
                <button type="submit" class="button" data-kind="primary">"Make user and sign in"</button>
            </form>
        </Entry>
    }
}

/// The card in the middle of the page.
#[component]
fn Entry(
    /// Its heading.
    title: &'static str,
    /// What is in it.
    children: Children,
) -> impl IntoView {
    view! {
        <main class="entry" id="main">
            <div class="entry-card">
                <div class="entry-brand"><Brand /><span class="brand-name">"Pilothouse"</span></div>
                <h1 class="entry-title">{title}</h1>
                <FormFailure />
                {children()}
            </div>
        </main>
    }
    .erase()
}

/// What to do when nobody can sign in yet.
#[component]
fn NoUserYet() -> impl IntoView {
    view! {
        <div class="hint" role="note">
            <Icon symbol=Symbol::Info />
            <p>
                "There is no user yet. Open the set-up link that Pilothouse printed on its console, or start it once with "
                <code>"PILOTHOUSE_ADMIN_PASSWORD"</code> " set."
            </p>
        </div>
    }
}
