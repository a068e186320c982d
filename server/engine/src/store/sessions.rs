//! Sign-ins: each is a family of refresh tokens, of which only hashes are kept.

use api::{SessionId, Timestamp, UserId};
use uuid::Uuid;

use super::{Conn, Result, execute, on};

/// One row.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct SessionRow {
    /// Id.
    pub id: Uuid,
    /// Whose.
    pub user_id: Uuid,
    /// Microseconds.
    pub created_at: i64,
    /// Microseconds, to the minute.
    pub last_used_at: i64,
    /// Microseconds.
    pub expires_at: i64,
    /// Where from.
    pub address: String,
    /// What with.
    pub user_agent: String,
    /// How many times its token was replaced.
    pub generation: i64,
    /// SHA-256 of the present refresh token.
    pub token_hash: Vec<u8>,
    /// SHA-256 of the one before.
    pub previous_hash: Option<Vec<u8>>,
    /// Microseconds; when the present one replaced it.
    pub rotated_at: i64,
}

/// What a session lets one do.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct GrantRow {
    /// The session.
    pub id: Uuid,
    /// Whose.
    pub user_id: Uuid,
    /// Their name.
    pub username: String,
    /// Text of a `Role`.
    pub role: String,
    /// Microseconds.
    pub expires_at: i64,
    /// Microseconds, to the minute.
    pub last_used_at: i64,
}

/// Adds a session.
pub async fn session_insert(db: &mut Conn, row: &SessionRow) -> Result<()> {
    let statement = "INSERT INTO sessions
        (id, user_id, created_at, last_used_at, expires_at, address, user_agent, generation, token_hash, previous_hash, rotated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    execute!(
        db,
        statement,
        row.id,
        row.user_id,
        row.created_at,
        row.last_used_at,
        row.expires_at,
        row.address.as_str(),
        row.user_agent.as_str(),
        row.generation,
        row.token_hash.as_slice(),
        row.previous_hash.as_deref(),
        row.rotated_at,
    )?;
    Ok(())
}

/// The session of that id, ended by time or not.
pub async fn session_find(db: &mut Conn, id: SessionId) -> Result<Option<SessionRow>> {
    let statement = "SELECT id, user_id, created_at, last_used_at, expires_at, address, user_agent, generation, token_hash,
        previous_hash, rotated_at FROM sessions WHERE id = $1";
    Ok(on!(db, |db| sqlx::query_as(statement).bind(id.0).fetch_optional(db).await)?)
}

/// The sessions of a user that haven't ended, newest first.
pub async fn session_list(db: &mut Conn, user: UserId, now: Timestamp) -> Result<Vec<SessionRow>> {
    let statement = "SELECT id, user_id, created_at, last_used_at, expires_at, address, user_agent, generation, token_hash,
        previous_hash, rotated_at FROM sessions WHERE user_id = $1 AND expires_at > $2 ORDER BY created_at DESC, id DESC";
    Ok(on!(db, |db| sqlx::query_as(statement).bind(user.0).bind(now.micros()).fetch_all(db).await)?)
}

/// Replaces the refresh token, if the present one is still `old`.
pub async fn session_rotate(
    db: &mut Conn,
    id: SessionId,
    old: [u8; 32],
    new: [u8; 32],
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<bool> {
    let statement = "UPDATE sessions SET generation = generation + 1, previous_hash = token_hash, token_hash = $3,
        rotated_at = $4, last_used_at = $4, expires_at = $5 WHERE id = $1 AND token_hash = $2";
    Ok(execute!(db, statement, id.0, old.as_slice(), new.as_slice(), now.micros(), expires_at.micros())? == 1)
}

/// Notes that a session was used.
pub async fn session_used(db: &mut Conn, id: SessionId, at: Timestamp, expires_at: Timestamp) -> Result<()> {
    let statement = "UPDATE sessions SET last_used_at = $2, expires_at = $3 WHERE id = $1 AND last_used_at < $2";
    execute!(db, statement, id.0, at.micros(), expires_at.micros())?;
    Ok(())
}

/// Ends a session.
pub async fn session_delete(db: &mut Conn, id: SessionId) -> Result<bool> {
    Ok(execute!(db, "DELETE FROM sessions WHERE id = $1", id.0)? == 1)
}

/// Ends the sessions of a user, except one.
pub async fn session_delete_of(db: &mut Conn, user: UserId, except: Option<SessionId>) -> Result<u64> {
    let except = except.map_or(Uuid::nil(), |id| id.0);
    Ok(execute!(db, "DELETE FROM sessions WHERE user_id = $1 AND id <> $2", user.0, except)?)
}

/// Forgets the sessions that time has ended.
pub async fn session_delete_expired(db: &mut Conn, now: Timestamp) -> Result<u64> {
    Ok(execute!(db, "DELETE FROM sessions WHERE expires_at <= $1", now.micros())?)
}

/// What a session lets one do; none when it has ended or its user may not sign in.
pub async fn grant_find(db: &mut Conn, id: SessionId, now: Timestamp) -> Result<Option<GrantRow>> {
    let statement = "SELECT s.id, s.user_id, u.username, u.role, s.expires_at, s.last_used_at
        FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1 AND s.expires_at > $2 AND u.is_active = $3";
    Ok(on!(db, |db| sqlx::query_as(statement).bind(id.0).bind(now.micros()).bind(true).fetch_optional(db).await)?)
}

/// What every session lets one do.
pub async fn grant_list(db: &mut Conn, now: Timestamp) -> Result<Vec<GrantRow>> {
    let statement = "SELECT s.id, s.user_id, u.username, u.role, s.expires_at, s.last_used_at
        FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.expires_at > $1 AND u.is_active = $2";
    Ok(on!(db, |db| sqlx::query_as(statement).bind(now.micros()).bind(true).fetch_all(db).await)?)
}
