//! Further ports of a container: reached where they are published, and others once they are changed.

use std::time::{Duration, Instant};

use api::ports::Services as _;
use api::{Caller, ImagePatch, NewService, Protocol, PublishedPort, Role, Service, ServicePatch, Source, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{IMAGE, Whole, docker};

/// Answers on three ports, each with its own word.
const SERVE: &str = "trap 'exit 0' TERM; for port in 80 81 82; do busybox mkdir -p /w/$port; echo port $port > /w/$port/index.html; \
                     httpd -p $port -h /w/$port; done; sleep 600 & wait";

/// What a port of this machine answers by HTTP; asked until it does.
async fn answered(address: &str, port: u16) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Ok(mut stream) = TcpStream::connect((address, port)).await {
            stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").await.unwrap();
            let mut text = String::new();
            if stream.read_to_string(&mut text).await.is_ok() && text.contains("port ") {
                return text.lines().last().unwrap_or_default().to_owned();
            }
        }
        assert!(Instant::now() < deadline, "nothing answers at {address}:{port}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// The ports that its container has, once Docker has said so.
async fn published(whole: &Whole, service: &Service, count: usize) -> Vec<PublishedPort> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let detail = whole.services.get(&whole.admin, service.id).await.unwrap();
        let ports = detail.container.map(|container| container.ports).unwrap_or_default();
        if ports.len() == count {
            return ports;
        }
        assert!(Instant::now() < deadline, "{ports:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn further_ports_lead_to_the_container_and_a_change_of_them_makes_it_anew() {
    let whole = Whole::new().await;
    let developer = Caller { role: Role::Developer, ..whole.admin.clone() };
    let (set, later) = (free_port().await, free_port().await);
    let new: NewService = serde_json::from_value(serde_json::json!({
        "name": "many-ports",
        "source": { "image": IMAGE, "container_port": 80, "options": { "command": ["sh", "-c", SERVE], "ports": [
            { "container_port": 81, "host_port": set },
            { "container_port": 82 },
            { "container_port": 53, "protocol": "udp", "address": "127.0.0.2" },
        ] } }
    }))
    .unwrap();
    let made = whole.services.create(&developer, new).await.unwrap();
    let id = made.service.id;
    whole.services.start(&developer, id).await.unwrap();
    let running = whole.until("many-ports", |service| service.status == Status::Running).await;
    let ports = published(&whole, &running, 4).await;
    let inside: Vec<_> = ports.iter().map(|port| (port.container_port, port.protocol, port.address())).collect();
    let (tcp, here) = (Protocol::Tcp, "127.0.0.1");
    assert_eq!(inside, [(53, Protocol::Udp, "127.0.0.2"), (80, tcp, here), (81, tcp, here), (82, tcp, here)]);
    assert_eq!((ports[1].host_port, ports[2].host_port), (running.port, Some(set)));
    assert_eq!(answered(here, running.port.unwrap()).await, "port 80");
    assert_eq!(answered(here, set).await, "port 81");
    assert_eq!(answered(here, ports[3].host_port.unwrap()).await, "port 82");
    let container = format!("pilothouse-{id}");
    let first = docker(&["inspect", "--format", "{{.Id}}", &container]);

    let other = serde_json::json!({ "name": "other", "source": { "image": IMAGE, "options": { "ports": [{ "container_port": 81, "host_port": set }] } } });
    let refused = whole.services.create(&developer, serde_json::from_value(other).unwrap()).await.unwrap_err();
    assert!(refused.message.contains("that of the service 'many-ports'"), "{refused:?}");

    let Source::Image { mut options, .. } = made.spec.source else { panic!("an image") };
    options.ports = vec![PublishedPort { host_port: Some(later), ..PublishedPort::new(81) }];
    let source = Some(ImagePatch { options: Some(options), ..ImagePatch::default() });
    whole.services.change(&developer, id, ServicePatch { source, ..ServicePatch::default() }).await.unwrap();
    assert_eq!(answered(here, set).await, "port 81", "until the next start it stays as it is");
    whole.services.restart(&developer, id).await.unwrap();
    let again = whole.until("many-ports", |service| service.status == Status::Running && service.started_at > running.started_at).await;
    assert_eq!(published(&whole, &again, 2).await[1].host_port, Some(later));
    assert_eq!(answered(here, later).await, "port 81");
    assert_ne!(docker(&["inspect", "--format", "{{.Id}}", &container]), first, "it was made anew");
    drop(TcpListener::bind((here, set)).await.expect("the old port is free"));

    whole.services.stop(&developer, id).await.unwrap();
    whole.until("many-ports", |service| service.status == Status::Stopped).await;
    let _mine = TcpListener::bind((here, later)).await.unwrap();
    whole.services.start(&developer, id).await.unwrap();
    let failed = whole.until("many-ports", |service| service.status == Status::Error).await;
    assert!(failed.status_reason.unwrap_or_default().contains(&format!("port {later} is taken by")), "it is said who has it");
    whole.services.stop(&developer, id).await.unwrap();
    whole.until("many-ports", |service| service.status == Status::Stopped).await;
    whole.services.delete(&whole.admin, id).await.unwrap();
    whole.services.purge(&whole.admin, id).await.unwrap();
    whole.shutdown().await;
}
