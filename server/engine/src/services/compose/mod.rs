//! Reads a Compose file, and says what would become of it. Nothing is looked up elsewhere: what the file names comes in with [`Given`].
//!
//! `yaml` makes values of the text, `interpolate` fills in variables, `service` reads one service with what is beside it here, and
//! `order` says which comes first. What Compose refuses about one service makes that one impossible, and leaves the others alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use api::{ComposeItem, ComposeNote, ComposeOutcome, ComposeReport, Result};
use serde_json::{Map, Value};

use interpolate::Interpolation;
use scope::{Scope, Surroundings};
use value::{Reading, shown, texts};

pub use scope::EnvFile;

mod build;
mod environment;
mod health;
mod interpolate;
mod limits;
mod networks;
mod order;
mod ports;
mod scope;
mod service;
mod top;
mod unhonoured;
mod value;
mod volumes;
mod yaml;

/// Services that one may need.
const NEEDS: usize = 50;
/// Notes on one service, and on the rest of the file.
const NOTES: usize = 200;

/// What a Compose file is read with.
pub struct Given<'a> {
    /// What the project is called; none takes the `name` of the file.
    pub project: Option<&'a str>,
    /// What `${NAME}` is taken from, and nothing else is.
    pub variables: &'a BTreeMap<String, String>,
    /// The profiles that count; `*` is all of them.
    pub profiles: &'a [String],
    /// The folder that the file is in, when it wasn't given as text: what is built is found from there.
    pub folder: Option<&'a Path>,
    /// Answers the variables of a file named relative to the Compose file, or why it isn't read.
    pub env_file: EnvFile<'a>,
}

/// Says what would become of a Compose file of at most [`api::COMPOSE_BYTES`] with at most [`api::COMPOSE_SERVICES`] services: each is
/// planned, left out or impossible. Fails at `/compose` when the file as a whole can't be read, and at `/project` when the project has no
/// name that fits.
pub fn read(text: &str, given: &Given<'_>) -> Result<ComposeReport> {
    let mut file = yaml::read(text)?;
    let mut services = top::take_services(&mut file)?;
    let mut interpolation = Interpolation::new(given.variables);
    let project = top::project(&file, given.project, &mut interpolation)?;
    interpolation.name_project(&project);
    for (field, value) in file.iter_mut().filter(|(field, _)| *field != "name" && !field.starts_with("x-")) {
        interpolation.fill(value, field)?;
    }
    let mut notes = interpolation.take_notes();
    let surroundings = Surroundings {
        project: &project,
        variables: given.variables,
        folder: given.folder,
        env_file: given.env_file,
        volumes: top::declared(&file, "volumes")?,
        networks: top::declared(&file, "networks")?,
    };
    let mut drafts = BTreeMap::new();
    for (key, fields) in &mut services {
        interpolation.fill(fields, &format!("services.{}", shown(key)))?;
        drafts.insert(key.clone(), Draft::new(key, fields, given.profiles, interpolation.take_notes()));
    }
    settle_needs(&mut drafts);
    let order = order::order(&drafts.iter().map(|(key, draft)| (key.clone(), draft.item.needs.clone())).collect())?;
    let mut is_in_several_networks = false;
    for draft in drafts.values_mut() {
        is_in_several_networks |= draft.plan(&services, &surroundings);
    }
    let services = finish(&order, drafts);
    notes.extend(top::notes(&file, &project, is_in_several_networks));
    Ok(ComposeReport { project, dry_run: true, services, notes: tidy(notes, "the file") })
}

/// What is known of a service while the file is read.
struct Draft {
    item: ComposeItem,
    /// By key, with whether each has to be there.
    needs: Vec<(String, bool)>,
}

impl Draft {
    fn new(key: &str, value: &Value, profiles: &[String], notes: Vec<ComposeNote>) -> Self {
        let item = ComposeItem {
            key: key.to_owned(),
            outcome: ComposeOutcome::Planned,
            message: None,
            service: None,
            service_id: None,
            needs: Vec::new(),
            notes,
        };
        let mut draft = Self { item, needs: Vec::new() };
        match value.as_object() {
            None => draft.fail("it has to be a mapping with an 'image' or a 'build'".into()),
            Some(fields) => draft.read_needs(fields, profiles),
        }
        draft
    }

    fn read_needs(&mut self, fields: &Map<String, Value>, profiles: &[String]) {
        let key = self.item.key.clone();
        let mut scope = Scope::new(&key, fields);
        match left_out(&scope, profiles) {
            Err(why) => return self.fail(why),
            Ok(Some(why)) => {
                self.item.outcome = ComposeOutcome::LeftOut;
                self.item.message = Some(why);
                return;
            }
            Ok(None) => {}
        }
        match service::needs(&mut scope) {
            Err(why) => self.fail(why),
            Ok(needs) if needs.len() > NEEDS => self.fail(format!("a service needs at most {NEEDS} others")),
            Ok(needs) => self.needs = needs,
        }
        self.item.notes.append(&mut scope.notes);
    }

