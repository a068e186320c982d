use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use api::{Caller, ErrorCode, NewSecret, Secret, ServiceSpec, Source};

use super::{Inherited, Launch, Plan, Planner, ProcessLaunch, holder};
use crate::testing::{StoreKind, TestStore};
use crate::user::SystemUser;
use crate::{Clock, auth, secrets};

const MAIN: &str = "from fastapi import FastAPI\napp = FastAPI()\n";

/// A launch that was planned as a process.
#[derive(Debug)]
struct Process {
    launch: ProcessLaunch,
    port: u16,
    note: Option<String>,
}

struct Folder {
    root: tempfile::TempDir,
    inherited: Vec<(String, String)>,
}

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir(root.path().join("service")).expect("a folder");
        for (name, text) in files {
            fs::write(root.path().join("service").join(name), text).expect("a file");
        }
        let path = std::env::var("PATH").unwrap_or_default();
        Self { root, inherited: vec![("PATH".into(), path)] }
    }

    fn path(&self) -> String {
        self.root.path().join("service").display().to_string()
    }

    fn spec(&self) -> ServiceSpec {
        ServiceSpec::new(Source::Folder { folder: self.path() })
    }

    async fn plan(&self, spec: &ServiceSpec) -> api::Result<Process> {
        self.plan_beside(spec, &BTreeMap::new()).await
    }

    async fn plan_beside(&self, spec: &ServiceSpec, reserved: &BTreeMap<u16, String>) -> api::Result<Process> {
        let inherited = Inherited::of(self.inherited.iter().cloned());
        let planner = Planner::new(inherited, &self.root.path().join("data"), Path::new("/opt/pilothouse"));
        let planned = planner.plan(Plan { name: "service", spec, told: None, pinned: None, last_port: None, reserved, held: None }).await?;
        let Launch::Process(launch) = planned.launch else { panic!("a process") };
        Ok(Process { launch, port: planned.port.expect("a process is told its port"), note: planned.note })
    }
}

