//! The process runtime with real supervisors and real processes.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{Limits, LogStream, ServiceId};
use engine::logs::segment::{blocks, list};
use engine::runtime::conformance::{process, process_launch, until};
use engine::runtime::process::{ProcessRuntime, log_folder};
use engine::runtime::{Launch, Observation, Prepare, PrepareStep, ProcessLaunch, Runtime};
use engine::testing::{StoreKind, TestStore};
use engine::{Clock, Core};
use rustix::process::{Pid, Signal, geteuid, kill_process};

#[path = "process/fork_server.rs"]
mod fork_server;
#[path = "process/handover.rs"]
mod handover;
#[path = "process/lost.rs"]
mod lost;
#[path = "process/proxy.rs"]
mod proxy;
#[path = "process/users.rs"]
mod users;

/// A Pilothouse as far as the runtime needs one.
struct House {
    store: TestStore,
    core: Arc<Core>,
    runtime: ProcessRuntime,
}

impl House {
    async fn new() -> Self {
        let mut store = TestStore::new(StoreKind::Sqlite).await;
        store.config.program = env!("CARGO_BIN_EXE_engine-supervise").into();
        let core = store.core(Clock::System).await;
        let runtime = ProcessRuntime::new(core.clone());
        Self { store, core, runtime }
    }

    /// What a new Pilothouse sees after this one was killed: the same folders, and nothing in memory.
    fn reborn(&self) -> ProcessRuntime {
        ProcessRuntime::new(self.core.clone())
    }

    fn folder(&self) -> &Path {
        self.store.folder()
    }

    async fn run(&self, command: &[&str]) -> (ServiceId, u32) {
        let id = self.start(command).await;
        let now = until(&self.runtime, id, |now| matches!(now, Observation::Running { .. } | Observation::Ended(_))).await;
        let Observation::Running { pid, .. } = now else { panic!("{now:?}") };
        (id, pid)
    }

    async fn start(&self, command: &[&str]) -> ServiceId {
        let id = ServiceId(Clock::System.new_uuid());
        self.runtime.start(id, process(self.folder(), command)).await.unwrap();
        id
    }

    /// Every line of a service: stream and text, its number being its place.
    fn lines(&self, id: ServiceId) -> Vec<(LogStream, String)> {
        let mut lines = Vec::new();
        for segment in list(&log_folder(&self.core, id)).unwrap() {
            for block in blocks(&std::fs::read(segment.path).unwrap()) {
                for line in block.records() {
                    assert_eq!(line.seq, lines.len() as u64 + 1, "numbers have no gaps");
                    lines.push((line.stream, String::from_utf8_lossy(line.text).into_owned()));
                }
            }
        }
        lines
    }

    fn output(&self, id: ServiceId) -> Vec<String> {
        let is_own = |stream: &LogStream| matches!(stream, LogStream::Stdout | LogStream::Stderr);
        self.lines(id).into_iter().filter(|(stream, _)| is_own(stream)).map(|(_, text)| text).collect()
    }

    async fn until_said(&self, id: ServiceId, text: &str) {
        until_so("it has not said it", || self.output(id).iter().any(|line| line.contains(text))).await;
    }

    /// The process id of the supervisor.
    fn supervisor(&self, id: ServiceId) -> u32 {
        let state = self.core.config.data_dir.join("run").join(id.to_string()).join("state.json");
        let state: serde_json::Value = serde_json::from_slice(&std::fs::read(state).unwrap()).unwrap();
        state["sessions"].as_array().unwrap().last().unwrap()["pid"].as_u64().unwrap() as u32
    }
}

async fn until_so(otherwise: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "{otherwise}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
}

async fn ended(runtime: &dyn Runtime, id: ServiceId) -> engine::runtime::Ended {
    match until(runtime, id, |now| matches!(now, Observation::Ended(_))).await {
        Observation::Ended(ended) => ended,
        other => unreachable!("{other:?}"),
    }
}

/// Numbered lines at 5,000 a second, for ever.
const COUNT: &str = "
import time
start, n = time.monotonic(), 0
while True:
    while n < (time.monotonic() - start) * 5000:
        n += 1
        print('number', n, flush=True)
    time.sleep(0.001)
";

fn numbers(lines: &[String]) -> Vec<u64> {
    lines.iter().filter_map(|line| line.strip_prefix("number ")?.parse().ok()).collect()
}

engine::conformance!(
    |_folder| {
        let house = House::new().await;
        (house.reborn(), house)
    },
    process
);

