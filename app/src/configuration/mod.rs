//! What a schema and values say of the form of a configuration, and back: plain functions of data, for the page and for the server
//! functions that read what was typed.

#[cfg_attr(not(feature = "hydrate"), allow(dead_code, reason = "only what is alive is typed into"))]
mod complete;
mod field;
mod group;
mod json;
mod lines;
mod merge;
#[cfg(feature = "ssr")]
mod read;
mod schema;
mod words;

#[cfg(feature = "hydrate")]
pub use complete::complete;
pub use complete::{Completion, Known, Suggestion, known};
pub use field::{Choice, Field, Kind, fields, further};
pub use group::{Group, groups};
pub use json::{json_fault, marked, places};
pub use lines::marked_lines;
#[cfg(feature = "hydrate")]
pub use merge::merge;
pub use merge::{Clash, Merge};
#[cfg(feature = "ssr")]
pub use read::read_value;
#[cfg(feature = "ssr")]
pub use schema::Properties;

/// The name of the variable that a fault is in, and none for one that is in no value. Pointers into the values and into the body of a
/// request that saves them are both taken.
pub fn faulty_name(field: &str) -> Option<String> {
    let rest = field.strip_prefix("/values/").or_else(|| field.strip_prefix('/'))?;
    let part = rest.split('/').next().unwrap_or_default();
    let is_of_request =
        !field.starts_with("/values/") && ["values", "version", "message", "restart", "extra", "text", "format"].contains(&rest);
    (!part.is_empty() && !is_of_request).then(|| part.replace("~1", "/").replace("~0", "~"))
}

#[cfg(test)]
mod tests {
    use super::faulty_name;

    #[test]
    fn a_fault_is_at_the_variable_that_its_pointer_is_in() {
        let cases = [
            ("/PORT", Some("PORT")),
            ("/values/PORT", Some("PORT")),
            ("/values/HOSTS/0", Some("HOSTS")),
            ("/a~1b~0", Some("a/b~")),
            ("/values", None),
            ("/version", None),
            ("/extra", None),
            ("/text", None),
            ("", None),
        ];
        for (field, name) in cases {
            assert_eq!(faulty_name(field).as_deref(), name, "{field}");
        }
    }
}