#[tokio::test]
async fn the_environment_is_the_short_list_the_file_the_services_own_and_the_port() {
    let mut folder = Folder::with(&[
        ("main.py", MAIN),
        (".env.production", "B=later\nD=later\n"),
        (".env", "A=file\nB=file\nPILOTHOUSE_ADMIN_PASSWORD=x\nPORT=1\nBAD-NAME=x\n"),
    ]);
    for (name, value) in [
        ("PILOTHOUSE_ADMIN_PASSWORD", "secret"),
        ("PILOTHOUSE_DATABASE_URL", "secret"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("PIP_INDEX_URL", "https://user:secret@index"),
        ("LC_ALL", "C.UTF-8"),
        ("A", "inherited"),
    ] {
        folder.inherited.push((name.into(), value.into()));
    }
    let mut spec = folder.spec();
    spec.environment_files = vec![".env.production".into()];
    spec.environment = BTreeMap::from([("B".into(), "own".into()), ("C".into(), "own".into())]);
    let planned = folder.plan(&spec).await.expect("a plan");
    let environment = planned.launch.environment;
    let names: Vec<&str> = environment.keys().map(String::as_str).collect();
    assert_eq!(names, ["A", "B", "C", "D", "LC_ALL", "PATH", "PORT", "PYTHONUNBUFFERED"]);
    assert_eq!((environment["A"].as_str(), environment["B"].as_str(), environment["C"].as_str()), ("file", "own", "own"));
    assert_eq!(environment["D"], "later");
    assert_eq!(environment["PORT"], planned.port.to_string());
    spec.environment_files.push(".env.local".into());
    let error = folder.plan(&spec).await.expect_err("it isn't there");
    assert!(error.message.contains(".env.local can't be read"), "{}", error.message);
}

#[tokio::test]
async fn an_env_file_that_is_not_taken_is_told() {
    let folder = Folder::with(&[("main.py", MAIN), ("shared", "A=1\n")]);
    assert_eq!(folder.plan(&folder.spec()).await.expect("a plan").note, None);
    symlink("shared", Path::new(&folder.path()).join(".env")).expect("a link");
    let planned = folder.plan(&folder.spec()).await.expect("a plan");
    assert!(!planned.launch.environment.contains_key("A"));
    assert_eq!(
        planned.note.as_deref(),
        Some("its .env isn't taken: it is a link, is no text of at most 1 MiB, or is closed to Pilothouse")
    );
}

#[tokio::test]
async fn requirements_are_installed_into_an_environment_that_they_name() {
    let mut folder = Folder::with(&[("main.py", MAIN), ("requirements.txt", "fastapi\nuvicorn\n")]);
    folder.inherited.push(("PIP_INDEX_URL".into(), "https://index".into()));
    let first = folder.plan(&folder.spec()).await.expect("a plan").launch;
    let prepare = first.prepare.clone().expect("a preparation");
    assert!(first.command[0].starts_with(&folder.root.path().join("data/venvs").display().to_string()), "{:?}", first.command);
    assert_eq!(first.command[1..4], ["-m", "uvicorn", "main:app"]);
    assert_eq!(prepare.steps[1].label, "installing 2 requirements");
    assert!(prepare.steps[1].command.contains(&format!("{}/requirements.txt", folder.path())));
    assert_eq!(prepare.environment["PIP_INDEX_URL"], "https://index");
    assert!(!first.environment.contains_key("PIP_INDEX_URL"), "an index may have a password");
    assert!(first.environment["PATH"].starts_with(first.command[0].trim_end_matches("/python")));

    let same = folder.plan(&folder.spec()).await.expect("a plan").launch;
    assert_eq!(same.command[0], first.command[0]);
    fs::write(Path::new(&folder.path()).join("requirements.txt"), "fastapi\n").expect("a change");
    let other = folder.plan(&folder.spec()).await.expect("a plan").launch;
    assert_ne!(other.command[0], first.command[0]);
}

#[tokio::test]
async fn an_included_file_is_part_of_what_names_the_environment() {
    let folder = Folder::with(&[("main.py", MAIN), ("requirements.txt", "-r more.txt\n"), ("more.txt", "-r requirements.txt\na\n")]);
    let before = folder.plan(&folder.spec()).await.expect("a plan").launch.command;
    fs::write(Path::new(&folder.path()).join("more.txt"), "b\n").expect("a change");
    assert_ne!(folder.plan(&folder.spec()).await.expect("a plan").launch.command[0], before[0]);
}

#[tokio::test]
async fn without_requirements_nothing_is_prepared_and_an_environment_of_the_folder_is_used() {
    let folder = Folder::with(&[("main.py", "print(1)")]);
    let plain = folder.plan(&folder.spec()).await.expect("a plan").launch;
    assert!(plain.prepare.is_none() && plain.command[0].ends_with("/python3"), "{:?}", plain.command);

    let bin = Path::new(&folder.path()).join(".venv/bin");
    fs::create_dir_all(&bin).expect("folders");
    symlink(&plain.command[0], bin.join("python")).expect("a link, as venv makes it");
    fs::write(Path::new(&folder.path()).join("requirements.txt"), "fastapi\n").expect("a file");
    let own = folder.plan(&folder.spec()).await.expect("a plan").launch;
    assert_eq!(own.command, [bin.join("python").display().to_string(), "main.py".into()]);
    assert!(own.prepare.is_none());

    fs::set_permissions(&bin, fs::Permissions::from_mode(0o777)).expect("a mode");
    let refused = folder.plan(&folder.spec()).await.expect_err("others may write");
    assert!(refused.message.contains("chmod go-w"), "{}", refused.message);
}

#[tokio::test]
async fn a_machine_without_python_is_told_what_to_install() {
    let mut folder = Folder::with(&[("main.py", "print(1)")]);
    folder.inherited = vec![("PATH".into(), folder.path())];
    let error = folder.plan(&folder.spec()).await.expect_err("no Python");
    assert!(error.message.contains("install it") && error.message.contains("python3"), "{}", error.message);
}

#[tokio::test]
async fn a_python_without_venv_is_told_what_to_install() {
    let mut folder = Folder::with(&[("main.py", "print(1)"), ("requirements.txt", "fastapi")]);
    let python = folder.root.path().join("python3");
    fs::write(&python, "#!/bin/sh\necho 3.11.2\nexit 1\n").expect("a program");
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).expect("a mode");
    folder.inherited = vec![("PATH".into(), folder.root.path().display().to_string())];
    let error = folder.plan(&folder.spec()).await.expect_err("no venv");
    assert!(error.message.contains("python3-venv") && error.message.contains("3.11.2"), "{}", error.message);
}

