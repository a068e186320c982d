//! One service as the runtime of processes knows it, and its line to the supervisor.

use std::os::fd::AsRawFd;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use api::{Error, Result, ServiceId};
use rustix::fs::{Mode, OFlags};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex, Semaphore, mpsc, watch};

use super::folder::{RunFolder, SOCKET};
use super::fork_server::{ForkServer, WORDS};
use super::state::{Ask, Phase, Request, State, VERSION};
use super::supervisor::{READY, RUN_FOLDER};
use crate::Core;
use crate::runtime::Observation;

/// How many supervisors are connected or started at the same time.
const AT_ONCE: usize = 16;
/// How long a supervisor may take until it answers.
const PATIENCE: Duration = Duration::from_secs(15);
/// Pauses between attempts to reach a supervisor: the shortest and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// What all units share.
pub struct Shared {
    pub core: Arc<Core>,
    pub events: mpsc::UnboundedSender<(ServiceId, Observation)>,
    fork_server: ForkServer,
    places: Semaphore,
}

/// One service.
pub struct Unit {
    pub id: ServiceId,
    pub folder: RunFolder,
    /// What its supervisor has said last; none when it has never run.
    pub state: watch::Sender<Option<State>>,
    /// Held while it is being started or removed.
    pub change: Mutex<()>,
    asks: Mutex<mpsc::UnboundedReceiver<Ask>>,
    ask: mpsc::UnboundedSender<Ask>,
}

impl Shared {
    /// For the units of this runtime.
    pub fn new(core: Arc<Core>, events: mpsc::UnboundedSender<(ServiceId, Observation)>) -> Arc<Self> {
        let fork_server = ForkServer::new(core.config.program.clone(), super::runs(&core));
        Arc::new(Self { core, events, fork_server, places: Semaphore::new(AT_ONCE) })
    }
}

impl Unit {
    /// One whose supervisor has said `state`.
    pub fn new(id: ServiceId, folder: RunFolder, state: Option<State>) -> Arc<Self> {
        let (ask, asks) = mpsc::unbounded_channel();
        Arc::new(Self { id, folder, state: watch::Sender::new(state), change: Mutex::default(), asks: Mutex::new(asks), ask })
    }

    /// What it is doing.
    pub fn observation(&self) -> Observation {
        self.state.borrow().as_ref().map_or(Observation::Absent, State::observation)
    }

    /// Whether it runs or is being prepared.
    pub fn is_live(&self) -> bool {
        self.state.borrow().as_ref().is_some_and(|state| !state.is_ended())
    }

    /// Asks its supervisor; the answer comes as a change of state.
    pub fn ask(&self, ask: Ask) {
        // The receiver lives as long as the unit.
        let _ = self.ask.send(ask);
    }

    /// Asks its supervisor to end it, and waits until it has.
    pub async fn stop(&self, grace: Duration) {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        let mut states = self.state.subscribe();
        let mut asked = None;
        loop {
            {
                let state = states.borrow_and_update();
                let Some(state) = state.as_ref().filter(|state| !state.is_ended()) else { return };
                // A supervisor that was killed before it heard of it is followed by one that must be asked again.
                if asked.is_none() || asked.as_ref() != Some(&state.sessions) && !state.stop_asked {
                    self.ask(Ask::Stop { grace_ms });
                    asked = Some(state.sessions.clone());
                }
            }
            if states.changed().await.is_err() {
                return;
            }
        }
    }

    /// Forgets what was asked of a run that has ended before it heard it.
    pub async fn forget_asks(&self) {
        let mut asks = self.asks.lock().await;
        while asks.try_recv().is_ok() {}
    }

    /// Keeps the line to the supervisor until the service has ended, with new supervisors when one dies.
    pub fn follow(self: Arc<Self>, shared: Arc<Shared>) {
        let core = shared.core.clone();
        core.tasks.spawn(async move {
            tokio::select! {
                () = shared.core.shutdown.cancelled() => {}
                () = self.follow_to_the_end(&shared) => {}
            }
        });
    }

