//! What containers are connected to, as the kernel says it.

use std::time::{Duration, Instant};

use engine::runtime::{Connection, Runtime as _};

use super::{Foreign, House, docker};

/// Takes connections, and waits a minute for what is said.
const TAKES: &str = "httpd -f -p 7000 -h /tmp";

fn is_connected(open: &[Connection], to: &str, is_here: bool) -> bool {
    open.iter().any(|one| one.to.to_string() == to && one.is_here == is_here)
}

#[tokio::test]
async fn what_a_container_is_connected_to_is_seen_and_whom_it_is_asked_by_is_not() {
    let house = House::new().await;
    let db = Foreign::run(&[], TAKES);
    let address = docker(&["inspect", "--format", "{{.NetworkSettings.IPAddress}}", &db.0]);
    let gateway = docker(&["inspect", "--format", "{{.NetworkSettings.Gateway}}", &db.0]);
    let machine = tokio::net::TcpListener::bind((gateway.as_str(), 0)).await.unwrap();
    let port = machine.local_addr().unwrap().port();
    let pid = docker(&["inspect", "--format", "{{.State.Pid}}", &db.0]);
    let deadline = Instant::now() + Duration::from_secs(30);
    let listens = |table: &str| std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap().contains(":1B58 ");
    while !(listens("tcp") || listens("tcp6")) {
        assert!(Instant::now() < deadline, "nothing takes connections");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let script = format!("(sleep 600 | nc {address} 7000) & (sleep 600 | nc {gateway} {port}) & sleep 600");
    let web = Foreign::run(&[], &script);
    let (from, to) = (house.adopt(&web.0), house.adopt(&db.0));
    let open = loop {
        let open = house.connections(vec![(from, Vec::new()), (to, Vec::new())]).await.unwrap();
        if is_connected(&open, &format!("{address}:7000"), false) && is_connected(&open, &format!("{gateway}:{port}"), true) {
            break open;
        }
        assert!(Instant::now() < deadline, "{open:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(open.iter().all(|one| one.from == from), "what was accepted isn't one that was opened: {open:?}");
    let wiring = house.wiring(to).unwrap();
    assert_eq!(wiring.addresses, [address.parse::<std::net::IpAddr>().unwrap()]);
    // It shares the network of the machine, whose connections are none of its own.
    let host = Foreign::run(&["--network", "host"], &format!("sleep 600 | nc {gateway} {port}"));
    let sharing = house.adopt(&host.0);
    super::until(house.as_ref(), sharing, super::is_running).await;
    assert_eq!(house.connections(vec![(sharing, Vec::new())]).await.unwrap(), []);
}
