//! Supervisors are forked by one process, which may end or hang at any time.

use super::*;

/// What follows the name in `/proc/PID/stat`: the state, the parent and so on.
fn parent(pid: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap()
}

fn arguments(pid: u32) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    text.trim_end_matches('\0').split('\0').skip(1).map(String::from).collect()
}

#[tokio::test]
async fn supervisors_are_forks_of_one_process_which_ends_with_pilothouse_and_they_live_on() {
    let house = House::new().await;
    let (one, two) = (house.run(&["sleep", "600"]).await, house.run(&["sleep", "600"]).await);
    let server = parent(house.supervisor(one.0));
    assert_eq!(arguments(server)[..2], ["supervise", "--fork-server"]);
    assert_eq!((parent(server), parent(house.supervisor(two.0))), (std::process::id(), server));
    for (id, pid) in [one, two] {
        let folder = house.core.config.data_dir.join("run").join(id.to_string());
        let supervisor = house.supervisor(id);
        assert_eq!(arguments(supervisor), ["supervise", "--run-folder", folder.to_str().unwrap()]);
        let of = |part: &str| std::fs::read_link(format!("/proc/{supervisor}/{part}")).unwrap();
        assert_eq!(
            (of("cwd"), of("fd/0"), of("fd/1"), of("fd/2")),
            (folder.clone(), "/dev/null".into(), "/dev/null".into(), folder.join("supervisor.err"))
        );
        let open = std::fs::read_dir(format!("/proc/{supervisor}/fd")).unwrap().count();
        // What ignores the end of its children, or has signals held back, hands that on to what it starts.
        for process in [supervisor, pid] {
            let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
            let mask =
                |name: &str| u64::from_str_radix(status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim(), 16).unwrap();
            let child = 1 << (Signal::CHILD.as_raw() - 1);
            assert_eq!((mask("SigIgn:") & child, mask("SigBlk:")), (0, 0), "{status}");
        }
        assert!(open < 20, "{open} descriptors");
    }
    // The end of a service is the end of its supervisor, of which nothing stays.
    let supervisor = house.supervisor(one.0);
    house.runtime.stop(one.0, Duration::from_secs(5)).await.unwrap();
    until_so("its supervisor isn't collected", || !Path::new(&format!("/proc/{supervisor}")).exists()).await;

    let next = house.reborn();
    let House { store, core, runtime } = house;
    core.shutdown.cancel();
    drop(runtime);
    until_so("it doesn't end with Pilothouse", || !is_alive(server)).await;
    assert!(is_alive(two.1));
    let state = store.config.data_dir.join("run").join(two.0.to_string());
    assert!(state.exists());
    next.observe_all().await.unwrap();
    assert!(matches!(next.observe(two.0).await, Ok(Observation::Running { pid, .. }) if pid == two.1));
    kill(two.1);
}

#[tokio::test]
async fn the_end_of_who_forks_supervisors_ends_none_and_the_next_start_has_a_new_one() {
    let house = House::new().await;
    let (first, pid) = house.run(&["sleep", "600"]).await;
    let (server, supervisor) = (parent(house.supervisor(first)), house.supervisor(first));
    kill(server);
    until_so("it isn't killed", || !is_alive(server)).await;
    let (second, _) = house.run(&["sleep", "600"]).await;
    let next = parent(house.supervisor(second));
    assert_ne!(next, server);
    assert_eq!(arguments(next)[..2], ["supervise", "--fork-server"]);
    assert!(is_alive(pid) && house.supervisor(first) == supervisor);
    for id in [first, second] {
        house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
    }
}

#[tokio::test]
async fn a_start_succeeds_although_who_forks_supervisors_hangs() {
    let house = House::new().await;
    let (first, _) = house.run(&["sleep", "600"]).await;
    let server = parent(house.supervisor(first));
    kill_process(Pid::from_raw(server as i32).unwrap(), Signal::STOP).unwrap();
    let (second, pid) = house.run(&["sleep", "600"]).await;
    assert_eq!(parent(house.supervisor(second)), std::process::id(), "it was executed");
    until_so("what hangs isn't ended", || !is_alive(server)).await;
    let (third, _) = house.run(&["sleep", "600"]).await;
    let next = parent(house.supervisor(third));
    assert!(next != server && next != std::process::id());
    assert!(is_alive(pid));
    for id in [first, second, third] {
        house.runtime.stop(id, Duration::from_secs(5)).await.unwrap();
    }
}
