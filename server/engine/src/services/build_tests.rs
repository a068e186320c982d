//! Services whose image is built: who may have which folder.

use std::path::Path;

use api::ports::Services as _;
use api::{ComposeOutcome, ComposeRequest, ErrorCode, ImageBuild, NewService, Role, Source};

use super::tests::{Life, caller, command};
use crate::on_each_store;

fn new(name: &str, build: ImageBuild) -> NewService {
    let source = Source::Build { build: Box::new(build), container_port: Some(80), options: Default::default() };
    NewService { source, ..command(name, "/".into()) }
}

fn build(folder: &Path) -> ImageBuild {
    ImageBuild { folder: folder.display().to_string(), ..ImageBuild::default() }
}

on_each_store! {
    async fn a_developer_builds_of_the_services_folder_and_an_admin_of_any(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[("web/Dockerfile", "FROM scratch"), ("web/docker/other", "FROM scratch"), ("empty/x", "")]).await;
        let (services, root) = (&life.services, test.folder().join("services"));
        let (viewer, developer) = (caller(Role::Viewer), caller(Role::Developer));
        let code = |refused: api::Result<api::ServiceDetail>| refused.expect_err("it isn't allowed").code;
        assert_eq!(code(services.create(&viewer, new("web", build(&root.join("web")))).await), ErrorCode::Forbidden);
        let made = services.create(&developer, new("web", build(&root.join("web")))).await.expect("it is in the services folder");
        assert_eq!((made.service.template_type.as_str(), made.service.runtime), ("dockerfile", api::RuntimeKind::Docker));
        let kept = services.get(&developer, made.service.id).await.expect("it is there");
        assert!(matches!(kept.spec.source, Source::Build { container_port: Some(80), .. }), "{:?}", kept.spec.source);

        let outside = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(outside.path().join("Dockerfile"), "FROM scratch").expect("a file");
        for folder in [outside.path(), &root, &root.join("web/../../services")] {
            assert_eq!(code(services.create(&developer, new("out", build(folder))).await), ErrorCode::Forbidden, "{}", folder.display());
        }
        services.create(&life.admin, new("out", build(outside.path()))).await.expect("an Admin may");

        let wrong = [
            (build(&root.join("empty")), "/source/build/folder"),
            (build(&root.join("gone")), "/source/build/folder"),
            (build(Path::new("web")), "/source/build/folder"),
            (ImageBuild { dockerfile: Some("docker/none".into()), ..build(&root.join("web")) }, "/source/build/folder"),
            (ImageBuild { dockerfile: Some("../empty/x".into()), ..build(&root.join("web")) }, "/source/build/dockerfile"),
            (ImageBuild { target: Some("--x y".into()), ..build(&root.join("web")) }, "/source/build/target"),
        ];
        for (build, field) in wrong {
            let refused = services.create(&developer, new("wrong", build.clone())).await.expect_err("it is wrong");
            assert_eq!((refused.code, refused.details[0].field.as_str()), (ErrorCode::ValidationFailed, field), "{build:?}");
        }
        let other = ImageBuild { dockerfile: Some("docker/other".into()), ..build(&root.join("web")) };
        services.create(&developer, new("other", other)).await.expect("its Dockerfile is in the folder");
        life.end().await;
    }
}

on_each_store! {
    async fn a_compose_file_can_t_build_of_what_its_reader_may_not_have(test: TestStore) {
        let mut test = test;
        let file = "name: shop\nservices:\n  web: {build: ./web}\n  out: {build: ../../out}\n";
        let life = Life::begin(&mut test, &[("shop/compose.yaml", file), ("shop/web/Dockerfile", "FROM scratch")]).await;
        let out = test.folder().join("out");
        std::fs::create_dir(&out).expect("a folder");
        std::fs::write(out.join("Dockerfile"), "FROM scratch").expect("a file");
        let folder = Some(test.folder().join("services/shop").display().to_string());
        let request = ComposeRequest { folder, dry_run: true, ..ComposeRequest::default() };
        let outcomes = async |caller: &api::Caller| {
            let report = life.services.compose(caller, request.clone()).await.expect("it is a plan");
            report.services.into_iter().map(|item| (item.key, item.outcome, item.message.unwrap_or_default())).collect::<Vec<_>>()
        };
        let of_developer = outcomes(&caller(Role::Developer)).await;
        assert_eq!((of_developer[0].0.as_str(), of_developer[0].1), ("out", ComposeOutcome::Impossible));
        assert!(of_developer[0].2.contains("Admin"), "{of_developer:?}");
        assert_eq!((of_developer[1].0.as_str(), of_developer[1].1), ("web", ComposeOutcome::Planned));
        let of_admin = outcomes(&life.admin).await;
        assert!(of_admin.iter().all(|(_, outcome, _)| *outcome == ComposeOutcome::Planned), "{of_admin:?}");
        life.end().await;
    }
}
