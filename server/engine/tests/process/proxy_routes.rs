//! Where requests go, and what becomes of those under way when that changes, the service starts again, or the proxy itself does.

use std::collections::HashMap;

use engine::runtime::HandedOver;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::handover::{free_port, hand_over, running};
use super::*;

#[tokio::test]
async fn of_a_hundred_requests_five_go_to_the_target_with_five_and_are_counted() {
    let (old, new) = (Backend::new("old").await, Backend::new("new").await);
    let proxy = Proxy::with(vec![old.target(95), new.target(5)]).await;
    let mut sender = connect(proxy.port).await;
    for _ in 0..100 {
        sender.ready().await.unwrap();
        text(sender.send_request(request("/")).await.unwrap()).await;
    }
    assert_eq!((old.seen(), new.seen()), (95, 5));
    let (old_side, new_side) = (proxy.counted("old").await, proxy.counted("new").await);
    assert_eq!((old_side.requests, old_side.errors, old_side.in_flight), (95, 0, 0));
    assert_eq!((new_side.requests, new_side.latency.iter().sum::<u64>()), (5, 5));
    let said = format!("revision 1: {} gets 95 of 100, {} 5", old.address, new.address);
    assert!(proxy.said.lock().unwrap().contains(&said), "{:?}", proxy.said);

    proxy.route(2, vec![new.target(1)]).await;
    assert_eq!(get(proxy.port, "/failing").await, (StatusCode::INTERNAL_SERVER_ERROR, "no".into()));
    let mut changing = request("/drop");
    *changing.method_mut() = hyper::Method::POST;
    let answer = connect(proxy.port).await.send_request(changing).await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(text(answer).await, "shop closed the connection without an answer\n");
    let new_side = proxy.counted("new").await;
    assert_eq!((new_side.requests, new_side.errors), (7, 2));
    assert_eq!(new.seen(), 7, "what may have changed something isn't sent again");
    assert_eq!(get(proxy.port, "/drop").await.0, StatusCode::BAD_GATEWAY);
    assert_eq!((new.seen(), proxy.counted("new").await.errors), (10, 5), "what changes nothing is, twice");
    assert_eq!(proxy.counted("old").await, old_side, "it is remembered when it has left");
    assert!(proxy.memory("VmRSS") < 16 << 10, "{} KiB", proxy.memory("VmRSS"));
}

#[tokio::test]
async fn new_routes_move_what_comes_and_leave_what_is_under_way() {
    let (old, new) = (Backend::new("old").await, Backend::new("new").await);
    let proxy = Proxy::with(vec![old.target(1)]).await;
    let port = proxy.port;
    let waiting = tokio::spawn(async move { get(port, "/wait").await });
    old.came.notified().await;
    proxy.route(2, vec![new.target(1)]).await;
    assert_eq!(get(port, "/").await.1, "new");
    assert_eq!(proxy.counted("old").await.in_flight, 1);
    old.go.send_replace(true);
    assert_eq!(waiting.await.unwrap(), (StatusCode::OK, "old".into()));
    assert_eq!((old.seen(), new.seen()), (1, 1));
}

