//! How a container of an image is run: the part of the forms that make and change a service.

use api::Permission;
use leptos::prelude::*;

use crate::components::{Field, FormFaults, Takes, reason_list, sentence};
use crate::erase::{Erase, Erased, shown};
use crate::rpc::{OptionsForm, OwnCheck, RegistryForm};
use crate::viewer::Viewer;

/// The image and the port that it listens on.
#[component]
pub fn ImageFields(
    /// The image at first.
    image: String,
    /// The port at first.
    container_port: String,
    /// What is said of the image.
    label: &'static str,
    /// More about it.
    hint: &'static str,
    /// Whether there has to be an image.
    is_required: bool,
) -> impl IntoView {
    let takes = Takes::Line(512, is_required);
    view! {
        {at("/source/image", view! { <Field name="form[image]" label takes value=image example="nginx:1.27" hint /> }.erase())}
        {container_port_field(container_port)}
    }
    .erase()
}

/// Where it listens in its container.
pub fn container_port_field(port: String) -> Erased {
    at("/source/container_port", view! {
        <Field name="form[container_port]" label="Port in the container" takes=Takes::NumberOrNothing(1, 65_535) value=port example="the image's own" hint="For an image only: where it listens inside." />
    }.erase())
}

/// The registry of its image: folded, for most images are everybody's, or stay here.
pub fn registry_fields(form: RegistryForm, is_pulled: bool, is_pushed: bool) -> Erased {
    let is_set = form != RegistryForm::default();
    let place = |name: &'static str, field: Erased| with_faults(move |fault| is_of_registry(fault, name), field);
    let push = is_pushed.then(|| {
        let hint = "What is built is called so in its registry; each release gets a tag: r1, r2 and so on. Empty keeps it on this machine.";
        place("image", view! { <Field name="form[registry][push]" label="Push to" takes=Takes::Line(255, false) value=form.push example="registry.example/shop/orders" hint /> }.erase())
    });
    let hint = if is_pulled { "Empty for an image that everybody may pull." } else { "Empty for a registry that everybody may push to." };
    let content = view! {
        {push}
        {place("user", view! { <Field name="form[registry][user]" label="Account at its registry" takes=Takes::Line(200, false) value=form.user hint /> }.erase())}
        {place("secret", view! { <Field name="form[registry][secret]" label="Secret for that account" takes=Takes::Line(128, false) value=form.secret example="registry.token" hint="The secret that holds its password or token. To choose one takes an Admin." /> }.erase())}
    }
    .erase();
    folded("Registry of its image", &["image", "user", "secret"], is_of_registry, is_set, content)
}

fn is_of_registry(fault: &str, field: &str) -> bool {
    let below = ["/source/registry", "/source/build/push/registry", "/source/build/push"];
    below.iter().any(|place| fault.strip_prefix(place).is_some_and(|rest| rest.trim_start_matches('/') == field))
}

/// What else is said of a container: folded, for all of it is as the image says when it is empty.
#[component]
pub fn OptionsFields(
    /// What is in its fields at first.
    form: OptionsForm,
) -> impl IntoView {
    let ports_hint = if expect_context::<Viewer>().may(Permission::ServicesCommand) {
        "Besides the one above, one a line: HOST:CONTAINER, or only CONTAINER for a port that Docker assigns; ADDRESS: before it and /udp after it where that is meant. Without an address it is published on 127.0.0.1."
    } else {
        "Besides the one above, one a line: HOST:CONTAINER, or only CONTAINER for a port that Docker assigns; /udp after it where that is meant. They are published on 127.0.0.1; what is open to the network takes an Admin."
    };
    let OptionsForm { entrypoint, command, working_dir, user, volumes, ports, network, aliases, read_only, init, .. } = form.clone();
    let run = view! {
        {option("entrypoint", view! { <Field name="form[options][entrypoint]" label="Entry point" takes=Takes::Lines value=entrypoint example="/docker-entrypoint.sh" hint="Quotes keep words together; no shell reads it." /> }.erase())}
        {option("command", view! { <Field name="form[options][command]" label="Command in the container" takes=Takes::Lines value=command example="nginx -g 'daemon off;'" hint="Its arguments, or the program when there is no entry point. Quotes keep words together; no shell reads it, and $PORT isn't filled in." /> }.erase())}
        {option("working_dir", view! { <Field name="form[options][working_dir]" label="Runs in" takes=Takes::Line(4096, false) value=working_dir example="/srv/app" hint="An absolute path in the container." /> }.erase())}
        {option("user", view! { <Field name="form[options][user]" label="Runs as, in the container" takes=Takes::Line(65, false) value=user example="1000:1000" hint="A name or number, and a group after a colon." /> }.erase())}
        {option("init", tick("form[options][init]", "First a small program that reaps children", init))}
    }
    .erase();
    let places = view! {
        {option("ports", view! { <Field name="form[options][ports]" label="Further ports" takes=Takes::Lines value=ports example="8081:81" hint=ports_hint /> }.erase())}
        {option("volumes", view! { <Field name="form[options][volumes]" label="Volumes" takes=Takes::Lines value=volumes example="shop_data:/var/lib/data" hint="One a line: NAME:/PATH, with :ro where it shan't be written. Services that say the same have the same one, and it stays when a container or service goes." /> }.erase())}
        {option("read_only", tick("form[options][read_only]", "Its own file system can't be written", read_only))}
        {option("network/name", view! { <Field name="form[options][network]" label="Network" takes=Takes::Line(63, false) value=network example="shop" hint="Services that say the same reach one another." /> }.erase())}
        {option("network/aliases", view! { <Field name="form[options][aliases]" label="What it is called there" takes=Takes::Line(1400, false) value=aliases example="db database" hint="At most 20, with blanks between them." /> }.erase())}
    }
    .erase();
    let has_run = [&form.entrypoint, &form.command, &form.working_dir, &form.user].iter().any(|text| !text.is_empty()) || form.init;
    let has_places = [&form.volumes, &form.ports, &form.network].iter().any(|text| !text.is_empty()) || form.read_only;
    let has_check = form.check != OwnCheck::Image;
    view! {
        <p class="field-hint form-part">"What is empty here is as the image says. A change counts from the next start on, when the container is made anew; its volumes stay."</p>
        {folded("What runs in the container", &["entrypoint", "command", "working_dir", "user", "init"], is_below, has_run, run)}
        {folded("Further ports, volumes and network", &["ports", "volumes", "read_only", "network"], is_below, has_places, places)}
        {folded("Docker's own health check", &["check"], is_below, has_check, check(form))}
    }
    .erase()
}

