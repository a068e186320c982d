//! `bench`: the release binary beside a bare program, in one run.

use crate::site::Size;
use crate::step::{self, Result, Steps};
use crate::{place, serve, site};

/// Builds the release binary with its site and measures it; `name` picks the scenarios whose name contains it.
pub fn run(steps: &Steps, name: Option<&str>) -> Result {
    site::build(steps, Size::Optimised)?;
    steps.take("Build Pilothouse", || step::run(place::cargo().args(["build", "--release", "--package", "server"])))?;
    steps.take("Measure", || {
        let mut bench = place::cargo();
        bench.args(["bench", "--package", "server", "--bench", "figures", "--"]).args(name);
        step::run(bench.env("PILOTHOUSE_BENCH_PROGRAM", serve::target().join("release/pilothouse")))
    })?;
    steps.summary();
    Ok(())
}
