//! `pilothouse secrets`: what works on the keys of secrets while no server runs.

use std::path::PathBuf;

use api::{Caller, Error, KeyRotation};
use engine::SecretsKey;

use crate::accounts::with_engine;
use crate::cli::print;
use crate::config::Settings;

/// Rotates the data keys, and wraps them with another key when a file with one is named.
pub fn rotate(settings: Settings, new_key_file: Option<PathBuf>) -> api::Result<()> {
    let absent = |error| Error::invalid("new_key_file", format!("the new key can't be found: {error}"));
    let file = new_key_file.map(std::path::absolute).transpose().map_err(absent)?;
    with_engine(settings, async |engine| {
        engine.act_alone().await?;
        match file {
            None => done(engine.backend().secrets.rotate(&Caller::command_line()).await?, ""),
            Some(file) => {
                let said = format!(
                    " The key in {} wraps them now: set PILOTHOUSE_SECRETS_KEY_FILE to it before you start Pilothouse, and keep the key before it \
                     for as long as you keep backups from before.",
                    file.display()
                );
                done(engine.secrets().take_key(&Caller::command_line(), &SecretsKey::File(file)).await?, &said)
            }
        }
    })
}

fn done(rotation: KeyRotation, more: &str) -> api::Result<()> {
    let KeyRotation { data_key, resealed, removed } = rotation;
    print(&format!("Sealed {resealed} values anew with data key {data_key}; removed {removed} data keys.{more}"))
}
