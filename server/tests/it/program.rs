//! The program itself: its help, its settings, its life on a console.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use server::config;

fn pilothouse(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PILOTHOUSE_")) {
        command.env_remove(name);
    }
    command.args(args);
    command
}

fn output(args: &[&str]) -> Output {
    pilothouse(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_subcommand_explains_itself() {
    let commands = [
        "",
        "serve",
        "supervise",
        "proxy",
        "migrate",
        "user",
        "user add",
        "user list",
        "user reset-password",
        "secrets",
        "secrets rotate",
        "configuration",
        "configuration backup",
        "configuration restore",
        "deploy",
        "demo-service",
        "openapi",
    ];
    for command in commands {
        let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let output = output(&args);
        assert!(output.status.success() && text(&output.stdout).contains("Usage:"), "{command}: {output:?}");
    }
    let help = text(&output(&["serve", "--help"]).stdout);
    for line in config::markdown().lines().skip(2) {
        let variable = line.split('`').find(|part| part.starts_with("PILOTHOUSE_")).unwrap();
        assert!(help.contains(variable), "{variable}");
    }
}

#[test]
fn the_readme_has_the_table_of_settings() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let table = readme.split("<!-- settings -->").nth(1).and_then(|rest| rest.split("<!-- /settings -->").next()).unwrap();
    assert_eq!(table.trim(), config::markdown().trim(), "paste this into the README:\n{}", config::markdown());
}

#[test]
fn the_document_is_printed() {
    let printed = text(&output(&["openapi"]).stdout);
    assert_eq!(printed.trim(), server::openapi::pretty().trim());
}

#[test]
fn what_is_wrong_with_the_settings_is_said_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pilothouse.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:0\"\nlisten_on = 1\n").unwrap();
    let data = folder.path().join("data").display().to_string();
    let as_root = |why| if rustix::process::geteuid().is_root() { why } else { "only root may run services as other users" };
    let users = |names| ["--listen", "127.0.0.1:0", "--data-dir", data.as_str(), "--service-users", names];
    let cases: [(&[&str], &str); 8] = [
        (&users("root"), as_root("service_users names 'root', which services can't run as: 'root' is root")),
        (&users("daemon,surely-not-there"), as_root("'surely-not-there' isn't in /etc/passwd")),
        (&users("daemon, a b"), "service_users names 'a b'"),
        (&["--listen", "0.0.0.0:0"], "PILOTHOUSE_TRUSTED_PROXY"),
        (&["--config", file.to_str().unwrap()], "listen_on"),
        (&["--config", "/nowhere/pilothouse.toml"], "/nowhere/pilothouse.toml"),
        (&["--retention-days", "0"], "retention_days"),
        (&["--rate-limit", "many"], "rate-limit"),
    ];
    for (args, expected) in cases {
        let output = output(args);
        assert!(!output.status.success() && text(&output.stderr).contains(expected), "{args:?}: {output:?}");
    }
}

#[test]
fn users_are_managed_without_a_server_and_passwords_are_not_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let command = &mut pilothouse(args);
        let output = command
            .env("PILOTHOUSE_DATA_DIR", folder.path().join("data"))
            .env("PILOTHOUSE_USER_PASSWORD", "correct horse battery")
            .output();
        output.unwrap()
    };
    assert!(run(&["migrate"]).status.success());
    let added = run(&["user", "add", "ada", "--role", "developer"]);
    assert!(added.status.success(), "{added:?}");
    let again = run(&["user", "add", "ADA"]);
    assert!(!again.status.success(), "{again:?}");
    let listed = text(&run(&["user", "list"]).stdout);
    assert!(listed.contains("ada") && listed.contains("Developer"), "{listed}");
    assert!(run(&["user", "reset-password", "ada"]).status.success());
    assert!(!run(&["user", "reset-password", "nobody"]).status.success());
    assert!(!pilothouse(&["user", "add", "eve", "--password", "x"]).output().unwrap().status.success());
}

#[test]
fn the_console_shows_where_it_listens_and_how_the_first_user_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = pilothouse(&["--listen", "127.0.0.1:0"]);
    let mut child = command.env("PILOTHOUSE_DATA_DIR", folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (heard, lines) = std::sync::mpsc::channel();
    let out = child.stdout.take().unwrap();
    std::thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| heard.send(line)));
    let next = |start: &str| {
        let within = |line: Result<String, _>| line.ok();
        std::iter::from_fn(|| within(lines.recv_timeout(Duration::from_secs(20)))).find(|line| line.contains(start))
    };
    let listens = next("Pilothouse listens on http://127.0.0.1:");
    let link = next("/setup?token=");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(listens.is_some() && link.is_some(), "{output:?}");
    assert!(output.status.success(), "{output:?}");
    assert!(!text(&output.stderr).contains("token="), "the link must not be in the log: {output:?}");
    let log = text(&output.stderr);
    assert!(log.contains("shutdown_asked") && !log.contains('\u{1b}'), "colours are for terminals: {log:?}");
}
