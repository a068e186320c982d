//! Values that a service in an environment has from the environment before it.
//!
//! A version is whole: what is inherited is in it like any other value, and beside it stands from where it was taken over. So whatever is saved in the
//! base, an heir is told what it was told, until somebody takes over what has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::{
    Caller, Configuration, ConfigurationInherit, ConfigurationInheritance, DEVELOPMENT, Detail, Error, InheritanceBase, Inherited,
    OriginChange, Origins, Permission, Result, ServiceId, ValueOrigin, VersionKind, pointer_part,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::kept::Kept;
use super::save::Draft;
use super::state::{State, secrets};
use super::{Manager, difference, lock, mask};
use crate::store::environments::environment_list;
use crate::store::services::ServiceRow;

/// What Pilothouse sets for each service itself, and is nobody else's.
const PORT: &str = "PORT";
/// Characters of the reason for taking over.
const MESSAGE: usize = 400;

/// Which values of a version are inherited. Sealed with the version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Heritage {
    /// The service that was inherited from last, and the environment that it is in.
    pub base: ServiceId,
    pub environment: String,
    /// The names of the values that are inherited, with where each is from.
    pub names: BTreeMap<String, Inherited>,
    /// The names of values that the base had, and that were taken out here.
    pub unset: BTreeSet<String>,
}

/// What may be inherited, in clear.
pub(super) struct Base {
    pub id: ServiceId,
    name: String,
    pub environment: String,
    /// Its values, or why they aren't known.
    pub read: Result<Read, String>,
}

/// The newest values of a base.
pub(super) struct Read {
    pub version: u64,
    pub values: Map<String, Value>,
    secrets: BTreeSet<String>,
}

/// What is before a service in the order of environments.
#[derive(Default)]
pub(super) struct Above {
    pub base: Option<Base>,
    /// The environment that values were inherited from, when they aren't any more because the service isn't there.
    gone: Option<String>,
}

/// What becomes of what is inherited with a draft. Whatever is changed by it is its own in any case.
pub(super) enum Inherits {
    /// These names are inherited, or not, from now on.
    Said(BTreeMap<String, bool>),
    /// These are taken over.
    Taken(Vec<String>),
    /// It is that.
    As(Option<Heritage>),
}

impl Inherits {
    /// Nothing is said: what isn't changed stays.
    pub fn followed() -> Self {
        Self::Said(BTreeMap::new())
    }

    /// What is said of names, each with the field that says it.
    fn said(&self) -> Vec<(String, &str, bool)> {
        match self {
            Self::Said(names) => names.iter().map(|(name, is)| (format!("/inherit/{}", pointer_part(name)), name.as_str(), *is)).collect(),
            Self::Taken(names) => names.iter().enumerate().map(|(at, name)| (format!("/names/{at}"), name.as_str(), true)).collect(),
            Self::As(_) => Vec::new(),
        }
    }
}

impl Heritage {
    /// What is there at first: nothing is inherited, and what the base has besides isn't missed.
    fn none(base: &Base, read: &Read, values: &Map<String, Value>) -> Self {
        let unset = read.values.keys().filter(|name| *name != PORT && !values.contains_key(*name)).cloned().collect();
        Self { base: base.id, environment: base.environment.clone(), names: BTreeMap::new(), unset }
    }

    /// What is inherited by a service that is set up: what its base `has`, but for the names of which something is said.
    pub fn at_first(base: &ServiceRow, version: u64, has: &Map<String, Value>, said: &BTreeMap<String, Option<String>>) -> Self {
        let environment = base.spec.in_environment().to_owned();
        let inherited = |name: &String| (name.clone(), Inherited { service_id: base.id, environment: environment.clone(), version });
        let names = has.keys().filter(|name| *name != PORT && !said.contains_key(*name)).map(inherited).collect();
        let unset = said.iter().filter(|(name, text)| text.is_none() && has.contains_key(*name)).map(|(name, _)| name.clone()).collect();
        Self { base: base.id, environment, names, unset }
    }

    /// The names of what is another in the base now, only there, or there no more.
    pub fn changed(&self, values: &Map<String, Value>, base: &Map<String, Value>) -> BTreeSet<String> {
        let others = self.names.keys().filter(|name| values.get(*name) != base.get(*name));
        let new = base.keys().filter(|name| *name != PORT && !values.contains_key(*name) && !self.unset.contains(*name));
        others.chain(new).cloned().collect()
    }
}

impl State {
    fn base(&self) -> Option<&Base> {
        self.above.as_ref().and_then(|above| above.base.as_ref())
    }

    fn base_read(&self) -> Option<(&Base, &Read)> {
        self.base().and_then(|base| Some((base, base.read.as_ref().ok()?)))
    }

