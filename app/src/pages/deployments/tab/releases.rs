//! The releases of a service that are kept.

use api::{Artifact, Permission, Release, Releases, ServiceId};
use leptos::prelude::*;

use crate::charts::Unit;
use crate::components::Ago;
use crate::erase::{Erase, Erased, shown};
use crate::path;
use crate::viewer::Viewer;

/// The table of the releases; nothing when there are none.
#[component]
pub fn ReleaseTable(
    /// The service.
    id: ServiceId,
    /// Its releases.
    releases: RwSignal<Releases>,
) -> impl IntoView {
    let items = Memo::new(move |_| releases.with(|releases| releases.items.clone()));
    let may = expect_context::<Viewer>().may(Permission::DeploymentsRun);
    shown(move || {
        let items = items.get();
        (!items.is_empty()).then(|| table(id, items, may))
    })
    .erase()
}

fn table(id: ServiceId, items: Vec<Release>, may: bool) -> Erased {
    let before: Vec<_> = items.iter().skip(1).map(|one| Some(one.number)).chain([None]).collect();
    let rows: Vec<_> = items.into_iter().zip(before).map(|(release, before)| row(id, release, before, may)).collect();
    let kept = format!("{} are kept besides the one that it runs.", Release::KEPT);
    view! {
        <section class="panel" aria-labelledby="releases-title">
            <header class="panel-head"><h2 class="panel-title" id="releases-title">"Releases"</h2><span class="panel-note">{kept}</span></header>
            <div class="table-scroll" tabindex="0" role="region" aria-label="Table of releases">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Release"</th><th scope="col">"What"</th><th scope="col">"Configuration"</th><th scope="col">"Made"</th>
                            <th scope="col">"By"</th><th scope="col"><span class="visually-hidden">"What can be done"</span></th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </section>
    }
    .erase()
}

fn row(id: ServiceId, release: Release, before: Option<u64>, may: bool) -> Erased {
    let number = release.number;
    let current = release.is_current.then(|| view! { " "<span class="badge">"runs"</span> }.erase());
    let digest = release.artifact.short().map(|digest| view! { " "<code>{digest.to_owned()}</code> }.erase());
    let artifact = artifact(&release.artifact);
    let version = release.configuration_version.map_or_else(
        || view! { <span class="panel-note">"as its settings"</span> }.erase(),
        |version| view! { <a href=path::configuration_versions(id)>"version "{version.to_string()}</a> }.erase(),
    );
    let of_it = move || view! { <span class="visually-hidden">{format!(" of release {number}")}</span> }.erase();
    let difference = before
        .map(|before| view! { <a href=path::release_difference(id, Some(before), Some(number))>"Difference"{of_it()}</a>" " }.erase());
    let back = (may && !release.is_current).then(|| {
        let to_it = view! { <span class="visually-hidden">{format!(" (release {number})")}</span> }.erase();
        view! { <a href=path::roll_back(id, number)>"Roll back to this"{to_it}</a> }.erase()
    });
    view! {
        <tr>
            <th scope="row"><a href=path::deployment(release.deployment_id)>"Release "{number.to_string()}</a>{current}</th>
            <td class="wrap">{artifact}{digest}</td>
            <td>{version}</td>
            <td><Ago at=release.created_at /></td>
            <td>{release.created_by}</td>
            <td class="cell-end">{difference}{back}</td>
        </tr>
    }
    .erase()
}

/// The branch, what was written to the commit, and who wrote it.
fn commit_words(commit: &api::Commit) -> String {
    let branch = commit.reference.as_deref().map(|name| format!("{name}: ")).unwrap_or_default();
    format!("{branch}{} ({})", commit.subject, commit.author)
}

fn artifact(artifact: &Artifact) -> String {
    match artifact {
        Artifact::Files { commit: Some(commit), .. } | Artifact::Image { commit: Some(commit), .. } => commit_words(commit),
        Artifact::Files { files: 1, bytes, .. } => format!("1 file, {}", Unit::Bytes.write(*bytes as f64)),
        Artifact::Files { files, bytes, .. } => format!("{files} files, {}", Unit::Bytes.write(*bytes as f64)),
        Artifact::Image { image, .. } => image.clone(),
        Artifact::Command => "A command, whose files aren't kept".into(),
    }
}
