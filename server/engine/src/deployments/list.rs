//! Pages of deployments, and the same as JSON: what hasn't changed since it was listed last is neither read nor written anew, be it a page or a
//! deployment on it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use api::{Deployment, DeploymentId, DeploymentQuery, DeploymentStatus, Error, Page, ReleaseId, Result};

use super::Manager;
use super::live::lock;
use crate::store::deployments::{DeploymentFilter, DeploymentMark, deployment_list, deployment_marks, deployment_version};

/// Texts that are kept, of about 2.5 kB each: as many as a page may have.
const KEPT: usize = 1_000;
/// Pages that are kept, and bytes of all of them.
const PAGES: usize = 16;
const PAGE_BYTES: usize = 4 << 20;

/// All that the text of a deployment depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    revision: u64,
    release_id: Option<ReleaseId>,
    is_current: bool,
    url: Option<String>,
}

/// The JSON of deployments that were listed.
#[derive(Debug, Default)]
pub(super) struct Texts(Mutex<HashMap<DeploymentId, (State, Arc<str>)>>);

impl Texts {
    /// The texts of all of these, when each is known as it is now.
    fn all(&self, wanted: &[(DeploymentId, State)]) -> Option<Vec<Arc<str>>> {
        let known = lock(&self.0);
        let text = |(id, state): &(DeploymentId, State)| known.get(id).filter(|(kept, _)| kept == state).map(|(_, text)| text.clone());
        wanted.iter().map(text).collect()
    }

    fn keep(&self, id: DeploymentId, state: State, text: Arc<str>) {
        let mut known = lock(&self.0);
        if known.len() >= KEPT && !known.contains_key(&id) {
            known.clear();
        }
        known.insert(id, (state, text));
    }
}

/// A page that was listed.
#[derive(Debug)]
struct Listed {
    filter: DeploymentFilter,
    /// Of the deployments and releases, before it was read.
    version: i64,
    marks: Vec<DeploymentMark>,
    wanted: Vec<(DeploymentId, State)>,
    json: Arc<str>,
}

/// The pages that were listed last, newest first.
#[derive(Debug, Default)]
pub(super) struct Pages(Mutex<Vec<Arc<Listed>>>);

impl Pages {
    fn find(&self, filter: &DeploymentFilter, version: i64) -> Option<Arc<Listed>> {
        lock(&self.0).iter().find(|page| page.filter == *filter && page.version == version).cloned()
    }

    fn keep(&self, page: Listed) {
        let mut kept = lock(&self.0);
        kept.retain(|other| other.filter != page.filter);
        kept.insert(0, Arc::new(page));
        let mut bytes = 0;
        kept.retain(|page| {
            bytes += page.json.len();
            bytes <= PAGE_BYTES
        });
        kept.truncate(PAGES);
    }
}

impl Manager {
    /// One page of deployments, newest first.
    pub(super) async fn page(&self, query: &DeploymentQuery) -> Result<Page<Deployment>> {
        let (filter, limit) = filter(query)?;
        let mut rows = deployment_list(&mut self.core.store.main.read().await?, &filter).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| row.seq.to_string());
        let shown = rows.into_iter().map(|row| {
            let mut shown = row.shown;
            if let Some(release) = &mut shown.release {
                release.is_current = self.is_current(shown.service_id, release.id);
            }
            if shown.status == DeploymentStatus::Succeeded {
                shown.urls = self.urls(shown.service_id);
            }
            shown
        });
        Ok(Page { items: shown.collect(), next_cursor, total: None })
    }

    /// [`Manager::page`] as JSON.
    pub(super) async fn page_json(&self, query: &DeploymentQuery) -> Result<Arc<str>> {
        let (filter, limit) = filter(query)?;
        let version = deployment_version(&mut self.core.store.main.read().await?).await?;
        if let Some(page) = self.pages.find(&filter, version)
            && page.wanted == self.states(&page.marks)
        {
            return Ok(page.json.clone());
        }
        let mut marks = deployment_marks(&mut self.core.store.main.read().await?, &filter).await?;
        let more = marks.len() > limit;
        marks.truncate(limit);
        let next_cursor = marks.last().filter(|_| more).map(|mark| mark.seq.to_string());
        let wanted = self.states(&marks);
        let json: Arc<str> = match self.texts.all(&wanted) {
            Some(texts) => join(&texts, next_cursor).into(),
            None => {
                let (json, written) = self.write(query).await?;
                if written != wanted {
                    // Something has changed since it was asked for, and may change back.
                    return Ok(json.into());
                }
                json.into()
            }
        };
        self.pages.keep(Listed { filter, version, marks, wanted, json: json.clone() });
        Ok(json)
    }

    /// What the texts of these depend on now.
    fn states(&self, marks: &[DeploymentMark]) -> Vec<(DeploymentId, State)> {
        let state = |mark: &DeploymentMark| {
            let is_current = mark.release_id.is_some_and(|release| self.is_current(mark.service_id, release));
            let url = if mark.has_succeeded { self.urls(mark.service_id).pop() } else { None };
            (mark.id, State { revision: mark.revision, release_id: mark.release_id, is_current, url })
        };
        marks.iter().map(state).collect()
    }

    /// Writes each of a page anew, and answers what they are written of.
    async fn write(&self, query: &DeploymentQuery) -> Result<(String, Vec<(DeploymentId, State)>)> {
        let page = self.page(query).await?;
        let (mut texts, mut written) = (Vec::with_capacity(page.items.len()), Vec::with_capacity(page.items.len()));
        for shown in page.items {
            let text: Arc<str> = serde_json::to_string(&shown).map_err(|_| Error::internal())?.into();
            let state = State {
                revision: shown.revision,
                release_id: shown.release.as_ref().map(|release| release.id),
                is_current: shown.release.as_ref().is_some_and(|release| release.is_current),
                url: shown.urls.last().cloned(),
            };
            self.texts.keep(shown.id, state.clone(), text.clone());
            texts.push(text);
            written.push((shown.id, state));
        }
        Ok((join(&texts, page.next_cursor), written))
    }
}

fn filter(query: &DeploymentQuery) -> Result<(DeploymentFilter, usize)> {
    let limit = query.limit.get();
    let before = query.cursor.as_deref().map(str::parse::<i64>).transpose();
    let before = before.map_err(|_| Error::invalid("cursor", "cursor isn't one that a page of deployments has given"))?;
    let limit_and_one = i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1;
    Ok((DeploymentFilter { service_id: query.service_id, status: query.status, before, limit: limit_and_one }, limit))
}

/// A page of these texts; a cursor is a number.
fn join(texts: &[Arc<str>], next_cursor: Option<String>) -> String {
    let mut json = String::with_capacity(64 + texts.iter().map(|text| text.len() + 1).sum::<usize>());
    json.push_str(r#"{"items":["#);
    for (n, text) in texts.iter().enumerate() {
        if n > 0 {
            json.push(',');
        }
        json.push_str(text);
    }
    let next = next_cursor.map_or("null".into(), |cursor| format!("\"{cursor}\""));
    json.push_str(&format!(r#"],"next_cursor":{next},"total":null}}"#));
    json
}
