//! The tables of webhooks that deploy services, and of what was delivered to them of late.

use api::{DeployHookId, DeploymentId, HookCalled, HookOutcome, ServiceId, Timestamp};
use uuid::Uuid;

use super::{Conn, Result, execute, on};

/// A webhook as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookRow {
    /// Its id.
    pub id: DeployHookId,
    /// The service.
    pub service_id: ServiceId,
    /// Its name.
    pub name: String,
    /// The branch whose pushes deploy; none is every branch.
    pub branch: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The name of who made it.
    pub created_by: String,
    /// What came of its last call.
    pub last_call: Option<HookCalled>,
    /// When a call without its secret was noted last.
    pub refused_at: Option<Timestamp>,
    /// Its secret, sealed.
    pub sealed: Vec<u8>,
}

/// A call that makes a deployment, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The webhook.
    pub hook: DeployHookId,
    /// What names it: a second delivery with one of these is the same.
    pub names: Vec<String>,
    /// When it came.
    pub at: Timestamp,
}

impl Delivery {
    /// Seconds in which a second delivery is known.
    pub const KNOWN_SECONDS: i64 = 3600;

    fn since(&self) -> i64 {
        self.at.plus_seconds(-Self::KNOWN_SECONDS).micros()
    }
}

#[derive(sqlx::FromRow)]
struct Raw {
    id: Uuid,
    service_id: Uuid,
    name: String,
    branch: Option<String>,
    created_at: i64,
    created_by: String,
    called_at: Option<i64>,
    outcome: Option<String>,
    message: Option<String>,
    deployment_id: Option<Uuid>,
    refused_at: Option<i64>,
    sealed: Vec<u8>,
}

/// Adds a webhook that wasn't called yet. `key_id` is the data key that it is sealed with.
pub async fn hook_insert(db: &mut Conn, row: &HookRow, key_id: i64) -> Result<()> {
    let statement = "INSERT INTO deploy_hooks (id, service_id, name, branch, created_at, created_by, key_id, sealed)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    execute!(
        db,
        statement,
        row.id.0,
        row.service_id.0,
        row.name.as_str(),
        row.branch.as_deref(),
        row.created_at.micros(),
        row.created_by.as_str(),
        key_id,
        row.sealed.as_slice()
    )?;
    Ok(())
}

/// The webhook of that id.
pub async fn hook_find(db: &mut Conn, id: DeployHookId) -> Result<Option<HookRow>> {
    let raw: Option<Raw> = on!(db, |db| sqlx::query_as("SELECT * FROM deploy_hooks WHERE id = $1").bind(id.0).fetch_optional(db).await)?;
    Ok(raw.map(HookRow::from))
}

/// The webhooks of a service, oldest first.
pub async fn hook_list(db: &mut Conn, id: ServiceId) -> Result<Vec<HookRow>> {
    let statement = "SELECT * FROM deploy_hooks WHERE service_id = $1 ORDER BY created_at, id";
    let rows: Vec<Raw> = on!(db, |db| sqlx::query_as(statement).bind(id.0).fetch_all(db).await)?;
    Ok(rows.into_iter().map(HookRow::from).collect())
}

/// Keeps what came of a call.
pub async fn hook_set_called(db: &mut Conn, id: DeployHookId, called: &HookCalled) -> Result<()> {
    let statement = "UPDATE deploy_hooks SET called_at = $2, outcome = $3, message = $4, deployment_id = $5 WHERE id = $1";
    let deployment = called.deployment_id.map(|id| id.0);
    execute!(db, statement, id.0, called.at.micros(), called.outcome.as_str(), called.message.as_str(), deployment)?;
    Ok(())
}

