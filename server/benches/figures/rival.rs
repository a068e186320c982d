//! Other programs that keep processes running, to compare with: installed by xtask, named by the environment.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::processes;

/// One that runs services; all of it ends when dropped.
pub struct Rival {
    pub name: &'static str,
    /// Its daemon.
    pub pid: u32,
    /// The daemon, when it is a child of the benchmark.
    child: Option<Child>,
    control: PathBuf,
    folder: TempDir,
}

impl Rival {
    /// `supervisor` of PyPI from the folder `PILOTHOUSE_BENCH_SUPERVISOR`, with so many services; none without it.
    pub fn supervisor(service: &[&str], count: usize) -> Option<Self> {
        let programs = named("PILOTHOUSE_BENCH_SUPERVISOR", "supervisor", "python3")?;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("supervisord.conf"), supervisor_settings(folder.path(), service, count)).unwrap();
        let mut command = Command::new(programs.join("supervisord"));
        command.arg("-c").arg(folder.path().join("supervisord.conf")).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        Some(Self { name: "supervisor", pid: child.id(), child: Some(child), control: programs.join("supervisorctl"), folder })
    }

    /// PM2 of npm from the folder `PILOTHOUSE_BENCH_PM2`, with so many services; none without it.
    pub fn pm2(service: &[&str], count: usize) -> Option<Self> {
        let control = named("PILOTHOUSE_BENCH_PM2", "PM2", "npm")?.join("pm2");
        let folder = tempfile::tempdir().unwrap();
        let app = |n| json!({ "name": format!("service-{n:04}"), "script": service[0], "args": &service[1..], "interpreter": "none" });
        let apps: Vec<_> = (0..count).map(app).collect();
        let settings = folder.path().join("services.json");
        std::fs::write(&settings, json!({ "apps": apps }).to_string()).unwrap();
        let mut rival = Self { name: "PM2", pid: 0, child: None, control, folder };
        rival.control(&["start", settings.to_str().unwrap()]);
        let pid = std::fs::read_to_string(rival.folder.path().join("pm2.pid")).unwrap();
        rival.pid = pid.trim().parse().unwrap();
        Some(rival)
    }

    /// Restarts all by its own command; back when that command has ended.
    pub fn restart(&self) {
        self.control(&["restart", "all"]);
    }

    fn control(&self, arguments: &[&str]) {
        let mut command = Command::new(&self.control);
        if self.child.is_some() {
            command.arg("-c").arg(self.folder.path().join("supervisord.conf"));
        } else {
            command.env("PM2_HOME", self.folder.path()).env("PM2_DISABLE_VERSION_CHECK", "true");
        }
        let done = command.args(arguments).stdin(Stdio::null()).output().unwrap();
        assert!(done.status.success(), "{} {arguments:?}: {}", self.name, String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        let Some(child) = &mut self.child else {
            self.control(&["kill"]);
            let deadline = Instant::now() + Duration::from_secs(30);
            while processes::is_there(self.pid) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(50));
            }
            return;
        };
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(child), rustix::process::Signal::TERM);
        let _ = child.wait();
    }
}

/// The folder of programs that a variable names; says what is missing without it.
fn named(variable: &str, name: &str, installer: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).map(PathBuf::from);
    if folder.is_none() {
        println!("{name} is not measured: `cargo xtask bench` installs it when {installer} is there, and names its folder by {variable}");
    }
    folder
}

fn supervisor_settings(folder: &Path, service: &[&str], count: usize) -> String {
    let (folder, command) = (folder.display(), service.join(" "));
    let mut text = format!(
        "[supervisord]\nnodaemon=true\nlogfile={folder}/log\npidfile={folder}/pid\nchildlogdir={folder}\n\
        [unix_http_server]\nfile={folder}/socket\n[supervisorctl]\nserverurl=unix://{folder}/socket\n\
        [rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
    );
    for n in 0..count {
        let _ = write!(text, "[program:service-{n:04}]\ncommand={command}\nstartsecs=0\n");
    }
    text
}