#[tokio::test]
async fn a_configured_port_that_is_taken_is_an_error_that_says_by_whom() {
    let folder = Folder::with(&[("main.py", MAIN)]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mut spec = folder.spec();
    spec.port = Some(port);
    let error = folder.plan(&spec).await.expect_err("it is taken");
    assert_eq!(error.code, ErrorCode::Conflict);
    assert!(error.message.contains(&format!("(pid {})", std::process::id())), "{}", error.message);
    assert_eq!(holder(port).map(|holder| holder.pid), Some(std::process::id()));
    drop(listener);
    assert_eq!(folder.plan(&spec).await.expect("it is free now").port, port);
    let taken = BTreeMap::from([(port, "orders".to_owned())]);
    let error = folder.plan_beside(&spec, &taken).await.expect_err("it is reserved");
    assert!(error.message.contains("'orders'"), "{}", error.message);
}

#[tokio::test]
async fn a_port_that_was_read_gives_way_to_an_assigned_one_with_a_note() {
    let listener = std::net::TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let folder = Folder::with(&[("main.py", MAIN), ("config.py", &format!("PORT = {port}"))]);
    let planned = folder.plan(&folder.spec()).await.expect("a plan");
    assert_ne!(planned.port, port);
    let note = planned.note.expect("a note");
    assert!(note.starts_with(&format!("port {port} is taken by ")) && note.ends_with(&planned.port.to_string()), "{note}");
    assert_eq!(planned.launch.command.last(), Some(&planned.port.to_string()));
}

#[tokio::test]
async fn a_folder_that_others_may_write_or_that_is_gone_is_not_run() {
    let folder = Folder::with(&[("main.py", MAIN)]);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("a mode");
    let error = folder.plan(&folder.spec()).await.expect_err("others may write");
    assert!(error.message.contains("chmod go-w"), "{}", error.message);
    fs::remove_dir_all(folder.path()).expect("removed");
    let error = folder.plan(&folder.spec()).await.expect_err("it is gone");
    assert!(error.message.contains("isn't there"), "{}", error.message);
}

#[tokio::test]
async fn commands_and_the_demonstration_get_their_port() {
    let folder = Folder::with(&[(".env", "A=1")]);
    let command = vec!["/bin/serve".into(), "--listen=:${PORT}".into(), "$PORT".into()];
    let spec = ServiceSpec::new(Source::Command { command, working_dir: folder.path() });
    let planned = folder.plan(&spec).await.expect("a plan");
    let port = planned.port.to_string();
    assert_eq!(planned.launch.command, ["/bin/serve".to_owned(), format!("--listen=:{port}"), port]);
    assert_eq!(planned.launch.environment["A"], "1");
    let spec = ServiceSpec::new(Source::Demonstration { demonstration: true });
    let planned = folder.plan(&spec).await.expect("a plan");
    assert_eq!(planned.launch.command, ["/opt/pilothouse", "demo-service", "--port", &planned.port.to_string()]);
}

/// A user of the system with another home, where tests are root.
fn user_with(home: &Path) -> Option<SystemUser> {
    let user = SystemUser::choose("daemon").ok();
    assert_eq!(user.is_some(), rustix::process::geteuid().is_root(), "only root changes users");
    user.map(|user| SystemUser { home: home.to_owned(), ..user })
}

#[tokio::test]
async fn another_user_has_an_environment_of_its_own_and_no_secrets_of_pilothouse() {
    let mut folder = Folder::with(&[("main.py", MAIN)]);
    for (name, value) in
        [("HOME", "/root"), ("XDG_CACHE_HOME", "/root/x"), ("TMPDIR", "/root/tmp"), ("PIP_INDEX_URL", "secret"), ("TZ", "UTC")]
    {
        folder.inherited.push((name.into(), value.into()));
    }
    let Some(user) = user_with(Path::new("/srv/home")) else { return };
    let all = Inherited::of(folder.inherited.iter().cloned()).for_user(&user);
    let names: Vec<&str> = all.keys().map(String::as_str).collect();
    assert_eq!(names, ["HOME", "LOGNAME", "PATH", "SHELL", "TZ", "USER"]);
    assert_eq!((all["HOME"].as_str(), all["USER"].as_str(), all["LOGNAME"].as_str()), ("/srv/home", "daemon", "daemon"));
}

#[tokio::test]
async fn the_virtual_environments_of_another_user_are_in_its_home_or_a_reason_is_given() {
    let folder = Folder::with(&[("main.py", MAIN), ("requirements.txt", "fastapi\n")]);
    let home = folder.root.path().join("home");
    let Some(user) = user_with(&home) else { return };
    fs::set_permissions(folder.root.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    let python = super::Python::new(Inherited::of(folder.inherited.iter().cloned()), folder.root.path().join("data/venvs"));
    let needs = crate::services::discovery::Requirements::File { count: 1 };
    let path = Path::new(&folder.path()).to_owned();
    let error = python.choose(&path, Some(&needs), Some(&user)).await.expect_err("there is no home");
    assert!(error.message.contains("the home of the user 'daemon'") && error.message.contains(".venv"), "{error}");
    fs::create_dir(&home).expect("a folder");
    assert!(python.choose(&path, Some(&needs), Some(&user)).await.is_err(), "it isn't the user's");
    std::os::unix::fs::chown(&home, Some(user.uid), Some(user.gid)).expect("it is the user's");
    let chosen = python.choose(&path, Some(&needs), Some(&user)).await.expect("a place");
    let venvs = home.join(".cache/pilothouse/venvs");
    assert!(chosen.interpreter.starts_with(&venvs), "{chosen:?}");
    let prepare = chosen.prepare.expect("it is to be made");
    assert!(prepare.lock.starts_with(&venvs) && prepare.marker.starts_with(&venvs), "{prepare:?}");
    assert_eq!(prepare.environment["HOME"], home.display().to_string());
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&fs::metadata(&venvs).expect("it is made")), user.uid);
}

