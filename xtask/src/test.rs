//! `test`: every test, with what they need started before and ended after.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::docker::Docker;
use crate::postgres::Postgres;
use crate::site::Size;
use crate::step::{self, Result, Steps};
use crate::{debian, place, serve, site, tools};

/// What is tested, but for [`BESIDE`]: a test below says that nothing is missing.
const TARGETS: [&str; 8] = ["--lib", "--bins", "--test", "it", "--test", "process", "--test", "services"];

/// What waits for a Docker Engine most of the time: it runs beside the others, which take all of the processor.
const BESIDE: [&str; 2] = ["--test", "docker"];

/// How many tests ran and how they ended.
#[derive(Default, Debug, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

/// Runs all tests, or those of one kind (`rust`, `browser`), or those whose name contains the other word.
pub fn run(steps: &Steps, arguments: &[String]) -> Result {
    let is_kind = |argument: &&String| matches!(argument.as_str(), "rust" | "browser");
    let kind = arguments.first().filter(is_kind).map(String::as_str);
    let filter: Vec<&String> = arguments.iter().skip(usize::from(kind.is_some())).collect();
    let mut counts = Counts::default();
    let mut result = Ok(());
    if kind != Some("browser") {
        result = rust(steps, &filter, &mut counts);
    }
    if kind != Some("rust") {
        result = result.and(browser(steps, &filter, &mut counts));
    }
    steps.summary();
    println!("\n{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped);
    if result.is_ok() && counts.passed == 0 {
        return Err("no test ran".to_owned());
    }
    result
}

/// The Rust tests.
fn rust(steps: &Steps, filter: &[&String], counts: &mut Counts) -> Result {
    need_python(steps)?;
    let postgres = Postgres::start(steps)?;
    let docker = Docker::start(steps)?;
    if place::find_program("docker-registry").is_none() {
        debian::need(steps, &["docker-registry"], "the tests push images to a registry of their own")?;
    }
    if !Path::new("/usr/sbin/sshd").exists() || place::find_program("ssh").is_none() {
        debian::need(steps, &["openssh-server", "openssh-client"], "the tests fetch from a Git repository over SSH")?;
    }
    steps.take("Build the Rust tests", || step::build(place::cargo().args(["test", "--no-run"]).args(place::NATIVE)))?;
    steps.take("Run the Rust tests", || {
        let tests = |targets: &[&str]| {
            let mut cargo = place::cargo();
            cargo.args(["test", "--no-fail-fast"]).args(place::NATIVE).args(targets).args(filter);
            cargo.env("PILOTHOUSE_TEST_POSTGRES_URL", postgres.url()).env("PILOTHOUSE_TEST_DOCKER_HOST", docker.host());
            cargo
        };
        let (mut beside, mut others, mut documented) = (tests(&BESIDE), tests(&TARGETS), tests(&["--doc"]));
        eprintln!("Those of Docker run beside the others; what they say comes after these.");
        let (said, others) = thread::scope(|scope| {
            let beside = scope.spawn(|| step::gathered(&mut beside));
            let others = step::watch(&mut others, |line| counts.add_cargo(line));
            (beside.join(), others)
        });
        let (beside, said) = said.map_err(|_| "the tests of Docker can't be heard")??;
        println!("{said}");
        said.lines().for_each(|line| counts.add_cargo(line));
        let documented = step::watch(&mut documented, |line| counts.add_cargo(line))?;
        if others? && beside && documented { Ok(()) } else { Err("a Rust test failed; its output is above".to_owned()) }
    })
}

/// The tests in Chromium, against the development build that the Rust tests have made already, or the program that `PILOTHOUSE_PROGRAM` names.
///
/// A build of its own with optimisation took longer than all of these tests. Asked for with the integration tests it is that very build: by itself it would have
/// other features, and be compiled anew.
fn browser(steps: &Steps, filter: &[&String], counts: &mut Counts) -> Result {
    need_python(steps)?;
    let chromium = chromium(steps)?;
    tools::node(steps)?;
    site::build(steps, Size::AsBuilt)?;
    let program = match env::var_os("PILOTHOUSE_PROGRAM") {
        Some(program) => place::root().join(program),
        None => {
            steps.take("Build Pilothouse for the browser tests", || {
                step::build(place::cargo().args(["test", "--no-run", "--test", "it"]).args(place::NATIVE))
            })?;
            serve::target().join("debug/pilothouse")
        }
    };
    let folder = place::root().join("end2end");
    if !is_installed(&folder.join("node_modules/.package-lock.json"), &folder.join("package-lock.json")) {
        steps.take("Install Playwright", || step::run(Command::new("npm").current_dir(&folder).args(["ci", "--no-audit", "--no-fund"])))?;
    }
    steps.take("Check the types of the browser tests", || {
        step::run(Command::new("node").current_dir(&folder).args(["node_modules/typescript/bin/tsc", "--project", "."]))
    })?;
    steps.take("Run the browser tests", || {
        let mut playwright = Command::new("node");
        playwright.current_dir(&folder).args(["node_modules/@playwright/test/cli.js", "test"]).args(filter);
        playwright.env("PILOTHOUSE_PROGRAM", &program).env("CHROMIUM", chromium);
        place::forget_xtask(&mut playwright);
        let succeeded = step::watch(&mut playwright, |line| counts.add_playwright(line))?;
        if succeeded { Ok(()) } else { Err("a browser test failed; its output is above".to_owned()) }
    })
}

/// Services of the tests are Python programs with virtual environments of their own, and some come from Git repositories.
fn need_python(steps: &Steps) -> Result {
    if !step::succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        debian::need(steps, &["python3", "python3-venv"], "the tests run services in Python")?;
    }
    if step::succeeds(Command::new("git").arg("--version")) {
        return Ok(());
    }
    debian::need(steps, &["git"], "the tests deploy from Git repositories")
}

