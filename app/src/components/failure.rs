//! A part of a page that could not be loaded.

use std::iter;

use api::{Error, ErrorCode};
use leptos::prelude::*;

use super::{Icon, Symbol};
use crate::erase::Erase;

/// Says what failed, why, and what to do; on the server it also gives the page the status of the error.
#[component]
pub fn Failure(
    /// What failed.
    error: Error,
) -> impl IntoView {
    #[cfg(feature = "ssr")]
    crate::rpc::set_status(error.code);
    let title = match error.code {
        ErrorCode::NotFound => "Not found",
        ErrorCode::Forbidden => "Not allowed",
        ErrorCode::NotSignedIn | ErrorCode::SessionEnded => "Signed out",
        ErrorCode::Unavailable | ErrorCode::TimedOut => "Not reachable",
        _ => "This failed",
    };
    let is_signed_out = matches!(error.code, ErrorCode::NotSignedIn | ErrorCode::SessionEnded);
    view! {
        <div class="failure" role="alert" data-code=error.code.as_str()>
            <Icon symbol=Symbol::Warning />
            <div class="failure-text">
                <p class="failure-title">{title}</p>
                <p>{sentence(&error.message)}</p>
                {is_signed_out.then(|| view! { <p><a href=crate::path::SIGN_IN rel="external">"Sign in"</a></p> })}
            </div>
        </div>
    }
    .erase()
}

/// A message as a sentence: with a capital and a full stop.
pub fn sentence(message: &str) -> String {
    let mut letters = message.trim().chars();
    let Some(first) = letters.next() else { return String::new() };
    let mut sentence: String = iter::once(first.to_ascii_uppercase()).chain(letters).collect();
    if !sentence.ends_with(['.', '!', '?', ':']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn a_message_becomes_a_sentence() {
        assert_eq!(sentence("it is running already"), "It is running already.");
        assert_eq!(sentence("Done."), "Done.");
        assert_eq!(sentence(""), "");
    }
}
