//! A Compose file whose services find one another, keep their data, and are checked in their containers.

use api::ports::Services as _;
use api::{Action, BulkRequest, ComposeOutcome, ComposeRequest, Health, ServiceId, Status};
use engine::Clock;

use super::{IMAGE, Whole, docker};

/// `web` starts when `db` is healthy, asks it by another name than its own until it answers, and says what it has heard.
fn file(project: &str) -> String {
    format!(
        r#"
name: {project}
services:
  web:
    image: {IMAGE}
    command: ["sh", "-c", "trap 'exit 0' TERM; busybox wget -q -O - http://store/count; echo; sleep 600 & wait"]
    depends_on:
      db: {{ condition: service_healthy }}
  db:
    image: {IMAGE}
    command: sh -c "trap 'exit 0' TERM; echo -n x >> /data/count; httpd -f -p 80 -h /data & wait"
    expose: ["80"]
    user: "0:0"
    read_only: true
    volumes: ["data:/data"]
    networks:
      default:
        aliases: [store]
    healthcheck:
      test: ["CMD", "cat", "/data/count"]
      interval: 1s
volumes:
  data:
"#
    )
}

async fn make(whole: &Whole, project: &str) -> [ServiceId; 2] {
    let request = ComposeRequest { compose: file(project), ..ComposeRequest::default() };
    let report = whole.services.compose(&whole.admin, request).await.unwrap();
    assert!(report.services.iter().all(|item| item.outcome == ComposeOutcome::Made && item.notes.is_empty()), "{report:#?}");
    assert_eq!(report.services.iter().map(|item| item.key.as_str()).collect::<Vec<_>>(), ["db", "web"], "what is needed comes first");
    [0, 1].map(|n: usize| report.services[n].service_id.unwrap())
}

async fn act(whole: &Whole, action: Action, ids: &[ServiceId]) {
    let request = BulkRequest { action, ids: ids.to_vec(), filter: None, with_dependencies: false, dry_run: false };
    whole.services.act(&whole.admin, request).await.unwrap();
}

async fn heard(whole: &Whole, web: ServiceId, expected: &str) {
    let log = || {
        engine::services::last_lines(
            &engine::runtime::process::log_folder(&whole.core, web),
            api::Timestamp::default(),
            20,
            &engine::secrets::Mask::default(),
        )
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !log().iter().any(|line| line == expected) {
        assert!(std::time::Instant::now() < deadline, "{:?}", log());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn services_of_a_compose_file_find_one_another_and_keep_their_data_when_they_are_made_anew() {
    let whole = Whole::new().await;
    let project = format!("t{}", &Clock::System.new_uuid().simple().to_string()[..12]);
    let (db_name, web_name, network) = (format!("{project}-db"), format!("{project}-web"), format!("pilothouse-{project}"));
    for count in ["x", "xx"] {
        let [db, web] = make(&whole, &project).await;
        act(&whole, Action::Start, &[db, web]).await;
        let first = whole.until(&db_name, |service| service.health_status == Health::Healthy).await;
        let second = whole.until(&web_name, |service| service.status == Status::Running).await;
        assert!(first.started_at < second.started_at, "what is needed is started first");
        heard(&whole, web, count).await;
        let seen = whole.services.get(&whole.admin, web).await.unwrap();
        assert_eq!(seen.dependencies.unwrap().len(), 1);
        assert_eq!(docker(&["network", "ls", "--quiet", "--filter", &format!("name={network}")]).lines().count(), 1, "one for both");

        act(&whole, Action::Stop, &[db, web]).await;
        for name in [&db_name, &web_name] {
            whole.until(name, |service| service.status == Status::Stopped).await;
        }
        for id in [web, db] {
            whole.services.delete(&whole.admin, id).await.unwrap();
            whole.services.purge(&whole.admin, id).await.unwrap();
        }
        assert!(docker(&["network", "ls", "--quiet", "--filter", &format!("name={network}")]).is_empty(), "nobody is in it");
    }
    docker(&["volume", "rm", &format!("pilothouse-{project}_data")]);
    whole.shutdown().await;
}

#[tokio::test]
async fn a_container_whose_network_was_made_anew_is_made_anew_too() {
    let whole = Whole::new().await;
    let project = format!("t{}", &Clock::System.new_uuid().simple().to_string()[..12]);
    let [db, web] = make(&whole, &project).await;
    let (name, network) = (format!("{project}-db"), format!("pilothouse-{project}"));
    act(&whole, Action::Start, &[db]).await;
    let first = whole.until(&name, |service| service.status == Status::Running).await;
    act(&whole, Action::Stop, &[db]).await;
    whole.until(&name, |service| service.status == Status::Stopped).await;
    docker(&["network", "rm", &network]);
    act(&whole, Action::Start, &[db]).await;
    whole.until(&name, |service| service.status == Status::Running && service.started_at > first.started_at).await;
    act(&whole, Action::Stop, &[db]).await;
    whole.until(&name, |service| service.status == Status::Stopped).await;
    for id in [web, db] {
        whole.services.delete(&whole.admin, id).await.unwrap();
        whole.services.purge(&whole.admin, id).await.unwrap();
    }
    docker(&["volume", "rm", &format!("pilothouse-{project}_data")]);
    whole.shutdown().await;
}
