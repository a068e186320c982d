//! Services of an image: who may open a container, which ports it can't have, and how it is changed. On both databases.

use std::sync::Arc;

use api::ports::Services as _;
use api::{
    Caller, ComposeOutcome, ComposeRequest, ContainerOptions, Error, ErrorCode, EventKind, ImageBuild, ImagePatch, ImagePush, NewService,
    Protocol, PublishedPort, RegistryAccount, Role, RuntimeKind, ServiceDetail, ServiceId, ServicePatch, Source, Timestamp,
};

use super::image::further;
use super::tests::{Life, caller, command};
use crate::runtime::FakeRuntime;
use crate::testing::TestStore;
use crate::{Clock, on_each_store};

async fn begin(test: &TestStore) -> Life {
    let clock = Clock::stopped(Timestamp::from_micros(1_000_000_000));
    Life::on(test, Arc::new(FakeRuntime::of_kind(RuntimeKind::Docker, clock.clone())), clock).await
}

fn options(ports: &[&str]) -> Box<ContainerOptions> {
    let ports = api::read_ports(&ports.join("\n"), "").expect("ports");
    Box::new(ContainerOptions { ports, ..ContainerOptions::default() })
}

fn image(name: &str, port: Option<u16>, ports: &[&str]) -> NewService {
    let source = Source::Image { image: "web:1".into(), container_port: None, options: options(ports), registry: None };
    NewService { source, port, ..command(name, "/".into()) }
}

fn to(ports: &[&str]) -> ServicePatch {
    let source = Some(ImagePatch { options: Some(options(ports)), ..ImagePatch::default() });
    ServicePatch { source, ..ServicePatch::default() }
}

async fn make(life: &Life, who: &Caller, new: NewService) -> Result<ServiceDetail, Error> {
    life.services.create(who, new).await
}

async fn change(life: &Life, who: &Caller, id: ServiceId, patch: ServicePatch) -> Result<ServiceDetail, Error> {
    life.services.change(who, id, patch).await
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Error>, code: ErrorCode, field: &str, words: &str) {
    let error = answer.expect_err("it is refused");
    assert_eq!((error.code, error.details.first().map_or("", |detail| &detail.field)), (code, field), "{error:?}");
    assert!(error.details.iter().any(|detail| detail.message.contains(words)), "{words}: {error:?}");
}

