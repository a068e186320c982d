//! Who may use this Pilothouse, and as what.

use api::{PASSWORD_MAX, PASSWORD_MIN, Role, User};
use leptos::prelude::*;

use crate::components::Ago;
use crate::erase::{Erase, Erased};
use crate::viewer::Viewer;

/// Every user, with forms that change them, and one that makes another.
#[component]
pub fn UsersPanel(
    /// The users.
    users: Vec<User>,
) -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let own = viewer.user.as_ref().map(|user| user.name.clone()).unwrap_or_default();
    let rows = users.into_iter().map(|user| row(user, &own, &viewer.form_token));
    view! {
        <section class="panel" aria-labelledby="settings-users">
            <header class="panel-head"><h2 class="panel-title" id="settings-users">"Users"</h2></header>
            <div class="table-scroll" tabindex="0" role="region" aria-label="Table of users">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Name"</th>
                            <th scope="col">"Role"</th>
                            <th scope="col">"Last sign-in"</th>
                            <th scope="col"><span class="visually-hidden">"Actions"</span></th>
                        </tr>
                    </thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table>
            </div>
            <NewUserForm form_token=viewer.form_token.clone() />
        </section>
    }
    .erase()
}

fn row(user: User, own: &str, form_token: &str) -> Erased {
    let id = user.id.to_string();
    let is_own = user.username == own;
    let last =
        user.last_sign_in.map(|at| view! { <Ago at=at /> }.erase()).unwrap_or_else(|| view! { <span class="none">"Never"</span> }.erase());
    let (word, active) = if user.is_active { ("Suspend", "false") } else { ("Let in", "true") };
    let name = user.username.clone();
    let ids = |form_token: &str| {
        view! {
            <input type="hidden" name="id" value=id.clone() />
            <input type="hidden" name="form_token" value=form_token.to_owned() />
        }
        .erase()
    };
    let actions = (!is_own).then(|| {
        view! {
            <form class="settings-actions" method="post" action="/rpc/change_user">
                {ids(form_token)}
                <button type="submit" class="button" data-size="small" name="is_active" value=active aria-label=format!("{word} {name}")>{word}</button>
                <button type="submit" class="button" data-size="small" formaction="/rpc/delete_user" aria-label=format!("Delete {name}")>"Delete"</button>
            </form>
        }
        .erase()
    });
    let role = if is_own {
        view! { <span>{user.role.label()}" (you)"</span> }.erase()
    } else {
        view! {
            <form class="settings-actions" method="post" action="/rpc/change_user">
                {ids(form_token)} <RoleSelect chosen=user.role label=format!("Role of {name}") />
                <button type="submit" class="button" data-size="small" aria-label=format!("Save the role of {name}")>"Save"</button>
            </form>
        }
        .erase()
    };
    let suspended = (!user.is_active).then(|| view! { <span class="badge">"Suspended"</span> });
    view! {
        <tr>
            <th scope="row">{name.clone()}" "{suspended}</th>
            <td>{role}</td>
            <td>{last}</td>
            <td class="cell-end">{actions}</td>
        </tr>
    }
    .erase()
}

/// The roles to choose from.
#[component]
fn RoleSelect(chosen: Role, #[prop(into)] label: String) -> impl IntoView {
    let options = Role::ALL.map(|role| view! { <option value=role.as_str() selected=role == chosen>{role.label()}</option> });
    view! {
        <select class="plain-select" name="role" aria-label=label>{options.into_iter().collect_view()}</select>
    }
    .erase()
}

/// A new user.
#[component]
fn NewUserForm(form_token: String) -> impl IntoView {
    view! {
        <form class="settings-form" method="post" action="/rpc/create_user" data-kind="row">
            <input type="hidden" name="form_token" value=form_token />
            <div class="field">
                <label for="new-username">"New user"</label>
                <input id="new-username" name="username" type="text" autocomplete="off" autocapitalize="none" spellcheck="false" required maxlength="63" placeholder="Name" />
            </div>
            <div class="field">
                <label for="new-password">"First password"</label>
                <input id="new-password" name="password" type="password" autocomplete="new-password" required minlength=PASSWORD_MIN maxlength=PASSWORD_MAX placeholder="At least 12 characters" />
            </div>
            <div class="field"><span class="field-label">"Role"</span><RoleSelect chosen=Role::Viewer label="Role of the new user" /></div>
            <button type="submit" class="button">"Make user"</button>
        </form>
    }
    .erase()
}
