//! A backup of all configurations with all their versions, as a file, and its restore: first what it would do, then doing it. Both are posted with and
//! without JavaScript; nothing secret comes back, nor does the file.

use api::{PASSPHRASE_MIN, Permission, RestoreReport, RestoredService};
use leptos::prelude::*;

use super::{BackLink, not_allowed, services};
use crate::components::{PageHead, reason_list, reasons};
use crate::erase::{Erase, Erased};
use crate::path;
use crate::rpc::{TriedBackup, TriedRestore};
use crate::viewer::Viewer;

/// Services that are shown; the others are counted.
const ROWS: usize = 200;

/// The page.
#[component]
pub fn BackupView() -> impl IntoView {
    const TITLE: &str = "Back up and restore";
    let viewer = expect_context::<Viewer>();
    if !viewer.may(Permission::ConfigBackup) {
        return not_allowed(TITLE, "Your role may not back up configurations. Ask somebody who is an Admin.");
    }
    let about = "Every version of every configuration that was saved, and the named secrets, in one file that a passphrase seals.";
    let (token, restoring) = (viewer.form_token.clone(), viewer.form_token);
    view! {
        <PageHead title=TITLE about=about.erase() />
        <div class="settings"><Backup token /> <Restore token=restoring /> <BackLink /></div>
    }
    .erase()
}

/// An input for a password.
fn secret(id: &'static str, name: &'static str, label: &'static str, complete: &'static str, hint: Option<String>) -> Erased {
    let hint_id = format!("{id}-hint");
    let described = hint.is_some().then(|| hint_id.clone());
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <input id=id name=name type="password" autocomplete=complete required=true maxlength="1024" aria-describedby=described />
            {hint.map(|hint| view! { <p class="field-hint" id=hint_id>{hint}</p> }.erase())}
        </div>
    }
    .erase()
}

#[component]
fn Backup(token: String) -> impl IntoView {
    let tried = SharedValue::new(use_context::<TriedBackup>).into_inner();
    let faults = tried.and_then(|tried| tried.0.err()).map(|error| reason_list(reasons(error.0)));
    let hint = format!("At least {PASSPHRASE_MIN} characters. Keep it: without it nobody can read the file, and nobody can restore it.");
    view! {
        <section class="panel" aria-labelledby="back-up">
            <header class="panel-head"><h2 class="panel-title" id="back-up">"Back up"</h2></header>
            <form class="settings-form" method="post" action=path::BACK_UP>
                <input type="hidden" name="form_token" value=token />
                {secret("new-passphrase", "passphrase", "Passphrase", "new-password", Some(hint))}
                {secret("again", "again", "Passphrase once more", "new-password", None)}
                {secret("backup-password", "password", "Your password", "current-password", Some("The audit records that you made a backup.".into()))}
                <button type="submit" class="button">"Make a backup"</button>
                <div role="status">{faults}</div>
            </form>
        </section>
    }
    .erase()
}

#[component]
fn Restore(token: String) -> impl IntoView {
    let tried = SharedValue::new(use_context::<TriedRestore>).into_inner();
    let (newest, replace) = tried.as_ref().map_or((false, false), |tried| (tried.newest, tried.replace_secrets));
    let is_planned = tried.as_ref().is_some_and(|tried| tried.report.as_ref().is_ok_and(|report| report.dry_run));
    let again = is_planned.then(|| {
        view! { <p class="hint">"Nothing was done yet. The file and what you typed aren't kept: put them in once more to restore it."</p> }.erase()
    });
    let outcome = tried.map(|tried| match tried.report {
        Ok(report) => outcome(report),
        Err(error) => reason_list(reasons(error.0)),
    });
    // The file is the last field: what is to be done with it is known before it is read.
    view! {
        <section class="panel" aria-labelledby="restore">
            <header class="panel-head"><h2 class="panel-title" id="restore">"Restore"</h2></header>
            <div role="status">{outcome}{again}</div>
            <form class="settings-form" method="post" action=path::RESTORE enctype="multipart/form-data">
                <input type="hidden" name="form_token" value=token />
                <p>"What is here stays: versions that are missing come back, with their authors and times. Nothing is restarted."</p>
                <div class="field"><label><input type="checkbox" name="newest" value="true" checked=newest />" Save the newest of each service as a new version here"</label></div>
                <div class="field"><label><input type="checkbox" name="replace_secrets" value="true" checked=replace />" Give secrets with another value here that of the backup"</label></div>
                <div class="field" role="radiogroup" aria-label="What to do">
                    <label><input type="radio" name="dry_run" value="true" checked=!is_planned />" Only show what it would do"</label>
                    <label><input type="radio" name="dry_run" value="false" checked=is_planned />" Restore it"</label>
                </div>
                {secret("restore-password", "password", "Your password", "current-password", None)}
                {secret("passphrase", "passphrase", "Passphrase of the backup", "off", None)}
                <div class="field">
                    <label for="file">"Backup"</label>
                    <input id="file" name="file" type="file" required=true accept=".backup,application/octet-stream" />
                </div>
                <button type="submit" class="button">"Go on"</button>
            </form>
        </section>
    }
    .erase()
}

/// What was done, or would be.
fn outcome(report: RestoreReport) -> Erased {
    let count = report.services.iter().filter(|one| one.is_changed()).count();
    let (verb, then) = if report.dry_run { ("It would change", "would stay") } else { ("It has changed", "stayed") };
    let others = report.services.len() - count;
    let words = format!("{verb} {}; {others} {then} as they are.", services(count));
    let made = format!("The backup was made by {} at {}.", report.made_by, report.made_at);
    let more = report.services.len().saturating_sub(ROWS);
    let more = (more > 0).then(|| view! { <p class="panel-note">{format!("and {}", services(more))}</p> }.erase());
    let rows: Vec<_> = report.services.into_iter().take(ROWS).map(row).collect();
    let secrets: Vec<_> = report
        .secrets
        .into_iter()
        .map(|one| view! { <tr><th scope="row">{one.name}</th><td class="wrap">{one.outcome.label()}</td></tr> }.erase())
        .collect();
    let secrets = (!secrets.is_empty()).then(|| table("Secret", "Table of secrets", secrets));
    view! { <p>{words}</p> <p>{made}</p> {table("Service", "Table of services", rows)} {more} {secrets} }.erase()
}

fn table(what: &'static str, label: &'static str, rows: Vec<Erased>) -> Erased {
    view! {
        <div class="table-scroll configuration" tabindex="0" role="region" aria-label=label>
            <table class="table">
                <thead><tr><th scope="col">{what}</th><th scope="col">"What becomes of it"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .erase()
}

fn row(one: RestoredService) -> Erased {
    let words = one.words();
    let is_wrong = one.problem.is_some().then_some("true");
    let name = match one.service_id {
        Some(id) => view! { <a href=path::configuration_versions(id)>{one.name}</a> }.erase(),
        None => one.name.erase(),
    };
    view! { <tr><th scope="row">{name}</th><td class="wrap" data-wrong=is_wrong>{words}</td></tr> }.erase()
}
