//! The tables of deployments and of what is told of them.

use api::{Deployment, DeploymentId, DeploymentStatus, Release, ReleaseId, ServiceId, Timestamp};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::deploy_hooks::hook_forget;
use super::releases::{json, parse};
use super::{Conn, Error, Result, execute, on};

/// A deployment as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct DeploymentRow {
    /// What is shown of it, without its release.
    pub shown: Deployment,
    /// The release.
    pub release_id: Option<ReleaseId>,
    /// Its place among all deployments, from 1.
    pub seq: u64,
    /// What was asked for and what is to be gone back to, sealed.
    pub sealed: Vec<u8>,
}

/// Something that was told of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct FrameRow {
    /// Its number, from 1.
    pub seq: i64,
    /// When.
    pub at: i64,
    /// `line` or `deployment`.
    pub kind: String,
    /// What, as JSON.
    pub data: String,
}

/// Which deployments to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeploymentFilter {
    /// Only those of this service.
    pub service_id: Option<ServiceId>,
    /// Only those that are so.
    pub status: Option<DeploymentStatus>,
    /// Only those before this place.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: i64,
}

/// A deployment as it is listed: nothing that is sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedDeployment {
    /// What is shown of it, with its release, of which isn't known here whether it is run.
    pub shown: Deployment,
    /// Its place among all deployments, from 1.
    pub seq: u64,
}

/// What a listed deployment is known by, without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeploymentMark {
    /// Its id.
    pub id: DeploymentId,
    /// Its place among all deployments, from 1.
    pub seq: u64,
    /// The number of its state.
    pub revision: u64,
    /// Its service.
    pub service_id: ServiceId,
    /// Whether it has succeeded.
    pub has_succeeded: bool,
    /// Its release, when that is kept.
    pub release_id: Option<ReleaseId>,
}

#[derive(sqlx::FromRow)]
struct RawListed {
    seq: i64,
    revision: i64,
    shown: String,
    release_id: Option<Uuid>,
    number: Option<i64>,
    artifact: Option<String>,
    configuration_version: Option<i64>,
    made_at: Option<i64>,
    made_by: Option<String>,
    made_of: Option<Uuid>,
}

#[derive(sqlx::FromRow)]
struct Raw {
    seq: i64,
    release_id: Option<Uuid>,
    revision: i64,
    shown: String,
    sealed: Vec<u8>,
}

/// Adds a deployment at the end, and answers its place. `key_id` is the data key that it is sealed with.
pub async fn deployment_add(db: &mut Conn, row: &DeploymentRow, key_id: i64) -> Result<u64> {
    let statement = "INSERT INTO deployments
        (id, seq, service_id, environment, status, release_id, revision, created_at, shown, key_id, sealed)
        SELECT $1, CAST(COALESCE(max(seq), 0) + 1 AS BIGINT), $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM deployments";
    let shown = &row.shown;
    execute!(
        db,
        statement,
        shown.id.0,
        shown.service_id.0,
        shown.target_environment.as_str(),
        shown.status.as_str(),
        row.release_id.map(|id| id.0),
        shown.revision.cast_signed(),
        shown.created_at.micros(),
        json(shown)?,
        key_id,
        row.sealed.as_slice()
    )?;
    let statement = "SELECT seq FROM deployments WHERE id = $1";
    let seq: i64 = on!(db, |db| sqlx::query_scalar(statement).bind(shown.id.0).fetch_one(db).await)?;
    Ok(seq.unsigned_abs())
}

/// Writes the next state of a deployment. Answers false, and writes nothing, when the one before isn't `revision`: somebody else goes on with it.
pub async fn deployment_update(db: &mut Conn, row: &DeploymentRow, revision: u64, key_id: i64) -> Result<bool> {
    let statement = "UPDATE deployments SET status = $3, release_id = $4, revision = $5, shown = $6, key_id = $7, sealed = $8
        WHERE id = $1 AND revision = $2";
    let shown = &row.shown;
    let done = execute!(
        db,
        statement,
        shown.id.0,
        revision.cast_signed(),
        shown.status.as_str(),
        row.release_id.map(|id| id.0),
        shown.revision.cast_signed(),
        json(shown)?,
        key_id,
        row.sealed.as_slice()
    )?;
    Ok(done == 1)
}

