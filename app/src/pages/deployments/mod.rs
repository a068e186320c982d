//! Deployments: all of them, one of them as it happens, and the releases of a service.

mod difference;
mod environments;
mod follow;
mod freezes;
mod list;
mod log;
mod mark;
mod one;
mod outcome;
mod progress;
mod requests;
mod stages;
mod tab;
mod table;
mod waiting;

use api::{Deployment, DeploymentKind, Timestamp};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use self::environments::EnvironmentsView;
use self::list::ListView;
use self::one::OneView;
pub use self::tab::ServiceDeploymentsPage;
use crate::components::{Icon, Symbol};
use crate::erase::{Erase, Erased, shown};

/// The page: `/deployments` is the list, `/deployments/environments` what runs where, `/deployments/{id}` one of them.
#[component]
pub fn DeploymentsPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get_str("id").unwrap_or_default().to_owned()));
    shown(move || match id.get().as_str() {
        "" => view! { <ListView /> }.erase(),
        "environments" => view! { <EnvironmentsView /> }.erase(),
        id => view! { <OneView id=id.to_owned() /> }.erase(),
    })
    .erase()
}

/// What a deployment deploys, in words.
fn what(deployment: &Deployment) -> String {
    match (deployment.kind, &deployment.release) {
        (DeploymentKind::Deploy, Some(release)) => format!("Release {}", release.number),
        (DeploymentKind::Deploy, None) => "A new release".into(),
        (DeploymentKind::Rollback, Some(release)) => format!("Rollback to release {}", release.number),
        (DeploymentKind::Rollback, None) => "Rollback".into(),
    }
}

/// A length of time in its two largest units: `1 min 12 s`.
fn took(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0 => "under 1 s".into(),
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// A time to come, of UTC, as it can be typed.
fn utc(at: Timestamp) -> String {
    format!("{} UTC", at.to_string().chars().take(16).collect::<String>().replace('T', " "))
}

/// What the form that led here did.
fn done(text: &'static str) -> Erased {
    view! { <p class="done" role="status"><Icon symbol=Symbol::Check />{text}</p> }.erase()
}

#[cfg(test)]
mod tests {
    use super::took;

    #[test]
    fn a_length_of_time_has_two_units_at_most() {
        let cases =
            [(-1.0, "under 1 s"), (0.9, "under 1 s"), (59.9, "59 s"), (60.0, "1 min 0 s"), (72.0, "1 min 12 s"), (3_720.0, "1 h 2 min")];
        for (seconds, text) in cases {
            assert_eq!(took(seconds), text);
        }
    }
}
