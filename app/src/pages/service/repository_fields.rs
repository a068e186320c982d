//! Which Git repository a service is made of: the part of the forms that make and change a service.

use leptos::prelude::*;

use super::image_form::at;
use crate::components::{Field, Takes};
use crate::erase::{Erase, Erased};
use crate::path;
use crate::rpc::RepositoryForm;

/// The repository, and what of it the service is.
#[component]
pub fn RepositoryFields(
    /// What is in its fields at first.
    form: RepositoryForm,
    /// Whether there has to be one.
    is_required: bool,
    /// Where what is wrong with it is said, as a JSON Pointer.
    place: &'static str,
) -> impl IntoView {
    let RepositoryForm { url, reference, folder, user, secret, host_key } = form;
    let below = |name: &str, field: Erased| at(format!("{place}/{name}"), field);
    view! {
        {below("url", view! { <Field name="form[repository][url]" label="Git repository" takes=Takes::Line(500, is_required) value=url example="https://git.example/shop/orders.git" hint="Or git@git.example:shop/orders.git, over SSH. Each deployment takes the newest commit of its branch." /> }.erase())}
        {below("reference", view! { <Field name="form[repository][reference]" label="Branch or tag" takes=Takes::Line(250, false) value=reference example="main" hint="Empty is the repository's own branch. A commit is named by all of its digits." /> }.erase())}
        {below("folder", view! { <Field name="form[repository][folder]" label="Path in the repository" takes=Takes::Line(500, false) value=folder example="services/orders" hint="Empty is all of it." /> }.erase())}
        {below("secret", view! { <Field name="form[repository][secret]" label="Secret with its access token" takes=Takes::Line(128, false) value=secret example="git.token" hint="The name of a secret; empty for what everybody may read. With SSH: with the private key." /> }.erase())}
        {below("user", view! { <Field name="form[repository][user]" label="Account with that token" takes=Takes::Line(200, false) value=user example="git" hint="GitHub, GitLab and Gitea take any. With SSH it is in the address." /> }.erase())}
        {below("host_key", view! { <Field name="form[repository][host_key]" label="Keys of its SSH server" takes=Takes::Lines value=host_key example="git.example ssh-ed25519 AAAA.." hint="As ssh-keyscan prints them. Empty takes the one that it has at first, and no other later." /> }.erase())}
        <div class="form-part"><p class="field-hint">"Tokens and keys are kept among the "<a href=path::SECRETS>"secrets"</a>"."</p></div>
    }
    .erase()
}
