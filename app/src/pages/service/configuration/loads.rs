//! What the page loads: asked for where it begins, and side by side.

use api::{
    Configuration, ConfigurationDifference, ConfigurationFormat, ConfigurationText, ConfigurationVersion, Page, ServiceDetail, ServiceId,
};
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::super::loads::Wanted;
use crate::path;
use crate::rpc::{
    RpcError, RpcResult, TriedConfiguration, TriedReveal, get_configuration, get_configuration_difference, get_configuration_text,
    get_service, list_configuration_versions,
};

/// What of the configuration is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A form with a field for each value.
    Form,
    /// The values as text.
    Raw(ConfigurationFormat),
    /// All versions.
    Versions,
    /// A secret, for who says their password again.
    Secret,
}

impl Part {
    /// Its address.
    pub fn href(self, id: ServiceId) -> String {
        match self {
            Part::Form => path::configuration(id),
            Part::Raw(ConfigurationFormat::Json) => format!("{}?view=raw", path::configuration(id)),
            Part::Raw(format) => format!("{}?view=raw&format={format}", path::configuration(id)),
            Part::Versions => path::configuration_versions(id),
            Part::Secret => path::configuration_secret(id),
        }
    }
}

/// What the address says of versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The version to compare from.
    pub from: Option<u64>,
    /// The version to compare to.
    pub to: Option<u64>,
    /// The version to be restored, once it is confirmed.
    pub restore: Option<u64>,
}

/// What the address says, and what was loaded for it.
#[derive(Clone, Copy)]
pub struct Loads {
    /// What is shown; none when there is no such part.
    pub part: Memo<Option<Part>>,
    /// Which versions are looked at.
    pub chosen: Memo<Chosen>,
    /// What the form that led here did.
    pub done: Memo<Option<&'static str>>,
    /// The pointer of the secret that is asked for.
    pub field: Memo<Option<String>>,
    /// A form that asked for a secret by being posted to this page.
    pub revealed: StoredValue<Option<TriedReveal>>,
    /// A form that was posted to this page, when it was.
    pub tried: StoredValue<Option<TriedConfiguration>>,
    /// The service.
    pub detail: Resource<RpcResult<ServiceDetail>>,
    /// The newest configuration.
    pub configuration: Wanted<Configuration>,
    /// The same as text, when that isn't JSON.
    pub text: Wanted<ConfigurationText>,
    /// All versions.
    pub versions: Wanted<Page<ConfigurationVersion>>,
    /// What is different between two of them, when two are chosen.
    pub difference: Wanted<ConfigurationDifference>,
}

impl Loads {
    /// Loads what the address asks for. Call it in the body of the page's component.
    pub fn new() -> Self {
        let (params, query) = (use_params_map(), use_query_map());
        let id = Memo::new(move |_| params.with(|params| params.get_str("id").unwrap_or_default().parse::<ServiceId>()));
        let part = Memo::new(move |_| {
            let raw = query.with(|query| {
                let format = query.get_str("format").and_then(|format| format.parse().ok()).unwrap_or_default();
                (query.get_str("view") == Some("raw")).then_some(Part::Raw(format))
            });
            params.with(|params| match params.get_str("part") {
                None | Some("") => Some(raw.unwrap_or(Part::Form)),
                Some("versions") => Some(Part::Versions),
                Some("secret") => Some(Part::Secret),
                Some(_) => None,
            })
        });
        let number = move |name: &str| query.with(|query| query.get_str(name).and_then(|text| text.parse().ok()));
        let chosen = Memo::new(move |_| Chosen { from: number("from"), to: number("to"), restore: number("restore") });
        let done =
            Memo::new(move |_| query.with(|query| query.get_str("done").filter(|_| query.get_str("__err").is_none()).and_then(done)));
        // With every save that leads here they are others, and all is loaded anew.
        let saved = Memo::new(move |_| (number("saved"), number("at")));
        let on_versions = move || id.get().ok().filter(|_| part.get() == Some(Part::Versions));
        Self {
            part,
            chosen,
            done,
            field: Memo::new(move |_| query.with(|query| query.get("field"))),
            revealed: StoredValue::new(SharedValue::new(use_context::<TriedReveal>).into_inner()),
            tried: StoredValue::new(SharedValue::new(use_context::<TriedConfiguration>).into_inner()),
            detail: Resource::new(move || id.get(), |id| async move { get_service(id.map_err(RpcError)?).await }),
            configuration: Resource::new(
                move || (id.get().ok().filter(|_| part.get().is_some()), saved.get()),
                |(id, _)| async move { Some(get_configuration(id?).await) },
            ),
            text: Resource::new(
                move || (id.get().ok(), part.get(), saved.get()),
                |(id, part, _)| async move {
                    match part? {
                        Part::Raw(format) if format != ConfigurationFormat::Json => Some(get_configuration_text(id?, format).await),
                        _ => None,
                    }
                },
            ),
            versions: Resource::new(on_versions, |id| async move { Some(list_configuration_versions(id?).await) }),
            difference: Resource::new(
                move || (on_versions(), chosen.get()),
                |(id, chosen)| async move {
                    let id = id.filter(|_| chosen.from.is_some() || chosen.to.is_some())?;
                    Some(get_configuration_difference(id, chosen.from, chosen.to).await)
                },
            ),
        }
    }
}

fn done(what: &str) -> Option<&'static str> {
    Some(match what {
        "config-saved" => "Saved as a new version. It takes effect when the service is restarted.",
        "config-restarted" => "Saved as a new version, and the service restarts with it.",
        "config-not-restarted" => {
            "Saved as a new version, but the service wasn't restarted with it. Restart it below, or by the button above: there it is said why it can't be."
        }
        "config-restored" => "Restored: the values of that version are saved as the newest.",
        "config-inherited" => "Taken over as a new version. It takes effect when the service is restarted.",
        "config-reset" => "Reset to the defaults, as a new version.",
        "config-imported" => "Imported as a new version. This is what it has changed; it takes effect when the service is restarted.",
        "config-same" => "Nothing is different from the newest version, so nothing was saved.",
        "config-schema-set" => "The schema is set.",
        "config-schema-inherited" => "The schema is the one of the environment before again.",
        "config-schema-found" => "The schema is the one that is found again.",
        _ => return None,
    })
}
