//! Secrets from a `.env` text: which of its variables look like some, and making those that are picked.

use std::collections::BTreeMap;

use api::{
    Caller, Detail, Error, NewSecret, Result, Secret, SecretImport, SecretImportItem, SecretImportOutcome, SecretImportReport, SecretName,
    SecretPick, secret_references,
};

use super::Manager;
use crate::configuration::schema::looks_secret;
use crate::services::discovery::environment::{Variable, strict};
use crate::store::secrets::{SecretRow, secret_list};

/// A variable with what is to become of it.
struct Planned {
    item: SecretImportItem,
    /// Its name as a secret, when it is picked.
    picked: Option<SecretName>,
    value: String,
}

impl Manager {
    /// [`api::ports::Secrets::import`], once it is known that the caller may.
    pub(super) async fn take_in(&self, caller: &Caller, import: SecretImport) -> Result<SecretImportReport> {
        let variables = variables(import.env.reveal())?;
        let _alone = self.changing.lock().await;
        let rows = secret_list(&mut self.core.store.main.read().await?).await?;
        let mut present: BTreeMap<String, SecretRow> = rows.into_iter().map(|row| (row.name.clone(), row)).collect();
        let planned = plan(variables, import.pick.as_deref(), |name| present.contains_key(name))?;
        let mut items = Vec::with_capacity(planned.len());
        let mut changes = Vec::new();
        for Planned { item, picked, value } in planned {
            let is_written = matches!(item.outcome, SecretImportOutcome::Made | SecretImportOutcome::Changed);
            if let Some(name) = picked.filter(|_| is_written && !import.dry_run) {
                let new = NewSecret { value: Some(Secret::new(value)), ..NewSecret::default() };
                changes.push(self.change(caller, name, new, present.remove(&item.name)).await?);
            }
            items.push(item);
        }
        if !changes.is_empty() {
            self.write(caller, changes).await?;
        }
        Ok(SecretImportReport { dry_run: import.dry_run, items })
    }
}

/// The variables of a text that is right.
fn variables(text: &str) -> Result<Vec<Variable>> {
    if text.len() > SecretImport::TEXT_MAX {
        return Err(Error::invalid("/env", "a .env text has at most 512 KiB; give it in parts"));
    }
    let at = |(line, fault): (usize, String)| Detail { field: "/env".into(), message: format!("line {line} {fault}") };
    let variables = strict(text).map_err(|faults| refused(faults.into_iter().map(at).collect()))?;
    match variables.len() {
        0 => Err(Error::invalid("/env", "the text has no variable; it has lines of the form NAME=value")),
        count if count > SecretImport::VARIABLES_MAX => {
            let most = SecretImport::VARIABLES_MAX;
            Err(Error::invalid("/env", format!("the text has {count} variables, and at most {most} are taken at once; give it in parts")))
        }
        _ => Ok(variables),
    }
}

/// What is to become of each variable. Without `pick` it is those that look like a secret, under their own names.
fn plan(variables: Vec<Variable>, pick: Option<&[SecretPick]>, is_present: impl Fn(&str) -> bool) -> Result<Vec<Planned>> {
    let mut faults = Vec::new();
    let mut picks: BTreeMap<&str, &SecretPick> = BTreeMap::new();
    for one in pick.unwrap_or_default() {
        if picks.insert(&one.variable, one).is_some() {
            faults.push(Detail { field: "/pick".into(), message: format!("{} is picked twice", one.variable) });
        }
    }
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    let mut planned = Vec::with_capacity(variables.len());
    for Variable { name: variable, value, line, .. } in variables {
        let mut fault = |what: String| faults.push(Detail { field: "/env".into(), message: format!("line {line}, {variable}: {what}") });
        // What already refers to a secret is none itself.
        let looks = !value.is_empty() && looks_secret(&variable, &value) && secret_references(&value).next().is_none();
        let own = picks.remove(variable.as_str());
        let name = own.and_then(|own| own.name.as_deref()).map_or(variable.as_str(), str::trim).to_owned();
        let is_picked = if pick.is_some() { own.is_some() } else { looks };
        let present = is_present(&name);
        let outcome = match (is_picked, present, own.is_some_and(|own| own.overwrite)) {
            (false, ..) => SecretImportOutcome::LeftOut,
            (true, true, false) => SecretImportOutcome::Present,
            (true, true, true) => SecretImportOutcome::Changed,
            (true, false, _) => SecretImportOutcome::Made,
        };
        let mut picked = None;
        if is_picked {
            match name.parse::<SecretName>() {
                Ok(name) => picked = Some(name),
                Err(error) => fault(error.message),
            }
            let new = NewSecret { value: Some(Secret::new(value.as_str())), ..NewSecret::default() };
            new.faults().into_iter().for_each(|wrong| fault(wrong.message));
            if let Some(before) = lines.insert(name.clone(), line) {
                fault(format!("'{name}' is the name for line {before} too; give one of them another"));
            }
        }
        let item = SecretImportItem { line: line as u64, variable, name, looks_secret: looks, is_present: present, outcome };
        planned.push(Planned { item, picked, value });
    }
    for unknown in picks.into_keys() {
        let shown: String = unknown.chars().take(80).collect();
        faults.push(Detail { field: "/pick".into(), message: format!("the text has no variable {shown}") });
    }
    Error::invalid_fields(faults)?;
    Ok(planned)
}

/// The error of these faults, of which there is one at least.
fn refused(faults: Vec<Detail>) -> Error {
    Error::invalid_fields(faults).err().unwrap_or_else(Error::internal)
}