    /// The names of inherited values that have changed in the base.
    pub fn inherited_changes(&self) -> BTreeSet<String> {
        let found = self.heritage.as_ref().zip(self.base_read());
        found.map(|(heritage, (_, read))| heritage.changed(&self.values, &read.values)).unwrap_or_default()
    }

    /// Where each value is from.
    pub fn origins(&self) -> Origins {
        let defaults = super::schema::defaults(&self.schema.schema);
        let mut all: Origins = defaults.into_iter().map(|(name, _)| (name, ValueOrigin::Default)).collect();
        match self.saved {
            Some(_) => all.extend(origins(&self.values, self.heritage.as_ref())),
            None => all.extend(self.values.keys().map(|name| {
                let is_set = self.row.spec.environment.contains_key(name);
                (name.clone(), if is_set { ValueOrigin::Settings } else { ValueOrigin::File })
            })),
        }
        all
    }

    /// What is shown of what it inherits; nothing of a service that isn't of an environment.
    pub fn inheritance(&self) -> Option<ConfigurationInheritance> {
        let above = self.above.as_ref()?;
        let base = above.base.as_ref().map(|base| InheritanceBase {
            service_id: base.id,
            service_name: base.name.clone(),
            environment: base.environment.clone(),
            version: base.read.as_ref().ok().map(|read| read.version),
        });
        let problem = above.base.as_ref().and_then(|base| base.read.as_ref().err().cloned());
        let mut shown = ConfigurationInheritance { base, gone: above.gone.clone(), problem, ..ConfigurationInheritance::default() };
        let Some((_, read)) = self.base_read() else { return Some(shown) };
        let changed = self.inherited_changes();
        let only = |values: &Map<String, Value>| -> Map<_, _> {
            values.iter().filter(|(name, _)| changed.contains(*name)).map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        shown.changes = difference::difference(&only(&self.values), &only(&read.values), &(&self.secrets | &read.secrets));
        let is_inherited = |name: &String| self.heritage.as_ref().is_some_and(|heritage| heritage.names.contains_key(name));
        let offered = read.values.iter().filter(|(name, _)| *name != PORT && !is_inherited(name));
        let offered: Map<_, _> = offered.map(|(name, value)| (name.clone(), value.clone())).collect();
        shown.offers = mask::masked(&offered, &read.secrets).as_object().cloned().unwrap_or_default();
        shown.changed = changed.into_iter().collect();
        Some(shown)
    }
}

/// Where the values of a version that was saved are from.
fn origins(values: &Map<String, Value>, heritage: Option<&Heritage>) -> Origins {
    let unset = heritage.iter().flat_map(|heritage| &heritage.unset).map(|name| (name.clone(), ValueOrigin::Unset));
    let of = |name: &String| match heritage.and_then(|heritage| heritage.names.get(name)) {
        Some(from) => ValueOrigin::Inherited(from.clone()),
        None => ValueOrigin::Own,
    };
    unset.chain(values.keys().map(|name| (name.clone(), of(name)))).collect()
}

/// Of which values it is different where they are from. Of what was found nothing is said.
pub(super) fn origin_changes(before: (VersionKind, &Kept), after: (VersionKind, &Kept)) -> BTreeMap<String, OriginChange> {
    if before.1.heritage.is_none() && after.1.heritage.is_none() {
        return BTreeMap::new();
    }
    let of = |(kind, kept): (VersionKind, &Kept)| match kind {
        VersionKind::Found => Origins::new(),
        _ => origins(&kept.values, kept.heritage.as_ref()),
    };
    let (before, mut after) = (of(before), of(after));
    let mut all = BTreeMap::new();
    for (name, one) in before {
        let other = after.remove(&name);
        if other.as_ref() != Some(&one) {
            all.insert(name, OriginChange { before: Some(one), after: other });
        }
    }
    all.extend(after.into_iter().map(|(name, one)| (name, OriginChange { before: None, after: Some(one) })));
    all
}

/// Puts what the base has in place of values that are to be inherited, with which of it is secret. Answers what can't be.
pub(super) fn take(state: &State, inherits: &Inherits, values: &mut Map<String, Value>, hidden: &mut BTreeSet<String>) -> Vec<Detail> {
    let mut faults = Vec::new();
    for (field, name, is_inherited) in inherits.said() {
        let has = state.base_read().and_then(|(_, read)| read.values.get(name));
        let was = state.heritage.as_ref().is_some_and(|heritage| heritage.names.contains_key(name));
        let message = match (state.base(), is_inherited) {
            _ if name == PORT => "PORT is another one in each environment".to_owned(),
            (None, true) => "there is no environment before this one to inherit from".to_owned(),
            (Some(Base { read: Err(why), name, .. }), true) => format!("the configuration of '{name}' can't be read: {why}"),
            (Some(base), true) if has.is_none() && !was => format!("'{}' has no such value", base.name),
            (_, false) if has.is_none() && !was && !values.contains_key(name) => "there is no such value".to_owned(),
            (_, false) => continue,
            (Some(_), true) => {
                match has {
                    Some(value) => drop(values.insert(name.to_owned(), value.clone())),
                    None => drop(values.remove(name)),
                }
                let at = format!("/{}", pointer_part(name));
                let is_in = |pointer: &&String| pointer.strip_prefix(&at).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
                hidden.extend(state.base_read().iter().flat_map(|(_, read)| &read.secrets).filter(is_in).cloned());
                continue;
            }
        };
        faults.push(Detail { field, message });
    }
    faults
}

/// What is inherited when these values are saved.
pub(super) fn after(state: &State, values: &Map<String, Value>, inherits: &Inherits) -> Option<Heritage> {
    if let Inherits::As(heritage) = inherits {
        return heritage.clone();
    }
    let (said, found) = (inherits.said(), state.base_read());
    let is_told = said.iter().any(|(_, _, is_inherited)| *is_inherited);
    let mut heritage = match (&state.heritage, found) {
        (Some(heritage), _) => heritage.clone(),
        (None, Some((base, read))) if is_told => Heritage::none(base, read, &state.values),
        (None, _) => return None,
    };
    for name in state.values.keys().filter(|name| *name != PORT && !values.contains_key(*name)) {
        let was_inherited = heritage.names.remove(name).is_some();
        if was_inherited || found.is_none_or(|(_, read)| read.values.contains_key(name)) {
            heritage.unset.insert(name.clone());
        }
    }
    heritage.names.retain(|name, _| values.get(name) == state.values.get(name));
    for (_, name, is_inherited) in said {
        heritage.names.remove(name);
        heritage.unset.remove(name);
        if !is_inherited && !values.contains_key(name) {
            heritage.unset.insert(name.to_owned());
        }
        if let Some((base, read)) = found.filter(|(_, read)| is_inherited && read.values.contains_key(name)) {
            let from = Inherited { service_id: base.id, environment: base.environment.clone(), version: read.version };
            heritage.names.insert(name.to_owned(), from);
        }
    }
    heritage.unset.retain(|name| !values.contains_key(name));
    if let Some((base, _)) = found.filter(|_| is_told) {
        (heritage.base, heritage.environment) = (base.id, base.environment.clone());
    }
    Some(heritage)
}

impl Manager {
    /// All environments in their order, development first.
    pub(super) async fn order(&self) -> Result<Vec<String>> {
        let all = environment_list(&mut self.core.store.main.read().await?).await?;
        Ok(std::iter::once(DEVELOPMENT.to_owned()).chain(all.into_iter().map(|environment| environment.name)).collect())
    }

