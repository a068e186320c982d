//! Deployments with a runtime that a test controls, on both databases: what becomes of them, of what fails, and of what is killed.

mod beside;
mod environments;
mod fate;
mod git;
mod git_ssh;
mod inherit;
mod pushed;
mod replicas;
mod rollout;
mod rules;
mod secrets;
mod watched;
mod whole;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use api::ports::{Deployments as _, Services as _};
use api::{
    CheckKind, DEVELOPMENT, Deployment, DeploymentId, DeploymentKind, DeploymentStatus, HealthCheck, NewDeployment, ServiceId,
    ServicePatch, Stage, StageStatus, Strategy, Timestamp,
};
use tokio::sync::Notify;

use super::live::lock;
use super::run::{Failure, Stop};
use super::{Frames, Manager, progress};
use crate::configuration;
use crate::runtime::{Observation, Runtime as _};
use crate::services::tests::{Life, MAIN};
use crate::testing::TestStore;

/// What a test lets go wrong.
pub(super) struct Faults {
    /// Writes of a state after which nothing more is done, as if Pilothouse had been killed.
    lives: AtomicUsize,
    died: Notify,
    /// The stage that fails when all of it is done.
    fails: Mutex<Option<Stage>>,
    /// The stage that is begun again and again, because something is down.
    stalls: Mutex<Option<Stage>>,
    /// The stage that doesn't end until it is cancelled.
    holds: Mutex<Option<Stage>>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            lives: AtomicUsize::new(usize::MAX),
            died: Notify::new(),
            fails: Mutex::default(),
            stalls: Mutex::default(),
            holds: Mutex::default(),
        }
    }
}

