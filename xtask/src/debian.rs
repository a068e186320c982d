//! Debian's packages: installed when this is Debian and we are root, named otherwise.

use std::path::Path;
use std::process::Command;

use crate::step::{self, Result, Steps};

/// Makes sure that packages are installed; otherwise says by which command to install them, and `why`.
pub fn need(steps: &Steps, packages: &[&str], why: &str) -> Result {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !is_debian() {
        return Err(format!("{why}. Install what Debian calls {names} with your system's package manager."));
    }
    if !is_root() {
        return Err(format!("{why}. Install it by: sudo apt-get install {names}"));
    }
    steps.take(&format!("Install {names}"), || {
        let apt = || {
            let mut command = Command::new("apt-get");
            command.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "-o", "Dpkg::Use-Pty=0"]);
            command
        };
        let install = || step::run(apt().args(["install", "--yes", "--no-install-recommends"]).args(&missing));
        step::run(apt().arg("update"))?;
        install().map_err(|error| format!("{why}, and the packages can't be installed: {error}"))
    })
}

/// Whether the packages are known here, installed or not.
pub fn has(package: &str) -> bool {
    is_debian() && step::output(Command::new("apt-cache").args(["policy", package])).is_ok_and(|text| text.contains("Candidate"))
}

/// Whether apt can be used.
pub fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists() && Path::new("/usr/bin/apt-get").exists()
}

/// Whether this process may install packages.
pub fn is_root() -> bool {
    step::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status}", package]);
    step::output(&mut query).is_ok_and(|status| status == "installed")
}
