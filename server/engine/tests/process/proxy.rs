//! The proxy in front of a service, as a process of its own, with real servers behind it.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use engine::proxy::{Ask, ROUTES, Routes, Status, Target, TargetStatus, ask};
use futures::StreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, watch};

use super::*;

#[path = "proxy_routes.rs"]
mod routes;
#[path = "proxy_wire.rs"]
mod wire;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A service that says its name, and what it is asked for.
struct Backend {
    name: &'static str,
    address: SocketAddr,
    /// Heads of requests, as text.
    seen: Mutex<Vec<String>>,
    /// Lets those go on that wait, when it is true.
    go: watch::Sender<bool>,
    /// How many that waited were given up.
    given_up: AtomicUsize,
    came: Notify,
}

impl Backend {
    async fn new(name: &'static str) -> Arc<Self> {
        Self::at(name, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    async fn at(name: &'static str, address: SocketAddr) -> Arc<Self> {
        let listener = TcpListener::bind(address).await.unwrap();
        let (seen, given_up, came) = Default::default();
        let address = listener.local_addr().unwrap();
        let own = Arc::new(Self { name, address, seen, go: watch::Sender::new(false), given_up, came });
        let backend = own.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let backend = backend.clone();
                let service = hyper::service::service_fn(move |request| backend.clone().answer(request));
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
            }
        });
        own
    }

    /// Fails for `/drop`, which closes the connection.
    async fn answer(self: Arc<Self>, mut request: Request<Incoming>) -> Result<Response<Body>, std::io::Error> {
        let head = format!("{} {}\n{:#?}", request.method(), request.uri(), request.headers());
        self.seen.lock().unwrap().push(head);
        self.came.notify_one();
        let text = |text: &str| Full::new(Bytes::from(text.to_owned())).boxed_unsync();
        let body = match request.uri().path() {
            "/drop" => return Err(std::io::ErrorKind::ConnectionReset.into()),
            "/echo" => {
                StreamBody::new(request.into_body().into_data_stream().filter_map(async |data| data.ok().map(|data| Ok(Frame::data(data)))))
                    .boxed_unsync()
            }
            "/wait" => {
                let waiting = GivenUp(Some(&self.given_up));
                self.going().await;
                waiting.done();
                text(self.name)
            }
            "/events" => {
                let own = self.clone();
                let second = async move {
                    own.going().await;
                    "two\n"
                };
                let events = futures::stream::iter(["one\n"]).chain(futures::stream::once(second));
                StreamBody::new(Box::pin(events.map(|event| Ok(Frame::data(Bytes::from(event)))))).boxed_unsync()
            }
            "/upgrade" => {
                let upgrade = hyper::upgrade::on(&mut request);
                tokio::spawn(async move {
                    let (mut reader, mut writer) = tokio::io::split(TokioIo::new(upgrade.await.unwrap()));
                    let _ = tokio::io::copy(&mut reader, &mut writer).await;
                });
                let response = Response::builder().status(101).header("Upgrade", "echo").header("Connection", "upgrade");
                return Ok(response.body(text("")).unwrap());
            }
            "/failing" => return Ok(Response::builder().status(500).body(text("no")).unwrap()),
            "/hops" => {
                let response = Response::builder().header("Keep-Alive", "timeout=5").header("Connection", "x-own").header("X-Own", "1");
                return Ok(response.header("Set-Cookie", "a=1").header("Set-Cookie", "b=2").body(text("hops")).unwrap());
            }
            _ => text(self.name),
        };
        Ok(Response::new(body))
    }

    async fn going(&self) {
        self.go.subscribe().wait_for(|goes| *goes).await.unwrap();
    }

    fn target(&self, weight: u32) -> Target {
        Target { id: self.name.into(), address: self.address, weight }
    }

    fn seen(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

/// Counts a request that is dropped before it is done.
struct GivenUp<'a>(Option<&'a AtomicUsize>);

impl GivenUp<'_> {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.0 {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A proxy with its folder, whose path is longer than that of a socket may be.
struct Proxy {
    child: Child,
    folder: PathBuf,
    port: u16,
    said: Arc<Mutex<Vec<String>>>,
    _root: tempfile::TempDir,
}

impl Proxy {
    async fn with(targets: Vec<Target>) -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a".repeat(60)).join("b".repeat(60));
        std::fs::create_dir_all(&folder).unwrap();
        write(&folder, 1, targets);
        Self::start(root, folder).await
    }

    async fn start(root: tempfile::TempDir, folder: PathBuf) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_engine-supervise"));
        command.arg("proxy").arg("--folder").arg(&folder).args(["--port", "0"]).kill_on_drop(true);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::<Mutex<Vec<String>>>::default();
        gather(child.stderr.take().unwrap(), said.clone());
        gather(child.stdout.take().unwrap(), said.clone());
        let port = || said.lock().unwrap().iter().find_map(|line| line.strip_prefix("listens on http://127.0.0.1:")?.parse().ok());
        until_so("it doesn't listen", || port().is_some()).await;
        Self { child, folder, port: port().unwrap(), said, _root: root }
    }

    /// Follows other routes from now on.
    async fn route(&self, revision: u64, targets: Vec<Target>) {
        write(&self.folder, revision, targets);
        assert_eq!(ask(&self.folder, Ask::Reload).await.unwrap().revision, revision);
    }

    async fn status(&self) -> Status {
        ask(&self.folder, Ask::Status).await.unwrap()
    }

    async fn counted(&self, id: &str) -> TargetStatus {
        self.status().await.targets.into_iter().find(|target| target.id == id).unwrap()
    }

    async fn until_said(&self, text: &str) {
        until_so(text, || self.said.lock().unwrap().iter().any(|line| line.contains(text))).await;
    }

    /// A field of `/proc/PID/status` in KiB.
    fn memory(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim_matches([':', ' ', '\t']).split(' ').next().unwrap().parse().unwrap()
    }

    fn terminate(&self) {
        let pid = Pid::from_raw(self.child.id().unwrap() as i32).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
    }
}

fn gather(output: impl tokio::io::AsyncRead + Unpin + Send + 'static, to: Arc<Mutex<Vec<String>>>) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            to.lock().unwrap().push(line);
        }
    });
}

fn write(folder: &Path, revision: u64, targets: Vec<Target>) {
    let routes = Routes { revision, service: "shop".into(), targets };
    std::fs::write(folder.join("draft"), serde_json::to_vec(&routes).unwrap()).unwrap();
    std::fs::rename(folder.join("draft"), folder.join(ROUTES)).unwrap();
}

async fn connect(port: u16) -> SendRequest<Body> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    sender
}

fn request(path: &str) -> Request<Body> {
    Request::get(path).header("Host", "shop.example").body(Empty::new().boxed_unsync()).unwrap()
}

async fn text(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Asks by a new connection.
async fn get(port: u16, path: &str) -> (StatusCode, String) {
    let response = connect(port).await.send_request(request(path)).await.unwrap();
    (response.status(), text(response).await)
}
