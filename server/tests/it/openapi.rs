//! The document: held by a snapshot, open to those who are signed in, readable for people.

use std::collections::HashSet;

use serde_json::Value;
use server::openapi;

use crate::app::TestApp;

pub const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Every operation: method, path, and what the document says of it.
pub fn operations() -> Vec<(String, String, Value)> {
    let document: Value = serde_json::from_str(&openapi::pretty()).unwrap();
    let paths = document["paths"].as_object().unwrap().clone();
    let of_path = |(path, item): (String, Value)| {
        METHODS
            .into_iter()
            .filter_map(move |method| Some((method.to_uppercase(), path.clone(), item.get(method)?.clone())))
            .collect::<Vec<_>>()
    };
    paths.into_iter().flat_map(of_path).collect()
}

#[test]
fn the_document_is_as_it_was_agreed() {
    insta::with_settings!({ prepend_module_to_snapshot => false }, { insta::assert_snapshot!("openapi", openapi::pretty()) });
}

#[test]
fn every_operation_has_a_name_of_its_own_a_summary_a_permission_and_a_group() {
    let document: Value = serde_json::from_str(&openapi::pretty()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let tags: HashSet<_> = document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].clone()).collect();
    let mut names = HashSet::new();
    for (method, path, operation) in operations() {
        assert!(names.insert(operation["operationId"].to_string()), "{method} {path}: the name is taken");
        assert!(operation["summary"].as_str().is_some_and(|summary| summary.ends_with('.')), "{method} {path}");
        assert!(tags.contains(&operation["tags"][0]), "{method} {path}: the group is not described");
        let permission = operation["x-permission"].as_str().unwrap_or_default();
        let is_known = permission == "public" || api::Permission::ALL.iter().any(|one| one.as_str() == permission);
        assert!(is_known, "{method} {path}: '{permission}' is no permission");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let text = openapi::pretty();
    let document: Value = serde_json::from_str(&text).unwrap();
    for reference in text.split("\"$ref\": \"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_and_its_page_need_sign_in() {
    let app = TestApp::start().await;
    app.nobody().get("/api/openapi.json").await.fails_with(401, "not_signed_in");
    app.nobody().get("/api/docs").await.fails_with(401, "not_signed_in");
    let viewer = app.sign_in("viewer").await;
    let document = viewer.get("/api/openapi.json").await.json();
    assert_eq!(document, serde_json::from_str::<Value>(&openapi::pretty()).unwrap());
    let page = viewer.get("/api/docs").await.text();
    for (_, path, operation) in operations() {
        assert!(page.contains(&path) && page.contains(operation["summary"].as_str().unwrap().split('`').next().unwrap()), "{path}");
    }
    assert!(!page.contains("<script"), "the page has to work without scripts");
}