    async fn follow_to_the_end(&self, shared: &Shared) {
        let mut pause = RETRY.0;
        let mut asks = self.asks.lock().await;
        while self.is_live() {
            let place = shared.places.acquire().await;
            let connected = self.connect(shared).await;
            drop(place);
            match connected {
                Ok(Some((lines, writer))) => {
                    pause = RETRY.0;
                    self.listen(lines, writer, &mut asks, shared).await;
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(error = %error.message, service = %self.id, "supervisor_not_reached");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY.1);
                }
            }
        }
    }

    /// Reaches the supervisor, or starts a new one; none when the service has ended meanwhile.
    async fn connect(&self, shared: &Shared) -> Result<Option<(BufReader<OwnedReadHalf>, OwnedWriteHalf)>> {
        if let Ok(stream) = self.dial().await {
            return Ok(Some(stream));
        }
        if self.has_ended(shared).await? {
            return Ok(None);
        }
        self.supervise(shared).await?;
        match self.dial().await {
            Ok(stream) => Ok(Some(stream)),
            Err(_) if self.has_ended(shared).await? => Ok(None),
            Err(error) => Err(Error::unavailable(format!("its supervisor doesn't answer: {error}"))),
        }
    }

    async fn dial(&self) -> std::io::Result<(BufReader<OwnedReadHalf>, OwnedWriteHalf)> {
        // By way of a descriptor, because the path of a socket may have 108 bytes only.
        let folder = rustix::fs::open(self.folder.path(), OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let stream = UnixStream::connect(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd())).await?;
        let (reader, mut writer) = stream.into_split();
        writer.write_all(&request(&Ask::Subscribe)).await?;
        Ok((BufReader::with_capacity(2048, reader), writer))
    }

    /// Whether the run folder says that it has ended; then that is told.
    async fn has_ended(&self, shared: &Shared) -> Result<bool> {
        let folder = self.folder.clone();
        let state = crate::runtime::process::blocking(move || folder.state()).await?;
        let has_ended = state.as_ref().is_some_and(State::is_ended);
        if has_ended {
            self.tell(state, shared);
        }
        Ok(has_ended)
    }

    /// Starts a supervisor, which takes over what it finds in the run folder.
    ///
    /// # Errors
    /// `service_failed` when it can't be started or can't begin.
    pub async fn supervise(&self, shared: &Shared) -> Result<()> {
        let forked = shared.fork_server.supervise(&self.folder, PATIENCE).await;
        // A second one for the same folder finds that it is locked, and is content.
        let said = match forked {
            Ok(said) if !said.is_empty() => said,
            Ok(_) => self.execute(shared, "it has ended").await?,
            Err(error) => self.execute(shared, &error.to_string()).await?,
        };
        match said.trim() {
            READY => Ok(()),
            said => Err(Error::service(format!("the supervisor has failed: {said}"))),
        }
    }

    /// Starts a supervisor by itself, because of `why` none was forked; answers its first words.
    async fn execute(&self, shared: &Shared, why: &str) -> Result<String> {
        tracing::warn!(service = %self.id, why, "supervisor_not_forked");
        let program = &shared.core.config.program;
        let failed = |error: std::io::Error| {
            Error::service(format!("the supervisor {} can't be started: {error}; is the program still there?", program.display()))
        };
        let errors = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.errors()).map_err(failed)?;
        let mut child = tokio::process::Command::new(program)
            .arg("supervise")
            .arg(RUN_FOLDER)
            .arg(self.folder.path())
            .env_clear()
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(failed)?;
        let mut said = String::new();
        if let Some(stdout) = child.stdout.take() {
            let mut stdout = stdout.take(WORDS);
            let read = tokio::time::timeout(PATIENCE, stdout.read_to_string(&mut said));
            read.await.map_err(|_| Error::service("the supervisor doesn't answer; the machine may be overloaded"))?.map_err(failed)?;
        }
        // The child is left to itself; it is collected when it ends.
        Ok(said)
    }

    /// Reads states and sends requests until the line breaks.
    async fn listen(
        &self,
        mut lines: BufReader<OwnedReadHalf>,
        mut writer: OwnedWriteHalf,
        asks: &mut mpsc::UnboundedReceiver<Ask>,
        shared: &Shared,
    ) {
        let mut line = Vec::new();
        loop {
            tokio::select! {
                read = lines.read_until(b'\n', &mut line) => {
                    if !read.is_ok_and(|read| read > 0) || !line.ends_with(b"\n") {
                        return;
                    }
                    match serde_json::from_slice::<State>(&line) {
                        Ok(state) => self.tell(Some(state), shared),
                        Err(error) => tracing::warn!(%error, service = %self.id, "supervisor_not_understood"),
                    }
                    line.clear();
                }
                Some(ask) = asks.recv() => {
                    if writer.write_all(&request(&ask)).await.is_err() {
                        // The line is broken: the next supervisor is asked.
                        self.ask(ask);
                        return;
                    }
                }
            }
            if !self.is_live() {
                return;
            }
        }
    }

    /// Takes note of a state, and tells if anything that shows is different.
    pub fn tell(&self, state: Option<State>, shared: &Shared) {
        let before = self.observation();
        self.state.send_replace(state);
        let now = self.observation();
        if now != before {
            let _ = shared.events.send((self.id, now));
        }
    }
}

/// The state of a service whose supervisor has just been ordered.
pub fn starting(boot_id: String) -> State {
    let phase = Phase::Preparing { label: "starting".into(), step: 1, steps: 1 };
    let (limits, group) = Default::default();
    State {
        version: VERSION,
        boot_id,
        phase,
        stop_asked: false,
        sessions: Vec::new(),
        uid: None,
        limits,
        group,
        socket: None,
        handover: None,
    }
}

fn request(ask: &Ask) -> Vec<u8> {
    let request = Request { version: VERSION, ask: ask.clone() };
    let mut line = serde_json::to_vec(&request).unwrap_or_default();
    line.push(b'\n');
    line
}
