//! Where one is signed in.

use api::Session;
use leptos::prelude::*;

use crate::components::Ago;
use crate::erase::Erase;
use crate::viewer::Viewer;

/// One's sessions, each with a button that ends it.
#[component]
pub fn SessionsPanel(
    /// The sessions.
    sessions: Vec<Session>,
) -> impl IntoView {
    let form_token = expect_context::<Viewer>().form_token;
    let rows = sessions.into_iter().map(|session| {
        let program = program(&session.user_agent);
        let label = format!("End the session of {program} at {}", session.address);
        let end = if session.is_current {
            view! { <span class="badge">"This one"</span> }.erase()
        } else {
            view! {
                <form method="post" action="/rpc/end_session">
                    <input type="hidden" name="id" value=session.id.to_string() />
                    <input type="hidden" name="form_token" value=form_token.clone() />
                    <button type="submit" class="button" data-size="small" aria-label=label>"End"</button>
                </form>
            }
            .erase()
        };
        view! {
            <tr>
                <th scope="row" title=session.user_agent>{program}</th>
                <td class="mono">{session.address}</td>
                <td><Ago at=session.created_at /></td>
                <td><Ago at=session.last_used_at /></td>
                <td class="cell-end">{end}</td>
            </tr>
        }
        .erase()
    });
    view! {
        <section class="panel" aria-labelledby="settings-sessions">
            <header class="panel-head"><h2 class="panel-title" id="settings-sessions">"Your sessions"</h2></header>
            <div class="table-scroll" tabindex="0" role="region" aria-label="Table of sessions">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Program"</th>
                            <th scope="col">"Address"</th>
                            <th scope="col">"Begun"</th>
                            <th scope="col">"Last used"</th>
                            <th scope="col"><span class="visually-hidden">"End it"</span></th>
                        </tr>
                    </thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table>
            </div>
        </section>
    }
    .erase()
}

/// The program that a `User-Agent` names, in a word or two.
fn program(user_agent: &str) -> String {
    let browsers = [("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")];
    let systems =
        [("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"), ("Linux", "Linux")];
    let named = |names: &[(&str, &'static str)]| names.iter().find(|(part, _)| user_agent.contains(part)).map(|(_, name)| *name);
    match (named(&browsers), named(&systems)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        _ if user_agent.is_empty() => "Unknown".to_owned(),
        _ => user_agent.split([' ', '/']).next().unwrap_or_default().chars().take(40).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::program;

    #[test]
    fn a_program_is_named_in_a_word_or_two() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";
        assert_eq!(program(chrome), "Chrome on Linux");
        assert_eq!(program("curl/8.1.2"), "curl");
        assert_eq!(program(""), "Unknown");
    }
}