#[tokio::test]
async fn exit_code_and_signal_are_reported_and_output_is_kept_to_the_last_byte() {
    let house = House::new().await;
    let id = house.start(&["sh", "-c", "echo one; echo two >&2; printf unfinished; exit 3"]).await;
    let end = ended(&house.runtime, id).await;
    assert_eq!((end.code, end.signal, end.was_asked, end.start_failure), (Some(3), None, false, None));
    let lines: HashSet<_> = house.lines(id).into_iter().collect();
    for (stream, text) in [(LogStream::Stdout, "one"), (LogStream::Stderr, "two"), (LogStream::Stdout, "unfinished")] {
        assert!(lines.contains(&(stream, text.to_owned())), "{lines:?}");
    }
    let id = house.start(&["sh", "-c", "kill -11 $$"]).await;
    let end = ended(&house.runtime, id).await;
    assert_eq!((end.code, end.signal), (None, Some(11)));
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let house = House::new().await;
    let id = house.start(&["no-such-program"]).await;
    let failure = ended(&house.runtime, id).await.start_failure.unwrap();
    assert!(failure.contains("'no-such-program'") && failure.contains("not found"), "{failure}");

    let mut lost = process_launch(house.folder(), &["true"]);
    lost.working_dir = house.folder().join("nowhere");
    let id = ServiceId(Clock::System.new_uuid());
    house.runtime.start(id, Launch::Process(lost)).await.unwrap();
    let failure = ended(&house.runtime, id).await.start_failure.unwrap();
    assert!(failure.contains("nowhere is not there"), "{failure}");
}

#[tokio::test]
async fn the_environment_is_exactly_that_of_the_launch() {
    let house = House::new().await;
    let id = ServiceId(Clock::System.new_uuid());
    let mut order = process_launch(house.folder(), &["/usr/bin/env"]);
    order.environment = [("A".to_owned(), "1".to_owned()), ("PORT".to_owned(), "8000".to_owned())].into();
    house.runtime.start(id, Launch::Process(order)).await.unwrap();
    ended(&house.runtime, id).await;
    assert_eq!(house.output(id), ["A=1", "PORT=8000"]);
}

#[tokio::test]
async fn a_stop_takes_grandchildren_too_stubborn_and_departed_ones() {
    let house = House::new().await;
    let script = "
        (trap '' TERM; echo stubborn $(exec sh -c 'echo $PPID'); while :; do sleep 1; done) &
        setsid sh -c 'trap \"\" TERM; echo departed $$; while :; do sleep 1; done' &
        trap 'exit 0' TERM
        echo ready
        while :; do sleep 0.1; done";
    let (id, pid) = house.run(&["sh", "-c", script]).await;
    for text in ["stubborn", "departed", "ready"] {
        house.until_said(id, text).await;
    }
    let mut pids: Vec<u32> = house.output(id).iter().filter_map(|line| line.split_once(' ')?.1.parse().ok()).collect();
    pids.push(pid);
    assert_eq!(pids.len(), 3);
    let stats = house.runtime.stats(id).await.unwrap().unwrap();
    assert!(pids.iter().all(|pid| stats.pids.contains(pid)), "{pids:?} {stats:?}");
    assert_eq!(stats.pids[0], pid, "the first is the root");
    house.runtime.stop(id, Duration::from_millis(500)).await.unwrap();
    for pid in pids.into_iter().chain(stats.pids) {
        assert!(!is_alive(pid), "{pid} lives");
    }
    let Observation::Ended(end) = house.runtime.observe(id).await.unwrap() else { panic!() };
    assert_eq!((end.code, end.was_asked), (Some(0), true));
}

#[tokio::test]
async fn a_service_is_found_again_without_a_duplicate_when_pilothouse_dies() {
    let house = House::new().await;
    let (id, pid) = house.run(&["python3", "-c", COUNT]).await;
    let before = house.runtime.observe(id).await.unwrap();
    let reborn = house.reborn();
    assert_eq!(reborn.observe_all().await.unwrap(), [(id, before.clone())]);
    reborn.start(id, process(house.folder(), &["sleep", "600"])).await.unwrap();
    assert_eq!(reborn.observe(id).await.unwrap(), before, "it was not started again");
    until_so("it writes no lines", || house.output(id).len() > 2000).await;
    reborn.stop(id, Duration::from_secs(5)).await.unwrap();
    assert!(!is_alive(pid));
    assert_eq!(ended(&house.runtime, id).await.signal, Some(15), "the other one is told too");
    let seen = numbers(&house.output(id));
    assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_service_outlives_its_supervisor_and_every_line_is_there_once() {
    let house = House::new().await;
    let (id, pid) = house.run(&["python3", "-c", COUNT]).await;
    for round in 1..=5 {
        until_so("it writes no lines", || house.output(id).len() > round * 2000).await;
        let old = house.supervisor(id);
        kill(old);
        until_so("no new supervisor has come", || house.supervisor(id) != old).await;
        assert!(is_alive(pid));
    }
    assert!(matches!(house.runtime.observe(id).await, Ok(Observation::Running { pid: now, .. }) if now == pid));
    until_so("it writes no lines", || house.output(id).len() > 12_000).await;
    house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
    assert!(!is_alive(pid));
    let seen = numbers(&house.output(id));
    assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>());
    let Observation::Ended(end) = house.runtime.observe(id).await.unwrap() else { panic!() };
    assert_eq!((end.code, end.signal, end.was_asked), (None, None, true), "who was not its parent can't know how it ended");
}

