//! What the page loads: asked for where it begins, and side by side.

use api::{NamedSecret, Page};
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};
use leptos_router::params::ParamsMap;

use super::query::SecretQuery;
use crate::rpc::{RpcResult, SecretOutcome, TriedImport, TriedSecret, get_secret, list_secrets};

/// What is asked for where it is shown, and not elsewhere.
type Wanted<T> = Resource<Option<RpcResult<T>>>;

/// What of the secrets is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of them.
    List,
    /// Making them of a text.
    Import,
    /// The one of this name.
    One(String),
}

/// What the address says, and what was loaded for it.
#[derive(Clone, Copy)]
pub struct Loads {
    /// What is shown.
    pub part: Memo<Part>,
    /// What the list is narrowed to.
    pub query: Memo<SecretQuery>,
    /// What the form that led here did.
    pub done: Memo<Option<String>>,
    /// A form of a secret that was posted to this page, when it was.
    pub tried: StoredValue<Option<TriedSecret>>,
    /// A text that was posted to this page, when it was.
    pub imported: StoredValue<Option<TriedImport>>,
    /// Every secret.
    pub all: Wanted<Page<NamedSecret>>,
    /// The secret whose page it is.
    pub one: Wanted<NamedSecret>,
}

impl Loads {
    /// Loads what the address asks for, for who may see it. Call it in the body of the page's component.
    pub fn new(may_read: bool) -> Self {
        let (params, query) = (use_params_map(), use_query_map());
        let part = Memo::new(move |_| {
            params.with(|params| match params.get_str("name").unwrap_or_default() {
                "" => Part::List,
                "import" => Part::Import,
                name => Part::One(name.to_owned()),
            })
        });
        let done = Memo::new(move |_| query.with(|query| done(query).filter(|_| query.get_str("__err").is_none())));
        // With every save that leads here it is another, and all is loaded anew.
        let version = Memo::new(move |_| query.with(|query| query.get_str("version").map(str::to_owned)));
        let wants_all = move || may_read && part.with(|part| *part == Part::List);
        let wanted = move || match part.get() {
            Part::One(name) if may_read => Some(name),
            _ => None,
        };
        Self {
            part,
            query: Memo::new(move |_| query.with(SecretQuery::read)),
            done,
            tried: StoredValue::new(SharedValue::new(use_context::<TriedSecret>).into_inner()),
            imported: StoredValue::new(SharedValue::new(use_context::<TriedImport>).into_inner()),
            all: Resource::new(wants_all, |wanted| async move { if wanted { Some(list_secrets().await) } else { None } }),
            one: Resource::new(move || (wanted(), version.get()), |(name, _)| async move { Some(get_secret(name?).await) }),
        }
    }

    /// What became of the form that was posted to the page of `name`, which is empty for the list. What was posted is told once: not after
    /// another form has led here since.
    pub fn outcome(self, name: &str) -> Option<TriedSecret> {
        let is_of_it = |tried: &TriedSecret| name.is_empty() || tried.form.name == name;
        self.tried.get_value().filter(|tried| is_of_it(tried) && self.done.get_untracked().is_none())
    }

    /// Forgets what was posted once the part of the page that shows it has gone: a value that was shown isn't shown again.
    pub fn forget_with_part(self) {
        #[cfg(feature = "hydrate")]
        on_cleanup(move || _ = self.tried.try_set_value(None));
    }
}

impl TriedSecret {
    /// Why making or changing was refused.
    pub fn refused(&self) -> Option<&api::Error> {
        match &self.outcome {
            SecretOutcome::Refused(error) => Some(&error.0),
            _ => None,
        }
    }
}

/// What `done` in the address stands for.
fn done(query: &ParamsMap) -> Option<String> {
    let text = match query.get_str("done")? {
        "made" => "The secret is made. Refer to it in the variables of a service.",
        "set" => "The value is set. Services that run keep the one before until they are restarted.",
        "said" => "What is said of it is changed; its value stays.",
        "deleted" => "The secret is deleted.",
        "imported" => return Some(imported(query)),
        _ => return None,
    };
    Some(text.to_owned())
}

fn imported(query: &ParamsMap) -> String {
    let count = |name: &str| query.get_str(name).and_then(|text| text.parse::<u16>().ok()).unwrap_or_default();
    let words = [("made", "made"), ("changed", "changed"), ("present", "left as they were")];
    let parts: Vec<_> = words
        .into_iter()
        .map(|(name, words)| (count(name), words))
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    format!("Imported: {}.", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use leptos_router::params::ParamsMap;

    use super::done;

    #[test]
    fn what_an_import_did_is_told_in_numbers_and_nothing_else_that_an_address_says() {
        let read = |pairs: &[(&'static str, &'static str)]| done(&pairs.iter().copied().collect::<ParamsMap>());
        assert_eq!(
            read(&[("done", "imported"), ("made", "3"), ("changed", "0"), ("present", "1")]).as_deref(),
            Some("Imported: 3 made, 1 left as they were.")
        );
        assert_eq!(read(&[("done", "imported"), ("made", "call this number")]).as_deref(), Some("Imported: ."));
        assert_eq!(read(&[("done", "anything")]), None);
    }
}
