//! Dark, light, or as the system says.

use serde::Serialize;

/// The cookie that remembers the theme.
pub const THEME_COOKIE: &str = "pilothouse-theme";

/// How the pages look; the text is also that of `data-theme`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the operating system says.
    #[default]
    System,
    /// Dark on every system.
    Dark,
    /// Light on every system.
    Light,
}

api::read_as_word!(Theme);

impl Theme {
    /// Every theme, in the order of the switch.
    pub const ALL: [Theme; 3] = [Theme::System, Theme::Light, Theme::Dark];

    /// The text in the cookie and in `data-theme`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Theme::System => "system",
            Theme::Dark => "dark",
            Theme::Light => "light",
        }
    }

    /// The word that people see.
    pub const fn label(self) -> &'static str {
        match self {
            Theme::System => "System",
            Theme::Dark => "Dark",
            Theme::Light => "Light",
        }
    }

    /// The theme of that text; anything unknown is the system's.
    pub fn named(text: &str) -> Self {
        Theme::ALL.into_iter().find(|theme| theme.as_str() == text).unwrap_or_default()
    }

    /// The theme that the request being answered asks for by its cookie.
    #[cfg(feature = "ssr")]
    pub fn of_request() -> Self {
        let parts = leptos::prelude::use_context::<http::request::Parts>();
        parts.and_then(|parts| crate::session::cookie(&parts.headers, THEME_COOKIE).map(Theme::named)).unwrap_or_default()
    }
}