    /// Reads the service, unless it is known that none is made. Tells whether the file has it in several networks.
    fn plan(&mut self, services: &Map<String, Value>, surroundings: &Surroundings<'_>) -> bool {
        let fields = services.get(&self.item.key).and_then(Value::as_object);
        let (ComposeOutcome::Planned, Some(fields)) = (self.item.outcome, fields) else { return false };
        let key = self.item.key.clone();
        let mut scope = Scope::new(&key, fields);
        let read = service::read(&mut scope, surroundings);
        self.item.notes.append(&mut scope.notes);
        match read {
            Ok(planned) => {
                self.item.service = Some(planned.service);
                planned.is_in_several_networks
            }
            Err(why) => {
                self.fail(why);
                false
            }
        }
    }

    /// Says why no service is made; the first reason stands.
    fn fail(&mut self, why: String) {
        self.item.outcome = ComposeOutcome::Impossible;
        self.item.message.get_or_insert(why);
        self.item.service = None;
    }

    fn note(&mut self, message: String) {
        let at = format!("services.{}.depends_on", shown(&self.item.key));
        self.item.notes.push(ComposeNote { at, message });
    }
}

/// Why a service is left out: none of its profiles counts.
fn left_out(scope: &Scope<'_>, counted: &[String]) -> Reading<Option<String>> {
    let profiles = scope.get("profiles").map_or(Ok(Vec::new()), |value| texts("profiles", value))?;
    if profiles.is_empty() || profiles.iter().any(|profile| counted.iter().any(|counts| counts == profile || counts == "*")) {
        return Ok(None);
    }
    let names = profiles.iter().take(10).map(|profile| shown(profile)).collect::<Vec<_>>().join(", ");
    Ok(Some(format!("it belongs to the profile {names}, which doesn't count")))
}

/// Drops needs for what is left out, and refuses those for what isn't in the file.
fn settle_needs(drafts: &mut BTreeMap<String, Draft>) {
    let of_outcome = |(key, draft): (&String, &Draft)| (key.clone(), draft.item.outcome == ComposeOutcome::LeftOut);
    let is_left_out: BTreeMap<String, bool> = drafts.iter().map(of_outcome).collect();
    for draft in drafts.values_mut() {
        for (key, is_required) in std::mem::take(&mut draft.needs) {
            match is_left_out.get(&key) {
                Some(false) => {
                    draft.item.needs.push(key.clone());
                    draft.needs.push((key, is_required));
                }
                Some(true) if is_required => draft.note(format!("it starts without '{}', which is left out by its profile", shown(&key))),
                None if is_required => draft.fail(format!("it needs '{}', which isn't in the file", shown(&key))),
                _ => {}
            }
        }
    }
}

/// The services in their order. One that needs what can't be made can't be made either.
fn finish(order: &[String], mut drafts: BTreeMap<String, Draft>) -> Vec<ComposeItem> {
    let mut impossible = BTreeSet::new();
    let mut items = Vec::with_capacity(order.len());
    for mut draft in order.iter().filter_map(|key| drafts.remove(key)) {
        for (key, is_required) in std::mem::take(&mut draft.needs).into_iter().filter(|(key, _)| impossible.contains(key)) {
            if is_required {
                draft.fail(format!("it needs '{}', which can't be made", shown(&key)));
            } else {
                draft.item.needs.retain(|need| *need != key);
                draft.note(format!("it starts without '{}', which can't be made", shown(&key)));
            }
        }
        if draft.item.outcome == ComposeOutcome::Impossible {
            impossible.insert(draft.item.key.clone());
        }
        let at = format!("services.{}", shown(&draft.item.key));
        draft.item.notes = tidy(std::mem::take(&mut draft.item.notes), &at);
        items.push(draft.item);
    }
    items
}

/// The notes in order, each once; of those that nobody would read to the end only how many there are.
fn tidy(mut notes: Vec<ComposeNote>, at: &str) -> Vec<ComposeNote> {
    notes.sort();
    notes.dedup();
    if notes.len() > NOTES {
        let message = format!("{} more of its parts aren't taken as they are written", notes.len() - NOTES);
        notes.truncate(NOTES);
        notes.push(ComposeNote { at: at.to_owned(), message });
    }
    notes
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod file_tests;
#[cfg(test)]
#[path = "refusal_tests.rs"]
mod refusal_tests;
#[cfg(test)]
#[path = "service_tests.rs"]
mod service_tests;