/// The deployment of that id.
pub async fn deployment_find(db: &mut Conn, id: DeploymentId) -> Result<Option<DeploymentRow>> {
    let statement = "SELECT seq, release_id, revision, shown, sealed FROM deployments WHERE id = $1";
    let raw: Option<Raw> = on!(db, |db| sqlx::query_as(statement).bind(id.0).fetch_optional(db).await)?;
    raw.map(DeploymentRow::try_from).transpose()
}

/// Deployments, newest first, each with its release.
pub async fn deployment_list(db: &mut Conn, filter: &DeploymentFilter) -> Result<Vec<ListedDeployment>> {
    let columns = "d.seq, d.revision, d.shown, r.id AS release_id, r.number, r.artifact, r.configuration_version,
        r.created_at AS made_at, r.created_by AS made_by, r.deployment_id AS made_of";
    let rows: Vec<RawListed> = listed(db, columns, filter).await?;
    rows.into_iter().map(ListedDeployment::try_from).collect()
}

/// What the deployments are known by that [`deployment_list`] would answer.
pub async fn deployment_marks(db: &mut Conn, filter: &DeploymentFilter) -> Result<Vec<DeploymentMark>> {
    let columns = "d.id, d.seq, d.revision, d.service_id, d.status = 'succeeded', r.id AS release_id";
    let rows: Vec<(Uuid, i64, i64, Uuid, bool, Option<Uuid>)> = listed(db, columns, filter).await?;
    let mark = |(id, seq, revision, service_id, has_succeeded, release_id): (Uuid, i64, i64, Uuid, bool, Option<Uuid>)| DeploymentMark {
        id: DeploymentId(id),
        seq: seq.unsigned_abs(),
        revision: revision.unsigned_abs(),
        service_id: ServiceId(service_id),
        has_succeeded,
        release_id: release_id.map(ReleaseId),
    };
    Ok(rows.into_iter().map(mark).collect())
}

/// What differs as soon as [`deployment_list`] may answer something else: one row is read in place of all of them. It grows with each write of a
/// deployment or release, by whomever.
pub async fn deployment_version(db: &mut Conn) -> Result<i64> {
    let statement = "SELECT version FROM versions WHERE name = 'deployments'";
    Ok(on!(db, |db| sqlx::query_scalar(statement).fetch_one(db).await)?)
}

/// The statement that [`listed`] gives its values to.
fn select(columns: &str, filter: &DeploymentFilter) -> String {
    let mut statement = format!("SELECT {columns} FROM deployments d LEFT JOIN releases r ON r.id = d.release_id WHERE d.seq < $1");
    let mut place = 1;
    let mut add = |wanted: bool, condition: &str| {
        if wanted {
            place += 1;
            statement.push_str(&format!(" AND {condition} ${place}"));
        }
    };
    add(filter.service_id.is_some(), "d.service_id =");
    add(filter.status.is_some(), "d.status =");
    statement.push_str(&format!(" ORDER BY d.seq DESC LIMIT ${}", place + 1));
    statement
}

async fn listed<T>(db: &mut Conn, columns: &str, filter: &DeploymentFilter) -> Result<Vec<T>>
where
    T: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow> + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
{
    Ok(on!(db, |db| {
        let mut query = sqlx::query_as(AssertSqlSafe(select(columns, filter))).bind(filter.before.unwrap_or(i64::MAX));
        if let Some(service_id) = filter.service_id {
            query = query.bind(service_id.0);
        }
        if let Some(status) = filter.status {
            query = query.bind(status.as_str());
        }
        query.bind(filter.limit).fetch_all(db).await
    })?)
}

/// The deployments that aren't over, oldest first.
pub async fn deployment_open(db: &mut Conn) -> Result<Vec<DeploymentRow>> {
    let statement = "SELECT seq, release_id, revision, shown, sealed FROM deployments WHERE status IN ('pending', 'running') ORDER BY seq";
    let rows: Vec<Raw> = on!(db, |db| sqlx::query_as(statement).fetch_all(db).await)?;
    rows.into_iter().map(DeploymentRow::try_from).collect()
}

