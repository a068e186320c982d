//! `run` and `build`: the program itself.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::site::Size;
use crate::step::{self, Result, Steps};
use crate::{place, site};

/// Builds the site and a development build of the server (quick to make), and starts it.
pub fn run(steps: &Steps, arguments: &[String]) -> Result {
    site::build(steps, Size::AsBuilt)?;
    steps.take("Build Pilothouse", || step::build(place::cargo().args(["build", "--package", "server"])))?;
    let mut pilothouse = Command::new(target().join("debug/pilothouse"));
    pilothouse.current_dir(place::root()).arg("serve").args(arguments);
    for (name, folder) in [("PILOTHOUSE_DATA_DIR", ".pilothouse"), ("PILOTHOUSE_SERVICES_DIR", "services")] {
        let folder = place::root().join(folder);
        if env::var_os(name).is_none() && (name == "PILOTHOUSE_DATA_DIR" || folder.is_dir()) {
            pilothouse.env(name, folder);
        }
    }
    if env::var_os("PILOTHOUSE_DEMONSTRATION").is_none() {
        pilothouse.env("PILOTHOUSE_DEMONSTRATION", "true");
    }
    place::forget_xtask(&mut pilothouse);
    step::run(&mut pilothouse)
}

/// Makes the release binary with the site inside.
pub fn build(steps: &Steps) -> Result {
    site::build(steps, Size::Optimised)?;
    steps.take("Build Pilothouse", || step::build(place::cargo().args(["build", "--release", "--package", "server"])))?;
    let binary = target().join("release/pilothouse");
    let size = fs::metadata(&binary).map_err(|error| format!("{}: {error}", binary.display()))?.len();
    println!("\n{}: {:.1} MB", binary.display(), size as f64 / 1e6);
    steps.summary();
    Ok(())
}

/// Where native builds go.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| place::root().join("target"), PathBuf::from)
}
