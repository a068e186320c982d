//! What a deployment would do, said before anything is done.

use api::{Caller, DeploymentPlan, NewDeployment, Result, Rollout, ServiceId, Source, Strategy};

use super::Manager;
use super::ask::{Drawn, held};
use super::gate::Asked;
use super::run::Stop;
use crate::services::blocking_as;
use crate::store::releases::{release_find, release_list};

impl Manager {
    /// Draws a deployment up and says what it would do; what would be in its way is told as the obstacle.
    pub(super) async fn plan_one(&self, caller: &Caller, id: ServiceId, new: NewDeployment) -> Result<DeploymentPlan> {
        let Drawn { row, strategy, content } = self.drawn_up(caller, id, &new).await?;
        let entry = self.core.catalog.get(id)?;
        let current = self.services.pinned(id).ok().flatten();
        let mut obstacle = self.placement(id).await?.and_then(|placement| placement.hold).map(|hold| held(&row.name, &hold));
        let mut steps = Vec::new();
        let is_promoted = new.release_id.is_some();
        if is_promoted {
            let what = content.artifact.short().unwrap_or("it");
            steps.push(format!("take what the release has ({what}), with the settings and the configuration of this environment"));
        }
        if let Some(repository) = content.spec.source.repository().filter(|_| !is_promoted) {
            match self.git.find(repository).await {
                Ok((commit, reference)) => {
                    let is = reference.map_or_else(String::new, |name| format!("{name} is "));
                    steps.push(format!("fetch {} ({is}{commit})", repository.url));
                }
                Err(Stop::Failed(failure)) => obstacle = obstacle.or(Some(failure.error)),
                Err(Stop::Again(error)) => obstacle = obstacle.or(Some(error.message)),
            }
        }
        match &content.spec.source {
            _ if is_promoted => {}
            Source::Folder { folder } => {
                let (path, user) = (std::path::PathBuf::from(folder), Self::user(&content.spec)?);
                match blocking_as(user.as_ref(), move || crate::services::discovery::read_folder(&path)).await? {
                    Ok(Some(found)) => {
                        steps.push(format!("keep the files of {folder} as a release"));
                        steps.push("unpack them into a folder of their own".into());
                        if let Some(requirements) = &found.requirements {
                            let what = requirements.count().map_or("what its uv.lock pins".into(), |count| format!("{count} requirements"));
                            steps.push(format!("install {what}, unless that has been done"));
                        }
                    }
                    Ok(None) => {
                        obstacle = obstacle.or(Some(format!("nothing in '{folder}' says how to run it: it has neither main.py nor app.py")))
                    }
                    Err(why) => obstacle = obstacle.or(Some(format!("'{folder}' can't be run from: {why}"))),
                }
            }
            Source::Repository { .. } => {
                steps.push("keep its files as a release, and unpack them into a folder of their own".into());
                steps.push("install its requirements, if it has some".into());
            }
            Source::Image { image, .. } => steps.push(format!("pull {image} as its registry has it now, and pin it")),
            Source::Build { build, .. } => {
                steps.push(format!("build the image of {} and pin it", build.origin()));
                if let Some(push) = &build.push {
                    let newest = release_list(&mut self.core.store.main.read().await?, id).await?.first().map_or(0, |row| row.number);
                    let named = push.named(content.spec.in_environment(), newest + 1);
                    steps.push(match &push.registry {
                        Some(account) => format!("push it to {named} as {}", account.user),
                        None => format!("push it to {named}"),
                    });
                    if let Some(account) = &push.registry
                        && obstacle.is_none()
                    {
                        obstacle = self.lacks_secret(account).await?;
                    }
                }
            }
            _ => {}
        }
        let asked = Asked { service_id: id, created_by: &caller.name, is_free: new.urgent.is_some(), is_approved: false };
        let wait = self.gate(id).await?.holds(&asked, self.core.clock.now());
        if let Some(wait) = &wait {
            steps.insert(0, format!("wait: {}", wait.reason));
        }
        let names: Vec<_> = new.configuration.values.keys().map(String::as_str).collect();
        if !names.is_empty() {
            steps.push(format!("save a new version of its configuration with {}", names.join(", ")));
        }
        let runs = row.desired == api::Desired::Running;
        let seconds = new.health_seconds.unwrap_or(NewDeployment::HEALTH_SECONDS);
        let watched = new.watch_seconds.filter(|seconds| *seconds > 0);
        if runs && strategy.is_side_by_side() {
            steps.extend(self.steps_beside(&new, strategy, seconds));
            if obstacle.is_none() && self.services.front_status(id).await.is_none() {
                let name = self.services.proxy_of(id).map_or_else(|| format!("{}-proxy", row.name), |proxy| proxy.name);
                obstacle = Some(format!("the proxy '{name}' in front of it doesn't run; start it, or look at its log"));
            }
        } else {
            steps.push(match (runs, strategy) {
                (false, _) => "start it".into(),
                (true, Strategy::Rolling) if row.spec.replicas > 1 => rolls(row.spec.replicas, &row.spec.rollout),
                (true, _) if row.spec.replicas > 1 => format!("stop its {} replicas, then start the release in each", row.spec.replicas),
                (true, Strategy::Rolling) => {
                    "start a copy with the release beside the one that runs, which ends when the new one listens".into()
                }
                (true, _) => "stop what runs, then start the release".into(),
            });
            steps.push(format!("wait up to {seconds} s until it is healthy; otherwise go back to what runs now"));
            steps.extend(
                watched.map(|seconds| {
                    format!("watch it for {seconds} s, and go back when it isn't well, fails more or is slower than before")
                }),
            );
        }
        let from = match &current {
            Some(pinned) => release_find(&mut self.core.store.main.read().await?, pinned.release).await?,
            None => None,
        };
        let difference = match from {
            Some(from) => Some(self.compare(Some(from), None, &content).await?),
            None => None,
        };
        let mut warnings = Vec::new();
        if runs && strategy == Strategy::Recreate {
            let said = match row.spec.proxy_port {
                Some(_) => "who asks it waits while what runs ends and the release starts, for 10 s at most",
                None => "it doesn't answer while what runs ends and the release starts",
            };
            warnings.push(said.to_owned());
        }
        if runs && strategy.is_side_by_side() {
            warnings.push(
                "for a while two copies of it run, with the same data: both have to bear that, and the machine both of them".to_owned(),
            );
        }
        let dependents = self.services.dependents_of(id).await;
        if runs && !dependents.is_empty() {
            warnings.push(format!(
                "{} it, and may notice",
                match &dependents[..] {
                    [one] => format!("{one} needs"),
                    all => format!("{} need", all.join(", ")),
                }
            ));
        }
        if difference.as_ref().is_some_and(api::ReleaseDifference::is_empty) && matches!(content.spec.source, Source::Folder { .. }) {
            warnings.push("nothing is different from what runs".to_owned());
        }
        if current.is_none() && matches!(content.spec.source, Source::Folder { .. }) && content.spec.target.is_none() {
            warnings.push(
                "from its first deployment on it runs in a folder of its own for each release: it writes into 'data', databases and logs where they \
                 were, and what else it writes stays with its release"
                    .to_owned(),
            );
        }
        warnings.extend(self.configurations.inheritance_note(caller, id).await?);
        if entry.service.port.is_none() && row.spec.port.is_none() && current.is_none() && runs {
            warnings.push("it has no port that is known, so nobody can be told where it answers".to_owned());
        }
        Ok(DeploymentPlan { deployment_type: strategy, steps, difference, warnings, obstacle })
    }

