//! Tools of the build, installed once into the cache folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{self, Result, Steps};
use crate::{debian, place};

/// A program that cargo installs, at exactly this version.
pub struct CargoTool {
    package: &'static str,
    program: &'static str,
    version: &'static str,
    features: &'static [&'static str],
}

/// Compiles the page's program for the browser and gathers what belongs to the site.
pub const TRUNK: CargoTool = CargoTool { package: "trunk", program: "trunk", version: "0.21.14", features: &[] };
/// Splits the parts that a browser fetches later off the WebAssembly.
pub const WASM_SPLIT: CargoTool =
    CargoTool { package: "wasm_split_cli_support", program: "wasm-split-cli", version: "0.2.4", features: &["build-binary"] };
/// Makes the glue between WebAssembly and JavaScript; the crate `wasm-bindgen` must have the same version.
pub const WASM_BINDGEN: CargoTool = CargoTool { package: "wasm-bindgen-cli", program: "wasm-bindgen", version: "0.2.130", features: &[] };
/// Reads licences and sources of dependencies.
pub const CARGO_DENY: CargoTool = CargoTool { package: "cargo-deny", program: "cargo-deny", version: "0.20.2", features: &[] };

/// How the tools are built: they run for seconds in all, and a build in their own way takes a machine with two cores a quarter of an hour.
const QUICK_TO_BUILD: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
];

const BINARYEN: &str = "binaryen@132.0.0";
const PM2: &str = "pm2@7.0.4";
const SUPERVISOR: &str = "supervisor==4.3.0";

/// The folder that the cargo tools are in.
pub fn bin() -> Result<PathBuf> {
    Ok(place::cache()?.join("tools/bin"))
}

impl CargoTool {
    /// Installs the tool unless it is there at this version, and returns its place.
    pub fn get(&self, steps: &Steps) -> Result<PathBuf> {
        let program = bin()?.join(self.program);
        if self.is_current(&program)? {
            return Ok(program);
        }
        steps.take(&format!("Install {} {}", self.package, self.version), || {
            let cache = place::cache()?;
            let build = cache.join(format!("build-{}-{}", self.package, std::process::id()));
            let install = |locked: bool| {
                let mut cargo = place::cargo();
                cargo.env("CARGO_TARGET_DIR", &build).envs(QUICK_TO_BUILD).arg("install").arg("--root").arg(cache.join("tools"));
                cargo.args(["--force", "--version", self.version]).args(locked.then_some("--locked")).arg(self.package);
                cargo.args(self.features.iter().flat_map(|feature| ["--features", feature]));
                step::run(&mut cargo)
            };
            // A release may have locked a dependency that its registry has withdrawn since.
            let installed = install(true).or_else(|_| install(false));
            fs::remove_dir_all(&build).ok();
            installed
        })?;
        Ok(program)
    }

    /// Whether cargo has noted that it installed this version; not every program knows its own.
    fn is_current(&self, program: &Path) -> Result<bool> {
        let noted = fs::read_to_string(place::cache()?.join("tools/.crates.toml")).unwrap_or_default();
        Ok(program.exists() && noted.contains(&format!("\"{} {} (", self.package, self.version)))
    }
}

/// Installs `wasm-opt` from npm's `binaryen`, and returns the folder that it is in.
pub fn wasm_opt(steps: &Steps) -> Result<PathBuf> {
    npm(steps, BINARYEN, "wasm-opt")
}

/// Installs PM2 from npm, and returns the folder that it is in: the benchmark compares with it.
pub fn pm2(steps: &Steps) -> Result<PathBuf> {
    npm(steps, PM2, "pm2")
}

/// Installs `supervisor` from PyPI, and returns the folder that it is in: the benchmark compares with it.
pub fn supervisor(steps: &Steps) -> Result<PathBuf> {
    let environment = place::cache()?.join("tools").join(SUPERVISOR.replace("==", "-"));
    let folder = environment.join("bin");
    if !folder.join("supervisord").exists() {
        steps.take(&format!("Install {SUPERVISOR}"), || {
            step::run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
            step::run(Command::new(folder.join("pip")).args(["install", "--quiet", "--disable-pip-version-check", SUPERVISOR]))
        })?;
    }
    Ok(folder)
}

/// Installs a package of npm in a folder of its own unless its program is there, and returns the folder of its programs.
fn npm(steps: &Steps, package: &str, program: &str) -> Result<PathBuf> {
    let prefix = place::cache()?.join("tools").join(package.replace('@', "-"));
    let folder = prefix.join("node_modules/.bin");
    if !folder.join(program).exists() {
        node(steps)?;
        steps.take(&format!("Install {package}"), || {
            fs::create_dir_all(&prefix).map_err(|error| format!("{}: {error}", prefix.display()))?;
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-audit", "--no-fund", "--no-package-lock", "--prefix"]).arg(&prefix).arg(package);
            step::run(&mut npm)
        })?;
    }
    Ok(folder)
}

/// Makes sure that Node and npm are there.
pub fn node(steps: &Steps) -> Result {
    let missing: Vec<&str> = [("node", "nodejs"), ("npm", "npm")]
        .into_iter()
        .filter(|(program, _)| place::find_program(program).is_none())
        .map(|(_, package)| package)
        .collect();
    if missing.is_empty() { Ok(()) } else { debian::need(steps, &missing, "Node.js and npm are needed") }
}