/// Adds what is told of a deployment.
pub async fn frame_add(db: &mut Conn, id: DeploymentId, frame: &FrameRow) -> Result<()> {
    let statement = "INSERT INTO deployment_frames (deployment_id, seq, at, kind, data) VALUES ($1, $2, $3, $4, $5)";
    execute!(db, statement, id.0, frame.seq, frame.at, frame.kind.as_str(), frame.data.as_str())?;
    Ok(())
}

/// What was told of a deployment after a number, of one kind when that is given, oldest first.
pub async fn frame_list(db: &mut Conn, id: DeploymentId, after: u64, kind: Option<&str>, limit: i64) -> Result<Vec<FrameRow>> {
    let statement = "SELECT seq, at, kind, data FROM deployment_frames
        WHERE deployment_id = $1 AND seq > $2 AND (CAST($3 AS TEXT) IS NULL OR kind = $3) ORDER BY seq LIMIT $4";
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    Ok(on!(db, |db| sqlx::query_as(statement).bind(id.0).bind(after).bind(kind).bind(limit).fetch_all(db).await)?)
}

/// The number of what was told of a deployment last, and of its last line; 0 when nothing was.
pub async fn frame_newest(db: &mut Conn, id: DeploymentId) -> Result<(u64, u64)> {
    let statement = "SELECT CAST(COALESCE(max(seq), 0) AS BIGINT),
        CAST(COALESCE(sum(CASE WHEN kind = 'line' THEN 1 ELSE 0 END), 0) AS BIGINT) FROM deployment_frames WHERE deployment_id = $1";
    let (newest, lines): (i64, i64) = on!(db, |db| sqlx::query_as(statement).bind(id.0).fetch_one(db).await)?;
    Ok((newest.unsigned_abs(), lines.unsigned_abs()))
}

/// Forgets what was told of all deployments of a service but the newest so many.
pub async fn frame_keep(db: &mut Conn, id: ServiceId, newest: u32) -> Result<()> {
    let statement = "DELETE FROM deployment_frames WHERE deployment_id IN (SELECT id FROM deployments WHERE service_id = $1
        AND seq NOT IN (SELECT seq FROM deployments WHERE service_id = $1 ORDER BY seq DESC LIMIT $2))";
    execute!(db, statement, id.0, i64::from(newest))?;
    Ok(())
}

/// Forgets all deployments of a service, what was told of them, its releases, which one it runs, and its webhooks.
pub async fn deployment_forget(db: &mut Conn, id: ServiceId) -> Result<()> {
    let frames = "DELETE FROM deployment_frames WHERE deployment_id IN (SELECT id FROM deployments WHERE service_id = $1)";
    execute!(db, frames, id.0)?;
    hook_forget(db, id).await?;
    for statement in [
        "DELETE FROM deployments WHERE service_id = $1",
        "DELETE FROM releases WHERE service_id = $1",
        "DELETE FROM placements WHERE service_id = $1",
    ] {
        execute!(db, statement, id.0)?;
    }
    super::secret_values::secret_value_prune(db, None).await?;
    super::deployment_rules::rules_forget(db, id).await
}

impl TryFrom<Raw> for DeploymentRow {
    type Error = Error;

    fn try_from(raw: Raw) -> Result<Self> {
        let mut shown: Deployment = parse(&raw.shown)?;
        shown.revision = raw.revision.unsigned_abs();
        Ok(Self { shown, release_id: raw.release_id.map(ReleaseId), seq: raw.seq.unsigned_abs(), sealed: raw.sealed })
    }
}

impl TryFrom<RawListed> for ListedDeployment {
    type Error = Error;

