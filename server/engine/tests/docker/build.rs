//! Images that are built of folders.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use api::ports::Services as _;
use api::{ComposeOutcome, ComposeRequest, ImageBuild, NewService, ServiceId, Status};
use engine::runtime::process::log_folder;
use engine::runtime::{Launch, NewContainer, Runtime};
use engine::{Clock, services};

use super::{IMAGE, WAIT, Whole, docker, ended};

/// A folder that a service is built of, which says `text` when it runs. Nothing that an engine has kept is of the same.
fn folder(at: &Path, text: &str) {
    fs::create_dir_all(at).unwrap();
    let dockerfile =
        format!("FROM {IMAGE}\nARG GREETING=hello\nCOPY said /said\nRUN echo building with $GREETING; echo $GREETING >> /said\n");
    fs::write(at.join("Dockerfile"), format!("{dockerfile}CMD [\"sh\", \"-c\", \"cat /said; {WAIT}\"]\n")).unwrap();
    fs::write(at.join("said"), format!("{text}\n{}\n", Clock::System.new_uuid())).unwrap();
    fs::write(at.join(".dockerignore"), "unread\n").unwrap();
}

/// A service that is built of `folder`, by the builder of that name or the engine's own.
fn new(name: &str, folder: &Path, builder: Option<&str>) -> NewService {
    let build = serde_json::json!({ "folder": folder, "builder": builder, "arguments": { "GREETING": "good evening" } });
    serde_json::from_value(serde_json::json!({ "name": name, "source": { "build": build } })).unwrap()
}

fn log(whole: &Whole, id: ServiceId) -> Vec<String> {
    services::last_lines(&log_folder(&whole.core, id), api::Timestamp::default(), 200, &engine::secrets::Mask::default())
}

