//! Restarts without a break: two copies, one listening socket.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use engine::runtime::{HandOver, HandedOver};

use super::*;

/// A server that takes its socket as systemd hands it over, answers with its process id, and ends when it has answered all.
pub const SERVER: &str = "
import asyncio, os, signal, socket
assert (os.environ['LISTEN_FDS'], os.environ['LISTEN_PID'], os.environ['LISTEN_FDNAMES']) == ('1', str(os.getpid()), 'port')
async def answer(reader, writer):
    await reader.readline()
    writer.write(b'%d' % os.getpid())
    await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(answer, sock=socket.socket(fileno=3))
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    print('listens', flush=True)
    await over.wait()
    server.close()
    for _ in range(10): await asyncio.sleep(0)
    while left := asyncio.all_tasks() - {asyncio.current_task()}: await asyncio.wait(left)
    print('ended well', flush=True)
asyncio.run(main())
";

pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn order(house: &House, command: &[&str], port: u16) -> ProcessLaunch {
    ProcessLaunch { socket: Some(port), ..process_launch(house.folder(), command) }
}

fn server(house: &House, port: u16) -> ProcessLaunch {
    order(house, &["python3", "-c", SERVER], port)
}

/// Starts the server; answers its id and its process.
async fn serve(house: &House, port: u16) -> (ServiceId, u32) {
    let id = ServiceId(Clock::System.new_uuid());
    house.runtime.start(id, Launch::Process(server(house, port))).await.unwrap();
    let pid = running(&house.runtime, id).await;
    assert_eq!(ask(port).unwrap(), pid, "what comes before it listens is answered when it does");
    (id, pid)
}

pub async fn running(runtime: &dyn Runtime, id: ServiceId) -> u32 {
    match until(runtime, id, |now| matches!(now, Observation::Running { .. } | Observation::Ended(_))).await {
        Observation::Running { pid, .. } => pid,
        other => panic!("{other:?}"),
    }
}

/// Asks by a new connection who answers.
pub fn ask(port: u16) -> std::io::Result<u32> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(b"who?\n")?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    said.parse().map_err(|_| std::io::Error::other(format!("it said '{said}'")))
}

/// Somebody who asks all the time, each time by a new connection.
struct Client {
    is_over: Arc<AtomicBool>,
    heard: Arc<Mutex<Vec<u32>>>,
    asking: JoinHandle<Vec<String>>,
}

impl Client {
    fn of(port: u16) -> Self {
        let (is_over, heard) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<Vec<u32>>>::default());
        let (until, hears) = (is_over.clone(), heard.clone());
        let asking = std::thread::spawn(move || {
            let mut errors = Vec::new();
            while !until.load(Ordering::Relaxed) {
                match ask(port) {
                    Ok(pid) => hears.lock().unwrap().push(pid),
                    Err(error) => errors.push(error.to_string()),
                }
            }
            errors
        });
        Self { is_over, heard, asking }
    }

    async fn until_heard(&self, pid: u32) {
        until_so("it hasn't answered", || self.heard.lock().unwrap().contains(&pid)).await;
    }

    /// How often it was answered. Fails when once it wasn't.
    fn end(self) -> usize {
        self.is_over.store(true, Ordering::Relaxed);
        let errors = self.asking.join().unwrap();
        assert_eq!(errors, [""; 0]);
        self.heard.lock().unwrap().len()
    }
}

pub async fn hand_over(runtime: &ProcessRuntime, id: ServiceId, number: i64, launch: ProcessLaunch) -> HandedOver {
    let order = HandOver { number, launch: Some(launch), grace: Duration::from_secs(20) };
    runtime.hand_over(id, order, &|_| {}).await.unwrap()
}