/// Keeps that somebody without its secret has called it, unless that was kept after `since`; answers whether it is now.
pub async fn hook_set_refused(db: &mut Conn, id: DeployHookId, at: Timestamp, since: Timestamp) -> Result<bool> {
    let statement = "UPDATE deploy_hooks SET refused_at = $2 WHERE id = $1 AND (refused_at IS NULL OR refused_at <= $3)";
    Ok(execute!(db, statement, id.0, at.micros(), since.micros())? == 1)
}

/// Forgets a webhook and what was delivered to it; answers whether it was there.
pub async fn hook_delete(db: &mut Conn, id: DeployHookId) -> Result<bool> {
    execute!(db, "DELETE FROM deploy_deliveries WHERE hook_id = $1", id.0)?;
    Ok(execute!(db, "DELETE FROM deploy_hooks WHERE id = $1", id.0)? == 1)
}

/// Forgets all webhooks of a service.
pub async fn hook_forget(db: &mut Conn, id: ServiceId) -> Result<()> {
    execute!(db, "DELETE FROM deploy_deliveries WHERE hook_id IN (SELECT id FROM deploy_hooks WHERE service_id = $1)", id.0)?;
    execute!(db, "DELETE FROM deploy_hooks WHERE service_id = $1", id.0)?;
    Ok(())
}

/// The deployment that a delivery has made within the last hour.
pub async fn delivery_find(db: &mut Conn, delivery: &Delivery) -> Result<Option<DeploymentId>> {
    let statement = "SELECT deployment_id FROM deploy_deliveries WHERE hook_id = $1 AND delivery = $2 AND at > $3";
    for name in &delivery.names {
        let (hook, since) = (delivery.hook.0, delivery.since());
        let found: Option<Uuid> =
            on!(db, |db| sqlx::query_scalar(statement).bind(hook).bind(name.as_str()).bind(since).fetch_optional(db).await)?;
        if let Some(id) = found {
            return Ok(Some(DeploymentId(id)));
        }
    }
    Ok(None)
}

/// Keeps which deployment a delivery makes, and forgets those that are older than an hour.
pub async fn delivery_add(db: &mut Conn, delivery: &Delivery, deployment: DeploymentId) -> Result<()> {
    execute!(db, "DELETE FROM deploy_deliveries WHERE at <= $1", delivery.since())?;
    let statement = "INSERT INTO deploy_deliveries (hook_id, delivery, at, deployment_id) VALUES ($1, $2, $3, $4)
        ON CONFLICT (hook_id, delivery) DO NOTHING";
    for name in &delivery.names {
        execute!(db, statement, delivery.hook.0, name.as_str(), delivery.at.micros(), deployment.0)?;
    }
    Ok(())
}

impl From<Raw> for HookRow {
    fn from(raw: Raw) -> Self {
        let outcome = raw.outcome.as_deref().and_then(HookOutcome::named);
        let last_call = raw.called_at.zip(outcome).map(|(at, outcome)| HookCalled {
            at: Timestamp::from_micros(at),
            outcome,
            message: raw.message.unwrap_or_default(),
            deployment_id: raw.deployment_id.map(DeploymentId),
        });
        Self {
            id: DeployHookId(raw.id),
            service_id: ServiceId(raw.service_id),
            name: raw.name,
            branch: raw.branch,
            created_at: Timestamp::from_micros(raw.created_at),
            created_by: raw.created_by,
            last_call,
            refused_at: raw.refused_at.map(Timestamp::from_micros),
            sealed: raw.sealed,
        }
    }
}

#[cfg(test)]
mod tests {
    use api::{DeployHookId, DeploymentId, HookCalled, HookOutcome, ServiceId, Timestamp};
    use uuid::Uuid;