#[tokio::test]
async fn both_may_die_and_the_service_lives_and_is_found() {
    let house = House::new().await;
    let (id, pid) = house.run(&["python3", "-c", COUNT]).await;
    house.until_said(id, "number 1000").await;
    house.core.shutdown.cancel();
    kill(house.supervisor(id));
    let mut next = House { store: TestStore::new(StoreKind::Sqlite).await, core: house.core.clone(), runtime: house.reborn() };
    next.store.config = house.store.config.clone();
    let core = next.store.core(Clock::System).await;
    let reborn = ProcessRuntime::new(core);
    assert!(matches!(reborn.observe_all().await.unwrap()[..], [(one, Observation::Running { pid: now, .. })] if one == id && now == pid));
    let before = house.output(id).len();
    until_so("nobody reads on", || house.output(id).len() > before + 2000).await;
    reborn.stop(id, Duration::from_secs(5)).await.unwrap();
    let seen = numbers(&house.output(id));
    assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_preparation_is_shown_step_by_step_shared_and_can_fail_or_be_stopped() {
    let house = House::new().await;
    let step = |label: &str, script: &str| PrepareStep { label: label.into(), command: ["sh", "-c", script].map(str::to_owned).to_vec() };
    let order = |name: &str, steps: Vec<PrepareStep>| {
        let mut order = process_launch(house.folder(), &["sleep", "600"]);
        let folder = house.folder().join("envs").join(name);
        order.prepare =
            Some(Prepare { lock: folder.join("lock"), marker: folder.join("complete"), environment: order.environment.clone(), steps });
        order
    };
    let id = ServiceId(Clock::System.new_uuid());
    let steps = vec![step("making", "echo made"), step("filling", "until [ -e go ]; do sleep 0.01; done; echo filled >&2")];
    house.runtime.start(id, Launch::Process(order("a", steps.clone()))).await.unwrap();
    let filling = Observation::Preparing { label: "filling".into(), step: 2, steps: 2 };
    until(&house.runtime, id, |now| *now == filling).await;
    std::fs::write(house.folder().join("go"), "").unwrap();
    until(&house.runtime, id, |now| matches!(now, Observation::Running { .. })).await;
    let prepared: Vec<_> = house.lines(id).into_iter().filter(|(stream, _)| *stream == LogStream::Prepare).collect();
    assert_eq!(prepared.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), ["made", "filled"]);

    let second = ServiceId(Clock::System.new_uuid());
    house.runtime.start(second, Launch::Process(order("a", steps))).await.unwrap();
    until(&house.runtime, second, |now| matches!(now, Observation::Running { .. })).await;
    assert!(house.lines(second).iter().all(|(stream, _)| *stream != LogStream::Prepare), "it is made once");

    let failing = ServiceId(Clock::System.new_uuid());
    let steps = vec![step("breaking", "echo no such package; exit 2")];
    house.runtime.start(failing, Launch::Process(order("b", steps))).await.unwrap();
    let failure = ended(&house.runtime, failing).await.start_failure.unwrap();
    assert_eq!(failure, "breaking failed (exit code 2): no such package");

    let stopped = ServiceId(Clock::System.new_uuid());
    house.runtime.start(stopped, Launch::Process(order("c", vec![step("waiting", "sleep 600")]))).await.unwrap();
    until(&house.runtime, stopped, |now| matches!(now, Observation::Preparing { label, .. } if label == "waiting")).await;
    house.runtime.stop(stopped, Duration::from_secs(5)).await.unwrap();
    let end = ended(&house.runtime, stopped).await;
    assert!(end.was_asked && end.start_failure.is_none());
    for id in [id, second] {
        house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
    }
}

