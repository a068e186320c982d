//! The deployments of the fake.

use api::ports::Deployments;
use api::*;
use async_trait::async_trait;
use serde_json::json;

use super::{Fake, NOW};

/// A release of the files of a service, made by the deployment of its number.
pub fn release(number: u64, is_current: bool) -> Release {
    let digest = format!("{number:012x}").repeat(6).chars().take(64).collect();
    Release {
        id: ReleaseId(uuid::Uuid::from_u128(u128::from(number) + 200)),
        service_id: ServiceId(uuid::Uuid::from_u128(1)),
        number,
        artifact: Artifact::Files { digest, files: 12, bytes: 3_456, commit: None },
        configuration_version: Some(number),
        created_at: NOW.plus_seconds(-3_600),
        created_by: "anna <b>".into(),
        deployment_id: DeploymentId(uuid::Uuid::from_u128(u128::from(number) + 100)),
        is_current,
    }
}

/// The deployment that has made that release of the first service, and took 72 seconds.
pub fn deployment(number: u64, status: DeploymentStatus) -> Deployment {
    let stage = |name: Stage| {
        let (stage_status, note) = match name {
            Stage::Push => (StageStatus::Skipped, Some("nothing to push: it runs on this machine".into())),
            Stage::HealthCheck if status == DeploymentStatus::Running => (StageStatus::Running, Some("asking <it>".into())),
            Stage::HealthCheck if status == DeploymentStatus::RolledBack => (StageStatus::Failed, None),
            Stage::Finalise if status != DeploymentStatus::Succeeded => (StageStatus::Pending, None),
            _ => (StageStatus::Succeeded, None),
        };
        let has_begun = stage_status != StageStatus::Pending;
        StageReport {
            name,
            status: stage_status,
            started_at: has_begun.then(|| NOW.plus_seconds(-600)),
            finished_at: (has_begun && stage_status != StageStatus::Running).then(|| NOW.plus_seconds(-595)),
            note,
            attempts: if name == Stage::Build { 2 } else { 1 },
            expected_seconds: Some(5),
        }
    };
    let has_failed = matches!(status, DeploymentStatus::Failed | DeploymentStatus::RolledBack);
    Deployment {
        id: DeploymentId(uuid::Uuid::from_u128(u128::from(number) + 100)),
        service_id: ServiceId(uuid::Uuid::from_u128(1)),
        service_name: "accounts".into(),
        target_environment: DEVELOPMENT.into(),
        deployment_type: Strategy::Recreate,
        kind: DeploymentKind::Deploy,
        release: Some(release(number, false)),
        previous_release: number.checked_sub(1).filter(|number| *number > 0),
        status,
        stage: if status == DeploymentStatus::Succeeded { Stage::Finalise } else { Stage::HealthCheck },
        progress: if status == DeploymentStatus::Succeeded { 100 } else { 70 },
        stages: Stage::ALL.iter().map(|name| stage(*name)).collect(),
        traffic: Vec::new(),
        urls: vec!["http://127.0.0.1:8001/".into()],
        error: has_failed.then(|| "it didn't become <healthy> within 120 s".into()),
        suggestion: has_failed.then(|| "mend line 3 of main.py".into()),
        failing_lines: if has_failed { vec!["NameError: name <x> is not defined".into()] } else { Vec::new() },
        waits_for: None,
        approved_by: None,
        urgent: None,
        is_undoing: false,
        cancelled_by: None,
        created_by: "anna <b>".into(),
        created_at: NOW.plus_seconds(-600),
        started_at: Some(NOW.plus_seconds(-600)),
        finished_at: status.is_over().then(|| NOW.plus_seconds(-528)),
        expected_seconds: Some(80),
        message: "faster <carts>".into(),
        revision: 7,
    }
}

impl Fake {
    fn find_deployment(&self, id: DeploymentId) -> Result<&Deployment> {
        self.deployments.iter().find(|one| one.id == id).ok_or_else(|| Error::not_found("deployment", id))
    }

    fn find_release(&self, number: Option<u64>) -> Result<Option<Release>> {
        let Some(number) = number else { return Ok(None) };
        let found = self.releases.items.iter().find(|one| one.number == number);
        found.cloned().map(Some).ok_or_else(|| Error::not_found("release", number))
    }
}

/// What every deployment is accepted as.
const ACCEPTED: DeploymentAccepted = DeploymentAccepted { deployment_id: DeploymentId(uuid::Uuid::from_u128(109)) };

#[async_trait]
impl Deployments for Fake {
    async fn list(&self, caller: &Caller, query: DeploymentQuery) -> Result<Page<Deployment>> {
        caller.require(Permission::DeploymentsRead)?;
        let is_wanted = |one: &&Deployment| {
            query.service_id.is_none_or(|id| one.service_id == id) && query.status.is_none_or(|status| one.status == status)
        };
        let from = query.cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let found: Vec<_> = self.deployments.iter().filter(is_wanted).skip(from).cloned().collect();
        let next_cursor = (found.len() > query.limit.get()).then(|| (from + query.limit.get()).to_string());
        Ok(Page { items: found.into_iter().take(query.limit.get()).collect(), next_cursor, total: None })
    }

    async fn get(&self, caller: &Caller, id: DeploymentId) -> Result<Deployment> {
        caller.require(Permission::DeploymentsRead)?;
        self.find_deployment(id).cloned()
    }

