//! The icons: strokes on a grid of 16, drawn for Pilothouse.

use crate::erase::Erase;
use leptos::prelude::*;

/// Declares the icons once: name and the shapes inside of the drawing.
macro_rules! symbols {
    ($($name:ident = $shapes:literal;)+) => {
        /// What an icon shows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Symbol {
            $(#[doc = stringify!($name)] $name,)+
        }

        impl Symbol {
            const fn shapes(self) -> &'static str {
                match self { $(Symbol::$name => $shapes),+ }
            }
        }
    };
}

symbols! {
    Overview = r#"<rect x="2" y="2" width="5" height="6" rx="1"/><rect x="9" y="2" width="5" height="3.5" rx="1"/><rect x="2" y="10.5" width="5" height="3.5" rx="1"/><rect x="9" y="8" width="5" height="6" rx="1"/>"#;
    Services = r#"<path d="M8 1.8 14 5 8 8.2 2 5Z"/><path d="m2 8 6 3.2L14 8"/><path d="m2 11 6 3.2 6-3.2"/>"#;
    Dependencies = r#"<circle cx="3.5" cy="8" r="2"/><circle cx="12.5" cy="3.5" r="2"/><circle cx="12.5" cy="12.5" r="2"/><path d="m5.4 7.1 5.2-2.7M5.4 8.9l5.2 2.7"/>"#;
    Activity = r#"<path d="M1.5 8h3l2-5.5 3 11 2-5.5h3"/>"#;
    Health = r#"<path d="M8 14S2 10.5 2 6.3A3.2 3.2 0 0 1 8 4.8a3.2 3.2 0 0 1 6 1.5C14 10.5 8 14 8 14Z"/>"#;
    Key = r#"<circle cx="5" cy="11" r="3"/><path d="m7 9 6.5-6.5M11 5l2.5 2.5"/>"#;
    Settings = r#"<path d="M2 4.5h5M11 4.5h3M2 11.5h3M9 11.5h5"/><circle cx="9" cy="4.5" r="2"/><circle cx="7" cy="11.5" r="2"/>"#;
    Docs = r#"<path d="M3 2.5h7l3 3v8H3Z"/><path d="M10 2.5v3h3M5.5 8.5h5M5.5 11h5"/>"#;
    Add = r#"<path d="M8 3v10M3 8h10"/>"#;
    Search = r#"<circle cx="7" cy="7" r="4.5"/><path d="m10.5 10.5 3.5 3.5"/>"#;
    Sun = r#"<circle cx="8" cy="8" r="3"/><path d="M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1"/>"#;
    Moon = r#"<path d="M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7Z"/>"#;
    Screen = r#"<rect x="1.5" y="2.5" width="13" height="8.5" rx="1.2"/><path d="M5.5 14h5M8 11v3"/>"#;
    User = r#"<circle cx="8" cy="5.2" r="2.8"/><path d="M2.5 14c.6-2.9 2.7-4.4 5.5-4.4s4.9 1.5 5.5 4.4"/>"#;
    SignOut = r#"<path d="M6 2.5H2.8v11H6M7 8h7M11 5l3 3-3 3"/>"#;
    Start = r#"<path d="M4.5 2.8v10.4L13 8Z"/>"#;
    Stop = r#"<rect x="3.5" y="3.5" width="9" height="9" rx="1.2"/>"#;
    Restart = r#"<path d="M13.5 8A5.5 5.5 0 1 1 11.7 3.9L13.5 5.5"/><path d="M13.5 2v3.5H10"/>"#;
    External = r#"<path d="M6.5 3H3v10h10V9.5M9.5 2.5h4v4M13.3 2.7 7.5 8.5"/>"#;
    Up = r#"<path d="M8 13V3M4 7l4-4 4 4"/>"#;
    Down = r#"<path d="M8 3v10M4 9l4 4 4-4"/>"#;
    Left = r#"<path d="m10 3-5 5 5 5"/>"#;
    Right = r#"<path d="m6 3 5 5-5 5"/>"#;
    More = r#"<path d="M3 8h.01M8 8h.01M13 8h.01"/>"#;
    Chevron = r#"<path d="m4 6 4 4 4-4"/>"#;
    Check = r#"<path d="m3 8.5 3.5 3.5L13 4.5"/>"#;
    Close = r#"<path d="m3.5 3.5 9 9M12.5 3.5l-9 9"/>"#;
    Warning = r#"<path d="M8 2 14.5 13.5h-13Z"/><path d="M8 6.5v3M8 11.5v.01"/>"#;
    Info = r#"<circle cx="8" cy="8" r="6"/><path d="M8 7.5v3.5M8 5v.01"/>"#;
    Folder = r#"<path d="M1.8 3.5h4.4l1.5 2h6.5v7.5H1.8Z"/>"#;
    Refresh = r#"<path d="M2.5 6.5A5.7 5.7 0 0 1 13 5.5M13.5 9.5A5.7 5.7 0 0 1 3 10.5M13.5 2.5v3h-3M2.5 13.5v-3h3"/>"#;
    Pause = r#"<path d="M5 3v10M11 3v10"/>"#;
    Logs = r#"<path d="M2 4h12M2 8h8M2 12h10"/>"#;
    Copy = r#"<rect x="5.5" y="5.5" width="8.5" height="8.5" rx="1.2"/><path d="M10.5 2.5h-8v8"/>"#;
}

/// An icon beside a word, or in a control that has a name of its own: screen readers pass over it.
#[component]
pub fn Icon(
    /// What it shows.
    symbol: Symbol,
) -> impl IntoView {
    view! { <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" inner_html=symbol.shapes()></svg> }.erase()
}
