//! Images of FastAPI services, from PyPI, on the Python of this machine: there is no registry here to have one from.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use api::{DeploymentStatus, NewDeployment, Stage};
use engine::testing::{StoreKind, TestStore};
use engine::{Clock, DockerHost};
use serde_json::json;

use super::beside::Asker;
use super::deploy::{Yard, digest, runs, tags};
use super::{docker, host};

/// Runs a program; answers what it printed.
fn output(program: impl AsRef<Path>, arguments: &[&str]) -> String {
    let output = Command::new(program.as_ref()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{:?} {arguments:?}: {}", program.as_ref(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// An image with Python and FastAPI, removed at the end.
struct Base(String);

impl Base {
    fn make(place: &Path) -> Self {
        let (venv, root) = (place.join("venv"), place.join("root"));
        output("python3", &["-m", "venv", venv.to_str().unwrap()]);
        let packages = root.join("packages");
        let install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--target",
            packages.to_str().unwrap(),
            "fastapi",
            "uvicorn",
        ];
        output(venv.join("bin/python"), &install);
        let says = "import sys, sysconfig; print(sys._base_executable); print(sysconfig.get_path('stdlib'))";
        let said = output("python3", &["-c", says]);
        let (program, library) = said.split_once('\n').unwrap();
        let mut files: BTreeSet<String> = [program.to_owned(), library.to_owned()].into();
        let modules = [Path::new(library).join("lib-dynload"), packages].into_iter().flat_map(|folder| shared(&folder));
        for file in modules.chain([program.into()]) {
            // "libssl.so.3 => /lib/x86_64-linux-gnu/libssl.so.3 (0x..)", and the linker without an arrow.
            let needed = output("ldd", &[file.to_str().unwrap()]);
            files.extend(needed.split_ascii_whitespace().filter(|word| word.starts_with('/')).map(String::from));
        }
        fs::create_dir(root.join("tmp")).unwrap();
        let archive = place.join("root.tar");
        let mut tar = Command::new("tar");
        tar.args(["--create", "--dereference", "--exclude=__pycache__", "--exclude=test", "--exclude=config-*", "--file"]).arg(&archive);
        tar.arg("-C").arg(&root).args(["packages", "tmp"]).args(["-C", "/"]).args(files.iter().map(|file| file.trim_start_matches('/')));
        assert!(tar.status().unwrap().success());
        let name = format!("pilothouse-test-fastapi-{}", Clock::System.new_uuid().simple());
        let run = format!("ENTRYPOINT {}", json!([program]));
        docker(&["import", "--change", "ENV PYTHONPATH=/packages", "--change", &run, archive.to_str().unwrap(), &name]);
        Self(name)
    }

    /// Writes a service that answers `said` and imports what it needs.
    fn service(&self, folder: &Path, said: &str, needs: &str) {
        let main = format!(
            "import fastapi, {needs}\napp = fastapi.FastAPI()\n@app.get('/', response_class=fastapi.responses.PlainTextResponse)\ndef said(): return '{said}'\n"
        );
        fs::write(folder.join("main.py"), main).unwrap();
        let run = json!(["-m", "uvicorn", "--app-dir", "/", "main:app", "--host", "0.0.0.0", "--port", "8000"]);
        fs::write(folder.join("Dockerfile"), format!("FROM {}\nCOPY main.py /main.py\nEXPOSE 8000\nCMD {run}\n", self.0)).unwrap();
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["--host", &host(), "rmi", "--force", &self.0]).output();
    }
}

/// The modules in a folder that are of machine code.
fn shared(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(shared(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "so") {
            found.push(entry);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fastapi_image_is_deployed_replaced_gone_back_to_and_a_broken_one_touches_nothing() {
    let mut store = TestStore::new(StoreKind::Sqlite).await;
    store.config.docker = DockerHost::At { address: host(), certificates: None };
    store.config.program = env!("CARGO_BIN_EXE_engine-supervise").into();
    let yard = Yard::on(store).await;
    let place = tempfile::tempdir().unwrap();
    let made_at = place.path().to_owned();
    let base = tokio::task::spawn_blocking(move || Base::make(&made_at)).await.unwrap();
    let folder = place.path().join("service");
    fs::create_dir(&folder).unwrap();
    base.service(&folder, "one", "sys");
    let name = format!("fastapi-{}", Clock::System.new_uuid().simple());
    let proxy_port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // FastAPI's own page of the interface: there is nothing of ours in it.
    let health = json!({"kind": "http", "path": "/openapi.json", "interval_seconds": 1});
    let source = json!({"build": {"folder": folder}, "container_port": 8000});
    let id = yard.make(json!({"name": name, "source": source, "health": health, "proxy_port": proxy_port})).await;
    let first = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!(first.status, DeploymentStatus::Succeeded, "{first:#?}");
    let asker = Asker::of(proxy_port);
    base.service(&folder, "two", "json");
    let second = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!(second.status, DeploymentStatus::Succeeded, "{second:#?}");

    base.service(&folder, "three", "no_such_module");
    let broken = yard.deploy(id, NewDeployment::default()).await;
    assert!(matches!(broken.status, DeploymentStatus::Failed | DeploymentStatus::RolledBack), "{broken:#?}");
    assert_eq!(broken.stage, Stage::HealthCheck, "{broken:#?}");
    let suggestion = broken.suggestion.as_deref().unwrap();
    assert!(suggestion.contains("'no_such_module' isn't installed") && suggestion.contains("its Dockerfile"), "{broken:#?}");
    assert!(broken.failing_lines.iter().any(|line| line.contains("No module named 'no_such_module'")), "{broken:#?}");
    assert_eq!(runs(id), digest(&second));
    let back = yard.back(first.id).await;
    assert_eq!(back.status, DeploymentStatus::Succeeded, "{back:#?}");
    assert_eq!(runs(id), digest(&first));
    let answers = asker.end();
    assert_eq!(answers.keys().map(String::as_str).collect::<Vec<_>>(), ["one", "two"], "{answers:?}");
    assert!(!tags(id).is_empty());
    let services = yard.engine.backend().services;
    services.change(&yard.admin, id, api::ServicePatch { proxy_port: Some(0), ..Default::default() }).await.unwrap();
    super::beside::parts(&yard, &name, 0).await;
    yard.end(id).await;
}
