//! A Docker Engine for one test run: the one of this machine, or a private one that is gone at the end; with a small image in it.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::step::{self, Result, Steps};
use crate::{debian, place};

/// How long the engine may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where the engine of a machine listens.
const USUAL: &str = "/var/run/docker.sock";
/// The image that the tests run.
const IMAGE: &str = "pilothouse-test:1";
/// The programs in it, all of them busybox.
const PROGRAMS: [&str; 10] = ["sh", "sleep", "echo", "cat", "seq", "tail", "usleep", "httpd", "nc", "false"];

/// An engine that runs; a private one is stopped when this is dropped.
pub struct Docker {
    socket: PathBuf,
    private: Option<(Child, PathBuf)>,
}

impl Docker {
    /// Takes the engine of this machine when it answers; else installs Docker if it isn't there, and starts one.
    pub fn start(steps: &Steps) -> Result<Self> {
        let busybox = || ["busybox"].into_iter().find_map(place::find_program).filter(|path| is_static(path));
        if busybox().is_none() {
            debian::need(steps, &["busybox-static"], "the tests make an image of busybox, linked statically")?;
        }
        let busybox = busybox().ok_or("busybox is installed, but not on PATH, or not linked statically")?;
        let docker = if answers(Path::new(USUAL)) {
            Self { socket: USUAL.into(), private: None }
        } else {
            if place::find_program("dockerd").is_none() {
                debian::need(steps, &["docker.io"], "the tests need a Docker Engine: one that runs, or one to start")?;
            }
            if !debian::is_root() {
                return Err(format!("the tests need a Docker Engine that answers at {USUAL}. Start it by: sudo systemctl start docker"));
            }
            steps.take("Start Docker", Self::serve)?
        };
        steps.take("Make the image of the Docker tests", || docker.import(&busybox))?;
        Ok(docker)
    }

    /// The address that tests are told.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    fn serve() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("pilothouse-docker-{}", std::process::id()));
        let wrong = |error: std::io::Error| format!("can't start Docker in {}: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(wrong)?;
        let (socket, log) = (folder.join("docker.sock"), fs::File::create(folder.join("log")).map_err(wrong)?);
        let mut dockerd = Command::new("dockerd");
        dockerd.arg(format!("--host=unix://{}", socket.display()));
        for (flag, name) in [("data-root", "data"), ("exec-root", "exec"), ("pidfile", "pid")] {
            dockerd.arg(format!("--{flag}={}", folder.join(name).display()));
        }
        let said = log.try_clone().map_err(wrong)?;
        let server = dockerd.stdin(Stdio::null()).stdout(said).stderr(log).spawn().map_err(wrong)?;
        let mut docker = Self { socket, private: Some((server, folder.clone())) };
        let start = Instant::now();
        while !answers(&docker.socket) {
            let has_ended = docker.private.as_mut().is_some_and(|(server, _)| !matches!(server.try_wait(), Ok(None)));
            if has_ended || start.elapsed() > PATIENCE {
                let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
                let last: Vec<_> = log.lines().rev().take(8).collect();
                return Err(format!("Docker didn't start; it says, newest first:\n{}", last.join("\n")));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(docker)
    }

    /// Makes the image: busybox under the names of its programs.
    fn import(&self, busybox: &Path) -> Result {
        let folder = std::env::temp_dir().join(format!("pilothouse-image-{}", std::process::id()));
        let made = (|| {
            fs::create_dir_all(folder.join("bin"))?;
            fs::create_dir_all(folder.join("tmp"))?;
            fs::copy(busybox, folder.join("bin/busybox"))?;
            PROGRAMS.iter().try_for_each(|name| symlink("busybox", folder.join("bin").join(name)))
        })();
        let done =
            made.map_err(|error: std::io::Error| format!("the image can't be made in {}: {error}", folder.display())).and_then(|()| {
                let archive = folder.join("image.tar");
                step::output(Command::new("tar").arg("-C").arg(&folder).arg("-cf").arg(&archive).args(["bin", "tmp"]))?;
                let mut import = Command::new("docker");
                import.args(["--host", &self.host(), "import", "--change", "CMD [\"sleep\", \"600\"]"]).arg(&archive).arg(IMAGE);
                step::output(&mut import).map(drop)
            });
        fs::remove_dir_all(&folder).ok();
        done
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let Some((server, folder)) = &mut self.private else { return };
        // Asked to end, it stops its containers and takes off what it has mounted.
        step::succeeds(Command::new("kill").args(["-TERM", &server.id().to_string()]));
        if server.wait().is_ok() {
            fs::remove_dir_all(folder).ok();
        }
    }
}

/// Whether an engine listens there.
fn answers(socket: &Path) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /_ping HTTP/1.0\r\n\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(answer.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

/// Whether a program needs no libraries, which the image hasn't.
fn is_static(program: &Path) -> bool {
    !step::succeeds(Command::new("ldd").arg(program).stdout(Stdio::null()).stderr(Stdio::null()))
}
