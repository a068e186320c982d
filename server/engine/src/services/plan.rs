//! What would become of a service that isn't made yet.

use std::collections::{BTreeMap, BTreeSet};

use api::{Caller, NewService, Result, RuntimeKind, ServicePlan, ServiceSpec};

use super::launch::Plan;
use super::{Services, entry};
use crate::runtime::Launch;
use crate::store::services::ServiceRow;

impl Services {
    /// Draws a new service up as if it were made and started, and says what that would do. What is wrong with it is refused as when it is
    /// made; what only stands in the way of its start is told as the obstacle.
    pub(super) async fn plan_service(&self, caller: &Caller, new: NewService) -> Result<ServicePlan> {
        let row = self.drawn_up(caller, new, None).await?;
        self.planned(&row, &row.spec).await
    }

    /// What the first start of a service would do, with `spec` in place of its own.
    pub(super) async fn planned(&self, row: &ServiceRow, spec: &ServiceSpec) -> Result<ServicePlan> {
        let mut plan = ServicePlan {
            name: row.name.clone(),
            runtime: row.spec.runtime,
            command: entry::command(row).unwrap_or_default(),
            working_dir: spec.source.folder().filter(|_| row.spec.runtime == RuntimeKind::Process).map(str::to_owned),
            user: row.spec.user.clone(),
            port: row.spec.port,
            files: Vec::new(),
            preparation: Vec::new(),
            variables: row.spec.environment.keys().cloned().collect(),
            health: row.spec.health.asked(row.spec.port),
            notes: Vec::new(),
            obstacle: None,
        };
        if let Some(repository) = row.spec.source.repository() {
            // What its first start does is known once there is something to be started.
            plan.preparation = vec![format!("its first deployment fetches {} and reads how that is run", repository.label())];
            plan.notes.push("nothing of the repository runs before it is deployed".into());
            return Ok(plan);
        }
        let reserved: BTreeMap<u16, String> = self.reserved(row.id);
        let drawn = Plan { name: &row.name, spec, told: None, pinned: None, last_port: None, reserved: &reserved, held: None };
        match self.planner.plan(drawn).await {
            Ok(planned) => {
                match self.runtimes.preparation(row.id, row.spec.runtime, &planned.launch).await {
                    Ok(steps) => plan.preparation = steps,
                    Err(error) => plan.obstacle = Some(error.message),
                }
                plan.port = planned.port;
                plan.health = row.spec.health.asked(planned.port);
                plan.notes.extend(planned.note);
                match planned.launch {
                    Launch::Process(launch) => {
                        let own: BTreeSet<&String> = row.spec.environment.keys().collect();
                        let given = launch.environment.keys().filter(|name| own.contains(name) || !self.planner.is_usual(name));
                        plan.variables = given.cloned().collect();
                        (plan.command, plan.working_dir) = (launch.command, Some(launch.working_dir.display().to_string()));
                    }
                    Launch::NewContainer(container) => {
                        let options = container.options.command;
                        plan.command = if options.is_empty() { container.command } else { options };
                    }
                    Launch::Container => {}
                }
            }
            Err(error) => plan.obstacle = Some(error.message),
        }
        Ok(plan)
    }
}