impl Faults {
    pub async fn die(&self, is_state: bool) {
        if !is_state || self.lives.load(Ordering::Relaxed) == usize::MAX {
            return;
        }
        if self.lives.fetch_sub(1, Ordering::Relaxed) <= 1 {
            self.lives.store(1, Ordering::Relaxed);
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
    }

    pub async fn fail(&self, stage: Stage) -> Result<(), Stop> {
        if *lock(&self.holds) == Some(stage) {
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
        if *lock(&self.stalls) == Some(stage) {
            return Err(api::Error::unavailable("a test said that something is down").into());
        }
        match *lock(&self.fails) == Some(stage) {
            true => Err(Failure::new("a test said so").into()),
            false => Ok(()),
        }
    }
}

/// A deployment that hasn't begun.
pub(crate) fn shown() -> Deployment {
    Deployment {
        id: DeploymentId(uuid::Uuid::from_u128(1)),
        service_id: ServiceId(uuid::Uuid::from_u128(2)),
        service_name: "orders".into(),
        target_environment: DEVELOPMENT.into(),
        deployment_type: Strategy::Recreate,
        kind: DeploymentKind::Deploy,
        release: None,
        previous_release: None,
        status: DeploymentStatus::Pending,
        stage: Stage::Validate,
        progress: 0,
        stages: progress::stages(),
        traffic: Vec::new(),
        urls: Vec::new(),
        error: None,
        suggestion: None,
        failing_lines: Vec::new(),
        waits_for: None,
        approved_by: None,
        urgent: None,
        is_undoing: false,
        cancelled_by: None,
        created_by: "ann".into(),
        created_at: Timestamp::from_micros(1),
        started_at: None,
        finished_at: None,
        expected_seconds: None,
        message: String::new(),
        revision: 1,
    }
}

/// One life of Pilothouse with its deployments.
pub struct Yard {
    pub life: Life,
    pub manager: Arc<Manager>,
    configurations: Arc<configuration::Manager>,
    pub id: ServiceId,
    root: PathBuf,
}

impl Yard {
    pub async fn begin(test: &mut TestStore) -> Self {
        let life = Life::begin(test, &[("orders/main.py", MAIN), ("orders/.env", "GREETING=hello\nAPI_TOKEN=hunter2-secret\n")]).await;
        let id = life.named("orders").await.id;
        let health = HealthCheck { kind: CheckKind::None, ..HealthCheck::default() };
        let patch = ServicePatch { health: Some(health), restart: Some(api::RestartPolicy::Never), ..ServicePatch::default() };
        life.services.change(&life.admin, id, patch).await.expect("it is changed");
        let root = test.folder().to_owned();
        Self::on(life, id, root).await
    }

    async fn on(life: Life, id: ServiceId, root: PathBuf) -> Self {
        let accounts = crate::auth::Manager::new(life.core.clone());
        let configurations = configuration::Manager::open(life.core.clone(), life.services.clone(), accounts).await.expect("they are read");
        let runtimes = life.services.runtimes();
        let monitoring = crate::monitoring::Manager::new(life.core.clone(), runtimes.clone());
        let frames = Arc::new(Frames::default());
        let manager = Manager::new(life.core.clone(), life.services.clone(), configurations.clone(), runtimes, monitoring, frames);
        Self { life, manager, configurations, id, root }
    }

    /// Kills this life and begins the next; what ran runs on.
    async fn again(self, test: &TestStore) -> Self {
        let mut before = Vec::new();
        for entry in self.life.core.catalog.all() {
            let id = entry.service.id;
            before.push((id, self.life.runtime.observe(id).await.expect("it is seen")));
        }
        let (id, root) = (self.id, self.root.clone());
        let life = self.life.again(test, |runtime| {
            let running = before.iter().filter(|(_, seen)| matches!(seen, Observation::Running { .. }));
            running.for_each(|(id, seen)| runtime.set(*id, seen.clone()));
        });
        let yard = Self::on(life.await, id, root).await;
        yard.manager.spawn();
        yard
    }

    pub fn source(&self) -> PathBuf {
        self.root.join("services/orders")
    }

    fn data(&self) -> PathBuf {
        self.root.join("data/releases")
    }

    async fn deploy(&self, new: NewDeployment) -> DeploymentId {
        self.manager.deploy(&self.life.admin, self.id, new).await.expect("it is taken on").deployment_id
    }

    pub async fn get(&self, id: DeploymentId) -> Deployment {
        self.manager.get(&self.life.admin, id).await.expect("it is there")
    }

    /// Waits until a deployment is so; time goes by.
    async fn until(&self, id: DeploymentId, is_so: impl Fn(&Deployment) -> bool) -> Deployment {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let now = self.get(id).await;
            if is_so(&now) {
                return now;
            }
            assert!(Instant::now() < deadline, "{now:#?}");
            self.life.clock.advance(1);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until Pilothouse is killed in the middle of a deployment, and answers true, or until that is over; time goes by.
    async fn is_killed(&self, id: DeploymentId) -> bool {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if tokio::time::timeout(Duration::from_millis(20), self.manager.faults.died.notified()).await.is_ok() {
                return true;
            }
            if self.get(id).await.status.is_over() {
                return false;
            }
            self.life.clock.advance(1);
            assert!(Instant::now() < deadline, "{:?}", self.get(id).await);
        }
    }

    pub async fn over(&self, id: DeploymentId) -> Deployment {
        self.until(id, |deployment| deployment.status.is_over()).await
    }

    pub async fn deployed(&self) -> Deployment {
        let done = self.over(self.deploy(NewDeployment::default()).await).await;
        assert_eq!(done.status, DeploymentStatus::Succeeded, "{done:#?}");
        done
    }

    /// The folder that it runs in, and what it is told.
    fn launched(&self) -> (PathBuf, std::collections::BTreeMap<String, String>) {
        let launch = self.life.runtime.launches(self.id).pop().expect("it was started");
        (launch.working_dir, launch.environment)
    }

    /// What there is of releases: folders and archives.
    fn left(&self) -> (usize, usize) {
        let count = |folder: PathBuf| fs::read_dir(folder).map_or(0, |entries| entries.count());
        (count(self.data().join(self.id.to_string())), count(self.data().join("archives")))
    }
}

fn status_of(deployment: &Deployment, stage: Stage) -> StageStatus {
    deployment.stages.iter().find(|report| report.name == stage).expect("every stage is there").status
}
