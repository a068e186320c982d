//! A Pilothouse for one story: real store, real socket, users of each role.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use engine::Clock;
use engine::testing::{StoreKind, TestStore};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use server::config::{LogFormat, Settings};
use server::serve::Running;
use tokio::net::TcpStream;

/// The password of every user of a story.
pub const PASSWORD: &str = "correct horse battery";

/// A Pilothouse that serves until it is stopped or dropped.
pub struct TestApp {
    pub address: SocketAddr,
    pub store: TestStore,
    running: Running,
}

/// Somebody who asks: with a token, or as nobody.
#[derive(Clone, Debug)]
pub struct Client {
    pub address: SocketAddr,
    pub token: Option<String>,
    pub refresh_token: Option<String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An answer, unless nobody was there or they were lost before it.
pub type Tried = Result<Reply, Box<dyn std::error::Error + Send + Sync>>;

/// Tells a story on each kind of store.
pub async fn on_each_store(story: impl AsyncFn(TestApp)) {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        eprintln!("on {kind:?}");
        story(TestApp::start_with(kind, |_| {}).await).await;
    }
}

impl TestApp {
    /// On SQLite, with limits off.
    pub async fn start() -> Self {
        Self::start_with(StoreKind::Sqlite, |_| {}).await
    }

    /// With settings of its own.
    pub async fn start_with(kind: StoreKind, change: impl FnOnce(&mut Settings)) -> Self {
        Self::on(TestStore::new(kind).await, change).await
    }

    /// On a store that another one has left, with settings of its own.
    pub async fn on(store: TestStore, change: impl FnOnce(&mut Settings)) -> Self {
        Self::at(Clock::System, store, change).await
    }

    /// At the time of a clock that the story may have stopped.
    pub async fn at(clock: Clock, store: TestStore, change: impl FnOnce(&mut Settings)) -> Self {
        let services = store.folder().join("services");
        std::fs::create_dir_all(&services).unwrap();
        let mut settings = Settings {
            listen: ([127, 0, 0, 1], 0).into(),
            data_dir: store.config.data_dir.clone(),
            database_url: store.config.database_url.clone(),
            services_dir: Some(services),
            service_users: Vec::new(),
            docker: engine::DockerHost::Off,
            admin_password: Some(api::Secret::new(PASSWORD)),
            secrets_key: engine::SecretsKey::Derived,
            public_url: None,
            trusted_proxy: Vec::new(),
            log_format: LogFormat::Text,
            log_level: "info".into(),
            rate_limit: 0,
            rate_burst: 0,
            login_limit: None,
            retention_days: 14,
            demonstration: false,
            program: env!("CARGO_BIN_EXE_pilothouse").into(),
        };
        change(&mut settings);
        let running = Running::start(settings, clock).await.unwrap();
        Self { address: running.address, store, running }
    }

    /// Somebody without a token.
    pub fn nobody(&self) -> Client {
        Client { address: self.address, token: None, refresh_token: None }
    }

    /// `admin`, or the user of the role `developer` or `viewer`, made when it isn't there yet.
    pub async fn sign_in(&self, role: &str) -> Client {
        if role != "admin" {
            let admin = Box::pin(self.sign_in("admin")).await;
            let made = admin.post("/api/users", json!({"username": role, "password": PASSWORD, "role": role})).await;
            assert!(matches!(made.status.as_u16(), 201 | 409), "{made:?}");
        }
        self.nobody().signed_in(role, PASSWORD).await
    }

    /// Ends it as SIGTERM would; the store stays until the app is dropped.
    pub async fn stop(self) -> TestStore {
        self.running.stop().await;
        self.store
    }
}

impl Client {
    /// Signs in by name.
    pub async fn signed_in(&self, username: &str, password: &str) -> Self {
        let reply = self.post("/api/auth/login", json!({"username": username, "password": password})).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        self.with_tokens(&reply.json())
    }

    /// The same client with the tokens of an answer.
    pub fn with_tokens(&self, tokens: &Value) -> Self {
        let text = |name: &str| tokens[name].as_str().map(str::to_owned);
        Self { address: self.address, token: text("access_token"), refresh_token: text("refresh_token") }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let mut headers = Vec::new();
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        self.raw(method, path, &headers, body).await
    }

    /// A request as it is, with the token if there is one.
    pub async fn raw(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
        self.attempt(method, path, headers, body).await.unwrap()
    }

    /// A `POST` that may find nobody there, or lose them before it is answered.
    pub async fn try_post(&self, path: &str, body: &Value) -> Tried {
        self.attempt(Method::POST, path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// A `PUT` that may find nobody there, or lose them before it is answered.
    pub async fn try_put(&self, path: &str, body: &Value) -> Tried {
        self.attempt(Method::PUT, path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// A request as it is, that may find nobody there, or lose them before it is answered.
    pub async fn attempt(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Tried {
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", self.address.to_string());
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let answer = async {
            let response = sender.send_request(request).await?;
            let (parts, body) = response.into_parts();
            Ok(Reply { status: parts.status, headers: parts.headers, body: body.collect().await?.to_bytes() })
        };
        tokio::time::timeout(Duration::from_secs(60), answer).await.expect("an answer within a minute")
    }
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Checks that it is the one error body, with this status and code, and answers it.
    pub fn fails_with(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        let body = self.json();
        assert_eq!(body["error_code"], code, "{body}");
        assert!(body["message"].as_str().is_some_and(|message| message.len() > 10), "{body}");
        assert!(body["details"].is_array() && body["timestamp"].is_string(), "{body}");
        assert_eq!(body["request_id"].as_str(), Some(self.header("x-request-id")), "{body}");
        body
    }
}

/// Waits until `check` answers something, at most 30 seconds.
pub async fn until<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited 30 seconds for this: {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}
