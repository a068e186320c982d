//! Users, and the number that grows whenever somebody's rights change.

use api::{Role, Timestamp, User, UserId};
use uuid::Uuid;

use super::{Conn, Result, execute, on};

/// One row, with the hash that never leaves the engine.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct UserRow {
    /// Id.
    pub id: Uuid,
    /// As written.
    pub username: String,
    /// A PHC string.
    pub password_hash: String,
    /// Text of a `Role`.
    pub role: String,
    /// Whether they may sign in.
    pub is_active: bool,
    /// Microseconds.
    pub created_at: i64,
    /// Microseconds.
    pub last_sign_in: Option<i64>,
}

impl UserRow {
    /// What others may see. A role that this version doesn't know is the least one.
    pub fn user(&self) -> User {
        User {
            id: UserId(self.id),
            username: self.username.clone(),
            role: self.role(),
            is_active: self.is_active,
            created_at: Timestamp::from_micros(self.created_at),
            last_sign_in: self.last_sign_in.map(Timestamp::from_micros),
        }
    }

    /// What they may do.
    pub fn role(&self) -> Role {
        self.role.parse().unwrap_or(Role::Viewer)
    }
}

/// The key that makes a name unique in any case.
pub fn username_key(username: &str) -> String {
    username.to_ascii_lowercase()
}

/// Adds a user.
pub async fn user_insert(db: &mut Conn, row: &UserRow) -> Result<()> {
    let statement = "INSERT INTO users (id, username, username_key, password_hash, role, is_active, created_at, last_sign_in)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let (name, key) = (row.username.as_str(), username_key(&row.username));
    let (hash, role) = (row.password_hash.as_str(), row.role.as_str());
    execute!(db, statement, row.id, name, key.as_str(), hash, role, row.is_active, row.created_at, row.last_sign_in)?;
    Ok(())
}

/// The user of that id.
pub async fn user_find(db: &mut Conn, id: UserId) -> Result<Option<UserRow>> {
    let statement = "SELECT id, username, password_hash, role, is_active, created_at, last_sign_in FROM users WHERE id = $1";
    Ok(on!(db, |db| sqlx::query_as(statement).bind(id.0).fetch_optional(db).await)?)
}

/// The user of that name, in any case.
pub async fn user_find_named(db: &mut Conn, username: &str) -> Result<Option<UserRow>> {
    let statement = "SELECT id, username, password_hash, role, is_active, created_at, last_sign_in FROM users WHERE username_key = $1";
    Ok(on!(db, |db| sqlx::query_as(statement).bind(username_key(username)).fetch_optional(db).await)?)
}

/// Every user, by name.
pub async fn user_list(db: &mut Conn) -> Result<Vec<UserRow>> {
    let statement = "SELECT id, username, password_hash, role, is_active, created_at, last_sign_in FROM users ORDER BY username_key";
    Ok(on!(db, |db| sqlx::query_as(statement).fetch_all(db).await)?)
}

/// Whether there is a user.
pub async fn user_exists(db: &mut Conn) -> Result<bool> {
    let found: Option<i64> = on!(db, |db| sqlx::query_scalar("SELECT CAST(1 AS BIGINT) FROM users LIMIT 1").fetch_optional(db).await)?;
    Ok(found.is_some())
}

/// How many active Admins there are beside one user.
pub async fn user_count_other_admins(db: &mut Conn, id: UserId) -> Result<i64> {
    let statement = "SELECT CAST(count(*) AS BIGINT) FROM users WHERE role = 'admin' AND is_active = $1 AND id <> $2";
    Ok(on!(db, |db| sqlx::query_scalar(statement).bind(true).bind(id.0).fetch_one(db).await)?)
}

/// Saves role, activity and password of a user.
pub async fn user_update(db: &mut Conn, row: &UserRow) -> Result<()> {
    let statement = "UPDATE users SET role = $2, is_active = $3, password_hash = $4 WHERE id = $1";
    execute!(db, statement, row.id, row.role.as_str(), row.is_active, row.password_hash.as_str())?;
    Ok(())
}

/// Notes a sign-in.
pub async fn user_signed_in(db: &mut Conn, id: UserId, at: Timestamp) -> Result<()> {
    execute!(db, "UPDATE users SET last_sign_in = $2 WHERE id = $1", id.0, at.micros())?;
    Ok(())
}

/// Deletes a user with their sessions.
pub async fn user_delete(db: &mut Conn, id: UserId) -> Result<()> {
    execute!(db, "DELETE FROM users WHERE id = $1", id.0)?;
    Ok(())
}

/// The number that grows whenever somebody's rights change.
pub async fn rights_revision(db: &mut Conn) -> Result<i64> {
    Ok(on!(db, |db| sqlx::query_scalar("SELECT revision FROM revisions WHERE name = 'rights'").fetch_one(db).await)?)
}

/// Tells all instances that somebody's rights have changed.
pub async fn rights_changed(db: &mut Conn) -> Result<()> {
    execute!(db, "UPDATE revisions SET revision = revision + 1 WHERE name = 'rights'")?;
    Ok(())
}

/// Keeps the hash of the only link that makes the first user.
pub async fn setup_token_replace(db: &mut Conn, hash: [u8; 32], expires_at: Timestamp) -> Result<()> {
    setup_token_clear(db).await?;
    let statement = "INSERT INTO setup_tokens (token_hash, expires_at) VALUES ($1, $2)";
    execute!(db, statement, hash.as_slice(), expires_at.micros())?;
    Ok(())
}

/// Whether a link of that hash is good.
pub async fn setup_token_is_good(db: &mut Conn, hash: [u8; 32], now: Timestamp) -> Result<bool> {
    let statement = "SELECT expires_at FROM setup_tokens WHERE token_hash = $1 AND expires_at > $2";
    let found: Option<i64> = on!(db, |db| sqlx::query_scalar(statement).bind(hash.as_slice()).bind(now.micros()).fetch_optional(db).await)?;
    Ok(found.is_some())
}

/// Uses the link up.
pub async fn setup_token_clear(db: &mut Conn) -> Result<()> {
    execute!(db, "DELETE FROM setup_tokens")?;
    Ok(())
}
