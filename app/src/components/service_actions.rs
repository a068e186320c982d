//! Start, stop and restart of one service: forms that post, and calls once the page is alive.

use api::{Action, Permission, Service};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::wasm_split;

use super::failure::sentence;
use super::{Confirm, Icon, Question, Symbol};
use crate::erase::{Erase, text};
use crate::rpc::{RpcResult, get_dependents, restart_service, start_service, stop_service};
use crate::viewer::Viewer;

/// Where the form of an action posts to.
pub const fn action_url(action: Action) -> &'static str {
    match action {
        Action::Start => "/rpc/start_service",
        Action::Stop => "/rpc/stop_service",
        Action::Restart => "/rpc/restart_service",
    }
}

/// The picture of an action.
pub const fn action_symbol(action: Action) -> Symbol {
    match action {
        Action::Start => Symbol::Start,
        Action::Stop => Symbol::Stop,
        Action::Restart => Symbol::Restart,
    }
}

/// What is lost by an action; nothing needs no question.
const fn loss(action: Action) -> Option<&'static str> {
    match action {
        Action::Start => None,
        Action::Stop => Some("Its requests in flight get the time of its stop grace to finish. It stays stopped until somebody starts it."),
        Action::Restart => Some(
            "Unless it restarts without a break, it doesn't answer until it is up again. Requests in flight get the time of its stop grace to finish.",
        ),
    }
}

async fn run(action: Action, id: api::ServiceId, form_token: String) -> RpcResult<Service> {
    match action {
        Action::Start => start_service(id, form_token).await,
        Action::Stop => stop_service(id, form_token).await,
        Action::Restart => restart_service(id, form_token).await,
    }
}

/// Does actions for the viewer; made where there is a context, used in event handlers, where there is none.
#[derive(Clone)]
pub struct Performer {
    form_token: String,
    confirm: Option<Confirm>,
}

impl Performer {
    /// For the viewer of the page.
    pub fn from_context() -> Self {
        Self { form_token: expect_context::<Viewer>().form_token, confirm: use_context() }
    }

    /// Does it, after asking when something is lost: shows in `service` what is expected, and in `failure` why it didn't work.
    pub fn perform(&self, action: Action, service: RwSignal<Service>, failure: RwSignal<Option<String>>) {
        spawn_local(perform(self.clone(), action, service, failure));
    }

    fn ask_and_run(&self, action: Action, service: RwSignal<Service>, failure: RwSignal<Option<String>>) {
        let form_token = self.form_token.clone();
        let asked = service.get_untracked();
        let then = Callback::new(move |()| {
            // The row may have gone while it was asked; what was confirmed is done all the same.
            let before = service.try_get_untracked().unwrap_or_else(|| asked.clone());
            let form_token = form_token.clone();
            failure.try_set(None);
            service.try_update(|service| service.status = action.expected());
            spawn_local(async move {
                let answer = run(action, before.id, form_token).await;
                let error = answer.as_ref().err().map(|error| format!("{} failed. {}", action.label(), sentence(&error.0.message)));
                // The feed may have told more meanwhile, the end of a stop for one: that stays.
                let after = answer.unwrap_or(before);
                if service.try_with_untracked(|shown| after.supersedes(shown)) == Some(true) {
                    service.set(after);
                }
                if error.is_some() {
                    failure.try_set(error);
                }
            });
        });
        match (loss(action), self.confirm) {
            (Some(text), Some(confirm)) => {
                let (id, name) = service.with_untracked(|service| (service.id, service.name.clone()));
                let title = format!("{} {name}?", action.label());
                let more = ArcRwSignal::new("Looking for what depends on it…".to_owned());
                let told = more.clone();
                spawn_local(async move {
                    told.set(match get_dependents(id).await {
                        Ok(found) => found.unwrap_or_else(|| "Nothing is known to depend on it.".into()),
                        Err(_) => "What depends on it can't be found out now.".into(),
                    });
                });
                confirm.ask(Question { title, text: text.to_owned(), more, action: action.label(), then });
            }
            _ => then.run(()),
        }
    }
}

/// [`Performer::perform`], in a part of the bundle that is fetched for the first action.
#[wasm_split(deeds, wasm_split_path = ::leptos::wasm_split)]
fn perform(performer: Performer, action: Action, service: RwSignal<Service>, failure: RwSignal<Option<String>>) {
    performer.ask_and_run(action, service, failure);
}

/// The three buttons of one service; nothing for those who may only look. A blocked one says why.
#[component]
pub fn ServiceActions(
    /// The service; shows what is expected while an action is under way.
    service: RwSignal<Service>,
    /// Where the page shows why an action didn't work.
    failure: RwSignal<Option<String>>,
    /// Whether the buttons show their words, or icons only.
    #[prop(default = false)]
    has_words: bool,
) -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    if !viewer.may(Permission::ServicesOperate) {
        return ().erase();
    }
    let performer = Performer::from_context();
    let (id, name) = service.with_untracked(|service| (service.id.to_string(), service.name.clone()));
    let status = Memo::new(move |_| service.with(|service| service.status));
    let buttons = Action::ALL.iter().map(|action| {
        let action = *action;
        let blocked = move || action.allowed(status.get()).err().map(|blocked| blocked.0);
        let label = format!("{} {name}", action.label());
        let title = {
            let label = label.clone();
            move || blocked().map_or(label.clone(), |why| format!("{label}: {why}"))
        };
        let performer = performer.clone();
        let click = move |event: leptos::ev::MouseEvent| {
            event.prevent_default();
            if blocked().is_none() {
                performer.perform(action, service, failure);
            }
        };
        view! {
            <button
                type="submit"
                class=if has_words { "button" } else { "button-icon" }
                formaction=action_url(action)
                aria-label=label
                aria-disabled=text(move || blocked().is_some().to_string())
                title=text(title)
                data-action=action.label()
                on:click=click
            >
                <Icon symbol=action_symbol(action) />
                {has_words.then(|| action.label())}
            </button>
        }
    });
    view! {
        <form class="service-actions" method="post">
            <input type="hidden" name="id" value=id />
            <input type="hidden" name="form_token" value=viewer.form_token />
            {buttons.collect_view()}
        </form>
    }
    .erase()
}