    /// The schema that was set for the same service in the nearest environment before that has one, and that environment.
    pub(super) async fn schema_above(&self, row: &ServiceRow) -> Result<Option<(Arc<Value>, String)>> {
        if row.spec.target.is_none() || lock(&self.schemas).is_empty() {
            return Ok(None);
        }
        Ok(self.schema_in(row, &self.order().await?))
    }

    /// The same, where the order of environments is known.
    pub(super) fn schema_in(&self, row: &ServiceRow, order: &[String]) -> Option<(Arc<Value>, String)> {
        let bases = std::iter::successors(self.services.base_of(row, order), |base| self.services.base_of(base, order));
        let set = |base: ServiceRow| {
            let schema = lock(&self.schemas).get(&base.id).cloned()?;
            Some((schema, base.spec.in_environment().to_owned()))
        };
        bases.into_iter().find_map(set)
    }

    /// What is inherited still, and the environment that it was from when its service isn't there any more.
    pub(super) fn alive(&self, heritage: Option<Heritage>) -> (Option<Heritage>, Option<String>) {
        match heritage {
            Some(Heritage { base, environment, names, .. }) if self.services.row_of(base).is_err() => {
                (None, Some(environment).filter(|_| !names.is_empty()))
            }
            heritage => (heritage, None),
        }
    }

    /// Looks at what is before a service in the order of environments. What the caller may not read stays unknown.
    pub(super) async fn trace(&self, caller: &Caller, state: &mut State) -> Result<()> {
        if state.row.spec.target.is_none() || state.row.spec.part_of().is_some() {
            return Ok(());
        }
        let (heritage, gone) = self.alive(state.heritage.take());
        let base = match self.services.base_of(&state.row, &self.order().await?) {
            Some(row) => Some(self.base(caller, &row, &state.schema.schema).await),
            None => None,
        };
        (state.heritage, state.above) = (heritage, Some(Above { base, gone }));
        Ok(())
    }

