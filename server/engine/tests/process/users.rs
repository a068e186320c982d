//! Services that run as another user. Only root can have them; where the tests aren't root, the refusal is tested.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use super::*;

/// A user of every system.
const USER: &str = "daemon";

/// What `/etc/passwd` says of the user: its id, its group and its home.
fn user() -> (u32, u32, String) {
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let fields: Vec<_> = users.lines().find(|line| line.starts_with("daemon:")).unwrap().split(':').collect();
    (fields[2].parse().unwrap(), fields[3].parse().unwrap(), fields[5].to_owned())
}

/// A house whose folder others may enter.
async fn open_house() -> House {
    let house = House::new().await;
    std::fs::set_permissions(house.folder(), Permissions::from_mode(0o755)).unwrap();
    house
}

fn order(house: &House, command: &[&str]) -> ProcessLaunch {
    ProcessLaunch { user: Some(USER.into()), ..process_launch(house.folder(), command) }
}

async fn begin(house: &House, order: ProcessLaunch) -> ServiceId {
    let id = ServiceId(Clock::System.new_uuid());
    house.runtime.start(id, Launch::Process(order)).await.unwrap();
    id
}

/// Why it couldn't be started.
async fn failure(house: &House, order: ProcessLaunch) -> String {
    let id = begin(house, order).await;
    ended(&house.runtime, id).await.start_failure.expect("it isn't started")
}

/// Whether the tests are root. Where they aren't, nothing is started as somebody else, nor as themselves in its place.
async fn can_change(house: &House) -> bool {
    if geteuid().is_root() {
        return true;
    }
    let why = failure(house, order(house, &["touch", "made"])).await;
    assert!(why.starts_with("it can't be run as the user 'daemon': Pilothouse runs as the user"), "{why}");
    assert!(!house.folder().join("made").exists());
    false
}

fn status(pid: u32, name: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

async fn pid_of(runtime: &dyn Runtime, id: ServiceId) -> u32 {
    match until(runtime, id, |now| matches!(now, Observation::Running { .. } | Observation::Ended(_))).await {
        Observation::Running { pid, .. } => pid,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_service_is_the_user_it_runs_as_and_nothing_more_and_is_stopped_all_the_same() {
    let house = open_house().await;
    if !can_change(&house).await {
        return;
    }
    let (uid, gid, _) = user();
    let script = "trap '' TERM; echo opened > /dev/stdout; echo error > /dev/stderr; ls -l /proc/self/cwd/ > /dev/null; \
                  for x in /etc/shadow \"$RUN\"; do cat $x && echo may read $x; done; cat /dev/null > \"$RUN/x\" && echo may write; \
                  sleep 600 & echo ready; while true; do sleep 1; done";
    let mut order = order(&house, &["sh", "-c", script]);
    order.environment.insert("RUN".into(), house.core.config.data_dir.join("run").display().to_string());
    order.limits = Limits { open_files: Some(200), processes: Some(50), memory_bytes: Some(200 << 20), ..Limits::default() };
    let id = begin(&house, order).await;
    let pid = pid_of(&house.runtime, id).await;
    house.until_said(id, "ready").await;
    assert_eq!(status(pid, "Uid"), format!("{uid} {uid} {uid} {uid}"));
    assert_eq!(status(pid, "Gid"), format!("{gid} {gid} {gid} {gid}"));
    assert_eq!(status(pid, "Groups"), gid.to_string(), "none of root's");
    assert_eq!(status(pid, "NoNewPrivs"), "1");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status(pid, set), "0000000000000000", "{set}");
    }
    assert_eq!(std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), house.folder().canonicalize().unwrap());
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    assert!(limits.lines().any(|line| line.starts_with("Max open files") && line.contains("200")), "{limits}");
    let said = house.output(id);
    assert!(said.iter().any(|line| line == "opened") && said.iter().any(|line| line == "error"), "{said:?}");
    assert!(!said.iter().any(|line| line.contains("may ")), "{said:?}");
    let supervisor = house.supervisor(id);
    assert_eq!(status(supervisor, "Uid"), "0 0 0 0", "the supervisor stays as it is");
    assert_eq!(status(supervisor, "NoNewPrivs"), "0");
    let stats = house.runtime.stats(id).await.unwrap().expect("it is measured");
    assert!(stats.pids.contains(&pid) && stats.usage.memory_bytes > Some(0), "{stats:?}");

    kill(supervisor);
    until_so("its supervisor lives", || !is_alive(supervisor)).await;
    let reborn = house.reborn();
    reborn.observe_all().await.unwrap();
    assert_eq!(pid_of(&reborn, id).await, pid, "a new supervisor finds it again");
    reborn.stop(id, Duration::from_millis(100)).await.unwrap();
    assert!(!is_alive(pid), "it ignores the asking and is killed");
    assert_eq!(tasks_of(uid, &stats.pids), Vec::<u32>::new());
}

