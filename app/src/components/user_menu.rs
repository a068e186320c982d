//! Who is signed in, and the way out.

use leptos::prelude::*;

use super::menu::Menu;
use super::theme_switch::ThemeSwitch;
use super::{Icon, Symbol};
use crate::erase::Erase;
use crate::path;
use crate::viewer::{SignedIn, Viewer};

/// The account: who it is, its theme, its settings and the way out.
#[component]
pub fn UserMenu(
    /// Who is signed in.
    user: SignedIn,
) -> impl IntoView {
    let form_token = expect_context::<Viewer>().form_token;
    let initial: String = user.name.chars().take(1).collect();
    let face = view! {
        <summary class="user-menu-face" aria-label=format!("Account of {}", user.name) title=user.name.clone()>
            <span class="avatar" aria-hidden="true">{initial}</span>
        </summary>
    };
    let body = view! {
        <div class="user-menu-who">
            <span class="user-menu-name">{user.name}</span>
            <span class="user-menu-role">{user.role.label()}</span>
        </div>
        <div class="user-menu-theme"><span>"Theme"</span><ThemeSwitch /></div>
        <a class="menu-item" href=path::SETTINGS><Icon symbol=Symbol::Settings />"Settings"</a>
        <form method="post" action="/rpc/sign_out">
            <input type="hidden" name="form_token" value=form_token />
            <button type="submit" class="menu-item"><Icon symbol=Symbol::SignOut />"Sign out"</button>
        </form>
    };
    view! { <Menu face=face.erase() body=body.erase() /> }.erase()
}
