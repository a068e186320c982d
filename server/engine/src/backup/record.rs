//! What is in a backup: records, each a line of JSON. First who made it and when, then the secrets, then each service with its versions behind it, and at last
//! how many there were.

use api::{Result, ServiceId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::sealed::{Reader, not_readable};
use crate::configuration::BackedVersion;
use crate::secrets::BackedSecret;

/// Services that a backup has at most.
pub const SERVICES: usize = 10_000;
/// Secrets that a backup has at most.
pub const SECRETS: usize = 1_000;

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// The first.
    Made { at: Timestamp, by: String, program: String },
    /// A named secret.
    Secret(BackedSecret),
    /// A service whose configuration was saved.
    Service(BackedService),
    /// A version of the service before it, the earliest first.
    Version(BackedVersion),
    /// The last.
    End { secrets: usize, services: usize, versions: usize },
}

/// A service as a backup names it.
#[derive(Clone, Serialize, Deserialize)]
pub struct BackedService {
    /// Its id.
    pub id: ServiceId,
    /// Its name.
    pub name: String,
    /// Where it runs.
    pub environment: String,
    /// The schema that somebody has set for it.
    pub schema: Option<Value>,
    /// When it was deleted, of one that could still be put back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

/// What goes together.
pub enum Part {
    /// All secrets.
    Secrets(Vec<BackedSecret>),
    /// One service with its versions.
    Service(BackedService, Vec<BackedVersion>),
}

/// Reads parts.
pub struct Parts<'r> {
    reader: &'r mut Reader,
    held: Option<Record>,
    /// Who made it and when.
    pub made: (Timestamp, String),
    counted: (usize, usize, usize),
    has_secrets: bool,
}

impl<'r> Parts<'r> {
    /// Begins with the first record.
    pub async fn begin(reader: &'r mut Reader) -> Result<Self> {
        reader.again().await?;
        let mut parts = Self { reader, held: None, made: Default::default(), counted: (0, 0, 0), has_secrets: false };
        match parts.record().await? {
            Record::Made { at, by, .. } if is_text(&by) => parts.made = (at, by),
            _ => return Err(not_readable()),
        }
        Ok(parts)
    }

    /// The next part; none after the last, when all that was counted is there.
    pub async fn next(&mut self) -> Result<Option<Part>> {
        if !self.has_secrets {
            self.has_secrets = true;
            let mut secrets = Vec::new();
            loop {
                match self.record().await? {
                    Record::Secret(secret) if secrets.len() < SECRETS => secrets.push(secret),
                    Record::Secret(_) => return Err(not_readable()),
                    other => {
                        self.held = Some(other);
                        self.counted.0 = secrets.len();
                        return Ok(Some(Part::Secrets(secrets)));
                    }
                }
            }
        }
        match self.record().await? {
            Record::Service(service) if is_text(&service.name) && is_text(&service.environment) && self.counted.1 < SERVICES => {
                self.counted.1 += 1;
                let versions = self.versions().await?;
                Ok(Some(Part::Service(service, versions)))
            }
            Record::End { secrets, services, versions } if (secrets, services, versions) == self.counted => {
                match self.reader.next().await? {
                    None => Ok(None),
                    Some(_) => Err(not_readable()),
                }
            }
            _ => Err(not_readable()),
        }
    }

    /// The versions of a service: at least one, each later than the one before.
    async fn versions(&mut self) -> Result<Vec<BackedVersion>> {
        let (mut versions, mut bytes): (Vec<BackedVersion>, usize) = (Vec::new(), 0);
        loop {
            let record = match self.held.take() {
                Some(record) => record,
                None => {
                    let line = self.reader.next().await?.ok_or_else(not_readable)?;
                    bytes += line.len();
                    parsed(&line)?
                }
            };
            match record {
                Record::Version(version) => {
                    let is_later = versions.last().is_none_or(|before| before.version < version.version);
                    // As long as a backup makes it, and what JSON adds.
                    if !is_later || version.version == 0 || !version.is_sound() || bytes > 4 * BackedVersion::BYTES {
                        return Err(not_readable());
                    }
                    self.counted.2 += 1;
                    versions.push(version);
                }
                other => {
                    self.held = Some(other);
                    return if versions.is_empty() { Err(not_readable()) } else { Ok(versions) };
                }
            }
        }
    }

    async fn record(&mut self) -> Result<Record> {
        match self.held.take() {
            Some(record) => Ok(record),
            None => parsed(&self.reader.next().await?.ok_or_else(not_readable)?),
        }
    }
}

fn parsed(line: &[u8]) -> Result<Record> {
    serde_json::from_slice(line).map_err(|error| {
        // Not the error's text, which may quote the line.
        tracing::warn!(kind = ?error.classify(), "backup_not_readable");
        not_readable()
    })
}

/// Whether a text can be kept: no database of ours has a NUL in one.
fn is_text(text: &str) -> bool {
    text.len() <= 1000 && !text.contains('\0')
}