#[tokio::test]
async fn what_another_user_could_not_read_is_not_read_for_it() {
    let folder = Folder::with(&[("main.py", MAIN), (".env", "A=1\n"), (".env.secret", "SECRET=1\n")]);
    let mut spec = folder.spec();
    spec.user = Some("daemon".into());
    if user_with(Path::new("/")).is_none() {
        let error = folder.plan(&spec).await.expect_err("only root changes users");
        assert!(error.message.starts_with("it can't be run as the user 'daemon': Pilothouse runs as the user"), "{error}");
        return;
    }
    fs::set_permissions(folder.root.path(), fs::Permissions::from_mode(0o700)).expect("a mode");
    let error = folder.plan(&spec).await.expect_err("the user may not get there");
    assert!(error.message.contains("may not enter the folder"), "{error}");
    fs::set_permissions(folder.root.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    let launch = folder.plan(&spec).await.expect("a plan").launch;
    assert_eq!((launch.user.as_deref(), launch.environment["A"].as_str()), (Some("daemon"), "1"));
    assert!(!launch.command[0].starts_with("/root/"), "it is an interpreter that the user can run: {:?}", launch.command);
    let secret = Path::new(&folder.path()).join(".env.secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("a mode");
    fs::hard_link(&secret, Path::new(&folder.path()).join(".env.hard")).expect("a second name");
    for name in [".env.secret", ".env.hard"] {
        spec.environment_files = vec![name.into()];
        let error = folder.plan(&spec).await.expect_err("it is closed to the user");
        assert!(error.message.ends_with("closed to the user 'daemon'"), "{error}");
    }
    spec.user = None;
    assert_eq!(folder.plan(&spec).await.expect("Pilothouse may").launch.environment["SECRET"], "1");
}

#[tokio::test]
async fn processes_and_containers_get_the_values_of_secrets() {
    let test = TestStore::new(StoreKind::Sqlite).await;
    let core = test.core(Clock::System).await;
    let secrets = secrets::Manager::open(core.clone(), auth::Manager::new(core.clone())).await.expect("secrets");
    let value = NewSecret { value: Some(Secret::new("hunter2")), ..NewSecret::default() };
    api::ports::Secrets::put(&*secrets, &Caller::system(), "db".parse().expect("a name"), value).await.expect("it is set");
    let planner = Planner::new(Inherited::default(), &core.config.data_dir, Path::new("/opt/pilothouse"));
    let planner = planner.with_secrets(secrets::Vault::of(&core));
    let image = Source::Image { image: "web:1".into(), container_port: None, options: Box::default(), registry: None };
    let command = Source::Command { command: vec!["true".into()], working_dir: test.folder().display().to_string() };
    let reserved = BTreeMap::new();
    for source in [image, command] {
        let mut spec = ServiceSpec::new(source);
        spec.environment = [("URL".to_owned(), "u:${secret:db}@h".to_owned())].into();
        let environment = match planner
            .plan(Plan { name: "service", spec: &spec, told: None, pinned: None, last_port: None, reserved: &reserved, held: None })
            .await
            .expect("a plan")
            .launch
        {
            Launch::Process(launch) => launch.environment,
            Launch::NewContainer(new) => new.environment,
            Launch::Container => panic!("it is neither"),
        };
        assert_eq!(environment["URL"], "u:hunter2@h");
        spec.environment.insert("OTHER".into(), "${secret:gone}".into());
        let error = planner
            .plan(Plan { name: "service", spec: &spec, told: None, pinned: None, last_port: None, reserved: &reserved, held: None })
            .await
            .expect_err("it isn't there");
        assert!(error.message.contains("OTHER") && error.message.contains("'gone'"), "{error}");
    }
}
