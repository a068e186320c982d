//! Who looks at the page, and what its forms and links need.

use api::{Permission, Role, Timestamp};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Theme;

/// Who looks at the page. It is in the context of every component and doesn't change until the next full load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    /// The one who is signed in.
    pub user: Option<SignedIn>,
    /// What every form that changes something sends back.
    pub form_token: String,
    /// How the page looks.
    pub theme: Theme,
    /// When the request arrived, by the server's clock.
    pub now: Timestamp,
    /// The loopback name that links to services use: another than the page's, for cookies ignore ports. None when the page
    /// isn't on the loopback address.
    pub service_host: Option<String>,
    /// Why the form that led to this page, posted without JavaScript, failed.
    pub failure: Option<String>,
}

/// The one who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// Their name.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

impl Viewer {
    /// Puts the viewer of the request into the context; the browser takes it over from the page.
    pub fn provide() -> Self {
        let viewer = SharedValue::new(Self::of_request).into_inner();
        provide_context(viewer.clone());
        viewer
    }

    /// Whether they may do `permission`; nobody may do nothing.
    pub fn may(&self, permission: Permission) -> bool {
        self.user.as_ref().is_some_and(|user| user.role.may(permission))
    }

    /// Where a service on this machine is reached in the viewer's browser.
    pub fn service_url(&self, port: u16) -> Option<String> {
        self.service_host.as_ref().map(|host| format!("http://{host}:{port}/"))
    }

    #[cfg(not(feature = "ssr"))]
    fn of_request() -> Self {
        Self::default()
    }

    #[cfg(feature = "ssr")]
    fn of_request() -> Self {
        let Some(context) = crate::context::RequestContext::find() else { return Self::default() };
        let failure = use_context::<http::request::Parts>().and_then(|parts| crate::rpc::failure_in(parts.uri.query()?, &context));
        let user = context.caller.map(|caller| SignedIn { name: caller.name, role: caller.role });
        let parts = use_context::<http::request::Parts>();
        let host = parts.as_ref().and_then(|parts| parts.headers.get(http::header::HOST)).and_then(|host| host.to_str().ok());
        let service_host = host.and_then(other_loopback).map(str::to_owned);
        Self { user, form_token: context.form_token, theme: Theme::of_request(), now: context.now, service_host, failure }
    }
}

/// The other name of the loopback address than the one in a `Host` header.
#[cfg(feature = "ssr")]
fn other_loopback(host: &str) -> Option<&'static str> {
    match host.rsplit_once(':').map_or(host, |(name, _)| name) {
        "localhost" => Some("127.0.0.1"),
        "127.0.0.1" | "[::1]" => Some("localhost"),
        _ => None,
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::other_loopback;

    #[test]
    fn links_to_services_use_another_host_name_than_the_page() {
        assert_eq!(other_loopback("127.0.0.1:7700"), Some("localhost"));
        assert_eq!(other_loopback("localhost"), Some("127.0.0.1"));
        assert_eq!(other_loopback("pilothouse.example"), None);
    }
}
