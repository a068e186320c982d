//! `pilothouse migrate` and `pilothouse user`: what works on the database while no server runs, or beside one.

use api::{Caller, Error, NewUser, Role, Secret, User, UserPatch};
use engine::{Clock, Engine};

use crate::cli::print;
use crate::config::Settings;
use crate::serve;

/// Brings the database up to date.
pub fn migrate(settings: Settings) -> api::Result<()> {
    with_engine(settings, async |_| print("The database is up to date."))
}

/// Makes a user.
pub fn add(settings: Settings, username: String, password: Secret, role: Role) -> api::Result<()> {
    with_engine(settings, async |engine| {
        let user = engine.backend().users.create(&Caller::command_line(), NewUser { username, password, role }).await?;
        print(&format!("Made {} ({}).", user.username, user.role.label()))
    })
}

/// Prints every user.
pub fn list(settings: Settings) -> api::Result<()> {
    with_engine(settings, async |engine| {
        let users = engine.backend().users.list(&Caller::command_line()).await?;
        let width = users.iter().map(|user| user.username.len()).max().unwrap_or_default().max(4);
        let lines: Vec<String> = users.iter().map(|user| line(user, width)).collect();
        print(&lines.join("\n"))
    })
}

/// Sets a new password and ends the user's sessions.
pub fn reset_password(settings: Settings, name: &str, password: Secret) -> api::Result<()> {
    with_engine(settings, async |engine| {
        let users = engine.backend().users.list(&Caller::command_line()).await?;
        let user = users.iter().find(|user| user.username.eq_ignore_ascii_case(name)).ok_or_else(|| Error::not_found("user", name))?;
        let patch = UserPatch { password: Some(password), ..UserPatch::default() };
        engine.backend().users.change(&Caller::command_line(), user.id, patch).await?;
        print(&format!("{} has a new password.", user.username))
    })
}

fn line(user: &User, width: usize) -> String {
    let state = if user.is_active { "active" } else { "blocked" };
    let seen = user.last_sign_in.map_or_else(|| "never".to_owned(), |at| at.to_string());
    format!("{:width$}  {:9}  {state:7}  last sign-in {seen}", user.username, user.role.label())
}

/// Opens the engine without any work in the background, lets `act` use it, and closes it.
pub fn with_engine(settings: Settings, act: impl AsyncFnOnce(&Engine) -> api::Result<()>) -> api::Result<()> {
    serve::runtime()?.block_on(async {
        // Not the password of the first start: these commands make the users that they are told to.
        let config = engine::EngineConfig { admin_password: None, ..serve::engine_config(&settings) };
        let engine = Engine::open(config, Clock::System).await?;
        let done = act(&engine).await;
        engine.shutdown().await;
        done
    })
}
