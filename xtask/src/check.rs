//! `check`: format, lints, documentation, licences, and the rules of the repository.

use std::process::Command;

use crate::step::{self, Result, Steps};
use crate::tools::CARGO_DENY;
use crate::{place, repository, wasm};

/// Checks all, or the part of that name.
pub fn all(steps: &Steps, part: Option<&str>) -> Result {
    type Part = (&'static str, fn(&Steps) -> Result);
    const PARTS: [Part; 6] = [
        ("format", format),
        ("repository", repository::check),
        ("native", native),
        ("wasm", for_browser),
        ("docs", docs),
        ("licences", licences),
    ];
    let chosen: Vec<&Part> = PARTS.iter().filter(|(name, _)| part.is_none_or(|part| part == *name)).collect();
    if chosen.is_empty() {
        let names = PARTS.map(|(name, _)| name).join(", ");
        return Err(format!("there is nothing to check by that name; there are {names}"));
    }
    let count = chosen.len();
    let faults: Vec<String> = chosen.into_iter().filter_map(|(_, check)| check(steps).err()).collect();
    steps.summary();
    println!("\nchecks: {} passed, {} failed", count - faults.len(), faults.len());
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

fn format(steps: &Steps) -> Result {
    steps.take("Check the format", || step::run(place::cargo().args(["fmt", "--check"])))
}

fn native(steps: &Steps) -> Result {
    steps.take("Lint", || step::build(place::cargo().arg("clippy").args(place::NATIVE).arg("--all-targets").args(STRICT)))
}

fn for_browser(steps: &Steps) -> Result {
    let compiler = wasm::Compiler::get(steps)?;
    steps.take("Lint for the browser", || {
        let mut clippy = compiler.cargo()?;
        step::run(
            clippy.args(["clippy", "-p", "app", "-p", "frontend", "--features", "app/hydrate", "--target", wasm::TARGET]).args(STRICT),
        )
    })
}

fn docs(steps: &Steps) -> Result {
    steps.take("Check the documentation", || {
        let mut doc = place::cargo();
        doc.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links").args(["doc", "--no-deps"]).args(place::NATIVE);
        step::run(&mut doc)
    })
}

fn licences(steps: &Steps) -> Result {
    let deny = CARGO_DENY.get(steps)?;
    steps.take("Check licences and sources", || {
        let mut command = Command::new(deny);
        place::forget_xtask(&mut command);
        step::run(command.current_dir(place::root()).args(["--offline", "check", "licenses", "bans", "sources"]))
    })
}

const STRICT: [&str; 3] = ["--", "-D", "warnings"];