/// Chromium without a window, which does without what is only drawn for a screen; else the whole one, which takes a third more of the processor for these tests.
fn chromium(steps: &Steps) -> Result<PathBuf> {
    const SHELL: &str = "chromium-headless-shell";
    if let Some(chosen) = env::var_os("CHROMIUM") {
        return Ok(chosen.into());
    }
    let find = || [SHELL, "chromium", "chromium-browser", "google-chrome"].into_iter().find_map(place::find_program);
    if find().is_none() {
        let package = if debian::has(SHELL) { SHELL } else { "chromium" };
        debian::need(steps, &[package], "the browser tests need Chromium (CHROMIUM names another program)")?;
    }
    find().ok_or_else(|| "Chromium is installed, but not on PATH: name it by CHROMIUM".to_owned())
}

/// Whether what npm noted after an installation is newer than what was asked for.
fn is_installed(noted: &PathBuf, asked: &PathBuf) -> bool {
    let time = |file: &PathBuf| fs::metadata(file).and_then(|file| file.modified());
    matches!((time(noted), time(asked)), (Ok(noted), Ok(asked)) if noted >= asked)
}

impl Counts {
    /// Adds a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; ..`.
    fn add_cargo(&mut self, line: &str) {
        let Some((_, numbers)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else { return };
        for part in numbers.split(';') {
            self.add(part.trim());
        }
    }

    /// Adds a line such as `  3 passed (4.2s)`.
    fn add_playwright(&mut self, line: &str) {
        if line.starts_with("  ") {
            self.add(line.trim());
        }
    }

    fn add(&mut self, text: &str) {
        let mut words = text.split_whitespace();
        let Some(number) = words.next().and_then(|word| word.parse::<u64>().ok()) else { return };
        match words.next() {
            Some("passed") => self.passed += number,
            // A test that passed only when it was tried again is one to mend.
            Some("failed" | "flaky" | "interrupted") => self.failed += number,
            Some("ignored" | "skipped") => self.skipped += number,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{BESIDE, Counts, TARGETS};
    use crate::place;

    #[test]
    fn every_integration_test_is_run() {
        let mut there = Vec::new();
        for package in ["app", "app/api", "server", "server/engine", "xtask"] {
            for entry in fs::read_dir(place::root().join(package).join("tests")).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").exists() {
                    there.push(path.file_stem().unwrap().to_string_lossy().into_owned());
                }
            }
        }
        there.sort();
        let named = [&TARGETS[..], &BESIDE].concat();
        let mut named: Vec<_> = named.windows(2).filter(|pair| pair[0] == "--test").map(|pair| pair[1]).collect();
        named.sort_unstable();
        assert_eq!(there, named, "what is run of the tests in the folders");
    }

    #[test]
    fn the_lines_of_both_runners_are_counted() {
        let mut counts = Counts::default();
        counts.add_cargo("test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 5 filtered out; finished in 0.1s");
        counts.add_cargo("12 passed");
        counts.add_playwright("  7 passed (3.1s)");
        counts.add_playwright("  1 skipped");
        counts.add_playwright("7 passed");
        assert_eq!(counts, Counts { passed: 19, failed: 1, skipped: 3 });
    }
}
