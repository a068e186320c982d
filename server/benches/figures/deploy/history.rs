//! The list of a thousand deployments, ten of each of a hundred services, each with its release: requests for each CPU second of the server.

use api::{Artifact, DeploymentId, ReleaseId, ServiceId};
use engine::Clock;
use engine::store::data_keys::data_key_list;
use engine::store::deployments::{DeploymentFilter, DeploymentRow, deployment_add, deployment_find, deployment_list};
use engine::store::releases::{ReleaseRow, release_add, release_find};
use engine::testing::{StoreKind, TestStore};
use serde_json::json;

use super::{deploy, make, read, stop, write_service};
use crate::client::Client;
use crate::list;
use crate::program::Program;
use crate::table::Table;

const SERVICES: usize = 100;
const DEPLOYMENTS: usize = 1000;

pub async fn measure(table: &mut Table) {
    let store = TestStore::new(StoreKind::Sqlite).await;
    let data = &store.config.data_dir;
    let program = Program::pilothouse(data);
    program.ready("/readyz").await;
    let mut client = program.client().await;
    let folder = store.folder().join("source");
    write_service(&folder, 0);
    let mut services = Vec::new();
    for n in 0..SERVICES {
        let source = match n {
            0 => json!({ "folder": folder }),
            _ => json!({ "command": ["/bin/true"], "working_dir": "/tmp" }),
        };
        services.push(make(&mut client, json!({ "name": format!("service-{n:04}"), "source": source })).await);
    }
    deploy(&mut client, &services[0], json!({ "message": "the only one that was carried out" })).await;
    stop(&mut client, &services[0]).await;
    drop(client);
    program.end();
    fill(&store, &services).await;

    let program = Program::pilothouse(data);
    program.ready("/readyz").await;
    let mut client = program.client().await;
    for (limit, aim) in [(100, "2000"), (DEPLOYMENTS, "-")] {
        let path = format!("/api/deploy?limit={limit}");
        let body = client.plain(&path).await.unwrap().body;
        let shown = read(&body);
        let items = shown["items"].as_array().unwrap();
        assert!(items.len() == limit && items.iter().all(|item| item["release"]["artifact"].is_object()), "{}", items[0]);
        let ours = list::load(&program, &path, client.bearer.clone()).await;
        let bare = Program::baseline();
        bare.ready("/").await;
        assert_eq!(Client::open(&bare.address).await.unwrap().post("/body", &shown).await.unwrap().status, 200);
        let theirs = list::load(&bare, "/", None).await;
        table.compare(&format!("list of {limit} deployments of {DEPLOYMENTS} ({} bytes)", body.len()), ours, theirs, "requests/CPU s", aim);
    }
}

/// Writes what a thousand deployments would have left, made after the one that is there.
async fn fill(store: &TestStore, services: &[String]) {
    let opened = store.open().await;
    let mut db = opened.main.read().await.unwrap();
    let key = data_key_list(&mut db).await.unwrap()[0].id;
    let filter = DeploymentFilter { limit: 1, ..DeploymentFilter::default() };
    let listed = deployment_list(&mut db, &filter).await.unwrap().remove(0);
    let deployment = deployment_find(&mut db, listed.shown.id).await.unwrap().unwrap();
    let release = release_find(&mut db, deployment.release_id.unwrap()).await.unwrap().unwrap();
    drop(db);
    assert!(matches!(release.artifact, Artifact::Files { .. }));
    let all: Vec<ServiceId> = services.iter().map(|id| ServiceId(id.parse().unwrap())).collect();
    let rows: Vec<(DeploymentRow, ReleaseRow)> = (1..DEPLOYMENTS).map(|n| copy(&deployment, &release, all[n % SERVICES], n)).collect();
    let write = opened.main.write(move |db| {
        Box::pin(async move {
            for (deployment, release) in &rows {
                deployment_add(db, deployment, key).await?;
                release_add(db, release, key, &Default::default()).await?;
            }
            Ok(())
        })
    });
    write.await.unwrap();
    opened.close().await;
}

fn copy(deployment: &DeploymentRow, release: &ReleaseRow, service: ServiceId, n: usize) -> (DeploymentRow, ReleaseRow) {
    let (mut deployment, mut release) = (deployment.clone(), release.clone());
    (deployment.shown.id, release.id) = (DeploymentId(Clock::System.new_uuid()), ReleaseId(Clock::System.new_uuid()));
    (deployment.shown.service_id, deployment.release_id) = (service, Some(release.id));
    deployment.shown.service_name = format!("service-{:04}", n % SERVICES);
    (release.service_id, release.deployment_id) = (service, deployment.shown.id);
    (deployment, release)
}