#[tokio::test]
async fn a_flood_of_output_is_kept_and_does_not_grow_the_supervisor() {
    let house = House::new().await;
    let flood = "
import sys, time
for n in range(200):
    sys.stdout.write(''.join(f'number {n * 5000 + m} {chr(120) * 60}\\n' for m in range(5000)))
sys.stdout.write('y' * 200000 + '\\n')
sys.stdout.flush()
print('done', flush=True)
time.sleep(600)
";
    let (id, _) = house.run(&["python3", "-c", flood]).await;
    house.until_said(id, "done").await;
    let output = house.output(id);
    assert_eq!(output.iter().filter(|line| line.starts_with("number")).count(), 1_000_000);
    assert_eq!(output.iter().filter(|line| line.starts_with('y')).map(String::len).collect::<Vec<_>>(), [65536, 65536, 65536, 3392]);
    let status = std::fs::read_to_string(format!("/proc/{}/status", house.supervisor(id))).unwrap();
    let peak: u64 = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok()).unwrap();
    assert!(peak < 16_000, "{peak} kB");
    house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn the_ports_that_a_tree_listens_on_are_found_and_its_use_measured() {
    let house = House::new().await;
    let server = "
import socket, os, time
s = socket.create_server(('127.0.0.1', 0))
print('port', s.getsockname()[1], flush=True)
while True: sum(range(10000))
";
    let (id, pid) = house.run(&["sh", "-c", "python3 -c \"$0\" & wait", server]).await;
    house.until_said(id, "port").await;
    let port: u16 = house.output(id)[0].trim_start_matches("port ").parse().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let stats = house.runtime.stats(id).await.unwrap().unwrap();
        let is_busy = stats.usage.cpu_percent.is_some_and(|cpu| cpu > 10.0);
        if is_busy && stats.listening_ports == [port] && stats.usage.memory_bytes.is_some_and(|bytes| bytes > 1 << 20) {
            assert_eq!((stats.pids[0], stats.pids.len()), (pid, 2));
            break;
        }
        assert!(Instant::now() < deadline, "{stats:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
}

/// Starts a service with limits.
async fn limited(house: &House, command: &[&str], limits: Limits) -> ServiceId {
    let id = ServiceId(Clock::System.new_uuid());
    let launch = ProcessLaunch { limits, ..process_launch(house.folder(), command) };
    house.runtime.start(id, Launch::Process(launch)).await.unwrap();
    id
}

/// The control groups of a service that are there.
fn groups(id: ServiceId) -> Vec<PathBuf> {
    let name = format!("pilothouse-{id}");
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = waiting.pop() {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path());
        let (own, others): (Vec<_>, Vec<_>) = folders.partition(|path| path.ends_with(&name));
        found.extend(own);
        waiting.extend(others);
    }
    found
}

#[tokio::test]
async fn more_memory_than_the_limit_is_killed_and_the_reason_known() {
    let house = House::new().await;
    let limits = Limits { memory_bytes: Some(48 << 20), ..Limits::default() };
    let greedy = "import time\nprint('small', flush=True)\nx = bytearray(200 << 20)\nprint('large', flush=True)\ntime.sleep(60)";
    let id = limited(&house, &["python3", "-c", greedy], limits).await;
    let ended = ended(&house.runtime, id).await;
    assert_eq!((ended.signal, ended.oom), (Some(9), true));
    house.until_said(id, "small").await;
    assert!(!house.output(id).iter().any(|line| line == "large"));
    assert!(house.lines(id).iter().any(|(_, text)| text.contains("48 MiB of memory")), "{:?}", house.lines(id));
    assert!(groups(id).is_empty(), "nothing is left behind");
}

#[tokio::test]
async fn a_fork_bomb_stays_within_its_limit_and_is_stopped_whole() {
    let house = House::new().await;
    let limits = Limits { processes: Some(30), ..Limits::default() };
    // Each child goes on, in a session of its own, and none heeds SIGTERM.
    let bomb = "import os, signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('begins', flush=True)\nwhile True:\n    try:\n        if os.fork() == 0: os.setsid()\n    except OSError:\n        print('full', flush=True); time.sleep(0.05)";
    let id = limited(&house, &["python3", "-c", bomb], limits).await;
    house.until_said(id, "full").await;
    let group = groups(id);
    assert_eq!(group.len(), 1, "{group:?}");
    let there = || std::fs::read_to_string(group[0].join("pids.current")).map_or(0, |count| count.trim().parse::<u32>().unwrap());
    assert_eq!(there(), 30);
    let another = tokio::process::Command::new("true").status().await.unwrap();
    assert!(another.success(), "others can still start processes");
    house.runtime.stop(id, Duration::from_millis(200)).await.unwrap();
    assert!(!group[0].exists(), "none of them is left, and so the group can go");
}

