//! Own sessions, password and API tokens, and for an Admin the users.

mod sessions;
mod tokens;
mod users;

use api::{PASSWORD_MAX, PASSWORD_MIN};
use leptos::prelude::*;

use self::sessions::SessionsPanel;
use self::tokens::TokensPanel;
use self::users::UsersPanel;
use crate::components::{Done, Failure, PageHead, Skeleton};
use crate::erase::Erase;
use crate::pages::wait::wait;
use crate::rpc::get_settings;
use crate::viewer::Viewer;

/// Own sessions, password and API tokens, and for an Admin the users.
#[component]
pub fn SettingsPage() -> impl IntoView {
    let settings = Resource::new_blocking(|| (), |()| get_settings());
    view! {
        <PageHead title="Settings" about="Your sessions, password and API tokens, and who may use this Pilothouse.".erase() />
        <Done />
        <div class="settings">
            <Transition fallback=|| view! { <Skeleton lines=6 /> }.erase()>
                {move || Suspend::new(async move {
                    match wait(settings).await {
                        Ok(settings) => {
                            view! {
                                {settings.users.map(|users| view! { <UsersPanel users=users /> })} <SessionsPanel sessions=settings.sessions />
                                <PasswordPanel />
                            }
                            .erase()
                        }
                        Err(error) => view! { <Failure error=error.0 /> }.erase(),
                    }
                })}
            </Transition>
            <TokensPanel />
        </div>
    }
    .erase()
}

/// A new password for oneself.
#[component]
fn PasswordPanel() -> impl IntoView {
    let form_token = expect_context::<Viewer>().form_token;
    view! {
        <section class="panel" aria-labelledby="settings-password">
            <header class="panel-head"><h2 class="panel-title" id="settings-password">"Password"</h2></header>
            <form class="settings-form" method="post" action="/rpc/change_password">
                <input type="hidden" name="form_token" value=form_token />
                <div class="field">
                    <label for="old">"Present password"</label>
                    <input id="old" name="old" type="password" autocomplete="current-password" required maxlength=PASSWORD_MAX />
                </div>
                <div class="field">
                    <label for="new">"New password"</label>
                    <input id="new" name="new" type="password" autocomplete="new-password" required minlength=PASSWORD_MIN maxlength=PASSWORD_MAX aria-describedby="new-hint" />
                    <p class="field-hint" id="new-hint">"At least 12 characters. Your other sessions end; your API tokens stay."</p>
                </div>
                <button type="submit" class="button">"Change password"</button>
            </form>
        </section>
    }
    .erase()
}