    async fn lines(&self, caller: &Caller, _: DeploymentId, query: DeploymentLinesQuery) -> Result<Page<DeploymentLine>> {
        caller.require(Permission::DeploymentsRead)?;
        let found: Vec<_> = self.deployment_lines.iter().filter(|line| Some(line.seq) > query.after).cloned().collect();
        let next_cursor = (found.len() > query.limit.get()).then(|| "more".into());
        Ok(Page { items: found.into_iter().take(query.limit.get()).collect(), next_cursor, total: None })
    }

    async fn plan(&self, caller: &Caller, id: ServiceId, new: NewDeployment) -> Result<DeploymentPlan> {
        caller.require_on(Permission::DeploymentsRun, id)?;
        self.find(id)?;
        Error::invalid_fields(new.faults())?;
        Ok(DeploymentPlan {
            deployment_type: new.strategy().unwrap_or(Strategy::Recreate),
            steps: vec!["keep 12 files as release 3".into(), "restart the service".into()],
            difference: Some(Deployments::difference(self, caller, id, ReleaseDifferenceQuery::default()).await?),
            warnings: vec!["it doesn't <answer> for a moment".into()],
            obstacle: self.obstacle.clone(),
        })
    }

    async fn deploy(&self, caller: &Caller, id: ServiceId, new: NewDeployment) -> Result<DeploymentAccepted> {
        caller.require_on(Permission::DeploymentsRun, id)?;
        self.find(id)?;
        Error::invalid_fields(new.faults())?;
        match &self.releases.held {
            Some(hold) => Err(Error::conflict(format!("it is held at release {}; let it go first", hold.release))),
            None => Ok(ACCEPTED),
        }
    }

    async fn cancel(&self, caller: &Caller, id: DeploymentId) -> Result<Deployment> {
        caller.require(Permission::DeploymentsRun)?;
        let found = self.find_deployment(id)?;
        found.can_cancel()?;
        Ok(Deployment { cancelled_by: Some(caller.name.clone()), ..found.clone() })
    }

    async fn rollback(&self, caller: &Caller, id: DeploymentId, _: NewRollback) -> Result<DeploymentAccepted> {
        caller.require(Permission::DeploymentsRun)?;
        self.find_deployment(id)?.can_roll_back()?;
        Ok(ACCEPTED)
    }

    async fn releases(&self, caller: &Caller, id: ServiceId) -> Result<Releases> {
        caller.require_on(Permission::DeploymentsRead, id)?;
        self.find(id)?;
        Ok(self.releases.clone())
    }

    async fn difference(&self, caller: &Caller, id: ServiceId, query: ReleaseDifferenceQuery) -> Result<ReleaseDifference> {
        caller.require_on(Permission::DeploymentsRead, id)?;
        self.find(id)?;
        let current = self.releases.items.iter().find(|one| one.is_current).cloned();
        let from = self.find_release(query.from)?.or(current);
        let to = self.find_release(query.to)?;
        let change = |field: &str, before, after| ReleaseChange { field: field.into(), before, after };
        Ok(ReleaseDifference {
            from,
            to,
            changes: vec![
                change("configuration/LOG_LEVEL", Some(json!("info")), Some(json!("<debug>"))),
                change("configuration/API_KEY", Some(json!(MASK)), Some(json!(MASK))),
                change("settings/port", None, Some(json!(8_002))),
            ],
            files: vec![FileChange { path: "main <1>.py".into(), change: FileChangeKind::Changed }],
            files_total: 201,
            images: None,
            secrets: vec![
                EarlierSecret { name: "orders.db".into(), version: 3, present: Some(5), is_kept: true },
                EarlierSecret { name: "mail".into(), version: 1, present: Some(2), is_kept: false },
                EarlierSecret { name: "old".into(), version: 1, present: None, is_kept: false },
            ],
        })
    }

    async fn let_go(&self, caller: &Caller, id: ServiceId) -> Result<Releases> {
        caller.require_on(Permission::DeploymentsRun, id)?;
        match self.releases.held {
            Some(_) => Ok(Releases { held: None, ..self.releases.clone() }),
            None => Err(Error::conflict("it isn't held")),
        }
    }

    async fn rules(&self, caller: &Caller, id: ServiceId) -> Result<DeploymentRules> {
        caller.require_on(Permission::DeploymentsRead, id)?;
        self.find(id)?;
        Ok(DeploymentRules::default())
    }

    async fn set_rules(&self, caller: &Caller, id: ServiceId, rules: DeploymentRules) -> Result<DeploymentRules> {
        caller.require_on(Permission::DeploymentsRules, id)?;
        Error::invalid_fields(rules.faults())?;
        Ok(rules)
    }

    async fn freezes(&self, caller: &Caller) -> Result<Vec<Freeze>> {
        caller.require(Permission::DeploymentsRead)?;
        Ok(Vec::new())
    }

    async fn freeze(&self, caller: &Caller, new: NewFreeze) -> Result<Freeze> {
        caller.require(Permission::DeploymentsRules)?;
        let NewFreeze { service_id, from, to, reason } = new;
        let id = FreezeId(uuid::Uuid::from_u128(1));
        Ok(Freeze { id, service_id, from: from.unwrap_or(NOW), to, reason, created_by: caller.name.clone() })
    }

    async fn end_freeze(&self, caller: &Caller, _: FreezeId) -> Result<()> {
        caller.require(Permission::DeploymentsRules)
    }

    async fn approve(&self, caller: &Caller, id: DeploymentId, _: Verdict) -> Result<Deployment> {
        caller.require(Permission::DeploymentsApprove)?;
        self.find_deployment(id).cloned()
    }

    async fn reject(&self, caller: &Caller, id: DeploymentId, _: Verdict) -> Result<Deployment> {
        caller.require(Permission::DeploymentsApprove)?;
        self.find_deployment(id).cloned()
    }
}