/// Which of these processes still run as that user.
fn tasks_of(uid: u32, pids: &[u32]) -> Vec<u32> {
    let runs = |pid: &&u32| is_alive(**pid) && status(**pid, "Uid").starts_with(&format!("{uid} "));
    pids.iter().filter(runs).copied().collect()
}

#[tokio::test]
async fn after_a_run_as_another_user_the_own_one_has_the_pipes_again() {
    let house = open_house().await;
    if !can_change(&house).await {
        return;
    }
    let id = begin(&house, order(&house, &["sh", "-c", "echo first > /dev/stdout"])).await;
    ended(&house.runtime, id).await;
    let pipe = house.core.config.data_dir.join("run").join(id.to_string()).join("stdout");
    assert_eq!(std::fs::metadata(&pipe).unwrap().uid(), user().0);
    house.runtime.start(id, process(house.folder(), &["sh", "-c", "echo second > /dev/stdout"])).await.unwrap();
    until_so("the second hasn't run", || house.output(id) == ["first", "second"]).await;
    assert_eq!(std::fs::metadata(&pipe).unwrap().uid(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_handed_to_a_user_who_could_open_it_and_had_back_from_what_runs() {
    use super::handover::{SERVER, ask, free_port, hand_over, running};
    let house = open_house().await;
    if !can_change(&house).await {
        return;
    }
    let port = free_port();
    let launch = |port| ProcessLaunch { socket: Some(port), ..order(&house, &["python3", "-c", SERVER]) };
    let id = begin(&house, launch(port)).await;
    let first = running(&house.runtime, id).await;
    assert_eq!(ask(port).unwrap(), first);
    assert_eq!(status(first, "Uid"), format!("{0} {0} {0} {0}", user().0));
    for number in 1..=2 {
        assert_eq!(hand_over(&house.runtime, id, number, launch(port)).await, engine::runtime::HandedOver::Done, "{:?}", house.lines(id));
        let pid = running(&house.runtime, id).await;
        assert_eq!(ask(port).unwrap(), pid);
        assert_eq!(status(pid, "Uid"), format!("{0} {0} {0} {0}", user().0));
        let old = house.supervisor(id);
        kill(old);
        until_so("no new supervisor has come", || house.supervisor(id) != old).await;
    }
    let own = process_launch(house.folder(), &["python3", "-c", SERVER]);
    let own = ProcessLaunch { socket: Some(port), ..own };
    assert_eq!(hand_over(&house.runtime, id, 3, own).await, engine::runtime::HandedOver::Impossible, "another user takes a break");
    house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
    let lowest = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    if lowest.trim().parse::<u16>().unwrap() > 79 {
        let why = failure(&house, launch(79)).await;
        assert!(why.starts_with("its port 79 can't be listened on: Permission denied"), "{why}");
    }
}

#[tokio::test]
async fn what_the_user_may_not_do_is_why_it_is_not_started() {
    let house = open_house().await;
    if !can_change(&house).await {
        return;
    }
    let gone = ProcessLaunch { user: Some("surely-not-there".into()), ..order(&house, &["touch", "made"]) };
    assert!(failure(&house, gone).await.contains("'surely-not-there' isn't in /etc/passwd"));
    for root in ["root", "0", ""] {
        let launch = ProcessLaunch { user: Some(root.into()), ..order(&house, &["touch", "made"]) };
        assert!(failure(&house, launch).await.starts_with(&format!("it can't be run as the user '{root}'")));
    }
    let closed = house.folder().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let inside = ProcessLaunch { working_dir: closed.clone(), ..order(&house, &["touch", "made"]) };
    let why = failure(&house, inside).await;
    assert!(why.starts_with(&format!("the user 'daemon' may not enter the folder {}", closed.display())), "{why}");
    let program = closed.join("program");
    std::fs::write(&program, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let why = failure(&house, order(&house, &[program.to_str().unwrap()])).await;
    assert!(why.starts_with("the user 'daemon' may not run the program"), "{why}");
    assert!(!house.folder().join("made").exists() && !closed.join("made").exists());
}

#[tokio::test]
async fn what_is_made_before_is_made_as_the_user_and_follows_no_link_with_the_rights_of_root() {
    let house = open_house().await;
    if !can_change(&house).await {
        return;
    }
    let (uid, gid, _) = user();
    let home = house.folder().join("home");
    std::fs::create_dir(&home).unwrap();
    chown(&home, Some(uid), Some(gid)).unwrap();
    let python = ["/usr/local/bin/python3", "/usr/bin/python3"].into_iter().find(|path| Path::new(path).exists()).unwrap();
    let venv = home.join(".cache/venv");
    let mut launch = order(&house, &[venv.join("bin/python").to_str().unwrap(), "-c", "import os; print('runs as', os.getuid())"]);
    let make = [python, "-m", "venv", "--without-pip", venv.to_str().unwrap()].map(String::from).to_vec();
    let steps = vec![PrepareStep { label: "making a virtual environment".into(), command: make }];
    let prepare = Prepare { lock: home.join(".cache/lock"), marker: venv.join("complete"), environment: launch.environment.clone(), steps };
    launch.prepare = Some(prepare);
    let id = begin(&house, launch.clone()).await;
    let end = ended(&house.runtime, id).await;
    assert_eq!((end.code, end.start_failure), (Some(0), None), "{:?}", house.lines(id));
    assert_eq!(house.output(id), [format!("runs as {uid}")]);
    for made in [".cache", ".cache/lock", ".cache/venv/bin/python", ".cache/venv/complete"] {
        assert_eq!(std::fs::symlink_metadata(home.join(made)).unwrap().uid(), uid, "{made}");
    }

    // The user puts a link to something of root's where the mark and the lock are to be.
    let (secret, made) = (house.folder().join("secret"), house.folder().join("made"));
    std::fs::write(&secret, "secret").unwrap();
    std::fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    let prepare = launch.prepare.as_mut().unwrap();
    (prepare.marker, prepare.steps[0].command) = (home.join("mark"), vec!["true".into()]);
    symlink(&made, home.join("mark")).unwrap();
    assert!(failure(&house, launch.clone()).await.contains("can't be marked as complete"));
    launch.prepare.as_mut().unwrap().lock = home.join("locked");
    symlink(&secret, home.join("locked")).unwrap();
    assert!(failure(&house, launch.clone()).await.contains("its environment can't be made"));
    let prepare = launch.prepare.as_mut().unwrap();
    (prepare.lock, prepare.marker) = (home.join("pipe"), home.join("new"));
    rustix::fs::mkfifoat(rustix::fs::CWD, home.join("pipe"), rustix::fs::Mode::from_raw_mode(0o666)).unwrap();
    assert!(failure(&house, launch).await.contains("its environment can't be made"), "it doesn't wait for ever");
    assert!(!made.exists() && std::fs::read_to_string(&secret).unwrap() == "secret");
}
