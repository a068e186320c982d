//! The pages of the dependencies, as they are sent.

use api::{DependencyEdge, DependencyGraph, DependencyHealth, DependencyNode, DependencySource, Health, NodeKind, Role, Service, Status};
use axum::http::StatusCode;

use crate::fake::{Fake, NOW, service};
use crate::page_tests::{get, post_as};

fn node(service: &Service) -> DependencyNode {
    DependencyNode {
        id: service.id.to_string(),
        kind: NodeKind::Service,
        service_id: Some(service.id),
        name: service.name.clone(),
        status: Some(service.status),
        health_status: Some(service.health_status),
    }
}

fn edge(from: &DependencyNode, to: &DependencyNode, sources: Vec<DependencySource>) -> DependencyEdge {
    let is_connected = sources.iter().any(DependencySource::is_connected);
    DependencyEdge { from: from.id.clone(), to: to.id.clone(), health: to.health(is_connected), sources }
}

/// web needs payments, which is stopped, and a database elsewhere; jobs needs nothing.
fn some() -> Fake {
    let stopped = Service { status: Status::Stopped, health_status: Health::Unknown, ..service(2, "payments") };
    let services = vec![service(1, "web"), stopped, service(3, "jobs")];
    let place = "db.internal:5432".to_owned();
    let external =
        DependencyNode { id: place.clone(), kind: NodeKind::External, service_id: None, name: place, status: None, health_status: None };
    let nodes: Vec<_> = services.iter().map(node).chain([external]).collect();
    let variable = DependencySource::Environment { variable: "DATABASE_URL".into(), scheme: Some("postgres".into()) };
    let seen = DependencySource::Connections { open: 2, last_seen: NOW };
    let edges = vec![edge(&nodes[0], &nodes[1], vec![DependencySource::Declared]), edge(&nodes[0], &nodes[3], vec![variable, seen])];
    Fake { services, graph: DependencyGraph { nodes, edges, looked_at: NOW }, ..Fake::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_graph_is_drawn_and_told_in_words_to_everybody() {
    let page = get(some(), Some(Role::Viewer), "/dependencies").await;
    assert_eq!(page.status, StatusCode::OK);
    let words = [
        "Who needs what",
        "declared in the settings",
        "the variable DATABASE_URL names it (postgres) · 2 connections open now",
        "<title>payments: Stopped",
        "Not a service here, connected",
        "1 more service has none that are known.",
    ];
    for text in words {
        assert!(page.text.contains(text), "{text} is missing: {}", page.text);
    }
    for health in [DependencyHealth::Down, DependencyHealth::Connected] {
        let line = format!(r#"data-health="{health}" d="M1"#);
        assert!(page.text.contains(&line), "{line} is missing: {}", page.text);
    }
    assert!(
        page.text.contains(&format!(r#"<a href="/services/{}/dependencies" data-state="stopped""#, some().services[1].id)),
        "{}",
        page.text
    );
    assert!(!page.text.contains(" style="), "an attribute that the policy forbids");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_address_chooses_the_part_of_one_service() {
    let [web, payments, jobs] = [0, 1, 2].map(|n: usize| some().services[n].id);
    let page = get(some(), Some(Role::Viewer), &format!("/dependencies?service={payments}")).await;
    assert!(
        page.text.contains(&format!("/services/{web}/dependencies")) && !page.text.contains("graph-word\">Not a service"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("(postgres)"), "what web needs else isn't of the part of payments");
    let page = get(some(), Some(Role::Viewer), &format!("/dependencies?service={jobs}")).await;
    assert!(page.text.contains("Nothing is known that jobs needs") && page.text.contains("DATABASE_URL"), "{}", page.text);
    let page = get(some(), Some(Role::Viewer), "/dependencies?service=00000000-0000-7000-8000-0000000000ff").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    let page = get(Fake::default(), Some(Role::Viewer), "/dependencies?service=nonsense").await;
    assert!(page.status == StatusCode::OK && page.text.contains("No dependencies are known yet"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_listed_and_not_drawn() {
    let services: Vec<_> = (1..=400).map(|n| service(n, &format!("s{n}"))).collect();
    let nodes: Vec<_> = services.iter().map(node).collect();
    let edges = (1..400).map(|n| edge(&nodes[n], &nodes[0], vec![DependencySource::Declared])).collect();
    let page = get(
        Fake { services, graph: DependencyGraph { nodes, edges, looked_at: NOW }, ..Fake::default() },
        Some(Role::Viewer),
        "/dependencies",
    )
    .await;
    assert!(page.text.contains("400 nodes with 399 dependencies are too many to be drawn") && !page.text.contains("graph-node"));
    assert_eq!(page.text.matches("cell-known").count(), 399);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_shows_both_ends_and_says_before_its_deletion_who_needs_it() {
    let [web, payments, jobs] = [0, 1, 2].map(|n: usize| some().services[n].id);
    let page = get(some(), Some(Role::Viewer), &format!("/services/{web}/dependencies")).await;
    for text in ["payments", "db.internal:5432", "Down", "Connected", "Nothing is known that needs it."] {
        assert!(page.text.contains(text), "{text} is missing: {}", page.text);
    }
    let page = get(some(), Some(Role::Admin), &format!("/services/{payments}/settings")).await;
    for text in ["1 service depends on it: web.", "needed by 1 service", "form[depends_on][]", "jobs"] {
        assert!(page.text.contains(text), "{text} is missing: {}", page.text);
    }
    assert!(!page.text.contains(&format!(r#"name="form[depends_on][]" value="{payments}""#)), "not itself");
    let page = get(some(), Some(Role::Admin), &format!("/services/{jobs}/settings")).await;
    assert!(!page.text.contains("depends on it:"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_to_need_a_service_is_told_before_it_is_stopped() {
    let fake = some();
    let [web, payments] = [0, 1].map(|n: usize| fake.services[n].id);
    for (id, told) in [(payments, "\"1 service depends on it: web.\""), (web, "null")] {
        let answer = crate::page_tests::call(some(), Some(Role::Developer), "/rpc/get_dependents", &format!(r#"{{"id":"{id}"}}"#)).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, told));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_boxes_of_the_settings_are_read_also_when_none_is_ticked() {
    let [web, payments] = [0, 1].map(|n: usize| some().services[n].id);
    let rest = "form%5Bname%5D=a&form%5Bdescription%5D=&form%5Bport%5D=&form%5Benvironment%5D=&form%5Bhealth_path%5D=\
        &form%5Bhealth_interval%5D=15&form%5Bhealth_timeout%5D=5&form%5Bunhealthy_threshold%5D=3&form%5Bhealthy_threshold%5D=1\
        &form%5Bmetrics_path%5D=%2Fmetrics&form%5Bstop_grace%5D=10&form%5Brestart%5D=never";
    for (boxes, expected) in [(vec![], "[]".to_owned()), (vec![payments, web], format!(r#"["{payments}","{web}"]"#))] {
        let ticked: String = boxes.iter().map(|id| format!("&form%5Bdepends_on%5D%5B%5D={id}")).collect();
        let form = format!("id={web}&form_token=form-token&{rest}{ticked}");
        let answer = post_as(some(), Some(Role::Developer), "/rpc/change_service", &form, "application/json").await;
        // The fake says what it was asked for.
        assert!(answer.text.contains(&expected.replace('"', "\\\"")), "{} isn't in {}", expected, answer.text);
    }
}
