//! What a deployment waits for, and agreeing to it.

use api::{Deployment, Permission};
use leptos::prelude::*;

use super::follow::Followed;
use super::utc;
use crate::components::{Field, Icon, LiveForm, Symbol, Takes, sentence};
use crate::erase::{Erase, Erased, shown};
use crate::viewer::Viewer;

/// Why it waits; nothing when it doesn't, or only for those before it.
#[component]
pub fn Waiting(followed: Followed) -> impl IntoView {
    let waits = Memo::new(move |_| followed.deployment.with(|one| one.waits_for.clone().filter(|_| !one.status.is_over())));
    let deployment = followed.deployment;
    shown(move || {
        let wait = waits.get()?;
        let until = wait.until.map(|at| format!(" It may begin at {}.", utc(at)));
        let form = wait.needs_approval.then(|| deployment.with_untracked(judge));
        Some(
            view! {
                <section class="hint" aria-label="Waits">
                    <Icon symbol=Symbol::Pause />
                    <div><p><strong>"It waits: "</strong>{sentence(&wait.reason)}{until}</p>{form}</div>
                </section>
            }
            .erase(),
        )
    })
    .erase()
}

/// The form of who may agree; they who have asked may end it only.
fn judge(deployment: &Deployment) -> Erased {
    let viewer = expect_context::<Viewer>();
    if !viewer.may(Permission::DeploymentsApprove) {
        return view! { <p>"That takes the role Developer."</p> }.erase();
    }
    let id = deployment.id.to_string();
    let is_own = viewer.user.as_ref().is_some_and(|user| {
        // What one's API token has asked for is one's own too.
        let rest = deployment.created_by.strip_prefix(user.name.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" (token "))
    });
    let agree = (!is_own).then(|| {
        let id = id.clone();
        view! {
            <LiveForm action="/rpc/judge_deployment">
                <input type="hidden" name="id" value=id />
                <input type="hidden" name="agrees" value="true" />
                <button type="submit" class="button" data-kind="primary"><Icon symbol=Symbol::Up />"Agree"</button>
            </LiveForm>
        }
        .erase()
    });
    view! {
        {agree}
        <details class="form-part">
            <summary>"Reject it…"</summary>
            <LiveForm action="/rpc/judge_deployment">
                <input type="hidden" name="id" value=id />
                <input type="hidden" name="agrees" value="false" />
                <Field name="message" label="Why" takes=Takes::Line(500, false) value="" />
                <button type="submit" class="button" data-kind="danger">"Reject"</button>
            </LiveForm>
        </details>
    }
    .erase()
}