    /// How a release is let in beside what runs.
    fn steps_beside(&self, new: &NewDeployment, strategy: Strategy, health_seconds: u32) -> Vec<String> {
        let mut steps = vec![
            "start a copy with the release beside what runs".to_owned(),
            format!("wait up to {health_seconds} s until it is healthy; otherwise remove it"),
        ];
        if strategy == Strategy::Canary {
            let canary = new.canary.clone().unwrap_or_default();
            steps.push(format!(
                "let it have {} of 100 requests for {} s each, and compare its errors and latency with those of what runs, by at least {} requests; \
                 when it is worse, remove it",
                canary.steps_text(),
                canary.step_seconds,
                canary.min_requests
            ));
        }
        steps.push(match new.watch_seconds.filter(|seconds| *seconds > 0) {
            Some(seconds) => {
                format!("switch all requests over to it and watch it for {seconds} s; when it isn't well or is worse, switch them back")
            }
            None => "switch all requests over to it".into(),
        });
        steps.push("switch the service itself over while its copy answers, then switch the requests back and remove the copy".into());
        steps
    }
}

/// How a release goes from replica to replica.
fn rolls(replicas: u8, rollout: &Rollout) -> String {
    let first = match rollout.surge {
        0 => String::new(),
        1 => "start one more of what runs, then ".to_owned(),
        surge => format!("start {surge} more of what runs, then "),
    };
    let others = replicas.saturating_sub(1);
    let how = match rollout.at_a_time().min(others) {
        0 | 1 => "one after the other".to_owned(),
        at_a_time if at_a_time == others => format!("the first by itself, then the other {others} together"),
        at_a_time => format!("the first by itself, then {at_a_time} at a time"),
    };
    let last = if rollout.surge > 0 { ", and end what was added" } else { "" };
    format!("{first}replace its {replicas} replicas {how}, going on when those before are healthy; the others answer meanwhile{last}")
}

#[cfg(test)]
mod tests {
    use api::Rollout;

    use super::rolls;

    #[test]
    fn how_many_are_replaced_at_a_time_is_said_as_it_is() {
        for (replicas, unavailable, how) in [
            (2, 5, "its 2 replicas one after the other,"),
            (3, 1, "its 3 replicas one after the other,"),
            (3, 5, "its 3 replicas the first by itself, then the other 2 together,"),
            (6, 2, "its 6 replicas the first by itself, then 2 at a time,"),
        ] {
            let said = rolls(replicas, &Rollout { unavailable, ..Rollout::default() });
            assert!(said.contains(how), "{said}");
        }
    }
}