async fn until_log(whole: &Whole, id: ServiceId, line: &str, times: usize) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while log(whole, id).iter().filter(|one| *one == line).count() != times {
        assert!(Instant::now() < deadline, "{line}: {:?}", log(whole, id));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Starts it, and stops it when it has run since `before`.
async fn run(whole: &Whole, id: ServiceId, name: &str) {
    let before = whole.services.get(&whole.admin, id).await.unwrap().service.started_at;
    whole.services.start(&whole.admin, id).await.unwrap();
    whole.until(name, |service| service.status == Status::Running && service.started_at > before).await;
}

async fn stop(whole: &Whole, id: ServiceId, name: &str) {
    whole.services.stop(&whole.admin, id).await.unwrap();
    whole.until(name, |service| service.status == Status::Stopped).await;
}

fn images(id: ServiceId) -> Vec<String> {
    let label = format!("label=pilothouse.service={id}");
    docker(&["images", "--all", "--quiet", "--no-trunc", "--filter", &label]).lines().map(String::from).collect()
}

#[tokio::test]
async fn a_service_is_built_of_its_folder_again_when_that_has_changed_and_leaves_nothing_behind() {
    built_again(None, |line| line.starts_with('#') && line.contains("RUN echo building with")).await;
}

#[tokio::test]
async fn the_builder_from_before_does_the_same() {
    built_again(Some("classic"), |line| line.starts_with("Step 4/")).await;
}

async fn built_again(builder: Option<&str>, is_step: fn(&str) -> bool) {
    let whole = Whole::new().await;
    let place = tempfile::tempdir().unwrap();
    folder(place.path(), "one");
    let name = format!("built-{}", Clock::System.new_uuid().simple());
    let made = whole.services.create(&whole.admin, new(&name, place.path(), builder)).await.unwrap();
    let id = made.service.id;
    assert_eq!(made.service.template_type, "dockerfile");

    run(&whole, id, &name).await;
    until_log(&whole, id, "building with good evening", 1).await;
    until_log(&whole, id, "one", 1).await;
    until_log(&whole, id, "good evening", 1).await;
    assert!(log(&whole, id).iter().any(|line| is_step(line)), "{:?}", log(&whole, id));
    let first = images(id);
    assert_eq!(first.len(), 1);
    stop(&whole, id, &name).await;

    // What is kept out doesn't count.
    fs::write(place.path().join("unread"), "x").unwrap();
    run(&whole, id, &name).await;
    until_log(&whole, id, "one", 2).await;
    assert_eq!((images(id), log(&whole, id).iter().filter(|line| is_step(line)).count()), (first.clone(), 1));
    stop(&whole, id, &name).await;

    fs::write(place.path().join("said"), "two, and longer\n").unwrap();
    run(&whole, id, &name).await;
    until_log(&whole, id, "two, and longer", 1).await;
    let second = images(id);
    assert!(second.len() == 1 && second != first, "the one before is gone: {first:?} {second:?}");
    stop(&whole, id, &name).await;

    whole.services.delete(&whole.admin, id).await.unwrap();
    whole.services.purge(&whole.admin, id).await.unwrap();
    assert_eq!(images(id), Vec::<String>::new());
    whole.shutdown().await;
}

#[tokio::test]
async fn a_build_that_fails_says_at_which_step_and_what_it_wrote_is_in_the_log() {
    let whole = Whole::new().await;
    let place = tempfile::tempdir().unwrap();
    folder(place.path(), "one");
    let broken = format!("FROM {IMAGE}\nRUN echo about to break; sh -c 'echo no such thing >&2; false'\n");
    fs::write(place.path().join("Dockerfile"), broken).unwrap();
    let name = format!("built-{}", Clock::System.new_uuid().simple());
    let id = whole.services.create(&whole.admin, new(&name, place.path(), None)).await.unwrap().service.id;
    whole.services.start(&whole.admin, id).await.unwrap();
    let failed = whole.until(&name, |service| service.status == Status::Error).await;
    let why = failed.status_reason.unwrap();
    assert!(why.starts_with("the image can't be built at step 2 of ") && why.contains("false': ") && why.contains("exit code: 1"), "{why}");
    until_log(&whole, id, "about to break", 1).await;
    until_log(&whole, id, "no such thing", 1).await;
    let causes = whole.services.get(&whole.admin, id).await.unwrap().diagnosis;
    assert!(causes.iter().any(|cause| cause.cause.contains("built")), "{causes:#?}");

    fs::write(place.path().join("Dockerfile"), "FRUM nothing\n").unwrap();
    whole.services.start(&whole.admin, id).await.unwrap();
    let parse = |service: &api::Service| service.status_reason.as_ref().is_some_and(|why| why.contains("unknown instruction: FRUM"));
    let failed = whole.until(&name, parse).await;
    let why = failed.status_reason.unwrap();
    assert!(why.starts_with("the image can't be built: dockerfile parse error"), "what BuildKit puts before it is gone: {why}");
    whole.services.delete(&whole.admin, id).await.unwrap();
    whole.services.purge(&whole.admin, id).await.unwrap();
    whole.shutdown().await;
}

#[tokio::test]
async fn what_only_buildkit_knows_is_built_unless_the_other_builder_was_chosen() {
    let whole = Whole::new().await;
    let place = tempfile::tempdir().unwrap();
    // Stages that don't need each other, and a cache that isn't in the image.
    let dockerfile = format!(
        "FROM {IMAGE} AS one\nRUN --mount=type=cache,target=/kept echo first > /kept/x && cp /kept/x /one\nFROM {IMAGE} AS two\nRUN echo second > /two\n\
         FROM {IMAGE}\nCOPY --from=one /one /one\nCOPY --from=two /two /two\nCMD [\"sh\", \"-c\", \"cat /one /two; ls /kept || echo no cache; {WAIT}\"]\n"
    );
    fs::write(place.path().join("Dockerfile"), dockerfile).unwrap();
    let name = format!("built-{}", Clock::System.new_uuid().simple());
    let id = whole.services.create(&whole.admin, new(&name, place.path(), None)).await.unwrap().service.id;
    run(&whole, id, &name).await;
    for line in ["first", "second", "no cache"] {
        until_log(&whole, id, line, 1).await;
    }
    stop(&whole, id, &name).await;
    whole.services.delete(&whole.admin, id).await.unwrap();
    whole.services.purge(&whole.admin, id).await.unwrap();

    let name = format!("classic-{}", Clock::System.new_uuid().simple());
    let id = whole.services.create(&whole.admin, new(&name, place.path(), Some("classic"))).await.unwrap().service.id;
    whole.services.start(&whole.admin, id).await.unwrap();
    let without = |service: &api::Service| service.status_reason.as_ref().is_some_and(|why| why.contains("builds without it"));
    whole.until(&name, without).await;
    whole.services.delete(&whole.admin, id).await.unwrap();
    whole.services.purge(&whole.admin, id).await.unwrap();
    whole.shutdown().await;
}

#[tokio::test]
async fn a_build_ends_when_the_service_is_stopped_and_nothing_of_it_goes_on() {
    // What BuildKit runs is no container: it is looked for among the processes of this machine.
    let processes = || {
        let all = std::process::Command::new("ps").args(["-eo", "args"]).output().unwrap();
        String::from_utf8_lossy(&all.stdout).into_owned()
    };
    ended_with_the_service(None, processes).await;
    ended_with_the_service(Some("classic"), || docker(&["ps", "--no-trunc", "--format", "{{.Command}}"])).await;
}

async fn ended_with_the_service(builder: Option<&str>, running: impl Fn() -> String) {
    let whole = Whole::new().await;
    let place = tempfile::tempdir().unwrap();
    folder(place.path(), "one");
    let mark = Clock::System.new_uuid().simple().to_string();
    fs::write(place.path().join("Dockerfile"), format!("FROM {IMAGE}\nRUN echo {mark}; sleep 600; echo {mark}\n")).unwrap();
    let name = format!("built-{mark}");
    let id = whole.services.create(&whole.admin, new(&name, place.path(), builder)).await.unwrap().service.id;
    whole.services.start(&whole.admin, id).await.unwrap();
    until_log(&whole, id, &mark, 1).await;
    let waiting = whole.until(&name, |service| service.status_reason.as_ref().is_some_and(|why| why.contains("step 2 of"))).await;
    assert_eq!(waiting.status, Status::Starting);
    let until = async |runs: bool, what: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while running().contains(&mark) != runs {
            assert!(Instant::now() < deadline, "{what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    until(true, "the step runs").await;
    stop(&whole, id, &name).await;
    until(false, "the step has ended").await;
    whole.services.delete(&whole.admin, id).await.unwrap();
    whole.services.purge(&whole.admin, id).await.unwrap();
    whole.shutdown().await;
}

#[tokio::test]
async fn services_of_a_compose_file_are_built_where_its_folder_says() {
    let whole = Whole::new().await;
    let place = tempfile::tempdir().unwrap();
    let project = format!("t{}", &Clock::System.new_uuid().simple().to_string()[..12]);
    folder(&place.path().join("web"), "from compose");
    let file = "services:\n  web:\n    build:\n      context: ./web\n      args: {GREETING: '${WORD}'}\n  gone: {build: ./gone}\n";
    fs::write(place.path().join("compose.yaml"), file).unwrap();
    fs::write(place.path().join(".env"), "WORD=of compose\n").unwrap();
    let folder = Some(place.path().display().to_string());
    let request = ComposeRequest { folder, project: Some(project.clone()), ..ComposeRequest::default() };
    let report = whole.services.compose(&whole.admin, request).await.unwrap();
    let of = |key: &str| report.services.iter().find(|item| item.key == key).unwrap();
    assert_eq!(of("gone").outcome, ComposeOutcome::Impossible);
    assert!(of("gone").message.as_ref().unwrap().contains("isn't there"), "{:?}", of("gone").message);
    let (id, name) = (of("web").service_id.unwrap(), format!("{project}-web"));
    run(&whole, id, &name).await;
    until_log(&whole, id, "of compose", 1).await;
    stop(&whole, id, &name).await;
    whole.services.delete(&whole.admin, id).await.unwrap();
    whole.services.purge(&whole.admin, id).await.unwrap();
    whole.shutdown().await;
}

#[tokio::test]
async fn a_step_of_a_build_by_others_is_no_service() {
    let house = super::House::new().await;
    let place = tempfile::tempdir().unwrap();
    let mark = format!("step-{}", Clock::System.new_uuid().simple());
    fs::write(place.path().join("Dockerfile"), format!("FROM {IMAGE}\nRUN echo {mark} && sleep 3\n")).unwrap();
    let mut build = std::process::Command::new("docker");
    build.env("DOCKER_BUILDKIT", "0").args(["--host", &super::host(), "build", "--quiet"]).arg(place.path());
    let mut build = build.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let running = || docker(&["ps", "--no-trunc", "--format", "{{.Names}} {{.Command}}"]);
    let deadline = Instant::now() + Duration::from_secs(60);
    let step = loop {
        let seen = running();
        if let Some(line) = seen.lines().find(|line| line.contains(&mark)) {
            break line.split(' ').next().unwrap().to_owned();
        }
        assert!(Instant::now() < deadline, "it has begun");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    // Once it is known at all, a container that was made later is known too.
    let later = super::Foreign::run(&[], WAIT);
    let known = || house.discover().unwrap_or_default().into_iter().map(|found| found.name).collect::<Vec<_>>();
    while !known().contains(&later.0) {
        assert!(Instant::now() < deadline, "{:?}", known());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!known().contains(&step), "{step}");
    assert!(build.wait().unwrap().success());
}

#[tokio::test]
async fn a_folder_that_has_gone_is_said_at_the_start() {
    let house = super::House::new().await;
    let id = ServiceId(Clock::System.new_uuid());
    let build = Some(ImageBuild { folder: "/no/such/folder".into(), ..ImageBuild::default() });
    let launch = || Launch::NewContainer(Box::new(NewContainer { name: "x".into(), build: build.clone(), ..NewContainer::default() }));
    house.start(id, launch()).await.unwrap();
    let why = ended(&house, id).await.start_failure.unwrap();
    assert_eq!(why, "the image can't be built: the folder isn't there");
    house.remove(id).await.unwrap();
}