on_each_store! {
    async fn only_an_admin_opens_a_container_to_the_network(test: TestStore) {
        let life = begin(&test).await;
        let (viewer, developer) = (caller(Role::Viewer), caller(Role::Developer));
        assert_eq!(make(&life, &viewer, image("a", None, &["80"])).await.expect_err("it is refused").code, ErrorCode::Forbidden);
        let closed = make(&life, &developer, image("a", None, &["80", "[::1]:8081:81", "127.0.0.2::82/udp"])).await.expect("it is closed").service.id;
        let why = "takes the role Admin, and you are Developer";
        for open in ["0.0.0.0::80", "[::]::80", "192.168.1.5::80/udp", "[::ffff:127.0.0.1]::80"] {
            refused(make(&life, &developer, image("b", None, &["80", open])).await, ErrorCode::Forbidden, "/source/options/ports/1/address", why);
            refused(change(&life, &developer, closed, to(&[open])).await, ErrorCode::Forbidden, "/source/options/ports/0/address", why);
        }
        refused(make(&life, &life.admin, image("b", None, &["localhost::80"])).await, ErrorCode::ValidationFailed, "/source/options/ports/0/address", "IP address");

        let opened = make(&life, &life.admin, image("b", None, &["0.0.0.0:9000:80"])).await.expect("an Admin may").service.id;
        let kept = change(&life, &developer, opened, to(&["0.0.0.0:9000:80", "81"])).await.expect("what is open stays open");
        assert_eq!(further(&kept.spec.source).len(), 2);
        let other = change(&life, &developer, opened, to(&["0.0.0.0:9000:22"])).await;
        refused(other, ErrorCode::Forbidden, "/source/options/ports/0/address", why);
        assert_eq!(change(&life, &viewer, opened, to(&[])).await.expect_err("it is refused").code, ErrorCode::Forbidden);
        change(&life, &developer, opened, to(&[])).await.expect("anybody who may change it may close it");
        life.end().await;
    }

    async fn a_port_of_the_machine_is_had_once_and_it_is_said_whose_it_is(test: TestStore) {
        let life = begin(&test).await;
        let first = make(&life, &life.admin, image("first", Some(9000), &["9001:81", "9002:82/udp"])).await.expect("it is made").service.id;
        let at = "/source/options/ports/0/host_port";
        let table = [
            (image("b", Some(9003), &["9003:80"]), at, "port 9003/tcp is that of the service itself"),
            (image("b", None, &["9000:80"]), at, "that of the service 'first'"),
            (image("b", None, &["[::1]:9001:80"]), at, "that of the service 'first'"),
            (image("b", None, &["9002:80/udp"]), at, "port 9002/udp is that of the service 'first'"),
            (image("b", Some(9001), &[]), "/port", "port 9001 is a further port of the service 'first'"),
            (image("b", None, &["9005:80", "9005:81"]), "/source/options/ports/1/host_port", "another further port of this service"),
        ];
        for (new, field, words) in table {
            refused(make(&life, &life.admin, new).await, ErrorCode::ValidationFailed, field, words);
        }
        let second = make(&life, &life.admin, image("second", Some(9002), &["9001:80/udp", "81"])).await.expect("the other protocol is free").service.id;
        refused(change(&life, &life.admin, second, to(&["9001:81"])).await, ErrorCode::ValidationFailed, at, "'first'");
        let port = |port| ServicePatch { port: Some(port), ..ServicePatch::default() };
        refused(change(&life, &life.admin, second, port(9001)).await, ErrorCode::ValidationFailed, "/port", "'first'");
        refused(change(&life, &life.admin, first, port(9001)).await, ErrorCode::ValidationFailed, at, "the service itself");
        change(&life, &life.admin, first, to(&["9001:82"])).await.expect("its own are its own");

        let both = "name: shop\nservices:\n  web:\n    image: web\n    ports: [\"80\", \"9443:81\"]\n  xyz:\n    image: db\n    ports: [\"127.0.0.1:9443:81\"]\n";
        let request = ComposeRequest { compose: both.into(), dry_run: true, ..ComposeRequest::default() };
        let plan = life.services.compose(&life.admin, request).await.expect("a plan");
        let why: Vec<_> = plan.services.iter().map(|item| item.message.as_deref().unwrap_or_default()).collect();
        assert!(why[0].is_empty() && why[1].contains("port 9443 of this machine is that of 'shop-web' too"), "{why:?}");

        let file = "name: shop\nservices:\n  web:\n    image: web\n    ports: [\"80\", \"127.0.0.1:9001:81\"]\n  db:\n    image: db\n";
        let request = ComposeRequest { compose: file.into(), dry_run: true, ..ComposeRequest::default() };
        let plan = life.services.compose(&life.admin, request).await.expect("a plan");
        let web = plan.services.iter().find(|item| item.key == "web").expect("it is in the file");
        assert!(web.message.as_deref().unwrap_or_default().contains("that of the service 'first'"), "{web:?}");
        life.end().await;
    }

    async fn what_was_planned_of_a_compose_file_and_could_not_be_made_is_told(test: TestStore) {
        let life = begin(&test).await;
        let file = "name: shop\nservices:\n  web: {image: web, depends_on: [db]}\n  db: {image: db}\n  job: {image: job}\n";
        let request = ComposeRequest { compose: file.into(), dry_run: true, ..ComposeRequest::default() };
        let mut report = life.services.compose(&life.admin, request).await.expect("a plan");
        // Meanwhile somebody else takes that name.
        make(&life, &life.admin, image("shop-db", None, &[])).await.expect("it is made");
        life.services.make_composed(&life.admin, &mut report).await;
        let outcome = |key: &str| {
            let item = report.services.iter().find(|item| item.key == key).expect("it is in the file");
            (item.outcome, item.message.as_deref().unwrap_or_default())
        };
        assert_eq!(outcome("job"), (ComposeOutcome::Made, ""));
        assert_eq!(outcome("db"), (ComposeOutcome::Failed, "there is a service 'shop-db' already; choose another name"));
        assert_eq!(outcome("web"), (ComposeOutcome::Failed, "it needs 'db', which can't be made"));
        life.end().await;
    }

    async fn who_chooses_where_an_image_or_a_secret_is_sent_is_an_admin(test: TestStore) {
        let life = begin(&test).await;
        let developer = caller(Role::Developer);
        let account = RegistryAccount { user: "shop".into(), secret: "registry.token".into() };
        let private = |name: &str, image: &str| {
            let source = Source::Image { image: image.into(), container_port: None, options: Box::default(), registry: Some(Box::new(account.clone())) };
            NewService { source, ..command(name, "/".into()) }
        };
        let why = make(&life, &developer, private("a", "registry.example/web:1")).await.expect_err("it is refused");
        assert!(why.code == ErrorCode::Forbidden && why.message.contains("is told the secret"), "{why}");
        let id = make(&life, &life.admin, private("a", "registry.example/web:1")).await.expect("it is made").service.id;
        let part = |patch| ServicePatch { source: Some(patch), ..ServicePatch::default() };
        let image = |name: &str| part(ImagePatch { image: Some(name.into()), ..ImagePatch::default() });
        change(&life, &developer, id, image("registry.example/web:2")).await.expect("it is the same registry");
        for other in ["evil.example/web:2", "web:2", "registry.example:444/web:2"] {
            assert_eq!(change(&life, &developer, id, image(other)).await.expect_err("it is refused").code, ErrorCode::Forbidden, "{other}");
        }
        let other = RegistryAccount { secret: "other.token".into(), ..account.clone() };
        let other = part(ImagePatch { registry: Some(other), ..ImagePatch::default() });
        assert_eq!(change(&life, &developer, id, other).await.expect_err("it is refused").code, ErrorCode::Forbidden);
        let wrong = part(ImagePatch { registry: Some(RegistryAccount { user: "a:b".into(), secret: String::new() }), ..ImagePatch::default() });
        let error = change(&life, &life.admin, id, wrong).await.expect_err("it is wrong");
        assert_eq!(error.details.iter().map(|detail| detail.field.as_str()).collect::<Vec<_>>(), ["/source/registry/user", "/source/registry/secret"]);
        let push = part(ImagePatch { push: Some(ImagePush { image: "registry.example/web".into(), registry: None }), ..ImagePatch::default() });
        refused(change(&life, &life.admin, id, push).await, ErrorCode::ValidationFailed, "/source/build/push", "comes from a registry");
        let none = part(ImagePatch { registry: Some(RegistryAccount::default()), ..ImagePatch::default() });
        let open = change(&life, &developer, id, none).await.expect("nothing is sent any more").spec.source;
        assert_eq!((open.registry(), open.sent()), (None, None));
        life.end().await;
    }

    async fn where_a_built_image_is_pushed_is_chosen_by_an_admin_and_can_be_taken_back(test: TestStore) {
        let life = begin(&test).await;
        let developer = caller(Role::Developer);
        std::fs::write(test.folder().join("Dockerfile"), "FROM scratch\n").expect("it is written");
        let folder = test.folder().display().to_string();
        let push = ImagePush { image: "registry.example/web".into(), registry: None };
        let build = ImageBuild { folder, push: Some(Box::new(push.clone())), ..ImageBuild::default() };
        let source = Source::Build { build: Box::new(build), container_port: None, options: Box::default() };
        let new = NewService { source, ..command("web", "/".into()) };
        assert_eq!(make(&life, &developer, new.clone()).await.expect_err("it is refused").code, ErrorCode::Forbidden);
        let id = make(&life, &life.admin, new).await.expect("it is made").service.id;
        let part = |push: ImagePush| ServicePatch { source: Some(ImagePatch { push: Some(push), ..ImagePatch::default() }), ..ServicePatch::default() };
        let evil = ImagePush { image: "evil.example/web".into(), ..push };
        assert_eq!(change(&life, &developer, id, part(evil)).await.expect_err("it is refused").code, ErrorCode::Forbidden);
        let tagged = ImagePush { image: "registry.example/web:1".into(), registry: None };
        refused(change(&life, &life.admin, id, part(tagged)).await, ErrorCode::ValidationFailed, "/source/build/push/image", "without a tag");
        let source = change(&life, &developer, id, part(ImagePush::default())).await.expect("it stays here").spec.source;
        assert_eq!(source.push(), None);
        life.end().await;
    }

    async fn a_service_of_an_image_is_changed_field_by_field(test: TestStore) {
        let life = begin(&test).await;
        let id = make(&life, &life.admin, image("web", None, &["81"])).await.expect("it is made").service.id;
        let part = |patch| ServicePatch { source: Some(patch), ..ServicePatch::default() };
        let newer = part(ImagePatch { image: Some(" web:2 ".into()), container_port: Some(8000), ..ImagePatch::default() });
        let detail = change(&life, &life.admin, id, newer).await.expect("it is changed");
        let Source::Image { image, container_port, options, .. } = detail.spec.source else { panic!("an image") };
        assert_eq!((image.as_str(), container_port, options.ports), ("web:2", Some(8000), vec![PublishedPort::new(81)]));
        let wrong = ContainerOptions { user: Some("a b".into()), ..ContainerOptions::default() };
        let patch = part(ImagePatch { image: Some("-v".into()), options: Some(Box::new(wrong)), ..ImagePatch::default() });
        let error = change(&life, &life.admin, id, patch).await.expect_err("it is wrong");
        assert_eq!(error.details.iter().map(|detail| detail.field.as_str()).collect::<Vec<_>>(), ["/source/options/user", "/source/image"]);
        let udp = PublishedPort { protocol: Protocol::Udp, ..PublishedPort::new(53) };
        let read_only = ContainerOptions { read_only: true, ports: vec![udp], ..ContainerOptions::default() };
        let patch = part(ImagePatch { container_port: Some(0), options: Some(Box::new(read_only.clone())), ..ImagePatch::default() });
        change(&life, &life.admin, id, patch).await.expect("it is changed");
        life.events(id, EventKind::ServiceChanged).await;

        let life = life.again(&test, |_| {}).await;
        let kept = life.services.get(&life.admin, id).await.expect("it is there").spec.source;
        assert_eq!(kept, Source::Image { image: "web:2".into(), container_port: None, options: Box::new(read_only), registry: None });
        life.end().await;
    }
}

#[tokio::test]
async fn only_a_service_of_an_image_has_one_to_change() {
    let mut test = TestStore::new(crate::testing::StoreKind::Sqlite).await;
    let life = Life::begin(&mut test, &[("orders/main.py", "import fastapi\napp = fastapi.FastAPI()\n")]).await;
    let id = life.named("orders").await.id;
    refused(change(&life, &life.admin, id, to(&[])).await, ErrorCode::ValidationFailed, "/source", "made of an image");
    life.end().await;
}
