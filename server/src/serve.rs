//! `pilothouse serve`: the engine, the address, and everything between.

use std::future::Future;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;

use api::Error;
use axum::Router;
use axum::middleware::from_fn;
use engine::{Clock, Engine, EngineConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Settings};
use crate::state::Server;
use crate::{heap, listen, middleware, pages, rest, watch, ws};

/// Threads that run tasks: requests are short and what blocks has threads of its own.
const MOST_WORKERS: usize = 4;

/// Runs until SIGTERM or SIGINT, then lets requests finish. Services live on.
pub fn main(settings: Settings) -> api::Result<()> {
    log_to_stderr(&settings)?;
    raise_descriptor_limit();
    runtime()?.block_on(async {
        let running = Running::start(settings, Clock::System).await?;
        let core = running.engine.core();
        core.tasks.spawn(heap::keep_small(core.shutdown.clone()));
        // Before anybody is told that it runs: who reads that may end it at once.
        let asked = asked_to_end();
        running.announce().await;
        asked.await;
        tracing::info!("shutdown_asked");
        running.stop().await;
        Ok(())
    })
}

/// A Pilothouse that serves.
pub struct Running {
    /// Where it really listens.
    pub address: SocketAddr,
    /// What handlers share.
    pub server: Arc<Server>,
    engine: Arc<Engine>,
    ending: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Running {
    /// Opens the store, listens, and begins to serve. Fails saying what to do when the address is taken or the store can't be used.
    pub async fn start(settings: Settings, clock: Clock) -> api::Result<Self> {
        let listener = TcpListener::bind(settings.listen).await.map_err(|error| cannot_listen(settings.listen, &error))?;
        let address = listener.local_addr().map_err(|error| cannot_listen(settings.listen, &error))?;
        let engine = Arc::new(Engine::open(engine_config(&settings), clock).await?);
        engine.spawn().await?;
        let server = Server::new(&engine, settings, address);
        server.core.tasks.spawn(watch::look_after(server.clone()));
        let ending = CancellationToken::new();
        let serving = tokio::spawn(listen::serve(listener, router(&server), ending.clone()));
        Ok(Self { address, server, engine, ending, serving })
    }

    /// Says on standard output where it listens, and how the first user is made when there is none.
    pub async fn announce(&self) {
        // A console that is closed is no reason not to serve.
        let here = format!("http://{}", self.address);
        let _ = crate::cli::print(&format!("Pilothouse listens on {here}"));
        if let Some(token) = self.server.accounts.setup_token() {
            let site = self.server.settings.public_url.as_deref().unwrap_or(&here);
            let link = format!("Make the first user within 30 minutes: {site}/setup?token={}", token.reveal());
            let _ = crate::cli::print(&link);
        }
    }

    /// Ends streams, lets requests finish, stops the work in the background. Services live on.
    pub async fn stop(self) {
        self.engine.core().shutdown.cancel();
        self.ending.cancel();
        if let Err(error) = self.serving.await {
            tracing::error!(%error, "accept_loop_failed");
        }
        self.engine.shutdown().await;
    }
}

/// Every address that Pilothouse answers at.
pub fn router(server: &Arc<Server>) -> Router {
    let (rest, _) = rest::routes().split_for_parts();
    let router = rest
        .merge(ws::routes())
        .merge(pages::routes().layer(from_fn(middleware::compress::pages)))
        .fallback(pages::fallback)
        .method_not_allowed_fallback(pages::method_not_allowed)
        .with_state(server.clone());
    middleware::around(router, server)
}

/// What the engine is told.
pub fn engine_config(settings: &Settings) -> EngineConfig {
    let is_an_address = settings.listen.port() != 0 && !settings.listen.ip().is_unspecified();
    EngineConfig {
        data_dir: settings.data_dir.clone(),
        database_url: settings.database_url.clone(),
        services_dir: settings.services_dir.clone(),
        service_users: settings.service_users.clone(),
        registry_limit: EngineConfig::REGISTRY_LIMIT,
        fetch_limit: EngineConfig::FETCH_LIMIT,
        docker: settings.docker.clone(),
        program: settings.program.clone(),
        demonstration: settings.demonstration,
        admin_password: settings.admin_password.clone(),
        login_limit: settings.login_limit,
        retention_days: settings.retention_days,
        secrets_key: settings.secrets_key.clone(),
        site: settings.public_url.clone().or_else(|| is_an_address.then(|| format!("http://{}", settings.listen))),
    }
}

/// The runtime that everything asynchronous runs on.
pub fn runtime() -> api::Result<tokio::runtime::Runtime> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_WORKERS);
    heap::share(workers);
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).max_blocking_threads(32).enable_all().build();
    built.map_err(|error| Error::unavailable(format!("the threads can't be started: {error}")))
}

fn log_to_stderr(settings: &Settings) -> api::Result<()> {
    let filter = EnvFilter::try_new(&settings.log_level)
        .map_err(|error| Error::invalid("log_level", format!("log_level '{}' can't be read: {error}", settings.log_level)))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // It would be told by `eprintln`, which panics when the log goes to a full disk.
    let builder = builder.log_internal_errors(false);
    // In a file or the system's journal, colours would be signs between the words.
    let builder = builder.with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()));
    let set = match settings.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    set.map_err(|error| Error::unavailable(format!("the log can't be set up: {error}")))
}

/// Every client and every service takes a descriptor: takes as many as the system allows.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        tracing::warn!(%error, "descriptor_limit_not_raised");
    }
}

fn asked_to_end() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    async move {
        let waits = signals.into_iter().filter_map(Result::ok).map(|mut signal| Box::pin(async move { signal.recv().await }));
        futures::future::select_all(waits).await;
    }
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> Error {
    Error::unavailable(format!(
        "can't listen on {address}: {error}; set PILOTHOUSE_LISTEN to another address, or end the program that has it"
    ))
}
