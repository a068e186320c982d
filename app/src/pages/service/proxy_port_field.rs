//! The port of the proxy in front of a service: a field of its settings, and of the form that makes it.

use leptos::prelude::*;

use crate::components::{Field, Takes};
use crate::erase::{Erase, Erased};

/// The field, with what a proxy is good for.
pub fn proxy_port_field(value: String) -> Erased {
    let hint = "A proxy of Pilothouse listens on it, on 127.0.0.1, and passes requests on: two releases can run side by side then, and who asks during a restart waits instead of failing.";
    view! { <Field name="form[proxy_port]" label="Proxy port" takes=Takes::NumberOrNothing(1, 65_535) value example="none" hint /> }.erase()
}
