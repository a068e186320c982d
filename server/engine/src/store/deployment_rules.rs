//! The tables of when services may be deployed.

use api::{DeploymentRules, Freeze, FreezeId, ServiceId, Timestamp};
use uuid::Uuid;

use super::releases::{json, parse};
use super::{Conn, Result, execute, on};

/// The rules of a service; those that let everything pass when none are set.
pub async fn rules_find(db: &mut Conn, id: ServiceId) -> Result<DeploymentRules> {
    let statement = "SELECT rules FROM deployment_rules WHERE service_id = $1";
    let row: Option<(String,)> = on!(db, |db| sqlx::query_as(statement).bind(id.0).fetch_optional(db).await)?;
    row.map_or_else(|| Ok(DeploymentRules::default()), |(text,)| parse(&text))
}

/// Sets the rules of a service.
pub async fn rules_put(db: &mut Conn, id: ServiceId, rules: &DeploymentRules) -> Result<()> {
    if rules.is_empty() {
        execute!(db, "DELETE FROM deployment_rules WHERE service_id = $1", id.0)?;
        return Ok(());
    }
    let statement = "INSERT INTO deployment_rules (service_id, rules) VALUES ($1, $2)
        ON CONFLICT (service_id) DO UPDATE SET rules = excluded.rules";
    execute!(db, statement, id.0, json(rules)?)?;
    Ok(())
}

/// The freezes that aren't over at `now`, by their beginning.
pub async fn freeze_list(db: &mut Conn, now: Timestamp) -> Result<Vec<Freeze>> {
    let statement = "SELECT id, service_id, begins_at, ends_at, reason, created_by FROM deployment_freezes
        WHERE ends_at > $1 ORDER BY begins_at, id";
    let rows: Vec<(Uuid, Option<Uuid>, i64, i64, String, String)> =
        on!(db, |db| sqlx::query_as(statement).bind(now.micros()).fetch_all(db).await)?;
    let freeze = |(id, service_id, from, to, reason, created_by): (Uuid, Option<Uuid>, i64, i64, String, String)| Freeze {
        id: FreezeId(id),
        service_id: service_id.map(ServiceId),
        from: Timestamp::from_micros(from),
        to: Timestamp::from_micros(to),
        reason,
        created_by,
    };
    Ok(rows.into_iter().map(freeze).collect())
}

/// Adds a freeze, and forgets those that were over at `now`.
pub async fn freeze_add(db: &mut Conn, freeze: &Freeze, now: Timestamp) -> Result<()> {
    execute!(db, "DELETE FROM deployment_freezes WHERE ends_at <= $1", now.micros())?;
    let statement =
        "INSERT INTO deployment_freezes (id, service_id, begins_at, ends_at, reason, created_by) VALUES ($1, $2, $3, $4, $5, $6)";
    let service = freeze.service_id.map(|id| id.0);
    let (from, to) = (freeze.from.micros(), freeze.to.micros());
    execute!(db, statement, freeze.id.0, service, from, to, freeze.reason.as_str(), freeze.created_by.as_str())?;
    Ok(())
}

/// Forgets a freeze; answers whether there was one.
pub async fn freeze_delete(db: &mut Conn, id: FreezeId) -> Result<bool> {
    Ok(execute!(db, "DELETE FROM deployment_freezes WHERE id = $1", id.0)? > 0)
}

/// Forgets what is said of a service.
pub async fn rules_forget(db: &mut Conn, id: ServiceId) -> Result<()> {
    execute!(db, "DELETE FROM deployment_rules WHERE service_id = $1", id.0)?;
    execute!(db, "DELETE FROM deployment_freezes WHERE service_id = $1", id.0)?;
    Ok(())
}