#[tokio::test]
async fn a_share_of_a_core_is_all_that_a_busy_loop_gets() {
    let house = House::new().await;
    let limits = Limits { cpu_percent: Some(20), open_files: Some(77), ..Limits::default() };
    let busy = "import os, resource, time\nprint(resource.getrlimit(resource.RLIMIT_NOFILE), flush=True)\nend = time.monotonic() + 2\nwhile time.monotonic() < end: pass\nused = sum(os.times()[:2])\nprint('little' if used < 0.8 else used, flush=True)\ntime.sleep(60)";
    let id = limited(&house, &["python3", "-c", busy], limits).await;
    house.until_said(id, "little").await;
    assert_eq!(house.output(id)[0], "(77, 77)", "from its very start");
    house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
    assert!(groups(id).is_empty(), "nothing is left behind");
}

#[tokio::test]
async fn what_left_a_service_is_still_in_its_group_when_a_new_supervisor_stops_it() {
    let house = House::new().await;
    let limits = Limits { memory_bytes: Some(256 << 20), ..Limits::default() };
    // The child closes its output, leaves the session and is orphaned: of it only the group knows.
    let leaver = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork(): os._exit(0)\n    open('left', 'w').write(str(os.getpid()))\n    os.closerange(0, 10)\n    time.sleep(600)\nprint('apart', flush=True)\ntime.sleep(600)";
    let id = limited(&house, &["python3", "-c", leaver], limits).await;
    house.until_said(id, "apart").await;
    let left = house.folder().join("left");
    until_so("it has not left", || std::fs::read_to_string(&left).is_ok_and(|pid| !pid.is_empty())).await;
    let left: u32 = std::fs::read_to_string(left).unwrap().parse().unwrap();
    kill(house.supervisor(id));
    let runtime = house.reborn();
    runtime.observe_all().await.unwrap();
    until(&runtime, id, |now| matches!(now, Observation::Running { .. })).await;
    assert!(is_alive(left));
    runtime.stop(id, Duration::from_secs(5)).await.unwrap();
    assert!(!is_alive(left));
    assert!(groups(id).is_empty(), "nothing is left behind");
}

/// A small disk in place of the run folders; goes with the test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(path: PathBuf) -> Self {
        std::fs::create_dir_all(&path).unwrap();
        let mounted = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs"]).arg(&path).status();
        assert!(mounted.unwrap().success(), "this test mounts a small file system, which takes root");
        Self(path)
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        use std::io::Write as _;
        let mut filler = std::fs::File::create(self.0.join("filler")).unwrap();
        while filler.write(&[0; 512]).is_ok_and(|written| written > 0) {}
    }

    fn clear(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_keeps_nothing_from_being_stopped_and_says_why_nothing_starts() {
    let house = House::new().await;
    let disk = SmallDisk::at(house.core.config.data_dir.join("run"));
    let (stubborn, pid) = house
        .run(&["python3", "-c", "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(600)"])
        .await;
    house.until_said(stubborn, "deaf").await;
    let (talker, other) =
        house.run(&["python3", "-c", "import time\nwhile True:\n    print('x' * 200, flush=True)\n    time.sleep(0.001)"]).await;
    house.until_said(talker, "xxx").await;
    disk.fill();
    house.runtime.stop(stubborn, Duration::from_millis(100)).await.unwrap();
    house.runtime.stop(talker, Duration::from_secs(5)).await.unwrap();
    assert!(!is_alive(pid) && !is_alive(other));
    for (id, signal) in [(stubborn, 9), (talker, 15)] {
        let next = house.reborn();
        next.observe_all().await.unwrap();
        assert_eq!(ended(&next, id).await.signal, Some(signal), "that is recorded, too");
    }
    let id = ServiceId(Clock::System.new_uuid());
    let refused = house.runtime.start(id, process(house.folder(), &["true"])).await.unwrap_err();
    assert!(refused.code == api::ErrorCode::StorageFull && !refused.message.contains("os error"), "{refused}");
    disk.clear();
    let (again, _) = house.run(&["sh", "-c", "echo back; sleep 600"]).await;
    house.until_said(again, "back").await;
    house.runtime.stop(again, Duration::from_secs(5)).await.unwrap();
}
