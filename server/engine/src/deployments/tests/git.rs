//! Releases of Git repositories, from Git's own server.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use api::ports::{Deployments as _, Secrets as _, Services as _};
use api::{
    Artifact, CheckKind, Commit, Deployment, DeploymentConfiguration, DeploymentLinesQuery, DeploymentStatus, ErrorCode, HealthCheck,
    NewDeployment, NewRollback, NewSecret, NewService, Repository, RestartPolicy, Role, Secret, ServicePatch, Source, Stage, Status,
};

use super::Yard;
use crate::on_each_store;
use crate::services::tests::{Life, MAIN, caller, write};
use crate::testing::TestStore;

const TOKEN: &str = "token-9fK2-of-git";

/// A server of repositories that is ended with the test.
pub(super) struct Server {
    child: Child,
    port: u16,
    pub root: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub fn begin(root: PathBuf) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/deployments/tests/git_server.py");
        fs::create_dir_all(&root).expect("a folder");
        let mut command = Command::new("python3");
        command.arg(script).arg(&root).arg(TOKEN).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python3");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        Self { child, port: line.trim().parse().expect("a port"), root }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}/.git", self.port)
    }

    pub fn git(&self, path: &str, args: &[&str]) -> String {
        let folder = self.root.join(path);
        fs::create_dir_all(&folder).expect("a folder");
        let names = ["-c", "user.name=Ann Other", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false"];
        let ran = Command::new("git").current_dir(folder).args(names).args(args).output().expect("git");
        assert!(ran.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).expect("text").trim().to_owned()
    }

    /// A repository with one commit.
    pub fn make(&self, path: &str) {
        self.git(path, &["init", "--quiet", "--initial-branch=main"]);
        write(&self.root.join(path).join("main.py"), MAIN);
        write(&self.root.join(path).join(".env"), "GREETING=hello\n");
        self.commit(path, "Say hello");
    }

    /// Commits all that there is; answers the commit's id.
    fn commit(&self, path: &str, message: &str) -> String {
        self.git(path, &["add", "--all"]);
        self.git(path, &["commit", "--quiet", "--message", message]);
        self.git(path, &["rev-parse", "HEAD"])
    }
}

pub(super) fn new(repository: Repository) -> NewService {
    NewService {
        name: "shop".into(),
        runtime: None,
        source: Source::Repository { repository: Box::new(repository) },
        user: None,
        port: None,
        proxy_port: None,
        replicas: 1,
        rollout: Default::default(),
        environment: Default::default(),
        environment_files: Vec::new(),
        depends_on: Vec::new(),
        health: HealthCheck { kind: CheckKind::None, ..HealthCheck::default() },
        description: None,
        restart: RestartPolicy::Never,
        handover: false,
        limits: Default::default(),
        labels: Default::default(),
    }
}

async fn begin(test: &mut TestStore, path: &str) -> (Server, Yard) {
    let server = Server::begin(test.folder().join("git"));
    server.make(path);
    let life = Life::begin(test, &[]).await;
    let repository = Repository { url: server.url(path), ..Repository::default() };
    let made = life.services.create(&life.admin, new(repository)).await.expect("it is made");
    let root = test.folder().to_owned();
    (server, Yard::on(life, made.service.id, root).await)
}

pub(super) fn commit(deployment: &Deployment) -> Commit {
    match deployment.release.as_ref().map(|release| &release.artifact) {
        Some(Artifact::Files { commit: Some(commit), .. }) => (**commit).clone(),
        other => panic!("{other:?}"),
    }
}

fn of(reference: &str) -> NewDeployment {
    let configuration = DeploymentConfiguration { reference: Some(reference.into()), ..DeploymentConfiguration::default() };
    NewDeployment { configuration, ..NewDeployment::default() }
}

pub(super) async fn failed(yard: &Yard, new: NewDeployment) -> Deployment {
    let failed = yard.over(yard.deploy(new).await).await;
    assert_eq!(failed.status, DeploymentStatus::Failed, "{failed:#?}");
    assert_eq!(left(yard), 0, "nothing that was fetched is left over");
    failed
}

/// What is left of what was fetched.
fn left(yard: &Yard) -> usize {
    fs::read_dir(yard.data().join("commits")).map_or(0, |entries| entries.count())
}