fn check(form: OptionsForm) -> Erased {
    let choices = [
        (OwnCheck::Image, "What the image says"),
        (OwnCheck::None, "Nothing"),
        (OwnCheck::Program, "A program in the container"),
        (OwnCheck::Shell, "A line for its shell"),
    ];
    let choices = choices.map(|(kind, words)| view! { <option value=kind.as_str() selected=kind == form.check>{words}</option> });
    let times = view! {
        {option("check/interval_seconds", view! { <Field name="form[options][check_interval]" label="Docker asks every, s" takes=Takes::NumberOrNothing(1, 86_400) value=form.check_interval example="30" /> }.erase())}
        {option("check/timeout_seconds", view! { <Field name="form[options][check_timeout]" label="It waits at most, s" takes=Takes::NumberOrNothing(1, 86_400) value=form.check_timeout example="30" /> }.erase())}
        {option("check/retries", view! { <Field name="form[options][check_retries]" label="Ill after failures" takes=Takes::NumberOrNothing(1, 1000) value=form.check_retries example="3" /> }.erase())}
        {option("check/start_seconds", view! { <Field name="form[options][check_start]" label="Time to start up, s" takes=Takes::NumberOrNothing(1, 86_400) value=form.check_start example="0" /> }.erase())}
    };
    view! {
        <div class="field">
            <label for="form[options][check]">"Docker asks"</label>
            <select id="form[options][check]" name="form[options][check]" class="plain-select">{choices.into_iter().collect_view()}</select>
            <p class="field-hint">"It counts when nothing else is asked: by HTTP without a path."</p>
        </div>
        {option("check/test", view! { <Field name="form[options][check_test]" label="Its test" takes=Takes::Lines value=form.check_test example="pg_isready -q" hint="For a program quotes keep words together. Exit code 0 means that it is well." /> }.erase())}
        <div class="form-row">{times}</div>
    }
    .erase()
}

/// A part that is folded unless something in it is set, or wrong.
fn folded(title: &'static str, fields: &'static [&'static str], is_in: fn(&str, &str) -> bool, is_set: bool, content: Erased) -> Erased {
    let faults = use_context::<FormFaults>();
    let is_open = Memo::new(move |_| {
        let is_wrong = |faults: &Vec<api::Detail>| faults.iter().any(|fault| fields.iter().any(|field| is_in(&fault.field, field)));
        is_set || faults.is_some_and(|faults| faults.0.with(is_wrong))
    });
    view! { <details class="form-part" open=move || is_open.get()><summary>{title}</summary><div class="form-part">{content}</div></details> }.erase()
}

fn tick(name: &'static str, label: &'static str, is_set: bool) -> Erased {
    view! { <div class="field"><label><input type="checkbox" name=name value="true" checked=is_set />" "{label}</label></div> }.erase()
}

/// A field with what is wrong with it.
pub fn at(place: impl Into<String>, field: Erased) -> Erased {
    let place = place.into();
    with_faults(move |fault| fault.strip_prefix(place.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')), field)
}

/// The same for one of the options of a container.
fn option(name: &'static str, field: Erased) -> Erased {
    with_faults(move |fault| is_below(fault, name), field)
}

fn is_below(fault: &str, option: &str) -> bool {
    let rest = fault.strip_prefix("/source/options/").and_then(|rest| rest.strip_prefix(option));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn with_faults(is_here: impl Fn(&str) -> bool + Send + Sync + 'static, field: Erased) -> Erased {
    let faults = use_context::<FormFaults>();
    let here = move || {
        let wrong: Vec<_> =
            faults?.0.get().into_iter().filter(|fault| is_here(&fault.field)).map(|fault| sentence(&fault.message)).collect();
        (!wrong.is_empty()).then(|| reason_list(wrong))
    };
    view! { <div class="field">{field}{shown(here)}</div> }.erase()
}