/// Begins one that doesn't come to its end, and waits until its new copy was started.
async fn begin(house: &House, id: ServiceId, number: i64, launch: ProcessLaunch) -> (tokio::task::JoinHandle<HandedOver>, u32) {
    let runtime = house.reborn();
    runtime.observe_all().await.unwrap();
    let order = HandOver { number, launch: Some(launch), grace: Duration::from_secs(20) };
    let handing = tokio::spawn(async move { runtime.hand_over(id, order, &|_| {}).await.unwrap() });
    let new = || state(house, id)["handover"]["stage"]["root"]["pid"].as_u64().map(|pid| pid as u32);
    until_so("no new copy was started", || new().is_some()).await;
    (handing, new().unwrap())
}

fn state(house: &House, id: ServiceId) -> serde_json::Value {
    let state = house.core.config.data_dir.join("run").join(id.to_string()).join("state.json");
    serde_json::from_slice(&std::fs::read(state).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_restarts_refuse_and_reset_not_one_connection() {
    let house = House::new().await;
    let port = free_port();
    let (id, first) = serve(&house, port).await;
    let clients = [Client::of(port), Client::of(port)];
    let mut seen = HashSet::from([first]);
    for number in 1..=10 {
        assert_eq!(hand_over(&house.runtime, id, number, server(&house, port)).await, HandedOver::Done, "{:#?}", house.lines(id));
        let pid = running(&house.runtime, id).await;
        assert!(seen.insert(pid), "it is a new one");
        for client in &clients {
            client.until_heard(pid).await;
        }
    }
    let answers: Vec<usize> = clients.into_iter().map(Client::end).collect();
    assert!(answers.iter().all(|count| *count > 20), "{answers:?}");
    let alive: Vec<u32> = seen.into_iter().filter(|pid| is_alive(*pid)).collect();
    assert_eq!(alive, [running(&house.runtime, id).await], "one is left");
    assert_eq!(house.output(id).iter().filter(|line| *line == "ended well").count(), 10);
    house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
    assert!(ask(port).is_err(), "its port is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_copy_that_ends_leaves_the_one_before_as_it_was_and_says_why() {
    let house = House::new().await;
    let port = free_port();
    let (id, pid) = serve(&house, port).await;
    let before = house.runtime.observe(id).await.unwrap();
    let client = Client::of(port);
    let broken = order(&house, &["sh", "-c", "sleep 600 & echo 'Error: no such table' >&2; exit 3"], port);
    let why = "the new copy exited with code 3 before it listened: Error: no such table";
    assert_eq!(hand_over(&house.runtime, id, 1, broken).await, HandedOver::Failed(why.into()));
    let missing = order(&house, &["no-such-program"], port);
    let HandedOver::Failed(why) = hand_over(&house.runtime, id, 2, missing).await else { panic!() };
    assert!(why.contains("'no-such-program'"), "{why}");
    assert_eq!(house.runtime.observe(id).await.unwrap(), before);
    let alone = || std::fs::read_to_string(format!("/proc/{}/task/{}/children", house.supervisor(id), house.supervisor(id)));
    until_so("what the new copy had started lives", || alone().is_ok_and(|children| children.trim() == pid.to_string())).await;
    assert_eq!(hand_over(&house.runtime, id, 2, server(&house, port)).await, HandedOver::Failed(why), "asked again it is the same one");
    assert_eq!(hand_over(&house.runtime, id, 3, server(&house, port)).await, HandedOver::Done, "and another one goes well");
    client.until_heard(running(&house.runtime, id).await).await;
    client.end();
    house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_new_copy_needs_is_made_while_the_one_before_serves() {
    let house = House::new().await;
    let port = free_port();
    let (id, _) = serve(&house, port).await;
    let client = Client::of(port);
    let with = |name: &str, script: &str| {
        let mut launch = server(&house, port);
        let folder = house.folder().join("envs").join(name);
        let steps = vec![PrepareStep { label: "making".into(), command: ["sh", "-c", script].map(str::to_owned).to_vec() }];
        launch.prepare =
            Some(Prepare { lock: folder.join("lock"), marker: folder.join("complete"), environment: launch.environment.clone(), steps });
        launch
    };
    let failed = hand_over(&house.runtime, id, 1, with("bad", "echo ERROR: no such package; exit 2")).await;
    assert_eq!(failed, HandedOver::Failed("making failed (exit code 2): ERROR: no such package".into()));
    assert_eq!(hand_over(&house.runtime, id, 2, with("good", "echo made > made")).await, HandedOver::Done);
    assert!(house.folder().join("made").exists());
    client.until_heard(running(&house.runtime, id).await).await;
    client.end();
    house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_middle_stops_both() {
    let house = House::new().await;
    let port = free_port();
    let (id, pid) = serve(&house, port).await;
    let deaf = "trap '' TERM; sleep 600 & wait; while :; do sleep 1; done";
    let (handing, new) = begin(&house, id, 1, order(&house, &["sh", "-c", deaf], port)).await;
    assert!(is_alive(pid) && is_alive(new));
    house.runtime.stop(id, Duration::from_millis(300)).await.unwrap();
    assert!(!is_alive(pid) && !is_alive(new));
    assert!(matches!(handing.await.unwrap(), HandedOver::Impossible | HandedOver::Failed(_)));
    let end = ended(&house.runtime, id).await;
    assert!(end.was_asked && end.start_failure.is_none(), "{end:?}");
    assert!(ask(port).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_that_is_killed_in_the_middle_leaves_one_copy_that_answers() {
    let house = House::new().await;
    let port = free_port();
    let (id, pid) = serve(&house, port).await;
    let client = Client::of(port);
    let (handing, new) = begin(&house, id, 1, order(&house, &["sh", "-c", "sleep 600; true"], port)).await;
    let old = house.supervisor(id);
    kill(old);
    let HandedOver::Failed(why) = handing.await.unwrap() else { panic!() };
    assert!(why.contains("its supervisor was ended"), "{why}");
    assert!(house.supervisor(id) != old && is_alive(pid) && !is_alive(new));
    assert_eq!(
        hand_over(&house.runtime, id, 2, server(&house, port)).await,
        HandedOver::Done,
        "the socket was had back: {:#?}",
        house.lines(id)
    );
    assert!(!is_alive(pid));
    client.until_heard(running(&house.runtime, id).await).await;
    client.end();
    house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
    assert!(ask(port).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_that_is_killed_while_the_copy_before_ends_is_followed_by_one_that_ends_it() {
    let house = House::new().await;
    let port = free_port();
    let id = ServiceId(Clock::System.new_uuid());
    // It hears no SIGTERM, but answers until it is killed.
    let stubborn = SERVER.replace("over.set", "lambda: print('asked', flush=True)");
    house.runtime.start(id, Launch::Process(order(&house, &["python3", "-c", &stubborn], port))).await.unwrap();
    let pid = running(&house.runtime, id).await;
    ask(port).unwrap();
    let handing = HandOver { number: 1, launch: Some(server(&house, port)), grace: Duration::from_secs(3) };
    let runtime = house.reborn();
    runtime.observe_all().await.unwrap();
    let handing = tokio::spawn(async move { runtime.hand_over(id, handing, &|_| {}).await.unwrap() });
    house.until_said(id, "asked").await;
    kill(house.supervisor(id));
    assert_eq!(handing.await.unwrap(), HandedOver::Done);
    let new = running(&house.runtime, id).await;
    assert!(new != pid && !is_alive(pid));
    assert_eq!(ask(port).unwrap(), new);
    house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_pilothouse_waits_for_what_the_one_before_has_asked_for() {
    let house = House::new().await;
    let port = free_port();
    let (id, pid) = serve(&house, port).await;
    let client = Client::of(port);
    let waits = format!("import time, os\nwhile not os.path.exists('go'): time.sleep(0.01)\n{SERVER}");
    let (handing, new) = begin(&house, id, 7, order(&house, &["python3", "-c", &waits], port)).await;
    handing.abort();
    let reborn = house.reborn();
    reborn.observe_all().await.unwrap();
    assert_eq!(reborn.socket(id).unwrap().last, Some(7));
    assert_eq!(running(&reborn, id).await, pid);
    std::fs::write(house.folder().join("go"), "").unwrap();
    let same = HandOver { number: 7, launch: None, grace: Duration::ZERO };
    assert_eq!(reborn.hand_over(id, same, &|_| {}).await.unwrap(), HandedOver::Done);
    assert_eq!(running(&reborn, id).await, new);
    client.until_heard(new).await;
    client.end();
    reborn.stop(id, Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_port_gets_a_socket_of_its_own() {
    let house = House::new().await;
    let (before, after) = (free_port(), free_port());
    let (id, _) = serve(&house, before).await;
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let HandedOver::Failed(why) = hand_over(&house.runtime, id, 1, server(&house, port)).await else { panic!() };
    assert!(why.contains(&format!("port {port} can't be listened on")), "{why}");
    assert_eq!(house.runtime.socket(id).unwrap().port, before);
    assert_eq!(hand_over(&house.runtime, id, 2, server(&house, after)).await, HandedOver::Done);
    assert_eq!(house.runtime.socket(id).unwrap().port, after);
    assert_eq!(ask(after).unwrap(), running(&house.runtime, id).await);
    assert!(ask(before).is_err(), "nobody listens there any more");
    house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_left_the_copy_before_goes_with_it_and_what_left_the_new_one_stays() {
    let house = House::new().await;
    let port = free_port();
    let leaver = format!(
        "import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork(): os._exit(0)\n    print('apart', os.getpid(), flush=True)\n    import time; time.sleep(600)\n{SERVER}"
    );
    let launch = order(&house, &["python3", "-c", &leaver], port);
    let id = ServiceId(Clock::System.new_uuid());
    house.runtime.start(id, Launch::Process(launch.clone())).await.unwrap();
    running(&house.runtime, id).await;
    ask(port).unwrap();
    assert_eq!(hand_over(&house.runtime, id, 1, launch).await, HandedOver::Done);
    ask(port).unwrap();
    let apart = || -> Vec<u32> { house.output(id).iter().filter_map(|line| line.strip_prefix("apart ")?.parse().ok()).collect() };
    until_so("none has left the new copy", || apart().len() == 2).await;
    assert_eq!(apart().into_iter().map(is_alive).collect::<Vec<_>>(), [false, true]);
    house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
    assert!(!apart().into_iter().any(is_alive));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_waits_in_accept_poll_or_select_is_seen_to_listen() {
    let house = House::new().await;
    let port = free_port();
    let answers = "    c, _ = s.accept()\n    c.recv(100); c.sendall(str(os.getpid()).encode()); c.close()\n";
    let (id, _) = serve(&house, port).await;
    let waits = [
        ("accept", ""),
        ("poll", "    p = select.poll(); p.register(s, select.POLLIN); p.poll()\n"),
        ("select", "    select.select([s], [], [])\n"),
        ("a thread", ""),
    ];
    for (number, (name, wait)) in waits.into_iter().enumerate() {
        let serve = format!("def serve():\n  while True:\n{wait}{answers}");
        let run = if name == "a thread" { "threading.Thread(target=serve).start()" } else { "serve()" };
        let script = format!("import os, select, socket, threading\ns = socket.socket(fileno=3); s.setblocking(True)\n{serve}\n{run}");
        let began = Instant::now();
        let outcome = hand_over(&house.runtime, id, number as i64 + 1, order(&house, &["python3", "-c", &script], port)).await;
        assert_eq!(outcome, HandedOver::Done, "{name}");
        assert!(began.elapsed() < Duration::from_secs(8), "{name} took {:?}", began.elapsed());
        assert_eq!(ask(port).unwrap(), running(&house.runtime, id).await, "{name}");
    }
    house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_not_seen_to_listen_takes_over_when_it_has_lived_for_ten_seconds() {
    let house = House::new().await;
    let port = free_port();
    let (id, pid) = serve(&house, port).await;
    let began = Instant::now();
    assert_eq!(hand_over(&house.runtime, id, 1, order(&house, &["sleep", "600"], port)).await, HandedOver::Done);
    assert!(began.elapsed() >= Duration::from_secs(10) && !is_alive(pid));
    house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_ends_by_itself_meanwhile_is_replaced_at_once() {
    let house = House::new().await;
    let port = free_port();
    let (id, pid) = serve(&house, port).await;
    let (handing, new) = begin(&house, id, 1, order(&house, &["sh", "-c", "sleep 600; true"], port)).await;
    kill(pid);
    assert_eq!(handing.await.unwrap(), HandedOver::Done);
    assert_eq!(running(&house.runtime, id).await, new);
    kill(new);
    let end = ended(&house.runtime, id).await;
    assert_eq!((end.signal, end.was_asked), (Some(9), false), "the end of that one is a crash again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_socket_or_other_limits_takes_a_restart_with_a_break() {
    let house = House::new().await;
    let (id, _) = house.run(&["sleep", "600"]).await;
    let port = free_port();
    assert_eq!(house.runtime.socket(id), None);
    assert_eq!(hand_over(&house.runtime, id, 1, server(&house, port)).await, HandedOver::Impossible);
    house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
    let (id, pid) = serve(&house, port).await;
    let limited = ProcessLaunch { limits: Limits { open_files: Some(50), ..Limits::default() }, ..server(&house, port) };
    assert_eq!(hand_over(&house.runtime, id, 1, limited).await, HandedOver::Impossible);
    assert_eq!(hand_over(&house.runtime, id, 2, process_launch(house.folder(), &["true"])).await, HandedOver::Impossible);
    assert_eq!(running(&house.runtime, id).await, pid);
    house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn both_copies_keep_to_the_limits_and_a_port_that_is_taken_is_why_nothing_starts() {
    let house = House::new().await;
    let port = free_port();
    let limits = Limits { memory_bytes: Some(128 << 20), open_files: Some(64), ..Limits::default() };
    let launch = || ProcessLaunch { limits, ..server(&house, port) };
    let id = ServiceId(Clock::System.new_uuid());
    house.runtime.start(id, Launch::Process(launch())).await.unwrap();
    running(&house.runtime, id).await;
    ask(port).unwrap();
    assert_eq!(hand_over(&house.runtime, id, 1, launch()).await, HandedOver::Done, "{:#?}", house.lines(id));
    let pid = running(&house.runtime, id).await;
    let held = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    assert!(held.lines().any(|line| line.starts_with("Max open files") && line.contains("64")), "{held}");
    if let [group] = &groups(id)[..] {
        let members = std::fs::read_to_string(group.join("cgroup.procs")).unwrap();
        assert_eq!(members.trim(), pid.to_string());
    }
    let other = ServiceId(Clock::System.new_uuid());
    house.runtime.start(other, Launch::Process(server(&house, port))).await.unwrap();
    let why = ended(&house.runtime, other).await.start_failure.unwrap();
    assert!(why.contains(&format!("port {port} can't be listened on")), "{why}");
    house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
    assert!(groups(id).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_closed_its_socket_is_restarted_with_a_break_when_its_supervisor_was_killed() {
    let house = House::new().await;
    let port = free_port();
    let id = ServiceId(Clock::System.new_uuid());
    let launch = order(&house, &["sh", "-c", "exec 3>&-; echo closed; sleep 600; true"], port);
    house.runtime.start(id, Launch::Process(launch)).await.unwrap();
    let pid = running(&house.runtime, id).await;
    house.until_said(id, "closed").await;
    assert_eq!(house.runtime.socket(id).unwrap().port, port);
    let old = house.supervisor(id);
    kill(old);
    until_so("no new supervisor has come", || house.supervisor(id) != old).await;
    until_so("it still has a socket", || house.runtime.socket(id).is_none()).await;
    assert_eq!(hand_over(&house.runtime, id, 1, server(&house, port)).await, HandedOver::Impossible);
    assert!(is_alive(pid) && house.lines(id).iter().any(|(_, text)| text.contains("can't be had back")), "{:?}", house.lines(id));
    house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
}
