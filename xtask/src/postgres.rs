//! A private PostgreSQL for one test run: in a temporary folder, on a free port, gone at the end.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::debian;
use crate::step::{self, Result, Steps};

/// How long the server may take to accept connections.
const PATIENCE: Duration = Duration::from_secs(30);
/// Another program may take the port between our look and the start.
const TRIES: u32 = 3;

/// A server that runs; it is stopped when this is dropped.
pub struct Postgres {
    server: Child,
    folder: PathBuf,
    port: u16,
}

impl Postgres {
    /// Installs PostgreSQL if it isn't there, and starts one.
    pub fn start(steps: &Steps) -> Result<Self> {
        if programs().is_none() {
            debian::need(steps, &["postgresql", "postgresql-15"], "the tests need PostgreSQL")?;
        }
        let programs = programs().ok_or("PostgreSQL is installed, but initdb is in none of the known places")?;
        steps.take("Start PostgreSQL", || {
            let folder = std::env::temp_dir().join(format!("pilothouse-postgres-{}", std::process::id()));
            let started = initialise(&programs, &folder).and_then(|()| {
                (0..TRIES).find_map(|_| serve(&programs, &folder).transpose()).unwrap_or_else(|| {
                    Err(format!("PostgreSQL didn't start; it says: {}", fs::read_to_string(folder.join("log")).unwrap_or_default()))
                })
            });
            match started {
                Ok((server, port)) => Ok(Self { server, folder, port }),
                Err(error) => {
                    fs::remove_dir_all(&folder).ok();
                    Err(error)
                }
            }
        })
    }

    /// The address that tests are told.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Asked to end at once; it ends its own processes.
        step::succeeds(Command::new("kill").args(["-QUIT", &self.server.id().to_string()]));
        if self.server.wait().is_ok() {
            fs::remove_dir_all(&self.folder).ok();
        }
    }
}

/// Makes the data folder, owned by a user that isn't root: PostgreSQL refuses root.
fn initialise(programs: &Path, folder: &Path) -> Result {
    let wrong = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(wrong)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).map_err(wrong)?;
    if debian::is_root() {
        step::run(Command::new("chown").arg("postgres").arg(folder))?;
    }
    let mut initdb = unprivileged(&programs.join("initdb"));
    initdb
        .current_dir(folder)
        .args(["-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "-D"])
        .arg(folder.join("data"));
    step::output(&mut initdb).map(drop)
}

/// Starts the server on a free port; none when it ended before it accepted a connection.
fn serve(programs: &Path, folder: &Path) -> Result<Option<(Child, u16)>> {
    let wrong = |error: std::io::Error| format!("can't start PostgreSQL: {error}");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).map_err(wrong)?.port();
    let log = fs::File::create(folder.join("log")).map_err(wrong)?;
    let mut postgres = unprivileged(&programs.join("postgres"));
    postgres.current_dir(folder).arg("-D").arg(folder.join("data")).args(["-p", &port.to_string()]);
    for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "max_connections=400"] {
        postgres.args(["-c", setting]);
    }
    let mut server = postgres.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().map_err(wrong)?;
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if server.try_wait().map_err(wrong)?.is_some() {
            return Ok(None);
        }
        let mut ready = Command::new(programs.join("pg_isready"));
        let accepts = TcpStream::connect(("127.0.0.1", port)).is_ok();
        if accepts && step::succeeds(ready.args(["-h", "127.0.0.1", "-p", &port.to_string()])) {
            return Ok(Some((server, port)));
        }
        thread::sleep(Duration::from_millis(50));
    }
    step::succeeds(Command::new("kill").args(["-QUIT", &server.id().to_string()]));
    server.wait().map_err(wrong)?;
    Ok(None)
}

fn unprivileged(program: &Path) -> Command {
    if !debian::is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
    command
}

/// The folder of the newest server's programs.
fn programs() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let others = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin", "/usr/pgsql/bin"].map(PathBuf::from);
    let mut found: Vec<PathBuf> = debian.chain(others).filter(|folder| folder.join("initdb").exists()).collect();
    found.sort_by_key(|folder| folder.starts_with("/usr/lib/postgresql"));
    found.pop()
}
