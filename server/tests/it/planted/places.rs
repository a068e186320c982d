//! Everywhere a secret could be: what is asked for, what comes by itself, and what is written.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::needle::Needles;
use crate::app::{Client, PASSWORD};
use crate::live::Socket;
use crate::openapi::operations;
use crate::survival::Program;

/// Somebody of each role.
pub struct Roles(Vec<(&'static str, Client)>);

impl Roles {
    pub async fn sign_in(program: &Program) -> Self {
        let admin = program.admin().await;
        let mut all = Vec::new();
        for role in ["viewer", "developer"] {
            let made = admin.post("/api/users", json!({"username": role, "password": PASSWORD, "role": role})).await;
            assert!(matches!(made.status.as_u16(), 201 | 409), "{made:?}");
            all.push((role, program.nobody().signed_in(role, PASSWORD).await));
        }
        all.push(("admin", admin));
        Self(all)
    }
}

/// Searches every answer to a `GET` of the REST API, and every page, as each role.
pub async fn everywhere(roles: &Roles, id: &str, needles: &mut Needles, when: &str) {
    for (role, client) in &roles.0 {
        let mut answered = 0;
        for path in addresses(client, id).await {
            let headers: &[(&str, &str)] = if path.starts_with("/api") { &[] } else { &[("accept", "text/html")] };
            let reply = client.raw(Method::GET, &path, headers, "").await;
            assert!(reply.status.as_u16() < 500, "{path} as {role}: {reply:?}");
            answered += usize::from(reply.status == 200);
            needles.search(&format!("{when}, as {role}, {path}"), &reply.body);
        }
        assert!(answered > 50, "{when}: only {answered} addresses have answered {role}");
    }
}

/// Every address that can be read, for this service, its versions and its incidents.
async fn addresses(client: &Client, id: &str) -> Vec<String> {
    let config = format!("/api/config/services/{id}");
    let newest = client.get(&config).await.json()["version"].as_u64().unwrap();
    let incidents = client.get(&format!("/api/services/{id}/incidents")).await.json();
    let incidents: Vec<_> = incidents["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    let deployments = client.get(&format!("/api/deploy/services/{id}/history")).await.json();
    let deployments: Vec<_> = deployments["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    let mut all = Vec::new();
    for (method, path, _) in operations() {
        // A stream has no end; its lines are searched with the frames.
        if method != "GET" || path.ends_with("/stream") {
            continue;
        }
        match path.as_str() {
            "/api/incidents/{id}" => all.extend(incidents.iter().map(|id| format!("/api/incidents/{id}"))),
            path if path.starts_with("/api/deploy/status/") => all.extend(deployments.iter().map(|id| path.replace("{id}", id))),
            "/api/auth/sessions/{id}" | "/api/users/{id}" => {}
            path if path.contains("{version}") => {
                all.extend((1..=newest).map(|version| path.replace("{id}", id).replace("{version}", &version.to_string())));
            }
            path => all.push(path.replace("{id}", id)),
        }
    }
    for format in ["json", "yaml", "toml", "env"] {
        all.extend((1..=newest).map(|version| format!("{config}/export?format={format}&version={version}")));
        all.push(format!("/api/config/export?format={format}"));
    }
    all.extend((2..=newest).map(|version| format!("{config}/difference?from={}&to={version}", version - 1)));
    all.push(format!("/api/logs/services/{id}?limit=10000"));
    all.push("/api/activity?limit=500".into());
    let pages =
        ["/", "/services", "/services/new", "/services/compose", "/services/deleted", "/dependencies", "/secrets", "/secrets/planted"];
    all.extend(pages.map(str::to_owned));
    all.extend(["/secrets/import", "/configuration", "/configuration/backup", "/health", "/settings", "/activity"].map(str::to_owned));
    all.extend(incidents.iter().map(|id| format!("/incidents/{id}")));
    all.push("/deployments".into());
    all.extend(deployments.iter().map(|id| format!("/deployments/{id}")));
    all.push(format!("/services/bulk?action=restart&id={id}"));
    for tab in [
        "",
        "/metrics",
        "/logs",
        "/dependencies",
        "/activity",
        "/settings",
        "/configuration",
        "/configuration?view=raw",
        "/deployments",
        "/deployments/webhooks",
    ] {
        all.push(format!("/services/{id}{tab}"));
    }
    all.push(format!("/services/{id}/configuration/versions"));
    for version in 2..=newest {
        all.push(format!("/services/{id}/configuration/versions?from={}&to={version}", version - 1));
        all.push(format!("/services/{id}/configuration/versions?restore={version}"));
    }
    for view in ["yaml", "toml", "env", "json"] {
        all.push(format!("/services/{id}/configuration?view={view}"));
    }
    all
}

/// What comes by itself: all feeds, as each role, in each way.
pub struct Frames {
    heard: Arc<Mutex<Vec<(String, String)>>>,
}

impl Frames {
    pub async fn listen(roles: &Roles, id: &str) -> Self {
        let heard = Arc::<Mutex<Vec<(String, String)>>>::default();
        let topics = ["dashboard".to_owned(), format!("services/{id}"), "metrics".into(), format!("logs/{id}"), "events".into()];
        for (role, client) in &roles.0 {
            let mut socket = Socket::open(client, "/ws", &[]).await.ok().unwrap();
            for topic in &topics {
                socket.say(json!({"type": "subscribe", "topic": topic})).await;
            }
            tokio::spawn(socket.all(keep(&heard, format!("/ws as {role}"))));
            for topic in &topics {
                let socket = Socket::open(client, &format!("/ws/{topic}"), &[]).await.ok().unwrap();
                tokio::spawn(socket.all(keep(&heard, format!("/ws/{topic} as {role}"))));
            }
            tokio::spawn(stream(client.clone(), id.to_owned(), keep(&heard, format!("the stream of its log as {role}"))));
        }
        Self { heard }
    }

    /// Searches all that has come so far; each feed has to have brought something.
    pub fn search(&self, needles: &mut Needles) {
        let heard = self.heard.lock().unwrap();
        let mut whole = std::collections::BTreeMap::<&str, String>::new();
        for (from, text) in &*heard {
            let all = whole.entry(from).or_default();
            all.push_str(text);
            all.push('\n');
        }
        assert_eq!(whole.len(), 3 * 7, "{:?}", whole.keys());
        for (from, text) in whole {
            needles.search(&format!("a frame of {from}"), text.as_bytes());
        }
    }
}

fn keep(heard: &Arc<Mutex<Vec<(String, String)>>>, from: String) -> impl FnMut(&str) + use<> {
    let heard = heard.clone();
    move |text| heard.lock().unwrap().push((from.clone(), text.to_owned()))
}

/// Follows a log as server-sent events.
async fn stream(client: Client, id: String, mut heard: impl FnMut(&str)) {
    let mut stream = TcpStream::connect(client.address).await.unwrap();
    let (host, token) = (client.address, client.token.unwrap());
    let request = format!("GET /api/logs/services/{id}/stream HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 65_536];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        heard(&String::from_utf8_lossy(&buffer[..count]));
    }
}

/// The command line of every process that can be seen.
pub fn processes() -> Vec<u8> {
    let all = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .flat_map(|mut line| {
            line.push(b'\n');
            line
        })
        .collect()
}

/// Searches everything that Pilothouse has written, but for what the service itself has printed: its log, and the spool that leads there.
pub fn written(folder: &Path, needles: &mut Needles) {
    let mut files = 0;
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            let path = entry.path();
            let name = path.display().to_string();
            let is_printed = name.contains("/log/") || name.ends_with(".spool") || name.contains("/services/orders/");
            match path.symlink_metadata().unwrap() {
                kind if kind.is_dir() => open.push(path),
                kind if kind.is_file() && !is_printed => {
                    files += 1;
                    needles.search(&name, &fs::read(&path).unwrap());
                }
                _ => {}
            }
        }
    }
    assert!(files > 3, "only {files} files");
}