    use super::{Delivery, HookRow, delivery_add, delivery_find, hook_delete, hook_find, hook_forget, hook_insert, hook_list};
    use super::{hook_set_called, hook_set_refused};
    use crate::on_each_store;
    use crate::store::data_keys::data_key_list;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(0).plus_seconds(seconds)
    }

    fn row(id: u128, service: u128, branch: Option<&str>) -> HookRow {
        HookRow {
            id: DeployHookId(Uuid::from_u128(id)),
            service_id: ServiceId(Uuid::from_u128(service)),
            name: format!("hook {id}"),
            branch: branch.map(str::to_owned),
            created_at: at(id as i64),
            created_by: "ann".into(),
            last_call: None,
            refused_at: None,
            sealed: vec![1, 2, 3],
        }
    }

    on_each_store! {
        async fn webhooks_are_read_as_they_were_written_and_a_delivery_is_known_for_an_hour(test: TestStore) {
            let core = test.core(crate::Clock::System).await;
            let key = data_key_list(&mut core.store.main.read().await.expect("a connection")).await.expect("keys")[0].id;
            let all = [row(1, 1, None), row(2, 1, Some("main")), row(3, 2, None)];
            let (add, one, other) = (all.clone(), all[0].id, all[2].id);
            let deployment = DeploymentId(Uuid::from_u128(9));
            let called = HookCalled { at: at(50), outcome: HookOutcome::Deploying, message: "push".into(), deployment_id: Some(deployment) };
            let delivery = |hook, names: &[&str], seconds| Delivery { hook, names: names.iter().map(|name| (*name).into()).collect(), at: at(seconds) };
            let (first, keep) = (delivery(one, &["a", "b"], 100), called.clone());
            let noted = core.store.main.write(move |db| Box::pin(async move {
                for row in &add {
                    hook_insert(db, row, key).await?;
                }
                hook_set_called(db, one, &keep).await?;
                delivery_add(db, &first, deployment).await?;
                Ok([
                    hook_set_refused(db, one, at(60), at(0)).await?,
                    hook_set_refused(db, one, at(61), at(1)).await?,
                    hook_set_refused(db, one, at(120), at(60)).await?,
                ])
            })).await.expect("they are written");
            assert_eq!(noted, [true, false, true], "once a minute");
            let twice = HookRow { id: DeployHookId(Uuid::from_u128(7)), ..all[0].clone() };
            core.store.main.write(move |db| Box::pin(async move { hook_insert(db, &twice, key).await })).await.expect_err("the name is taken");

            let mut db = core.store.main.read().await.expect("a connection");
            let changed = HookRow { last_call: Some(called), refused_at: Some(at(120)), ..all[0].clone() };
            assert_eq!(hook_find(&mut db, one).await.expect("it is read"), Some(changed.clone()));
            assert_eq!(hook_list(&mut db, all[0].service_id).await.expect("they are listed"), [changed, all[1].clone()]);
            for (asked, expected) in [
                (delivery(one, &["b"], 101), Some(deployment)),
                (delivery(one, &["c", "a"], 3699), Some(deployment)),
                (delivery(one, &["a"], 3700), None),
                (delivery(one, &["c"], 101), None),
                (delivery(other, &["a"], 101), None),
            ] {
                assert_eq!(delivery_find(&mut db, &asked).await.expect("it is looked for"), expected, "{asked:?}");
            }
            drop(db);

            let (late, service) = (delivery(one, &["a"], 4000), all[2].service_id);
            let next = DeploymentId(Uuid::from_u128(10));
            let gone = core.store.main.write(move |db| Box::pin(async move {
                delivery_add(db, &late, next).await?;
                let found = delivery_find(db, &late).await?;
                hook_forget(db, service).await?;
                Ok((found, hook_delete(db, one).await?, hook_delete(db, one).await?, delivery_find(db, &late).await?))
            })).await.expect("they are removed");
            assert_eq!(gone, (Some(next), true, false, None));
            let mut db = core.store.main.read().await.expect("a connection");
            assert_eq!(hook_find(&mut db, other).await.expect("it is looked for"), None);
            assert_eq!(hook_list(&mut db, all[0].service_id).await.expect("they are listed"), [all[1].clone()]);
        }
    }
}