    fn try_from(raw: RawListed) -> Result<Self> {
        let mut shown: Deployment = parse(&raw.shown)?;
        shown.revision = raw.revision.unsigned_abs();
        let parts = (raw.release_id, raw.number, raw.artifact, raw.made_at, raw.made_by, raw.made_of);
        if let (Some(id), Some(number), Some(artifact), Some(at), Some(created_by), Some(deployment_id)) = parts {
            shown.release = Some(Release {
                id: ReleaseId(id),
                service_id: shown.service_id,
                number: number.unsigned_abs(),
                artifact: parse(&artifact)?,
                configuration_version: raw.configuration_version.map(i64::unsigned_abs),
                created_at: Timestamp::from_micros(at),
                created_by,
                deployment_id: DeploymentId(deployment_id),
                is_current: false,
            });
        }
        Ok(Self { shown, seq: raw.seq.unsigned_abs() })
    }
}

#[cfg(test)]
mod tests {
    use api::{DeploymentStatus, ReleaseId};

    use super::{
        DeploymentFilter, DeploymentRow, FrameRow, ListedDeployment, deployment_add, deployment_find, deployment_forget, deployment_list,
        deployment_open, deployment_update, deployment_version,
    };
    use super::{frame_add, frame_keep, frame_list, frame_newest};
    use crate::deployments::tests::shown;
    use crate::on_each_store;
    use crate::store::data_keys::data_key_list;
    use crate::store::releases::{ReleaseRow, release_add, release_delete, release_set_artifact, release_set_good, release_set_version};

    fn row(id: u128, service: u128, status: DeploymentStatus) -> DeploymentRow {
        let mut shown = shown();
        (shown.id, shown.service_id, shown.status) =
            (api::DeploymentId(uuid::Uuid::from_u128(id)), api::ServiceId(uuid::Uuid::from_u128(service)), status);
        DeploymentRow { shown, release_id: Some(ReleaseId(uuid::Uuid::from_u128(9))), seq: 0, sealed: vec![1, 2, 3] }
    }

