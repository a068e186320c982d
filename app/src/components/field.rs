//! One field of a form, with its label and a hint.

use leptos::prelude::*;

use crate::erase::{Erase, area};

/// What an input takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A line of text of at most so many characters, which must be there or not.
    Line(u32, bool),
    /// A whole number from one to another.
    Number(u32, u32),
    /// A number like that, or nothing.
    NumberOrNothing(u32, u32),
    /// Text of many lines.
    Lines,
}

/// A labelled input. Its id is its name.
#[component]
pub fn Field(
    /// The name that it is sent under.
    name: &'static str,
    /// What it is.
    label: &'static str,
    /// What may be put in.
    takes: Takes,
    /// What is in it at first.
    #[prop(into)]
    value: String,
    /// More about it.
    #[prop(default = "")]
    hint: &'static str,
    /// What it looks like.
    #[prop(default = "")]
    example: &'static str,
) -> impl IntoView {
    let hint_id = format!("{name}-hint");
    let described = (!hint.is_empty()).then(|| hint_id.clone());
    let input = match takes {
        Takes::Lines => view! {
            <textarea id=name name=name rows="5" spellcheck="false" autocapitalize="none" placeholder=example aria-describedby=described>{area(value)}</textarea>
        }
        .erase(),
        Takes::Line(most, is_required) => view! {
            <input id=name name=name type="text" value=value maxlength=most required=is_required autocomplete="off" autocapitalize="none" spellcheck="false" placeholder=example aria-describedby=described />
        }
        .erase(),
        Takes::Number(least, most) | Takes::NumberOrNothing(least, most) => {
            let is_required = matches!(takes, Takes::Number(..));
            view! {
                <input id=name name=name type="number" inputmode="numeric" value=value min=least max=most required=is_required placeholder=example aria-describedby=described />
            }
            .erase()
        }
    };
    view! {
        <div class="field">
            <label for=name>{label}</label>
            {input}
            {(!hint.is_empty()).then(|| view! { <p class="field-hint" id=hint_id>{hint}</p> })}
        </div>
    }
    .erase()
}

/// What is done when a service has ended by itself.
#[component]
pub fn RestartField(
    /// What is chosen at first.
    chosen: api::RestartPolicy,
) -> impl IntoView {
    use api::RestartPolicy::{Always, Never, OnFailure};
    let options = [(OnFailure, "After a crash"), (Always, "However it ends"), (Never, "Never: it stays down")]
        .map(|(policy, words)| view! { <option value=policy.as_str() selected=policy == chosen>{words}</option> });
    view! {
        <div class="field">
            <label for="form[restart]">"Start it again"</label>
            <select id="form[restart]" name="form[restart]" class="plain-select">{options.into_iter().collect_view()}</select>
            <p class="field-hint">"After 1 s, then after twice as long each time, up to five minutes."</p>
        </div>
    }
    .erase()
}

/// The user of the system that a service runs as.
#[component]
pub fn RunAsField(
    /// What is in it at first.
    value: String,
    /// Whether they may name any user.
    is_free: bool,
) -> impl IntoView {
    let hint = if is_free {
        "A user of this machine but root. Its files, its home and its rights are all that the service has."
    } else {
        "A user of this machine that is open to you (service_users); as that user it may run anything. Another one takes an Admin."
    };
    view! { <Field name="form[user]" label="Runs as" takes=Takes::Line(32, false) value example="the user of Pilothouse" hint /> }.erase()
}