on_each_store! {
    async fn the_branch_of_a_repository_is_deployed_goes_on_and_is_gone_back_to(test: TestStore) {
        let mut test = test;
        let (server, yard) = begin(&mut test, "shop").await;
        yard.life.services.start(&yard.life.admin, yard.id).await.expect("it is taken on");
        yard.life.until(yard.id, Status::Error).await;
        let reason = yard.life.named("shop").await.status_reason.expect("a reason");
        assert!(reason.contains("it was never deployed"), "{reason}");

        let id = server.git("shop", &["rev-parse", "HEAD"]);
        let plan = yard.manager.plan(&yard.life.admin, yard.id, NewDeployment::default()).await.expect("a plan");
        assert!(plan.obstacle.is_none() && plan.steps[0].contains(&format!("main is {id}")), "{plan:?}");
        let first = yard.deployed().await;
        let one = commit(&first);
        assert_eq!((one.id.as_str(), one.reference.as_deref(), one.subject.as_str(), one.author.as_str()), (&*id, Some("main"), "Say hello", "Ann Other"));
        assert!(one.committed_at.is_some());
        let (folder, environment) = yard.launched();
        assert!(folder.join("main.py").is_file() && !folder.join(".git").exists() && !folder.join(".env").exists());
        assert_eq!(environment["GREETING"], "hello");
        fs::write(folder.join("data/orders.txt"), "kept").expect("it is shared");
        assert_eq!(left(&yard), 0);

        write(&server.root.join("shop/new.py"), "2");
        server.git("shop", &["tag", "--annotate", "--message", "one", "v1"]);
        let two = server.commit("shop", "Add a file\n\nand say more");
        let second = yard.deployed().await;
        assert_eq!((commit(&second).id, commit(&second).subject.as_str()), (two.clone(), "Add a file"));
        let (folder, _) = yard.launched();
        assert!(folder.join("new.py").is_file());
        assert_eq!(fs::read_to_string(folder.join("data/orders.txt")).expect("it is there"), "kept");

        // An annotated tag, the id of a commit, another branch.
        server.git("shop", &["branch", "feature/x", "v1"]);
        for reference in ["v1", &id, "feature/x"] {
            let done = yard.over(yard.deploy(of(reference)).await).await;
            assert_eq!(done.status, DeploymentStatus::Succeeded, "{done:#?}");
            assert_eq!(commit(&done).id, id, "{reference}");
            assert!(!yard.launched().0.join("new.py").exists());
        }
        let back = yard.manager.rollback(&yard.life.admin, second.id, NewRollback::default()).await.expect("it is taken on");
        assert_eq!(commit(&yard.over(back.deployment_id).await).id, two);
        assert!(yard.launched().0.join("new.py").is_file());
        yard.life.end().await;
    }

    async fn what_is_not_in_a_repository_is_said_and_nothing_is_touched(test: TestStore) {
        let mut test = test;
        let (server, yard) = begin(&mut test, "shop").await;
        let nowhere = failed(&yard, of("nowhere")).await;
        assert!(nowhere.error.as_deref().is_some_and(|error| error.contains("neither a branch nor a tag 'nowhere'")), "{nowhere:#?}");
        assert_eq!(nowhere.stage, Stage::Validate);
        let unknown = failed(&yard, of(&"ab".repeat(20))).await;
        assert!(unknown.error.as_deref().is_some_and(|error| error.contains("has the commit")), "{unknown:#?}");
        for reference in ["--upload-pack=touch", "a b", "a..b", "a\u{1}b"] {
            let refused = yard.manager.deploy(&yard.life.admin, yard.id, of(reference)).await.expect_err("it is refused");
            assert_eq!((refused.code, refused.details[0].field.as_str()), (ErrorCode::ValidationFailed, "/configuration/reference"));
        }
        let change = async |repository: Repository| {
            let patch = ServicePatch { repository: Some(repository), ..ServicePatch::default() };
            yard.life.services.change(&yard.life.admin, yard.id, patch).await
        };
        let shop = Repository { url: server.url("shop"), ..Repository::default() };
        change(Repository { url: server.url("nothing"), ..shop.clone() }).await.expect("it is changed");
        let missing = failed(&yard, NewDeployment::default()).await;
        assert!(missing.error.as_deref().is_some_and(|error| error.starts_with("there is no repository at")), "{missing:#?}");
        change(Repository { url: server.url("moved/shop"), ..shop.clone() }).await.expect("it is changed");
        let moved = failed(&yard, NewDeployment::default()).await;
        assert!(moved.error.as_deref().is_some_and(|error| error.contains("leads to another address")), "{moved:#?}");
        change(Repository { url: format!("http://169.254.169.254:{}/shop", server.port), ..shop.clone() }).await.expect("it is changed");
        let closed = failed(&yard, NewDeployment::default()).await;
        assert!(closed.error.as_deref().is_some_and(|error| error.contains("can't be at")), "{closed:#?}");
        assert_eq!(change(Repository { url: "ext::sh -c id".into(), ..shop.clone() }).await.expect_err("refused").details[0].field, "/repository/url");

        // A folder that isn't there, one that leads out of the repository, and one with nothing to run.
        symlink("/etc", server.root.join("shop/out")).expect("a link");
        write(&server.root.join("shop/empty/readme"), "nothing");
        write(&server.root.join("shop/services/orders/main.py"), MAIN);
        server.commit("shop", "Lead out");
        for (folder, words) in [("none", "has no folder 'none'"), ("out", "has no folder 'out'"), ("empty", "says how to run it")] {
            change(Repository { folder: Some(folder.into()), ..shop.clone() }).await.expect("it is changed");
            let failed = failed(&yard, NewDeployment::default()).await;
            assert!(failed.error.as_deref().is_some_and(|error| error.contains(words)), "{folder}: {failed:#?}");
        }
        assert_eq!(yard.left(), (1, 0), "only the folder with what the service writes is left");
        change(Repository { folder: Some("services/orders".into()), ..shop }).await.expect("it is changed");
        yard.deployed().await;
        yard.life.end().await;
    }

    async fn a_private_repository_takes_a_secret_that_nobody_sees(test: TestStore) {
        let mut test = test;
        let (server, yard) = begin(&mut test, "private/shop").await;
        let closed = failed(&yard, NewDeployment::default()).await;
        assert!(closed.error.as_deref().is_some_and(|error| error.contains("isn't open to everybody")), "{closed:#?}");
        let accounts = crate::auth::Manager::new(yard.life.core.clone());
        let secrets = crate::secrets::Manager::open(yard.life.core.clone(), accounts).await.expect("they are read");
        let set = async |value: &str| {
            let new = NewSecret { value: Some(Secret::new(value)), ..NewSecret::default() };
            secrets.put(&yard.life.admin, "git.token".parse().expect("a name"), new).await.expect("it is set")
        };
        let with = Repository { url: server.url("private/shop"), secret: Some("git.token".into()), ..Repository::default() };
        let patch = ServicePatch { repository: Some(with), ..ServicePatch::default() };
        yard.life.services.change(&yard.life.admin, yard.id, patch).await.expect("it is changed");
        let absent = failed(&yard, NewDeployment::default()).await;
        assert!(absent.error.as_deref().is_some_and(|error| error.contains("there is no secret 'git.token'")), "{absent:#?}");
        set("wrong-token-8s7d6f").await;
        let wrong = failed(&yard, NewDeployment::default()).await;
        assert!(wrong.error.as_deref().is_some_and(|error| error.contains("doesn't take the secret")), "{wrong:#?}");
        let known = set(TOKEN).await;
        let used: Vec<_> = known.used_by.iter().map(|one| one.service_name.as_str()).collect();
        assert_eq!(used, ["shop"]);
        let done = yard.deployed().await;
        for id in [closed.id, wrong.id, done.id] {
            let lines = yard.manager.lines(&yard.life.admin, id, DeploymentLinesQuery::default()).await.expect("they are listed").items;
            assert!(!lines.iter().any(|line| line.message.contains(TOKEN) || line.message.contains("Basic")), "{lines:?}");
        }
        yard.life.end().await;
    }

    async fn what_is_too_large_is_said_and_nothing_of_it_is_left(test: TestStore) {
        let mut test = test;
        test.config.fetch_limit = 1 << 20;
        let (server, yard) = begin(&mut test, "shop").await;
        yard.deployed().await;
        // What doesn't fit as it is sent, and what only doesn't as files.
        let random = Command::new("head").args(["-c", "2000000", "/dev/urandom"]).output().expect("head").stdout;
        for content in [random, vec![b'x'; 2_000_000]] {
            fs::write(server.root.join("shop/large"), content).expect("a file");
            server.commit("shop", "Add what is large");
            let failed = failed(&yard, NewDeployment::default()).await;
            assert!(failed.error.as_deref().is_some_and(|error| error.contains("takes more than 1 MiB of the disk")), "{failed:#?}");
        }
        fs::remove_file(server.root.join("shop/large")).expect("it goes");
        server.commit("shop", "Remove it");
        yard.deployed().await;
        yard.life.end().await;
    }

    async fn who_may_not_run_free_commands_may_deploy_a_repository_and_not_choose_what_of_it(test: TestStore) {
        let mut test = test;
        let (server, yard) = begin(&mut test, "shop").await;
        let developer = caller(Role::Developer);
        let other = Repository { url: server.url("other"), ..Repository::default() };
        let refused = yard.life.services.create(&developer, NewService { name: "other".into(), ..new(other.clone()) }).await;
        assert_eq!(refused.expect_err("it is a free command").code, ErrorCode::Forbidden);
        let patch = ServicePatch { repository: Some(other), ..ServicePatch::default() };
        assert_eq!(yard.life.services.change(&developer, yard.id, patch).await.expect_err("so is this").code, ErrorCode::Forbidden);
        assert_eq!(yard.manager.deploy(&developer, yard.id, of("feature/x")).await.expect_err("and this").code, ErrorCode::Forbidden);
        let taken = yard.manager.deploy(&developer, yard.id, NewDeployment::default()).await.expect("they may").deployment_id;
        assert_eq!(yard.over(taken).await.status, DeploymentStatus::Succeeded);
        yard.life.end().await;
    }
}