    async fn base(&self, caller: &Caller, row: &ServiceRow, schema: &Value) -> Base {
        let read = match caller.require_on(Permission::ConfigRead, row.id) {
            Ok(()) => self.state(row.id).await,
            Err(error) => Err(error),
        };
        let read = read.map(|base| Read {
            version: base.version(),
            secrets: base.secrets.union(&secrets(&base.values, schema)).cloned().collect(),
            values: base.values,
        });
        let read = read.map_err(|error| error.message);
        Base { id: row.id, name: row.name.clone(), environment: row.spec.in_environment().to_owned(), read }
    }

    /// What is shown of a configuration now, with what it inherits.
    pub(super) async fn seen(&self, caller: &Caller, id: ServiceId) -> Result<Configuration> {
        let mut state = self.state(id).await?;
        self.trace(caller, &mut state).await?;
        self.shown(&state)
    }

    /// That inherited values are others in the base now, to who deploys a service; none when they aren't.
    pub(crate) async fn inheritance_note(&self, caller: &Caller, id: ServiceId) -> Result<Option<String>> {
        let mut state = self.state(id).await?;
        self.trace(caller, &mut state).await?;
        let changed: Vec<_> = state.inherited_changes().into_iter().collect();
        let Some(base) = state.base().filter(|_| !changed.is_empty()) else { return Ok(None) };
        let what = match changed.as_slice() {
            [one] => format!("{one} is"),
            some if some.len() <= 5 => format!("{} are", some.join(", ")),
            many => format!("{} inherited values are", many.len()),
        };
        Ok(Some(format!("{what} different in {} by now; it is told what it was told until they are taken over", base.environment)))
    }

    pub(super) async fn take_over(&self, caller: &Caller, id: ServiceId, inherit: ConfigurationInherit) -> Result<Configuration> {
        let ConfigurationInherit { version, base_version, names, message, restart, watch_seconds } = inherit;
        let message = message.trim().to_owned();
        if message.chars().count() > MESSAGE {
            return Err(Error::invalid("/message", format!("the reason is at most {MESSAGE} characters long")));
        }
        let draft = move |state: &State| {
            // What is there now is told first, so that who comes second isn't told that there is nothing.
            if version != state.version() {
                return Err(api::changed_since(version, state.version()));
            }
            let Some(base) = state.base() else {
                return Err(Error::conflict(format!("'{}' has no environment before its own to inherit from", state.row.name)));
            };
            let read = base.read.as_ref();
            let read = read.map_err(|why| Error::conflict(format!("the configuration of '{}' can't be read: {why}", base.name)))?;
            if let Some(seen) = base_version.filter(|seen| *seen != read.version) {
                let mut error = Error::conflict(format!(
                    "this was decided on version {seen} of '{}', and version {} is the newest; look at that, and take it over then",
                    base.name, read.version
                ));
                let message = format!("the newest version is {}", read.version);
                error.details = vec![Detail { field: "/base_version".into(), message }];
                return Err(error);
            }
            let names = if names.is_empty() { state.inherited_changes().into_iter().collect() } else { names };
            if names.is_empty() {
                return Err(Error::conflict(format!("no inherited value has changed in {}", base.environment)));
            }
            let from = format!("inherited from {}, version {}", base.environment, read.version);
            let message = if message.is_empty() { from } else { format!("{from}: {message}") };
            let values = mask::masked(&state.values, &state.secrets).as_object().cloned().unwrap_or_default();
            Ok(Draft {
                kind: VersionKind::Saved,
                made_from: Some(version),
                values,
                secrets: BTreeSet::new(),
                source: state.source().cloned(),
                inherits: Inherits::Taken(names),
                message,
                restart,
                watch_seconds,
            })
        };
        self.save_draft(caller, id, draft).await
    }

    /// Whether something is inherited, or new values of the base would be.
    pub(super) fn is_heir(&self, id: ServiceId) -> bool {
        self.newest(id).ok().flatten().is_some_and(|kept| kept.heritage.is_some())
    }

    /// How many inherited values have changed, by what is in memory; none when nothing is inherited or that isn't known.
    pub(super) fn changes_kept(&self, row: &ServiceRow, kept: Option<&Kept>, order: &[String]) -> Option<u32> {
        let kept = kept?;
        let (heritage, _) = self.alive(kept.heritage.clone());
        let base = self.services.base_of(row, order)?;
        let base = self.newest(base.id).ok()??;
        Some(heritage?.changed(&kept.values, &base.values).len() as u32)
    }
}