/// Asks all the time by kept connections, new ones where these are closed; answers how many answers there were of each, and what went wrong.
fn hammer(port: u16, over: watch::Receiver<bool>) -> tokio::task::JoinHandle<(HashMap<String, usize>, Vec<String>)> {
    tokio::spawn(async move {
        let (mut answers, mut errors) = (HashMap::new(), Vec::new());
        let mut sender = connect(port).await;
        while !*over.borrow() {
            if sender.ready().await.is_err() {
                sender = connect(port).await;
            }
            match sender.send_request(request("/")).await {
                Ok(response) if response.status() == StatusCode::OK => *answers.entry(text(response).await).or_default() += 1,
                Ok(response) => errors.push(text(response).await),
                Err(error) => errors.push(format!("{error:?}")),
            }
        }
        (answers, errors)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_requests_move_from_one_to_the_other_and_back() {
    let (old, new) = (Backend::new("old").await, Backend::new("new").await);
    let proxy = Proxy::with(vec![old.target(100), new.target(0)]).await;
    let (over, is_over) = watch::channel(false);
    let clients: Vec<_> = (0..16).map(|_| hammer(proxy.port, is_over.clone())).collect();
    for revision in 2..22 {
        let (of_old, of_new) = if revision % 2 == 0 { (0, 100) } else { (100, 0) };
        let next = if of_old == 0 { &new } else { &old };
        let before = next.seen();
        proxy.route(revision, vec![old.target(of_old), new.target(of_new)]).await;
        until_so("it gets nothing", || next.seen() > before + 50).await;
    }
    over.send_replace(true);
    for client in clients {
        let (answers, errors) = client.await.unwrap();
        assert_eq!(errors, [""; 0]);
        assert!(answers["old"] > 0 && answers["new"] > 0, "{answers:?}");
    }
    let (old_side, new_side) = (proxy.counted("old").await, proxy.counted("new").await);
    assert_eq!((old_side.requests as usize, new_side.requests as usize), (old.seen(), new.seen()));
    assert_eq!((old_side.errors, new_side.errors, old_side.in_flight, new_side.in_flight), (0, 0, 0, 0));
}

#[tokio::test]
async fn a_service_that_starts_again_is_waited_for_and_another_one_is_taken_when_there_is_one() {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let gone = Target { id: "gone".into(), address, weight: 1 };
    let proxy = Proxy::with(vec![gone.clone()]).await;
    let port = proxy.port;
    let waiting = tokio::spawn(async move { get(port, "/").await });
    proxy.until_said(&format!("{address} can't be reached: Connection refused")).await;
    let back = Backend::at("back", address).await;
    assert_eq!(waiting.await.unwrap(), (StatusCode::OK, "back".into()));
    proxy.until_said(&format!("{address} is reached again")).await;
    let status = proxy.counted("gone").await;
    assert_eq!((status.requests, status.errors, back.seen()), (1, 0, 1));

    let spare = Backend::new("spare").await;
    let nobody = Target { address: SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())), ..gone };
    proxy.route(2, vec![nobody.clone(), spare.target(0)]).await;
    assert_eq!(get(port, "/").await.1, "spare", "although it gets none otherwise");
    proxy.route(3, vec![nobody]).await;
    let waiting = tokio::spawn(async move { get(port, "/").await });
    until_so("it doesn't wait", || {
        proxy.said.lock().unwrap().last().is_some_and(|line| line.contains("can't be reached") || line.contains("revision 3"))
    })
    .await;
    proxy.route(4, vec![spare.target(1)]).await;
    assert_eq!(waiting.await.unwrap().1, "spare", "new routes are followed meanwhile");
}

#[tokio::test]
async fn routes_that_make_no_sense_are_refused_and_the_former_stay() {
    let backend = Backend::new("one").await;
    let proxy = Proxy::with(vec![]).await;
    let port = proxy.port;
    let waiting = tokio::spawn(async move { get(port, "/").await });
    for broken in
        ["", "{\"revision\":", "{\"revision\":1,\"service\":\"\",\"targets\":[{\"id\":\"a\",\"address\":\"nowhere\",\"weight\":1}]}"]
    {
        std::fs::write(proxy.folder.join(ROUTES), broken).unwrap();
        let why = ask(&proxy.folder, Ask::Reload).await.unwrap_err().to_string();
        assert!(why.contains("routes.json can't be used: "), "{why}");
    }
    // One that starts with them listens nevertheless, and takes the place of the other one.
    let other = Proxy::start(tempfile::tempdir().unwrap(), proxy.folder.clone()).await;
    other.until_said("routes.json can't be used").await;
    assert_eq!(other.status().await.revision, 0);
    let other_port = other.port;
    let other_waiting = tokio::spawn(async move { get(other_port, "/").await });
    other.route(2, vec![backend.target(1)]).await;
    assert_eq!(other_waiting.await.unwrap().1, "one");
    proxy.terminate();
    assert_eq!(waiting.await.unwrap().1, "one", "the one that is to end follows the routes too, though it isn't told");
    let mut proxy = proxy;
    assert!(proxy.child.wait().await.unwrap().success());
    assert_eq!(other.status().await.revision, 2, "who ends leaves the socket to who has it");
    std::fs::remove_file(proxy.folder.join(ROUTES)).unwrap();
    assert!(ask(&proxy.folder, Ask::Reload).await.unwrap_err().to_string().contains("No such file"));
    assert_eq!((other.status().await.revision, get(other.port, "/").await.1), (2, "one".into()));
}

#[tokio::test]
async fn what_is_under_way_is_answered_when_it_is_asked_to_end() {
    let backend = Backend::new("one").await;
    let mut proxy = Proxy::with(vec![backend.target(1)]).await;
    let (mut idle, mut busy) = (connect(proxy.port).await, connect(proxy.port).await);
    text(idle.send_request(request("/")).await.unwrap()).await;
    backend.came.notified().await;
    let waiting = tokio::spawn(async move { busy.send_request(request("/wait")).await.unwrap() });
    backend.came.notified().await;
    proxy.terminate();
    let mut refused = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port)).await;
    while refused.is_ok() {
        refused = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port)).await;
    }
    let response = idle.send_request(request("/")).await.unwrap();
    assert_eq!(response.headers()["connection"], "close", "one that was on its way is answered, and is the last");
    backend.go.send_replace(true);
    let response = waiting.await.unwrap();
    assert_eq!(response.headers()["connection"], "close");
    assert_eq!(text(response).await, "one");
    assert_eq!(proxy.child.wait().await.unwrap().code(), Some(0));
    proxy.until_said("has ended").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_its_supervisor_restarts_breaks_off_no_request() {
    let house = House::new().await;
    let backend = Backend::new("one").await;
    let (port, folder) = (free_port(), house.folder().join("proxy"));
    std::fs::create_dir(&folder).unwrap();
    write(&folder, 1, vec![backend.target(1)]);
    let program = env!("CARGO_BIN_EXE_engine-supervise");
    let command = [program, "proxy", "--folder", folder.to_str().unwrap(), "--port", &port.to_string()];
    let launch = || ProcessLaunch { socket: Some(port), ..process_launch(house.folder(), &command) };
    let id = ServiceId(Clock::System.new_uuid());
    house.runtime.start(id, Launch::Process(launch())).await.unwrap();
    let mut pid = running(&house.runtime, id).await;
    let (over, is_over) = watch::channel(false);
    let clients: Vec<_> = (0..8).map(|_| hammer(port, is_over.clone())).collect();
    for number in 1..=3 {
        let before = backend.seen();
        until_so("it gets nothing", || backend.seen() > before + 100).await;
        assert_eq!(hand_over(&house.runtime, id, number, launch()).await, HandedOver::Done);
        assert_ne!(pid, running(&house.runtime, id).await);
        pid = running(&house.runtime, id).await;
    }
    over.send_replace(true);
    for client in clients {
        let (answers, errors) = client.await.unwrap();
        assert_eq!(errors, [""; 0]);
        assert!(answers["one"] > 0);
    }
    let listens = format!("listens on http://127.0.0.1:{port}");
    assert_eq!(house.output(id).iter().filter(|line| **line == listens).count(), 4);
    house.runtime.stop(id, Duration::from_secs(10)).await.unwrap();
    assert_eq!(ended(&house.runtime, id).await.code, Some(0));
}

#[tokio::test]
async fn a_kept_connection_that_the_service_has_closed_loses_no_request() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let target = Target { id: "hasty".into(), address: listener.local_addr().unwrap(), weight: 1 };
    let (closed, mut is_closed) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut seen = Vec::new();
            while !seen.ends_with(b"\r\n\r\n") && stream.read_buf(&mut seen).await.is_ok_and(|read| read > 0) {}
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none").await;
            drop(stream);
            let _ = closed.send(());
        }
    });
    let proxy = Proxy::with(vec![target]).await;
    let mut sender = connect(proxy.port).await;
    for _ in 0..200 {
        sender.ready().await.unwrap();
        let response = sender.send_request(request("/")).await.unwrap();
        assert_eq!((response.status(), text(response).await.as_str()), (StatusCode::OK, "one"));
        is_closed.recv().await.unwrap();
    }
}
