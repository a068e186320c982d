//! `bench`: the release binary beside a bare program, and beside others that keep processes running, in one run.

use std::path::PathBuf;

use crate::docker::Docker;
use crate::site::Size;
use crate::step::{self, Result, Steps};
use crate::{debian, place, serve, site, tools};

/// Builds the release binary with its site and measures it; `name` picks the scenarios whose name contains it.
pub fn run(steps: &Steps, name: Option<&str>) -> Result {
    site::build(steps, Size::Optimised)?;
    steps.take("Build Pilothouse", || step::build(place::cargo().args(["build", "--release", "--package", "server"])))?;
    let rivals = if name.is_none_or(|name| "restart".contains(name)) { rivals(steps) } else { Vec::new() };
    let docker = if name.is_none_or(|name| "deploy".contains(name)) { docker(steps) } else { None };
    steps.take("Measure", || {
        let mut bench = place::cargo();
        bench.args(["bench", "--package", "server", "--bench", "figures", "--"]).args(name).envs(rivals);
        bench.envs(docker.as_ref().map(|docker| ("PILOTHOUSE_BENCH_DOCKER_HOST", docker.host())));
        step::run(bench.env("PILOTHOUSE_BENCH_PROGRAM", serve::target().join("release/pilothouse")))
    })?;
    steps.summary();
    Ok(())
}

/// The folders of what `restart` is compared with, by the variables that name them; what can't be installed is left out.
fn rivals(steps: &Steps) -> Vec<(&'static str, PathBuf)> {
    let mut found = Vec::new();
    for (variable, folder) in [("PILOTHOUSE_BENCH_SUPERVISOR", tools::supervisor(steps)), ("PILOTHOUSE_BENCH_PM2", tools::pm2(steps))] {
        match folder {
            Ok(folder) => found.push((variable, folder)),
            Err(problem) => eprintln!("    not compared with: {problem}"),
        }
    }
    found
}

/// A Docker Engine for `deploy`, and Compose; what can't be had is left out.
fn docker(steps: &Steps) -> Option<Docker> {
    let docker = Docker::start(steps).inspect_err(|problem| eprintln!("    without containers: {problem}")).ok()?;
    if let Err(problem) = debian::need(steps, &["docker-compose"], "deployments are compared with those of Compose") {
        eprintln!("    not compared with: {problem}");
    }
    Some(docker)
}