    on_each_store! {
        async fn whatever_is_written_of_deployments_and_releases_is_another_version(test: TestStore) {
            let core = test.core(crate::Clock::System).await;
            let key = data_key_list(&mut core.store.main.read().await.expect("a connection")).await.expect("keys")[0].id;
            let version = async || deployment_version(&mut core.store.main.read().await.expect("a connection")).await.expect("it is read");
            let first = row(1, 1, DeploymentStatus::Running);
            let mut next = first.clone();
            next.shown.revision += 1;
            let (revision, service) = (first.shown.revision, first.shown.service_id);
            let release = ReleaseRow {
                id: ReleaseId(uuid::Uuid::from_u128(9)),
                service_id: service,
                number: 1,
                deployment_id: first.shown.id,
                artifact: api::Artifact::Files { digest: "0".repeat(64), files: 1, bytes: 1, commit: None },
                configuration_version: None,
                created_at: first.shown.created_at,
                created_by: "admin".into(),
                is_good: false,
                sealed: vec![1],
            };
            let id = release.id;
            let mut last = version().await;
            macro_rules! differs {
                ($($what:literal: |$db:ident| $write:expr;)*) => {$(
                    core.store.main.write(move |$db| Box::pin(async move { $write.await.map(|_| ()) })).await.expect($what);
                    let now = version().await;
                    assert!(now > last, "{}: {now} after {last}", $what);
                    last = now;
                )*};
            }
            differs! {
                "a deployment is added": |db| deployment_add(db, &first, key);
                "it goes on": |db| deployment_update(db, &next, revision, key);
                "a release is added": |db| release_add(db, &release, key, &Default::default());
                "it belongs to a version": |db| release_set_version(db, id, Some(2));
                "it is good": |db| release_set_good(db, id);
                "it is pushed": |db| release_set_artifact(db, id, &api::Artifact::Command, key, &[2]);
                "it is not kept": |db| release_delete(db, id);
                "the service is forgotten": |db| deployment_forget(db, service);
            }
            // What fails counts for nothing.
            core.store.main.write(move |db| Box::pin(async move {
                deployment_add(db, &row(2, 1, DeploymentStatus::Running), key).await?;
                Err::<(), _>(crate::store::Error::from(sqlx::Error::RowNotFound))
            })).await.expect_err("it is undone");
            assert_eq!(version().await, last);
        }

        async fn deployments_are_read_as_they_were_written_and_two_can_not_go_on_with_one(test: TestStore) {
            let core = test.core(crate::Clock::System).await;
            let key = data_key_list(&mut core.store.main.read().await.expect("a connection")).await.expect("keys")[0].id;
            let all = [row(1, 1, DeploymentStatus::Succeeded), row(2, 1, DeploymentStatus::Running), row(3, 2, DeploymentStatus::Pending)];
            let add = all.clone();
            let places = core.store.main.write(move |db| Box::pin(async move {
                let mut places = Vec::new();
                for row in &add {
                    places.push(deployment_add(db, row, key).await?);
                    for seq in 1..=3 {
                        let kind = if seq == 2 { "deployment" } else { "line" };
                        frame_add(db, row.shown.id, &FrameRow { seq, at: seq, kind: kind.into(), data: "{}".into() }).await?;
                    }
                }
                Ok(places)
            })).await.expect("they are written");
            assert_eq!(places, [1, 2, 3]);
            // Of one service one is under way at a time, whoever asks.
            let second = row(4, 1, DeploymentStatus::Running);
            core.store.main.write(move |db| Box::pin(async move { deployment_add(db, &second, key).await })).await.expect_err("one runs");
            let (mut next, id) = (all[1].clone(), all[1].shown.id);
            (next.shown.status, next.shown.revision) = (DeploymentStatus::Failed, 2);
            let again = next.clone();
            let done = core.store.main.write(move |db| Box::pin(async move {
                Ok([deployment_update(db, &next, 1, key).await?, deployment_update(db, &again, 1, key).await?])
            })).await.expect("they are written");
            assert_eq!(done, [true, false], "only from the revision that is there");

            let mut db = core.store.main.read().await.expect("a connection");
            let found = deployment_find(&mut db, id).await.expect("it is read").expect("it is there");
            assert_eq!((found.shown.status, found.shown.revision, found.seq, found.release_id), (DeploymentStatus::Failed, 2, 2, all[1].release_id));
            let ids = |rows: Vec<DeploymentRow>| rows.into_iter().map(|row| row.shown.id.0.as_u128()).collect::<Vec<_>>();
            let listed = |rows: Vec<ListedDeployment>| rows.into_iter().map(|row| row.shown.id.0.as_u128()).collect::<Vec<_>>();
            let filter = DeploymentFilter { limit: 10, ..DeploymentFilter::default() };
            let of = all[0].shown.service_id;
            for (filter, expected) in [
                (filter, vec![3, 2, 1]),
                (DeploymentFilter { limit: 2, ..filter }, vec![3, 2]),
                (DeploymentFilter { before: Some(3), ..filter }, vec![2, 1]),
                (DeploymentFilter { service_id: Some(of), ..filter }, vec![2, 1]),
                (DeploymentFilter { status: Some(DeploymentStatus::Succeeded), service_id: Some(of), before: Some(9), ..filter }, vec![1]),
            ] {
                assert_eq!(listed(deployment_list(&mut db, &filter).await.expect("they are listed")), expected, "{filter:?}");
            }
            assert_eq!(ids(deployment_open(&mut db).await.expect("they are listed")), [3]);
            assert_eq!(frame_newest(&mut db, id).await.expect("it is counted"), (3, 2));
            let told = frame_list(&mut db, id, 1, Some("line"), 9).await.expect("they are listed");
            assert_eq!(told.iter().map(|frame| frame.seq).collect::<Vec<_>>(), [3]);
            assert_eq!(frame_list(&mut db, id, 0, None, 2).await.expect("they are listed").len(), 2);
            drop(db);
            core.store.main.write(move |db| Box::pin(frame_keep(db, of, 1))).await.expect("they are removed");
            let mut db = core.store.main.read().await.expect("a connection");
            assert_eq!(frame_newest(&mut db, all[0].shown.id).await.expect("it is counted"), (0, 0));
            assert_eq!(frame_newest(&mut db, id).await.expect("it is counted"), (3, 2));
            assert_eq!(frame_newest(&mut db, all[2].shown.id).await.expect("it is counted"), (3, 2), "others stay");
        }
    }
}
