//! A backup of all configurations with all their versions, and of the named secrets: one file, sealed with a passphrase.

use serde::{Deserialize, Serialize};

use crate::{Secret, ServiceId, Timestamp};

/// What is needed for a backup.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewBackup {
    /// The caller's own password.
    pub password: Secret,
    /// What the file is sealed with, 12 to 1,024 characters. Without it nobody can read the file, nor get it back.
    pub passphrase: Secret,
}

/// How a backup is restored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewRestore {
    /// The caller's own password.
    pub password: Secret,
    /// What the file was sealed with.
    pub passphrase: Secret,
    /// Whether the newest configuration of each service in the backup is saved as its newest version here. Without that only earlier versions come back.
    #[serde(default)]
    pub newest: bool,
    /// Whether secrets that have another value here get that of the backup.
    #[serde(default)]
    pub replace_secrets: bool,
    /// Only says what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// Characters that a passphrase of a backup has at least.
pub const PASSPHRASE_MIN: usize = 12;

/// What a restore did, or would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RestoreReport {
    /// When the backup was made.
    pub made_at: Timestamp,
    /// Who made it.
    pub made_by: String,
    /// Whether it was only asked what would be done.
    pub dry_run: bool,
    /// Each service of the backup, by name.
    pub services: Vec<RestoredService>,
    /// Each secret of the backup, by name.
    pub secrets: Vec<RestoredSecret>,
}

/// What becomes of the configuration of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RestoredService {
    /// Its name in the backup.
    pub name: String,
    /// Where it runs.
    pub environment: String,
    /// Whether it was deleted when the backup was made, and could still be put back.
    #[serde(default)]
    pub deleted: bool,
    /// The service here that it is; none when there is none.
    pub service_id: Option<ServiceId>,
    /// What that is called now, when the name is another one.
    pub name_here: Option<String>,
    /// Whether it was found by its name, because no service has its id.
    pub by_name: bool,
    /// Versions that are here already, as they were.
    pub present: u64,
    /// Versions that come back, with their authors and times.
    pub added: u64,
    /// Versions that are here with the same number and something else in them. They stay.
    pub differing: u64,
    /// Versions that don't come back: later than the newest one here, which takes `newest`, or earlier than what is kept.
    pub left_out: u64,
    /// The number of the version that the newest of the backup is saved as; none when it isn't.
    pub saved: Option<u64>,
    /// Whether the schema that was set comes back, because none is set here.
    pub schema: bool,
    /// Why nothing is done for it.
    pub problem: Option<String>,
}

/// What becomes of one secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RestoredSecret {
    /// Its name.
    pub name: String,
    /// What becomes of it.
    pub outcome: RestoredSecretOutcome,
}

/// What becomes of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RestoredSecretOutcome {
    /// It isn't here, and comes back with its version, author and times.
    Added,
    /// It has the same value here.
    Present,
    /// It has another value here, and keeps it.
    Kept,
    /// It has another value here, and gets that of the backup as a new version.
    Replaced,
}

impl RestoredService {
    /// What becomes of it, in words.
    pub fn words(&self) -> String {
        let deleted = if self.deleted { "deleted when the backup was made; " } else { "" };
        if let Some(problem) = &self.problem {
            return format!("Left out: {deleted}{problem}");
        }
        let mut words = Vec::new();
        if self.deleted {
            words.push("deleted when the backup was made".into());
        }
        if let Some(name) = &self.name_here {
            words.push(format!("is called {name} here"));
        }
        if self.by_name {
            words.push("found by its name".into());
        }
        if let Some(version) = self.saved {
            words.push(format!("the newest is version {version} here"));
        }
        for (count, what) in [
            (self.added, "come back"),
            (self.present, "there already"),
            (self.differing, "with something else in it here, which stays"),
            (self.left_out, "left out"),
        ] {
            if count > 0 {
                words.push(format!("{count} {what}"));
            }
        }
        if self.schema {
            words.push("its schema comes back".into());
        }
        words.join(", ")
    }

    /// Whether it isn't restored although it could be expected to be: one that was deleted needn't be here.
    pub fn is_left_out(&self) -> bool {
        self.problem.is_some() && !(self.deleted && self.service_id.is_none())
    }

    /// Whether something of it comes back.
    pub fn is_changed(&self) -> bool {
        self.added > 0 || self.saved.is_some()
    }
}

impl RestoredSecretOutcome {
    /// The words that people see.
    pub const fn label(self) -> &'static str {
        match self {
            RestoredSecretOutcome::Added => "comes back",
            RestoredSecretOutcome::Present => "there already",
            RestoredSecretOutcome::Kept => "keeps the other value that it has here",
            RestoredSecretOutcome::Replaced => "gets the value of the backup as a new version",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RestoredService;

    #[test]
    fn what_becomes_of_a_service_is_said_in_words() {
        let one = RestoredService { by_name: true, added: 3, present: 2, differing: 1, saved: Some(7), schema: true, ..Default::default() };
        let expected = "found by its name, the newest is version 7 here, 3 come back, 2 there already, \
                        1 with something else in it here, which stays, its schema comes back";
        assert_eq!(one.words(), expected);
        let left_out = RestoredService { problem: Some("why".into()), ..one };
        assert_eq!((left_out.words().as_str(), left_out.is_left_out()), ("Left out: why", true));
        let deleted = RestoredService { deleted: true, ..left_out };
        assert_eq!((deleted.words().as_str(), deleted.is_left_out()), ("Left out: deleted when the backup was made; why", false));
    }
}
