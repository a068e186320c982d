//! What the page loads: asked for where it begins, and side by side.

use api::{
    DeployHook, Deployment, DeploymentQuery, DeploymentRules, Limit, Page, Places, PlacesQuery, ReleaseDifference, ReleaseDifferenceQuery,
    Releases, ServiceDetail, ServiceId,
};
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use crate::pages::service::Wanted;
use crate::rpc::{
    RpcError, RpcResult, TriedDeployment, TriedHook, TriedTarget, get_deployment_rules, get_release_difference, get_service,
    list_deploy_hooks, list_deployments, list_places, list_releases,
};

/// Deployments that the tab shows.
pub const HISTORY: u32 = 20;

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All that is known of its releases and deployments.
    All,
    /// What is different between two releases.
    Difference,
    /// The question before one is gone back to.
    RollBack,
    /// Setting it up in an environment.
    SetUp,
    /// The webhooks that deploy it.
    Webhooks,
}

/// What the address says, and what was loaded for it.
#[derive(Clone, Copy)]
pub struct Loads {
    /// What is shown; none when there is no such part.
    pub part: Memo<Option<Part>>,
    /// The releases that the address names.
    pub chosen: Memo<(Option<u64>, Option<u64>)>,
    /// What the form that led here has done: `let-go`, `removed`, `rules-set`.
    pub done: Memo<Option<String>>,
    /// A form that was posted to this page, when it was.
    pub tried: StoredValue<Option<TriedDeployment>>,
    /// The release of another environment that the address says is to be deployed.
    pub promoted: Memo<Option<String>>,
    /// A form that was to set it up in an environment and was posted to this page, when it was.
    pub tried_target: StoredValue<Option<TriedTarget>>,
    /// A form that was to make a webhook and was posted to this page, when it was.
    pub tried_hook: StoredValue<Option<TriedHook>>,
    /// The service.
    pub detail: Resource<RpcResult<ServiceDetail>>,
    /// Its releases.
    pub releases: Wanted<Releases>,
    /// Its newest deployments.
    pub history: Wanted<Page<Deployment>>,
    /// When it may be deployed.
    pub rules: Wanted<DeploymentRules>,
    /// Where it runs.
    pub places: Wanted<Places>,
    /// Its webhooks.
    pub hooks: Wanted<Page<DeployHook>>,
    /// What is different between the releases that the address names.
    pub difference: Wanted<ReleaseDifference>,
}

impl Loads {
    /// Loads what the address asks for. Call it in the body of the page's component.
    pub fn new() -> Self {
        let (params, query) = (use_params_map(), use_query_map());
        let id = Memo::new(move |_| params.with(|params| params.get_str("id").unwrap_or_default().parse::<ServiceId>()));
        let part = Memo::new(move |_| {
            params.with(|params| match params.get_str("part").unwrap_or_default() {
                "" => Some(Part::All),
                "difference" => Some(Part::Difference),
                "roll-back" => Some(Part::RollBack),
                "set-up" => Some(Part::SetUp),
                "webhooks" => Some(Part::Webhooks),
                _ => None,
            })
        });
        let number = move |name: &str| query.with(|query| query.get_str(name).and_then(|text| text.parse::<u64>().ok()));
        let chosen = Memo::new(move |_| (number("from").filter(|_| part.get() == Some(Part::Difference)), number("to")));
        // With every form that leads here it is another, and all is loaded anew.
        let at = Memo::new(move |_| number("at"));
        let on = move |wanted: fn(Part) -> bool| id.get().ok().filter(|_| part.get().is_some_and(wanted));
        let with_releases = |part| matches!(part, Part::All | Part::RollBack);
        Self {
            part,
            chosen,
            done: Memo::new(move |_| {
                query.with(|query| query.get_str("done").filter(|_| query.get_str("__err").is_none()).map(str::to_owned))
            }),
            tried: StoredValue::new(SharedValue::new(use_context::<TriedDeployment>).into_inner()),
            promoted: Memo::new(move |_| query.with(|query| query.get_str("release").map(str::to_owned))),
            tried_target: StoredValue::new(SharedValue::new(use_context::<TriedTarget>).into_inner()),
            tried_hook: StoredValue::new(SharedValue::new(use_context::<TriedHook>).into_inner()),
            detail: Resource::new(move || id.get(), |id| async move { get_service(id.map_err(RpcError)?).await }),
            releases: Resource::new(move || (on(with_releases), at.get()), |(id, _)| async move { Some(list_releases(id?).await) }),
            history: Resource::new(
                move || (on(|part| part == Part::All), at.get()),
                |(id, _)| async move {
                    let limit = Limit::new(HISTORY).unwrap_or_default();
                    Some(list_deployments(DeploymentQuery { service_id: Some(id?), limit, ..DeploymentQuery::default() }).await)
                },
            ),
            rules: Resource::new(
                move || (on(|part| part == Part::All), at.get()),
                |(id, _)| async move { Some(get_deployment_rules(id?).await) },
            ),
            places: Resource::new(
                move || (on(|part| matches!(part, Part::All | Part::SetUp)), at.get()),
                |(id, _)| async move { Some(list_places(PlacesQuery { service_id: Some(id?), ..PlacesQuery::default() }).await) },
            ),
            hooks: Resource::new(
                move || (on(|part| part == Part::Webhooks), at.get()),
                |(id, _)| async move { Some(list_deploy_hooks(id?).await) },
            ),
            difference: Resource::new(
                move || (on(|part| matches!(part, Part::Difference | Part::RollBack)), chosen.get()),
                |(id, (from, to))| async move { Some(get_release_difference(id?, ReleaseDifferenceQuery { from, to }).await) },
            ),
        }
    }
}
