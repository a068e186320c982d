use std::path::Path;
use std::time::{Duration, Instant};

use super::{Aside, How, Ran};
use crate::runtime::process::procfs::ProcessId;
use crate::user::SystemUser;

const LONG: Duration = Duration::from_secs(20);

fn aside(folder: &Path, command: &[&str]) -> Aside {
    let path = std::env::var("PATH").expect("a PATH");
    let environment = [("PATH".to_owned(), path), ("GREETING".to_owned(), "hello".to_owned())].into();
    Aside { user: None, command: command.iter().map(|word| (*word).to_owned()).collect(), working_dir: folder.to_owned(), environment }
}

async fn sh(script: &str) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    aside(folder.path(), &["/bin/sh", "-c", script]).run(LONG).await
}

/// Waits until `is` holds.
async fn until(what: &str, is: impl Fn() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < LONG, "not {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The processes that a script has written into the file `pids`, once there are so many.
async fn pids(folder: &Path, count: usize) -> Vec<ProcessId> {
    let read = || {
        let text = std::fs::read_to_string(folder.join("pids")).unwrap_or_default();
        text.lines().filter_map(|line| ProcessId::of(line.parse().ok()?)).collect::<Vec<_>>()
    };
    until("begun", || read().len() == count).await;
    read()
}

#[tokio::test]
async fn how_it_ended_and_its_last_lines_are_told() {
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert_eq!(sh("exit 0").await, Ran { how: How::Code(0), output: vec![] });
    assert_eq!(sh("echo one; echo two >&2; exit 3").await, Ran { how: How::Code(3), output: lines(&["one", "two"]) });
    assert_eq!(sh("printf '\\033[31mred\\033[0m\\n\\n'; kill -9 $$").await, Ran { how: How::Signal(9), output: lines(&["red"]) });
}

#[tokio::test]
async fn it_has_the_folder_and_the_environment_that_it_is_given_and_nothing_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = aside(folder.path(), &["/bin/sh", "-c", "pwd; echo $GREETING; echo ${HOME:-no home}; cat"]).run(LONG).await;
    let here = folder.path().canonicalize().expect("a path").display().to_string();
    assert_eq!(ran.output, [here.as_str(), "hello", "no home"], "{ran:?}");
}

#[tokio::test]
async fn what_cannot_be_run_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("plain"), "text").expect("a file");
    for (command, why) in
        [(&["surely-not-there"][..], "was not found"), (&["./plain"], "may not be executed"), (&[], "there is no command")]
    {
        let How::NotStarted(said) = aside(folder.path(), command).run(LONG).await.how else { panic!("{command:?} was run") };
        assert!(said.contains(why), "{said}");
    }
    let How::NotStarted(said) = aside(Path::new("/surely/not"), &["true"]).run(LONG).await.how else { panic!("it was run") };
    assert!(said.contains("/surely/not is not there"), "{said}");
}

#[tokio::test]
async fn of_much_that_it_writes_the_end_is_kept() {
    let ran = sh("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done").await;
    assert_eq!((ran.how, ran.output.len()), (How::Code(0), 10));
    assert_eq!(ran.output.last().map(String::as_str), Some("line 19999"));
    let long = sh("head -c 100000 /dev/zero | tr '\\0' x; echo; echo end").await;
    assert_eq!(long.output, ["end"], "a line that lacks its beginning is left out");
}

#[tokio::test]
async fn what_takes_too_long_is_killed_with_its_grandchildren() {
    let folder = tempfile::tempdir().expect("a folder");
    // One stays in the group, one makes a session of its own.
    let script = "echo $$ > pids; sleep 1000 & echo $! >> pids; setsid sleep 1000 & echo $! >> pids; echo waiting; wait";
    let command = aside(folder.path(), &["/bin/sh", "-c", script]);
    let running = tokio::spawn(command.run(Duration::from_secs(2)));
    let processes = pids(folder.path(), 3).await;
    assert!(processes.iter().all(|process| process.is_alive()));
    let ran = running.await.expect("it was run");
    assert_eq!((ran.how, ran.output), (How::TimedOut, vec!["waiting".to_owned()]));
    assert!(!processes.iter().any(|process| process.is_alive()), "{processes:?}");
}

#[tokio::test]
async fn what_it_leaves_behind_is_killed_and_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let began = Instant::now();
    let ran = aside(folder.path(), &["/bin/sh", "-c", "sleep 1000 & echo $! > pids; echo done"]).run(LONG).await;
    assert_eq!((ran.how, ran.output), (How::Code(0), vec!["done".to_owned()]));
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
    let left: u32 = std::fs::read_to_string(folder.path().join("pids")).expect("a file").trim().parse().expect("a number");
    assert!(ProcessId::of(left).is_none_or(|process| !process.is_alive()));
}

#[tokio::test]
async fn it_ends_when_nobody_waits_for_it_any_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "echo $$ > pids; sleep 1000 & echo $! >> pids; wait";
    let running = tokio::spawn(aside(folder.path(), &["/bin/sh", "-c", script]).run(Duration::from_secs(600)));
    let processes = pids(folder.path(), 2).await;
    running.abort();
    assert!(running.await.is_err_and(|error| error.is_cancelled()));
    until("ended", || !processes.iter().any(|process| process.is_alive())).await;
}

#[tokio::test]
async fn a_command_is_run_as_another_user_and_ended_with_all_that_it_has_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let Ok(user) = SystemUser::choose("daemon") else {
        assert!(!rustix::process::geteuid().is_root(), "root may change users");
        return;
    };
    let uid = user.uid;
    let run = |script: &str| {
        let order = Aside { user: Some(user.clone()), ..aside(folder.path(), &["sh", "-c", script]) };
        order.run(Duration::from_secs(2))
    };
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("a mode");
    assert!(matches!(run("true").await.how, How::NotStarted(why) if why.contains("may not enter the folder")));
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
    let script = "id -u > /dev/stdout; id -ru; id -G; grep -c 'NoNewPrivs:.1' /proc/self/status; read -r a b c d group session e < /proc/$$/stat; echo $((group - $$)) $((session - $$))";
    let ran = run(script).await;
    assert_eq!(ran.output, [uid.to_string(), uid.to_string(), user.gid.to_string(), "1".to_owned(), "0 0".to_owned()]);
    let ran = run("sleep 600 & echo $!; sleep 600").await;
    let left = ran.output[0].parse().expect("a process id");
    assert!(ran.how == How::TimedOut && ProcessId::of(left).is_none_or(|process| !process.is_alive()), "{ran:?}");
}
