//! The port of the proxy in front of a service, and how many replicas are behind it: fields of its settings, and of the form that makes it.

use leptos::prelude::*;

use crate::components::{Field, Takes};
use crate::erase::{Erase, Erased};

/// The fields, with what a proxy is good for.
pub fn proxy_fields(value: String, replicas: String) -> Erased {
    let hint = "A proxy of Pilothouse listens on it, on 127.0.0.1, and passes requests on: two releases can run side by side then, and who asks during a restart waits instead of failing.";
    let copies =
        "How many copies of it run behind its proxy. Requests go to those that are well; restarts and releases go from one to the next.";
    view! {
        <Field name="form[proxy_port]" label="Proxy port" takes=Takes::NumberOrNothing(1, 65_535) value example="none" hint />
        <Field name="form[replicas]" label="Replicas" takes=Takes::NumberOrNothing(1, 20) value=replicas example="1" hint=copies />
    }
    .erase()
}
